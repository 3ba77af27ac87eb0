"""Files of calendars: where their days come from, and errors that say what to write."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
import holidays
import pytest

from policy import files
from policy.bundle import SHIPPED, load, shipped
from policy.calendars import Calendars, WorkingCalendar, libraries
from policy.calendars.build import build
from policy.calendars.file import CalendarsFile
from policy.errors import PolicyError

CALENDARS = "calendars/2026.yaml"
ONE_DAY = timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A city's own copy of cn-12345."""
    return Path(shutil.copytree(SHIPPED / "cn-12345", tmp_path / "our-city"))


def change(folder: Path, old: str, new: str, name: str = CALENDARS) -> Path:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def calendars_in(profile: str | Path) -> Calendars:
    return load(profile).versions[-1].policy.calendars


# --- China ----------------------------------------------------------------------------------------


def test_the_two_libraries_agree_on_china_but_for_one_day() -> None:
    """23 years, 8,401 days. The day is in our file: decision 0021."""
    differ = []
    for year in range(2004, 2027):
        other = holidays.country_holidays("CN", years=year)
        day = date(year, 1, 1)
        while day.year == year:
            if chinese_calendar.is_workday(day) != other.is_working_day(day):
                differ.append(day)
            day += ONE_DAY
    assert differ == [date(2005, 12, 31)]
    found = calendars_in("cn-12345")["cn-workdays"].day(differ[0])
    assert (found.works, found.kind) == (True, "make_up")


def test_2027_is_what_the_statute_says_and_provisional() -> None:
    """Lunar dates by the second library; it makes weekends up on the next working days too."""
    calendar = calendars_in("cn-12345")["cn-workdays"]
    assert calendar.years == (2004, 2027)
    assert calendar.provisional_years == (2027,)
    days = calendar.days(date(2027, 1, 1), date(2027, 12, 31))
    assert all(each.provisional for each in days)
    assert not any(each.kind == "make_up" for each in days)
    statute = set(holidays.country_holidays("CN", years=2027))
    assert {each.date for each in days if each.kind == "holiday"} == statute
    assert not any(each.provisional for each in calendar.days(date(2026, 1, 1), date(2026, 12, 31)))


@pytest.mark.parametrize(
    ("calendar", "off", "works"),
    [
        ("us-federal", ["2026-07-03", "2026-11-11", "2026-11-26", "2027-12-31"], ["2026-11-27"]),
        ("uk-england", ["2026-04-06", "2026-08-31", "2022-09-19", "2026-12-28"], ["2026-08-03"]),
        ("uk-scotland", ["2026-01-02", "2026-08-03", "2026-11-30"], ["2026-04-06", "2026-08-31"]),
        ("us-calling", ["2026-11-22", "2026-11-26"], ["2026-11-21"]),
    ],
)
def test_days_off_by_place(calendar: str, off: list[str], works: list[str]) -> None:
    found = calendars_in("us-311" if calendar.startswith("us") else "uk-council")[calendar]
    assert [found.day(date.fromisoformat(each)).works for each in off] == [False] * len(off)
    assert [found.day(date.fromisoformat(each)).works for each in works] == [True] * len(works)


def test_what_no_authority_has_published_is_provisional() -> None:
    found = calendars_in("uk-council")["uk-england"]
    assert found.provisional_years == (2028, 2029, 2030)
    assert found.day(date(2028, 12, 25)).provisional
    assert not found.day(date(2027, 12, 27)).provisional


@pytest.mark.parametrize("profile", shipped())
def test_every_shipped_calendar_covers_the_year_to_come(profile: str) -> None:
    for calendar in calendars_in(profile).values():
        assert calendar.continuous or calendar.years[1] >= 2027, calendar
        assert calendar.replaceable_years == ()
        assert calendar.title_en


# --- What a version is ----------------------------------------------------------------------------


def test_an_edited_day_is_another_calendar_and_another_policy(folder: Path) -> None:
    before = load("cn-12345").versions[-1].policy
    change(folder, "date: 2027-06-09", "date: 2027-06-08")
    after = load(folder).versions[-1].policy
    assert after.calendars["cn-workdays"].version != before.calendars["cn-workdays"].version
    assert after.calendars["cn-24x7"].version == before.calendars["cn-24x7"].version
    assert after.version != before.version


def test_a_library_that_changes_its_mind_is_another_calendar(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load(folder).versions[-1].policy
    real = libraries.days_of
    monkeypatch.setattr(
        libraries, "days_of", lambda *place: real(*place)[1:] if place[-1] == 2026 else real(*place)
    )
    after = load(folder).versions[-1].policy
    assert after.calendars["cn-workdays"].version != before.calendars["cn-workdays"].version
    assert after.version != before.version
    assert after.calendars["cn-workdays"].day(date(2026, 1, 1)).works


def test_versions_with_one_file_share_its_calendars() -> None:
    first, second = load("cn-12345").versions
    assert first.policy.calendars["cn-workdays"] is second.policy.calendars["cn-workdays"]


# --- A city's own ---------------------------------------------------------------------------------


HEAD = """
calendars:
  own:
    title: {en: Own}
    zone: Asia/Shanghai
    source: "OURS: x"
    years: {value: {from: 2025, to: 2026}, unit: years, source: "OURS: x"}
    week: {value: {mon-thu: ["09:00-17:00"], fri: ["09:00-12:00"]}, unit: h, source: "OURS: x"}
    holidays: {library: none, source: "OURS: x"}
"""


def own(tmp_path: Path, text: str) -> WorkingCalendar:
    path = tmp_path / "own.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return build(path, files.parse(CalendarsFile, path, files.read(path)))["own"]


def test_overrides_win_over_week_and_library(folder: Path) -> None:
    change(
        folder,
        "    overrides:\n",
        "    overrides:\n"
        '      - {date: 2026-03-09, kind: half_day, hours: ["14:00-17:30"], name: {en: Half},'
        ' source: "LAW: x"}\n'
        "      - {from: 2026-02-14, to: 2026-02-14, kind: holiday, name: {en: Storm},"
        ' provisional: true, source: "OURS: x"}\n'
        '      - {date: 2026-02-21, kind: workday, name: {en: Flood}, source: "OURS: x"}\n'
        '      - {date: 2026-02-25, kind: workday, hours: ["08:00-20:00"], name: {en: Late},'
        ' source: "OURS: x"}\n',
    )
    calendar = calendars_in(folder)["cn-workdays"]
    told = [calendar.day(date(2026, *day)) for day in ((3, 9), (2, 14), (2, 21), (2, 25))]
    assert [(each.kind, " ".join(map(str, each.spans)), each.provisional) for each in told] == [
        ("half_day", "14:00-17:30", False),
        ("holiday", "", True),
        ("make_up", "08:30-12:00 14:00-17:30", False),
        ("override", "08:00-20:00", False),
    ]
    assert calendar.provisional_years == (2026, 2027)


def test_the_week_says_hours_by_day(tmp_path: Path) -> None:
    calendar = own(tmp_path, "")
    week = calendar.days(date(2026, 11, 16), date(2026, 11, 22))
    assert [" ".join(map(str, each.spans)) for each in week] == [
        *["09:00-17:00"] * 4,
        "09:00-12:00",
        "",
        "",
    ]


def test_a_year_written_by_hand_that_the_library_knows_is_told(folder: Path) -> None:
    change(folder, "to: 2027}", "to: 2027} ")
    change(
        folder,
        "    provisional_years:\n",
        '    provisional_years:\n      2026: {source: "OURS: x", days: []}\n',
    )
    calendar = calendars_in(folder)["cn-workdays"]
    assert calendar.replaceable_years == (2026,)
    assert calendar.provisional_years == (2026, 2027)
    assert calendar.day(date(2026, 10, 1)).works, "the file says so, and it wins"


NO_HOLIDAYS = "    holidays: {library: none, source: 'OURS: x'}"
WRONG = [
    # text, its replacement, key, what to do
    ("to: 2027}", "to: 2028}", "years", "or write the year whole under provisional_years"),
    ("from: 2004", "from: 2003", "years", "does not know 2003; end years before it"),
    ("from: 2004, to: 2027", "from: 2027, to: 2004", "years.value", "first year first"),
    ("to: 2027}", "to: 2026}", "provisional_years.2027", "is not within years"),
    ("date: 2027-06-09", "date: 2028-06-09", "provisional_years.2027.days.6", "is not of 2027"),
    ("date: 2027-06-09", "date: 2027-05-01", "provisional_years.2027.days.6", "stands twice"),
    ("date: 2005-12-31", "date: 1999-12-31", "overrides.0", "is not within years"),
    ("date: 2005-12-31", "from: 2005-12-31", "overrides.0", "either date, or from and to"),
    ("kind: workday", "kind: half_day", "overrides.0", "hours are missing"),
    ("kind: workday", "kind: feast", "overrides.0.kind", "'holiday'"),
    ("country: CN", "country: TW", "holidays.country", "has country CN"),
    (": chinesecalendar", ": holidays", "holidays.country", "use chinesecalendar"),
    (": chinesecalendar", ": lunar", "holidays.library", "'holidays'"),
    ("Asia/Shanghai", "Asia/Peking", "zone", "IANA"),
    ("mon-fri:", "mon-vri:", "week.value", "write mon or mon-fri"),
    ("{mon-fri:", '{tue: ["09:00-10:00"], mon-fri:', "week.value", "tue stands twice"),
    ('"08:30-12:00"', '"8:30-12:00"', "week.value.mon.0", "no span"),
    ('"14:00-17:30"', '"11:00-17:30"', "week.value.mon", "overlap"),
    ('"14:00-17:30"', '"17:30-14:00"', "week.value.mon.1", "from before to"),
    ("    holidays: {library", "    # {library", None, "holidays is missing"),
    ("    holidays:\n", "    holiday:\n", "holiday", "read by nobody"),
    ("continuous: true", f"continuous: true\n{NO_HOLIDAYS}", None, "remove holidays"),
    ("      country: CN\n", "", "holidays", "country is missing"),
    ('      source: "LAW: 国务院', '      origin: "LAW: 国务院', "holidays.source", "add it"),
    ("OURS: usual office", "usual office", "week.source", "begin with one of"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "problem"), WRONG)
def test_a_wrong_calendar_is_refused_with_its_place(
    folder: Path, old: str, new: str, key: str | None, problem: str
) -> None:
    path = change(folder, old, new)
    with pytest.raises(PolicyError) as caught:
        load(folder)
    error = caught.value
    assert error.file == path
    assert problem in error.problem
    assert error.line is not None
    if key is not None:
        assert error.key.startswith(f"calendars.cn-workdays.{key}")


def test_make_up_days_need_hours(folder: Path) -> None:
    path = folder / CALENDARS
    text = path.read_text(encoding="utf-8")
    start, end = text.index("      make_up:"), text.index("    provisional_years:")
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    with pytest.raises(PolicyError, match="which hours such days have") as caught:
        load(folder)
    assert caught.value.key == "calendars.cn-workdays.holidays.make_up"


def test_a_working_day_on_a_day_off_needs_hours(tmp_path: Path) -> None:
    saturday = "{date: 2026-11-21, kind: workday, name: {en: X}, source: 'OURS: x'}"
    with pytest.raises(PolicyError, match="write the hours of this working day"):
        own(tmp_path, f"    overrides: [{saturday}]\n")


def test_a_place_that_the_library_has_not_is_refused(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "uk-council", tmp_path / "council")
    change(tmp_path / "council", "subdivision: ENG", "subdivision: Narnia")
    with pytest.raises(PolicyError, match="Narnia"):
        load(tmp_path / "council")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("calendar: cn-workdays", "calendar: cn-worldays", "calendar"),
        ("    calendar: cn-24x7", "    calendar: cn-25x7", "units.city-12345.calendar"),
        (
            "        calendar: cn-24x7",
            "        calendar: cn-25x7",
            "units.city-12345.units.city-water.calendar",
        ),
    ],
)
def test_the_calendar_of_a_unit_must_exist(
    folder: Path, tmp_path: Path, old: str, new: str, key: str
) -> None:
    path = change(folder, old, new, "organisation.yaml")
    with pytest.raises(PolicyError, match="known are cn-24x7, cn-calling, cn-workdays") as caught:
        load(folder)
    assert (caught.value.file, caught.value.key) == (path, key)
    assert caught.value.line is not None
    with pytest.raises(PolicyError, match="known are") as caught:
        load("cn-12345", organisation=path)
    assert (caught.value.file, caught.value.key) == (path, key)
