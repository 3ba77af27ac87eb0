"""``calendars/*.yaml``: calendars as an operator writes them."""

from datetime import date as Date
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    StrictBool,
    StringConstraints,
    model_validator,
)

from policy.calendars.days import WEEKDAYS, Span, check
from policy.calendars.libraries import Library
from policy.files import FileModel
from policy.sourced import Source, Sourced

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
Year = Annotated[int, Field(strict=True, ge=1980, le=2100)]


def _span(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError('write hours in quotes, as "08:30-12:00"')
    return Span.of(value)


def _weekdays(value: object) -> object:
    """``mon``, or ``mon-fri``."""
    if not isinstance(value, dict):
        return value
    found: dict[str, object] = {}
    for key, spans in value.items():
        first, _, last = str(key).partition("-")
        last = last or first
        if first not in WEEKDAYS or last not in WEEKDAYS[WEEKDAYS.index(first) :]:
            raise ValueError(f"{key!r} is no day of the week; write mon or mon-fri")
        for day in WEEKDAYS[WEEKDAYS.index(first) : WEEKDAYS.index(last) + 1]:
            if day in found:
                raise ValueError(f"{day} stands twice; leave it out of one of the two")
            found[day] = spans
    return found


def _ordered(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    check(spans)
    return spans


Hours = Annotated[
    tuple[Annotated[InstanceOf[Span], BeforeValidator(_span)], ...],
    Field(min_length=1, max_length=12),
    AfterValidator(_ordered),
]
"""``["08:30-12:00", "14:00-17:30"]``, local time."""
Week = Annotated[dict[str, Hours], BeforeValidator(_weekdays), Field(min_length=1)]
"""``{mon-thu: […], fri: […]}``; a day that is left out is off."""


class NameFile(FileModel):
    zh: Annotated[str, Field(max_length=200)] = ""
    en: Annotated[str, Field(min_length=1, max_length=200)]


class YearsFile(FileModel):
    """Whole years, both in."""

    from_: Annotated[Year, Field(alias="from")]
    to: Year

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.to < self.from_:
            raise ValueError("to is before from; write the first year first")
        return self


class HolidaysFile(FileModel):
    """Where days off come from; ``{library: none, source: …}`` in so many words where none are, for
    nothing is silently without holidays."""

    library: Library | Literal["none"]
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    subdivision: str | None = None
    make_up: Sourced[Hours] | None = None
    """Hours of a make-up working day (调休上班)."""
    published_to: Sourced[Year] | None = None
    """The last year that an authority has published; what a library reckons beyond it is
    provisional. Left out: the days follow from the law alone."""
    source: Source

    @model_validator(mode="after")
    def _place(self) -> Self:
        if self.library != "none" and self.country is None:
            raise ValueError("country is missing; add it, e.g. CN")
        return self


class DayFile(FileModel):
    """A day, or some in a row, that are as written here, whatever the library says."""

    date: Date | None = None
    from_: Annotated[Date | None, Field(alias="from")] = None
    to: Date | None = None
    kind: Literal["holiday", "workday", "half_day"]
    hours: Hours | None = None
    """Of a half day always; of a working day where the week does not say them."""
    name: NameFile
    provisional: StrictBool = False
    source: Source

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.date is None) == (self.from_ is None) or (self.from_ is None) != (self.to is None):
            raise ValueError("write either date, or from and to")
        if self.from_ is not None and self.to is not None and self.to < self.from_:
            raise ValueError("to is before from; write the first day first")
        if (self.kind == "half_day") > (self.hours is not None):
            raise ValueError("hours are missing; a half day says them")
        if self.kind == "holiday" and self.hours is not None:
            raise ValueError("a holiday has no hours; remove them or make it a half_day")
        return self

    @property
    def dates(self) -> tuple[Date, ...]:
        first = self.date or self.from_
        last = self.date or self.to
        assert first is not None
        assert last is not None
        return tuple(Date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1))


class ProvisionalYearFile(FileModel):
    """A year that nobody has published yet, whole: a day not listed is as the week says."""

    source: Source
    days: tuple[DayFile, ...]


class CalendarFile(FileModel):
    title: NameFile
    zone: Annotated[str, Field(min_length=1)]
    continuous: StrictBool = False
    """24×7; then only ``source`` follows."""
    source: Source
    years: Sourced[YearsFile] | None = None
    """Which are known; a deadline in another is never guessed."""
    week: Sourced[Week] | None = None
    holidays: HolidaysFile | None = None
    provisional_years: dict[Year, ProvisionalYearFile] = Field(default_factory=dict)
    overrides: tuple[DayFile, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needed = {"years": self.years, "week": self.week, "holidays": self.holidays}
        for name, value in needed.items():
            if self.continuous and value is not None:
                raise ValueError(f"is continuous: remove {name}")
            if not self.continuous and value is None:
                raise ValueError(f"{name} is missing; add it, or continuous: true for 24x7")
        if self.continuous and (self.overrides or self.provisional_years):
            raise ValueError("is continuous: remove overrides and provisional_years")
        return self


class CalendarsFile(FileModel):
    """A file of ``calendars/``."""

    calendars: Annotated[dict[_Name, CalendarFile], Field(min_length=1)]
