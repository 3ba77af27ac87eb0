"""What the citizen is told of a ticket after its receipt (R2, R4, R9)."""

from collections.abc import Collection

from msgspec import Struct

from runtime.processor import Effect, Note
from services.sla.facts import Occasion
from services.sla.state import State
from services.sla.told import Told


class Outcome(Struct, frozen=True):
    """What is told now."""

    told: Told
    effects: tuple[Effect, ...] = ()
    notes: tuple[Note, ...] = ()


def after(before: State, after: State, occasion: Occasion, breached: Collection[str]) -> Outcome:
    """The notices of an event or a timer.

    Args:
        before: the ticket's state before it.
        after: the same after it, its clocks as they are stated now; ``told`` is not set yet.
        breached: ids of the clocks of which a breach is stated on this occasion (``interim:3``).
    """
    return Outcome(before.told)
