"""Laws of working time, against a model that looks at every quarter of an hour."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.bundle import load
from policy.calendars import Day, DayKind, Span, WorkingCalendar

QUARTER = timedelta(minutes=15)
ONE_DAY = timedelta(days=1)
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)

cn, us, uk = (
    load(profile).versions[-1].policy.calendars for profile in ("cn-12345", "us-311", "uk-council")
)
SHIPPED = [cn["cn-workdays"], cn["cn-calling"], us["us-federal"], uk["uk-england"]]


@st.composite
def hours(draw: st.DrawFn) -> tuple[Span, ...]:
    """Up to three spans of a day, at quarters."""
    marks = draw(st.lists(st.integers(0, 96), max_size=6, unique=True).map(sorted))
    pairs = zip(marks[::2], marks[1::2], strict=False)
    return tuple(Span(start * 15, end * 15) for start, end in pairs)


@st.composite
def calendars(draw: st.DrawFn) -> WorkingCalendar:
    """Any week, some days of their own, in a zone whose clocks change or not."""
    week = {day: draw(hours()) for day in range(7)}
    if not any(week.values()):
        week[0] = (Span(540, 1020),)
    days = []
    for day in draw(st.lists(st.dates(FIRST, LAST), max_size=8, unique=True)):
        spans = draw(hours())
        kind = DayKind.OVERRIDE if spans else DayKind.HOLIDAY
        days.append(Day(day, bool(spans), kind, spans))
    zone = draw(st.sampled_from(["Asia/Shanghai", "America/New_York", "Europe/London", "UTC"]))
    return WorkingCalendar("any", ZoneInfo(zone), week=week, years=(2026, 2026), days=days)


any_calendar = st.one_of(st.sampled_from(SHIPPED), calendars())
instants = st.datetimes(
    datetime(2026, 2, 1),  # noqa: DTZ001
    datetime(2026, 11, 15),  # noqa: DTZ001
    timezones=st.just(UTC),
)
"""Both changes of clocks are within, and time is left for what is added."""
amounts = st.timedeltas(timedelta(0), timedelta(hours=20))
laws = settings(max_examples=100, deadline=None)


@laws
@given(any_calendar, instants, amounts)
def test_what_is_added_is_between(c: WorkingCalendar, start: datetime, amount: timedelta) -> None:
    total = c.working_time_between(start, datetime(2026, 12, 31, tzinfo=UTC))
    amount = min(amount, total)
    end = c.add_working_time(start, amount)
    assert end >= start
    assert c.working_time_between(start, end) == amount
    if amount:
        assert c.is_working(end - timedelta.resolution), "on the end of a span, never after it"


@laws
@given(any_calendar, instants, instants)
def test_adding_what_is_between_leads_back(
    c: WorkingCalendar, one: datetime, two: datetime
) -> None:
    start, end = sorted((one, two))
    back = c.add_working_time(start, c.working_time_between(start, end))
    assert start <= back <= end
    assert c.working_time_between(back, end) == timedelta(0)


@laws
@given(any_calendar, st.lists(instants, min_size=3, max_size=3))
def test_between_is_additive_monotone_and_antisymmetric(
    c: WorkingCalendar, given_: list[datetime]
) -> None:
    one, two, three = sorted(given_)
    first, second = c.working_time_between(one, two), c.working_time_between(two, three)
    assert c.working_time_between(one, three) == first + second
    assert timedelta(0) <= first <= two - one
    assert c.working_time_between(two, one) == -first


@laws
@given(any_calendar, instants, instants, amounts, amounts)
def test_adding_is_additive_and_monotone(
    c: WorkingCalendar, one: datetime, two: datetime, x: timedelta, y: timedelta
) -> None:
    one, two = sorted((one, two))
    left = c.working_time_between(two, datetime(2026, 12, 31, tzinfo=UTC))
    x, y = min(x, left / 2), min(y, left / 2)
    assert c.add_working_time(one, x) <= c.add_working_time(two, x)
    assert c.add_working_time(c.add_working_time(one, x), y) == c.add_working_time(one, x + y)


@laws
@given(any_calendar, instants, st.integers(1, 8))
def test_days_are_counted_by_days(c: WorkingCalendar, start: datetime, days: int) -> None:
    today = c.local_date(start)
    year = c.days(today + ONE_DAY, LAST)
    ends = [each.date for each in year if each.works][:days]
    # A span may be left out as clocks change; then its day may be one that does not count.
    changes = {each.date for each in year if c.zone.utcoffset(noon(each)) != offset_before(c, each)}
    if len(ends) < days or changes & set(ends):
        return
    end = c.end_of_working_day(start, days)
    assert c.local_date(end - timedelta.resolution) == ends[-1]
    assert c.working_time_between(end, c.day_after(end - timedelta.resolution)) == timedelta(0)
    plain = c.end_of_calendar_day(start, days, roll=False)
    assert c.local_date(plain) == today + (days + 1) * ONE_DAY
    assert c.day_after(plain - timedelta.resolution) == plain


def noon(day: Day) -> datetime:
    return datetime(day.date.year, day.date.month, day.date.day, 12)  # noqa: DTZ001


def offset_before(c: WorkingCalendar, day: Day) -> timedelta | None:
    return c.zone.utcoffset(noon(day) - ONE_DAY)


@laws
@given(any_calendar, instants)
def test_the_next_working_instant_has_only_time_off_before_it(
    c: WorkingCalendar, at: datetime
) -> None:
    following = c.next_working(at)
    assert following >= at
    assert c.is_working(following)
    assert (following == at) is c.is_working(at)
    assert c.working_time_between(at, following) == timedelta(0)


def works_at(c: WorkingCalendar, first: datetime, count: int) -> list[bool]:
    """The plainest model: for each quarter of an hour, whether a span holds it."""
    marks: list[tuple[datetime, datetime]] = []
    day = c.local_date(first) - ONE_DAY
    for offset in range(count // 96 + 4):
        for span in c.day(day + offset * ONE_DAY).spans:
            midnight = datetime.combine(day + offset * ONE_DAY, datetime.min.time())
            begin, end = (midnight + timedelta(minutes=m) for m in (span.start, span.end))
            marks.append((reached(c.zone, begin), reached(c.zone, end)))
    times = [first + each * QUARTER for each in range(count)]
    return [any(begin <= at < end for begin, end in marks) for at in times]


def reached(zone: ZoneInfo, local: datetime) -> datetime:
    """The first quarter at which the clock on the wall shows ``local`` or later."""
    at = local.replace(tzinfo=UTC) - timedelta(hours=14)
    while at.astimezone(zone).replace(tzinfo=None) < local:
        at += QUARTER
    return at


@settings(max_examples=40, deadline=None)
@given(calendars(), st.sampled_from(["2026-03-07", "2026-03-28", "2026-10-24", "2026-10-31"]))
def test_every_quarter_of_an_hour_agrees_with_the_model(c: WorkingCalendar, day: str) -> None:
    first = datetime.fromisoformat(f"{day}T12:00+00:00")
    expected = works_at(c, first, 192)
    assert [c.is_working(first + each * QUARTER) for each in range(192)] == expected
    assert c.working_time_between(first, first + 192 * QUARTER) == sum(expected) * QUARTER
