"""Rows are the fold of the log, in whatever order partitions come (I5, R5, R6)."""

from datetime import date
from random import Random
from typing import Any

import asyncpg
import msgspec
import orjson
import pytest

from cli.sampling import GOOD_KINDS, generate
from rules.ticket import stages
from rules.ticket.fold import fold
from rules.ticket.view import TicketView
from runtime.metrics import TICKETS_WITHOUT_OWNER, Metrics
from runtime.processor import Record
from schemas.events import parse_event
from schemas.topics import REPEATS, TICKETS
from services.readmodel.sink import ReadModel
from tests.kit.story import Line, deliver, instant, later

MARCH = instant("2026-03-02 09:00")
TABLES = ("tickets", "events", "facts", "verdicts", "dispatches", "contacts", "links")


@pytest.fixture(scope="module")
def day() -> Line:
    """A sample day of everything that can happen to tickets."""
    line = Line()
    line.feed(
        (record.key, record.value, record.at * 1000)
        for record in generate(11, 60, date(2026, 3, 2))
        if record.kind in GOOD_KINDS
    )
    return line


async def rows(dsn: str, query: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def tables(dsn: str) -> dict[str, list[Any]]:
    return {name: sorted(await rows(dsn, "TABLE readmodel." + name), key=repr) for name in TABLES}


def stories(line: Line) -> dict[str, list[Any]]:
    """The events of each subject in their order, read from the log as plainly as can be."""
    found: dict[str, list[Any]] = {}
    for record in line.records:
        if record.topic.name == TICKETS.name:
            event = parse_event(record.value or b"")
            found.setdefault(event.subject, []).append(event)
    for events in found.values():
        events.sort(key=lambda each: each.sequence)
    return found


async def test_I5_the_tickets_are_the_fold_of_the_log(dsn: str, day: Line) -> None:
    await deliver(dsn, day.records)
    expected = {subject: fold(events) for subject, events in stories(day).items()}
    found = {
        ticket: TicketView.from_json(view)
        for ticket, view in await rows(dsn, "SELECT ticket, view FROM readmodel.tickets")
    }
    assert len(found) > 60
    assert found == expected

    verdicts: dict[str, str] = {}
    for record in day.records:
        if record.topic.name == REPEATS.name:
            fact = orjson.loads(record.value or b"")
            verdicts[fact["subject"]] = fact["id"]
    assert dict(await rows(dsn, "SELECT ticket, fact FROM readmodel.verdicts")) == verdicts

    live = {
        (view.ticket, each.number)
        for view in expected.values()
        if view is not None and view.open
        for each in view.dispatches
        if each.live
    }
    assert set(await rows(dsn, "SELECT ticket, number FROM readmodel.dispatches")) == live
    assert await rows(dsn, "SELECT * FROM readmodel.unreadable") == []


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_I5_batches_and_the_order_of_partitions_make_no_difference(
    dsn: str, day: Line, seed: int
) -> None:
    sink = ReadModel()
    await deliver(dsn, day.records, random=Random(seed), sink=sink)
    mixed = await tables(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        await sink.clear(connection)
    finally:
        await connection.close()
    assert all(not found for found in (await tables(dsn)).values())
    await deliver(dsn, day.records)
    assert await tables(dsn) == mixed


async def test_I5_what_comes_again_changes_nothing(dsn: str, day: Line) -> None:
    await deliver(dsn, day.records)
    once = await tables(dsn)
    await deliver(dsn, day.records, random=Random(4))
    assert await tables(dsn) == once


async def test_R6_what_came_before_its_receipt_is_folded_by_sequence(dsn: str) -> None:
    line = Line()
    line.publish("ticket.progressed", "T1", MARCH, {"text": "到现场"})
    line.received("T1", later(MARCH, hours=1), "13800138000", leaf="city.facilities.manhole")
    line.publish("ticket.closed", "T1", later(MARCH, hours=2), {})
    log = [record for record in line.records if record.topic.name == TICKETS.name]
    assert len({record.key for record in log}) == 2, "two citizens' keys, perhaps two partitions"
    for order in (log, log[::-1], [log[1], log[0], log[2]]):
        connection = await asyncpg.connect(dsn)
        sink = ReadModel()
        try:
            await sink.clear(connection)
            for record in order:
                async with connection.transaction():
                    await sink.write(connection, TICKETS, record.partition, [record])
            (view,) = await connection.fetchrow("SELECT view FROM readmodel.tickets")
        finally:
            await connection.close()
        found = TicketView.from_json(view)
        assert (found.phase, found.sequence, found.citizen) == ("closed", 3, line.citizen("T1"))


async def test_R5_steps_that_nobody_answers_for_are_counted(dsn: str) -> None:
    line = Line()
    line.received("T1", MARCH, "13800138000", agent="1001")
    line.received("T2", MARCH, "13800138001")
    line.received("T3", MARCH, "13800138002")
    line.publish("ticket.dispatched", "T3", later(MARCH, hours=1), {"dispatch_id": "D1"})
    line.received("T4", MARCH, "13800138003")
    line.publish("ticket.dispatched", "T4", later(MARCH, hours=1), {"department": "city-water"})
    metrics = Metrics()
    await deliver(dsn, line.records, sink=ReadModel(metrics=metrics, clock=iter_clock()))
    found = {step: metrics.read(TICKETS_WITHOUT_OWNER, step=step) for step in stages.STEPS}
    assert {step: level for step, level in found.items() if level} == {"dispatch": 1, "accept": 1}


def iter_clock() -> Any:
    ticks = iter(range(0, 1_000_000, 60))
    return lambda: next(ticks)


BAD_LOG = [
    (b"not json", "not_json", ""),
    (b"[1]", "invalid", "list"),
    (b'{"type": "hotline.ticket.closed.v1"}', "invalid", "id"),
    (None, "not_json", ""),
]


@pytest.mark.parametrize(("value", "reason", "word"), BAD_LOG)
async def test_what_cannot_be_read_is_noted_and_its_neighbours_are_written(
    dsn: str, value: bytes | None, reason: str, word: str
) -> None:
    line = Line()
    line.received("T1", MARCH, "13800138000")
    good = next(record for record in line.records if record.topic.name == TICKETS.name)
    bad = Record(TICKETS, good.partition, good.offset + 1, good.key, value, good.timestamp_ms)
    notes = await deliver(dsn, [good, bad])
    assert notes == [("readmodel_unreadable", (TICKETS.name, reason))]
    assert await rows(dsn, "SELECT ticket FROM readmodel.tickets") == [("T1",)]
    ((position, detail),) = await rows(dsn, "SELECT position, detail FROM readmodel.unreadable")
    assert position == bad.offset
    assert word in detail


async def test_a_fact_of_no_known_form_stops_nobody(dsn: str) -> None:
    fact = {
        "id": "f1",
        "type": "hotline.repeat.new.v1",
        "subject": "T1",
        "citizen": "c:1",
        "recordedtime": "2026-03-02T09:00:00Z",
        "data": {"verdict": "new"},
    }
    bad = Record(REPEATS, 0, 0, b"c:1", orjson.dumps(fact), 0)
    await deliver(dsn, [bad])
    ((detail,),) = await rows(dsn, "SELECT detail FROM readmodel.unreadable")
    assert "reason" in detail


async def test_a_character_that_postgresql_does_not_know_loses_no_ticket(dsn: str) -> None:
    line = Line()
    line.received("T1", MARCH, "13800138000", title="井盖\x00缺失", text='"\\u0000"')
    await deliver(dsn, line.records)
    ((view,),) = await rows(dsn, "SELECT view FROM readmodel.tickets")
    assert TicketView.from_json(view).title == "井盖\N{REPLACEMENT CHARACTER}缺失"
    assert TicketView.from_json(view).text == '"\\u0000"'


async def test_R12_links_of_one_person_are_kept(dsn: str) -> None:
    line = Line()
    line.received("T1", MARCH, "13800138000")
    line.received("T2", MARCH, "13800138001")
    first, second = line.citizen("T1"), line.citizen("T2")
    data = {"first": {"citizen": first}, "second": {"citizen": second}, "by": "1001"}
    line.publish("identity.linked", "T2", later(MARCH, hours=1), data)
    await deliver(dsn, line.records)
    assert await rows(dsn, "SELECT first, second, subject FROM readmodel.links") == [
        (first, second, "T2")
    ]


async def test_R18_a_contact_is_kept_with_the_ticket_that_it_is_about(dsn: str) -> None:
    line = Line()
    line.received("T1", MARCH, "13800138000")
    caller = {"identities": [{"scheme": "phone", "value": "13800138000"}]}
    line.publish("contact.received", "C1", later(MARCH, days=1), {"caller": caller, "ticket": "T1"})
    line.publish(
        "contact.answered", "C1", later(MARCH, days=1, minutes=3), {"ticket": "T1", "agent": "1001"}
    )
    await deliver(dsn, line.records)
    assert await rows(
        dsn, "SELECT contact, citizen, ticket, agent, answered FROM readmodel.contacts"
    ) == [("C1", line.citizen("T1"), "T1", "1001", True)]
    assert await rows(
        dsn, "SELECT ticket, sequence FROM readmodel.events WHERE about = 'T1' ORDER BY sequence"
    ) == [("C1", 1), ("C1", 2)]


async def test_R15_of_two_partitions_the_verdict_that_the_clock_has_last_holds(dsn: str) -> None:
    def fact(number: int, citizen: str, verdict: str, minute: int, revision: int) -> Record:
        document = {
            "id": f"f{number}",
            "type": f"hotline.repeat.{verdict}.v1",
            "subject": "T1",
            "citizen": citizen,
            "recordedtime": f"2026-03-02T09:{minute:02d}:00Z",
            "data": {
                "verdict": verdict,
                "reason": "r",
                "rule": "R12",
                "revision": revision,
                "chain": {"first_ticket": "T0"},
            },
        }
        partition = int(citizen[-1])
        return Record(REPEATS, partition, number, citizen.encode(), orjson.dumps(document), 0)

    facts = [
        fact(1, "c:0", "new", 0, 1),
        fact(2, "c:0", "candidate", 5, 2),
        fact(3, "c:1", "confirmed", 9, 3),
    ]
    for order in (facts, facts[::-1], [facts[2], facts[0], facts[1]]):
        await deliver(dsn, [order[0]])
        await deliver(dsn, order[1:])
        assert await rows(
            dsn, "SELECT verdict, revision, citizen, first_ticket FROM readmodel.verdicts"
        ) == [("confirmed", 3, "c:1", "T0")]
        connection = await asyncpg.connect(dsn)
        try:
            await ReadModel().clear(connection)
        finally:
            await connection.close()


def test_a_view_survives_json() -> None:
    line = Line()
    line.received(
        "T1",
        MARCH,
        "13800138000",
        title="井盖",
        place={"address": "中山路", "lat": 31.5, "lon": 118.7},
    )
    view = fold(stories(line)["T1"])
    assert view is not None
    assert TicketView.from_json(view.to_json()) == view
    assert msgspec.json.decode(view.to_json())["ticket"] == "T1"
