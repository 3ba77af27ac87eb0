"""One partition of a processor, without a broker: states, timers, quarantine, effects of a batch.

The Kafka task, the driver and the simulation all run this same code, so what comes out for a ticket
depends on its events alone: not on batches, ticks, restarts or speed (architecture: time).
"""

import gc
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, Generic, TypeVar

import msgspec

from policy.bundle import Bundle
from runtime.errors import CannotOpen, StateTooLarge
from runtime.processor import Decision, Effect, Note, Processor, Record, State, Unreadable
from runtime.restating import Came, Schedule
from runtime.stores.base import MAX_STATE_BYTES, Store
from runtime.stores.codec import StateCodec, instant, wake_ms
from runtime.traces import trace_id
from schemas.dead_letter import (
    DeadLetter,
    NotALetter,
    RedriveEnd,
    Redriven,
    Sealer,
    read_redrive,
)
from schemas.topics import changelog, redrive

S = TypeVar("S", bound=State)
E = TypeVar("E")

SYSTEM: Final = "__"
"""Prefix of the runtime's own keys in a changelog; no processor may use it."""
TASK_KEY: Final = "__task__"
BLOCKED: Final = "__blocked__/"
TIMER_SUBJECT: Final = "__timer__/"
"""A key whose timer raised is blocked under this and its own name."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)


def collect_rarely() -> None:
    """Let the garbage collector look at batches, not at records.

    Decisions make no cycles, and at Python's default threshold it walks the kept states again and
    again: a tenth of the CPU.
    """
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or (other is not None and other < one):
        return other
    return one


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970 UTC, rounded down."""
    return (instant - EPOCH) // MILLISECOND


class Output(msgspec.Struct, frozen=True):
    """An effect with the instant of the decision behind it (the record's timestamp)."""

    effect: Effect
    at_ms: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """A quarantined subject: its records wait in the dead letters, in order (I10)."""

    since: str
    """``DeadLetter.position`` of the first record that raised."""
    letters: int
    """How many letters of it were written since."""
    failed: bool = False
    """A redriven record raised again: the rest of that pass waits as well."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that raised, for the log: the shell logs it once, with the traceback."""

    position: str
    subject: str
    error: Exception
    offset: int | None = None
    """Of the record; None for a timer, which has none."""
    trace_id: str | None = None
    """Of the record's ``traceparent``, where it has one."""


@dataclass(frozen=True, slots=True)
class PoisonLimit:
    """When to stop a partition instead of draining a topic into the dead letters."""

    window_records: int
    """Counts are halved whenever this many records of a source were seen."""
    minimum_letters: int
    """Fewer bad records than this never stop a partition."""
    ratio: float
    """Bad records / records of a source, above which the partition stops."""


NO_LIMIT: Final = PoisonLimit(window_records=1_000, minimum_letters=1 << 62, ratio=1.0)


def position_of(record: Record) -> str:
    """Topic, partition and offset of a record, as ``DeadLetter.position`` names it."""
    return f"{record.topic.name}-{record.partition}-{record.offset}"


class Partition(Generic[S, E]):
    """What a task holds of its partition. Changed only by ``apply``, after the commit."""

    def __init__(
        self,
        processor: Processor[S, E],
        bundle: Bundle,
        *,
        number: int = 0,
        store: Store | None = None,
        max_state_bytes: int = MAX_STATE_BYTES,
        poison: PoisonLimit = NO_LIMIT,
        cached_keys: int = 100_000,
        sealer: Sealer | None = None,
    ) -> None:
        """
        Args:
            store: encoded states; None keeps decoded states only (the driver).
            max_state_bytes: of one encoded state; a larger one is ``StateTooLarge``.
            cached_keys: how many decoded states are kept beside a store.
            sealer: of letters, and opener of those that come back; None only where neither leaves
                this process.
        """
        self.processor = processor
        self.bundle = bundle
        self.number = number
        self.store = store
        self.max_state_bytes = max_state_bytes
        self.poison = poison
        self.sealer = sealer
        self.codec: StateCodec[S] = StateCodec(processor.state_type, processor.state_version)
        self.schedule: Schedule | None = Schedule(bundle) if self.codec.restated else None
        """When keys are due for another version of the policy; None: their states name none."""
        self.redrive_topic = redrive(processor.name)
        self.redrive_name = self.redrive_topic.name
        self.cache: dict[str, S] = {}
        self.cached_keys = cached_keys if store is not None else 1 << 62
        self.wake_ms: dict[str, int] = {}
        self.due: list[tuple[int, str]] = []
        self.ready: list[tuple[int, int, str]] = []
        self.blocked: dict[str, Blocked] = {}
        self.clock_ms = 0
        self.stopped: str | None = None
        self.counted: dict[str, tuple[int, int]] = {}
        self.indexed = False
        """Whether timers and quarantine of what the store already held are known."""

    # -- reading -----------------------------------------------------------------------------

    def load(self, key: str) -> S | None:
        """The committed state of a key."""
        state = self.cache.get(key)
        if state is None and self.store is not None:
            raw = self.store.get(key)
            if raw is not None:
                state = self.codec.decode(raw, upgrade=self.processor.upgrade)
                self.cache[key] = state
        return state

    def keys(self) -> Iterator[str]:
        """Every state key there is (without the runtime's own)."""
        names = self.cache if self.store is None else (key for key, _ in self.store.items())
        return (key for key in names if not key.startswith(SYSTEM))

    @property
    def timers(self) -> int:
        """How many keys have a timer."""
        return len(self.wake_ms)

    @property
    def overdue(self) -> int:
        """How many timers have come due and not fired yet (an upper bound: some may be stale)."""
        return len(self.ready)

    @property
    def next_due_ms(self) -> int | None:
        """When the next timer that has not come due yet is due."""
        while self.due and self.wake_ms.get(self.due[0][1]) != self.due[0][0]:
            heapq.heappop(self.due)
        return self.due[0][0] if self.due else None

    # -- recovery ----------------------------------------------------------------------------

    def index(self) -> None:
        """Learn the timers and the quarantine of what a store on disk kept."""
        if not self.indexed and self.store is not None:
            for key, value in self.store.items():
                self.restore(key, value)
        self.indexed = True

    def restore(self, key: str, value: bytes | None) -> None:
        """Take over one changelog record into the indexes.

        The store has it already; this keeps the timers and the quarantine in step.
        """
        if key == TASK_KEY:
            return
        if key.startswith(BLOCKED):
            subject = key[len(BLOCKED) :]
            self._set_blocked(
                subject, None if value is None else msgspec.json.decode(value, type=Blocked)
            )
            return
        self.cache.pop(key, None)
        self._set_wake(key, None if value is None else self._peek_due(value, key))

    def come_into_force(self, seen: Sequence[Came]) -> None:
        """Learn what came into force before this start; call it when states and clock are there.

        Args:
            seen: of the task record; () where nothing was committed yet.
        """
        if self.schedule is None:
            return
        schedule = Schedule(self.bundle, clock_ms=self.clock_ms, seen=seen)
        before, self.schedule = self.schedule, schedule
        if self.store is None or schedule.agrees(before):
            # What follows may ask for what was not asked for yet.
            schedule.unknown = before.unknown
            return
        self.wake_ms, self.due, self.ready = {}, [], []
        for key, value in self.store.items():
            if not key.startswith(SYSTEM):
                self._set_wake(key, self._peek_due(value, key))

    def _peek_due(self, value: bytes, key: str) -> int | None:
        """``due_ms_of`` an encoded state."""
        due_ms = self.codec.peek_wake(value)
        if self.schedule is None:
            return due_ms
        return _earlier(due_ms, self.schedule.due_ms(key, self.codec.peek_policy(value)))

    def due_ms_of(self, key: str, state: S) -> int | None:
        """When a key is to be woken: by its state, or for another version of the policy."""
        due_ms = wake_ms(state.wake_at)
        if self.schedule is None:
            return due_ms
        policy: str | None = state.policy  # type: ignore[attr-defined]
        return _earlier(due_ms, self.schedule.due_ms(key, policy))

    def _set_wake(self, key: str, due_ms: int | None) -> None:
        if due_ms is None:
            self.wake_ms.pop(key, None)
        elif self.wake_ms.get(key) != due_ms:
            self.wake_ms[key] = due_ms
            heapq.heappush(self.due, (due_ms, key))

    def _set_blocked(self, subject: str, blocked: Blocked | None) -> None:
        if blocked is not None:
            self.blocked[subject] = blocked
            return
        self.blocked.pop(subject, None)
        if subject.startswith(TIMER_SUBJECT):
            # What came due meanwhile was passed over.
            key = subject.removeprefix(TIMER_SUBJECT)
            due_ms = self.wake_ms.get(key)
            if due_ms is not None:
                heapq.heappush(self.due, (due_ms, key))

    # -- redrive -----------------------------------------------------------------------------

    def originals(self, records: Sequence[Record]) -> list[Record]:
        """The records that ``decode`` will see: a redriven letter is the original it holds."""
        if all(record.topic.name != self.redrive_name for record in records):
            return list(records)
        return [found for record in records if (found := self._original_in(record)) is not None]

    def _original_in(self, record: Record) -> Record | None:
        """The record itself, or what was put back with it; None where there is nothing to read."""
        if record.topic.name != self.redrive_name:
            return record
        try:
            redriven = read_redrive(record.key, record.value, record.headers)
            if isinstance(redriven, RedriveEnd) or redriven.kind == "timer":
                return None
            return self.original_of(redriven)
        except (NotALetter, CannotOpen):
            return None  # the batch letters it

    def original_of(self, redriven: Redriven) -> Record | None:
        """What a letter held; None where it is of no input of this service.

        Raises:
            NotALetter, CannotOpen: it is sealed, and cannot be opened here.
        """
        topics = (*self.processor.inputs, self.redrive_topic)
        topic = next((t for t in topics if t.name == redriven.topic), None)
        if topic is None:
            return None
        redriven = redriven.opened(self.sealer)
        return Record(
            topic=topic,
            partition=redriven.partition,
            offset=redriven.offset,
            key=redriven.key,
            value=redriven.value,
            timestamp_ms=redriven.timestamp_ms,
            headers=redriven.headers,
        )

    # -- a batch -----------------------------------------------------------------------------

    def begin(self, *, careful: bool = False) -> "Batch[S, E]":
        """A batch on top of the committed states. ``careful`` checks sizes event by event."""
        return Batch(self, careful=careful)

    def apply(
        self,
        batch: "Batch[S, E]",
        encoded: Mapping[str, bytes | None] | None = None,
        changelog_offset: int = 0,
    ) -> None:
        """Take over what a committed batch changed."""
        if self.store is not None:
            assert encoded is not None, "a stored partition applies what was written"
            self.store.apply(encoded, changelog_offset)
        for key, state in batch.states.items():
            if state is None:
                self.cache.pop(key, None)
            else:
                self.cache[key] = state
            self._set_wake(key, batch.dues[key])
        for subject, blocked in batch.blocked.items():
            self._set_blocked(subject, blocked)
        self.clock_ms = batch.clock_ms
        self.stopped = batch.stopped
        if len(self.cache) > self.cached_keys:
            for key in list(islice(self.cache, len(self.cache) - self.cached_keys // 2)):
                del self.cache[key]


class Batch(Generic[S, E]):
    """Records and timers of one transaction, decided in order on an overlay of the states."""

    def __init__(self, part: Partition[S, E], *, careful: bool = False) -> None:
        self.part = part
        self.careful = careful
        self.states: dict[str, S | None] = {}
        self.dues: dict[str, int | None] = {}
        """When each of these states is to be woken."""
        self.blocked: dict[str, Blocked | None] = {}
        self.outputs: list[Output] = []
        self.letters: list[DeadLetter] = []
        self.failures: list[Failure] = []
        self.notes: list[Note] = []
        self.deposits: list[Any] = []
        self.records = 0
        self.redriven = 0
        self.timers = 0
        self.clock_ms = part.clock_ms
        self.stopped = part.stopped
        self._taken: list[tuple[int, str]] = []
        self._oldest_fired_ms: int | None = None
        self._wakes: list[tuple[int, str]] = []
        self._counted = dict(part.counted)

    def discard(self) -> None:
        """Give back the timers that this batch took; it was not committed.

        What had come due by its clock goes back as well: the clock is that of the last commit
        again, and the records that moved it on may undo what would fire.
        """
        part = self.part
        for due_ms, key in (*self._taken, *((due_ms, key) for _, due_ms, key in part.ready)):
            heapq.heappush(part.due, (due_ms, key))
        self._taken, part.ready = [], []
        part.counted = self._counted

    # -- states ------------------------------------------------------------------------------

    def get(self, key: str) -> S | None:
        if key in self.states:
            return self.states[key]
        return self.part.load(key)

    def _wake_of(self, key: str) -> int | None:
        return self.dues[key] if key in self.dues else self.part.wake_ms.get(key)

    def _blocked(self, subject: str) -> Blocked | None:
        if subject in self.blocked:
            return self.blocked[subject]
        return self.part.blocked.get(subject)

    # -- records -----------------------------------------------------------------------------

    def feed(self, record: Record) -> None:
        """Decide one record: due timers of its keys first, then the event (or quarantine)."""
        self.records += 1
        if record.topic.name == self.part.redrive_name:
            self._feed_redriven(record)
        else:
            self._feed(record, None)

    def _feed(self, record: Record, redriven: Redriven | None) -> None:
        processor = self.part.processor
        own_clock = processor.own_clock
        if own_clock and redriven is None and record.timestamp_ms > self.clock_ms:
            self.clock_ms = record.timestamp_ms
        try:
            event = processor.decode(record)
            subject = processor.subject(event)
            source = processor.source(event)
        except Unreadable as bad:
            self._letter(record, bad.reason, bad.detail, source=bad.source, redriven=redriven)
            self._count(bad.source, bad=True)
            return
        except Exception as error:
            self._fail(record, "", "", error, redriven)
            return
        hit = self._blocked(subject)
        if hit is not None and (redriven is None or redriven.subject is None or hit.failed):
            self._wait(record, subject, hit, redriven)
            return
        try:
            at_ms = to_ms(processor.recorded_at(event, record))
            if own_clock and at_ms < self.clock_ms:
                at_ms = self.clock_ms
            now = instant(at_ms)
            policy = self.part.bundle.at(now)
            keys = processor.keys(event, policy)
        except Exception as error:
            self._fail(record, subject, source, error, redriven)
            return
        if not keys:
            self._count(source, bad=False)
            return
        for key in keys:
            held = self._blocked(TIMER_SUBJECT + key) if self._any_blocked else None
            if held is not None:
                self._wait(record, subject, held, redriven)
                return
        self._wake_before(keys, at_ms)
        if self._any_blocked:
            for key in keys:
                held = self._blocked(TIMER_SUBJECT + key)
                if held is not None:
                    self._wait(record, subject, held, redriven)
                    return
        try:
            decision = processor.decide({key: self.get(key) for key in keys}, event, now, policy)
            self._accept(decision, keys, at_ms, self._dues_of(decision))
        except Unreadable as bad:
            self._letter(
                record, bad.reason, bad.detail, source=source, subject=subject, redriven=redriven
            )
            self._count(source, bad=True)
            return
        except Exception as error:
            self._fail(record, subject, source, error, redriven)
            return
        self._count(source, bad=False)

    @property
    def _any_blocked(self) -> bool:
        return bool(self.blocked or self.part.blocked)

    def _dues_of(self, decision: Decision[S]) -> dict[str, int | None]:
        due_ms_of = self.part.due_ms_of
        return {
            key: None if state is None else due_ms_of(key, state)
            for key, state in decision.states.items()
        }

    def put(self, key: str, state: S) -> None:
        """Take over a state that another process has decided and committed."""
        decision = Decision(states={key: state})
        self._accept(decision, (key,), self.clock_ms, self._dues_of(decision))

    def _accept(
        self,
        decision: Decision[S],
        keys: Sequence[str],
        at_ms: int,
        dues: Mapping[str, int | None],
    ) -> None:
        for key in decision.states:
            if key not in keys or key.startswith(SYSTEM):
                name = self.part.processor.name
                raise ValueError(f"{name} changed the state of {key!r}, which is not of {keys!r}")
        if self.careful:
            for key, state in decision.states.items():
                self._encode(key, state)
        for key, state in decision.states.items():
            self.states[key] = state
            due_ms = self.dues[key] = dues[key]
            if due_ms is not None:
                heapq.heappush(self._wakes, (due_ms, key))
        outputs = self.outputs
        for effect in decision.effects:
            outputs.append(Output(effect, at_ms))
        if decision.notes:
            self.notes.extend(decision.notes)
        if decision.deposits:
            self.deposits.extend(decision.deposits)

    # -- timers ------------------------------------------------------------------------------

    def _wake_before(self, keys: Sequence[str], at_ms: int) -> None:
        """Fire what these keys have due before the record, earliest first."""
        while True:
            earliest: tuple[int, str] | None = None
            for key in keys:
                due_ms = self._wake_of(key)
                if due_ms is None or due_ms >= at_ms:
                    continue
                if self._any_blocked and self._blocked(TIMER_SUBJECT + key) is not None:
                    continue
                if earliest is None or (due_ms, key) < earliest:
                    earliest = (due_ms, key)
            if earliest is None:
                return
            self._wake(earliest[1], earliest[0])

    def advance(self, clock_ms: int, limit: int) -> int:
        """Move the clock on and fire at most ``limit`` timers that are due before it.

        Overdue timers fire the more urgent first, then the earlier due. Returns how many fired.
        """
        if clock_ms > self.clock_ms:
            self.clock_ms = clock_ms
        part = self.part
        now_ms = self.clock_ms
        self._come_due(part.due, now_ms)
        self._come_due(self._wakes, now_ms)
        fired = 0
        while part.ready and fired < limit:
            _, due_ms, key = heapq.heappop(part.ready)
            if part.wake_ms.get(key) == due_ms:
                self._taken.append((due_ms, key))
            if self._wake_of(key) != due_ms or self._blocked(TIMER_SUBJECT + key) is not None:
                continue
            if self._oldest_fired_ms is None or due_ms < self._oldest_fired_ms:
                self._oldest_fired_ms = due_ms
            self._wake(key, due_ms)
            fired += 1
            # A timer may set the next one of its key before the clock as well.
            self._come_due(self._wakes, now_ms)
        return fired

    def _come_due(self, heap: list[tuple[int, str]], now_ms: int) -> None:
        part = self.part
        while heap and heap[0][0] < now_ms:
            due_ms, key = heapq.heappop(heap)
            if self._wake_of(key) == due_ms:
                urgency = getattr(self.get(key), "urgency", 0)
                heapq.heappush(part.ready, (urgency, due_ms, key))
            elif part.wake_ms.get(key) == due_ms:
                self._taken.append((due_ms, key))

    def _wake(
        self, key: str, due_ms: int, *, redriven: Redriven | None = None, hit: Blocked | None = None
    ) -> None:
        processor = self.part.processor
        state = self.get(key)
        assert state is not None, f"a timer without a state: {key}"
        due = instant(due_ms)
        self.timers += 1
        try:
            decision = processor.wake(key, state, due, self.part.bundle.at(due))
            dues = self._dues_of(decision)
            again_ms = dues.get(key, due_ms)
            if again_ms is not None and again_ms <= due_ms:
                raise ValueError(f"wake of {key!r} left a timer at {instant(again_ms)}, due {due}")
            self._accept(decision, (key,), due_ms, dues)
        except Exception as error:
            subject = TIMER_SUBJECT + key
            letter = DeadLetter(
                service=processor.name,
                reason="timer_raised",
                detail=f"{type(error).__name__}: {error}",
                topic=changelog(processor.name).name,
                partition=self.part.number,
                offset=-1,
                timestamp_ms=due_ms,
                key=key.encode(),
                subject=subject,
                kind="timer",
                attempt=1 if redriven is None else redriven.attempt + 1,
            )
            self.failures.append(Failure(letter.position, key, error))
            first = hit or Blocked(since=letter.position, letters=0)
            self.blocked[subject] = replace(
                first, letters=first.letters + 1, failed=redriven is not None
            )
            self.letters.append(letter)

    # -- quarantine --------------------------------------------------------------------------

    def _count(self, source: str, *, bad: bool) -> None:
        if source:
            # Rubbish that names no source is weighed against the records of everybody: else a
            # little of it would be all there is.
            self._tally("", bad=False)
        self._tally(source, bad=bad)

    def _tally(self, source: str, *, bad: bool) -> None:
        limit = self.part.poison
        total, letters = self.part.counted.get(source, (0, 0))
        total += 1
        letters += bad
        if bad and letters >= limit.minimum_letters and letters > limit.ratio * total:
            whose = f" of {source}" if source else ""
            self.stopped = f"poison: {letters} of the last {total} records{whose}"
        if total >= limit.window_records:
            total, letters = total // 2, letters // 2
        self.part.counted[source] = (total, letters)

    def _fail(
        self,
        record: Record,
        subject: str,
        source: str,
        error: Exception,
        redriven: Redriven | None,
    ) -> None:
        """A rule raised: the record and the later ones of its subject wait, in order."""
        position = position_of(record)
        hit = self._blocked(subject) or Blocked(since=position, letters=0)
        self.failures.append(
            Failure(position, subject, error, offset=record.offset, trace_id=trace_id(record))
        )
        self._letter(
            record,
            "rule_raised" if subject else "decode_raised",
            f"{type(error).__name__}: {error}",
            source=source,
            subject=subject,
            blocked_by=hit.since if hit.letters else None,
            redriven=redriven,
        )
        self._count(source, bad=True)
        if subject:
            self.blocked[subject] = replace(
                hit,
                letters=hit.letters + 1,
                # What goes back alone has no end marker that would take this back.
                failed=redriven is not None and redriven.subject is not None,
            )

    def _wait(self, record: Record, subject: str, hit: Blocked, redriven: Redriven | None) -> None:
        """The record waits behind the one that raised."""
        self._letter(
            record,
            "blocked",
            "waits behind a record that could not be decided",
            subject=subject,
            blocked_by=hit.since,
            redriven=redriven,
        )
        mine = self._blocked(subject) or Blocked(since=hit.since, letters=0)
        self.blocked[subject] = replace(mine, letters=mine.letters + 1)

    def _letter(
        self,
        record: Record,
        reason: str,
        detail: str,
        *,
        source: str = "",
        subject: str = "",
        blocked_by: str | None = None,
        redriven: Redriven | None = None,
    ) -> None:
        self.letters.append(
            DeadLetter(
                service=self.part.processor.name,
                reason=reason,
                detail=detail,
                topic=record.topic.name,
                partition=record.partition,
                offset=record.offset,
                timestamp_ms=record.timestamp_ms,
                key=record.key,
                value=record.value,
                headers=record.headers,
                subject=subject or None,
                blocked_by=blocked_by,
                source=source,
                attempt=1 if redriven is None else redriven.attempt + 1,
            )
        )

    # -- redrive -----------------------------------------------------------------------------

    def _feed_redriven(self, record: Record) -> None:
        try:
            redriven = read_redrive(record.key, record.value, record.headers)
        except NotALetter as bad:
            self._letter(record, "invalid_redrive", str(bad))
            return
        if isinstance(redriven, RedriveEnd):
            subject = redriven.subject
            hit = self._blocked(subject)
            if hit is not None:
                lifted = not hit.failed and redriven.letters >= hit.letters
                self.blocked[subject] = None if lifted else replace(hit, failed=False)
            return
        self.redriven += 1
        if redriven.kind == "timer":
            self._redrive_timer(redriven)
            return
        try:
            original = self.part.original_of(redriven)
        except (NotALetter, CannotOpen) as shut:
            self._stay_shut(redriven, str(shut))
            return
        if original is None:
            detail = f"a record of {redriven.topic!r}, which is no input of this service"
            self._letter(record, "invalid_redrive", detail)
            return
        self._feed(original, redriven)

    def _stay_shut(self, redriven: Redriven, detail: str) -> None:
        """The letter is written again as it is, and its subject goes on waiting.

        Nothing of it is lost, and nothing overtakes it: with the right keys it goes back again.
        """
        subject = redriven.subject
        hit = None
        if subject is not None:
            hit = self._blocked(subject) or Blocked(since=redriven.position, letters=0)
            self.blocked[subject] = replace(hit, letters=hit.letters + 1, failed=True)
        self.letters.append(
            DeadLetter(
                service=self.part.processor.name,
                reason="cannot_open",
                detail=detail,
                topic=redriven.topic,
                partition=redriven.partition,
                offset=redriven.offset,
                timestamp_ms=redriven.timestamp_ms,
                value=redriven.value,
                subject=subject,
                blocked_by=hit.since if hit is not None and hit.letters else None,
                attempt=redriven.attempt + 1,
                sealed=redriven.sealed,
            )
        )

    def _redrive_timer(self, redriven: Redriven) -> None:
        """The block of a key is lifted, and its timer fires at once, before what waits behind it.

        Nothing has touched the key meanwhile, so it is the timer that raised.
        """
        subject = redriven.subject
        assert subject is not None, "a timer's letter has one"
        hit = self._blocked(subject)
        if hit is None or hit.failed:
            return
        key = subject.removeprefix(TIMER_SUBJECT)
        self.blocked[subject] = None
        due_ms = self._wake_of(key)
        if due_ms is not None:
            self._wake(key, due_ms, redriven=redriven, hit=hit)

    # -- end ---------------------------------------------------------------------------------

    def _encode(self, key: str, state: S | None) -> bytes | None:
        if state is None:
            return None
        raw = self.part.codec.encode(state)
        if len(raw) > self.part.max_state_bytes:
            raise StateTooLarge(key, len(raw), self.part.max_state_bytes)
        return raw

    def encode(self) -> dict[str, bytes | None]:
        """The changelog records of this batch. Raises ``StateTooLarge`` naming the key."""
        changes: dict[str, bytes | None] = {
            key: self._encode(key, state) for key, state in self.states.items()
        }
        for subject, blocked in self.blocked.items():
            changes[BLOCKED + subject] = None if blocked is None else msgspec.json.encode(blocked)
        return changes

    def close(self) -> None:
        """Add what goes with every transaction of the task (intake: its clock)."""
        if self.clock_ms:
            clock = instant(self.clock_ms)
            for effect in self.part.processor.at_commit(self.part.number, clock):
                self.outputs.append(Output(effect, self.clock_ms))

    @property
    def oldest_fired_ms(self) -> int | None:
        """The due instant of the longest overdue timer that this batch fired by the clock."""
        return self._oldest_fired_ms

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (self.records or self.timers)


AnyProcessor = Processor[Any, Any]
AnyPartition = Partition[Any, Any]
