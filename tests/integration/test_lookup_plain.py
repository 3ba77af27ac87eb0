"""Plain data: who may see it, for what, and that every look is logged (R61)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest_asyncio

from policy.access import AccessRole
from runtime.database import Database
from services.callback.domain import Callback
from tests.kit.desk import Desk, open_desk
from tests.kit.story import Line, deliver, instant, later
from vault import erasure

PHONE = "13812345678"
MARCH = instant("2026-03-02 01:00")
NOW = instant("2026-03-20 09:00")
STREET = "street-east-01"


@pytest_asyncio.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn, application="test")
    yield database
    await database.close()


@pytest_asyncio.fixture
async def line(database: Database) -> Line:
    line = Line(database)
    for number in (1, 2, 3):
        line.received(
            f"T{number}",
            later(MARCH, minutes=number),
            PHONE,
            text=f"井盖没了, 电话{PHONE}",
            confidential=number == 3,
            complainant={"name": "王小明"},
        )
        dispatched = {"dispatch_id": f"D{number}", "department": "东城区滨河街道"}
        line.publish("ticket.dispatched", f"T{number}", later(MARCH, hours=number), dispatched)
    reply = {"dispatch_id": "D2", "handling": "已更换"}
    line.publish("reply.submitted", "T2", later(MARCH, days=1), reply)
    line.received("T4", later(MARCH, days=1), "13812345679", department=STREET)
    return line


@pytest_asyncio.fixture
async def desk(dsn: str, line: Line, tmp_path: Path) -> AsyncIterator[Desk]:
    await line.flush()
    await deliver(dsn, line.records)
    async with open_desk(dsn, tmp_path, NOW) as desk:
        yield desk


async def looks(dsn: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetch(
            "SELECT who, action, purpose, subject, citizen, detail FROM vault.audit ORDER BY id"
        )
        return [tuple(row) for row in found]
    finally:
        await connection.close()


async def test_R61_the_unit_that_works_on_it_gets_number_and_words_and_is_logged(
    dsn: str, desk: Desk, line: Line
) -> None:
    citizen = line.citizen("T1")
    response = await desk.contact(
        citizen, AccessRole.HANDLER, STREET, ticket="T1", purpose="first_contact"
    )
    assert response.status_code == 200, response.text
    told = response.json()
    assert told["reach"] == [{"scheme": "phone", "source": "", "value": PHONE}]
    assert told["originals"] == [
        {
            "type": "hotline.ticket.received.v1",
            "time": later(MARCH, minutes=1).isoformat(),
            "text": f"井盖没了, 电话{PHONE}",
            "name": "王小明",
        }
    ]
    assert await looks(dsn) == [
        ("handler-street-east-01@street-east-01", "disclosed", "first_contact", "T1", citizen, "")
    ]


REFUSED = [
    # role, unit, ticket, purpose, status, reason
    (AccessRole.HANDLER, STREET, "T1", "callback", 403, "purpose_not_allowed"),
    (AccessRole.INSPECTOR, "city-12345", "T1", "verification", 403, "purpose_not_allowed"),
    (AccessRole.PRIVACY_OFFICER, "city-12345", "T1", "callback", 403, "purpose_not_allowed"),
    (AccessRole.HANDLER, STREET, "T2", "reply", 403, "no_live_dispatch"),
    (AccessRole.SUPERVISOR, "district-east", "T1", "verification", 403, "no_live_dispatch"),
    (AccessRole.AGENT, "city-12345", "T1", "progress", 403, "no_live_dispatch"),
    (AccessRole.AGENT, "city-12345", "T1", "callback", 403, "no_live_callback"),
    (AccessRole.HANDLER, STREET, "T3", "first_contact", 403, "confidential"),
    (AccessRole.HANDLER, "street-west-01", "T1", "first_contact", 404, "no_such_ticket"),
    (AccessRole.HANDLER, STREET, "T4", "first_contact", 404, "no_such_ticket"),
    (AccessRole.HANDLER, STREET, "T999", "first_contact", 404, "no_such_ticket"),
    (AccessRole.HANDLER, STREET, "T1", "curiosity", 422, "invalid"),
]


async def test_R61_everybody_else_is_refused_with_the_reason_and_the_refusal_is_logged(
    dsn: str, desk: Desk, line: Line
) -> None:
    citizen = line.citizen("T1")
    for role, unit, ticket, purpose, status, reason in REFUSED:
        response = await desk.contact(citizen, role, unit, ticket=ticket, purpose=purpose)
        assert (response.status_code, response.json()["reason"]) == (status, reason), (role, ticket)
        assert PHONE not in response.text
    expected = [
        (f"{role.value}-{unit}".replace("_", "-") + f"@{unit}", "refused", purpose, ticket, reason)
        for role, unit, ticket, purpose, status, reason in REFUSED
        if status == 403
    ]
    assert [(*look[:4], look[5]) for look in await looks(dsn)] == expected


async def test_R61_after_erasure_there_is_nothing_left_to_see(
    desk: Desk, line: Line, database: Database
) -> None:
    citizen = line.citizen("T1")
    await erasure.erase(database, citizen, who="officer", reason="市民要求")
    response = await desk.contact(
        citizen, AccessRole.HANDLER, STREET, ticket="T1", purpose="first_contact"
    )
    assert (response.status_code, response.json()["reason"]) == (410, "erased")
    story = (await desk.ticket("T1", AccessRole.HANDLER, STREET, house_number="true")).json()
    assert story["view"]["ticket"] == "T1", "the log goes on without them"


async def test_R12_a_linked_pseudonym_is_the_same_person(
    dsn: str, line: Line, tmp_path: Path
) -> None:
    await line.flush()
    first, second = line.citizen("T1"), line.citizen("T4")
    data = {"first": {"citizen": first}, "second": {"citizen": second}, "by": "1001"}
    line.publish("identity.linked", "T4", later(MARCH, days=2), data)
    await line.flush()
    await deliver(dsn, line.records)
    async with open_desk(dsn, tmp_path, NOW) as desk:
        response = await desk.contact(
            second, AccessRole.HANDLER, STREET, ticket="T1", purpose="first_contact"
        )
    assert response.status_code == 200, response.text
    assert {each["value"] for each in response.json()["reach"]} == {PHONE, "13812345679"}


async def test_R33_an_agent_gets_the_number_while_a_callback_is_to_be_made(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    line = Line(database, beside=(Callback(),))
    for number in (1, 2, 3):
        # T1 is confidential: to departments, not to the hotline that calls back.
        line.received(f"T{number}", later(MARCH, minutes=number), PHONE, confidential=number == 1)
        line.publish("ticket.closed", f"T{number}", later(MARCH, days=1), {})
    # T1 is closed once more: a task that is waived beside the live one.
    line.publish("ticket.closed", "T1", later(MARCH, days=2), {})
    line.publish("ticket.reopened", "T2", later(MARCH, days=2), {"cause": "other"})
    answer = {"contacted": True, "resolved": True}
    line.publish("callback.answered", "T3", later(MARCH, days=2), answer)
    await line.flush()
    line.advance(later(MARCH, days=8, hours=12))
    await deliver(dsn, line.records)
    citizen = line.citizen("T1")
    async with open_desk(dsn, tmp_path, NOW) as desk:
        for ticket, status in (("T1", 200), ("T2", 403), ("T3", 403)):
            response = await desk.contact(
                citizen, AccessRole.AGENT, "city-12345", ticket=ticket, purpose="callback"
            )
            assert response.status_code == status, (ticket, response.text)
            assert (PHONE in response.text) == (status == 200)
    assert [(look[1], look[3], look[5]) for look in await looks(dsn)] == [
        ("disclosed", "T1", ""),
        ("refused", "T2", "no_live_callback"),
        ("refused", "T3", "no_live_callback"),
    ]
