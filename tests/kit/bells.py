"""A processor of the tests' own with two inputs: alarms and their cancels, each on its topic.

The records of both topics meet in any order. So the rule goes by what is recorded, not by what came
first: a cancel takes back the alarms of its ticket that were set before it and not due before it;
one that has rung already is withdrawn.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from policy.bundle import Policy
from runtime.processor import Decision, Effect, Processor, Record
from schemas.envelope import Envelope
from schemas.ids import effect_id
from schemas.topics import Topic
from tests.kit.reminders import Input, read_input

BELLS_SET: Final = Topic("test.bells.set", key="ticket", doc="``data.wait_s`` sets an alarm.")
BELLS_CANCEL: Final = Topic("test.bells.cancel", key="ticket", doc="Each takes back the alarms.")
BELLS_OUT: Final = Topic("test.bells.out", key="ticket", doc="What rang, and what is withdrawn.")

Kind = Literal["test.bell.rang.v1", "test.bell.withdrawn.v1"]


@dataclass(frozen=True, slots=True, order=True)
class Bell:
    """An alarm."""

    id: str
    set_at: datetime
    due_at: datetime
    rang: bool = False

    def cancelled(self, cancels: Iterable[datetime]) -> bool:
        """Whether one of them takes it back."""
        return any(self.set_at < at <= self.due_at for at in cancels)


@dataclass(frozen=True, slots=True)
class Tower:
    """State of a ticket: all its alarms and cancels, sorted."""

    bells: tuple[Bell, ...] = ()
    cancels: tuple[datetime, ...] = ()

    @property
    def wake_at(self) -> datetime | None:
        return min(
            (
                bell.due_at
                for bell in self.bells
                if not bell.rang and not bell.cancelled(self.cancels)
            ),
            default=None,
        )


class BellFact(Envelope):
    """What an alarm did."""

    type: Kind
    data: dict[str, Any]


class Bells(Processor[Tower, Input]):
    name = "bells"
    inputs = (BELLS_SET, BELLS_CANCEL)
    outputs = (BELLS_OUT,)
    state_type = Tower

    def decode(self, record: Record) -> Input:
        return read_input(record)

    def recorded_at(self, event: Input, record: Record) -> datetime:
        return event.recordedtime

    def subject(self, event: Input) -> str:
        return event.subject

    def keys(self, event: Input, policy: Policy) -> tuple[str, ...]:
        return (event.subject,)

    def decide(
        self, states: Mapping[str, Tower | None], event: Input, now: datetime, policy: Policy
    ) -> Decision[Tower]:
        tower = states[event.subject] or Tower()
        if event.data.get("cancel"):
            tower = replace(tower, cancels=tuple(sorted((*tower.cancels, now))))
        else:
            due_at = now + timedelta(seconds=event.data["wait_s"])
            tower = replace(tower, bells=tuple(sorted((*tower.bells, Bell(event.id, now, due_at)))))
        wrong = [bell for bell in tower.bells if bell.rang and bell.cancelled(tower.cancels)]
        bells = tuple(replace(bell, rang=bell.rang and bell not in wrong) for bell in tower.bells)
        told = [
            self._told("test.bell.withdrawn.v1", event.subject, bell, now, event.id)
            for bell in wrong
        ]
        return Decision({event.subject: replace(tower, bells=bells)}, told)

    def wake(self, key: str, state: Tower, due: datetime, policy: Policy) -> Decision[Tower]:
        ringing = [
            bell
            for bell in state.bells
            if bell.due_at <= due and not bell.rang and not bell.cancelled(state.cancels)
        ]
        bells = tuple(replace(bell, rang=True) if bell in ringing else bell for bell in state.bells)
        told = [self._told("test.bell.rang.v1", key, bell, due, bell.id) for bell in ringing]
        return Decision({key: replace(state, bells=bells)}, told)

    def _told(self, kind: Kind, ticket: str, bell: Bell, now: datetime, cause: str) -> Effect:
        fact = BellFact(
            id=effect_id(
                service=self.name, state_key=f"{ticket}/{bell.id}", fact_type=kind, cause=cause
            ),
            source="hotline/bells",
            type=kind,
            time=now,
            subject=ticket,
            causationid=cause,
            recordedtime=now,
            data={"bell": bell.id},
        )
        return Effect(BELLS_OUT, ticket, fact)


def still_rung(facts: Iterable[Mapping[str, Any]]) -> set[str]:
    """The alarms that rang and were not withdrawn: the facts that hold, of those said in order."""
    rung: set[str] = set()
    for fact in facts:
        bell = fact["data"]["bell"]
        if fact["type"] == "test.bell.rang.v1":
            assert bell not in rung, f"{bell} rang twice"
            rung.add(bell)
        else:
            rung.remove(bell)
    return rung
