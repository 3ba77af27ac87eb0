"""``hotline policy calendar`` and ``due``: what a supervisor asks of a deadline (complaint 9)."""

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from policy.bundle import SHIPPED

CN = ("--policy", "cn-12345")


def hotline(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments], env={"COLUMNS": "200"})


def said(*arguments: str) -> Any:
    result = hotline(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def due(calendar: str, start: str, amount: int, unit: str, *more: str) -> dict[str, Any]:
    given = ("--calendar", calendar, "--from", start, "--amount", str(amount), "--unit", unit)
    return said("due", *given, *more)  # type: ignore[no-any-return]


# --- check ----------------------------------------------------------------------------------------


def test_check_says_which_years_are_known() -> None:
    result = hotline("check", "cn-12345", "--at", "2026-09-01")
    assert "cn-workdays: 2004-2027, 2027 provisional" in result.stdout
    assert "cn-24x7: every year" in result.stdout
    assert "calendar" not in result.stderr
    told = {each["name"]: each for each in said("check", "uk-council")["calendars"]}
    assert told["uk-england"]["years"] == [2004, 2030]
    assert told["uk-england"]["provisional_years"] == [2028, 2029, 2030]
    assert told["uk-24x7"]["years"] is None


@pytest.mark.parametrize(
    ("at", "warned"),
    [
        ("2026-10-31", []),
        ("2026-11-22", ["2027 is provisional"]),
        ("2026-12-31", ["2027 is provisional"]),
        ("2027-01-01", ["knows no day after 2027-12-31: add 2028", "2027 is provisional"]),
        ("2028-06-01", ["knows no day after 2027-12-31: add 2028", "2027 is provisional"]),
    ],
)
def test_check_warns_before_a_calendar_ends(at: str, warned: list[str]) -> None:
    found = said("check", "cn-12345", "--at", at)["warnings"]
    assert len(found) == len(warned)
    for text, told in zip(warned, found, strict=True):
        assert told.startswith("calendar cn-workdays")
        assert text in told
        assert told in hotline("check", "cn-12345", "--at", at).stderr


def test_check_warns_of_a_year_by_hand_that_the_library_knows(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "cn-12345", tmp_path / "city")
    path = tmp_path / "city" / "calendars" / "2026.yaml"
    text = path.read_text(encoding="utf-8")
    by_hand = '    provisional_years:\n      2026: {source: "OURS: x", days: []}\n'
    path.write_text(text.replace("    provisional_years:\n", by_hand, 1), encoding="utf-8")
    found = said("check", str(tmp_path / "city"), "--at", "2025-01-01")["warnings"]
    assert [each for each in found if "take it out of provisional_years" in each and "2026" in each]


# --- calendar -------------------------------------------------------------------------------------


def test_without_a_name_all_calendars_are_shown() -> None:
    assert {each["name"] for each in said("calendar", *CN)} == {
        "cn-workdays",
        "cn-24x7",
        "cn-calling",
    }
    assert "2004-2027, 2027 provisional" in hotline("calendar", *CN).stdout


def test_a_year_lists_what_is_not_as_the_week_says() -> None:
    told = said("calendar", "cn-workdays", "--year", "2026", *CN)
    days = {each["date"]: each for each in told["days"]}
    assert (told["from"], told["to"], told["zone"]) == ("2026-01-01", "2026-12-31", "Asia/Shanghai")
    make_up = {day for day, each in days.items() if each["kind"] == "make_up"}
    assert make_up == {
        *("2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10")
    }
    assert days["2026-10-10"]["hours"] == ["08:30-12:00", "14:00-17:30"]
    assert (days["2026-02-17"]["works"], days["2026-02-17"]["name"]["zh"]) == (False, "春节")
    assert "2026-11-21" not in days, "a plain Saturday"
    # 261 days of Monday to Friday, 19 of them off, 6 days of weekends worked.
    off = [
        each
        for each in days.values()
        if not each["works"] and each["weekday"] not in ("sat", "sun")
    ]
    assert told["working_days"] == 261 - len(off) + len(make_up)


def test_a_range_is_shown_as_a_table() -> None:
    output = hotline(
        "calendar", "cn-workdays", "--from", "2026-12-30", "--to", "2027-01-03", *CN
    ).stdout
    assert "2 working days from 2026-12-30 to 2027-01-03" in output
    assert "holiday (provisional)" in output
    assert "元旦 New Year's Day" in output
    assert "2027-01-02" not in output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("calendar", "cn-workday"), "known are cn-24x7, cn-calling, cn-workdays"),
        (("calendar", "cn-workdays", "--year", "2028"), "does not know the year 2028"),
        (("calendar", "cn-workdays", "--from", "2026-01-01"), "give both --from and --to"),
        (
            ("calendar", "cn-workdays", "--year", "2026", "--to", "2026-01-01"),
            "either --year or --from and --to",
        ),
        (
            ("calendar", "cn-workdays", "--from", "2026-02-01", "--to", "2026-01-01"),
            "is before 2026-02-01",
        ),
    ],
)
def test_what_cannot_be_shown_is_said(arguments: tuple[str, ...], text: str) -> None:
    result = hotline(*arguments, *CN)
    assert result.exit_code != 0
    assert text in result.output


# --- due ------------------------------------------------------------------------------------------


def test_a_deadline_that_no_calendar_reaches_says_what_to_do() -> None:
    asked = ("--from", "2027-12-30", "--amount", "10", "--unit", "working_days")
    result = hotline("due", "--calendar", "cn-workdays", *asked, *CN)
    assert result.exit_code == 1
    assert "no deadline: calendar cn-workdays does not know 2028" in result.output
    assert "add the year to the calendar's file" in result.output


def test_a_deadline_with_the_days_that_count() -> None:
    told = due("cn-workdays", "2026-09-30T10:00", 5, "working_days", *CN)
    assert told["due"] == "2026-10-13T17:30:00+08:00"
    assert told["from"] == "2026-09-30T10:00:00+08:00"
    assert [(each["date"], each["number"]) for each in told["days"] if each["counts"]] == [
        ("2026-10-08", 1),
        ("2026-10-09", 2),
        ("2026-10-10", 3),
        ("2026-10-12", 4),
        ("2026-10-13", 5),
    ]
    assert [each["kind"] for each in told["days"] if not each["counts"]] == [
        "workday",
        *["holiday"] * 7,
        "weekend",
    ]
    assert told["calendar_version"].startswith("cn-workdays+")


def test_hours_say_how_much_of_each_day_counted() -> None:
    told = due("cn-workdays", "2026-02-13T17:00", 8, "hours", *CN)
    assert told["due"] == "2026-02-24T09:00:00+08:00"
    counted = {e["date"]: e["working_seconds"] for e in told["days"] if e["counts"]}
    assert counted == {"2026-02-13": 1800, "2026-02-14": 25200, "2026-02-24": 1800}


def test_days_rolled_over_do_not_count() -> None:
    told = due("cn-workdays", "2026-11-14T10:00", 7, "calendar_days", "--roll", *CN)
    assert told["due"] == "2026-11-23T17:30:00+08:00"
    numbers = {each["date"]: each["number"] for each in told["days"]}
    assert (numbers["2026-11-14"], numbers["2026-11-21"], numbers["2026-11-23"]) == (None, 7, None)
    plain = due("cn-workdays", "2026-11-14T10:00", 7, "calendar_days", *CN)
    assert plain["due"] == "2026-11-22T00:00:00+08:00"
    assert plain["days"][-1]["date"] == "2026-11-21"


def test_across_a_change_of_clocks_the_time_counted_is_what_was_asked() -> None:
    told = due("us-24x7", "2026-03-07T12:00", 48, "hours", "--policy", "us-311")
    assert datetime.fromisoformat(told["due"]) == datetime.fromisoformat("2026-03-09T13:00-04:00")
    assert [each["working_seconds"] / 3600 for each in told["days"]] == [12, 23, 13]


def test_a_deadline_on_days_not_published_says_so() -> None:
    given = ("--calendar", "cn-workdays", "--from", "2026-12-30T10:00", "--unit", "working_days")
    assert due("cn-workdays", "2026-12-30T10:00", 5, "working_days", *CN)["provisional"] is True
    assert "may move" in hotline("due", *given, "--amount", "5", *CN).stdout
    assert "may move" not in hotline("due", *given, "--amount", "1", *CN).stdout


def test_the_table_numbers_the_days() -> None:
    output = hotline(
        *("due", "--calendar", "cn-workdays", "--from", "2026-11-20T10:00"),
        *("--amount", "1", "--unit", "working_days", *CN),
    ).stdout
    lines = [line.split() for line in output.splitlines() if line.startswith("2026-")]
    assert [line[:3] for line in lines] == [
        ["2026-11-20", "fri", "-"],
        ["2026-11-21", "sat", "-"],
        ["2026-11-22", "sun", "-"],
        ["2026-11-23", "mon", "1."],
    ]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"--from": "tomorrow"}, "'tomorrow' is no time"),
        ({"--from": "2027-12-30"}, "2028"),
        ({"--calendar": "uk-england"}, "known are"),
        ({"--amount": "0"}, "0 is not in the range"),
        ({"--amount": "1001"}, "at most 1000 days"),
        ({"--unit": "weeks"}, "'weeks' is not one of"),
        ({"--roll": None}, "--roll is of calendar_days"),
    ],
)
def test_what_cannot_be_reckoned_is_said(change: dict[str, str | None], text: str) -> None:
    given: dict[str, str | None] = {
        "--calendar": "cn-workdays",
        "--from": "2026-11-20",
        "--amount": "5",
        "--unit": "working_days",
    }
    given |= change
    arguments = [part for each in given.items() for part in each if part is not None]
    result = hotline("due", *arguments, *CN)
    assert result.exit_code != 0
    assert text in result.output
