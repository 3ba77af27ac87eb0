"""``hotline policy``: what a bundle says, and what is wrong with one."""

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from cli.policy import numbers
from policy.bundle import SHIPPED, load, shipped

CN = load("cn-12345")


def hotline(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments], env={"COLUMNS": "200"})


def shown(*arguments: str) -> dict[str, Any]:
    result = hotline("show", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)  # type: ignore[no-any-return]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED / "cn-12345", tmp_path / "city"))


@pytest.mark.parametrize("profile", shipped())
def test_the_shipped_profiles_are_valid(profile: str) -> None:
    result = hotline("check", profile, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["valid"] is True
    assert f"{profile} is valid" in hotline("check", profile).stdout


@pytest.mark.parametrize("profile", shipped())
def test_every_number_stands_with_its_source(profile: str) -> None:
    policy = load(profile).versions[-1].policy
    found = {each.name: each for each in numbers(policy)}
    assert {f"repeat.{name}" for name in policy.repeat.sources} <= found.keys()
    assert {f"intake.{name}" for name in policy.intake.sources} <= found.keys()
    assert {f"sla.{name}" for name in policy.sla.sources} <= found.keys()
    for each in found.values():
        assert each.source.split(":")[0] in {"LAW", "PRESS", "SEED", "CODE", "ISSUE", "OURS"}
        json.dumps(each.value)


def test_R25_rows_of_terms_are_shown_with_what_they_ask_for() -> None:
    found = {each.name: each.value for each in numbers(load("cn-12345").versions[-1].policy)}
    assert found["sla.accept.danger"] == "15 minutes of cn-24x7; level 1"
    assert found["sla.first_contact.normal"] == "1 working days of unit"
    assert found["sla.levels.danger"] == "1; urgency very_urgent"
    assert found["sla.holds.own-contractor"] == "pauses nothing"
    assert found["sla.resolve.warnings"] == "75 %, 90 %"
    assert found["sla.late_recording_hours"] == 24


def test_without_a_name_it_is_the_profile_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_POLICY", "us-311")
    assert shown()["profile"] == "us-311"
    assert "us-311 is valid" in hotline("check").output


def test_a_wrong_value_is_named_with_file_line_and_key(folder: Path) -> None:
    rules = folder / "rules" / "2026-01.yaml"
    text = rules.read_text("utf-8")
    rules.write_text(text.replace("length: 3}", "length: 0}"), "utf-8")
    line = 1 + text[: text.index("length: 3}")].count("\n")
    result = hotline("check", str(folder))
    assert result.exit_code == 1
    assert f"{rules}:{line}" in result.output
    assert "repeat.window.value.length" in result.output
    said = json.loads(hotline("check", str(folder), "--json").output)
    assert (said["valid"], said["file"], said["line"]) == (False, str(rules), line)
    assert hotline("show", str(folder)).exit_code == 1


def test_a_name_that_is_none_says_which_there_are() -> None:
    result = hotline("check", "cn-12306")
    assert result.exit_code == 1
    assert "shipped are cn-12345, uk-council, us-311" in result.output


def test_R5_a_vacancy_is_told_and_is_no_error() -> None:
    result = hotline("check", "cn-12345")
    assert result.exit_code == 0
    assert "nobody is deputy of 西城区桥头街道 (street-west-01)" in result.stderr
    assert {each["unit"] for each in shown("cn-12345")["vacancies"]} == {
        "street-west-01",
        "street-west-02",
    }


def test_R14_the_tree_in_force_and_what_became_of_old_codes() -> None:
    before, after = (shown("cn-12345", "--at", at) for at in ("2026-06-30", "2026-07-01"))
    assert (before["categories"]["version"], after["categories"]["version"]) == ("2025", "2026")
    assert before["categories"]["remapped"] == {}
    assert after["categories"]["remapped"]["transport.parking.pavement"] == [
        "transport.parking.illegal"
    ]
    leaves = list(CN.versions[-1].policy.categories.leaves())
    assert after["categories"]["leaves"] == len(leaves)


@pytest.mark.parametrize(
    ("at", "version"),
    [
        ("2020-01-01T00:00Z", "2026-01"),
        ("2026-06-30T23:59:59", "2026-01"),
        ("2026-07-01T00:00", "2026-07"),
        ("2026-06-30T16:00Z", "2026-07"),
        ("2026-06-30T15:59Z", "2026-01"),
    ],
    ids=["before the first", "local, a second before", "local", "UTC", "UTC, a minute before"],
)
def test_the_version_in_force_at_a_time(at: str, version: str) -> None:
    assert shown("cn-12345", "--at", at)["in_force"].startswith(f"cn-12345@{version}+")


@pytest.mark.parametrize(
    ("at", "person"),
    [
        ("2026-07-02T09:00", "lin-yue"),  # a Thursday
        ("2026-07-04T09:00", "he-jing"),  # a Saturday
        ("2026-07-02T23:30", "xu-an"),
        ("2026-07-02T01:00Z", "lin-yue"),  # 09:00 there
    ],
)
def test_R5_who_is_on_duty(at: str, person: str) -> None:
    duty = {each["unit"]: each["person"] for each in shown("cn-12345", "--at", at)["on_duty"]}
    assert duty["city-12345"] == person


def test_nobody_on_duty_is_said() -> None:
    at = datetime(2026, 7, 2, 23, 0, tzinfo=ZoneInfo("America/New_York")).isoformat()
    assert shown("us-311", "--at", at)["on_duty"][0]["person"] is None
    assert "nobody" in hotline("show", "us-311", "--at", at).output


def test_the_tables_say_the_same() -> None:
    output = hotline("show", "cn-12345", "--at", "2026-07-02T09:00").output
    for text in (
        "▶ cn-12345@2026-07+",
        "3 calendar months",
        "«同人+同事»",
        "category tree 2026",
        "林悦 (lin-yue)",
        "vacancies among 16 units: 2",
    ):
        assert text in output
    assert "31 days back" in hotline("show", "uk-council").output


def test_a_time_that_is_none_is_named() -> None:
    result = hotline("show", "--at", "tomorrow")
    assert result.exit_code == 2
    assert "'tomorrow' is no time, such as 2026-07-01T23:30" in result.output
