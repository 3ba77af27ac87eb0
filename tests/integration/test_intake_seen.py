"""Which ids stand for which content, on a real PostgreSQL: both entrances use it (R1)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from runtime.database import Database
from services.intake import seen
from services.intake.seen import KEEP, Claim, Published, SeenEvents


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
    table = SeenEvents(database)
    assert await table.claim([published()]) == [Claim("d1", "T1", new=True)]
    assert await table.claim([published()]) == [Claim("d1", "T1", new=False)]
    (claim,) = await table.claim([event])
    assert claim.reused_by(event) is reused
    assert claim.elsewhere(event) == elsewhere


async def test_of_one_id_twice_in_a_batch_the_first_counts(database: Database) -> None:
    claims = await SeenEvents(database).claim(
        [published(), published(digest="d2", subject="T2"), published(), published(id_="e2")]
    )
    assert claims == [
        Claim("d1", "T1", new=True),
        Claim("d1", "T1", new=False),
        Claim("d1", "T1", new=False),
        Claim("d1", "T1", new=True),
    ]
    assert await SeenEvents(database).claim([]) == []


async def test_two_entrances_at_once_agree(dsn: str) -> None:
    databases = [Database(dsn, application="test") for _ in range(3)]

    def order(number: int) -> list[Published]:
        events = [published(f"e{n}", digest=f"d{number}", subject=f"T{number}") for n in range(300)]
        return events if number % 2 else events[::-1]

    claims = await asyncio.gather(
        *(SeenEvents(each).claim(order(n)) for n, each in enumerate(databases))
    )
    by_id: dict[str, set[str]] = {}
    new: dict[str, int] = {}
    for number, answers in enumerate(claims):
        for event, claim in zip(order(number), answers, strict=True):
            by_id.setdefault(event.id, set()).add(claim.digest)
            new[event.id] = new.get(event.id, 0) + claim.new
    assert all(len(digests) == 1 for digests in by_id.values())
    assert set(new.values()) == {1}
    for each in databases:
        await each.close()


async def test_ids_are_forgotten_after_a_while_some_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = SeenEvents(database)
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
    assert list((await table.all()).values()) == [Claim("d1", "T1", new=False)]
