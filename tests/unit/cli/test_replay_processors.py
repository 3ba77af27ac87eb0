"""What a replay's services command stays on its topic: history has taken its course."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cli.replaying.processors import READERS, OneWay, PastCallback, PastSla
from policy.bundle import Policy, load
from runtime.processor import Decision, Effect, Processor
from schemas.topics import COMMANDS, INBOX, SERVICES, SLA
from services.callback.domain import Callback
from services.sla.domain import Sla

NOW = datetime(2026, 10, 12, tzinfo=UTC)
POLICY = load("cn-12345").at(NOW)
SAID: Decision[Any] = Decision(
    states={"T1": None},
    effects=(Effect(SLA, "c:1", b"1"), Effect(COMMANDS, "T1", b"2"), Effect(INBOX, "T1", b"2")),
    notes=(("sla_undetermined", ("cn",)),),
)


class Commanding(Processor[Any, Any]):
    """Says the same whatever happens."""

    def decide(
        self, states: Mapping[str, Any], event: Any, now: datetime, policy: Policy
    ) -> Decision[Any]:
        return SAID

    def wake(self, key: str, state: Any, due: datetime, policy: Policy) -> Decision[Any]:
        return SAID


class Past(OneWay, Commanding):
    """The same of history."""


def test_R34_nothing_goes_back_into_the_inbox() -> None:
    for decision in (Past().decide({}, None, NOW, POLICY), Past().wake("T1", None, NOW, POLICY)):
        assert [effect.topic for effect in decision.effects] == [SLA, COMMANDS]
        assert (decision.states, decision.notes) == (SAID.states, SAID.notes)


def test_a_replay_runs_every_service_that_reads_the_log() -> None:
    assert [make.name for make in READERS] == list(SERVICES[1:])
    assert issubclass(PastSla, Sla)
    assert issubclass(PastCallback, Callback)
