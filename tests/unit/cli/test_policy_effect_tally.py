"""What a version did to the deadlines is counted by the facts' own cause (complaint 8)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from cli.effects.tally import Tally
from cli.effects.telling import document, sentence, tables

NOON = datetime(2026, 12, 1, 4, tzinfo=UTC)
VERSION = "cn-12345@2027-01+aaaaaaaaaaaa"


def fact(
    kind: str,
    ticket: str,
    clock: str = "resolve",
    *,
    cause: str = "calendar",
    version: str = VERSION,
    step: str = "timer",
    before_h: float | None = None,
    after_h: float | None = None,
    **data: Any,
) -> bytes:
    """A fact of a clock; deadlines in hours after noon."""

    def at(hours: float | None) -> str | None:
        return None if hours is None else (NOON + timedelta(hours=hours)).isoformat()

    return orjson.dumps(
        {
            "type": f"hotline.sla.{kind}.v1",
            "subject": ticket,
            "causationid": step,
            "policyversion": version,
            "data": {
                "target": clock.partition(":")[0],
                "clock": clock,
                "cause": cause,
                "previous_deadline": at(before_h),
                "deadline": at(after_h),
                **data,
            },
        }
    )


def counted(*facts: bytes, version: str | None = None, largest: int = 10) -> Tally:
    tally = Tally(largest)
    for each in facts:
        tally.take(each, version=version)
    return tally


@pytest.mark.parametrize(
    ("given", "column"),
    [
        (fact("recomputed", "T1", before_h=1, after_h=2), "later"),
        (fact("recomputed", "T1", before_h=2, after_h=1, cause="policy"), "earlier"),
        (fact("recomputed", "T1", after_h=1), "set"),
        (fact("recomputed", "T1", before_h=1, undetermined="no year 2028"), "undetermined"),
        (fact("withdrawn", "T1", after_h=9, breach="x"), "withdrawn"),
        (fact("breached", "T1", after_h=9), "breached"),
    ],
)
def test_what_a_policy_or_a_calendar_caused_is_counted(given: bytes, column: str) -> None:
    tally = counted(given)
    assert tally.total == {column: 1}
    assert tally.targets == {"resolve": {column: 1}}
    assert tally.departments == {"(citizen)": {column: 1}}
    assert tally.tickets == {"T1"}


@pytest.mark.parametrize(
    "given",
    [
        fact("recomputed", "T1", before_h=1, after_h=2, cause="extension"),
        fact("recomputed", "T1", before_h=1, after_h=1),
        fact("breached", "T1", after_h=1, cause="deadline"),
        fact("warning", "T1", after_h=1),
        orjson.dumps({"type": "hotline.sla.arbitration_required.v1", "subject": "T1"}),
    ],
)
def test_what_an_event_or_a_deadline_caused_is_not(given: bytes) -> None:
    assert counted(given).total == {}


def test_a_breach_in_the_step_that_moved_its_deadline_follows_from_it() -> None:
    moved = fact("recomputed", "T1", before_h=9, after_h=-1)
    same = fact("breached", "T1", after_h=-1, cause="deadline")
    other = fact("breached", "T1", after_h=-1, cause="deadline", step="another timer")
    another_clock = fact("breached", "T1", "reply", after_h=-1, cause="deadline")
    assert counted(moved, same, other, another_clock).total == {"earlier": 1, "breached": 1}


@pytest.mark.parametrize(
    ("version", "count"), [("2027-01", 1), (VERSION, 1), ("2026-07", 1), ("2027", 0), (None, 2)]
)
def test_a_version_is_named_in_full_or_as_in_the_bundle(version: str | None, count: int) -> None:
    given = (
        fact("recomputed", "T1", before_h=1, after_h=2),
        fact("recomputed", "T2", before_h=1, after_h=2, version="cn-12345@2026-07+bbbbbbbbbbbb"),
    )
    assert counted(*given, version=version).total["later"] == count


def test_the_largest_moves_come_first_and_of_equal_ones_the_first() -> None:
    given = [
        fact("recomputed", f"T{n}", before_h=0, after_h=hours)
        for n, hours in enumerate([1, -5, 3, 3, 2, -3])
    ]
    tally = counted(*given, largest=4)
    assert [(move.ticket, move.by / timedelta(hours=1)) for move in tally.largest] == [
        ("T1", -5),
        ("T2", 3),
        ("T3", 3),
        ("T5", -3),
    ]
    assert counted(*given, largest=0).largest == []


def test_it_is_said_in_a_sentence_in_tables_and_for_programs() -> None:
    tally = counted(
        *(
            fact("recomputed", f"T{n}", "department:#1", before_h=0, after_h=30, department="water")
            for n in range(1_200)
        ),
        fact("recomputed", "T1", before_h=5, after_h=1),
        fact("withdrawn", "T2", after_h=3),
        fact("breached", "T1", after_h=1, cause="policy"),
    )
    said = "1,201 deadlines moved (1,200 later, 1 earlier), 1 breach withdrawn, 1 new breach"
    assert sentence(tally) == said
    assert sentence(Tally()) == "0 deadlines moved, 0 breaches withdrawn, 0 new breaches"
    told = document(tally)
    assert (told["said"], told["moved"], told["tickets"]) == (said, 1_201, 1_200)
    assert list(told["by_target"]) == ["department", "resolve"]
    assert told["by_department"]["water"]["later"] == 1_200
    assert told["largest"][0] == {
        "ticket": "T0",
        "clock": "department:#1",
        "department": "water",
        "before": "2026-12-01T04:00:00+00:00",
        "after": "2026-12-02T10:00:00+00:00",
        "minutes": 1_800.0,
    }
    by_target, by_department, largest = tables(tally, {"water": "供水公司"})
    assert [column.header for column in by_target.columns] == [
        "target",
        "later",
        "earlier",
        "withdrawn",
        "breached",
    ]
    assert list(by_department.columns[0].cells) == ["water 供水公司", "(citizen)"]
    assert next(iter(largest.columns[-1].cells)) == "+1 d 06:00"
