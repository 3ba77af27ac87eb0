"""Working time: deadlines by the minutes and days that count (§3; complaints 2, 5, 6 and 7)."""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from policy.calendars.days import WHOLE_DAY, Day, DayKind, Span, check
from policy.calendars.errors import CalendarUnknown
from policy.calendars.layout import (
    DAY_US,
    EPOCH,
    SECOND_US,
    Layout,
    instant,
    lay_out,
    midnight,
    us,
)

_ONE_DAY = timedelta(days=1)
_LATE_HOUR = 20
"""Since 1970 no clock was set back further over midnight; before it the local date is right."""


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
        "_first",
        "_last",
        "_layout",
        "_provisional",
        "_provisional_from",
        "_special",
        "_unpublished",
        "_week",
        "continuous",
        "name",
        "replaceable_years",
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
    replaceable_years: tuple[int, ...]
    """Written by hand as provisional, and known to the library by now: time to drop them."""

    def __init__(
        self,
        name: str,
        zone: ZoneInfo,
        *,
        week: Mapping[int, tuple[Span, ...]],
        years: tuple[int, int],
        days: Iterable[Day] = (),
        provisional_years: Iterable[int] = (),
        replaceable_years: tuple[int, ...] = (),
        continuous: bool = False,
        title_en: str = "",
        title_zh: str = "",
    ) -> None:
        """
        Args:
            week: spans by day of the week (Monday is 0); none or left out: a day off.
            years: the first and the last that are known, both whole.
            days: what is not as the week says.
            provisional_years: of which any day may become another.
            replaceable_years: those of them that a library knows by now.
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
        self._provisional = frozenset(provisional_years)
        self.replaceable_years = replaceable_years
        self._special = (
            {} if continuous else {d.date: d for d in days if self._first <= d.date <= self._last}
        )
        self._unpublished = sorted(d.date for d in self._special.values() if d.provisional)
        doubtful = [*self._unpublished, *(date(each, 1, 1) for each in self._provisional)]
        self._provisional_from = self._midnight(min(doubtful)) if doubtful else None
        self.version = f"{name}+{self._digest()}"
        self._layout: Layout | None = None

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
        if amount.days < 0:
            raise ValueError(f"amount is {amount}; working time is added, not taken back")
        if not amount or self.continuous:
            try:
                return start.astimezone(UTC) + amount
            except OverflowError:
                raise CalendarUnknown(self.name, 10_000) from None
        layout = self._layout or self._laid_out()
        wanted = self._worked_at(layout, start) + (
            amount.days * DAY_US + amount.seconds * SECOND_US + amount.microseconds
        )
        index = bisect_left(layout.worked, wanted)
        if index == len(layout.worked):
            raise self._beyond()
        # Written out here and below: a call each would be a quarter of the time.
        at = layout.ends[index] - layout.worked[index] + wanted
        return EPOCH + timedelta(microseconds=at)

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        """Working time from ``start`` to ``end``; negative where ``end`` is the earlier.

        Raises:
            CalendarUnknown: one of them is in a year that is not known.
        """
        if self.continuous:
            return end.astimezone(UTC) - start.astimezone(UTC)
        layout = self._layout or self._laid_out()
        return timedelta(microseconds=self._worked_at(layout, end) - self._worked_at(layout, start))

    def is_working(self, at: datetime) -> bool:
        """Whether ``at`` is within a span. Raises ``CalendarUnknown``."""
        if self.continuous:
            return True
        layout, moment = self._known(at)
        index = bisect_right(layout.starts, moment) - 1
        return index >= 0 and moment < layout.ends[index]

    def next_working(self, at: datetime) -> datetime:
        """``at`` itself if it is working time, else the start of the next span.

        Raises:
            CalendarUnknown: that is in a year that is not known.
        """
        if self.is_working(at):
            return at.astimezone(UTC)
        layout, moment = self._known(at)
        index = bisect_right(layout.starts, moment)
        if index == len(layout.starts):
            raise self._beyond()
        return instant(layout.starts[index])

    # --- Days -----------------------------------------------------------------------------------

    def end_of_working_day(self, start: datetime, days: int) -> datetime:
        """The end of business of the ``days``-th working day after that of ``start`` (次日起).

        The day of ``start`` is not counted, whether it is a working day or not (Civil Code of
        China art. 201); the term ends as business does (art. 203).

        Raises:
            ValueError: ``days`` is less than 1.
            CalendarUnknown: ``start`` or the result is in a year that is not known.
        """
        _positive(days)
        today = self.local_date(start)
        if self.continuous:
            return self._midnight(today + timedelta(days=days + 1))
        layout, _ = self._known(start)
        index = bisect_right(layout.work_days, today.toordinal()) + days - 1
        if index >= len(layout.work_days):
            raise self._beyond()
        return instant(layout.work_ends[index])

    def end_of_calendar_day(self, start: datetime, days: int, *, roll: bool) -> datetime:
        """The end of the ``days``-th day after that of ``start``: natural days (自然日), 24:00.

        Args:
            roll: a day off moves on to the next working day, and where there are business hours
                the end is the end of business (Civil Code of China art. 203).

        Raises:
            ValueError: ``days`` is less than 1.
            CalendarUnknown: with ``roll``, when the result is in a year that is not known.
        """
        _positive(days)
        last = self.local_date(start) + timedelta(days=days)
        if not roll or self.continuous:
            return self._midnight(last + _ONE_DAY)
        if not self._first <= last <= self._last:
            raise CalendarUnknown(self.name, last.year)
        layout = self._layout or self._laid_out()
        index = bisect_left(layout.work_days, last.toordinal())
        if index == len(layout.work_days):
            raise self._beyond()
        return instant(layout.work_ends[index])

    def day_after(self, at: datetime) -> datetime:
        """The next local midnight: where a clock that counts days begins to count."""
        return self._midnight(self.local_date(at) + _ONE_DAY)

    def local_date(self, at: datetime) -> date:
        """The day of ``at``. A day begins at its first local midnight and never comes back."""
        local = at.astimezone(self.zone)
        # Where clocks fall back over midnight, the local date returns to the day before.
        if local.hour >= _LATE_HOUR and at >= self._midnight(local.date() + _ONE_DAY):
            return local.date() + _ONE_DAY
        return local.date()

    # --- What it says of days -------------------------------------------------------------------

    @property
    def years(self) -> tuple[int, int]:
        """The first and the last year that are known; of a continuous one all."""
        return self._first.year, self._last.year

    @property
    def provisional_years(self) -> tuple[int, ...]:
        """Years with days that nobody has published yet."""
        return tuple(sorted(self._provisional | {each.year for each in self._unpublished}))

    def covers(self, at: datetime) -> bool:
        """Whether ``at`` is in a year that is known."""
        if self.continuous:
            return True
        layout = self._layout or self._laid_out()
        return layout.opens <= us(at) < layout.closes

    def rests_on_provisional(self, start: datetime, end: datetime) -> bool:
        """Whether a day from that of ``start`` to that of ``end`` may still become another."""
        if self._provisional_from is None or end < self._provisional_from:
            return False
        first, last = self.local_date(start), self.local_date(end)
        if any(first.year <= year <= last.year for year in self._provisional):
            return True
        index = bisect_left(self._unpublished, first)
        return index < len(self._unpublished) and self._unpublished[index] <= last

    def day(self, of: date) -> Day:
        """What the calendar says of a day. Raises ``CalendarUnknown``."""
        if not self.continuous and not self._first <= of <= self._last:
            raise CalendarUnknown(self.name, of.year)
        found = self._special.get(of)
        if found is None:
            spans = self._week[of.weekday()]
            kind = DayKind.WORKDAY if spans else DayKind.WEEKEND
            found = Day(of, bool(spans), kind, spans)
        if of.year in self._provisional and not found.provisional:
            found = replace(found, provisional=True)
        return found

    def days(self, first: date, last: date) -> tuple[Day, ...]:
        """Every day from ``first`` to ``last``, both in. Raises ``CalendarUnknown``."""
        count = (last - first).days + 1
        return tuple(self.day(first + timedelta(days=each)) for each in range(count))

    def special_days(self, first: date, last: date) -> tuple[Day, ...]:
        """Those of them that are not as the week says: holidays, make-up days, half days."""
        return tuple(self.day(each) for each in sorted(self._special) if first <= each <= last)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WorkingCalendar) and self.version == other.version

    def __hash__(self) -> int:
        return hash(self.version)

    def __repr__(self) -> str:
        return f"<WorkingCalendar {self.version}>"

    # --- Within ---------------------------------------------------------------------------------

    def _laid_out(self) -> Layout:
        """At the first need: a bundle has calendars that a process never asks."""
        layout = lay_out(self._first, self._last, self._spans_of, self.zone)
        self._layout = layout
        return layout

    def _spans_of(self, day: date) -> tuple[Span, ...]:
        special = self._special.get(day)
        return self._week[day.weekday()] if special is None else special.spans

    def _midnight(self, day: date) -> datetime:
        return instant(midnight(day, self.zone))

    def _worked_at(self, layout: Layout, at: datetime) -> int:
        """Working time from the first year's beginning to ``at``."""
        passed = at - EPOCH
        moment = passed.days * DAY_US + passed.seconds * SECOND_US + passed.microseconds
        if not layout.opens <= moment <= layout.closes:
            self._known(at)
        index = bisect_right(layout.starts, moment) - 1
        if index < 0:
            return 0
        left = layout.ends[index] - moment
        return layout.worked[index] - left if left > 0 else layout.worked[index]

    def _known(self, at: datetime) -> tuple[Layout, int]:
        """``at`` in microseconds, or ``CalendarUnknown``; the end of the last year is known."""
        layout = self._layout or self._laid_out()
        moment = us(at)
        if not layout.opens <= moment <= layout.closes:
            raise CalendarUnknown(self.name, self.local_date(at).year)
        return layout, moment

    def _beyond(self) -> CalendarUnknown:
        return CalendarUnknown(self.name, self._last.year + 1)

    def _digest(self) -> str:
        def plain(spans: tuple[Span, ...]) -> list[str]:
            return [str(each) for each in spans]

        content = [
            self.zone.key,
            self.continuous,
            [plain(each) for each in self._week],
            self.years,
            sorted(self._provisional),
            [
                (str(each.date), each.kind, plain(each.spans), each.provisional)
                for _, each in sorted(self._special.items())
            ],
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


def _positive(days: int) -> None:
    if days < 1:
        raise ValueError(f"days is {days}; counting begins with the day after, so 1 or more")
