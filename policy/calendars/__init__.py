"""Working calendars (工作日历): which minutes and days count (§3, complaints 2, 5, 6 and 7)."""

from policy.calendars.days import Day, DayKind, Span
from policy.calendars.errors import CalendarMissing, CalendarUnknown
from policy.calendars.named import Calendars
from policy.calendars.working import WorkingCalendar

__all__ = [
    "CalendarMissing",
    "CalendarUnknown",
    "Calendars",
    "Day",
    "DayKind",
    "Span",
    "WorkingCalendar",
]
