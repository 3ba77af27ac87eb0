"""Two processors of the tests' own: one passes events on by street, one counts each street's.

The input is that of ``tests.kit.reminders`` with ``data.street``, keyed by ticket. So is the
output: its partition is neither that of the street, nor that of the task that wrote it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from policy.bundle import Policy
from runtime.processor import Decision, Effect, Processor, Record
from schemas.envelope import Envelope
from schemas.ids import effect_id
from schemas.topics import Topic, repartition
from tests.kit.reminders import Input, read_input

STREETS_IN: Final = Topic("test.streets.in", key="ticket", doc="Events that name a street.")
BY_STREET: Final = repartition("streets", "street")
STREETS_OUT: Final = Topic("test.streets.out", key="ticket", doc="One fact per event.")


@dataclass(frozen=True, slots=True)
class Street:
    """State of a street: how many events."""

    events: int = 0
    wake_at: datetime | None = None


class Counted(Envelope):
    """An event and which it was of its street."""

    type: Literal["test.street.counted.v1"]
    data: dict[str, Any]


class Passing(msgspec.Struct, frozen=True):
    """An event and its bytes, to pass them on."""

    event: Input
    original: bytes


class Streets(Processor[Street, Passing]):
    """Passes on by street what it reads by ticket; keeps nothing."""

    name = "streets"
    inputs = (STREETS_IN,)
    outputs = (BY_STREET,)
    state_type = Street

    def decode(self, record: Record) -> Passing:
        return Passing(read_input(record), record.value or b"")

    def recorded_at(self, event: Passing, record: Record) -> datetime:
        return event.event.recordedtime

    def subject(self, event: Passing) -> str:
        return event.event.subject

    def keys(self, event: Passing, policy: Policy) -> tuple[str, ...]:
        return (event.event.subject,)

    def decide(
        self, states: Mapping[str, Street | None], event: Passing, now: datetime, policy: Policy
    ) -> Decision[Street]:
        return Decision(
            effects=(Effect(BY_STREET, event.event.data["street"], event.original),),
        )


class Counts(Processor[Street, Input]):
    """Counts the events of each street."""

    name = "counts"
    inputs = (BY_STREET,)
    outputs = (STREETS_OUT,)
    state_type = Street

    def decode(self, record: Record) -> Input:
        return read_input(record)

    def recorded_at(self, event: Input, record: Record) -> datetime:
        return event.recordedtime

    def subject(self, event: Input) -> str:
        return event.subject

    def keys(self, event: Input, policy: Policy) -> tuple[str, ...]:
        return (event.data["street"],)

    def decide(
        self, states: Mapping[str, Street | None], event: Input, now: datetime, policy: Policy
    ) -> Decision[Street]:
        street = event.data["street"]
        state = Street((states[street] or Street()).events + 1)
        kind: Final = "test.street.counted.v1"
        fact = Counted(
            id=effect_id(service=self.name, state_key=street, fact_type=kind, cause=event.id),
            source="hotline/counts",
            type=kind,
            time=now,
            subject=event.subject,
            causationid=event.id,
            recordedtime=now,
            data={"street": street, "number": state.events},
        )
        return Decision({street: state}, (Effect(STREETS_OUT, event.subject, fact),))
