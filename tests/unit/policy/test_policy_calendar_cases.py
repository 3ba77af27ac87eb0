"""Deadlines by working time, worked out by hand (requirements §3; complaints 2, 5, 6 and 7).

China: the State Council's notices for 2025 and 2026. 2025: 1-8 October off, 28 September and 11
October worked. 2026: 15-23 February off, 14 and 28 February worked; 25-27 September and 1-7 October
off, 20 September and 10 October worked. 2027 by the statute alone.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from policy.bundle import load
from policy.calendars import CalendarMissing, CalendarUnknown, Day, DayKind, Span, WorkingCalendar
from policy.errors import PolicyError

KNOWN = {
    **load("cn-12345").versions[-1].policy.calendars,
    **load("us-311").versions[-1].policy.calendars,
    **load("uk-council").versions[-1].policy.calendars,
}
CN = KNOWN["cn-workdays"]
HOURS = ("08:30-12:00", "14:00-17:30")


def at(calendar: WorkingCalendar, local: str) -> datetime:
    """Local time of the calendar; of two that read the same the first."""
    given = datetime.fromisoformat(local)
    return given if given.tzinfo else given.replace(tzinfo=calendar.zone)


def shown(calendar: WorkingCalendar, instant: datetime) -> str:
    assert instant.tzinfo is UTC
    return instant.astimezone(calendar.zone).replace(tzinfo=None).isoformat(timespec="auto")


ADDED = [
    # calendar, from (local), amount, to (local)
    ("within a span", "cn-workdays", "2026-11-16T09:00", "1:00", "2026-11-16T10:00:00"),
    ("over lunch", "cn-workdays", "2026-11-16T11:30", "1:00", "2026-11-16T14:30:00"),
    ("ends as lunch begins", "cn-workdays", "2026-11-16T11:00", "1:00", "2026-11-16T12:00:00"),
    ("begins at lunch", "cn-workdays", "2026-11-16T13:00", "0:30", "2026-11-16T14:30:00"),
    ("before the day", "cn-workdays", "2026-11-16T03:00", "0:30", "2026-11-16T09:00:00"),
    ("a whole day", "cn-workdays", "2026-11-16T08:30", "7:00", "2026-11-16T17:30:00"),
    ("from the very end", "cn-workdays", "2026-11-16T17:30", "7:00", "2026-11-17T17:30:00"),
    ("nothing at all", "cn-workdays", "2026-11-14T13:00", "0:00", "2026-11-14T13:00:00"),
    ("Friday evening", "cn-workdays", "2026-11-20T18:00", "1:00", "2026-11-23T09:30:00"),
    ("a week", "cn-workdays", "2026-11-16T10:00", "35:00", "2026-11-23T10:00:00"),
    (
        "the last microsecond",
        "cn-workdays",
        "2026-11-20T17:29:59.999999",
        "0:00:00.000001",
        "2026-11-20T17:30:00",
    ),
    (
        "one more",
        "cn-workdays",
        "2026-11-20T17:29:59.999999",
        "0:00:00.000002",
        "2026-11-23T08:30:00.000001",
    ),
    ("into a make-up Saturday", "cn-workdays", "2026-02-13T17:00", "1:00", "2026-02-14T09:00:00"),
    ("over Spring Festival", "cn-workdays", "2026-02-14T17:00", "1:00", "2026-02-24T09:00:00"),
    ("its second make-up day", "cn-workdays", "2026-02-27T17:00", "1:00", "2026-02-28T09:00:00"),
    ("after it Sunday is off", "cn-workdays", "2026-02-28T17:00", "1:00", "2026-03-02T09:00:00"),
    ("a make-up Sunday", "cn-workdays", "2025-09-27T10:00", "7:00", "2025-09-28T17:30:00"),
    ("National Day 2025", "cn-workdays", "2025-09-30T17:00", "1:00", "2025-10-09T09:00:00"),
    ("its make-up Saturday", "cn-workdays", "2025-10-10T17:00", "1:00", "2025-10-11T09:00:00"),
    ("make-up Sunday 2026", "cn-workdays", "2026-09-19T10:00", "7:00", "2026-09-20T17:30:00"),
    ("National Day 2026", "cn-workdays", "2026-09-30T17:00", "1:00", "2026-10-08T09:00:00"),
    ("make-up Saturday 2026", "cn-workdays", "2026-10-09T17:00", "1:00", "2026-10-10T09:00:00"),
    ("year end, provisional", "cn-workdays", "2026-12-31T17:00", "1:00", "2027-01-04T09:00:00"),
    ("Spring Festival 2027", "cn-workdays", "2027-02-04T17:00", "1:00", "2027-02-11T09:00:00"),
    ("the last of all", "cn-workdays", "2027-12-31T17:00", "0:30", "2027-12-31T17:30:00"),
    ("24x7 over a holiday", "cn-24x7", "2026-10-01T23:50", "0:15", "2026-10-02T00:05:00"),
    ("calling on a Sunday", "cn-calling", "2026-11-22T11:30", "1:00", "2026-11-22T14:30:00"),
    ("US: DST begins", "us-federal", "2026-03-06T16:00", "2:00", "2026-03-09T10:00:00"),
    ("US: DST ends", "us-federal", "2026-10-30T16:00", "2:00", "2026-11-02T10:00:00"),
    ("US: 4 July on Saturday", "us-federal", "2026-07-02T16:00", "2:00", "2026-07-06T10:00:00"),
    ("US: Thanksgiving", "us-federal", "2026-11-25T16:00", "2:00", "2026-11-27T10:00:00"),
    ("US: 24x7, DST begins", "us-24x7", "2026-03-08T01:30", "1:00", "2026-03-08T03:30:00"),
    ("UK: DST begins", "uk-england", "2026-03-27T16:00", "2:00", "2026-03-30T10:00:00"),
    ("UK: DST ends", "uk-england", "2026-10-23T16:00", "2:00", "2026-10-26T10:00:00"),
    ("England: Easter", "uk-england", "2026-04-02T16:00", "2:00", "2026-04-07T10:00:00"),
    (
        "Scotland: no Easter Monday",
        "uk-scotland",
        "2026-04-02T16:00",
        "2:00",
        "2026-04-06T10:00:00",
    ),
    ("Scotland: 2 January", "uk-scotland", "2025-12-31T16:00", "2:00", "2026-01-05T10:00:00"),
    ("England: Boxing Day", "uk-england", "2026-12-24T16:00", "2:00", "2026-12-29T10:00:00"),
]


def amount_of(text: str) -> timedelta:
    hours, minutes, *seconds = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=float((seconds or ["0"])[0]))


@pytest.mark.parametrize(
    ("name", "start", "amount", "end"),
    [pytest.param(*case[1:], id=case[0]) for case in ADDED],
)
def test_working_time_is_added_and_counted_back(
    name: str, start: str, amount: str, end: str
) -> None:
    calendar = KNOWN[name]
    begin = at(calendar, start)
    found = calendar.add_working_time(begin, amount_of(amount))
    assert shown(calendar, found) == end
    assert calendar.working_time_between(begin, found) == amount_of(amount)
    assert calendar.working_time_between(found, begin) == -amount_of(amount)


BETWEEN = [
    ("a lunch", "cn-workdays", "2026-11-16T12:00", "2026-11-16T14:00", 0),
    ("a weekend", "cn-workdays", "2026-11-20T17:30", "2026-11-23T08:30", 0),
    ("a weekend is not credited twice", "cn-workdays", "2026-11-20T17:00", "2026-11-23T09:00", 1),
    ("Spring Festival 2026, whole", "cn-workdays", "2026-02-15T00:00", "2026-02-24T00:00", 0),
    ("February 2026: 20 - 6 + 2 days", "cn-workdays", "2026-02-01T00:00", "2026-03-01T00:00", 112),
    ("October 2026: 22 - 5 + 1 days", "cn-workdays", "2026-10-01T00:00", "2026-11-01T00:00", 126),
    ("24x7 over the hour left out", "us-24x7", "2026-03-08T00:00", "2026-03-09T00:00", 23),
    ("24x7 over the hour that comes twice", "us-24x7", "2026-11-01T00:00", "2026-11-02T00:00", 25),
    ("November 2026: 21 - 2 days", "us-federal", "2026-11-01T00:00", "2026-12-01T00:00", 152),
    ("May 2026: 21 - 2 days", "uk-england", "2026-05-01T00:00", "2026-06-01T00:00", 152),
]


@pytest.mark.parametrize(
    ("name", "start", "end", "hours"), [pytest.param(*case[1:], id=case[0]) for case in BETWEEN]
)
def test_working_time_between(name: str, start: str, end: str, hours: int) -> None:
    calendar = KNOWN[name]
    found = calendar.working_time_between(at(calendar, start), at(calendar, end))
    assert found == timedelta(hours=hours)


WORKING_DAYS = [
    # calendar, from, days, end of business of
    ("the day itself is not counted", "cn-workdays", "2026-11-18T08:30", 1, "2026-11-19T17:30:00"),
    ("however late", "cn-workdays", "2026-11-18T23:59:59.999999", 1, "2026-11-19T17:30:00"),
    ("from midnight on", "cn-workdays", "2026-11-19T00:00", 1, "2026-11-20T17:30:00"),
    ("over a weekend", "cn-workdays", "2026-11-18T10:00", 3, "2026-11-23T17:30:00"),
    ("from a Saturday", "cn-workdays", "2026-11-21T10:00", 1, "2026-11-23T17:30:00"),
    ("onto a make-up Saturday", "cn-workdays", "2026-02-13T10:00", 1, "2026-02-14T17:30:00"),
    ("over Spring Festival", "cn-workdays", "2026-02-13T10:00", 2, "2026-02-24T17:30:00"),
    ("from within it", "cn-workdays", "2026-02-17T10:00", 5, "2026-02-28T17:30:00"),
    ("National Day 2025", "cn-workdays", "2025-09-30T10:00", 5, "2025-10-14T17:30:00"),
    # 15-18, 20 (Sunday), 21-24, 28-30 September, 8 October
    ("次日起13个工作日", "cn-workdays", "2026-09-14T16:00", 13, "2026-10-08T17:30:00"),
    ("over the year end", "cn-workdays", "2026-12-30T10:00", 5, "2027-01-07T17:30:00"),
    (
        "UTC: already the next day there",
        "cn-workdays",
        "2026-11-18T16:00+00:00",
        1,
        "2026-11-20T17:30:00",
    ),
    ("24x7: any day", "cn-24x7", "2026-11-20T10:00", 1, "2026-11-22T00:00:00"),
    ("US: Veterans Day", "us-federal", "2026-11-10T10:00", 1, "2026-11-12T17:00:00"),
    # 21-24, 29-31 December, 4-6 January
    ("UK: stage 1 over Christmas", "uk-england", "2026-12-18T10:00", 10, "2027-01-06T17:00:00"),
]


@pytest.mark.parametrize(
    ("name", "start", "days", "end"), [pytest.param(*case[1:], id=case[0]) for case in WORKING_DAYS]
)
def test_working_days_count_from_the_day_after_to_the_end_of_business(
    name: str, start: str, days: int, end: str
) -> None:
    calendar = KNOWN[name]
    assert shown(calendar, calendar.end_of_working_day(at(calendar, start), days)) == end


CALENDAR_DAYS = [
    # calendar, from, days, with roll, without
    ("a Friday", "2026-11-13T10:00", 7, "2026-11-20T17:30:00", "2026-11-21T00:00:00"),
    ("a Saturday", "2026-11-14T10:00", 7, "2026-11-23T17:30:00", "2026-11-22T00:00:00"),
    ("a make-up Saturday", "2026-02-07T10:00", 7, "2026-02-14T17:30:00", "2026-02-15T00:00:00"),
    ("Spring Festival", "2026-02-08T10:00", 7, "2026-02-24T17:30:00", "2026-02-16T00:00:00"),
    ("National Day", "2026-09-24T10:00", 7, "2026-10-08T17:30:00", "2026-10-02T00:00:00"),
    ("over a holiday", "2026-09-22T10:00", 15, "2026-10-08T17:30:00", "2026-10-08T00:00:00"),
    ("the last days of all", "2027-12-30T10:00", 1, "2027-12-31T17:30:00", "2028-01-01T00:00:00"),
]


@pytest.mark.parametrize(
    ("start", "days", "rolled", "plain"),
    [pytest.param(*case[1:], id=case[0]) for case in CALENDAR_DAYS],
)
def test_calendar_days_end_at_midnight_or_roll_to_the_end_of_business(
    start: str, days: int, rolled: str, plain: str
) -> None:
    begin = at(CN, start)
    assert shown(CN, CN.end_of_calendar_day(begin, days, roll=True)) == rolled
    assert shown(CN, CN.end_of_calendar_day(begin, days, roll=False)) == plain


@pytest.mark.parametrize(
    ("instant", "working", "following"),
    [
        ("2026-11-16T08:29:59.999999", False, "2026-11-16T08:30:00"),
        ("2026-11-16T08:30", True, "2026-11-16T08:30:00"),
        ("2026-11-16T11:59:59.999999", True, "2026-11-16T11:59:59.999999"),
        ("2026-11-16T12:00", False, "2026-11-16T14:00:00"),
        ("2026-11-16T17:30", False, "2026-11-17T08:30:00"),
        ("2026-02-14T09:00", True, "2026-02-14T09:00:00"),
        ("2026-02-14T18:00", False, "2026-02-24T08:30:00"),
    ],
)
def test_a_span_begins_at_its_start_and_ends_before_its_end(
    instant: str, working: bool, following: str
) -> None:
    assert CN.is_working(at(CN, instant)) is working
    assert shown(CN, CN.next_working(at(CN, instant))) == following


NIGHTS = [
    # zone, day, span, from (UTC), hours: a span lasts as long as really passes in it
    ("America/New_York", "2026-03-08", "00:00-24:00", "05:00", 23.0),
    ("America/New_York", "2026-03-08", "01:30-02:30", "06:30", 0.5),
    ("America/New_York", "2026-03-08", "02:30-04:00", "07:00", 1.0),
    ("America/New_York", "2026-03-08", "01:00-03:00", "06:00", 1.0),
    ("America/New_York", "2026-11-01", "00:00-24:00", "04:00", 25.0),
    ("America/New_York", "2026-11-01", "00:30-01:30", "04:30", 1.0),
    ("America/New_York", "2026-11-01", "01:00-02:00", "05:00", 2.0),
    ("America/New_York", "2026-11-01", "01:30-02:30", "05:30", 2.0),
    ("Europe/London", "2026-03-29", "00:30-01:30", "00:30", 0.5),
    ("Europe/London", "2026-03-29", "00:00-09:00", "00:00", 8.0),
    ("Europe/London", "2026-10-25", "00:30-02:30", "23:30", 3.0),
    ("Europe/London", "2026-10-25", "01:30-09:00", "00:30", 8.5),
    ("America/Havana", "2026-03-08", "00:00-02:00", "05:00", 1.0),
    ("America/Havana", "2026-11-01", "00:00-02:00", "04:00", 3.0),
]


@pytest.mark.parametrize(("zone", "day", "span", "begins", "hours"), NIGHTS)
def test_a_span_at_a_change_of_clocks(
    zone: str, day: str, span: str, begins: str, hours: float
) -> None:
    calendar = WorkingCalendar.weekly("nights", zone, span, weekdays=range(7))
    noon_before = at(calendar, day) - timedelta(hours=12)
    start = calendar.next_working(calendar.day_after(noon_before))
    assert start.strftime("%H:%M") == begins
    end = start + timedelta(hours=hours)
    assert calendar.working_time_between(start, end) == timedelta(hours=hours)
    assert calendar.add_working_time(start, timedelta(hours=hours)) == end
    assert calendar.is_working(end - timedelta.resolution)
    assert calendar.is_working(end) is (span == "00:00-24:00")


def test_a_span_that_spring_leaves_out_is_no_working_day() -> None:
    calendar = WorkingCalendar.weekly("night", "America/New_York", "02:00-03:00", weekdays=range(7))
    start = at(calendar, "2026-03-07T12:00")
    assert shown(calendar, calendar.end_of_working_day(start, 1)) == "2026-03-09T03:00:00"


@pytest.mark.parametrize(
    ("zone", "instant", "day", "after"),
    [
        ("Asia/Shanghai", "2026-11-16T23:59:59+08:00", "2026-11-16", "2026-11-16T16:00+00:00"),
        ("Asia/Shanghai", "2026-11-16T16:00+00:00", "2026-11-17", "2026-11-17T16:00+00:00"),
        # Clocks went back from 00:01 on 1 November 2009: the first midnight began the day.
        ("America/St_Johns", "2009-11-01T02:29:59+00:00", "2009-10-31", "2009-11-01T02:30+00:00"),
        ("America/St_Johns", "2009-11-01T02:45+00:00", "2009-11-01", "2009-11-02T03:30+00:00"),
        # Midnight is left out.
        ("America/Havana", "2026-03-08T04:59+00:00", "2026-03-07", "2026-03-08T05:00+00:00"),
    ],
)
def test_a_day_begins_at_its_first_midnight(zone: str, instant: str, day: str, after: str) -> None:
    calendar = WorkingCalendar.always("any", zone)
    given = datetime.fromisoformat(instant)
    assert calendar.local_date(given) == date.fromisoformat(day)
    assert calendar.day_after(given) == datetime.fromisoformat(after)


# --- What is not known ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instant", "year"),
    [
        ("2003-12-31T23:59:59", 2003),
        ("2028-01-01T00:00:01", 2028),
        ("1970-01-01T00:00", 1970),
        ("2035-06-01T00:00", 2035),
    ],
)
def test_a_year_that_is_not_known_is_never_guessed(instant: str, year: int) -> None:
    outside, inside = at(CN, instant), at(CN, "2026-11-16T09:00")
    assert not CN.covers(outside)
    asked: list[Callable[[], object]] = [
        lambda: CN.is_working(outside),
        lambda: CN.next_working(outside),
        lambda: CN.add_working_time(outside, timedelta(minutes=1)),
        lambda: CN.working_time_between(outside, inside),
        lambda: CN.working_time_between(inside, outside),
        lambda: CN.end_of_working_day(outside, 1),
        lambda: CN.end_of_calendar_day(outside - timedelta(days=2), 2, roll=True),
        lambda: CN.day(outside.date()),
    ]
    for ask in asked:
        with pytest.raises(CalendarUnknown, match=f"does not know the year {year}") as caught:
            ask()
        error = caught.value
        assert (error.calendar, error.year, error.slug) == (CN.name, year, "calendar_unknown")


def test_a_deadline_beyond_the_last_year_is_not_known() -> None:
    start = at(CN, "2027-12-30T10:00")
    assert CN.covers(start)
    asked: list[Callable[[], object]] = [
        lambda: CN.add_working_time(start, timedelta(days=1)),
        lambda: CN.end_of_working_day(start, 2),
        lambda: CN.end_of_calendar_day(start, 2, roll=True),
        lambda: CN.next_working(at(CN, "2027-12-31T17:30")),
    ]
    for ask in asked:
        with pytest.raises(CalendarUnknown) as caught:
            ask()
        assert caught.value.year == 2028


def test_24x7_knows_every_year() -> None:
    calendar = KNOWN["cn-24x7"]
    assert calendar.covers(at(calendar, "1900-01-01"))
    assert calendar.covers(at(calendar, "2100-01-01"))


@pytest.mark.parametrize(
    ("start", "end", "provisional"),
    [
        ("2026-12-01T10:00", "2026-12-31T23:59", False),
        ("2026-12-01T10:00", "2027-01-01T00:00", True),
        ("2027-05-01T10:00", "2027-05-02T10:00", True),
    ],
)
def test_a_deadline_says_that_it_rests_on_days_not_published(
    start: str, end: str, provisional: bool
) -> None:
    assert CN.rests_on_provisional(at(CN, start), at(CN, end)) is provisional


def test_a_name_that_no_calendar_has_tells_those_there_are() -> None:
    calendars = load("cn-12345").versions[-1].policy.calendars
    with pytest.raises(CalendarMissing, match="known are cn-24x7, cn-calling, cn-workdays") as e:
        calendars["cn-workday"]
    assert isinstance(e.value, PolicyError)
    assert "cn-workday" not in calendars
    assert calendars.get("cn-workday") is None


@pytest.mark.parametrize("days", [0, -1])
def test_counting_begins_with_the_day_after(days: int) -> None:
    start = at(CN, "2026-11-16T09:00")
    with pytest.raises(ValueError, match="1 or more"):
        CN.end_of_working_day(start, days)
    with pytest.raises(ValueError, match="1 or more"):
        CN.end_of_calendar_day(start, days, roll=False)


def test_working_time_is_not_taken_back() -> None:
    with pytest.raises(ValueError, match="not taken back"):
        CN.add_working_time(at(CN, "2026-11-16T09:00"), timedelta(seconds=-1))


# --- What it says of days -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "kind", "name", "provisional"),
    [
        ("2026-11-20", "workday", "", False),
        ("2026-11-21", "weekend", "", False),
        ("2026-02-17", "holiday", "春节", False),
        ("2026-02-14", "make_up", "春节", False),
        ("2027-02-06", "holiday", "春节", True),
        ("2027-02-12", "workday", "", True),
    ],
)
def test_a_day_says_of_which_kind_it_is(day: str, kind: str, name: str, provisional: bool) -> None:
    found = CN.day(date.fromisoformat(day))
    assert (found.kind, found.name_zh, found.provisional) == (kind, name, provisional)
    assert found.works is bool(found.spans)
    assert [str(each) for each in found.spans] == (list(HOURS) if found.works else [])


def test_days_are_every_day_and_special_days_those_that_differ() -> None:
    first, last = date(2026, 2, 9), date(2026, 2, 28)
    days = CN.days(first, last)
    assert [each.date.day for each in days] == list(range(9, 29))
    assert [each.date.day for each in days if each.works] == [*range(9, 15), *range(24, 29)]
    special = [each.date.day for each in CN.special_days(first, last)]
    assert special == [*range(14, 24), 28]


def test_a_half_day_ends_as_its_hours_do() -> None:
    morning = (Span.of("08:30-12:00"),)
    eve = Day(date(2026, 2, 13), True, DayKind.HALF_DAY, morning, "Eve")
    calendar = WorkingCalendar.weekly("half", "Asia/Shanghai", *HOURS, days=[eve])
    start = at(calendar, "2026-02-12T17:00")
    assert shown(calendar, calendar.end_of_working_day(start, 1)) == "2026-02-13T12:00:00"
    found = calendar.add_working_time(start, timedelta(hours=4, minutes=30))
    assert shown(calendar, found) == "2026-02-16T09:00:00"


@pytest.mark.parametrize(
    "span", ["8:30-12:00", "08:30", "12:00-08:30", "09:00-09:00", "20:00-24:01"]
)
def test_a_span_that_is_none_is_refused(span: str) -> None:
    with pytest.raises(ValueError, match="span"):
        Span.of(span)


def test_spans_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        WorkingCalendar.weekly("x", "UTC", "08:00-12:00", "11:00-13:00")


def test_the_version_is_of_the_days_and_spans() -> None:
    def version(*spans: str, zone: str = "UTC", days: tuple[Day, ...] = ()) -> str:
        return WorkingCalendar.weekly("x", zone, *spans, days=days).version

    off = Day(date(2026, 1, 1), False, DayKind.HOLIDAY, (), "New Year's Day")
    named = Day(date(2026, 1, 1), False, DayKind.HOLIDAY, (), "New Year", source="OURS: x")
    versions = [
        version(*HOURS),
        version("08:30-12:00"),
        version(*HOURS, zone="Asia/Shanghai"),
        version(*HOURS, days=(off,)),
    ]
    assert len(set(versions)) == 4
    assert version(*HOURS, days=(named,)) == versions[3], "what a day is called decides nothing"
    assert all(each.startswith("x+") and len(each) == 10 for each in versions)
