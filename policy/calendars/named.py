"""The calendars of a version, by name."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from policy.calendars.errors import CalendarMissing
from policy.calendars.working import WorkingCalendar


class Calendars(Mapping[str, WorkingCalendar]):
    """By name; a name that nobody wrote raises ``CalendarMissing`` with those there are."""

    __slots__ = ("_file", "_found")

    def __init__(self, found: Mapping[str, WorkingCalendar], file: Path | None = None) -> None:
        self._found = dict(found)
        self._file = file or Path("calendars")

    def __getitem__(self, name: str) -> WorkingCalendar:
        try:
            return self._found[name]
        except KeyError:
            raise CalendarMissing(name, self._found, self._file) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<Calendars {', '.join(each.version for each in self._found.values())}>"
