"""Who is who: the unit tree, roles, the roster, and what nobody fills (R5, R65)."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from policy.bundle import load
from policy.errors import PolicyError
from policy.organisation import Organisation, Role, Vacancy

SHANGHAI = ZoneInfo("Asia/Shanghai")
CITY = """
calendar: cn-workdays
required: {city: [liaison, head], street: [liaison]}
people:
  - {id: p1, name: 甲, channels: [{kind: app, address: p1}]}
  - {id: p2, name: 乙}
units:
  city:
    name: 市
    level: city
    calendar: cn-24x7
    roles: {liaison: p1}
    roster:
      - {days: [mon, tue, wed, thu, fri], from: "08:00", to: "20:00", person: p1}
      - {days: [fri], from: "20:00", to: "08:00", person: p2}
    units:
      east:
        name: 东区
        level: district
        calendar: cn-workdays
        units:
          e1: {name: 一街, level: street, roles: {liaison: p2}}
          e2: {name: 二街, level: street}
      west: {name: 西区, level: district}
"""


@pytest.fixture
def city(tmp_path: Path) -> Organisation:
    """The directory in a file that a city keeps."""
    path = tmp_path / "our-people.yaml"
    path.write_text(CITY, encoding="utf-8")
    return Organisation.load(path)


def test_units_form_a_tree(city: Organisation) -> None:
    assert [unit.code for unit in city.parents("e1")] == ["east", "city"]
    assert [unit.code for unit in city.subtree("city")] == ["city", "east", "e1", "e2", "west"]
    assert [unit.code for unit in city.subtree("east")] == ["east", "e1", "e2"]
    assert city.parents("city") == ()


@pytest.mark.parametrize(
    ("unit", "calendar"), [("city", "cn-24x7"), ("east", "cn-workdays"), ("west", "cn-24x7")]
)
def test_a_unit_without_a_calendar_has_its_parents(
    city: Organisation, unit: str, calendar: str
) -> None:
    found = city.unit(unit)
    assert found is not None
    assert found.calendar == calendar


@pytest.mark.parametrize(
    ("unit", "role", "name"),
    [
        ("city", Role.LIAISON, "甲"),
        ("city", "liaison", "甲"),
        ("city", Role.HEAD, None),
        ("e1", Role.LIAISON, "乙"),
        ("e2", Role.LIAISON, None),
        ("no such unit", Role.LIAISON, None),
    ],
)
def test_R5_who_holds_a_role(
    city: Organisation, unit: str, role: Role | str, name: str | None
) -> None:
    found = city.holder(unit, role)
    assert (found.name if found else None) == name


def test_R5_a_role_that_nobody_fills_is_listed(city: Organisation) -> None:
    assert city.vacancies() == (Vacancy("city", Role.HEAD), Vacancy("e2", Role.LIAISON))


@pytest.mark.parametrize(
    ("at", "name"),
    [
        ("2026-11-20T07:59:59", None),
        ("2026-11-20T08:00:00", "甲"),  # a Friday
        ("2026-11-20T19:59:59", "甲"),
        ("2026-11-20T20:00:00", "乙"),
        ("2026-11-21T00:00:00", "乙"),  # still Friday's shift
        ("2026-11-21T07:59:59", "乙"),
        ("2026-11-21T08:00:00", None),
        ("2026-11-21T21:00:00", None),
    ],
)
def test_the_duty_roster_goes_over_midnight(city: Organisation, at: str, name: str | None) -> None:
    found = city.on_duty("city", datetime.fromisoformat(at).replace(tzinfo=SHANGHAI), SHANGHAI)
    assert (found.name if found else None) == name
    assert city.on_duty("e1", datetime.now(SHANGHAI), SHANGHAI) is None


def test_a_unit_nobody_knows_is_no_error(city: Organisation) -> None:
    assert city.unit("x") is None
    assert city.parents("x") == ()
    assert city.subtree("x") == ()


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("liaison: p2}", "liaison: p9}", "units.city.units.east.units.e1.roles.liaison", "id"),
        ("person: p2", "person: p9", "units.city.roster.1.person", "nobody under people"),
        ("id: p2", "id: p1", "people.1.id", "stands twice"),
        ("      west:", "      e1:", "units.city.units.e1", "stands twice"),
        ("street: [", "village: [", "required.village", "no unit has this level"),
        ('"20:00", person: p1', "20:00, person: p1", "units.city.roster.0.to", "in quotes"),
        ("kind: app", "kind: pigeon", "people.0.channels.0.kind", "'phone', 'sms'"),
        ("{liaison: p1}", "{chief: p1}", "units.city.roles.chief", "'liaison', 'head'"),
    ],
)
def test_a_wrong_directory_is_refused(
    tmp_path: Path, old: str, new: str, key: str, problem: str
) -> None:
    path = tmp_path / "our-people.yaml"
    assert CITY.count(old) == 1
    line = CITY[: CITY.index(old)].count("\n") + 1
    path.write_text(CITY.replace(old, new), encoding="utf-8")
    with pytest.raises(PolicyError, match=problem) as caught:
        Organisation.load(path)
    assert (caught.value.file, caught.value.line) == (path, line)
    assert caught.value.key.removesuffix(".[key]") == key


def test_the_shipped_city_has_districts_streets_and_a_known_vacancy() -> None:
    found = load("cn-12345").versions[-1].policy.organisation
    assert [unit.level for unit in found.parents("street-east-01")] == ["district", "hotline"]
    assert {vacancy.unit for vacancy in found.vacancies()} == {"street-west-01", "street-west-02"}
    night = datetime(2026, 11, 21, 23, tzinfo=SHANGHAI)
    on_duty = found.on_duty("city-12345", night, SHANGHAI)
    assert on_duty is not None
    assert on_duty.id == "xu-an"
