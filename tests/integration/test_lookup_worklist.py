"""What a unit has to do, by level and deadline; whom a dialler has to call (R28, R33, R65)."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from policy.access import AccessRole
from runtime.database import Database
from services.callback.domain import Callback
from services.sla.domain import Sla
from tests.kit.desk import Desk, open_desk
from tests.kit.story import Line, deliver, instant, later

MARCH = instant("2026-03-02 01:00")
NOW = instant("2026-03-10 02:00")
MANHOLE = "city.facilities.manhole"
STREET, EAST, WEST = "street-east-01", "district-east", "district-west"
SUPERVISOR, AGENT = AccessRole.SUPERVISOR, AccessRole.AGENT


def work(line: Line) -> None:
    """T1, T2 (very urgent): east; T3: a street of east, by its name; T4: west; T5: with the
    hotline; T6: closed, to be called back; T7: closed, of somebody who asked to stay unnamed."""
    given: list[tuple[str, str | None, dict[str, Any]]] = [
        ("T1", EAST, {}),
        ("T2", EAST, {"urgency": "very_urgent"}),
        ("T3", "东城区滨河街道", {}),
        ("T4", WEST, {}),
        ("T5", None, {}),
        ("T6", EAST, {}),
        ("T7", EAST, {"confidential": True}),
    ]
    for number, (ticket, unit, more) in enumerate(given):
        at = later(MARCH, minutes=number)
        line.received(
            ticket, at, f"1381234567{number}", leaf=MANHOLE, agent="1001", title=f"井盖{ticket}",
            **more,
        )  # fmt: skip
        if unit is not None:
            dispatched = {"dispatch_id": f"D{ticket}", "department": unit, "by": "1002"}
            line.publish("ticket.dispatched", ticket, later(at, hours=1), dispatched)
    for ticket in ("T6", "T7"):
        line.publish("ticket.closed", ticket, later(MARCH, hours=30), {"by": "1003"})


@pytest_asyncio.fixture
async def line(dsn: str) -> AsyncIterator[Line]:
    database = Database(dsn, application="test")
    line = Line(database, beside=(Sla(), Callback()))
    work(line)
    await line.flush()
    line.advance(NOW)
    await deliver(dsn, line.records)
    yield line
    await database.close()


@pytest_asyncio.fixture
async def desk(dsn: str, line: Line, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(dsn, tmp_path, NOW) as desk:
        yield desk


async def test_R28_the_list_goes_by_level_then_deadline(desk: Desk) -> None:
    found = (await desk.worklist(SUPERVISOR, EAST)).json()
    clocks = found["clocks"]
    assert found["next"] is None
    assert len(clocks) > 5
    order = [(each["level"], each.get("deadline") or "9") for each in clocks]
    assert order == sorted(order)
    assert clocks[0]["ticket"] == "T2"
    assert {each["status"] for each in clocks} == {"running"}
    assert {each["overdue"] for each in clocks} == {True, False}
    for each in clocks:
        assert each["reason_zh"]
        assert each["terms"]["rule"]
        assert each["title"] == f"井盖{each['ticket']}"


SEEN = [
    # unit of the token, unit asked for, tickets
    (EAST, None, {"T1", "T2", "T3"}),
    (EAST, STREET, {"T3"}),
    (EAST, "东城区滨河街道", {"T3"}),
    (STREET, None, {"T3"}),
    (WEST, None, {"T4"}),
    ("city-water", None, set()),
]


async def test_R65_a_unit_sees_its_subtree_only(desk: Desk) -> None:
    for unit, asked, tickets in SEEN:
        query = {} if asked is None else {"of": asked}
        response = await desk.worklist(AccessRole.HANDLER, unit, **query)
        found = {each["ticket"] for each in response.json()["clocks"]}
        assert found == tickets, (unit, asked)
    for unit, asked in ((EAST, WEST), (STREET, EAST), (WEST, "nobody")):
        response = await desk.worklist(AccessRole.HANDLER, unit, of=asked)
        assert (response.status_code, response.json()["reason"]) == (403, "unit_not_in_scope")


async def test_R5_each_clock_is_told_with_who_answers_for_it(desk: Desk) -> None:
    found = (await desk.worklist(AGENT, "city-12345")).json()["clocks"]
    owners = {(each["ticket"], each["clock"]): each["owner"] for each in found}
    assert owners["T1", "department:DT1"]["unit"] == EAST
    assert owners["T1", "resolve"]["unit"] == EAST, "the citizen's clock is with who has the step"
    assert owners["T5", "resolve"] == {"unit": None, "unit_name": None, "person": "1001"}
    assert owners["T3", "department:DT3"]["unit_name"] == "东城区滨河街道"
    assert {each["ticket"] for each in found} >= {"T1", "T2", "T3", "T4", "T5"}


async def test_R28_pages_join_without_gap_or_overlap(desk: Desk) -> None:
    whole = (await desk.worklist(AGENT, "city-12345")).json()["clocks"]
    paged: list[Any] = []
    cursor: dict[str, str] = {}
    for _ in range(len(whole)):
        page = (await desk.worklist(AGENT, "city-12345", limit=3, **cursor)).json()
        assert len(page["clocks"]) <= 3
        paged += page["clocks"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert paged == whole


@pytest.mark.parametrize(
    "cursor", ["x", "W10=", "WzEsIngiLCJ0IiwiYyJd", "WzFlOTksbnVsbCwidCIsImMiXQ==", "é"]
)
async def test_a_cursor_that_is_none_is_refused(desk: Desk, cursor: str) -> None:
    for ask in (desk.worklist, desk.callbacks):
        response = await ask(AGENT, "city-12345", cursor=cursor)
        assert (response.status_code, response.json()["reason"]) == (422, "invalid_cursor")


@pytest.mark.parametrize(
    ("field", "value"), [("limit", 0), ("limit", 501), ("of", "a\x00b"), ("of", "x" * 257)]
)
async def test_an_odd_question_is_refused_with_the_field(
    desk: Desk, field: str, value: int | str
) -> None:
    response = await desk.worklist(AGENT, "city-12345", **{field: value})
    assert response.status_code == 422
    assert ("unit" if field == "of" else field) in response.json()["detail"]


async def test_R8_who_works_on_no_ticket_has_no_list(desk: Desk) -> None:
    response = await desk.worklist(AccessRole.PRIVACY_OFFICER, "city-12345")
    assert (response.status_code, response.json()["reason"]) == (403, "role_not_allowed")
    for role in AccessRole:
        response = await desk.callbacks(role, "city-12345")
        assert response.status_code == (200 if role is AGENT else 403), role


async def test_R33_a_dialler_gets_whom_to_call_and_no_number(
    dsn: str, line: Line, tmp_path: Path
) -> None:
    async with open_desk(dsn, tmp_path, NOW) as desk:
        response = await desk.callbacks(AGENT, "city-12345")
        waiting = response.json()["callbacks"]
        assert "13812345" not in response.text
        assert [each["due_at"] for each in waiting] == sorted(each["due_at"] for each in waiting)
        by_ticket = {each["ticket"]: each for each in waiting}
        assert by_ticket["T6"]["citizen"] == line.citizen("T6")
        # 保密 hides who it is from the department; the hotline calls back all the same.
        assert by_ticket["T7"]["citizen"] == line.citizen("T7")
        assert by_ticket["T6"]["state"] == "scheduled"
        assert by_ticket["T6"]["reason_zh"]
        none = (await desk.callbacks(AGENT, "city-12345", due=True)).json()
        assert none == {"callbacks": [], "next": None}

    due_at = datetime.fromisoformat(by_ticket["T6"]["due_at"])
    line.advance(later(due_at, minutes=1))
    await deliver(dsn, line.records)
    async with open_desk(dsn, directory(tmp_path, "due"), later(due_at, minutes=1)) as desk:
        called = (await desk.callbacks(AGENT, "city-12345", due=True)).json()["callbacks"]
        assert "T6" in {each["ticket"] for each in called}
        number = await desk.contact(
            line.citizen("T6"), AGENT, "city-12345", ticket="T6", purpose="callback"
        )
        assert number.status_code == 200, number.text
    over = datetime.fromisoformat(next(each["until"] for each in called if each["ticket"] == "T6"))
    async with open_desk(dsn, directory(tmp_path, "over"), over) as desk:
        late = (await desk.callbacks(AGENT, "city-12345", due=True)).json()["callbacks"]
        assert "T6" not in {each["ticket"] for each in late}, "its slot is over"


def directory(above: Path, name: str) -> Path:
    """For the tokens of one desk."""
    found = above / name
    found.mkdir()
    return found


async def test_R33_pages_of_callbacks_join(desk: Desk) -> None:
    whole = (await desk.callbacks(AGENT, "city-12345")).json()["callbacks"]
    first = (await desk.callbacks(AGENT, "city-12345", limit=1)).json()
    second = (await desk.callbacks(AGENT, "city-12345", limit=1, cursor=first["next"])).json()
    assert first["callbacks"] + second["callbacks"] == whole
    assert second["next"] is None
