"""The window of R12 and ruling 2: tables of dates that go wrong, and the laws that always hold."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policy.window import Window, WindowMode

SHANGHAI = "Asia/Shanghai"
MONTHS_1 = Window(WindowMode.CALENDAR_MONTHS, 1)
MONTHS_3 = Window(WindowMode.CALENDAR_MONTHS, 3)
DAYS_30 = Window(WindowMode.ROLLING, 30)
TICK = timedelta.resolution


def local(text: str, zone: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


@pytest.mark.parametrize(
    ("window", "zone", "earlier", "later", "inside"),
    [
        # R12, ruling 2: X calendar months including the current one.
        (MONTHS_3, SHANGHAI, "2026-09-01 00:00:00", "2026-11-21 12:00:00", True),
        (MONTHS_3, SHANGHAI, "2026-08-31 23:59:59", "2026-11-21 12:00:00", False),
        (MONTHS_3, SHANGHAI, "2026-08-31 23:59:59", "2026-10-31 23:59:59", True),
        (MONTHS_3, SHANGHAI, "2026-08-31 23:59:59", "2026-11-01 00:00:00", False),
        # Ruling 2: X = 1 would make 31st to 1st no repeat.
        (MONTHS_1, SHANGHAI, "2026-10-31 23:59:59", "2026-11-01 00:00:01", False),
        (MONTHS_1, SHANGHAI, "2026-11-01 00:00:00", "2026-11-30 23:59:59", True),
        (MONTHS_3, SHANGHAI, "2026-10-31 23:59:59", "2026-11-01 00:00:01", True),
        # Over the end of the year, and February.
        (MONTHS_3, SHANGHAI, "2025-11-01 00:00:00", "2026-01-31 23:59:59", True),
        (MONTHS_3, SHANGHAI, "2025-10-31 23:59:59", "2026-01-01 00:00:00", False),
        (MONTHS_3, SHANGHAI, "2027-12-31 12:00:00", "2028-02-29 12:00:00", True),
        # A ticket is inside its own window, a later one never.
        (MONTHS_3, SHANGHAI, "2026-11-21 12:00:00", "2026-11-21 12:00:00", True),
        (MONTHS_3, SHANGHAI, "2026-11-21 12:00:01", "2026-11-21 12:00:00", False),
        # The month is the local one: 07:59 in Shanghai on the 1st is still last month in UTC.
        (MONTHS_1, SHANGHAI, "2026-11-01 00:00:00", "2026-11-01 07:59:00", True),
        (MONTHS_1, "UTC", "2026-10-31 16:00:00", "2026-11-01 00:00:00", False),
        # Over the clock changes of autumn and spring.
        (MONTHS_1, "America/New_York", "2026-11-01 00:30:00", "2026-11-01 01:30:00", True),
        (MONTHS_3, "Europe/London", "2026-02-01 00:00:00", "2026-04-30 23:59:59", True),
        # Rolling: both ends are inside.
        (DAYS_30, SHANGHAI, "2026-10-22 12:00:00", "2026-11-21 12:00:00", True),
        (DAYS_30, SHANGHAI, "2026-10-22 11:59:59", "2026-11-21 12:00:00", False),
        (DAYS_30, SHANGHAI, "2025-12-20 12:00:00", "2026-01-19 12:00:00", True),
        # Rolling days have 24 hours: the autumn change leaves 13:00 summer time at the edge.
        (DAYS_30, "America/New_York", "2026-10-10 12:59:59", "2026-11-09 12:00:00", False),
        (DAYS_30, "America/New_York", "2026-10-10 13:00:00", "2026-11-09 12:00:00", True),
    ],
)
def test_R12_window_by_the_calendar(
    window: Window, zone: str, earlier: str, later: str, inside: bool
) -> None:
    tz = ZoneInfo(zone)
    assert window.contains(local(earlier, zone), local(later, zone), tz) is inside


@pytest.mark.parametrize(
    ("zone", "at", "fold", "opens"),
    [
        (SHANGHAI, "2026-11-21 12:00:00", 0, "2026-10-31T16:00:00+00:00"),
        # Midnight of the 1st is left out: the month begins with the change, at 01:00.
        ("America/Asuncion", "2017-10-15 12:00:00", 0, "2017-10-01T04:00:00+00:00"),
        # Midnight of the 1st comes twice: the month begins with the first.
        ("America/Havana", "2015-11-01 00:30:00", 1, "2015-11-01T04:00:00+00:00"),
        # A minute into the 1st clocks fall back to the 31st: that hour belongs to the new month,
        # or a window would open later for the earlier of two tickets.
        ("America/St_Johns", "2009-10-31 23:30:00", 1, "2009-11-01T02:30:00+00:00"),
        ("America/St_Johns", "2009-10-31 23:30:00", 0, "2009-10-01T02:30:00+00:00"),
        # A whole day is left out at the turn of the year.
        ("Pacific/Kiritimati", "1995-01-10 12:00:00", 0, "1994-12-31T10:00:00+00:00"),
    ],
)
def test_R12_the_current_month_begins_at_its_first_midnight(
    zone: str, at: str, fold: int, opens: str
) -> None:
    assert MONTHS_1.opens(local(at, zone, fold=fold), ZoneInfo(zone)).isoformat() == opens


ZONES = st.sampled_from(
    [
        "UTC",
        SHANGHAI,
        "America/New_York",
        "Europe/London",
        "America/St_Johns",
        "America/Havana",
        "America/Asuncion",
        "Pacific/Apia",
        "Pacific/Kiritimati",
        "Australia/Lord_Howe",
    ]
).map(ZoneInfo)
WINDOWS = st.one_of(
    st.builds(Window, st.just(WindowMode.CALENDAR_MONTHS), st.integers(1, 60)),
    st.builds(Window, st.just(WindowMode.ROLLING), st.integers(1, 1830)),
)
INSTANTS = st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
GAPS = st.one_of(
    st.timedeltas(timedelta(days=-2), timedelta(days=2)),
    st.timedeltas(timedelta(days=-2000), timedelta(days=2000)),
)


@given(WINDOWS, ZONES, INSTANTS, GAPS)
@example(MONTHS_1, ZoneInfo("America/St_Johns"), datetime(2009, 11, 1, 2, 31, tzinfo=UTC), TICK)
def test_R12_contains_opens_and_closes_say_the_same(
    window: Window, tz: ZoneInfo, earlier: datetime, gap: timedelta
) -> None:
    later = earlier + gap
    inside = window.contains(earlier, later, tz)
    assert inside == (window.opens(later, tz) <= earlier <= later)
    assert inside == (earlier <= later < window.closes(earlier, tz))


@given(WINDOWS, ZONES, INSTANTS, GAPS)
def test_R12_windows_only_move_forward(
    window: Window, tz: ZoneInfo, at: datetime, gap: timedelta
) -> None:
    first, second = sorted((at, at + gap))
    assert window.opens(first, tz) <= window.opens(second, tz)
    assert window.closes(first, tz) <= window.closes(second, tz)
    assert window.opens(first, tz) <= first < window.closes(first, tz)


@given(WINDOWS, ZONES, INSTANTS)
def test_R12_the_edges_are_exact(window: Window, tz: ZoneInfo, at: datetime) -> None:
    opens, closes = window.opens(at, tz), window.closes(at, tz)
    assert window.contains(opens, at, tz)
    assert not window.contains(opens - TICK, at, tz)
    assert window.contains(at, closes - TICK, tz)
    assert not window.contains(at, closes, tz)


@given(
    st.integers(1, 60),
    st.sampled_from([SHANGHAI, "America/New_York", "Europe/London"]).map(ZoneInfo),
    INSTANTS,
    GAPS,
)
def test_R12_calendar_months_count_local_months(
    months: int, tz: ZoneInfo, earlier: datetime, gap: timedelta
) -> None:
    """Where no clock falls back over midnight of a 1st, the local dates alone decide."""
    later = earlier + abs(gap)
    one, two = earlier.astimezone(tz), later.astimezone(tz)
    apart = (two.year - one.year) * 12 + two.month - one.month
    window = Window(WindowMode.CALENDAR_MONTHS, months)
    assert window.contains(earlier, later, tz) is (apart < months)


FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@given(WINDOWS, ZONES, st.sampled_from([FIRST, LAST]), st.integers(-14, 14))
def test_a_publishers_impossible_year_is_no_error(
    window: Window, tz: ZoneInfo, edge: datetime, hours: int
) -> None:
    day = timedelta(days=1)
    at = (edge + day if edge == FIRST else edge - day) + timedelta(hours=hours)
    assert window.opens(at, tz) <= at < window.closes(at, tz)
    assert window.opens(edge, tz) <= edge <= window.closes(edge, tz)


@pytest.mark.parametrize("length", [0, -1])
def test_a_window_of_no_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"length of a window is {length}"):
        Window(WindowMode.ROLLING, length)


def test_an_instant_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 11, 21)  # noqa: DTZ001
    with pytest.raises(TypeError):
        MONTHS_3.opens(naive, ZoneInfo(SHANGHAI))
