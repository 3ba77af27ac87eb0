"""F1–F4 and F23 where rows are written: workers killed and frozen, PostgreSQL away (I2, I5)."""

import asyncio
import contextlib
import random
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from deploy.database import migrate
from deploy.local.postgres import SETTINGS, Postgres
from runtime.engine.failpoints import OF_DELIVERIES
from tests.kit import feed
from tests.kit.assertions import assert_eventually, lapse
from tests.kit.lab import SESSION_S, Lab
from tests.kit.notebook import Notebook, folded, make_tables, positions, written
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT
from tests.kit.worker import Worker

SLOW = {"HOTLINE_BATCH_MAX_RECORDS": "20"}
"""Small transactions: a backlog lasts long enough for every fault to land in it."""
WITHIN = 90.0


class Ward:
    """A lab whose workers fill the tests' tables, and what those must hold."""

    def __init__(self, lab: Lab, dsn: str, rng: random.Random) -> None:
        self.lab = lab
        self.dsn = dsn
        self.rng = rng
        self.total = 0

    def worker(self, name: str = "", **environ: str) -> Worker:
        given = {**SLOW, "HOTLINE_POSTGRES_DSN": self.dsn, **environ}
        return self.lab.worker("notebook", name=name, **given)

    async def publish(self, count: int) -> None:
        records = feed.alarms(count, self.rng, start=self.total)
        await self.lab.publish(ALARMS_IN, records)
        self.total += count

    async def reaches(self, count: float) -> None:
        """Returns as soon as the positions say so many."""

        async def enough() -> bool:
            return sum((await positions(self.dsn)).values()) >= count

        await assert_eventually(
            enough, within=WITHIN, what=f"{count:.0f} are written", every=0.02, unless=self.lab.died
        )

    async def filled(self) -> None:
        """I5, and I2: the count of a subject forgives no record that is written twice."""
        await self.reaches(self.total)
        topics = {
            topic.name: await feed.read_topic(self.lab.bootstrap, self.lab.name(topic))
            for topic in (ALARMS_IN, ALARMS_OUT)
        }
        assert await written(self.dsn) == folded(topics)

    async def holds_now(self) -> None:
        """I5 in the middle of it: the rows are the fold of what lies below the positions."""
        connection = await asyncpg.connect(self.dsn)
        try:
            async with connection.transaction(isolation="repeatable_read"):
                at = {
                    (row["topic"].removeprefix(self.lab.prefix), row["partition"]): row[
                        "next_offset"
                    ]
                    for row in await connection.fetch("SELECT * FROM readmodel.positions")
                }
                lines = await connection.fetch("SELECT * FROM notebook.lines ORDER BY 1, 2, 3")
        finally:
            await connection.close()
        topics = {
            topic.name: await feed.read_topic(self.lab.bootstrap, self.lab.name(topic))
            for topic in (ALARMS_IN, ALARMS_OUT)
        }
        assert [tuple(line) for line in lines] == folded(topics, at)[0]


@pytest.fixture
async def ward(lab: Lab, dsn: str, rng: random.Random) -> Ward:
    await make_tables(dsn)
    return Ward(lab, dsn, rng)


@pytest.mark.long
async def test_F1_kills_over_a_backlog_leave_every_row_once(ward: Ward) -> None:
    await ward.publish(8_000)
    workers = [ward.worker().start() for _ in range(2)]
    for index, share in enumerate((0.15, 0.4, 0.65, 0.85)):
        await ward.reaches(share * ward.total)
        victim = workers[index % 2]
        victim.kill()
        await ward.holds_now()
        victim.start()
    await ward.filled()


async def test_F2_killed_around_the_databases_commit(ward: Ward) -> None:
    for point in (*OF_DELIVERIES, ""):
        await ward.publish(300)
        worker = ward.worker(name=f"at-{point or 'none'}", HOTLINE_GROUP_INSTANCE_ID="one")
        if point:
            worker.start(HOTLINE_FAILPOINT=f"{point}:{ward.rng.randrange(1, 8)}")
            assert await worker.ended(60) == -9, worker.log_tail()
            await ward.holds_now()
        else:
            worker.start()
            await ward.filled()


@pytest.mark.parametrize("point", OF_DELIVERIES)
async def test_F4_a_frozen_worker_that_wakes_after_its_successor_writes_nothing(
    ward: Ward, point: str
) -> None:
    """It freezes in its transaction, rows and position written: the commit is the next step."""
    await ward.publish(2_000)
    zombie = ward.worker(name="zombie")
    zombie.start(HOTLINE_FAILPOINT=f"{point}:{ward.rng.randrange(5, 30)}:stop")
    await assert_eventually(
        lambda: zombie.frozen, within=60, what="the failpoint froze it", unless=zombie.died
    )
    frozen_at = time.monotonic()
    assert sum((await positions(ward.dsn)).values()) < ward.total
    successor = ward.worker(name="successor").start()
    await ward.filled()
    await assert_eventually(
        lambda: time.monotonic() - frozen_at > 2 * SESSION_S,
        within=3 * SESSION_S,
        what="two sessions have passed",
    )
    zombie.cont()
    await ward.publish(500)
    await zombie.ready()
    await ward.filled()
    assert "lane.fenced" not in successor.log_text(), "the zombie fenced its successor"
    assert (zombie.running, successor.running) == (True, True)


@contextlib.asynccontextmanager
async def database_of_ones_own(directory: Path) -> AsyncIterator[Postgres]:
    server = Postgres.create(directory)
    await asyncio.to_thread(server.start)
    try:
        await migrate(server.dsn)
        await make_tables(server.dsn)
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)


async def test_F23_postgres_killed_full_and_restarted_is_waited_for(
    lab: Lab, rng: random.Random, tmp_path: Path
) -> None:
    async with database_of_ones_own(tmp_path / "postgres") as server:
        ward = Ward(lab, server.dsn, rng)
        await ward.publish(4_000)
        worker = ward.worker().start()
        await ward.reaches(500)

        server.kill()
        await waits(worker)
        assert not worker.healthy()
        await lapse(SESSION_S + 1)
        assert worker.running, worker.log_tail()
        await asyncio.to_thread(server.start)
        await goes_on(ward, worker, 1_500)

        server.stop()  # in order: sessions are told
        await asyncio.to_thread(server.start)
        await goes_on(ward, worker, 2_500)

        async with all_connections(server) as held:
            assert len(held) > 10
            await ward.publish(500)
            await waits(worker)
        await ward.filled()
        await worker.ready()
        assert worker.starts == 1, "it went on by itself"


async def waits(worker: Worker) -> None:
    """Returns once it says that it waits for the database, in health and in metrics."""

    def told() -> bool:
        lanes = worker.partitions(Notebook.name).values()
        waiting = [lane for lane in lanes if lane["state"] == "waiting"]
        metric = worker.metric("hotline_declared_wait", service="notebook", reason="unavailable")
        return bool(waiting) and "PostgreSQL" in waiting[0]["waiting"] and bool(metric)

    await assert_eventually(told, within=60, what="it waits, declared", unless=worker.died)


async def goes_on(ward: Ward, worker: Worker, count: float) -> None:
    await ward.reaches(count)
    await worker.ready()


@contextlib.asynccontextmanager
async def all_connections(server: Postgres) -> AsyncIterator[list[asyncpg.Connection]]:
    """Takes every connection that the server has, those of the workers as well."""
    held: list[asyncpg.Connection] = []
    try:
        first = await asyncpg.connect(server.dsn)
        held.append(first)

        async def full() -> bool:
            await first.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name LIKE 'hotline-%'"
            )
            while len(held) < int(SETTINGS["max_connections"]):
                try:
                    held.append(await asyncpg.connect(server.dsn))
                except asyncpg.TooManyConnectionsError:
                    break
            mine = await first.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'hotline-%'"
            )
            return not mine

        await assert_eventually(full, within=60, what="the server is full")
        yield held
    finally:
        await asyncio.gather(*(each.close() for each in held))
