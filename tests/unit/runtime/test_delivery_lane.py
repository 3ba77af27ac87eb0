"""A lane of a delivery on a real database; the topics are lists (F4, F23, I5)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import pytest

from runtime.database import Database
from runtime.delivery import positions
from runtime.delivery.lane import Lane, LaneState
from runtime.delivery.observer import DeliveryObserver
from runtime.delivery.rebuild import reset
from runtime.engine.ports import Unavailable
from runtime.errors import PositionAhead
from runtime.metrics import FENCED, POISON_STOP, RECORDS, WAITING, Metrics
from runtime.processor import Note, Record
from schemas.topics import Topic
from tests.kit.alarms import event
from tests.kit.assertions import assert_eventually
from tests.kit.notebook import UNREADABLE, Notebook, make_tables, written
from tests.kit.notebook import positions as standing
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT

IN, OUT = ALARMS_IN.name, ALARMS_OUT.name
TOPICS = {topic.name: topic for topic in (ALARMS_IN, ALARMS_OUT)}
SESSION_MS = 2_000
WITHIN = 30.0


def events(*subjects: str, start: int = 0, **data: Any) -> list[Record]:
    """Consecutive records of the first topic."""
    return [event(start + index, each, float(index), **data) for index, each in enumerate(subjects)]


def unreadable(offset: int) -> Record:
    return Record(ALARMS_IN, 0, offset, b"A", b"{", 0)


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


@dataclass
class Shelf:
    """The topics of partition 0, as a ``lane.Source``: what is read is pushed at once."""

    records: dict[str, list[Record]] = field(default_factory=lambda: {IN: [], OUT: []})
    firsts: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    lane: Lane | None = None
    down: int = 0
    reads: list[dict[str, int]] = field(default_factory=list)

    async def bounds(self, number: int) -> Mapping[str, tuple[int, int]]:
        if self.down:
            self.down -= 1
            raise Unavailable("the broker does not answer")
        return {name: (self.firsts.get(name, 0), self.end(name)) for name in self.records}

    def end(self, name: str) -> int:
        records = self.records[name]
        return self.ends.get(name, records[-1].offset + 1 if records else 0)

    def read_from(self, number: int, offsets: Mapping[str, int]) -> None:
        self.reads.append(dict(offsets))
        assert self.lane is not None
        for name, records in self.records.items():
            self.lane.push(name, [each for each in records if each.offset >= offsets[name]])

    def hold(self, number: int) -> None:
        """Nothing more is on its way."""

    def add(self, *records: Record, topic: str = IN) -> None:
        self.records[topic] += records
        if self.lane is not None and self.lane.reading:
            self.lane.push(topic, records)


@dataclass
class Stage:
    """A database, a shelf and the lanes that were started on them."""

    dsn: str
    shelf: Shelf = field(default_factory=Shelf)
    metrics: Metrics = field(default_factory=Metrics)
    running: list[asyncio.Task[None]] = field(default_factory=list)

    def lane(
        self,
        sink: Notebook | None = None,
        *,
        database: Database | None = None,
        shelf: Shelf | None = None,
        batch: int = 100,
        owner: str = "one",
    ) -> Lane:
        shelf = shelf or self.shelf
        shelf.lane = Lane(
            0,
            sink or Notebook(),
            TOPICS,
            database=database or Database(self.dsn, application="test"),
            source=shelf,
            observer=DeliveryObserver(Notebook.name, self.metrics),
            owner=owner,
            batch_max_records=batch,
            session_timeout_ms=SESSION_MS,
            slots=asyncio.Semaphore(4),
            room=asyncio.Event(),
        )
        return shelf.lane

    def start(self, *args: Any, **kwargs: Any) -> Lane:
        lane = self.lane(*args, **kwargs)
        self.running.append(asyncio.create_task(lane.run()))
        return lane

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        def ended() -> str | None:
            for run in self.running:
                if run.done() and run.exception() is not None:
                    return repr(run.exception())
            return None

        await assert_eventually(condition, within=WITHIN, what=what, unless=ended)

    async def at(self, lane: Lane, offset: int) -> None:
        await self.until(lambda: lane.offsets.get(IN) == offset, f"written up to {offset}")

    async def found(self) -> dict[str, positions.Position]:
        """What the positions say."""
        async with connected(self.dsn) as connection:
            return await positions.lane(connection, "notebook", 0, [IN, OUT])

    async def lines(self) -> list[tuple[int, str]]:
        """Offsets and ids of the first topic's lines."""
        lines, _ = await written(self.dsn)
        return [(at, name) for topic, _, at, name in lines if topic == IN]


@pytest.fixture
async def stage(dsn: str) -> AsyncIterator[Stage]:
    await make_tables(dsn)
    made = Stage(dsn)
    try:
        yield made
    finally:
        for run in made.running:
            run.cancel()
        await asyncio.gather(*made.running, return_exceptions=True)


async def test_rows_and_position_are_written_together_and_a_new_lane_goes_on_there(
    stage: Stage,
) -> None:
    stage.shelf.add(*events("A", "B", "A"))
    first = stage.start()
    await stage.at(first, 3)
    assert await stage.lines() == [(0, "e0"), (1, "e1"), (2, "e2")]
    assert (await written(stage.dsn))[1] == {"A": 2, "B": 1}
    first.close()
    await stage.running[-1]
    assert first.state is LaneState.CLOSED

    stage.shelf.add(*events("C", start=3))
    second = stage.start(owner="two")
    await stage.at(second, 4)
    assert stage.shelf.reads[-1] == {IN: 3, OUT: 0}
    assert [each.epoch for each in second.held.values()] == [2, 2]
    assert [name for _, name in await stage.lines()] == ["e0", "e1", "e2", "e3"]
    assert stage.metrics.read(RECORDS, service="notebook", partition=0) == 4


async def test_a_full_lane_writes_its_topics_in_one_transaction_a_batch(stage: Stage) -> None:
    stage.shelf.add(*events(*"ABCDE"))
    stage.shelf.add(*events(*"AB"), topic=OUT)
    lane = stage.start(batch=3)
    await stage.until(lambda: lane.offsets == {IN: 5, OUT: 2}, "both are written")
    assert lane.progress.batches == 3
    lines, seen = await written(stage.dsn)
    assert [(topic, at) for topic, _, at, _ in lines] == sorted(
        [(IN, at) for at in range(5)] + [(OUT, at) for at in range(2)]
    )
    assert seen == {"A": 2, "B": 2, "C": 1, "D": 1, "E": 1}


async def test_F4_a_lane_that_another_has_claimed_writes_nothing_more(stage: Stage) -> None:
    stage.shelf.add(*events("A"))
    old = stage.start()
    await stage.at(old, 1)
    new = stage.start(shelf=Shelf(records={IN: events("A"), OUT: []}), owner="two")
    await stage.at(new, 1)

    stage.shelf.lane = old
    stage.shelf.add(*events("A", start=1))
    await stage.until(lambda: old.fenced, "it is fenced")
    assert old.offsets[IN] == 1
    assert await stage.lines() == [(0, "e0")]
    assert new.running


async def test_F4_a_worker_that_froze_in_a_transaction_does_not_stand_in_its_successors_way(
    stage: Stage,
) -> None:
    """The database ends a session that is silent for as long as the group would wait for it."""
    lane = stage.lane()
    await lane._start()

    async def freeze() -> None:
        async with lane._transaction() as frozen:
            assert await positions.move(frozen, "notebook", 0, lane.held, {IN: 1})
            successor = stage.start(shelf=Shelf(), owner="two")
            await stage.until(lambda: successor.running, "the successor has claimed")
            assert successor.offsets == {IN: 0, OUT: 0}
            await lane._rows(frozen, ALARMS_IN, events("A"))

    with pytest.raises(Unavailable):
        await freeze()
    assert await stage.lines() == []


class Forgetful(Database):
    """Commits, and then says that it does not answer, as a connection that breaks does."""

    forget = 0
    commit = True

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        forget = self.forget
        self.forget = max(0, forget - 1)
        with contextlib.suppress(ZeroDivisionError):
            async with super().transaction() as connection:
                yield connection
                if forget and not self.commit:
                    raise ZeroDivisionError
        if forget:
            raise Unavailable("the connection was lost")


@pytest.mark.parametrize("commit", [True, False], ids=["committed", "rolled back"])
async def test_a_commit_whose_answer_was_lost_is_settled_by_the_position(
    stage: Stage, commit: bool
) -> None:
    database = Forgetful(stage.dsn, application="test")
    lane = stage.start(database=database)
    await stage.until(lambda: lane.running, "it has claimed")
    database.forget, database.commit = 1, commit
    stage.shelf.add(*events(*"AB"))
    await stage.at(lane, 2)
    assert await stage.lines() == [(0, "e0"), (1, "e1")]
    assert lane.progress.batches == 1


async def test_F23_a_database_that_does_not_answer_is_a_declared_wait(stage: Stage) -> None:
    database = Forgetful(stage.dsn, application="test")
    lane = stage.start(database=database)
    await stage.until(lambda: lane.running, "it has claimed")
    database.forget, database.commit = 1_000_000, False
    stage.shelf.add(*events("A"))
    await stage.until(lambda: lane.waits_for is not None, "it waits")
    observer = DeliveryObserver("notebook", stage.metrics)
    observer.levels([lane])
    assert (lane.state, lane.waiting, lane.buffered) == (LaneState.WAITING, True, 1)
    assert stage.metrics.read(WAITING, service="notebook", reason="unavailable") == 1
    database.forget = 0
    await stage.at(lane, 1)
    observer.levels([lane])
    assert (lane.waits_for, lane.running) == (None, True)
    assert stage.metrics.read(WAITING, service="notebook", reason="unavailable") == 0
    assert await stage.lines() == [(0, "e0")]


async def test_a_record_that_the_sink_raises_on_stops_the_lane_and_all_before_it_is_written(
    stage: Stage,
) -> None:
    stage.shelf.add(*events(*"ABC"), *events("A", start=3, boom=True), *events(*"DE", start=4))
    notebook = Notebook()
    lane = stage.start(notebook)
    await stage.until(lambda: lane.stopped is not None and lane.waiting, "it has stopped")
    assert lane.stopped == f"ValueError: boom at e3 at {IN}-0-3"
    assert [at for at, _ in await stage.lines()] == [0, 1, 2]
    DeliveryObserver("notebook", stage.metrics).levels([lane])
    assert stage.metrics.read(POISON_STOP, service="notebook", partition=0) == 1

    lane.resume()
    await stage.until(lambda: lane.stopped is not None and lane.waiting, "it has stopped again")
    assert [at for at, _ in await stage.lines()] == [0, 1, 2]
    notebook.fixed = True
    lane.resume()
    await stage.at(lane, 6)
    assert [at for at, _ in await stage.lines()] == [0, 1, 2, 3, 4, 5]


async def test_what_cannot_be_read_is_the_sinks_business_and_stops_nothing(stage: Stage) -> None:
    stage.shelf.add(*events("A"), unreadable(1), *events("B", start=2))
    lane = stage.start()
    await stage.at(lane, 3)
    assert await stage.lines() == [(0, "e0"), (1, UNREADABLE), (2, "e2")]


class Broken(Notebook):
    """Raises what a database that is away raises, too, but on a connection that is in order."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def write(
        self, connection: Any, topic: Topic, partition: int, records: Sequence[Record]
    ) -> Sequence[Note]:
        raise self.error


@pytest.mark.parametrize("error", [asyncpg.InterfaceError("2 arguments, 3 wanted"), OSError("x")])
async def test_a_defect_of_the_sink_is_no_outage(stage: Stage, error: Exception) -> None:
    stage.shelf.add(*events("A"))
    lane = stage.start(Broken(error))
    await stage.until(lambda: lane.stopped is not None, "it has stopped")
    assert lane.waits_for is None


async def test_a_rebuild_empties_the_tables_and_the_running_lane_fills_them_anew(
    stage: Stage,
) -> None:
    stage.shelf.add(*events(*"ABCA"))
    lane = stage.start()
    await stage.at(lane, 4)
    await reset(Database(stage.dsn, application="test"), Notebook())
    assert await written(stage.dsn) == ([], {})
    assert set((await standing(stage.dsn)).values()) == {0}

    stage.shelf.add(*events("B", start=4))
    await stage.at(lane, 5)
    assert stage.shelf.reads[-1] == {IN: 0, OUT: 0}
    assert (await written(stage.dsn))[1] == {"A": 2, "B": 2, "C": 1}
    assert stage.metrics.read(FENCED, service="notebook", partition=0) == 0


async def test_a_quiet_lane_hears_of_a_rebuild_too(stage: Stage) -> None:
    """No record comes that would tell it."""
    stage.shelf.add(*events(*"AB"))
    lane = stage.start()
    await stage.at(lane, 2)
    await reset(Database(stage.dsn, application="test"), Notebook())
    lane.look(await stage.found())
    await stage.until(lambda: len(stage.shelf.reads) == 2 and lane.offsets[IN] == 2, "filled anew")
    lane.look(await stage.found())
    assert (await stage.found())[IN].epoch == 3, "claimed, reset, claimed, and no more"
    assert [at for at, _ in await stage.lines()] == [0, 1]


async def test_markers_of_transactions_are_passed_when_it_is_quiet(stage: Stage) -> None:
    stage.shelf.add(*events("A"))
    lane = stage.start()
    await stage.at(lane, 1)
    lane.note_fetched(IN, 3)
    await stage.at(lane, 3)
    assert (await standing(stage.dsn))[IN, 0] == 3


async def test_what_retention_took_before_the_first_start_is_nothing_missing(stage: Stage) -> None:
    stage.shelf.records[IN] = events("A", start=7)
    stage.shelf.firsts[IN] = 7
    lane = stage.start()
    await stage.at(lane, 8)
    assert stage.shelf.reads == [{IN: 7, OUT: 0}]
    assert await stage.lines() == [(7, "e7")]


async def test_a_paused_lane_writes_nothing_until_it_is_resumed(stage: Stage) -> None:
    lane = stage.lane()
    lane.pause()
    stage.running.append(asyncio.create_task(lane.run()))
    stage.shelf.records[IN] = events("A")
    await stage.until(lambda: lane.state is LaneState.PAUSED, "it is paused")
    assert await stage.lines() == []
    lane.resume()
    await stage.at(lane, 1)


async def test_a_broker_that_does_not_answer_is_asked_again(stage: Stage) -> None:
    stage.shelf.down = 2
    stage.shelf.records[IN] = events("A")
    lane = stage.start()
    await stage.at(lane, 1)


async def test_a_topic_that_was_made_anew_is_an_error_not_a_silence(stage: Stage) -> None:
    stage.shelf.add(*events(*"ABC"))
    lane = stage.start()
    await stage.at(lane, 3)
    lane.close()
    shorter = stage.lane(shelf=Shelf(records={IN: events("A"), OUT: []}))
    with pytest.raises(PositionAhead, match=f"{IN} partition 0 up to 3, which ends at 1"):
        await shorter.run()


@pytest.mark.parametrize("table", ["notebook.subjects", "readmodel.positions"])
async def test_tables_that_are_not_there_yet_are_waited_for(stage: Stage, table: str) -> None:
    async with connected(stage.dsn) as connection:
        await connection.execute(f"ALTER TABLE {table} RENAME TO later")
        stage.shelf.records[IN] = events("A")
        lane = stage.start()
        await stage.until(lambda: lane.waits_for is not None, "it waits")
        assert "run hotline database migrate" in (lane.waits_for or "")
        schema, name = table.split(".")
        await connection.execute(f"ALTER TABLE {schema}.later RENAME TO {name}")
    await stage.at(lane, 1)


async def test_a_move_of_any_other_claim_or_offset_moves_nothing(stage: Stage) -> None:
    async with connected(stage.dsn) as connection:
        held = await positions.claim(connection, "notebook", 0, [IN, OUT], "one")
        assert await positions.move(connection, "notebook", 0, held, {IN: 5})
        for wrong in (
            held,
            {**held, IN: replace(held[IN], next_offset=5, epoch=0)},
            {**held, IN: replace(held[IN], next_offset=5), OUT: replace(held[OUT], epoch=9)},
        ):
            attempt = connection.transaction()
            await attempt.start()
            assert not await positions.move(connection, "notebook", 0, wrong, {IN: 9})
            await attempt.rollback()
        found = await positions.lane(connection, "notebook", 0, [IN, OUT])
        assert found[IN].next_offset == 5
        other = await positions.claim(connection, "notebook", 1, [IN], "one")
        assert other[IN].epoch == 1
