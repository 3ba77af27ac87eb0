"""What an agent is told while the citizen is on the line (R17, R18, R21, R53, ruling 9)."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from deploy.local.postgres import Postgres
from policy.access import AccessRole
from runtime.database import Database
from schemas.topics import REPEATS
from tests.kit.assertions import assert_eventually
from tests.kit.desk import open_desk
from tests.kit.story import Line, deliver, instant, later

PHONE = "13812345678"
MARCH = instant("2026-03-02 01:00")
MANHOLE = "city.facilities.manhole"
TEXT = "滨河路12号门口的井盖丢失, 有人差点掉进去, 请尽快处理"
PLACE = {"address": "滨河路12号", "division": "320106"}
ASKED: dict[str, Any] = {
    "identities": [{"scheme": "phone", "value": PHONE}],
    "channel": "phone",
    "leaf": MANHOLE,
    "text": TEXT,
    "place": PLACE,
}
UNIT = "city-urban-management"


@pytest_asyncio.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn, application="test")
    yield database
    await database.close()


def opened(line: Line) -> None:
    """T1, with a department."""
    line.received(
        "T1",
        MARCH,
        PHONE,
        leaf=MANHOLE,
        text=TEXT,
        place=PLACE,
        title="井盖丢失",
        due_at="2026-03-09T10:00:00+00:00",
    )
    dispatched = {"dispatch_id": "D1", "department": UNIT}
    line.publish("ticket.dispatched", "T1", later(MARCH, hours=1), dispatched)
    line.publish("dispatch.accepted", "T1", later(MARCH, hours=2), {"dispatch_id": "D1"})


def answered(line: Line, *, approved: bool = True, resolved: bool | None = True) -> None:
    """T1, closed by the 5th of March."""
    opened(line)
    reply = {
        "dispatch_id": "D1",
        "cause": "被盗",
        "findings": "现场查看属实",
        "handling": "已更换新井盖并加固",
        "resolved": True,
    }
    line.publish("reply.submitted", "T1", later(MARCH, days=2), reply)
    if approved:
        line.publish("reply.approved", "T1", later(MARCH, days=2, hours=1), {"by": "1003"})
    line.publish("ticket.closed", "T1", later(MARCH, days=3), {"by": "1003"})
    if resolved is not None:
        callback = {"contacted": True, "resolved": resolved, "satisfied": 4}
        line.publish("callback.answered", "T1", later(MARCH, days=4), callback)


def nothing(line: Line) -> None:
    """Somebody else's ticket only."""
    line.received("T0", MARCH, "13900000000", leaf=MANHOLE, text=TEXT, place=PLACE)


def elsewhere(line: Line) -> None:
    """T1, in another district."""
    line.received(
        "T1", MARCH, PHONE, leaf=MANHOLE, text=TEXT, place={**PLACE, "division": "320204"}
    )


def unlike(line: Line) -> None:
    """T1, of the same leaf, about which nothing is known."""
    line.received("T1", MARCH, PHONE, leaf=MANHOLE)


def withdrawn(line: Line) -> None:
    opened(line)
    line.publish("ticket.withdrawn", "T1", later(MARCH, days=1), {"withdrawn_by": "citizen"})


CASES = [
    # name, what happened, asked besides, after days, verdict, reason, chase, new ticket
    ("R18", opened, {}, 1, "excluded", "in_progress", True, False),
    ("R18 overdue", opened, {}, 20, None, None, True, None),
    ("R17", answered, {}, 9, "excluded", "closed_no_new_evidence", False, False),
    ("R17 evidence", answered, {"new_evidence": True}, 9, "confirmed", None, False, True),
    (
        "R20",
        answered,
        {"occurred_at": "2026-03-10T00:00:00+00:00"},
        9,
        "excluded",
        "new_fault_same_kind",
        False,
        True,
    ),
    ("R12 first", nothing, {}, 9, "new", "first_contact", False, True),
    ("R13 elsewhere", elsewhere, {}, 9, "new", "another_matter", False, True),
    ("R12 unlike", unlike, {"text": None, "place": None}, 9, "candidate", None, None, True),
    ("R16 withdrawn", withdrawn, {}, 9, "new", "first_contact", False, True),
    ("R12 window", answered, {}, 100, "new", "first_contact", False, True),
    ("R12 leaf", answered, {"leaf": "city.facilities.lamp"}, 9, "new", None, False, True),
    ("not called back", lambda line: answered(line, resolved=None), {}, 9, None, None, False, True),
    ("denied", lambda line: answered(line, resolved=False), {}, 9, "confirmed", None, False, True),
    ("not approved", lambda line: answered(line, approved=False), {}, 9, None, None, False, True),
]


@pytest.mark.parametrize(
    ("name", "happened", "more", "days", "verdict", "reason", "chase", "new_ticket"),
    CASES,
    ids=[case[0] for case in CASES],
)
async def test_R17_R18_R20_the_agent_is_told_what_the_verdict_will_say(
    dsn: str,
    database: Database,
    tmp_path: Path,
    name: str,
    happened: Any,
    more: dict[str, Any],
    days: int,
    verdict: str | None,
    reason: str | None,
    chase: bool | None,
    new_ticket: bool | None,
) -> None:
    line = Line(database)
    happened(line)
    await line.flush()
    await deliver(dsn, line.records)
    now = later(MARCH, days=days)
    asked = {key: value for key, value in {**ASKED, **more}.items() if value is not None}
    async with open_desk(dsn, tmp_path, now) as desk:
        told = await desk.assessed(asked)
    assert told["degraded"] == []
    found = told["verdict"]
    if verdict is not None:
        assert found["verdict"] == verdict
    if reason is not None:
        assert found["reason"] == reason
    if chase is not None:
        assert told["chase"] is chase
    if new_ticket is not None:
        assert told["new_ticket"] is new_ticket
    assert found["reason_zh"]
    assert found["reason_en"]
    assert "?" not in told["say"]["zh"] + told["say"]["en"]

    # The ticket itself, with the same words: repeat detection says the same (I5 of the two).
    data: dict[str, Any] = {
        key: asked[key] for key in ("leaf", "text", "place", "channel") if key in asked
    }
    if "occurred_at" in more:
        data["occurred_at"] = more["occurred_at"]
    if "new_evidence" in more:
        data["attachments"] = [{"reference": "photo-1"}]
    line.received("T2", now, PHONE, **data)
    await line.flush()
    mine = verdict_of(line, "T2")
    assert (mine["verdict"], mine["reason"]) == (found["verdict"], found["reason"])
    assert mine["rule"] == found["rule"]
    if found["verdict"] == "excluded":
        assert (mine["reason_zh"], mine["reason_en"]) == (found["reason_zh"], found["reason_en"])
        assert mine["prompt_zh"] == told["prompt"]["zh"] or UNIT in mine["prompt_zh"]


def verdict_of(line: Line, ticket: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in line.records:
        if record.topic.name == REPEATS.name:
            fact = orjson.loads(record.value or b"")
            if fact["subject"] == ticket:
                found = fact["data"]
    return found


async def told(
    dsn: str, database: Database, tmp_path: Path, happened: Any, now: datetime, **asked: Any
) -> dict[str, Any]:
    line = Line(database)
    happened(line)
    await line.flush()
    await deliver(dsn, line.records)
    question = {key: value for key, value in {**ASKED, **asked}.items() if value is not None}
    async with open_desk(dsn, tmp_path, now) as desk:
        return await desk.assessed(question)


async def test_R18_stage_owner_and_deadline_are_told_in_words(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    found = await told(dsn, database, tmp_path, opened, later(MARCH, days=1))
    (ticket,) = found["open"]
    assert ticket["stage"]["step"] == "handle"
    assert ticket["owner"]["unit_name"] == "市城市管理局"
    assert ticket["due_at"] == "2026-03-09T10:00:00+00:00"
    assert not ticket["overdue"]
    for part in ("T1", "办理中", "市城市管理局", "2026-03-09 18:00"):
        assert part in found["say"]["zh"], found["say"]["zh"]
    for part in ("T1", "being handled", "2026-03-09 18:00"):
        assert part in found["say"]["en"], found["say"]["en"]


async def test_R17_the_earlier_result_is_told_in_words(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    found = await told(dsn, database, tmp_path, answered, later(MARCH, days=9))
    assert found["open"] == []
    (ticket,) = found["earlier"]
    assert ticket["result"] == "已更换新井盖并加固"
    assert ticket["resolved_by_citizen"] is True
    assert ticket["satisfied"] == 4
    for part in ("T1", "已更换新井盖并加固", "2026-03-06", "市城市管理局"):
        assert part in found["say"]["zh"], found["say"]["zh"]


async def test_R21_that_the_last_one_was_fixed_is_explained(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    occurred = "2026-03-10T00:00:00+00:00"
    found = await told(
        dsn, database, tmp_path, answered, later(MARCH, days=9), occurred_at=occurred
    )
    assert found["say"]["en"].startswith("The last one (ticket T1) was fixed on 2026-03-05")
    assert "this is a new fault" in found["say"]["en"]
    assert "这次是新出现的故障" in found["say"]["zh"]


async def test_R53_before_anything_is_known_the_tickets_are_shown(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    found = await told(
        dsn, database, tmp_path, opened, later(MARCH, days=1), leaf=None, text=None, place=None
    )
    assert [each["ticket"] for each in found["open"]] == ["T1"]
    assert found["citizen"]["status"] == "known"
    assert found["verdict"] == found["say"] == found["profile"] == "unknown"
    assert found["degraded"] == ["leaf"]


async def test_R53_without_a_leaf_the_words_find_the_case(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    found = await told(dsn, database, tmp_path, opened, later(MARCH, days=1), leaf=None)
    assert (found["leaf"]["code"], found["leaf"]["by"]) == (MANHOLE, "text")
    assert found["verdict"]["case"] == "T1"
    assert found["verdict"]["reason"] == "in_progress"


async def test_R18_the_ticket_that_the_citizen_names_is_the_case(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"leaf": None, "text": None, "place": None, "ticket": "T1"}
    found = await told(dsn, database, tmp_path, opened, later(MARCH, days=1), **asked)
    assert found["leaf"]["by"] == "ticket"
    assert (found["verdict"]["case"], found["verdict"]["reason"]) == ("T1", "in_progress")


PEOPLE: list[tuple[dict[str, Any], str, int]] = [
    ({}, "known", 1),
    ({"identities": []}, "anonymous", 0),
    ({"identities": [{"scheme": "phone", "value": "13911112222"}]}, "unknown", 0),
    ({"identities": [{"scheme": "phone", "value": "000"}]}, "unknown", 0),
    ({"identities": [], "citizen": "anon:T9"}, "anonymous", 0),
]


@pytest.mark.parametrize(("asked", "status", "tickets"), PEOPLE)
async def test_R53_who_calls_is_known_or_said_not_to_be(
    dsn: str,
    database: Database,
    tmp_path: Path,
    asked: dict[str, Any],
    status: str,
    tickets: int,
) -> None:
    found = await told(dsn, database, tmp_path, opened, later(MARCH, days=1), **asked)
    assert found["citizen"]["status"] == status
    assert len(found["open"]) == tickets
    assert found["degraded"] == []
    if not tickets:
        assert found["verdict"]["reason"] == "first_contact"


async def test_R12_two_pseudonyms_of_one_person_are_one_citizen(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    line = Line(database)
    opened(line)
    line.received("T5", MARCH, "13911112222", leaf="city.facilities.lamp")
    await line.flush()
    data = {
        "first": {"citizen": line.citizen("T5")},
        "second": {"citizen": line.citizen("T1")},
        "by": "1001",
    }
    line.publish("identity.linked", "T5", later(MARCH, hours=5), data)
    await line.flush()
    await deliver(dsn, line.records)
    async with open_desk(dsn, tmp_path, later(MARCH, days=1)) as desk:
        other = [{"scheme": "phone", "value": "13911112222"}]
        found = await desk.assessed({**ASKED, "identities": other})
    assert found["citizen"]["linked"] == 2
    assert {each["ticket"] for each in found["open"]} == {"T1", "T5"}
    assert found["verdict"]["case"] == "T1"


async def test_R12_a_number_of_many_people_is_nobody_surely(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    line = Line(database)
    opened(line)
    await line.flush()
    await deliver(dsn, line.records)
    async with database.connection() as connection:
        await connection.execute("UPDATE vault.aliases SET shared_since = $1", MARCH)
    async with open_desk(dsn, tmp_path, later(MARCH, days=1)) as desk:
        found = await desk.assessed(ASKED)
    assert found["citizen"]["status"] == "shared"
    assert (found["verdict"]["verdict"], found["verdict"]["reason"]) == (
        "candidate",
        "shared_number",
    )
    assert found["new_ticket"] is True
    assert "Ask who is calling" in found["say"]["en"]


async def test_R53_only_agents_ask(dsn: str, tmp_path: Path) -> None:
    async with open_desk(dsn, tmp_path, MARCH) as desk:
        for role in AccessRole:
            response = await desk.assess(ASKED, role)
            assert response.status_code == (200 if role is AccessRole.AGENT else 403)


# Degraded: whatever fails, the agent is answered


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres.create(tmp_path / "postgres")
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(tmp_path / "postgres", ignore_errors=True)


def assert_all_unknown(found: dict[str, Any], *degraded: str) -> None:
    assert found["degraded"] == list(degraded)
    for part in ("open", "earlier", "verdict", "say", "chase", "new_ticket", "profile"):
        assert found[part] == "unknown", part


async def test_R53_a_database_that_is_down_is_unknown_and_never_an_error(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    async with open_desk(own_postgres.dsn, tmp_path, MARCH) as desk:
        # Not migrated either: the fault of an operator, and no agent's.
        assert_all_unknown(await desk.assessed(ASKED), "citizen")
        own_postgres.kill()
        found = await desk.assessed(ASKED)
        assert_all_unknown(found, "citizen")
        assert found["citizen"]["status"] == "unknown"
        known = await desk.assessed({**ASKED, "citizen": "c:1"})
        assert_all_unknown(known, "tickets")
        for role, path in ((AccessRole.AGENT, "T1"), (AccessRole.HANDLER, "T2")):
            story = await desk.ticket(path, role, "city-12345")
            assert story.status_code == 503
            assert int(story.headers["Retry-After"]) > 0


async def test_R53_a_database_that_hangs_is_waited_for_no_longer_than_the_budget(
    tmp_path: Path,
) -> None:
    """It takes the connection and never says a word."""
    taken: list[asyncio.StreamWriter] = []

    async def mute(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with open_desk(
            f"postgresql://nobody:nothing@127.0.0.1:{port}/none",
            tmp_path,
            MARCH,
            assess_budget_ms=50,
            assess_text_budget_ms=50,
        ) as desk:
            answering = asyncio.ensure_future(desk.assessed(ASKED))
            await assert_eventually(answering.done, within=30, what="the agent is answered")
            assert_all_unknown(answering.result(), "citizen")
            assert taken, "it was asked"
    finally:
        for writer in taken:
            writer.close()
        server.close()
        await server.wait_closed()


async def test_R53_a_row_of_other_code_is_unknown_and_never_an_error(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    line = Line(database)
    opened(line)
    await line.flush()
    await deliver(dsn, line.records)
    async with database.connection() as connection:
        await connection.execute("UPDATE readmodel.tickets SET brief = '{\"ticket\": 7}'")
    async with open_desk(dsn, tmp_path, later(MARCH, days=1)) as desk:
        assert_all_unknown(await desk.assessed(ASKED), "tickets")
