"""From a file of calendars to calendars: every day of every year resolved, or an error."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from policy import files
from policy.calendars import libraries
from policy.calendars.days import WEEKDAYS, Day, DayKind, Span
from policy.calendars.file import CalendarFile, CalendarsFile, DayFile
from policy.calendars.libraries import Library, PlaceUnknown, YearUnknown
from policy.calendars.named import Calendars
from policy.calendars.working import WorkingCalendar
from policy.errors import PolicyError
from policy.files import Key

Place = tuple[Library, str, str | None]
"""Library, country, subdivision."""


def build(path: Path, file: CalendarsFile) -> Calendars:
    """The calendars in a validated file. Raises ``PolicyError``."""
    return Calendars(
        {name: _Builder(path, name, each).calendar() for name, each in file.calendars.items()},
        path,
    )


class _Builder:
    """One calendar: the library's days, those of provisional years, then overrides."""

    def __init__(self, path: Path, name: str, file: CalendarFile) -> None:
        self._path = path
        self._name = name
        self._file = file
        self._days: dict[date, Day] = {}
        self._week: Mapping[int, tuple[Span, ...]] = (
            {}
            if file.week is None
            else {WEEKDAYS.index(day): hours for day, hours in file.week.value.items()}
        )
        self._place: Place | None = None
        holidays = file.holidays
        if holidays is not None and holidays.library != "none" and holidays.country is not None:
            self._place = (holidays.library, holidays.country, holidays.subdivision)

    def calendar(self) -> WorkingCalendar:
        file = self._file
        zone = self._zone(file.zone)
        if file.continuous:
            return WorkingCalendar(
                self._name,
                zone,
                week={},
                years=(date.min.year, date.max.year),
                continuous=True,
                title_en=file.title.en,
                title_zh=file.title.zh,
            )
        assert file.years is not None
        first, last = file.years.value.from_, file.years.value.to
        provisional = set(file.provisional_years)
        for year in sorted(provisional):
            if not first <= year <= last:
                raise self._fail(
                    ("provisional_years", year), year, "is not within years; correct one of them"
                )
        if self._place is not None:
            for year in range(first, last + 1):
                if year not in file.provisional_years:
                    self._of_library(self._place, year)
        if file.holidays is not None and file.holidays.published_to is not None:
            unpublished = max(first, file.holidays.published_to.value + 1)
            provisional |= set(range(unpublished, last + 1))
        for year, whole in file.provisional_years.items():
            for index, each in enumerate(whole.days):
                loc = ("provisional_years", year, "days", index)
                for day in each.dates:
                    if day.year != year:
                        raise self._fail(loc, day.isoformat(), f"is not of {year}; correct it")
                    if day in self._days:
                        raise self._fail(loc, day.isoformat(), "stands twice; keep one")
                    self._put(loc, each, day)
        self._override(first, last)
        return WorkingCalendar(
            self._name,
            zone,
            week=self._week,
            years=(first, last),
            days=self._days.values(),
            provisional_years=provisional,
            replaceable_years=self._replaceable(),
            title_en=file.title.en,
            title_zh=file.title.zh,
        )

    def _of_library(self, place: Place, year: int) -> None:
        library, country, _ = place
        try:
            found = libraries.days_of(*place, year)
        except PlaceUnknown as error:
            raise self._fail(("holidays", "country"), country, str(error)) from None
        except YearUnknown:
            raise self._fail(
                ("years",),
                year,
                f"{libraries.source(library)} does not know {year}; end years before it, "
                f"or write the year whole under provisional_years with its source",
            ) from None
        source = libraries.source(library)
        make_up = self._make_up()
        for each in found:
            kind = DayKind.HOLIDAY
            spans: tuple[Span, ...] = ()
            if each.works:
                if self._week.get(each.date.weekday()):
                    continue
                if not make_up:
                    raise self._fail(
                        ("holidays", "make_up"),
                        each.date.isoformat(),
                        "is a make-up working day; write under make_up which hours such days have",
                    )
                kind, spans = DayKind.MAKE_UP, make_up
            self._days[each.date] = Day(
                each.date, bool(spans), kind, spans, each.name_en, each.name_zh, source=source
            )

    def _override(self, first: int, last: int) -> None:
        seen: set[date] = set()
        for index, each in enumerate(self._file.overrides):
            loc = ("overrides", index)
            for day in each.dates:
                if day in seen:
                    raise self._fail(loc, day.isoformat(), "stands twice; keep one of the two")
                if not first <= day.year <= last:
                    raise self._fail(loc, day.isoformat(), "is not within years; correct it")
                seen.add(day)
                self._put(loc, each, day)

    def _put(self, loc: tuple[Key, ...], each: DayFile, day: date) -> None:
        ordinary = self._week.get(day.weekday(), ())
        spans: tuple[Span, ...] = ()
        kind = DayKind.HOLIDAY
        if each.kind == "half_day":
            assert each.hours is not None
            kind, spans = DayKind.HALF_DAY, each.hours
        elif each.kind == "workday":
            kind = DayKind.OVERRIDE if ordinary else DayKind.MAKE_UP
            spans = each.hours or ordinary or self._make_up()
            if not spans:
                raise self._fail(
                    loc, day.isoformat(), "is off by the week; write the hours of this working day"
                )
        self._days[day] = Day(
            day,
            bool(spans),
            kind,
            spans,
            each.name.en,
            each.name.zh,
            provisional=each.provisional,
            source=each.source,
        )

    def _make_up(self) -> tuple[Span, ...]:
        holidays = self._file.holidays
        return () if holidays is None or holidays.make_up is None else holidays.make_up.value

    def _replaceable(self) -> tuple[int, ...]:
        """Years written by hand that the library knows by now."""
        place = self._place
        if place is None:
            return ()
        return tuple(y for y in sorted(self._file.provisional_years) if libraries.knows(*place, y))

    def _zone(self, name: str) -> ZoneInfo:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise self._fail(
                ("zone",), name, "is no IANA time zone; write e.g. Asia/Shanghai"
            ) from None

    def _fail(self, loc: tuple[Key, ...], value: object, problem: str) -> PolicyError:
        return files.fail(self._path, ("calendars", self._name, *loc), value, problem)
