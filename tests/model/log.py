"""Writes what ``hotline.tickets`` holds, and runs the repeat processor over it, without a broker.

Times may be local: ``at("2026-01-31 23:59")`` is in the policy's zone.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import orjson
from pydantic import Field, TypeAdapter

from policy.bundle import Policy, load
from runtime.driver import to_bytes
from runtime.processor import Record
from schemas.envelope import Envelope
from schemas.events import (
    CallbackAnswered,
    Event,
    ReplySubmitted,
    TicketAmended,
    TicketClosed,
    TicketDispatched,
    TicketImported,
    TicketNotAccepted,
    TicketReceived,
    TicketReopened,
    TicketWithdrawn,
    VerdictMarked,
)
from schemas.facts.repeats import RepeatFact
from services.dedup.domain import Dedup, Handed
from services.dedup.handover import HANDOVER
from services.dedup.state import Chain

CN = load("cn-12345").versions[0].policy
TZ = ZoneInfo("Asia/Shanghai")
LAMPS = "city.facilities.street_light"
HOLES = "city.facilities.manhole"

E = TypeVar("E", bound=Envelope)


def at(local: str) -> datetime:
    """An instant by the clock on the wall, ``YYYY-MM-DD[ HH:MM]``."""
    return datetime.fromisoformat(local).replace(tzinfo=TZ)


class Log:
    """Makes events as intake writes them: identity, sequence per ticket, leaf, recorded time."""

    def __init__(self, citizen: str = "c:1") -> None:
        self.citizen = citizen
        self._sequence: dict[str, int] = {}
        self._leaf: dict[str, str | None] = {}
        self._citizen: dict[str, str] = {}

    def event(
        self, model: type[E], ticket: str, time: datetime, data: Mapping[str, Any], **extra: Any
    ) -> E:
        sequence = self._sequence[ticket] = self._sequence.get(ticket, 0) + 1
        return model.model_validate(
            {
                "id": f"{ticket}-{sequence}",
                "source": "platform",
                "time": time,
                "subject": ticket,
                "citizen": self._citizen.setdefault(ticket, self.citizen),
                "sequence": sequence,
                "recordedtime": time,
                "leaf": self._leaf.get(ticket),
                **extra,
                "data": data,
            }
        )

    def received(
        self,
        ticket: str,
        time: datetime,
        leaf: str | None = LAMPS,
        *,
        recorded: datetime | None = None,
        citizen: str | None = None,
        **data: Any,
    ) -> TicketReceived:
        self._leaf[ticket] = leaf
        self._citizen[ticket] = citizen or self.citizen
        content = {"request_type": "complaint", "leaf": leaf, **data}
        return self.event(TicketReceived, ticket, time, content, recordedtime=recorded or time)

    def imported(
        self, ticket: str, time: datetime, leaf: str | None = LAMPS, **data: Any
    ) -> TicketImported:
        self._leaf[ticket] = leaf
        content = {"request_type": "complaint", "leaf": leaf, **data}
        return self.event(TicketImported, ticket, time, content)

    def amended(self, ticket: str, time: datetime, **changes: Any) -> TicketAmended:
        before = self._leaf.get(ticket)
        leaf = self._leaf[ticket] = changes.get("leaf", before)
        previous = before if leaf != before else None
        return self.event(TicketAmended, ticket, time, {"changes": changes}, previousleaf=previous)

    def withdrawn(self, ticket: str, time: datetime) -> TicketWithdrawn:
        return self.event(TicketWithdrawn, ticket, time, {})

    def not_accepted(self, ticket: str, time: datetime) -> TicketNotAccepted:
        return self.event(TicketNotAccepted, ticket, time, {})

    def reopened(self, ticket: str, time: datetime) -> TicketReopened:
        return self.event(TicketReopened, ticket, time, {})

    def marked(self, ticket: str, time: datetime, mark: str, **data: Any) -> VerdictMarked:
        return self.event(VerdictMarked, ticket, time, {"mark": mark, **data})

    def dispatched(self, ticket: str, time: datetime, **data: Any) -> TicketDispatched:
        return self.event(TicketDispatched, ticket, time, data)

    def replied(self, ticket: str, time: datetime, **data: Any) -> ReplySubmitted:
        return self.event(ReplySubmitted, ticket, time, data)

    def closed(self, ticket: str, time: datetime) -> TicketClosed:
        return self.event(TicketClosed, ticket, time, {})

    def called_back(self, ticket: str, time: datetime, **data: Any) -> CallbackAnswered:
        return self.event(CallbackAnswered, ticket, time, data)


def recorded(event: E, when: datetime) -> E:
    """The same event, appended to the inbox at another instant."""
    return event.model_copy(update={"recordedtime": when})


FACTS: TypeAdapter[RepeatFact] = TypeAdapter(Annotated[RepeatFact, Field(discriminator="type")])


def read_fact(line: bytes) -> RepeatFact:
    """The fact in a record; what was written is what its published model says, field by field."""
    fact = FACTS.validate_json(line)
    assert_within(orjson.loads(line), orjson.loads(to_bytes(fact)))
    return fact


def assert_within(written: Any, modelled: Any) -> None:
    """Every field that was written is in the model, with the same value."""
    if isinstance(written, dict):
        for name, value in written.items():
            assert name in modelled, f"{name} is not in the published model"
            assert_within(value, modelled[name])
    elif isinstance(written, list):
        assert len(written) == len(modelled)
        for one, other in zip(written, modelled, strict=True):
            assert_within(one, other)
    else:
        assert written == modelled


class Machine:
    """The processor with its states, as the runtime keeps them: encoded between any two events."""

    def __init__(self, policy: Policy = CN, *, eager: bool = True) -> None:
        """
        Args:
            eager: whether what is handed over arrives before the next event; else at ``settle``.
        """
        self.policy = policy
        self.processor = Dedup()
        self.eager = eager
        self.states: dict[str, bytes] = {}
        """By citizen and leaf."""
        self.indexes: dict[str, bytes] = {}
        """By citizen."""
        self.facts: list[RepeatFact] = []
        self.on_the_way: deque[tuple[str, bytes]] = deque()

    def feed(self, events: Iterable[Event]) -> list[RepeatFact]:
        """Events in the order of the log; the facts that they led to."""
        start = len(self.facts)
        for event in events:
            assert event.recordedtime is not None
            self._take(event, event.recordedtime, event.citizen or "")
            if self.eager:
                self.settle()
        return self.facts[start:]

    def settle(self, messages: int | None = None) -> None:
        """Lets what is handed over arrive: all of it, or so many messages."""
        while self.on_the_way and messages != 0:
            key, value = self.on_the_way.popleft()
            handed = self.processor.decode(Record(HANDOVER, 0, 0, key.encode(), value, 0))
            at = handed.event.recordedtime if isinstance(handed, Handed) else None
            assert at is not None
            self._take(handed, at, key)
            messages = None if messages is None else messages - 1

    def _take(self, event: Event | Handed, now: datetime, citizen: str) -> None:
        self.wake(now)
        keys = self.processor.keys(event, self.policy)
        if not keys:
            return
        states = {key: self._state(key) for key in keys}
        decision = self.processor.decide(states, event, now, self.policy)
        assert set(decision.states) <= set(keys)
        self._put(decision.states)
        for effect in decision.effects:
            assert isinstance(effect.value, bytes)
            if effect.topic is HANDOVER:
                self.on_the_way.append((effect.key, effect.value))
                continue
            assert effect.key == citizen
            self.facts.append(read_fact(effect.value))

    def wake(self, now: datetime) -> None:
        """Fires what is due before ``now``, the earliest first."""
        while True:
            due = [
                (state.wake_at, key)
                for key in (*self.states, *self.indexes)
                if (state := self._state(key)) and state.wake_at and state.wake_at < now
            ]
            if not due:
                return
            when, key = min(due)
            state = self._state(key)
            assert state is not None
            decision = self.processor.wake(key, state, when, self.policy)
            after = decision.states.get(key)
            assert after is None or (after.wake_at is not None and after.wake_at > when)
            assert not decision.effects
            self._put(decision.states)

    def _of(self, key: str) -> dict[str, bytes]:
        return self.states if "|" in key else self.indexes

    def _state(self, key: str) -> Chain | None:
        raw = self._of(key).get(key)
        return None if raw is None else msgspec.json.decode(raw, type=Chain)

    def _put(self, states: Mapping[str, Chain | None]) -> None:
        for key, state in states.items():
            if state is None:
                self._of(key).pop(key, None)
            else:
                self._of(key)[key] = msgspec.json.encode(state)

    def chain(self, key: str) -> Chain:
        state = self._state(key)
        assert state is not None, f"no state under {key}; there are {sorted(self.states)}"
        return state

    def last(self) -> dict[str, RepeatFact]:
        """The last fact of each ticket."""
        return {fact.subject: fact for fact in self.facts}


def days(count: float) -> timedelta:
    return timedelta(days=count)
