"""A processor of the tests' own whose states name the version they were reckoned under.

Its input is as that of ``Reminders``: ``data.wait_s`` sets a deadline that many seconds after the
record, ``data.urgency`` orders what is overdue, ``data.done`` says that no version matters any
more, ``data.stubborn`` that the timer forgets to name the version it was given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from policy.bundle import Bundle, Policy, Version, load
from runtime.processor import Decision, Effect, Processor, Record
from schemas.envelope import Envelope
from schemas.ids import effect_id
from schemas.topics import Topic
from tests.kit.reminders import Input, read_input

TERMS_IN = Topic("test.terms.in", key="ticket", doc="Input of the tests' processor.")
TERMS_OUT = Topic("test.terms.out", key="ticket", doc="What it says.")
NO_TIME = timedelta(0)


@cache
def _shipped() -> Policy:
    return load("cn-12345").versions[0].policy


def bundle_of(*versions: tuple[str, datetime], over: timedelta = NO_TIME) -> Bundle:
    """A bundle of these versions (name and start), which decide as the first that ships."""
    made = tuple(
        Version(name, start, "test", replace(_shipped(), version=name)) for name, start in versions
    )
    return Bundle("test", "test", "", made, over, tuple(each.effective_from for each in made))


@dataclass(frozen=True, slots=True)
class Term:
    """State of a ticket."""

    policy: str | None
    seen: int = 0
    wake_at: datetime | None = None
    urgency: int = 0
    stubborn: bool = False


class Reckoned(Envelope):
    """One per input, per deadline, and per version."""

    type: Literal["test.term.seen.v1", "test.term.due.v1", "test.term.restated.v1"]
    data: dict[str, Any]


class Assessor(Processor[Term, Input]):
    name = "assessor"
    inputs = (TERMS_IN,)
    outputs = (TERMS_OUT,)
    state_type = Term

    def decode(self, record: Record) -> Input:
        return read_input(record)

    def recorded_at(self, event: Input, record: Record) -> datetime:
        return event.recordedtime

    def subject(self, event: Input) -> str:
        return event.subject

    def keys(self, event: Input, policy: Policy) -> tuple[str, ...]:
        return (event.subject,)

    def decide(
        self, states: Mapping[str, Term | None], event: Input, now: datetime, policy: Policy
    ) -> Decision[Term]:
        before, data = states[event.subject] or Term(None), event.data
        wait_s = data.get("wait_s")
        state = Term(
            None if data.get("done") else policy.version,
            before.seen + 1,
            before.wake_at if wait_s is None else now + timedelta(seconds=wait_s),
            data.get("urgency", before.urgency),
            data.get("stubborn", before.stubborn),
        )
        return Decision(
            {event.subject: state}, self._told("seen", event.subject, event.id, now, policy)
        )

    def wake(self, key: str, state: Term, due: datetime, policy: Policy) -> Decision[Term]:
        effects: list[Effect] = []
        if state.policy not in (None, policy.version):
            effects += self._told("restated", key, f"timer {due.isoformat()}", due, policy)
            state = state if state.stubborn else replace(state, policy=policy.version)
        if state.wake_at is not None and state.wake_at <= due:
            effects += self._told("due", key, f"timer {due.isoformat()}", due, policy)
            state = replace(state, wake_at=None)
        return Decision({key: state}, effects)

    def _told(
        self, kind: str, key: str, cause: str, now: datetime, policy: Policy
    ) -> Sequence[Effect]:
        type_ = f"test.term.{kind}.v1"
        fact = Reckoned(
            id=effect_id(service=self.name, state_key=key, fact_type=type_, cause=cause),
            source="hotline/assessor",
            type=type_,
            time=now,
            subject=key,
            causationid=cause,
            recordedtime=now,
            data={"version": policy.version},
        )
        return (Effect(TERMS_OUT, key, fact),)
