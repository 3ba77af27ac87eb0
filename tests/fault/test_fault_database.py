"""F23 for intake: PostgreSQL killed, full and not yet migrated while a city calls.

Intake waits and says so, nothing is lost, nobody becomes somebody else, and it goes on by itself.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.database import migrate
from deploy.local.postgres import Postgres
from runtime.database import Database
from schemas.topics import INBOX, TICKETS
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.lab import Lab
from tests.kit.ledger import RING, Ledger, Watcher
from tests.kit.worker import Worker
from vault.snapshot import Snapshot

SLOW = {"HOTLINE_BATCH_MAX_RECORDS": "20"}
"""Small transactions: a backlog lasts long enough for every fault to land in it."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A server of the test's own, without tables."""
    made = Postgres.create(tmp_path / "postgres")
    made.start()
    yield made
    made.kill()


def worker(lab: Lab, server: Postgres, *services: str) -> Worker:
    given = {**SLOW, "HOTLINE_POSTGRES_DSN": server.dsn}
    return lab.worker(*(services or ("intake", "dedup")), **given)


async def says_that_it_waits(one: Worker, *, because: str = "PostgreSQL") -> None:
    """Health names what is waited for; metrics count how long."""

    def says() -> bool:
        tasks = one.partitions("intake").values()
        named = any(because in (task["waiting"] or "") for task in tasks)
        return named and not one.healthy() and bool(one.metric("hotline_outside_wait_seconds"))

    await assert_eventually(
        says, within=60, what="intake says that it waits", every=0.1, unless=one.died
    )


async def all_is_there(one: Worker, lab: Lab, server: Postgres) -> None:
    """The worker went on by itself and ends in order. Every event is there once, each citizen as
    the table knows them, and each receipt of somebody with a number has its original."""
    await one.ready()
    one.term()  # its ticks would go on while the ledger reads
    assert await one.ended(30) == 0
    assert await originals(lab.ledger, server) == await receipts(lab)


async def originals(ledger: Ledger, server: Postgres) -> int:
    """How many are kept and can be opened; the log is compared with the table on the way."""
    database = Database(server.dsn, application="test", connections=1)
    try:
        await ledger.check_city(directory=await Snapshot.load(database, RING))
        async with database.connection() as connection:
            unsealed = await connection.fetchval(
                "SELECT count(*) FROM vault.originals o LEFT JOIN vault.data_keys k "
                "ON k.citizen = o.citizen WHERE k.wrapped IS NULL"
            )
            assert unsealed == 0
            count = await connection.fetchval("SELECT count(*) FROM vault.originals")
            assert isinstance(count, int)
            return count
    finally:
        await database.close()


async def all_is_taken(lab: Lab) -> None:
    await lab.drained("intake", INBOX)
    await lab.drained("dedup", TICKETS)


async def receipts(lab: Lab) -> int:
    """Tickets of somebody with a number: each has an original."""
    log = await lab.ledger.read(TICKETS)
    return sum(
        b'"hotline.ticket.received.v1"' in record.value
        for records in log.values()
        for record in records
    )


async def test_F23_postgres_killed_under_intake_loses_nothing(
    lab: Lab, server: Postgres, rng: random.Random
) -> None:
    await migrate(server.dsn)
    total = 3_000
    records = feed.city(total + 500, rng)
    await lab.publish(INBOX, records[:total])
    one = worker(lab, server).start()
    async with lab.ledger.watching("intake", INBOX, TICKETS) as watcher:
        for share in (0.2, 0.5):
            await watcher.reaches(share * total)
            await asyncio.to_thread(server.kill)
            await says_that_it_waits(one)
            await nothing_is_committed(watcher)
            if share > 0.3:
                await lab.publish(INBOX, records[total:])
            await asyncio.to_thread(server.start)
        await all_is_taken(lab)
    assert one.starts == 1
    await all_is_there(one, lab, server)


async def nothing_is_committed(watcher: Watcher) -> None:
    """While the database is away; until the watcher has looked a few times more."""
    before, seen = watcher.done, len(watcher.samples)
    await assert_eventually(
        lambda: len(watcher.samples) > seen + 5 or watcher.done > before,
        within=30,
        what="the watcher looks again",
        every=0.05,
    )
    assert watcher.done == before, "intake went on without its database"


@pytest.mark.long
async def test_F23_worker_and_postgres_killed_together_lose_nothing(
    lab: Lab, server: Postgres, rng: random.Random
) -> None:
    """Both come back in either order: the worker first, to a database that is not there."""
    await migrate(server.dsn)
    total = 1_500
    await lab.publish(INBOX, feed.city(total, rng))
    one = worker(lab, server).start()
    async with lab.ledger.watching("intake", INBOX, TICKETS) as watcher:
        await watcher.reaches(0.4 * total)
        one.kill()
        await asyncio.to_thread(server.kill)
        one.start()
        await says_that_it_waits(one)
        await asyncio.to_thread(server.start)
        await all_is_taken(lab)
    await all_is_there(one, lab, server)


async def test_F23_tables_that_are_not_there_yet_are_waited_for(
    lab: Lab, server: Postgres, rng: random.Random
) -> None:
    await lab.publish(INBOX, feed.city(200, rng))
    one = worker(lab, server).start()
    await says_that_it_waits(one, because="run hotline database migrate")
    await migrate(server.dsn)
    await all_is_taken(lab)
    await all_is_there(one, lab, server)


@contextlib.asynccontextmanager
async def every_connection_taken(dsn: str) -> AsyncIterator[None]:
    """Others hold all that the server gives."""
    held = []
    try:
        while True:
            try:
                held.append(await asyncpg.connect(dsn))
            except asyncpg.TooManyConnectionsError:
                break
        yield
    finally:
        for each in held:
            await each.close()


@pytest.mark.long
async def test_F23_a_server_that_gives_no_connection_is_waited_for(
    lab: Lab, server: Postgres, rng: random.Random
) -> None:
    await migrate(server.dsn)
    await lab.publish(INBOX, feed.city(200, rng))
    one = worker(lab, server)
    async with every_connection_taken(server.dsn):
        one.start()
        await says_that_it_waits(one, because="TooManyConnections")
    await all_is_taken(lab)
    await all_is_there(one, lab, server)
