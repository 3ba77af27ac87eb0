"""What a calendar says of a day: its working spans, of what kind it is, and who says so."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

MINUTES_A_DAY = 24 * 60
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class DayKind(StrEnum):
    WORKDAY = "workday"
    WEEKEND = "weekend"
    """A day of the week on which nobody works."""
    HOLIDAY = "holiday"
    MAKE_UP = "make_up"
    """调休上班: a day of the weekend on which everybody works, for a holiday elsewhere."""
    HALF_DAY = "half_day"
    OVERRIDE = "override"
    """A working day with hours of its own."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of local time within a day, in minutes since midnight; the end is not in it."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= MINUTES_A_DAY:
            raise ValueError(f"{self} is no span of a day; write from before to, at most 24:00")

    @staticmethod
    def of(text: str) -> "Span":
        """``08:30-12:00``. Raises ValueError."""
        found = re.fullmatch(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)", text)
        if found is None:
            raise ValueError(f'{text!r} is no span; write it as "08:30-12:00"')
        hour, minute, to_hour, to_minute = map(int, found.groups())
        return Span(hour * 60 + minute, to_hour * 60 + to_minute)

    def __str__(self) -> str:
        return "-".join(f"{each // 60:02d}:{each % 60:02d}" for each in (self.start, self.end))


WHOLE_DAY = (Span(0, MINUTES_A_DAY),)


@dataclass(frozen=True, slots=True)
class Day:
    """A day as a calendar has it. ``spans`` are in order and do not overlap; none: a day off."""

    date: date
    works: bool
    kind: DayKind
    spans: tuple[Span, ...] = ()
    name_en: str = ""
    name_zh: str = ""
    provisional: bool = False
    """Nobody has published the day yet: it may become another (§3: the yearly notice is due)."""
    source: str = ""

    def __post_init__(self) -> None:
        if self.works != bool(self.spans):
            raise ValueError(f"{self.date}: a day works exactly when it has spans")
        check(self.spans)


def check(spans: tuple[Span, ...]) -> None:
    """Raises ValueError where spans of a day are out of order or overlap."""
    for one, two in pairwise(spans):
        if two.start < one.end:
            raise ValueError(f"{one} and {two} overlap or are out of order")
