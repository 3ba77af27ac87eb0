"""One input partition number of a service: its producer, its slice of state, its timers, its clock.

A task is born at an assignment and dies with it. Its transaction carries outputs, one changelog
record per changed key, the ``__task__`` record and the input offsets; the state is applied to the
local store after the commit (engine.md: design).
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any, Final, Protocol, TypeVar
from uuid import uuid4

import msgspec
from aiokafka.partitioner import murmur2

from runtime.core import TASK_KEY, AnyPartition, Batch, Failure
from runtime.engine import failpoints
from runtime.engine.ports import Fenced, OutcomeUnknown, Send, TaskLog, Unavailable
from runtime.errors import CommitUnknown, StateMismatch, StateTooLarge
from runtime.processor import Note, Outside, Record
from runtime.restating import Came
from schemas.dead_letter import DeadLetter
from schemas.envelope import Envelope
from schemas.topics import DEAD_LETTERS, Topic, changelog

T = TypeVar("T")

COMMIT_TRIES: Final = 5
"""More tries of a commit whose outcome is unknown than any broker restart needs; then crash."""
RETRY_SECONDS: Final = 0.5
"""Between two tries of what an unavailable broker did not answer."""
PENDING_MARKS: Final = 64
"""Watermarks a task may be behind; the oldest and the newest are what counts."""


@lru_cache(maxsize=1 << 17)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as the Java client's default partitioner says."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


def _over(started: float) -> bool:
    return time.perf_counter() - started > SLICE_SECONDS


def _merged(records: list[Record]) -> list[Record]:
    """By time across the inputs, but within each input as it is on the log.

    A topic's own timestamps need not rise (records of several inbox partitions meet in it), and a
    position says «all before it»: sorting would commit past what comes later.
    """
    by_topic: dict[str, list[Record]] = {}
    for record in records:
        by_topic.setdefault(record.topic.name, []).append(record)
    if len(by_topic) < 2:
        return records
    return list(heapq.merge(*by_topic.values(), key=lambda record: record.timestamp_ms))


SLICE_SECONDS: Final = 0.2
"""How long a task may decide before it commits and the others of the worker have their turn.
Larger: heartbeats, health and the other partitions wait for a dear rule or a herd of timers.
Smaller: transactions of a few records."""
LOOK_EVERY: Final = 32
"""Records or timers between two looks at that."""


class TaskState(StrEnum):
    STARTING = "starting"
    RECOVERING = "recovering"
    RUNNING = "running"
    PAUSED = "paused"
    """By an operator, or by the poison limit: a declared wait, exempt from the watchdog."""
    WAITING = "waiting"
    """For what the service needs outside Kafka (PostgreSQL): a declared wait as well (F23)."""
    FENCED = "fenced"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """What every transaction writes last to the changelog partition."""

    batch: int
    clock_ms: int
    positions: dict[str, int]
    """The next offset of every input, by topic."""
    state_version: int
    stopped: str | None = None
    owner: str = ""
    """Which life of the task wrote it: two owners may both have written a batch of this number."""
    came: Sequence[Came] = ()
    """Which versions of the policy came into force here, and when (``runtime.restating``)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """«When these ends are passed, everything recorded before the watermark is decided.»"""

    watermark_ms: int
    ends: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """How a task batches, as the settings say. Units last."""

    batch_max_records: int
    buffer_max_records: int
    timers_per_batch: int
    linger_min_ms: int
    linger_max_ms: int


@dataclass(slots=True)
class Done:
    """What a committed batch reports."""

    records: int
    timers: int
    decide_seconds: float
    commit_seconds: float
    letters: Sequence[DeadLetter]
    notes: Sequence[Note]
    outputs: Mapping[str, int]
    oldest_due_ms: int | None
    """When the longest overdue of its timers was due; None where the clock fired none."""
    redriven: int = 0
    """Of the records: dead letters that came back."""


class Observer(Protocol):
    """Who is told what a task does: metrics and the log, once per batch."""

    def batch_done(self, task: "Task", done: Done) -> None: ...
    def rule_raised(self, task: "Task", failure: Failure) -> None: ...
    def recovered(self, task: "Task", records: int, seconds: float) -> None: ...
    def outcome_unknown(self, task: "Task", error: Exception) -> None: ...
    def deleted_unread(self, task: "Task", topic: str, position: int, first: int) -> None: ...
    def stopped(self, task: "Task", reason: str) -> None: ...
    def wait_began(self, task: "Task", reason: str) -> None: ...
    def wait_ended(self, task: "Task", seconds: float) -> None: ...


@dataclass(slots=True)
class Progress:
    """For the watchdog and for health."""

    last_monotonic: float = field(default_factory=time.monotonic)
    batches: int = 0

    def touch(self) -> None:
        self.last_monotonic = time.monotonic()


class Task:
    """Runs one partition. ``run`` returns when closed, and raises what must stop the worker."""

    def __init__(
        self,
        part: AnyPartition,
        log: TaskLog,
        *,
        partitions: int,
        inputs: Sequence[Topic],
        limits: TaskLimits,
        observer: Observer,
        outside: Outside | None = None,
        room: asyncio.Event | None = None,
    ) -> None:
        """
        Args:
            partitions: of every topic that does not declare its own.
            inputs: the processor's, and its redrive topic.
            outside: what the service does outside Kafka around the pure step.
            room: set whenever records were taken, so that the poll loop looks again.
        """
        self.part = part
        self.log = log
        self.partitions = partitions
        self.inputs = tuple(inputs)
        self.limits = limits
        self.observer = observer
        self.outside = outside
        self.state = TaskState.STARTING
        self.waits_for: str | None = None
        """What did not answer, while the task waits for it."""
        self.progress = Progress()
        self.positions: dict[str, int] = {}
        self.fetched: dict[str, int] = {}
        self.changelog_name = changelog(part.processor.name).name
        self.room = asyncio.Event() if room is None else room
        self.id = uuid4().hex
        self.told = False
        """Whether a watermark has ever reached this task."""
        self._buffer: deque[Record] = deque()
        self._wake = asyncio.Event()
        self._marks: deque[Mark] = deque()
        self._batch_number = 0
        self._closing = False
        self._paused = False
        self._waits_since = 0.0
        self._asked = 0
        """Records that the outside is asked about just now."""
        self._unsaid = False
        """Resumed while the changelog says «stopped»: a batch must say so, even an empty one."""
        self._linger_ms = float(limits.linger_min_ms)
        self._expected: dict[str, int] = {}
        self._in_flight: Batch[Any, Any] | None = None
        self._encoded: dict[str, bytes | None] = {}
        self._next_positions: dict[str, int] = {}
        self._decide_seconds = 0.0

    # -- from the outside ----------------------------------------------------------------------

    @property
    def number(self) -> int:
        return self.part.number

    @property
    def full(self) -> bool:
        """Whether the poll loop should leave this partition alone."""
        return (
            len(self._buffer) >= self.limits.buffer_max_records
            or self.state is not TaskState.RUNNING
        )

    @property
    def running(self) -> bool:
        return self.state is TaskState.RUNNING

    @property
    def fenced(self) -> bool:
        return self.state is TaskState.FENCED

    @property
    def waiting(self) -> bool:
        """Whether the task waits and says so (exempt from the watchdog)."""
        return self.state in (TaskState.PAUSED, TaskState.WAITING)

    @property
    def waiting_seconds(self) -> float:
        """For how long what the service needs outside Kafka has not answered; 0: it does."""
        return 0.0 if self.waits_for is None else time.monotonic() - self._waits_since

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do for what has arrived."""
        return self.running and not self.buffered and not self.part.overdue

    @property
    def recovered(self) -> int:
        """Up to where the changelog has been read."""
        return 0 if self.part.store is None else self.part.store.offset or 0

    @property
    def buffered(self) -> int:
        """Records that arrived and are not decided, or wait for the outside."""
        return len(self._buffer) + self._asked

    def push(self, records: Sequence[Record]) -> None:
        """Hand over records of one input, in order; what came before is passed over."""
        if self._closing or not records:
            return
        topic, expected = records[0].topic.name, self._expected.get(records[0].topic.name, 0)
        if records[0].offset < expected:
            records = [record for record in records if record.offset >= expected]
        if records:
            self._expected[topic] = records[-1].offset + 1
            self._buffer.extend(records)
            self._wake.set()

    def expected(self, topic: str) -> int:
        """The offset from which on records of an input have not been pushed yet."""
        return self._expected[topic]

    def note_fetched(self, topic: str, position: int) -> None:
        """The consumer's position: every record before it has been pushed."""
        if self.fetched.get(topic) != position:
            self.fetched[topic] = position
            if self._marks:
                self._wake.set()

    def mark(self, mark: Mark) -> None:
        """A watermark and the input ends that were read after it."""
        self.told = True
        if len(self._marks) >= PENDING_MARKS:
            self._marks.pop()
        self._marks.append(mark)
        self._wake.set()

    def pause(self) -> None:
        self._paused = True
        self._wake.set()

    def resume(self) -> None:
        """Go on after a pause or a poison stop."""
        self._paused = False
        self._unsaid = self.part.stopped is not None
        self.part.stopped = None
        self.part.counted = {}
        self._wake.set()

    def close(self) -> None:
        """Take no more; the batch in flight may finish."""
        self._closing = True
        self._buffer.clear()
        self._wake.set()

    # -- the life of a task ----------------------------------------------------------------------

    async def run(self) -> None:
        """Fence, recover, seek, then batch after batch."""
        try:
            await self._open()
            while not self._closing:
                batch = await self._next_batch()
                if batch is not None:
                    await self._deliver(batch)
        except Fenced:
            self.state = TaskState.FENCED
            self._buffer.clear()
            return
        finally:
            if self._in_flight is not None:
                self._in_flight.discard()
        self.state = TaskState.STOPPED

    async def _open(self) -> None:
        """Strictly in this order, or a predecessor's transaction could land behind our back:

        1. start the producer: the predecessor's transaction is finished, and it is fenced;
        2. recover the state from the changelog up to its last stable offset;
        3. read the inputs from the committed offsets, which must be those of the task record.
        """
        try:
            self.positions = await self._recovered()
        except StateMismatch:
            # Between the two readings another owner may have fenced this one and written; a
            # second start tells.
            self.positions = await self._recovered()
        self.fetched = dict(self.positions)
        self._expected = dict(self.positions)
        self.log.start_reading(self.positions)
        self.state = TaskState.RUNNING
        self.progress.touch()

    async def _recovered(self) -> dict[str, int]:
        """Steps 1 to 3: where the inputs go on."""
        await self._patiently(self.log.fence)
        self.state = TaskState.RECOVERING
        record = await self._patiently(self._recover)
        committed = await self._patiently(self.log.committed)
        return await self._patiently(lambda: self._agree(record, committed))

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        """Take a step that changes nothing, again and again while the broker does not answer.

        An outage is no reason to end: the next start would meet it as well (F11).
        """
        while True:
            try:
                return await step()
            except Unavailable:
                if not self._closing:
                    await asyncio.sleep(RETRY_SECONDS)
                # Closed meanwhile: the next step may be a fence, and there is a successor.
                if self._closing:
                    raise

    async def _recover(self) -> TaskRecord | None:
        """Bring the store up to the changelog; returns the last task record, if there is one."""
        started = time.monotonic()
        store = self.part.store
        assert store is not None, "a task needs a store"
        self.part.index()
        count = 0
        async for chunk in self.log.changelog(store.offset or 0):
            changes = {change.key.decode(): change.value for change in chunk}
            store.apply(changes, chunk[-1].offset + 1)
            for key, value in changes.items():
                self.part.restore(key, value)
            count += len(chunk)
            self.progress.touch()
        raw = store.get(TASK_KEY)
        record = None if raw is None else msgspec.json.decode(raw, type=TaskRecord)
        if record is not None:
            self._batch_number = record.batch
            self.part.clock_ms = max(self.part.clock_ms, record.clock_ms)
            self.part.stopped = record.stopped
        self.part.come_into_force(() if record is None else record.came)
        store.caught_up()
        self.observer.recovered(self, count, time.monotonic() - started)
        return record

    async def _agree(
        self, record: TaskRecord | None, committed: Mapping[str, int | None]
    ) -> dict[str, int]:
        name, number = self.part.processor.name, self.number
        beginning = await self.log.beginning()
        positions = {}
        for topic in self.inputs:
            there = committed.get(topic.name)
            mine = None if record is None else record.positions.get(topic.name)
            if record is None and there is not None:
                raise StateMismatch(
                    name, number, recorded="nothing (no task record)", committed=committed
                )
            if mine is not None and there is not None and there != mine:
                assert record is not None
                raise StateMismatch(name, number, recorded=record.positions, committed=committed)
            start = mine if mine is not None else there
            # A position stops before a control record; when retention has taken that too, there is
            # nothing at the position to read, and to ask for it would fail for ever.
            first = beginning[topic.name]
            if start is not None and start < first:
                self.observer.deleted_unread(self, topic.name, start, first)
            positions[topic.name] = max(first, start or 0)
        return positions

    # -- batches -----------------------------------------------------------------------------------

    async def _next_batch(self) -> Batch[Any, Any] | None:
        """Wait for records or due timers, linger a little, decide them."""
        if self._paused or self.part.stopped:
            self._linger_ms = self.limits.linger_min_ms
            self.state, self.waits_for = TaskState.PAUSED, None
            self._wake.clear()
            if self._closing or not (self._paused or self.part.stopped):
                return None
            await self._wake.wait()
            return None
        self.state = TaskState.RUNNING
        if not self._buffer and not self._unsaid and not self._timers_pending():
            self.progress.touch()
            self._move_clock()
            self._wake.clear()
            if not self._buffer and not self._timers_pending() and not self._closing:
                await self._wake.wait()
            return None
        if len(self._buffer) < self.limits.batch_max_records:
            # What is overdue fills batches by itself; the other tasks get their turn all the same.
            await asyncio.sleep(0 if self.part.overdue else self._linger_ms / 1_000)
            if self._closing:
                return None
        records = self._take()
        if not await self._prepared(records):
            self._buffer.extendleft(reversed(records))
            return None
        return self._decide(records)

    async def _prepared(self, records: Sequence[Record]) -> bool:
        """Whether the outside has learnt what the pure step will ask for."""
        outside = self.outside
        if outside is None or not records:
            return True
        originals = self.part.originals(records)
        self._asked = len(records)
        try:
            return await self._insist(lambda: outside.prepare(originals), unless_paused=True)
        finally:
            self._asked = 0

    async def _deposited(self, batch: Batch[Any, Any]) -> bool:
        """Whether what the decisions gave is in its place. A pause lets the batch in flight end."""
        outside = self.outside
        if outside is None or not batch.deposits:
            return True
        self._asked = batch.records
        try:
            return await self._insist(lambda: outside.deposit(batch.deposits), unless_paused=False)
        finally:
            self._asked = 0

    async def _insist(self, ask: Callable[[], Awaitable[None]], *, unless_paused: bool) -> bool:
        """Ask the outside again and again while it does not answer, in a declared wait (F23).

        False: the task was closed, or paused where that counts, before there was an answer.
        """
        while not self._closing and not (unless_paused and self._paused):
            try:
                await ask()
            except Unavailable as unavailable:
                if self.waits_for is None:
                    self._waits_since = time.monotonic()
                    self.waits_for = str(unavailable)
                    self.observer.wait_began(self, self.waits_for)
                self.waits_for = str(unavailable)
                self.state = TaskState.WAITING
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if self.waits_for is not None:
                self.observer.wait_ended(self, self.waiting_seconds)
                self.waits_for = None
                self.progress.touch()
            self.state = TaskState.RUNNING
            return True
        return False

    def _move_clock(self) -> None:
        """The clock goes on where no timer is due: nothing has to be written for that."""
        clock_ms, passed = self._passed_clock()
        self.part.clock_ms = max(self.part.clock_ms, clock_ms)
        for _ in range(passed):
            self._marks.popleft()

    def _timers_pending(self) -> bool:
        if self.part.overdue:
            return True
        clock_ms, _ = self._passed_clock()
        due_ms = self.part.next_due_ms
        return due_ms is not None and due_ms < max(clock_ms, self.part.clock_ms)

    def _take(self) -> list[Record]:
        buffer, limit = self._buffer, self.limits.batch_max_records
        if len(buffer) <= limit:
            records = list(buffer)
            buffer.clear()
        else:
            records = [buffer.popleft() for _ in range(limit)]
        records = _merged(records)
        self.room.set()
        # A full batch means a backlog: no waiting. A thin one means a quiet service: fewer, larger
        # transactions cost little latency and much less CPU.
        if len(records) * 2 >= limit:
            self._linger_ms = self.limits.linger_min_ms
        else:
            self._linger_ms = min(self.limits.linger_max_ms, self._linger_ms * 2)
        return records

    def _passed_clock(self) -> tuple[int, int]:
        """The newest watermark whose input ends are all passed, and how many marks are.

        An end is passed when nothing before it is left to take: in a backlog, up to the first
        record that still waits in the buffer.
        """
        clock_ms = self.part.clock_ms
        if self.part.processor.own_clock or not self._marks:
            return clock_ms, 0
        reached = dict(self.fetched)
        for record in reversed(self._buffer):
            reached[record.topic.name] = record.offset
        passed = 0
        for mark in self._marks:
            if any(reached.get(topic, 0) < end for topic, end in mark.ends.items()):
                break
            clock_ms = max(clock_ms, mark.watermark_ms)
            passed += 1
        return clock_ms, passed

    def _decide(self, records: Sequence[Record]) -> Batch[Any, Any] | None:
        clock_ms, passed = self._passed_clock()
        for careful in (False, True):
            batch = self.part.begin(careful=careful)
            started = time.perf_counter()
            positions = dict(self.positions)
            whole = True
            for number, record in enumerate(records, start=1):
                batch.feed(record)
                positions[record.topic.name] = record.offset + 1
                if batch.stopped or (number % LOOK_EVERY == 0 and _over(started)):
                    whole = not batch.stopped and number == len(records)
                    break
            if whole:
                left = self.limits.timers_per_batch
                while left > 0:
                    fired = batch.advance(clock_ms, min(left, LOOK_EVERY))
                    left = left - fired if fired == LOOK_EVERY and not _over(started) else 0
            batch.close()
            try:
                self._encoded = batch.encode()
            except StateTooLarge:
                batch.discard()
                if careful:
                    raise
                continue
            if not whole:
                self._buffer.extendleft(reversed(records[batch.records :]))
            else:
                for _ in range(passed):
                    self._marks.popleft()
            self._decide_seconds = time.perf_counter() - started
            self._next_positions = positions
            if batch.empty and not self._unsaid:
                self.part.clock_ms = max(self.part.clock_ms, batch.clock_ms)
                return None
            return batch
        raise AssertionError("unreachable")

    async def _deliver(self, batch: Batch[Any, Any]) -> None:
        """Deposit what goes outside Kafka, commit the batch, then apply it.

        A deposit without its commit does no harm: the batch is decided again and deposits the same.

        An unknown outcome is settled by a new start of the producer with the same id: if the task
        record of this batch is then in the changelog, it was committed; if nothing new is, it was
        not, and is written again. If another owner has written, this task is a zombie and fenced:
        the look before the new start spares the owner from being fenced by it. A task that is
        closing leaves all that to its successor.
        """
        self._in_flight = batch
        if not await self._deposited(batch):
            return
        failpoints.reach("deposited")
        started = time.perf_counter()
        number = self._batch_number + 1
        record = TaskRecord(
            batch=number,
            clock_ms=batch.clock_ms,
            positions=self._next_positions,
            state_version=self.part.processor.state_version,
            stopped=batch.stopped,
            owner=self.id,
            came=() if self.part.schedule is None else self.part.schedule.seen,
        )
        outputs = self._outputs(batch)
        now_ms = batch.clock_ms
        encoded = self._encoded
        encoded[TASK_KEY] = msgspec.json.encode(record)
        changes = [
            Send(self.changelog_name, self.number, key.encode(), value, now_ms)
            for key, value in encoded.items()
        ]
        offsets = {
            topic: offset
            for topic, offset in self._next_positions.items()
            if offset != self.positions.get(topic) or self._batch_number == 0
        }
        for _ in range(COMMIT_TRIES):
            try:
                end = await self.log.commit(outputs=outputs, changelog=changes, offsets=offsets)
                break
            except OutcomeUnknown as unknown:
                self.observer.outcome_unknown(self, unknown)
                if self._closing:
                    return
                settle = partial(self._settled, number)
                await self._patiently(settle)
                await self._patiently(self.log.fence)
                settled = await self._patiently(settle)
                if settled is not None:
                    end = settled
                    break
        else:
            raise CommitUnknown(
                self.part.processor.name,
                self.number,
                f"batch {number} could not be committed in {COMMIT_TRIES} tries",
            )
        failpoints.reach("after-commit")
        self.part.apply(batch, encoded, end)
        self._in_flight = None
        failpoints.reach("after-apply")
        self._unsaid = False
        self._batch_number = number
        self.positions = self._next_positions
        self.progress.touch()
        self.progress.batches += 1
        self._report(batch, outputs, time.perf_counter() - started)

    async def _settled(self, number: int) -> int | None:
        """The changelog's end if our batch ``number`` is in it, None if nothing new is.

        Raises:
            Fenced: another owner has written.
        """
        store = self.part.store
        assert store is not None
        last, end = None, store.offset or 0
        async for chunk in self.log.changelog(end):
            for change in chunk:
                end = change.offset + 1
                if change.key == TASK_KEY.encode() and change.value is not None:
                    last = msgspec.json.decode(change.value, type=TaskRecord)
        if last is None:
            return None
        if (last.batch, last.owner) == (number, self.id):
            return end
        raise Fenced(
            f"the changelog is at batch {last.batch} of {last.owner}, this task at "
            f"{self._batch_number} of {self.id}"
        )

    def _outputs(self, batch: Batch[Any, Any]) -> list[Send]:
        sends = []
        for output in batch.outputs:
            effect = output.effect
            key = effect.key.encode()
            partition = effect.partition
            if partition is None:
                partition = partition_of(key, effect.topic.partitions or self.partitions)
            value = effect.value
            if isinstance(value, Envelope):
                value = value.__pydantic_serializer__.to_json(value, exclude_none=True)
            sends.append(
                Send(effect.topic.name, partition, key, value, output.at_ms, effect.headers)
            )
        for letter in batch.letters:
            dead_key, dead_value, headers = letter.to_record(self.part.sealer)
            partition = partition_of(dead_key, DEAD_LETTERS.partitions or self.partitions)
            sends.append(
                Send(
                    DEAD_LETTERS.name, partition, dead_key, dead_value, letter.timestamp_ms, headers
                )
            )
        return sends

    def _report(
        self, batch: Batch[Any, Any], outputs: Sequence[Send], commit_seconds: float
    ) -> None:
        counts: dict[str, int] = {}
        for send in outputs:
            counts[send.topic] = counts.get(send.topic, 0) + 1
        for failure in batch.failures:
            self.observer.rule_raised(self, failure)
        self.observer.batch_done(
            self,
            Done(
                records=batch.records,
                timers=batch.timers,
                decide_seconds=self._decide_seconds,
                commit_seconds=commit_seconds,
                letters=batch.letters,
                notes=batch.notes,
                outputs=counts,
                oldest_due_ms=batch.oldest_fired_ms,
                redriven=batch.redriven,
            ),
        )
        if batch.stopped:
            self.observer.stopped(self, batch.stopped)
