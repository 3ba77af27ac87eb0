"""One partition number of a sink: all its topics, one database transaction after the other.

A lane is born at an assignment and dies with it. What it may not do any more after that, the
database refuses: a transaction moves the positions under the epoch that the lane has claimed.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

from runtime.database import Database, asking
from runtime.delivery import positions
from runtime.delivery.positions import REBUILD, Position
from runtime.delivery.sink import Sink
from runtime.engine import failpoints
from runtime.engine.ports import Unavailable
from runtime.engine.task import Progress
from runtime.errors import PositionAhead
from runtime.log import describe_error
from runtime.processor import Note, Record
from schemas.topics import Topic

T = TypeVar("T")

RETRY_SECONDS: Final = 0.5
"""Between two tries of what did not answer."""
QUIET_SECONDS: Final = 1.0
"""After so long without a record the position passes the markers of transactions that came last:
sooner, each of the log's transactions would cost one of the database's."""


class LaneState(StrEnum):
    STARTING = "starting"
    """Claims its positions, or waits for the broker to say where the topics begin and end."""
    RUNNING = "running"
    PAUSED = "paused"
    """By an operator, or because the sink raised: a declared wait, exempt from the watchdog."""
    WAITING = "waiting"
    """For the database: a declared wait as well (F23)."""
    FENCED = "fenced"
    CLOSED = "closed"


class Source(Protocol):
    """The topics of one lane, as its service reads them."""

    async def bounds(self, number: int) -> Mapping[str, tuple[int, int]]:
        """First offset and last stable one, by topic. Raises ``Unavailable``."""

    def read_from(self, number: int, offsets: Mapping[str, int]) -> None:
        """Push what lies from these offsets on."""

    def hold(self, number: int) -> None:
        """Push nothing until ``read_from``."""


class Observer(Protocol):
    """Who is told what a lane does: metrics and the log, once per batch."""

    def claimed(self, lane: "Lane", held: Mapping[str, Position]) -> None: ...
    def delivered(self, lane: "Lane", done: "Delivered") -> None: ...
    def stopped(self, lane: "Lane", position: str, error: BaseException) -> None: ...
    def deleted_unread(self, lane: "Lane", topic: str, position: int, first: int) -> None: ...
    def wait_began(self, lane: "Lane", reason: str) -> None: ...
    def wait_ended(self, lane: "Lane", seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a committed transaction reports."""

    records: int
    seconds: float
    notes: Sequence[Note]


@dataclass(frozen=True, slots=True)
class _Batch:
    records: Mapping[str, Sequence[Record]]
    to: Mapping[str, int]

    @property
    def count(self) -> int:
        return sum(len(each) for each in self.records.values())


class _Lost(Exception):
    """Epoch or offset are not what the lane holds."""

    def __init__(self, *, rebuilt: bool) -> None:
        super().__init__("rebuilt" if rebuilt else "fenced")
        self.rebuilt = rebuilt


class _SinkRaised(Exception):
    """The sink's own error, told apart from a database that does not answer."""

    def __init__(self, record: Record, error: Exception) -> None:
        super().__init__(str(error))
        self.record = record
        self.error = error


class Lane:
    """Claims its positions, then writes what is pushed, in order."""

    def __init__(
        self,
        number: int,
        sink: Sink,
        topics: Mapping[str, Topic],
        *,
        database: Database,
        source: Source,
        observer: Observer,
        owner: str,
        batch_max_records: int,
        session_timeout_ms: int,
        slots: asyncio.Semaphore,
        room: asyncio.Event,
    ) -> None:
        """
        Args:
            topics: the sink's, by the names at the broker.
            owner: who we are, for a person who reads the positions.
            session_timeout_ms: after which a successor comes; the database ends a transaction in
                which we were silent for as long, so that it does not stand in the successor's way.
            slots: as many as there are connections for all lanes.
            room: set whenever records were taken, so that the poll loop looks again.
        """
        self.number = number
        self.sink = sink
        self.topics = dict(topics)
        self.state = LaneState.STARTING
        self.progress = Progress()
        self.held: dict[str, Position] = {}
        self.fetched: dict[str, int] = {}
        """The next offset to be pushed, by topic."""
        self.reads = 0
        """Rises whenever reading starts anew: what was on its way before is to be dropped."""
        self.reading = False
        self.stopped: str | None = None
        """Which record the sink raised on, and how."""
        self.waits_for: str | None = None
        """What did not answer, while the lane waits for it."""
        self._database = database
        self._source = source
        self._observer = observer
        self._owner = owner
        self._limit = batch_max_records
        self._silence_ms = str(session_timeout_ms)
        self._slots = slots
        self._room = room
        self._buffer: deque[tuple[str, Record]] = deque()
        self._in_hand = 0
        self._careful = 0
        self._rebuilt_meanwhile = False
        self._wake = asyncio.Event()
        self._waits_since = 0.0
        self._unsure = False
        self._notes: list[Note] = []
        self._paused = False
        self._closing = False

    # -- from the outside ----------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self.state is LaneState.RUNNING

    @property
    def waiting(self) -> bool:
        """Whether it waits and says so (exempt from the watchdog)."""
        return self.state in (LaneState.PAUSED, LaneState.WAITING)

    @property
    def waiting_seconds(self) -> float:
        """For how long the database has not answered; 0: it does."""
        return 0.0 if self.waits_for is None else time.monotonic() - self._waits_since

    @property
    def fenced(self) -> bool:
        return self.state is LaneState.FENCED

    @property
    def buffered(self) -> int:
        """Records that were pushed and are not committed."""
        return len(self._buffer) + self._in_hand

    @property
    def full(self) -> bool:
        """Whether it should be given no more records now."""
        return not self.reading or len(self._buffer) >= 4 * self._limit

    @property
    def offsets(self) -> dict[str, int]:
        """The next offsets that are not in the database, by topic at the broker."""
        return {name: position.next_offset for name, position in self.held.items()}

    def push(self, name: str, records: Sequence[Record]) -> None:
        """Hand over records of a topic, in order; what came before is passed over."""
        at = self.fetched[name]
        fresh = [record for record in records if record.offset >= at]
        if fresh:
            self._buffer.extend((name, record) for record in fresh)
            self.fetched[name] = fresh[-1].offset + 1
            self._wake.set()

    def note_fetched(self, name: str, position: int) -> None:
        """There was nothing to push before this offset (markers of transactions)."""
        self.fetched[name] = max(self.fetched[name], position)

    def pause(self) -> None:
        """Start no new transaction."""
        self._paused = True
        self._wake.set()

    def resume(self) -> None:
        """Go on after ``pause``, or try the record again that the sink raised on."""
        self._paused, self.stopped = False, None
        self._wake.set()

    def look(self, found: Mapping[str, Position]) -> None:
        """What the positions say now: a lane without records would not hear of a rebuild."""
        if self.reading and _owned_by_rebuild(found) and not _same_epochs(found, self.held):
            self._rebuilt_meanwhile = True
            self._wake.set()

    def close(self) -> None:
        """Start no new transaction and end."""
        self._closing = True
        self._wake.set()

    # -- life ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until it is closed or fenced. What it raises ends the worker.

        Raises:
            PositionAhead: the topic ends before the position.
        """
        while not self._closing:
            try:
                await self._start()
                while not self._closing:
                    await self._turn()
            except _Lost as lost:
                self._drop()
                if not lost.rebuilt:
                    self.state = LaneState.FENCED
                    return
        self.state = LaneState.CLOSED

    def _drop(self) -> None:
        """What was read is no longer what comes next."""
        self.reading = False
        self._source.hold(self.number)
        self._buffer.clear()
        self._in_hand, self._careful, self._unsure = 0, 0, False
        self._rebuilt_meanwhile = False
        self.state, self.stopped = LaneState.STARTING, None

    async def _start(self) -> None:
        """Claim, then read from there."""
        held = await self._insist(self._claim)
        bounds = await self._bounds()
        if held is None or bounds is None:
            return
        start = {}
        for name, position in held.items():
            first, end = bounds[name]
            if position.next_offset > end:
                raise PositionAhead(
                    self.sink.name, name, self.number, position=position.next_offset, end=end
                )
            if 0 < position.next_offset < first:
                self._observer.deleted_unread(self, name, position.next_offset, first)
            start[name] = max(first, position.next_offset)
        self.held, self.fetched = held, dict(start)
        self.reads += 1
        self.reading = True
        self.state = LaneState.RUNNING
        self.progress.touch()
        self._source.read_from(self.number, start)
        self._observer.claimed(self, held)
        self._room.set()

    async def _claim(self) -> dict[str, Position]:
        async with self._slots, self._transaction() as connection:
            return await positions.claim(
                connection, self.sink.name, self.number, list(self.topics), self._owner
            )

    async def _bounds(self) -> Mapping[str, tuple[int, int]] | None:
        while not self._closing:
            try:
                return await self._source.bounds(self.number)
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
        return None

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        async with self._database.transaction() as connection:
            await connection.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', $1, true)",
                self._silence_ms,
            )
            yield connection

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Ask the database again and again while it does not answer, in a declared wait (F23).

        None: the lane was closed before there was an answer.
        """
        before = self.state
        while not self._closing:
            try:
                answer = await ask()
            except Unavailable as unavailable:
                if self.waits_for is None:
                    self._waits_since = time.monotonic()
                    self._observer.wait_began(self, str(unavailable))
                self.waits_for = str(unavailable)
                self.state = LaneState.WAITING
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except Exception:
                self._answered(before)
                raise
            self._answered(before)
            return answer
        return None

    def _answered(self, before: LaneState) -> None:
        if self.waits_for is not None:
            self._observer.wait_ended(self, self.waiting_seconds)
            self.waits_for = None
            self.progress.touch()
        self.state = before

    # -- a transaction ---------------------------------------------------------------------------

    async def _turn(self) -> None:
        """Wait for records, write them; or pass the markers behind the last one."""
        if self._rebuilt_meanwhile:
            raise _Lost(rebuilt=True)
        if self._paused or self.stopped is not None:
            self.state = LaneState.PAUSED
            self._wake.clear()
            if not self._closing and (self._paused or self.stopped is not None):
                await self._wake.wait()
            return
        self.state = LaneState.RUNNING
        if not self._buffer:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), QUIET_SECONDS)
            except TimeoutError:
                if self.fetched == self.offsets:
                    return
        halted = self._closing or self._paused or self._rebuilt_meanwhile
        if halted or not (self._buffer or self.fetched != self.offsets):
            return
        batch = self._take()
        if batch.to:
            await self._deliver(batch)

    def _take(self) -> _Batch:
        records: dict[str, list[Record]] = {}
        to: dict[str, int] = {}
        for _ in range(min(len(self._buffer), 1 if self._careful else self._limit)):
            name, record = self._buffer.popleft()
            records.setdefault(name, []).append(record)
            to[name] = record.offset + 1
        left = {name for name, _ in self._buffer}
        to |= {
            name: at
            for name, at in self.fetched.items()
            if name not in left and at > self.held[name].next_offset
        }
        return _Batch(records, to)

    async def _deliver(self, batch: _Batch) -> None:
        """One transaction; one whose answer was lost is settled by what the positions say."""
        started = time.perf_counter()
        self._in_hand, self._unsure = batch.count, False
        self._room.set()
        try:
            done = await self._insist(lambda: self._write(batch))
        except _SinkRaised as raised:
            self._give_back(batch)
            if batch.count > 1:
                # Once more, record by record, so that all before the one that it is is written.
                self._careful = batch.count
            else:
                position = f"{raised.record.topic.name}-{self.number}-{raised.record.offset}"
                self.stopped = f"{describe_error(raised.error)} at {position}"
                self._observer.stopped(self, position, raised.error)
            return
        if done is None:
            self._give_back(batch)
            return
        self._in_hand = 0
        self._careful = max(0, self._careful - batch.count)
        self.held = {
            name: replace(position, next_offset=batch.to.get(name, position.next_offset))
            for name, position in self.held.items()
        }
        self.progress.batches += 1
        self.progress.touch()
        seconds = time.perf_counter() - started
        self._observer.delivered(self, Delivered(batch.count, seconds, self._notes))

    def _give_back(self, batch: _Batch) -> None:
        self._in_hand = 0
        for name, records in reversed(list(batch.records.items())):
            self._buffer.extendleft((name, record) for record in reversed(records))

    async def _write(self, batch: _Batch) -> bool:
        """Write rows and position:

        1. where an earlier try had no answer: look whether it is in force;
        2. move the positions: not exactly those that we hold → nothing is written, we are fenced;
        3. the rows, topic by topic;
        4. commit.
        """
        async with self._slots:
            if self._unsure and await self._committed(batch):
                return True
            self._unsure = True
            async with self._transaction() as connection:
                if not await positions.move(
                    connection, self.sink.name, self.number, self.held, batch.to
                ):
                    raise _Lost(rebuilt=await self._was_rebuilt(connection))
                self._notes = []
                for name, records in batch.records.items():
                    self._notes += await self._rows(connection, self.topics[name], records)
                failpoints.reach("rows-written")
            failpoints.reach("rows-committed")
        return True

    async def _rows(self, connection: Any, topic: Topic, records: Sequence[Record]) -> list[Note]:
        try:
            with asking():
                return list(await self.sink.write(connection, topic, self.number, records))
        except Unavailable as unavailable:
            # A sink may raise an OSError of its own; then the connection is in order.
            error = unavailable.__cause__
            own = isinstance(error, OSError) and not isinstance(error, TimeoutError)
            if own and not connection.is_closed():
                assert isinstance(error, Exception)
                raise _SinkRaised(records[0], error) from error
            raise
        except Exception as error:
            if connection.is_closed():
                raise Unavailable(f"PostgreSQL: {error!r}") from error
            raise _SinkRaised(records[0], error) from error

    async def _committed(self, batch: _Batch) -> bool:
        """Whether the transaction whose answer was lost is in force."""
        async with self._transaction() as connection:
            found = await positions.lane(connection, self.sink.name, self.number, list(self.topics))
        if not _same_epochs(found, self.held):
            raise _Lost(rebuilt=_owned_by_rebuild(found))
        return all(found[name].next_offset == offset for name, offset in batch.to.items())

    async def _was_rebuilt(self, connection: Any) -> bool:
        found = await positions.lane(connection, self.sink.name, self.number, list(self.topics))
        return _owned_by_rebuild(found)


def _same_epochs(found: Mapping[str, Position], held: Mapping[str, Position]) -> bool:
    return all(name in found and found[name].epoch == held[name].epoch for name in held)


def _owned_by_rebuild(found: Mapping[str, Position]) -> bool:
    return bool(found) and all(position.owner == REBUILD for position in found.values())
