"""Spans of local time as instants: what a calendar bisects in; microseconds since 1970."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from policy.calendars.days import Span

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Layout:
    """Every span of whole years, in order."""

    opens: int
    """First instant of the first year."""
    closes: int
    """First instant after the last year."""
    starts: list[int]
    ends: list[int]
    worked: list[int]
    """Working time up to the end of each span."""
    work_days: list[int]
    """Ordinals of the days that work."""
    work_ends: list[int]
    """End of business of each of them."""


def lay_out(
    first: date, last: date, spans_of: Callable[[date], tuple[Span, ...]], zone: ZoneInfo
) -> Layout:
    """The spans of every day from ``first`` to ``last``."""
    starts: list[int] = []
    ends: list[int] = []
    worked: list[int] = []
    work_days: list[int] = []
    work_ends: list[int] = []
    total = 0
    opens = start = _at(first, 0, zone)
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        after = _at(day + _ONE_DAY, 0, zone)
        for span in spans_of(day):
            if after - start == DAY_US:  # clocks stay: most days, and much the faster
                begin, end = start + span.start * MINUTE_US, start + span.end * MINUTE_US
            else:
                begin, end = _at(day, span.start, zone), _at(day, span.end, zone)
            if begin == end:  # all of it is left out in spring
                continue
            total += end - begin
            starts.append(begin)
            ends.append(end)
            worked.append(total)
        if ends and ends[-1] > start:
            work_days.append(ordinal)
            work_ends.append(ends[-1])
        start = after
    return Layout(opens, start, starts, ends, worked, work_days, work_ends)


@lru_cache(maxsize=4096)
def midnight(day: date, zone: ZoneInfo) -> int:
    """The first instant of a local day. Remembered: tickets of one day ask for the same few."""
    return _at(day, 0, zone)


def us(at: datetime) -> int:
    passed = at - EPOCH
    return passed.days * DAY_US + passed.seconds * SECOND_US + passed.microseconds


def instant(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


def _at(day: date, minute: int, zone: ZoneInfo) -> int:
    """The first instant at which the local clock reads the time of ``day`` or later.

    Where the time comes twice that is the first; where it is left out, the instant of the change.
    """
    local = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001
    at = us(local.replace(tzinfo=zone))
    if _shown(at, zone) == local:
        return at
    early, late = us(local.replace(tzinfo=zone, fold=1)) // SECOND_US, at // SECOND_US
    while late - early > 1:
        middle = (early + late) // 2
        if _shown(middle * SECOND_US, zone) < local:
            early = middle
        else:
            late = middle
    return late * SECOND_US


def _shown(at: int, zone: ZoneInfo) -> datetime:
    return instant(at).astimezone(zone).replace(tzinfo=None)
