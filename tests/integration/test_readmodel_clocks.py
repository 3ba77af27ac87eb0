"""Clocks and callback tasks stand as the last facts of them say, whatever comes first (I5, R25)."""

from collections.abc import Callable
from datetime import date
from random import Random
from typing import Any

import asyncpg
import orjson
import pytest

from cli.sampling import GOOD_KINDS, generate
from rules.stated.clocks import Standing
from runtime.processor import Record
from schemas.topics import CALLBACKS, SLA
from services.callback.domain import Callback
from services.readmodel.sink import ReadModel
from services.sla.domain import Sla
from tests.kit.story import Line, deliver, instant, later

MARCH = instant("2026-03-02 01:00")
TABLES = ("facts", "clocks", "tasks")
KIND = {"resumed": "running", "recomputed": "running", "started": "running"}


@pytest.fixture(scope="module")
def weeks() -> Line:
    """A sample day of tickets, and what their clocks and callbacks come to in three weeks."""
    line = Line(beside=(Sla(), Callback()))
    line.feed(
        (record.key, record.value, record.at * 1000)
        for record in generate(11, 40, date(2026, 3, 2))
        if record.kind in GOOD_KINDS
    )
    line.advance(instant("2026-03-24 09:00"))
    return line


async def rows(dsn: str, query: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def tables(dsn: str) -> dict[str, list[Any]]:
    return {name: sorted(await rows(dsn, "TABLE readmodel." + name), key=repr) for name in TABLES}


def facts(line: Line, topic: str, name: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Facts of each clock or task, in the order in which they were stated."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in line.records:
        if record.topic.name == topic:
            fact = orjson.loads(record.value or b"")
            if name in fact["data"]:
                found.setdefault((fact["subject"], fact["data"][name]), []).append(fact)
    return found


def plainly(told: list[dict[str, Any]]) -> tuple[str, bool]:
    """Status of a clock and whether a breach stands, as plainly as can be."""
    status, breached = "", False
    for fact in told:
        kind = fact["type"].split(".")[2]
        if kind == "breached":
            breached = True
            if fact["data"]["target"] == "interim":
                status = "missed"
        elif kind == "withdrawn":
            breached = False
        elif kind != "warning":
            status = KIND.get(kind, kind)
    return status, breached


async def test_R25_each_clock_stands_as_its_facts_leave_it(dsn: str, weeks: Line) -> None:
    await deliver(dsn, weeks.records)
    told = facts(weeks, SLA.name, "clock")
    assert len(told) > 100
    found = await rows(dsn, "SELECT ticket, clock, status, breached, fact FROM readmodel.clocks")
    assert {row[:2]: row[2:] for row in found} == {
        place: (*plainly(said), said[-1]["id"]) for place, said in told.items()
    }
    assert {"running", "met", "missed"} <= {row[2] for row in found}
    assert await rows(dsn, "SELECT * FROM readmodel.unreadable") == []


async def test_R33_each_task_stands_as_its_last_fact_says(dsn: str, weeks: Line) -> None:
    await deliver(dsn, weeks.records)
    told = facts(weeks, CALLBACKS.name, "task")
    assert len(told) > 5
    found = await rows(dsn, "SELECT ticket, task, state, fact, live FROM readmodel.tasks")
    assert {row[:2]: row[2:4] for row in found} == {
        place: (said[-1]["type"].split(".")[2], said[-1]["id"]) for place, said in told.items()
    }
    live = {row[:2] for row in found if row[4]}
    assert live == {
        place for place, said in told.items() if said[-1]["data"].get("due_at") is not None
    }
    tickets = [ticket for ticket, _ in live]
    assert len(tickets) == len(set(tickets)), "one live task per ticket"


@pytest.mark.parametrize("seed", [1, 2])
async def test_I5_batches_and_the_order_of_partitions_make_no_difference(
    dsn: str, weeks: Line, seed: int
) -> None:
    sink = ReadModel()
    await deliver(dsn, weeks.records, random=Random(seed), sink=sink)
    mixed = await tables(dsn)
    await deliver(dsn, weeks.records, random=Random(seed + 10))
    assert await tables(dsn) == mixed, "what comes again changes nothing"
    await clear(dsn)
    assert all(not found for found in (await tables(dsn)).values())
    await deliver(dsn, weeks.records)
    assert await tables(dsn) == mixed


async def clear(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await ReadModel().clear(connection)
    finally:
        await connection.close()


def clock_fact(number: int, kind: str, at: int, revision: int, **data: Any) -> Record:
    """Of clock ``resolve``; ``partition`` says where it lies."""
    partition = data.pop("partition", 0)
    document = {
        "id": f"f{number}",
        "type": f"hotline.sla.{kind}.v1",
        "subject": "T1",
        "citizen": f"c:{partition}",
        "recordedtime": later(MARCH, minutes=at).isoformat(),
        "data": {
            "target": "resolve",
            "clock": "resolve",
            "started_at": MARCH.isoformat(),
            "basis": "policy",
            "terms": {
                "rule": "resolve.normal",
                "calendar": "cn-workdays",
                "calendar_version": "cn-workdays+1",
                "policy_version": "2026.1",
            },
            "elapsed_minutes": 0,
            "reason": "r",
            "reason_en": "why",
            "reason_zh": "为何",
            "cause": "ticket_received",
            "revision": revision,
            **data,
        },
    }
    return Record(SLA, partition, number, b"c:0", orjson.dumps(document), 0)


D1, D2 = later(MARCH, days=1).isoformat(), later(MARCH, days=2).isoformat()

STORIES: list[tuple[str, list[Record], tuple[str, str | None, bool, int | None]]] = [
    # what happened, facts, (status, deadline, breached, warned)
    (
        "warned",
        [clock_fact(1, "started", 0, 1, deadline=D1), clock_fact(2, "warning", 9, 2, percent=75,
         deadline=D1)],
        ("running", D1, False, 75),
    ),
    (
        "late, and it runs on",
        [clock_fact(1, "started", 0, 1, deadline=D1), clock_fact(2, "breached", 9, 2, deadline=D1)],
        ("running", D1, True, None),
    ),
    (
        "late, after it was extended too late",
        [
            clock_fact(1, "started", 0, 1, deadline=D1),
            clock_fact(2, "recomputed", 9, 2, deadline=D2),
            clock_fact(3, "breached", 9, 3, deadline=D1),
        ],
        ("running", D2, True, None),
    ),
    (
        "a breach that was withdrawn while it is paused",
        [
            clock_fact(1, "started", 0, 1, deadline=D1),
            clock_fact(2, "breached", 5, 2, deadline=D1),
            clock_fact(3, "paused", 6, 3, paused_since=D1),
            clock_fact(4, "withdrawn", 7, 4, paused_since=D1),
        ],
        ("paused", None, False, None),
    ),
    (
        "met, and missed all the same, as was learnt later",
        [
            clock_fact(1, "started", 0, 1, deadline=D1),
            clock_fact(2, "met", 5, 2, deadline=D1, ended_at=D1),
            clock_fact(3, "breached", 6, 3, deadline=D1),
        ],
        ("met", D1, True, None),
    ),
    (
        "under two citizens, and so from two partitions",
        [
            clock_fact(1, "started", 0, 1, deadline=D1),
            clock_fact(2, "breached", 5, 2, deadline=D1),
            clock_fact(3, "met", 6, 3, deadline=D1, ended_at=D2, late=True, partition=1),
            clock_fact(4, "withdrawn", 7, 4, deadline=D2, partition=1),
        ],
        ("met", D2, False, None),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("what", "told", "expected"), STORIES, ids=[each[0] for each in STORIES])
async def test_R25_the_row_is_the_same_whichever_fact_comes_first(
    dsn: str, what: str, told: list[Record], expected: tuple[Any, ...]
) -> None:
    orders: list[Callable[[list[Record]], list[Record]]] = [
        list,
        lambda all_: all_[::-1],
        lambda all_: all_[1:] + all_[:1],
        lambda all_: [each for each in all_ for _ in range(2)],
    ]
    kept = set()
    for order in orders:
        for record in order(told):
            await deliver(dsn, [record])
        ((status, deadline, breached, warned, standing),) = await rows(
            dsn, "SELECT status, deadline, breached, warned, standing FROM readmodel.clocks"
        )
        assert (status, deadline and deadline.isoformat(), breached, warned) == expected, what
        kept.add(Standing.from_json(standing).to_json())
        await clear(dsn)
    assert len(kept) == 1


BAD: list[tuple[str, dict[str, Any]]] = [
    ("terms", {"terms": None}),
    ("started_at", {"started_at": None}),
    ("deadline", {"deadline": "tomorrow"}),
]


@pytest.mark.parametrize(("word", "data"), BAD)
async def test_a_fact_that_says_nothing_of_its_clock_stops_nobody(
    dsn: str, word: str, data: dict[str, Any]
) -> None:
    bad = clock_fact(1, "started", 0, 1, **data)
    good = clock_fact(2, "started", 0, 1, clock="reply", target="reply")
    notes = await deliver(dsn, [bad, good])
    assert notes == [("readmodel_unreadable", (SLA.name, "invalid"))]
    assert await rows(dsn, "SELECT clock FROM readmodel.clocks") == [("reply",)]
    ((detail,),) = await rows(dsn, "SELECT detail FROM readmodel.unreadable")
    assert word in detail
