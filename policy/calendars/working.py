"""Working time: deadlines by the minutes and days that count (§3; complaints 2, 5, 6 and 7)."""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from policy.calendars.days import WHOLE_DAY, Day, DayKind, Span, check
from policy.calendars.errors import CalendarUnknown

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO: Final = timedelta()
_ONE_DAY: Final = timedelta(days=1)
_DAY_US: Final = 86_400_000_000
_SECOND_US: Final = 1_000_000
_MINUTE_US: Final = 60 * _SECOND_US


class WorkingCalendar:
    """Which instants are working time, over whole years that are known. Frozen.

    Instants given must be aware; those returned are UTC. A span is local time: it begins and ends
    at the first instant at which the local clock reads its time or later, and lasts as long as
    really passes in between. So a span over the hour that is left out in spring is an hour shorter,
    one over the hour that comes twice an hour longer, and both are still one span.

    The ends of spans belong to no span (17:30 is not working time of 14:00-17:30), but a deadline
    falls on the end of a span, never on the start of the next.
    """

    __slots__ = (
        "_day_starts",
        "_ends",
        "_first",
        "_last",
        "_special",
        "_starts",
        "_week",
        "_work_days",
        "_work_ends",
        "_worked",
        "continuous",
        "name",
        "title_en",
        "title_zh",
        "version",
        "zone",
    )

    name: str
    version: str
    """``cn-workdays+1a2b3c4d``: over the resolved days and spans, so that an edited file or a
    library that has changed its mind is another version."""
    zone: ZoneInfo
    continuous: bool
    """24×7: no gaps, no holidays, no last year."""
    title_en: str
    title_zh: str

    def __init__(
        self,
        name: str,
        zone: ZoneInfo,
        *,
        week: Mapping[int, tuple[Span, ...]],
        years: tuple[int, int],
        days: Iterable[Day] = (),
        continuous: bool = False,
        title_en: str = "",
        title_zh: str = "",
    ) -> None:
        """
        Args:
            week: spans by day of the week (Monday is 0); none or left out: a day off.
            years: the first and the last that are known, both whole.
            days: what is not as the week says.
            continuous: ``week``, ``years`` and ``days`` say nothing.
        """
        self.name = name
        self.zone = zone
        self.continuous = continuous
        self.title_en = title_en
        self.title_zh = title_zh
        self._week = tuple(WHOLE_DAY if continuous else week.get(each, ()) for each in range(7))
        for spans in self._week:
            check(spans)
        self._first = date(years[0], 1, 1)
        self._last = date(years[1], 12, 31)
        self._special = (
            {} if continuous else {d.date: d for d in days if self._first <= d.date <= self._last}
        )
        self.version = f"{name}+{self._digest()}"
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._worked: list[int] = []
        """Working microseconds up to the end of each span."""
        self._day_starts: list[int] = []
        """First instant of each day; one more than there are days."""
        self._work_days: list[int] = []
        self._work_ends: list[int] = []
        if not continuous:
            self._lay_out()

    @staticmethod
    def weekly(
        name: str,
        zone: str,
        *spans: str,
        weekdays: Iterable[int] = range(5),
        years: tuple[int, int] = (2024, 2028),
        days: Iterable[Day] = (),
    ) -> "WorkingCalendar":
        """The same spans (``"08:30-12:00"``) on some days of the week: short, for tests."""
        hours = tuple(Span.of(each) for each in spans)
        week = dict.fromkeys(weekdays, hours)
        return WorkingCalendar(name, ZoneInfo(zone), week=week, years=years, days=days)

    @staticmethod
    def always(name: str, zone: str) -> "WorkingCalendar":
        """24×7."""
        return WorkingCalendar(name, ZoneInfo(zone), week={}, years=(1, 9999), continuous=True)

    # --- Minutes and hours ----------------------------------------------------------------------

    def add_working_time(self, start: datetime, amount: timedelta) -> datetime:
        """The earliest instant by which ``amount`` of working time has passed; of none: ``start``.

        Raises:
            ValueError: ``amount`` is negative.
            CalendarUnknown: ``start`` or the result is in a year that is not known.
        """
        if amount <= _ZERO:
            if amount:
                raise ValueError(f"amount is {amount}; working time is added, not taken back")
            return start.astimezone(UTC)
        if self.continuous:
            try:
                return start.astimezone(UTC) + amount
            except OverflowError:
                raise CalendarUnknown(self.name, 10_000) from None
        at = _us(start)
        wanted = self._worked_at(at) + amount // timedelta.resolution
        index = bisect_left(self._worked, wanted)
        if index == len(self._worked):
            raise CalendarUnknown(self.name, self._last.year + 1)
        return _instant(self._ends[index] - self._worked[index] + wanted)

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        """Working time from ``start`` to ``end``; negative where ``end`` is the earlier.

        Raises:
            CalendarUnknown: one of them is in a year that is not known.
        """
        if self.continuous:
            return end.astimezone(UTC) - start.astimezone(UTC)
        return timedelta(
            microseconds=self._worked_at(_us(end)) - self._worked_at(_us(start)),
        )

    def is_working(self, at: datetime) -> bool:
        """Whether ``at`` is within a span. Raises ``CalendarUnknown``."""
        if self.continuous:
            return True
        instant = self._known(_us(at))
        index = bisect_right(self._starts, instant) - 1
        return index >= 0 and instant < self._ends[index]

    def next_working(self, at: datetime) -> datetime:
        """``at`` itself if it is working time, else the start of the next span.

        Raises:
            CalendarUnknown: that is in a year that is not known.
        """
        if self.is_working(at):
            return at.astimezone(UTC)
        index = bisect_right(self._starts, _us(at))
        if index == len(self._starts):
            raise CalendarUnknown(self.name, self._last.year + 1)
        return _instant(self._starts[index])

    # --- Days -----------------------------------------------------------------------------------

    def end_of_working_day(self, start: datetime, days: int) -> datetime:
        """The end of business of the ``days``-th working day after that of ``start`` (次日起).

        The day of ``start`` is not counted, whether it is a working day or not (Civil Code of
        China art. 201); the term ends as business does (art. 203).

        Raises:
            CalendarUnknown: ``start`` or the result is in a year that is not known.
        """
        _positive(days)
        today = self.local_date(start)
        if self.continuous:
            return self._midnight(today + timedelta(days=days + 1))
        self._known(_us(start))
        index = bisect_right(self._work_days, today.toordinal()) + days - 1
        if index >= len(self._work_days):
            raise CalendarUnknown(self.name, self._last.year + 1)
        return _instant(self._work_ends[index])

    def end_of_calendar_day(self, start: datetime, days: int, *, roll: bool) -> datetime:
        """The end of the ``days``-th day after that of ``start``: natural days (自然日), 24:00.

        Args:
            roll: a day off moves on to the next working day, and where there are business hours
                the end is the end of business (Civil Code of China art. 203).

        Raises:
            CalendarUnknown: with ``roll``, when the result is in a year that is not known.
        """
        _positive(days)
        last = self.local_date(start) + timedelta(days=days)
        if not roll or self.continuous:
            return self._midnight(last + _ONE_DAY)
        if last < self._first:
            raise CalendarUnknown(self.name, last.year)
        index = bisect_left(self._work_days, last.toordinal())
        if last > self._last or index == len(self._work_days):
            raise CalendarUnknown(self.name, max(last.year, self._last.year + 1))
        return _instant(self._work_ends[index])

    def day_after(self, at: datetime) -> datetime:
        """The next local midnight: where a clock that counts days begins to count."""
        return self._midnight(self.local_date(at) + _ONE_DAY)

    def local_date(self, at: datetime) -> date:
        """The day of ``at``. A day begins at its first local midnight and never comes back."""
        local = at.astimezone(self.zone).date()
        # Where clocks fall back over midnight, the local date returns to the day before.
        if at >= self._midnight(local + _ONE_DAY):
            return local + _ONE_DAY
        return local

    # --- What it says of days -------------------------------------------------------------------

    @property
    def years(self) -> tuple[int, int]:
        """The first and the last year that are known; of a continuous one all."""
        return self._first.year, self._last.year

    @property
    def provisional_years(self) -> tuple[int, ...]:
        """Years with days that nobody has published yet."""
        return tuple(
            sorted({each.date.year for each in self._special.values() if each.provisional})
        )

    def covers(self, at: datetime) -> bool:
        """Whether ``at`` is in a year that is known."""
        return self.continuous or self._day_starts[0] <= _us(at) < self._day_starts[-1]

    def day(self, of: date) -> Day:
        """What the calendar says of a day. Raises ``CalendarUnknown``."""
        if not self.continuous and not self._first <= of <= self._last:
            raise CalendarUnknown(self.name, of.year)
        return self._special.get(of) or self._ordinary(of)

    def days(self, first: date, last: date) -> tuple[Day, ...]:
        """Every day from ``first`` to ``last``, both in. Raises ``CalendarUnknown``."""
        count = (last - first).days + 1
        return tuple(self.day(first + timedelta(days=each)) for each in range(count))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WorkingCalendar) and self.version == other.version

    def __hash__(self) -> int:
        return hash(self.version)

    def __repr__(self) -> str:
        return f"<WorkingCalendar {self.version}>"

    # --- Within ---------------------------------------------------------------------------------

    def _ordinary(self, of: date) -> Day:
        spans = self._week[of.weekday()]
        kind = DayKind.WORKDAY if spans else DayKind.WEEKEND
        return Day(of, bool(spans), kind, spans)

    def _lay_out(self) -> None:
        worked = 0
        for day, start, after in self._midnights():
            self._day_starts.append(start)
            special = self._special.get(day)
            spans = self._week[day.weekday()] if special is None else special.spans
            for span in spans:
                if after - start == _DAY_US:
                    begin = start + span.start * _MINUTE_US
                    end = start + span.end * _MINUTE_US
                else:
                    begin, end = self._clock(day, span.start), self._clock(day, span.end)
                if begin == end:  # all of it is left out in spring
                    continue
                worked += end - begin
                self._starts.append(begin)
                self._ends.append(end)
                self._worked.append(worked)
            if spans and self._ends and self._ends[-1] > start:
                self._work_days.append(day.toordinal())
                self._work_ends.append(self._ends[-1])
        self._day_starts.append(after)

    def _midnights(self) -> Iterator[tuple[date, int, int]]:
        """Each day with its first instant and that of the day after."""
        start = _first_at(_naive(self._first, 0), self.zone)
        for each in range((self._last - self._first).days + 1):
            day = self._first + timedelta(days=each)
            after = _first_at(_naive(day + _ONE_DAY, 0), self.zone)
            yield day, start, after
            start = after

    def _clock(self, day: date, minute: int) -> int:
        return _first_at(_naive(day, minute), self.zone)

    def _midnight(self, day: date) -> datetime:
        return _instant(_first_at(_naive(day, 0), self.zone))

    def _worked_at(self, at: int) -> int:
        starts = self._day_starts
        if not starts[0] <= at <= starts[-1]:
            self._known(at)
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return 0
        left = self._ends[index] - at
        return self._worked[index] - left if left > 0 else self._worked[index]

    def _known(self, at: int) -> int:
        """``at``, or ``CalendarUnknown``; the end of the last year is still known."""
        if at < self._day_starts[0]:
            raise CalendarUnknown(self.name, self._first.year - 1)
        if at > self._day_starts[-1]:
            raise CalendarUnknown(self.name, self._last.year + 1)
        return at

    def _digest(self) -> str:
        def plain(spans: tuple[Span, ...]) -> list[str]:
            return [str(each) for each in spans]

        content = [
            self.zone.key,
            self.continuous,
            [plain(each) for each in self._week],
            self.years,
            [
                (str(each.date), each.kind, plain(each.spans), each.provisional)
                for _, each in sorted(self._special.items())
            ],
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


def _positive(days: int) -> None:
    if days < 1:
        raise ValueError(f"days is {days}; counting begins with the day after, so 1 or more")


def _us(at: datetime) -> int:
    """Microseconds since 1970."""
    passed = at - _EPOCH
    return passed.days * _DAY_US + passed.seconds * _SECOND_US + passed.microseconds


def _instant(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def _naive(day: date, minute: int) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)


def _first_at(local: datetime, zone: ZoneInfo) -> int:
    """The first instant at which the local clock reads ``local`` or later, as microseconds."""
    at = local.replace(tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == local:
        return _us(at)
    # Left out in spring: the clock jumps over it; search the second at which it does.
    late = _us(at) // _SECOND_US
    early = _us(local.replace(tzinfo=zone, fold=1).astimezone(UTC)) // _SECOND_US
    while late - early > 1:
        middle = (late + early) // 2
        shown = _instant(middle * _SECOND_US).astimezone(zone).replace(tzinfo=None)
        early, late = (middle, late) if shown < local else (early, middle)
    return late * _SECOND_US
