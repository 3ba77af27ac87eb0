"""The callback processor without a broker, and the rules of R33 again in the plainest Python."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import orjson
from pydantic import Field, TypeAdapter

from policy.bundle import Policy
from runtime.processor import Note
from schemas.envelope import Envelope
from schemas.events import Event, parse_event
from schemas.events.commands import CommandReopen
from schemas.facts.callbacks import (
    CallbackData,
    CallbackTaskAnswered,
    CallbackTaskAttempted,
    CallbackTaskCancelled,
    CallbackTaskDue,
    CallbackTaskRecheck,
    CallbackTaskRescheduled,
    CallbackTaskScheduled,
    CallbackTaskUncontacted,
    CallbackTaskWaived,
)
from schemas.topics import CALLBACKS, COMMANDS, INBOX
from services.callback.domain import Callback
from services.callback.state import Kept
from tests.model.log import CN, assert_within

CallbackFact = (
    CallbackTaskScheduled
    | CallbackTaskDue
    | CallbackTaskAttempted
    | CallbackTaskRescheduled
    | CallbackTaskCancelled
    | CallbackTaskAnswered
    | CallbackTaskUncontacted
    | CallbackTaskRecheck
    | CallbackTaskWaived
)
FACTS: TypeAdapter[CallbackFact] = TypeAdapter(Annotated[CallbackFact, Field(discriminator="type")])
ENDS = frozenset({"cancelled", "answered", "uncontacted", "waived"})


def read_fact(line: bytes) -> CallbackFact:
    """The fact in a record; what was written is what its published model says, field by field."""
    fact = FACTS.validate_json(line)
    written = orjson.loads(line)
    assert_within(_in_utc(written), _in_utc(fact.model_dump(mode="json", exclude_none=True)))
    return fact


def _in_utc(value: Any) -> Any:
    """Instants written with one offset or another are the same."""
    if isinstance(value, dict):
        return {name: _in_utc(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_in_utc(each) for each in value]
    if isinstance(value, str) and len(value) >= 20 and value[10] == "T":
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    return value


def what(fact: CallbackFact) -> str:
    """``scheduled`` …"""
    return fact.type.split(".")[2]


class Machine:
    """The processor with its states, as the runtime keeps them: encoded between any two events."""

    def __init__(self, policy: Policy = CN) -> None:
        self.policy = policy
        self.processor = Callback()
        self.states: dict[str, bytes] = {}
        self.wakes: dict[str, datetime] = {}
        self.facts: list[CallbackFact] = []
        self.commands: list[CommandReopen] = []
        self.written: list[bytes] = []
        self.notes: list[Note] = []

    def feed(self, *events: Event) -> list[CallbackFact]:
        """Events in the order of the log; the facts that they and the time between led to."""
        start = len(self.facts)
        for event in events:
            assert event.recordedtime is not None
            now = event.recordedtime.astimezone(UTC)
            self.wake(now)
            keys = self.processor.keys(event, self.policy)
            if keys:
                states = {key: self.state(key) for key in keys}
                decision = self.processor.decide(states, event, now, self.policy)
                self._take(decision, keys)
        return self.facts[start:]

    def wake(self, now: datetime) -> list[CallbackFact]:
        """Fires what is due before ``now``, the earliest first."""
        start = len(self.facts)
        while True:
            due = [(when, key) for key, when in self.wakes.items() if when < now]
            if not due:
                return self.facts[start:]
            when, key = min(due)
            state = self.state(key)
            assert state is not None
            decision = self.processor.wake(key, state, when, self.policy)
            after = decision.states.get(key)
            assert after is None or (after.wake_at is not None and after.wake_at > when), key
            self._take(decision, (key,))

    def state(self, key: str) -> Kept | None:
        raw = self.states.get(key)
        return None if raw is None else msgspec.json.decode(raw, type=Kept)

    def _take(self, decision: Any, keys: Sequence[str]) -> None:
        assert set(decision.states) <= set(keys)
        for key, state in decision.states.items():
            self.wakes.pop(key, None)
            if state is not None and state.wake_at is not None:
                self.wakes[key] = state.wake_at
            if state is None:
                self.states.pop(key, None)
            else:
                self.states[key] = msgspec.json.encode(state)
        self.notes.extend(decision.notes)
        asked: list[str] = []
        to_inbox: list[str] = []
        for effect in decision.effects:
            assert isinstance(effect.value, bytes)
            self.written.append(effect.value)
            if effect.topic is CALLBACKS:
                fact = read_fact(effect.value)
                assert effect.key == fact.citizen
                self.facts.append(fact)
                continue
            command = parse_event(effect.value)
            assert isinstance(command, CommandReopen)
            assert effect.key == command.subject
            if effect.topic is INBOX:
                to_inbox.append(command.id)
            else:
                assert effect.topic is COMMANDS
                self.commands.append(command)
                asked.append(command.id)
        assert asked == to_inbox, "what a platform is asked stands in the log, too"

    def last(self) -> dict[str, CallbackFact]:
        """The last fact of each task."""
        return {fact.data.task: fact for fact in self.facts}

    def live(self) -> dict[str, CallbackFact]:
        """Tasks that are not at their end, by ticket; there is one of a ticket at most (I8)."""
        found: dict[str, CallbackFact] = {}
        for fact in self.last().values():
            if what(fact) not in ENDS:
                assert fact.subject not in found, f"two live tasks of {fact.subject}"
                found[fact.subject] = fact
        return found


def assert_I8(facts: Iterable[CallbackFact], policy: Policy) -> None:
    """At most one open per ticket; tries within bounds; gaps and quiet hours kept; nothing after a
    cancel; revisions without a hole; ids of their own."""
    callback = policy.callback
    open_: dict[str, str] = {}
    revisions: dict[str, int] = {}
    last_ids: dict[str, str] = {}
    last_try: dict[str, datetime] = {}
    cancelled: set[str] = set()
    tried: set[str] = set()
    """Tasks of whose present check a try was stated."""
    ids: set[str] = set()
    for fact in facts:
        data, kind = fact.data, what(fact)
        assert fact.id not in ids, "one id, two facts"
        ids.add(fact.id)
        assert data.revision == revisions.get(data.task, 0) + 1
        assert data.replaces == last_ids.get(data.task)
        revisions[data.task], last_ids[data.task] = data.revision, fact.id
        assert data.task not in cancelled, f"{kind} after the cancel"
        if kind == "cancelled":
            cancelled.add(data.task)
        if kind in ("scheduled", "recheck"):
            tried.discard(data.task)
            assert fact.subject not in open_, "a second open task"
            open_[fact.subject] = data.task
        elif kind in ENDS and open_.get(fact.subject) == data.task:
            del open_[fact.subject]
        if kind in ("due", "attempted", "rescheduled"):
            assert open_.get(fact.subject) == data.task, f"{kind} of a task that is not open"
        if kind == "attempted":
            assert data.tried_at is not None
            last_try[data.task] = data.tried_at
            tried.add(data.task)
            assert data.attempt <= callback.attempts + len(callback.then) + 1
        if kind == "uncontacted":
            assert data.reason == ("every_way_tried" if data.task in tried else "nobody_tried")
        if data.due_at is not None:
            assert_allowed(data, policy)
        if kind == "due":
            assert data.due_at is not None
            assert data.due_at >= data.closed_at + callback.after or data.check > 1
            if data.task in last_try:
                assert data.due_at - last_try[data.task] >= callback.gap
            assert fact.time >= data.due_at, "before its time"
        assert data.reason_en
        assert data.reason_zh
        assert "{" not in data.reason_en + data.reason_zh


def assert_allowed(data: CallbackData, policy: Policy) -> None:
    """Within the hours in which a citizen may be called (quiet hours)."""
    assert data.due_at is not None
    assert policy.callback.hours.is_working(data.due_at)
    assert policy.callback.slot_at(data.due_at) == data.slot
    assert data.until is None or data.until > data.due_at


# --- The reference: which close is asked about, from the whole history at once -----------------


@dataclass(frozen=True)
class Close:
    """A close, and whether it is the one that the live or last task belongs to."""

    at: datetime
    identity: str


def standing(events: Iterable[Envelope], now: datetime) -> Close | None:
    """The close that a callback is owed for, if nobody had ever asked: the first close after the
    last reopening, of a ticket that was not withdrawn since."""
    ordered = sorted(
        events,
        key=lambda each: (min(each.time, each.recordedtime or now), each.sequence or 0),
    )
    close: Close | None = None
    ended = False
    for event in ordered:
        kind = event.type.split(".")[1] + "." + event.type.split(".")[2]
        if kind == "ticket.closed" and close is None and not ended:
            close = Close(min(event.time, event.recordedtime or now), event.identity)
        elif kind == "ticket.reopened":
            close, ended = None, False
        elif kind in ("ticket.withdrawn", "ticket.not_accepted"):
            close, ended = None, True
    return close


def earliest_due(closed_at: datetime) -> datetime:
    """Close + 7 days, moved into 09:00-12:00 and 14:00-20:00 of Shanghai (ruling 5), with a quarter
    of an hour left for the call in each slot: by the clock on the wall, minute by minute."""
    at = closed_at + timedelta(days=7)
    while not _may_begin(at.astimezone(ZoneInfo("Asia/Shanghai")).time()):
        at = (at + timedelta(minutes=1)).replace(second=0, microsecond=0)
    return at


def _may_begin(at: time) -> bool:
    return (
        time(9) <= at <= time(11, 45)
        or time(14) <= at <= time(17, 15)
        or time(17, 30) <= at <= time(19, 45)
    )
