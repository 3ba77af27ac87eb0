"""F23, at the database: what passes by itself is ``Unavailable`` and said plainly; no bug is."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local.postgres import Postgres
from runtime import database as module
from runtime.database import Database
from runtime.engine.ports import Unavailable


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Postgres]:
    """A server that the test may stop and kill."""
    server = Postgres.create(tmp_path / "postgres")
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn, application="test", connections=2)
    yield database
    await database.close()


async def one(database: Database) -> Any:
    async with database.connection() as connection:
        return await connection.fetchval("SELECT 1")


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_F23_a_database_that_goes_down_is_unavailable_and_comes_back_by_itself(
    own: Postgres, how: str
) -> None:
    database = Database(own.dsn, application="test")
    assert await one(database) == 1

    async def interrupted() -> None:
        async with database.connection() as connection:
            await asyncio.to_thread(getattr(own, how))
            await connection.fetchval("SELECT 1")

    with pytest.raises(Unavailable, match="PostgreSQL: "):
        await interrupted()
    for _ in range(3):
        with pytest.raises(Unavailable, match="Connect"):
            await one(database)
    await asyncio.to_thread(own.start)
    assert await one(database) == 1
    await database.close()


async def test_F23_a_database_that_is_down_at_the_start_is_no_error_yet(own: Postgres) -> None:
    dsn = own.dsn
    await asyncio.to_thread(own.stop)
    database = Database(dsn, application="test")
    with pytest.raises(Unavailable):
        await one(database)
    await asyncio.to_thread(own.start)
    assert await one(database) == 1
    await database.close()


async def test_F23_what_a_transaction_did_before_the_crash_is_not_there(own: Postgres) -> None:
    database = Database(own.dsn, application="test")
    async with database.connection() as connection:
        await connection.execute("CREATE TABLE kept (n int)")

    async def interrupted() -> None:
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO kept VALUES (1)")
            await asyncio.to_thread(own.kill)

    with pytest.raises(Unavailable):
        await interrupted()
    await asyncio.to_thread(own.start)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM kept") == 0
    await database.close()


async def test_a_pool_with_no_free_connection_is_unavailable_after_a_while(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    async with database.connection(), database.connection():
        with pytest.raises(Unavailable, match="TimeoutError"):
            await one(database)
    assert await one(database) == 1


async def test_a_server_with_no_free_connection_is_unavailable(own: Postgres) -> None:
    database = Database(own.dsn, application="test")
    others: list[Any] = []

    async def fill() -> None:
        while len(others) < 1_000:
            others.append(await asyncpg.connect(own.dsn))

    with pytest.raises(asyncpg.TooManyConnectionsError):
        await fill()
    with pytest.raises(Unavailable, match="TooManyConnections"):
        await one(database)
    for other in others:
        await other.close()
    assert await one(database) == 1
    await database.close()


async def test_a_statement_that_takes_too_long_is_unavailable(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND_SECONDS", 0.2)
    database = Database(dsn, application="test")
    with pytest.raises(Unavailable, match="TimeoutError"):
        async with database.connection() as connection:
            await connection.execute("SELECT pg_sleep(60)")
    assert await one(database) == 1
    await database.close()


async def test_a_session_that_an_administrator_ends_is_unavailable(database: Database) -> None:
    async def ended() -> None:
        async with database.connection() as other, database.connection() as connection:
            number = await connection.fetchval("SELECT pg_backend_pid()")
            await other.execute("SELECT pg_terminate_backend($1)", number)
            await connection.fetchval("SELECT 1")

    with pytest.raises(Unavailable):
        await ended()
    assert await one(database) == 1


async def test_tables_that_are_not_there_are_waited_for_and_say_what_to_do(
    database: Database,
) -> None:
    with pytest.raises(Unavailable, match="hotline database migrate"):
        async with database.connection() as connection:
            await connection.fetchval("SELECT n FROM nothing_of_ours")


BUGS: dict[str, tuple[type[Exception], str, tuple[Any, ...]]] = {
    "no SQL": (asyncpg.PostgresSyntaxError, "SELEC 1", ()),
    "a wrong argument": (asyncpg.DataError, "SELECT $1::int", ("x",)),
    "too few arguments": (asyncpg.InterfaceError, "SELECT $1::int", ()),
    "a constraint": (asyncpg.NotNullViolationError, "INSERT INTO t VALUES (NULL)", ()),
    "a division": (asyncpg.DivisionByZeroError, "SELECT 1 / 0", ()),
}


@pytest.mark.parametrize("bug", BUGS)
async def test_an_error_of_ours_stays_what_it_is(database: Database, bug: str) -> None:
    kind, statement, arguments = BUGS[bug]

    async def made() -> None:
        async with database.transaction() as connection:
            await connection.execute("CREATE TEMPORARY TABLE t (n int NOT NULL) ON COMMIT DROP")
            await connection.fetch(statement, *arguments)

    with pytest.raises(kind):
        await made()


async def test_two_statements_at_once_on_one_connection_are_an_error_of_ours(
    database: Database,
) -> None:
    with pytest.raises(asyncpg.InterfaceError, match="another operation is in progress"):
        async with database.connection() as connection:
            await asyncio.gather(
                connection.fetchval("SELECT pg_sleep(0.2)"), connection.fetchval("SELECT 1")
            )


@pytest.mark.parametrize(
    ("dsn_of", "kind"),
    [
        (lambda dsn: "nonsense://" + dsn, Exception),
        (lambda dsn: dsn.replace("@", "wrong@"), asyncpg.InvalidPasswordError),
        (lambda dsn: dsn + "nothere", asyncpg.InvalidCatalogNameError),
    ],
    ids=["no DSN", "wrong password", "no such database"],
)
async def test_a_setting_that_is_wrong_is_not_waited_for(
    dsn: str, dsn_of: Any, kind: type[Exception]
) -> None:
    database = Database(dsn_of(dsn), application="test")
    with pytest.raises(kind) as told:
        await one(database)
    assert not isinstance(told.value, Unavailable)


async def test_it_says_who_asks_and_speaks_utc(database: Database) -> None:
    async with database.connection() as connection:
        assert await connection.fetchval("SHOW application_name") == "test"
        assert await connection.fetchval("SHOW timezone") == "UTC"


async def test_a_pool_that_was_closed_opens_again(database: Database) -> None:
    assert await one(database) == 1
    await database.close()
    assert await one(database) == 1


async def test_a_close_cuts_off_who_does_not_end(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.5)
    database = Database(dsn, application="test")

    async def late() -> None:
        async with database.connection() as connection:
            await database.close()
            await connection.fetchval("SELECT 1")

    with pytest.raises(Unavailable):
        await late()
