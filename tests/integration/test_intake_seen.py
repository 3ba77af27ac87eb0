"""Which ids stand for which content, on a real PostgreSQL: both entrances use it (R1)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from runtime.database import Database
from runtime.keys import KeyRing
from services.intake import seen
from services.intake.reading import hashed
from services.intake.seen import KEEP, Claim, Published, SeenEvents
from tests.kit.sealing import RING


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn, application="test")
    yield database
    await database.close()


def published(
    id_: str = "e1", digest: str = "d1", subject: str = "T1", source: str = "city"
) -> Published:
    return Published(source, id_, digest, subject)


@pytest.mark.parametrize(
    ("event", "reused", "elsewhere"),
    [
        (published(), False, None),
        (published(digest="d2"), True, None),
        (published(digest="d2", subject="T2"), True, "T1"),
        (published(source="county", digest="d2", subject="T2"), False, None),
        (published(id_="e2", digest="d2", subject="T2"), False, None),
    ],
)
async def test_R1_an_id_stands_for_one_content(
    database: Database, event: Published, reused: bool, elsewhere: str | None
) -> None:
    table = SeenEvents(database, RING)
    assert await table.claim([published()]) == [Claim("d1", "T1", new=True)]
    assert await table.claim([published()]) == [Claim("d1", "T1", new=False)]
    (claim,) = await table.claim([event])
    assert claim.reused_by(event) is reused
    assert claim.elsewhere(event) == elsewhere


async def test_of_one_id_twice_in_a_batch_the_first_counts(database: Database) -> None:
    events = [published(), published(digest="d2", subject="T2"), published(), published(id_="e2")]
    claims = await SeenEvents(database, RING).claim(events)
    assert [
        (claim.subject, claim.new, claim.reused_by(event))
        for claim, event in zip(claims, events, strict=True)
    ] == [("T1", True, False), ("T1", False, True), ("T1", False, False), ("T1", True, False)]
    assert await SeenEvents(database, RING).claim([]) == []


async def test_two_entrances_at_once_agree(dsn: str) -> None:
    databases = [Database(dsn, application="test") for _ in range(3)]

    def order(number: int) -> list[Published]:
        events = [published(f"e{n}", digest=f"d{number}", subject=f"T{number}") for n in range(300)]
        return events if number % 2 else events[::-1]

    claims = await asyncio.gather(
        *(SeenEvents(each, RING).claim(order(n)) for n, each in enumerate(databases))
    )
    by_id: dict[str, set[str]] = {}
    new: dict[str, int] = {}
    for number, answers in enumerate(claims):
        for event, claim in zip(order(number), answers, strict=True):
            by_id.setdefault(event.id, set()).add(claim.subject)
            assert claim.reused_by(event) is (claim.subject != event.subject)
            new[event.id] = new.get(event.id, 0) + claim.new
    assert all(len(subjects) == 1 for subjects in by_id.values())
    assert set(new.values()) == {1}
    for each in databases:
        await each.close()


async def test_ids_are_forgotten_after_a_while_some_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = SeenEvents(database, RING)
    await table.claim([published(f"e{n}") for n in range(10)])
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE intake.seen_events SET at = now() - $1::interval", KEEP - timedelta(hours=1)
        )
        assert await seen.prune(connection) == 0
        await connection.execute(
            "UPDATE intake.seen_events SET at = now() - $1::interval", KEEP + timedelta(hours=1)
        )
        assert await seen.prune(connection, limit=6) == 6
    monkeypatch.setattr(seen, "PRUNE_EVERY_S", 0.0)
    (claim,) = await table.claim([published("other")])
    assert claim.new
    (kept,) = (await table.all()).values()
    assert (kept.subject, kept.new) == ("T1", False)


async def test_R61_what_is_remembered_of_an_event_cannot_be_guessed(database: Database) -> None:
    """Who tries all telephone numbers in the masked event must not learn the right one."""
    event = published(digest=hashed(b"the event"))
    await SeenEvents(database, RING).claim([event])
    async with database.connection() as connection:
        kept = await connection.fetchval("SELECT digest FROM intake.seen_events")
    assert kept not in (event.digest, hashed(event.digest.encode()))
    (other,) = await SeenEvents(database, KeyRing({1: bytes(32)})).claim([event])
    assert other.reused_by(event), "with another ring it is like no event's"
