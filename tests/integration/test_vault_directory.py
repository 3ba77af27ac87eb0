"""One citizen across phone, web and app, on a real PostgreSQL (R12, R61)."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from policy.bundle import load
from runtime import database as runtime_database
from runtime.database import Database
from runtime.engine.ports import Unavailable
from runtime.keys import KeyRing
from schemas.events.parts import Identity, IdentityScheme
from vault.aliases import Ask, DatabaseDirectory
from vault.directory import Found
from vault.snapshot import Snapshot

BUNDLE = load("cn-12345")
RING = KeyRing({1: bytes(range(32))})
SOURCE = "city/12345"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMIT = BUNDLE.at(NOON).identity.shared_after_identities


def identity(text: str) -> Identity:
    """``phone 13812345678``."""
    scheme, value = text.split()
    return Identity(scheme=IdentityScheme(scheme), value=value)


def ask(*texts: str, at: datetime = NOON, source: str = SOURCE) -> Ask:
    return Ask(tuple(identity(text) for text in texts), source, at)


class Counting(Database):
    """Counts the statements that go to the server."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, application="test")
        self.statements: list[str] = []

    def connection(self) -> Any:
        return _Counted(super().connection(), self.statements)


class _Counted:
    def __init__(self, inner: Any, statements: list[str]) -> None:
        self._inner, self._statements = inner, statements

    async def __aenter__(self) -> Any:
        connection = await self._inner.__aenter__()
        self._logger = connection.query_logger(lambda query: self._statements.append(query.query))
        self._logger.__enter__()
        return connection

    async def __aexit__(self, *error: Any) -> None:
        self._logger.__exit__(*error)
        await self._inner.__aexit__(*error)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn, application="test")
    yield database
    await database.close()


@pytest.fixture
def directory(database: Database) -> DatabaseDirectory:
    return DatabaseDirectory(database, RING, BUNDLE)


async def who(directory: DatabaseDirectory, asked: Ask) -> Found:
    await directory.prefetch([asked])
    found = directory.resolve(*asked)
    assert found is not None
    return found


async def rows(dsn: str, statement: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


async def test_R12_one_citizen_across_phone_web_and_app(directory: DatabaseDirectory) -> None:
    phone = await who(directory, ask("phone 13812345678"))
    assert re.fullmatch("c:[0-9a-f]{32}", phone.citizen)
    assert await who(directory, ask("web w-77", "phone +8613812345678")) == phone
    assert await who(directory, ask("app a-9", "web w-77")) == phone
    assert await who(directory, ask("app a-9")) == phone
    assert await who(directory, ask("app a-9", source="county/12345")) != phone


async def test_R12_an_unusable_identity_is_nobody(directory: DatabaseDirectory) -> None:
    asked = ask("phone 00000000000")
    await directory.prefetch([asked])
    assert directory.resolve(*asked) is None


async def test_R61_the_tables_hold_no_plain_value_and_no_pseudonym_derived_from_one(
    directory: DatabaseDirectory, dsn: str
) -> None:
    await directory.prefetch([ask("phone 13812345678", "email zhang@example.com")])
    tables = await rows(
        dsn, "SELECT table_name AS name FROM information_schema.tables WHERE table_schema='vault'"
    )
    assert len(tables) == 9
    for table in tables:
        for row in await rows(dsn, f"SELECT * FROM vault.{table['name']}"):  # noqa: S608
            shown = repr(tuple(row))
            assert "13812345678" not in shown
            assert "zhang" not in shown
    again = DatabaseDirectory(directory._database, RING, BUNDLE)
    assert (await who(again, ask("phone 13900000001"))).citizen != (
        await who(again, ask("phone 13900000002"))
    ).citizen


async def test_2000_people_are_asked_for_at_once(dsn: str) -> None:
    database = Counting(dsn)
    directory = DatabaseDirectory(database, RING, BUNDLE)
    # asyncpg asks for the types of a connection once.
    await directory.prefetch([ask("account A", "phone 13912345678"), ask("email a@b.cn")])
    database.statements.clear()
    asked = [ask(f"account A{n}", f"phone 138{n:08d}") for n in range(2_000)]
    await directory.prefetch(asked)
    first = list(database.statements)
    assert len(first) <= 16, first
    people = {directory.resolve(*each) for each in asked}
    assert len(people) == 2_000
    database.statements.clear()
    await directory.prefetch(asked)
    assert database.statements == ["SELECT * FROM vault.state"]
    database.statements.clear()
    other = DatabaseDirectory(database, RING, BUNDLE)
    await other.prefetch(asked)  # what is known only: no assignment
    assert len(database.statements) <= 8, database.statements
    assert [other.resolve(*each) for each in asked] == [directory.resolve(*e) for e in asked]
    await database.close()


async def test_R12_two_workers_at_once_never_split_a_person(dsn: str) -> None:
    databases = [Database(dsn, application="test") for _ in range(4)]
    directories = [DatabaseDirectory(each, RING, BUNDLE) for each in databases]
    asked = [ask(f"phone 138{n % 40:08d}", f"wechat w{n % 60}") for n in range(240)]

    async def work(directory: DatabaseDirectory, order: Sequence[Ask]) -> None:
        for start in range(0, len(order), 20):
            await directory.prefetch(order[start : start + 20])

    orders = [asked, asked[::-1], asked[120:] + asked[:120], asked[::2] + asked[1::2]]
    await asyncio.gather(*(work(d, order) for d, order in zip(directories, orders, strict=True)))
    answers = [[each.resolve(*one) for one in asked] for each in directories]
    assert all(each == answers[0] for each in answers)
    snapshot = await Snapshot.load(databases[0], RING)
    assert [snapshot.resolve(*one) for one in asked] == answers[0]
    for each in databases:
        await each.close()


async def test_R12_a_second_id_card_on_a_familys_telephone_is_somebody_else(
    directory: DatabaseDirectory,
) -> None:
    father = await who(directory, ask("phone 13812345678", "id_card 43010219900101123X"))
    mother = await who(directory, ask("phone 13812345678", "id_card 430102199203042345"))
    assert mother != father
    assert await who(directory, ask("phone 13812345678")) == father
    assert await who(directory, ask("id_card 430102199203042345")) == mother
    assert await who(directory, ask("account A1", "phone 13812345678")) == father


async def test_R12_a_number_with_too_many_people_joins_nobody_any_more(
    directory: DatabaseDirectory, database: Database
) -> None:
    later = NOON + timedelta(hours=1)
    switchboard = "phone 01012345678"
    first = await who(directory, ask(switchboard))
    assert not first.shared
    for number in range(LIMIT - 1):
        await directory.prefetch([ask(f"account A{number}", switchboard)])
    assert not (await who(directory, ask(switchboard, at=later))).shared
    await directory.prefetch([ask("account A-last", switchboard, at=later)])
    after = later + timedelta(hours=1)
    assert await who(directory, ask(switchboard, at=after)) == Found(first.citizen, shared=True)
    stranger = await who(directory, ask("account B1", switchboard, at=after))
    assert stranger.citizen != first.citizen
    assert not stranger.shared
    assert await who(directory, ask("account B1", at=after)) == stranger
    # What came before keeps its answer: a check may compute it again.
    assert directory.resolve(*ask(switchboard)) == first
    snapshot = await Snapshot.load(database, RING)
    for at in (NOON, later, after):
        asked = ask(switchboard, at=at)
        assert snapshot.resolve(*asked) == directory.resolve(*asked)


async def test_R12_what_one_worker_finds_shared_every_worker_knows_in_time(dsn: str) -> None:
    """Nobody can have decided beyond the instant from which a number is shared."""
    databases = [Database(dsn, application="test") for _ in range(2)]
    one, other = (DatabaseDirectory(each, RING, BUNDLE) for each in databases)
    shop = "phone 01087654321"
    await other.prefetch([ask(shop)])
    ahead = NOON + timedelta(minutes=10)
    await other.prefetch([ask("wechat w1", at=ahead)])
    await one.prefetch([ask(f"account A{number}", shop) for number in range(LIMIT)])
    assert not (await who(other, ask(shop, at=ahead))).shared
    beyond = ahead + timedelta(minutes=1)
    assert (await who(other, ask(shop, at=beyond))).shared
    assert (await who(one, ask(shop, at=beyond))).shared
    assert not (await who(one, ask(shop, at=ahead))).shared
    for each in databases:
        await each.close()


async def test_a_look_up_assigns_nothing(directory: DatabaseDirectory, dsn: str) -> None:
    known = await who(directory, ask("phone 13812345678"))
    assert await directory.lookup(*ask("phone 138-1234-5678", "wechat new")) == known
    assert await directory.lookup(*ask("phone 13812345679")) is None
    assert await directory.lookup(*ask()) is None
    assert len(await rows(dsn, "SELECT FROM vault.aliases")) == 1


async def test_what_was_not_prefetched_is_told_as_a_bug(directory: DatabaseDirectory) -> None:
    with pytest.raises(LookupError, match="not prefetched"):
        directory.resolve(*ask("phone 13812345678"))


async def test_a_worker_goes_on_to_a_key_that_was_added_to_its_file(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    KeyRing.open(path)
    running = DatabaseDirectory(database, KeyRing.open(path), BUNDLE)
    known = await who(running, ask("phone 13812345678"))
    KeyRing.open(path).added().write(path, replace=True)
    restarted = DatabaseDirectory(database, KeyRing.open(path), BUNDLE)
    new = await who(restarted, ask("phone 13900000001"))
    assert await who(running, ask("phone 13900000001")) == new
    other = await who(running, ask("phone 13900000002"))
    assert await who(restarted, ask("phone 13900000002")) == other
    assert await who(restarted, ask("phone 13812345678")) == known


async def test_a_worker_with_an_old_key_ring_waits(directory: DatabaseDirectory, dsn: str) -> None:
    old = await who(directory, ask("phone 13812345678"))
    newer = KeyRing({1: bytes(range(32)), 2: secrets.token_bytes(32)})
    database = Database(dsn, application="test")
    restarted = DatabaseDirectory(database, newer, BUNDLE)
    assert await who(restarted, ask("phone 13812345678")) == old
    await restarted.prefetch([ask("phone 13900000001")])
    with pytest.raises(Unavailable, match="give it the present key ring"):
        await directory.prefetch([ask("phone 13900000001")])
    await database.close()


async def test_F23_a_pool_that_is_exhausted_is_unavailable_for_as_long(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(dsn, application="test", connections=1)
    directory = DatabaseDirectory(database, RING, BUNDLE)
    async with database.connection():
        monkeypatch.setattr(runtime_database, "CONNECT_SECONDS", 0.1)
        with pytest.raises(Unavailable):
            await directory.prefetch([ask("phone 13812345678")])
    assert await who(directory, ask("phone 13812345678"))
    await database.close()


async def test_F23_a_database_that_is_down_is_unavailable() -> None:
    database = Database("postgresql://nobody:x@127.0.0.1:1/none", application="test")
    directory = DatabaseDirectory(database, RING, BUNDLE)
    with pytest.raises(Unavailable, match="PostgreSQL"):
        await directory.prefetch([ask("phone 13812345678")])


async def test_tables_that_are_not_there_yet_are_waited_for(postgres: Any) -> None:
    database = Database(postgres.dsn, application="test")
    directory = DatabaseDirectory(database, RING, BUNDLE)
    with pytest.raises(Unavailable, match="hotline database migrate"):
        await directory.prefetch([ask("phone 13812345678")])
    await database.close()
