"""Working calendars (工作日历): which minutes and days count (§3, complaints 2, 5, 6 and 7)."""
