"""A ticket's story: as of any instant, masked by role, own subtree only (R5, R6, R8, R65)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from policy.access import AccessRole
from runtime.database import Database
from tests.kit.desk import Desk, open_desk
from tests.kit.story import Line, deliver, instant, later

PHONE = "13812345678"
MARCH = instant("2026-03-02 01:00")
NOW = instant("2026-03-20 09:00")
MANHOLE = "city.facilities.manhole"
STREET, OTHER_STREET = "street-east-01", "street-west-01"


def story(line: Line) -> None:
    """T1: complained of a department, down the tree to a street, answered, called back, closed."""
    line.received(
        "T1",
        MARCH,
        PHONE,
        agent="1001",
        leaf=MANHOLE,
        title="井盖缺失",
        text=f"滨河路12号门前井盖没了, 电话{PHONE}",
        place={"address": "滨河路12号3栋501室", "division": "320106"},
        department="city-urban-management",
        due_at="2026-03-09T10:00:00+00:00",
        contact_id="C1",
        complainant={"name": "王小明"},
    )
    caller = {"identities": [{"scheme": "phone", "value": PHONE}]}
    line.publish("contact.received", "C1", later(MARCH, minutes=-5), {"caller": caller})
    line.publish(
        "ticket.dispatched",
        "T1",
        later(MARCH, hours=1),
        {"dispatch_id": "D1", "department": "district-east", "by": "1002"},
    )
    line.publish(
        "dispatch.accepted", "T1", later(MARCH, hours=2), {"dispatch_id": "D1", "handler": "5001"}
    )
    line.publish(
        "ticket.dispatched",
        "T1",
        later(MARCH, hours=3),
        {"dispatch_id": "D2", "parent_dispatch_id": "D1", "department": "东城区滨河街道"},
    )
    line.publish("dispatch.accepted", "T1", later(MARCH, hours=4), {"dispatch_id": "D2"})
    line.publish(
        "call.recorded",
        "T1",
        later(MARCH, hours=5),
        {"purpose": "first_contact", "outcome": "answered", "recording": "rec-1"},
    )
    line.publish(
        "reply.submitted",
        "T1",
        later(MARCH, days=2),
        {"dispatch_id": "D2", "handling": "已更换井盖", "resolved": True},
    )
    line.publish("reply.approved", "T1", later(MARCH, days=2, hours=1), {"by": "1003"})
    line.publish("ticket.closed", "T1", later(MARCH, days=3), {"by": "1003"})


@pytest_asyncio.fixture
async def line(dsn: str) -> AsyncIterator[Line]:
    database = Database(dsn, application="test")
    line = Line(database)
    yield line
    await database.close()


@pytest_asyncio.fixture
async def desk(dsn: str, line: Line, tmp_path: Path) -> AsyncIterator[Desk]:
    story(line)
    await line.flush()
    await deliver(dsn, line.records)
    async with open_desk(dsn, tmp_path, NOW) as desk:
        yield desk


AS_OF: list[tuple[dict[str, float], str | None, str | None, str | None, int]] = [
    # since receipt, phase, step, whose, events known
    ({"minutes": -10}, None, None, None, 0),
    ({"minutes": 1}, "received", "dispatch", "1001", 2),
    ({"hours": 1, "minutes": 1}, "dispatched", "accept", "district-east", 3),
    ({"hours": 2, "minutes": 1}, "dispatched", "handle", "district-east", 4),
    ({"hours": 3, "minutes": 1}, "dispatched", "accept", "东城区滨河街道", 5),
    ({"hours": 4, "minutes": 1}, "dispatched", "handle", "东城区滨河街道", 6),
    ({"days": 2}, "replied", "review", "1002", 8),
    ({"days": 2, "hours": 2}, "replied", "close", "1003", 9),
    ({"days": 4}, "closed", None, None, 10),
]


async def test_R6_and_R5_any_past_instant_is_told_with_who_answered_for_the_step(
    desk: Desk,
) -> None:
    for since, phase, step, whose, events in AS_OF:
        at = later(MARCH, **since)
        response = await desk.ticket("T1", AccessRole.AGENT, "city-12345", at=at.isoformat())
        assert response.status_code == 200, response.text
        told = response.json()
        assert len(told["events"]) == events, since
        assert told["exists"] == (phase is not None), since
        view = told["view"] or {}
        found = view.get("step") or {}
        owner = found.get("owner", {})
        assert (view.get("phase"), found.get("name")) == (phase, step), since
        assert (owner.get("unit") or owner.get("person")) == whose, since


async def test_R6_as_of_now_is_the_view_that_the_read_model_keeps(desk: Desk) -> None:
    now = (await desk.ticket("T1", AccessRole.SUPERVISOR, "city-12345")).json()
    asked = (
        await desk.ticket("T1", AccessRole.SUPERVISOR, "city-12345", at=NOW.isoformat())
    ).json()
    assert now == asked
    assert now["verdict"]["verdict"] == "new"
    assert now["verdict"]["reason_zh"]
    assert now["verdict"]["reason_en"]
    assert "hotline.repeat.new.v1" in {each["type"] for each in now["facts"]}
    assert now["events"][0]["type"] == "hotline.contact.received.v1", "the contact it was made from"


async def test_R6_a_verdict_is_told_with_its_history(dsn: str, line: Line, tmp_path: Path) -> None:
    line.received("T1", MARCH, PHONE, leaf=MANHOLE, text="滨河路井盖缺失")
    line.received("T2", later(MARCH, days=1), PHONE, leaf=MANHOLE, text="滨河路井盖缺失")
    mark = {"mark": "overturn", "by": "1009", "text": "另一个井盖"}
    line.publish("verdict.marked", "T2", later(MARCH, days=2), mark)
    await line.flush()
    await deliver(dsn, line.records)
    async with open_desk(dsn, tmp_path, NOW) as desk:
        now = (await desk.ticket("T2", AccessRole.AGENT, "city-12345")).json()
        before = (
            await desk.ticket(
                "T2",
                AccessRole.AGENT,
                "city-12345",
                at=later(MARCH, days=1, hours=1).isoformat(),
            )
        ).json()
    verdicts = [each["data"]["verdict"] for each in now["facts"] if "verdict" in each["data"]]
    assert len(verdicts) >= 2
    assert now["verdict"]["verdict"] == verdicts[-1] != verdicts[0] == before["verdict"]["verdict"]
    assert now["verdict"]["mark"]["by"] == "1009"


SUBTREE = [
    # unit, role, sees T1
    ("city-12345", AccessRole.SUPERVISOR, True),
    ("district-east", AccessRole.HANDLER, True),
    (STREET, AccessRole.HANDLER, True),
    ("street-east-02", AccessRole.HANDLER, False),
    ("district-west", AccessRole.SUPERVISOR, False),
    (OTHER_STREET, AccessRole.HANDLER, False),
    ("city-urban-management", AccessRole.LIAISON, True),
    ("city-water", AccessRole.LIAISON, False),
    ("city-water", AccessRole.INSPECTOR, False),
    ("not-in-the-directory", AccessRole.HANDLER, False),
    (STREET, AccessRole.AGENT, True),
    (STREET, AccessRole.PRIVACY_OFFICER, True),
]


async def test_R8_and_R65_a_unit_sees_its_own_subtree_only(desk: Desk) -> None:
    for unit, role, sees in SUBTREE:
        response = await desk.ticket("T1", role, unit)
        assert response.status_code == (200 if sees else 404), (unit, role)
        none = await desk.ticket("T999", role, unit)
        if not sees:
            assert response.json()["detail"] == none.json()["detail"], "nothing is learnt of it"


SHOWN: list[tuple[AccessRole, str, dict[str, bool]]] = [
    (
        AccessRole.AGENT,
        "city-12345",
        {"text": True, "data": True, "call": True, "first": True, "house": True},
    ),
    (
        AccessRole.HANDLER,
        STREET,
        {"text": True, "data": True, "call": True, "first": False, "house": True},
    ),
    (
        AccessRole.LIAISON,
        "district-east",
        {"text": True, "data": True, "call": True, "first": False, "house": False},
    ),
    (
        AccessRole.SUPERVISOR,
        "district-east",
        {"text": True, "data": True, "call": True, "first": True, "house": False},
    ),
    (
        AccessRole.INSPECTOR,
        "city-12345",
        {"text": True, "data": True, "call": True, "first": True, "house": False},
    ),
    (
        AccessRole.PRIVACY_OFFICER,
        "city-12345",
        {"text": False, "data": False, "call": False, "first": False, "house": False},
    ),
]


async def test_R8_each_role_is_shown_what_its_work_needs(desk: Desk) -> None:
    for role, unit, shown in SHOWN:
        response = await desk.ticket("T1", role, unit)
        told = response.json()
        for secret in (PHONE, "王小明", "501", "12号"):
            assert secret not in response.text, (role, secret)
        found = {
            "text": "title" in told["view"],
            "data": any("data" in each for each in told["events"]),
            "call": "rec-1" in response.text,
            "first": "chain" in told["verdict"],
            "house": (await desk.ticket("T1", role, unit, house_number="true")).status_code == 200,
        }
        assert found == shown, role
        assert told["verdict"]["reason_zh"], "a verdict is never without its reason"


async def test_R61_the_whole_address_is_for_who_needs_it_and_the_look_is_logged(
    dsn: str, desk: Desk
) -> None:
    told = (await desk.ticket("T1", AccessRole.HANDLER, STREET, house_number="true")).json()
    assert told["view"]["place"]["address"] == "滨河路12号3栋501室"
    assert told["degraded"] == []
    early = later(MARCH, minutes=-10).isoformat()
    before = await desk.ticket("T1", AccessRole.HANDLER, STREET, house_number="true", at=early)
    assert before.json()["view"] is None, "what was not recorded then is not shown"
    assert await looks(dsn) == [("handler-street-east-01@street-east-01", "disclosed", "T1")]


async def looks(dsn: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetch("SELECT who, action, subject FROM vault.audit ORDER BY id")
        return [tuple(row) for row in found]
    finally:
        await connection.close()


async def test_R8_who_asked_to_stay_unnamed_is_named_to_no_unit(
    dsn: str, line: Line, tmp_path: Path
) -> None:
    line.received("T1", MARCH, PHONE, leaf=MANHOLE, confidential=True)
    dispatched = {"dispatch_id": "D1", "department": STREET}
    line.publish("ticket.dispatched", "T1", later(MARCH, hours=1), dispatched)
    await line.flush()
    await deliver(dsn, line.records)
    citizen = line.citizen("T1")
    async with open_desk(dsn, tmp_path, NOW) as desk:
        handler = await desk.ticket("T1", AccessRole.HANDLER, STREET)
        officer = await desk.ticket("T1", AccessRole.PRIVACY_OFFICER, "city-12345")
    assert handler.status_code == officer.status_code == 200
    assert citizen not in handler.text
    assert citizen in officer.text


async def test_R8_what_a_ticket_calls_its_contact_opens_no_other_ticket(
    dsn: str, line: Line, tmp_path: Path
) -> None:
    line.received("T1", MARCH, PHONE, text="别人的事")
    line.received("T2", MARCH, "13812345679", contact_id="T1", department=STREET)
    await line.flush()
    await deliver(dsn, line.records)
    async with open_desk(dsn, tmp_path, NOW) as desk:
        told = (await desk.ticket("T2", AccessRole.HANDLER, STREET)).json()
    assert {each["subject"] for each in told["events"]} == {"T2"}


@pytest.mark.parametrize("at", ["yesterday", "2026-03-02T09:00:00", "9999-12-31T00:00:00Z"])
async def test_an_instant_that_is_none_is_refused(desk: Desk, at: str) -> None:
    response = await desk.ticket("T1", AccessRole.AGENT, "city-12345", at=at)
    assert response.status_code == 422
    assert "at" in response.json()["detail"]
