"""The window in which an earlier ticket still makes a repeat (R12, ruling 2)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

_TICK = timedelta.resolution
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)


class WindowMode(StrEnum):
    CALENDAR_MONTHS = "calendar_months"
    """自然月: months of the local calendar, the current one included."""
    ROLLING = "rolling"
    """Days of 24 hours back from the ticket."""


@dataclass(frozen=True, slots=True)
class Window:
    """How far back a ticket looks. All instants must be aware; those returned are UTC."""

    mode: WindowMode
    length: int
    """Months including the current one, or days."""
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"length of a window is {self.length}; it must be 1 or more")

    def opens(self, at: datetime, tz: ZoneInfo) -> datetime:
        """The earliest instant whose ticket is inside the window of a ticket at ``at``."""
        if self.mode is WindowMode.ROLLING:
            return _shift(at, timedelta(days=-self.length))
        return _month_start(_month_of(at, tz) - self.length + 1, tz)

    def closes(self, at: datetime, tz: ZoneInfo) -> datetime:
        """The first instant from which a ticket at ``at`` is outside every later window."""
        if self.mode is WindowMode.ROLLING:
            return _shift(at, timedelta(days=self.length) + _TICK)
        return _month_start(_month_of(at, tz) + self.length, tz)

    def contains(self, earlier: datetime, later: datetime, tz: ZoneInfo) -> bool:
        """Whether a ticket at ``earlier`` is inside the window of a ticket at ``later``."""
        return earlier <= later and self.opens(later, tz) <= earlier


def _shift(at: datetime, by: timedelta) -> datetime:
    try:
        return at.astimezone(UTC) + by
    except OverflowError:
        return _LATEST if by > timedelta(0) else _EARLIEST


def _month_of(at: datetime, tz: ZoneInfo) -> int:
    """Months since year 0, by the starts of months, which only ever rise.

    The local date alone does not: where clocks fall back over midnight of the 1st, it returns to
    the month before.
    """
    try:
        local = at.astimezone(tz)
    except OverflowError:  # a publisher's year 1 or 9999; its time is data, so no error here
        local = at
    month = local.year * 12 + local.month - 1
    if at >= _month_start(month + 1, tz):
        return month + 1
    if at < _month_start(month, tz):
        return month - 1
    return month


@lru_cache(maxsize=4096)
def _month_start(month: int, tz: ZoneInfo) -> datetime:
    """The first local midnight of the month, in UTC.

    Where midnight comes twice the first is meant; where it is left out, the instant of the change
    (fold 0 gives both).
    """
    year, index = divmod(month, 12)
    try:
        return datetime(year, index + 1, 1, tzinfo=tz).astimezone(UTC)
    except (ValueError, OverflowError):
        return _LATEST if year > 1 else _EARLIEST
