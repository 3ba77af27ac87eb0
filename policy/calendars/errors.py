"""A calendar that does not know a year, and one that nobody wrote."""

from collections.abc import Iterable
from pathlib import Path

from policy.errors import PolicyError


class CalendarUnknown(Exception):
    """The reckoning needs a year that the calendar does not know. It is never guessed.

    Operator action: add the year to the calendar's file in a new version of the policy; where it is
    not published yet, whole under ``provisional_years`` with its source. ``hotline policy check``
    warns a year before.
    """

    slug = "calendar_unknown"

    def __init__(self, calendar: str, year: int) -> None:
        super().__init__(
            f"calendar {calendar} does not know the year {year}; add it to the calendar's file, "
            "as provisional where it is not published yet"
        )
        self.calendar = calendar
        self.year = year


class CalendarMissing(PolicyError, KeyError):
    """A name that no calendar of the policy has.

    Operator action: write the calendar into the bundle's file, or correct the name.
    """

    slug = "calendar_missing"

    def __init__(self, name: str, known: Iterable[str], file: Path) -> None:
        super().__init__(
            file=file,
            key="calendars",
            value=name,
            problem="no such calendar; known are " + ", ".join(sorted(known)),
        )

    __str__ = Exception.__str__
    """A KeyError would show its text in quotes."""
