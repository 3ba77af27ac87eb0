"""Originals under the key of their citizen: kept once, erased for good, rotated (R61)."""

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from policy.bundle import load
from runtime.database import Database
from runtime.keys import KeyRing
from schemas.events.parts import Identity, IdentityScheme
from schemas.ids import Citizen
from vault import audit, erasure, keys, rotation
from vault.aliases import Ask, DatabaseDirectory
from vault.deposits import Deposit, Link, Original
from vault.directory import Found
from vault.originals import Plain, Vault
from vault.sealing import CannotOpen
from vault.snapshot import Snapshot

BUNDLE = load("cn-12345")
FIRST_KEY = bytes(range(32))
RING = KeyRing({1: FIRST_KEY})
NEWER = KeyRing({1: FIRST_KEY, 2: secrets.token_bytes(32)})
SOURCE = "city/12345"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEXT = '{"text": "张三 13812345678"}'.encode()


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn, application="test")
    yield database
    await database.close()


@pytest.fixture
def vault(database: Database) -> Vault:
    return Vault(database, RING)


def ask(phone: str, *more: tuple[IdentityScheme, str]) -> Ask:
    given = ((IdentityScheme.PHONE, phone), *more)
    return Ask(tuple(Identity(scheme=s, value=v) for s, v in given), SOURCE, NOON)


async def citizen_of(database: Database, asked: Ask, ring: KeyRing = RING) -> Citizen:
    directory = DatabaseDirectory(database, ring, BUNDLE)
    await directory.prefetch([asked])
    found = directory.resolve(*asked)
    assert found is not None
    return found.citizen


def original(citizen: str, subject: str = "T1", event: str = "city/12345 e1") -> Original:
    return Original(Citizen(citizen), subject, event, TEXT)


async def documents(vault: Vault, subject: str = "T1") -> list[bytes]:
    kept = await vault.original(subject, who="test", purpose="test")
    return [each.document for each in kept]


async def test_R61_an_original_is_kept_once_and_says_nothing_at_rest(
    database: Database, vault: Vault, dsn: str
) -> None:
    citizen = await citizen_of(database, ask("13812345678"))
    for _ in range(2):
        await vault.deposit([original(citizen), original(citizen, event="city/12345 e2")])
    assert await documents(vault) == [TEXT, TEXT]
    async with database.connection() as connection:
        (first, second) = await connection.fetch("SELECT * FROM vault.originals ORDER BY event")
    assert first["sealed"] != second["sealed"]
    assert TEXT[:12] not in first["sealed"]


async def test_R61_an_original_of_a_caller_whom_nobody_knows(
    database: Database, vault: Vault
) -> None:
    await vault.deposit([original("anon:T1")])
    assert await documents(vault) == [TEXT]
    await erasure.erase(database, "anon:T1", who="li.na", reason="request 1")
    assert await documents(vault) == []


async def test_R61_a_sealed_row_opens_only_where_it_belongs(
    database: Database, vault: Vault
) -> None:
    citizen = await citizen_of(database, ask("13812345678"))
    await vault.deposit([original(citizen)])
    async with database.connection() as connection:
        await connection.execute("UPDATE vault.originals SET subject = 'T2'")
    with pytest.raises(CannotOpen, match="does not open"):
        await documents(vault, "T2")


async def test_R61_who_looks_is_in_the_audit_log_first(database: Database, vault: Vault) -> None:
    asked = ask("13812345678", (IdentityScheme.ACCOUNT, "A1"))
    citizen = await citizen_of(database, asked)
    await vault.deposit([original(citizen), original("anon:T2", subject="T2")])
    found = await vault.disclose(citizen, who="li.na", purpose="callback", subject="T1")
    assert set(found.identities) == {
        Plain(IdentityScheme.ACCOUNT, SOURCE, "A1"),
        Plain(IdentityScheme.PHONE, "", "13812345678"),
    }
    assert [each.document for each in found.originals] == [TEXT]
    nothing = await vault.disclose("c:unknown", who="li.na", purpose="callback", subject="T1")
    assert (list(nothing.identities), list(nothing.originals)) == ([], [])
    async with database.connection() as connection:
        entries = await audit.read(connection, citizen=citizen)
        (entry,) = entries
        assert entry[1:6] == ("li.na", "disclosed", citizen, "T1", "callback")
        assert len(await audit.read(connection)) == 2
        for statement in ("UPDATE vault.audit SET who = 'x'", "DELETE FROM vault.audit"):
            with pytest.raises(asyncpg.RaiseError, match="only added to"):
                await connection.execute(statement)


async def test_R12_linked_pseudonyms_are_one_person_and_no_alias_moves(
    database: Database, vault: Vault
) -> None:
    one, two, three, four = [await citizen_of(database, ask(f"1381234567{n}")) for n in range(4)]

    def link(first: Citizen, second: Citizen) -> Deposit:
        return Link(first, second, f"e {first} {second}", "li.na", NOON)

    directory = DatabaseDirectory(database, RING, BUNDLE)
    await vault.deposit([link(one, two), link(three, two), link(one, two)])
    await vault.deposit([link(one, three)])
    assert await directory.members(two) == {one, two, three}
    assert await directory.members(four) == {four}
    assert {await directory.canonical(each) for each in (one, two, three)} == {three}
    assert await directory.canonical(four) == four
    assert await citizen_of(database, ask("13812345671")) == two
    await vault.deposit([original(two)])
    found = await vault.disclose(one, who="li.na", purpose="callback", subject="T1")
    assert len(found.identities) == 3
    assert [each.citizen for each in found.originals] == [two]


async def test_R61_erased_is_unreadable_for_good(database: Database, vault: Vault) -> None:
    asked = ask("13812345678", (IdentityScheme.ACCOUNT, "A1"))
    citizen, other = (
        await citizen_of(database, asked),
        await citizen_of(database, ask("13900000001")),
    )
    linked = await citizen_of(database, ask("13900000002"))
    await vault.deposit(
        [
            original(citizen),
            original(other, subject="T2"),
            original(linked, subject="T3"),
            Link(citizen, linked, "e", "li.na", NOON),
        ]
    )
    working = DatabaseDirectory(database, RING, BUNDLE)
    await working.prefetch([asked])
    before = await erasure.erase(database, linked, who="wang.fang", reason="request 117")
    assert before.citizen == citizen
    assert set(before.members) == {citizen, linked}
    assert (len(before.aliases), before.originals) == (3, 2)

    assert await documents(vault, "T1") == await documents(vault, "T3") == []
    assert await documents(vault, "T2") == [TEXT]
    found = await vault.disclose(citizen, who="li.na", purpose="callback", subject="T1")
    assert (list(found.identities), list(found.originals)) == ([], [])
    async with database.connection() as connection:
        assert not await connection.fetch(
            "SELECT FROM vault.data_keys WHERE citizen = ANY($1) AND wrapped IS NOT NULL",
            [citizen, linked],
        )
        entries = await audit.read(connection, citizen=linked)
        assert [(each.who, each.action, each.purpose) for each in entries] == [
            ("wang.fang", "erased", "request 117")
        ]
    # A worker that was at work all the while: what still comes of the old one is dropped, and who
    # calls again is somebody new.
    await vault.deposit([original(citizen, event="city/12345 e9")])
    assert await documents(vault, "T1") == []
    await working.prefetch([asked])
    again = working.resolve(*asked)
    assert again is not None
    assert again.citizen not in (citizen, linked)
    after = await erasure.show(database, citizen)
    assert (len(after.aliases), after.originals, after.erased) == (0, 0, 2)
    assert after.erased_at is not None
    assert (await erasure.erase(database, citizen, who="w", reason="r")).erased == 2


async def test_R61_keys_are_rotated_and_nobody_becomes_somebody_else(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "AT_ONCE", 7)
    people = [
        ask(f"138{number:08d}", (IdentityScheme.WECHAT, f"w{number}")) for number in range(20)
    ]
    directory = DatabaseDirectory(database, RING, BUNDLE)
    await directory.prefetch(people)
    before = [directory.resolve(*each) for each in people]
    citizens = [each.citizen for each in before if each is not None]
    await vault.deposit([original(each, subject=each) for each in citizens])
    erased, citizens = citizens[0], citizens[1:]
    await erasure.erase(database, erased, who="w", reason="r")

    told: list[tuple[int, int]] = []
    done = await rotation.rotate(
        database, NEWER, who="ops", progress=lambda done, total: told.append((done, total))
    )
    assert (done.version, done.aliases, done.data_keys) == (2, 38, 19)
    assert told[0] == (7, 57)
    assert told[-1] == (57, 57)
    assert await rotation.rotate(database, NEWER, who="ops") == rotation.Rotated(2, 0, 0)
    async with database.connection() as connection:
        assert await keys.in_use(connection) == (2,)

    dropped = KeyRing({2: NEWER._keys[2]})
    found = DatabaseDirectory(database, dropped, BUNDLE)
    await found.prefetch(people[1:])
    assert [found.resolve(*each) for each in people[1:]] == before[1:]
    snapshot = await Snapshot.load(database, dropped)
    assert [snapshot.resolve(*each) for each in people[1:]] == before[1:]
    for each in citizens:
        assert await documents(Vault(database, dropped), each) == [TEXT]


async def test_R61_another_key_ring_is_refused(database: Database, vault: Vault) -> None:
    citizen = await citizen_of(database, ask("13812345678"))
    await vault.deposit([original(citizen)])
    other = KeyRing({1: secrets.token_bytes(32)})
    missing = KeyRing({2: secrets.token_bytes(32)})
    for ring, told in ((other, "key version 1 has fingerprint"), (missing, "not in the key ring")):
        with pytest.raises(keys.WrongKeys, match=told):
            await DatabaseDirectory(database, ring, BUNDLE).prefetch([ask("13812345678")])
        with pytest.raises(keys.WrongKeys, match=told):
            await rotation.rotate(database, ring, who="ops")
    assert Found(await citizen_of(database, ask("13812345678"))) == Found(citizen)
