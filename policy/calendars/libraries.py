"""Public holidays from well-kept libraries, year by year, and which years they really know."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib.metadata import version
from typing import Literal

Library = Literal["chinesecalendar", "holidays"]


class YearUnknown(Exception):
    """The library does not know the year: it has no day of it, or would guess."""


class PlaceUnknown(Exception):
    """The library has nothing of the country or its part; the text says what there is."""


@dataclass(frozen=True, slots=True)
class Found:
    """A day that is not as its day of the week."""

    date: date
    works: bool
    """调休: it is of a weekend, and everybody works."""
    name_en: str
    name_zh: str


def source(library: Library) -> str:
    return f"CODE: {library} {version(library)}"


@lru_cache(maxsize=512)
def days_of(
    library: Library, country: str, subdivision: str | None, year: int
) -> tuple[Found, ...]:
    """The holidays and make-up days of a year, in order.

    Raises:
        YearUnknown, PlaceUnknown.
    """
    if library == "chinesecalendar":
        return _chinese(country, subdivision, year)
    return _statutory(country, subdivision, year)


def knows(library: Library, country: str, subdivision: str | None, year: int) -> bool:
    try:
        days_of(library, country, subdivision, year)
    except (YearUnknown, PlaceUnknown):
        return False
    return True


def _chinese(country: str, subdivision: str | None, year: int) -> tuple[Found, ...]:
    import chinese_calendar

    if country != "CN" or subdivision is not None:
        raise PlaceUnknown("chinesecalendar has country CN and no subdivision")
    titles = {each.value: each.chinese for each in chinese_calendar.Holiday}
    found = []
    day = date(year, 1, 1)
    while day.year == year:
        try:
            off, name = chinese_calendar.get_holiday_detail(day)
        except NotImplementedError:
            raise YearUnknown(year) from None
        if name is not None or off != (day.weekday() >= 5):
            found.append(Found(day, not off, name or "", titles.get(name, "")))
        day += timedelta(days=1)
    return tuple(found)


def _statutory(country: str, subdivision: str | None, year: int) -> tuple[Found, ...]:
    import holidays

    if country == "CN":
        # Years to come it reckons by the statute, as if the State Council moved no day.
        raise PlaceUnknown("days off in China are published year by year; use chinesecalendar")
    try:
        place = holidays.country_holidays(country, subdiv=subdivision, years=year)
    except NotImplementedError as error:
        raise PlaceUnknown(str(error)) from None
    if not place.start_year <= year <= place.end_year:
        raise YearUnknown(year)
    return tuple(Found(day, False, name, "") for day, name in sorted(place.items()))
