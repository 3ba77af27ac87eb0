"""The processors of a replay: those of the workers, but what they command stays on its topic.

History has taken its course: what a platform made of a command (``ticket.reopened``) stands in it,
and so may the commands of that time. A second one through the inbox would come after events that
followed on the first, in the order in which a replay happens to read.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from policy.bundle import Policy
from runtime.core import AnyProcessor
from runtime.processor import Decision, Processor
from schemas.topics import INBOX
from services.callback.domain import Callback
from services.dedup.domain import Dedup
from services.intake.app import processor as intake
from services.intake.settings import IntakeSettings
from services.sla.domain import Sla


class OneWay(Processor[Any, Any]):
    """Puts nothing back into the inbox."""

    def decide(
        self, states: Mapping[str, Any], event: Any, now: datetime, policy: Policy
    ) -> Decision[Any]:
        return _onward(super().decide(states, event, now, policy))

    def wake(self, key: str, state: Any, due: datetime, policy: Policy) -> Decision[Any]:
        return _onward(super().wake(key, state, due, policy))


class PastSla(OneWay, Sla):
    """Clocks of tickets whose history is known."""


class PastCallback(OneWay, Callback):
    """Callback tasks of tickets whose history is known."""


READERS: Final[tuple[type[AnyProcessor], ...]] = (Dedup, PastSla, PastCallback)
"""Of the log."""


def processors(settings: IntakeSettings) -> Sequence[AnyProcessor]:
    """New ones, in the order in which a record passes them."""
    return intake(settings), *(make() for make in READERS)


def _onward(decision: Decision[Any]) -> Decision[Any]:
    if not any(effect.topic is INBOX for effect in decision.effects):
        return decision
    kept = tuple(effect for effect in decision.effects if effect.topic is not INBOX)
    return replace(decision, effects=kept)
