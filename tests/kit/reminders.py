"""A processor of the tests' own: an alarm per ticket, to try time, herds, quarantine and order.

Its input is any topic of envelopes with ``subject`` and ``recordedtime``. ``data.wait_s`` sets an
alarm that many seconds after the record, ``data.cancel`` takes it back, ``data.boom`` makes the
rule raise, ``data.boom_at_wake`` the timer, ``data.pad`` grows the state by that many bytes.
``data.urgency`` (``data.rank`` behind intake, where that word is taken) orders what is overdue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from policy.bundle import Policy
from runtime.processor import Decision, Effect, Processor, Record, Unreadable
from schemas.envelope import Envelope
from schemas.ids import effect_id
from schemas.topics import Topic

ALARMS_IN = Topic("test.alarms.in", key="ticket", doc="Input of the tests' processor.")
ALARMS_OUT = Topic("test.alarms.out", key="ticket", doc="What it says.")


@dataclass(frozen=True, slots=True)
class Alarm:
    """State of a ticket: how many events, the digest of their ids in order, the alarm."""

    seen: int = 0
    last: str = ""
    wake_at: datetime | None = None
    urgency: int = 0
    pad: str = ""
    boom_at_wake: bool = False


class Told(Envelope):
    """One output per input, and one per alarm."""

    type: Literal["test.alarm.seen.v1", "test.alarm.rang.v1"]
    data: dict[str, Any]


class Input(msgspec.Struct, frozen=True):
    """What an input record holds."""

    id: str
    subject: str
    recordedtime: datetime
    data: dict[str, Any]


_inputs = msgspec.json.Decoder(Input)


def read_input(record: Record) -> Input:
    """``decode`` of the tests' processors."""
    if record.value is None:
        raise Unreadable("no_value", "value is null")
    try:
        return _inputs.decode(record.value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as bad:
        raise Unreadable("invalid", str(bad)) from bad


class Reminders(Processor[Alarm, Input]):
    name = "reminders"
    inputs = (ALARMS_IN,)
    outputs = (ALARMS_OUT,)
    state_type = Alarm

    def __init__(self, *, fixed: bool = False, source: Topic = ALARMS_IN) -> None:
        """Args:
        fixed: whether the rule and the timer no longer raise.
        source: the input; ``hotline.tickets`` behind real intake.
        """
        self.fixed = fixed
        self.inputs = (source,)  # type: ignore[misc]

    def decode(self, record: Record) -> Input:
        return read_input(record)

    def recorded_at(self, event: Input, record: Record) -> datetime:
        return event.recordedtime

    def subject(self, event: Input) -> str:
        return event.subject

    def keys(self, event: Input, policy: Policy) -> tuple[str, ...]:
        return (event.subject,)

    def decide(
        self,
        states: Mapping[str, Alarm | None],
        event: Input,
        now: datetime,
        policy: Policy,
    ) -> Decision[Alarm]:
        if event.data.get("boom") and not self.fixed:
            raise ZeroDivisionError("the rule of the test raises")
        before = states[event.subject] or Alarm()
        wake_at = before.wake_at
        if "wait_s" in event.data:
            wake_at = now + timedelta(seconds=event.data["wait_s"])
        if event.data.get("cancel"):
            wake_at = None
        state = replace(
            before,
            seen=before.seen + 1,
            last=event.id,
            wake_at=wake_at,
            urgency=event.data.get("rank", event.data.get("urgency", before.urgency)),
            pad=before.pad + "x" * event.data.get("pad", 0),
            boom_at_wake=event.data.get("boom_at_wake", before.boom_at_wake),
        )
        told = self._told("test.alarm.seen.v1", event.subject, event.id, now, seen=state.seen)
        return Decision({event.subject: state}, (Effect(ALARMS_OUT, event.subject, told),))

    def wake(self, key: str, state: Alarm, due: datetime, policy: Policy) -> Decision[Alarm]:
        if state.boom_at_wake and not self.fixed:
            raise ZeroDivisionError("the timer of the test raises")
        told = self._told("test.alarm.rang.v1", key, due.isoformat(), due, seen=state.seen)
        return Decision({key: replace(state, wake_at=None)}, (Effect(ALARMS_OUT, key, told),))

    def _told(self, kind: str, key: str, cause: str, now: datetime, **data: Any) -> Told:
        return Told(
            id=effect_id(service=self.name, state_key=key, fact_type=kind, cause=cause),
            source="hotline/reminders",
            type=kind,
            time=now,
            subject=key,
            causationid=cause,
            recordedtime=now,
            data=data,
        )
