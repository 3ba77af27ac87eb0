"""Deadlines as sla keeps them, told with a ticket and to the citizen (R6, R18, R25, R33)."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest_asyncio

from policy.access import AccessRole
from runtime.database import Database
from services.callback.domain import Callback
from services.sla.domain import Sla
from tests.kit.desk import Desk, open_desk
from tests.kit.story import Line, deliver, instant, later

PHONE = "13812345678"
MARCH = instant("2026-03-02 01:00")
NOW = instant("2026-03-30 09:00")
MANHOLE = "city.facilities.manhole"
DISTRICT = "district-east"
ASKED: dict[str, Any] = {
    "identities": [{"scheme": "phone", "value": PHONE}],
    "channel": "phone",
    "leaf": MANHOLE,
    "ticket": "T1",
}
SEVENTEEN_THIRTY = "2026-03-09T17:30:00+08:00"
"""End of the seventh calendar day after a Monday: the terms of «resolve» where nobody promised."""


@pytest_asyncio.fixture
async def line(dsn: str) -> AsyncIterator[Line]:
    database = Database(dsn, application="test")
    yield Line(database, beside=(Sla(), Callback()))
    await database.close()


def received(line: Line, **data: Any) -> None:
    line.received("T1", MARCH, PHONE, leaf=MANHOLE, agent="1001", **data)


def dispatched(line: Line, **data: Any) -> None:
    given = {"dispatch_id": "D1", "department": DISTRICT, "by": "1002", **data}
    line.publish("ticket.dispatched", "T1", later(MARCH, minutes=10), given)


async def told(
    dsn: str, line: Line, directory: Path, now: datetime, **query: Any
) -> dict[str, Any]:
    """The story of T1 to an agent, when all that is due by ``now`` has been done."""
    await line.flush()
    line.advance(now)
    await deliver(dsn, line.records)
    async with open_desk(dsn, directory, now) as desk:
        response = await desk.ticket("T1", AccessRole.AGENT, "city-12345", **query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


# A ticket


@pytest_asyncio.fixture
async def desk(dsn: str, line: Line, tmp_path: Path) -> AsyncIterator[Desk]:
    """T1: dispatched, accepted, too late contacted, on hold for two days, closed, called back."""
    received(line)
    dispatched(line)
    line.publish("dispatch.accepted", "T1", later(MARCH, hours=1), {"dispatch_id": "D1"})
    called = {"purpose": "first_contact", "outcome": "answered", "dispatch_id": "D1"}
    line.publish("call.recorded", "T1", instant("2026-03-04 02:00"), called)
    hold = {"reason": "citizen_unreachable", "hold_id": "H1"}
    line.publish("hold.started", "T1", instant("2026-03-05 02:00"), hold)
    line.publish("hold.ended", "T1", instant("2026-03-07 02:00"), {"hold_id": "H1"})
    reply = {"dispatch_id": "D1", "handling": "已更换", "resolved": True}
    line.publish("reply.submitted", "T1", instant("2026-03-08 02:00"), reply)
    line.publish("reply.approved", "T1", instant("2026-03-08 03:00"), {"by": "1003"})
    line.publish("ticket.closed", "T1", instant("2026-03-08 04:00"), {"by": "1003"})
    await line.flush()
    line.advance(NOW)
    await deliver(dsn, line.records)
    async with open_desk(dsn, tmp_path, NOW) as found:
        yield found


AS_OF: list[tuple[str, dict[str, str], str | None, str | None]] = [
    # at, status of some clocks, deadline of the open step, state of the callback
    ("2026-03-02 01:05", {"resolve": "running"}, SEVENTEEN_THIRTY, None),
    ("2026-03-02 01:30", {"accept:D1": "running"}, "2026-03-03T17:30:00+08:00", None),
    (
        "2026-03-02 09:00",
        {"accept:D1": "met", "first_contact:D1": "running"},
        "2026-03-03T17:30:00+08:00",
        None,
    ),
    ("2026-03-03 10:00", {"first_contact:D1": "running"}, "2026-03-03T17:30:00+08:00", None),
    ("2026-03-04 03:00", {"first_contact:D1": "met", "resolve": "running"}, SEVENTEEN_THIRTY, None),
    ("2026-03-08 03:30", {"department:D1": "met"}, None, None),
    ("2026-03-08 05:00", {"resolve": "met", "reply": "met"}, None, "scheduled"),
]


async def test_R6_and_R25_clocks_and_deadlines_are_told_as_of_any_instant(desk: Desk) -> None:
    for at, statuses, due_at, callback in AS_OF:
        response = await desk.ticket(
            "T1", AccessRole.SUPERVISOR, "city-12345", at=instant(at).isoformat()
        )
        told = response.json()
        found = {each["clock"]: each for each in told["clocks"]}
        assert {name: found[name]["status"] for name in statuses} == statuses, at
        step = told["view"].get("step") or {}
        if due_at is not None:
            assert step["due_at"] == due_at, at
        assert [each["state"] for each in told["callbacks"]] == [callback] * (callback is not None)


async def test_R25_a_clock_is_told_with_rule_deadline_status_and_words(desk: Desk) -> None:
    told = (await desk.ticket("T1", AccessRole.SUPERVISOR, "city-12345")).json()
    found = {each["clock"]: each for each in told["clocks"]}
    resolve = found["resolve"]
    assert resolve["status"] == "met"
    assert resolve["terms"]["rule"] == "resolve.normal"
    assert resolve["terms"]["calendar_version"].startswith("cn-workdays")
    assert resolve["started_at"] == "2026-03-02T09:00:00+08:00"
    assert resolve["ended_at"] == "2026-03-08T12:00:00+08:00"
    assert resolve["reason_zh"]
    assert resolve["reason_en"]
    contact = found["first_contact:D1"]
    assert contact["missed"] == "2026-03-03T17:30:00+08:00"
    assert contact["late"] is True
    assert contact["breach"] in {each["id"] for each in told["facts"]}
    assert contact["contact"]["tries"] == 0, "R26: why nobody was reached"
    assert contact["department"] == DISTRICT


async def test_R33_a_callback_is_told_with_its_tries(desk: Desk) -> None:
    (task,) = (await desk.ticket("T1", AccessRole.AGENT, "city-12345")).json()["callbacks"]
    assert (task["state"], task["live"]) == ("uncontacted", False)
    assert task["closed_at"] == "2026-03-08T12:00:00+08:00"
    assert task["outcomes"]
    assert task["reason_zh"]


SHOWN = [
    # role, unit, clocks, tries of a contact
    (AccessRole.AGENT, "city-12345", True, True),
    (AccessRole.HANDLER, DISTRICT, True, True),
    (AccessRole.PRIVACY_OFFICER, "city-12345", False, False),
]


async def test_R8_clocks_are_for_who_may_read_the_story(desk: Desk) -> None:
    for role, unit, clocks, tries in SHOWN:
        response = await desk.ticket("T1", role, unit)
        told = response.json()
        assert bool(told["clocks"]) == bool(told["callbacks"]) == clocks, role
        assert any("contact" in each for each in told["clocks"]) == tries, role


async def test_R6_a_hold_leaves_the_step_without_a_deadline(
    dsn: str, line: Line, tmp_path: Path
) -> None:
    received(line, due_at="2026-03-09T10:00:00+00:00")
    dispatched(line)
    line.publish("dispatch.accepted", "T1", later(MARCH, hours=1), {"dispatch_id": "D1"})
    called = {"purpose": "first_contact", "outcome": "answered", "dispatch_id": "D1"}
    line.publish("call.recorded", "T1", later(MARCH, hours=2), called)
    line.publish("hold.started", "T1", later(MARCH, days=1), {"reason": "waiting_for_citizen"})
    found = await told(dsn, line, tmp_path, later(MARCH, days=2))
    assert found["view"]["step"]["name"] == "hold"
    standing = {each["clock"]: each["status"] for each in found["clocks"]}
    paused = {clock for clock, status in standing.items() if status == "paused"}
    assert paused, standing
    running = [
        each["deadline"]
        for each in found["clocks"]
        if each["status"] == "running" and not each["clock"].startswith("interim")
    ]
    assert found["view"]["step"].get("due_at") == min(running, default=None)


async def test_R25_where_sla_keeps_no_clock_the_platforms_word_counts(
    dsn: str, tmp_path: Path
) -> None:
    database = Database(dsn, application="test")
    line = Line(database)
    received(line, due_at="2026-03-05T10:00:00+00:00")
    found = await told(dsn, line, tmp_path, later(MARCH, days=1))
    await database.close()
    assert found["view"]["step"]["due_at"] == "2026-03-05T10:00:00Z"
    assert found["clocks"] == []


# While the citizen is on the line


async def assessed(dsn: str, line: Line, directory: Path, now: datetime) -> dict[str, Any]:
    await line.flush()
    line.advance(now)
    await deliver(dsn, line.records)
    async with open_desk(dsn, directory, now) as desk:
        return await desk.assessed(ASKED)


async def test_R18_the_deadline_that_nobody_promised_is_told(
    dsn: str, line: Line, tmp_path: Path
) -> None:
    received(line)
    dispatched(line)
    found = await assessed(dsn, line, tmp_path, later(MARCH, days=1))
    (ticket,) = found["open"]
    assert ticket["stage"]["step"] == "accept"
    assert ticket["due_at"] == "2026-03-09T09:30:00+00:00", "the citizen's, not the unit's"
    assert (ticket["overdue"], ticket["paused"]) == (False, False)
    assert found["verdict"]["reason"] == "in_progress"
    assert "时限 2026-03-09 17:30" in found["say"]["zh"]
    assert "due 2026-03-09 17:30" in found["say"]["en"]


async def test_R18_a_deadline_that_ran_out_is_told_and_the_verdict_stays(
    dsn: str, line: Line, tmp_path: Path
) -> None:
    received(line)
    dispatched(line)
    found = await assessed(dsn, line, tmp_path, later(MARCH, days=10))
    (ticket,) = found["open"]
    assert ticket["overdue"] is True
    assert (found["verdict"]["verdict"], found["verdict"]["reason"]) == ("excluded", "in_progress")
    assert "时限 2026-03-09 17:30, 已超时" in found["say"]["zh"]
    assert "due 2026-03-09 17:30 and late" in found["say"]["en"]


async def test_R18_an_extension_is_told_as_sla_reckons_it(
    dsn: str, line: Line, tmp_path: Path
) -> None:
    received(line, due_at="2026-03-09T10:00:00+00:00")
    dispatched(line)
    extension = {"new_due_at": "2026-03-20T09:30:00+00:00", "dispatch_id": "D1"}
    line.publish("extension.granted", "T1", later(MARCH, days=2), extension)
    found = await assessed(dsn, line, tmp_path, later(MARCH, days=10))
    (ticket,) = found["open"]
    assert ticket["due_at"] == "2026-03-20T09:30:00+00:00"
    assert ticket["overdue"] is False


async def test_R18_a_clock_that_stands_still_has_no_deadline_to_tell(
    dsn: str, line: Line, tmp_path: Path
) -> None:
    received(line)
    dispatched(line)
    line.publish("hold.started", "T1", later(MARCH, days=1), {"reason": "waiting_for_citizen"})
    found = await assessed(dsn, line, tmp_path, later(MARCH, days=2))
    (ticket,) = found["open"]
    assert (ticket["due_at"], ticket["overdue"], ticket["paused"]) == (None, False, True)
    assert "时限" not in found["say"]["zh"]
