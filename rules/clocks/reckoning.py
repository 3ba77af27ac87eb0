"""When a clock is due (时限), how much of it is used, and when it warns: R25, ruling 12.

A deadline is what its rule counts from the start, or what somebody set since (a ``Setting``), moved
on by every pause (挂起) before it. Everything is counted in one calendar, the rule's own: a pause
takes out exactly the working time that it covers, so that it can neither be lost nor be credited
for a weekend (requirements.md §4.1 and 4.2). Decision 0022 says why.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec import Struct

from policy.calendars import CalendarUnknown, WorkingCalendar
from rules.clocks.terms import Terms

ZERO: Final = timedelta(0)
POLICY: Final = "policy"
"""Basis of a deadline that nobody has set."""
_COUNTED_IN_DAYS: Final = frozenset(("working_days", "calendar_days"))

_Pause = tuple[datetime, datetime | None]
_Moved = tuple[datetime, datetime | None]
"""A deadline, and since when it stands still."""


class Setting(Struct, frozen=True):
    """Somebody's word on the deadline: it holds from its instant on, whatever was before."""

    at: datetime
    due: datetime
    basis: str
    """``promised``, ``extended``, ``designated``, ``rejected``, ``reopened`` or ``imported``."""


class Hold(Struct, frozen=True):
    """A pause, from its first instant up to but without its last."""

    since: datetime
    until: datetime | None = None
    """None: still on."""


class Until(NamedTuple):
    """Terms that a clock had until the ticket was amended; None: no rule asked for it."""

    at: datetime
    terms: Terms | None
    calendar: WorkingCalendar | None


class Reckoning(Struct, frozen=True):
    """A clock as it stands at an instant. All instants are UTC."""

    deadline: datetime | None
    """None while it is paused, and where the calendar does not know the days that it takes."""
    basis: str
    """``policy``, or that of the setting in force."""
    counted_from: datetime
    """When it began to count: the start, or the next local midnight where days are counted."""
    total: timedelta | None
    """Working time from there to the deadline, pauses left out; None where the calendar does not
    know it, and so are ``remaining`` and the warnings."""
    elapsed: timedelta
    """Working time used so far, pauses left out."""
    remaining: timedelta | None
    """``total - elapsed``; below 0 once it is late."""
    paused_since: datetime | None
    held: timedelta
    """Working time that pauses have taken out so far."""
    warn_at: tuple[tuple[int, datetime], ...]
    """Percent of ``total`` and the instant at which so much is used. While it is paused only those
    that had come before: the others move."""
    provisional: bool = False
    """Rests on days that nobody has published yet."""
    undetermined: str | None = None
    """What the calendar does not know: there is no deadline, or of a set one no working time."""


def reckon(
    start: datetime,
    terms: Terms,
    calendar: WorkingCalendar,
    *,
    settings: Sequence[Setting] = (),
    holds: Iterable[Hold] = (),
    earlier: Sequence[Until] = (),
    until: datetime,
) -> Reckoning:
    """The clock that began at ``start``, as it stands at ``until``.

    Args:
        start: of a citizen's clock the receipt, of a department's the dispatch (ruling 6).
        terms: what it was given; ``calendar`` is that of its name, of the version in force.
        settings: in any order; of two at the same instant the later in the sequence counts.
        holds: in any order; those that touch or overlap are one.
        earlier: terms that it had before, oldest first. Others count from the start too; where they
            are stricter, at least as much time as they give is left from the amendment, or until
            the deadline that was: no instant is missed that nobody ever had as a deadline.
        until: what came later is not known yet. An instant exactly at the deadline is in time.
    """
    start, until = start.astimezone(UTC), until.astimezone(UTC)
    known = [each for each in settings if each.at <= until] if settings else ()
    setting = _in_force(known)
    counts_days = terms.unit in _COUNTED_IN_DAYS and not any(each.at <= start for each in known)
    pauses = _merged(holds, until) if holds else ()
    try:
        course = _course(start, terms, calendar, setting, counts_days)
        if earlier and setting is None:
            fair = _fair(start, terms, calendar, earlier, pauses)
            return _with_pauses(course, terms, calendar, pauses, until, fair)
        return (
            _with_pauses(course, terms, calendar, pauses, until)
            if pauses
            else _undisturbed(course, calendar, until)
        )
    except CalendarUnknown as unknown:
        counted_from = calendar.day_after(start) if counts_days else start
        deadline, paused_since = _as_set(setting, start, pauses, calendar)
        return Reckoning(
            deadline=deadline,
            basis=POLICY if setting is None else setting.basis,
            counted_from=counted_from,
            total=None,
            elapsed=_so_far(counted_from, until, pauses, calendar),
            remaining=None,
            paused_since=paused_since,
            held=ZERO,
            warn_at=(),
            undetermined=f"calendar {calendar.name} does not know {unknown.year}",
        )


class _Course(NamedTuple):
    """A clock without its pauses: what does not change from one event to the next."""

    counted_from: datetime
    due: datetime
    anchor: datetime
    """Pauses move ``due`` from here on."""
    basis: str
    total: timedelta
    warn_at: tuple[tuple[int, datetime], ...]
    provisional: bool


@lru_cache(maxsize=8192)
def _course(
    start: datetime,
    terms: Terms,
    calendar: WorkingCalendar,
    setting: Setting | None,
    counts_days: bool,
) -> _Course:
    """Remembered, for a ticket's clocks are reckoned anew at each of its events."""
    counted_from = calendar.day_after(start) if counts_days else start
    if setting is None:
        due, anchor, basis = _base(start, terms, calendar), counted_from, POLICY
    else:
        due, basis = setting.due.astimezone(UTC), setting.basis
        anchor = max(setting.at.astimezone(UTC), start)
    total = calendar.working_time_between(counted_from, due)
    return _Course(
        counted_from,
        due,
        anchor,
        basis,
        total,
        _warnings(terms.warnings, total, counted_from, (), calendar),
        calendar.rests_on_provisional(counted_from, due),
    )


def _undisturbed(course: _Course, calendar: WorkingCalendar, until: datetime) -> Reckoning:
    elapsed = ZERO
    if until > course.counted_from:
        elapsed = calendar.working_time_between(course.counted_from, until)
    return Reckoning(
        deadline=course.due,
        basis=course.basis,
        counted_from=course.counted_from,
        total=course.total,
        elapsed=elapsed,
        remaining=course.total - elapsed,
        paused_since=None,
        held=ZERO,
        warn_at=course.warn_at,
        provisional=course.provisional,
    )


def _with_pauses(
    course: _Course,
    terms: Terms,
    calendar: WorkingCalendar,
    pauses: tuple[_Pause, ...],
    until: datetime,
    fair: _Moved | None = None,
) -> Reckoning:
    counted_from = course.counted_from
    deadline, paused_since = fair or _moved(course.due, course.anchor, pauses, calendar)
    held = _held(counted_from, deadline, pauses, calendar)
    if paused_since is None:
        total = calendar.working_time_between(counted_from, deadline) - held
        elapsed = ZERO
        if until > counted_from:
            elapsed = calendar.working_time_between(counted_from, until) - held
    else:
        stopped = max(paused_since, counted_from)
        elapsed = calendar.working_time_between(counted_from, stopped) - held
        total = elapsed + calendar.working_time_between(max(stopped, course.anchor), deadline)
    return Reckoning(
        deadline=deadline if paused_since is None else None,
        basis=course.basis,
        counted_from=counted_from,
        total=total,
        elapsed=elapsed,
        remaining=total - elapsed,
        paused_since=paused_since,
        held=held,
        warn_at=_warnings(terms.warnings, total, counted_from, pauses, calendar),
        provisional=calendar.rests_on_provisional(counted_from, deadline),
    )


def _fair(
    start: datetime,
    terms: Terms,
    calendar: WorkingCalendar,
    earlier: Sequence[Until],
    pauses: tuple[_Pause, ...],
) -> _Moved:
    """The deadline by terms that were amended: counted from the start, if that is not before what
    was left from the amendment; that is never more than was left anyway."""

    def counted(since: datetime, given: Terms, days: WorkingCalendar) -> _Moved:
        course = _course(since, given, days, None, given.unit in _COUNTED_IN_DAYS)
        return _moved(course.due, course.anchor, pauses, days)

    found: _Moved | None = None
    since, before = start, None
    for until, given, days in (*earlier, Until(start, terms, calendar)):
        if given is None or days is None or given.amount is None:
            found, before = None, None
        elif before is None or not _alike(before, given):
            whole = counted(start, given, days)
            if since > start:
                left = counted(since, given, days)
                if found is not None:
                    left = min(found, left, key=_instant)
                whole = max(whole, left, key=_instant)
            found, before = whole, given
        since = until.astimezone(UTC)
    assert found is not None  # whoever has neither a rule nor a setting has no clock
    return found


def _alike(one: Terms, other: Terms) -> bool:
    return (one.amount, one.unit, one.calendar, one.roll) == (
        other.amount,
        other.unit,
        other.calendar,
        other.roll,
    )


def _instant(moved: _Moved) -> datetime:
    return moved[0]


def _in_force(known: Sequence[Setting]) -> Setting | None:
    """The newest; of two at the same instant the later in the sequence."""
    found: Setting | None = None
    for each in known:
        if found is None or each.at >= found.at:
            found = each
    return found


def _base(start: datetime, terms: Terms, calendar: WorkingCalendar) -> datetime:
    """What the rule alone gives."""
    amount = terms.amount
    if amount is None:
        raise ValueError(
            f"terms of {terms.target} ({terms.rule}) have no amount and nothing was set; give the "
            "promised instant as a Setting at the start"
        )
    if terms.unit == "minutes":
        return calendar.add_working_time(start, timedelta(minutes=amount))
    if terms.unit == "hours":
        return calendar.add_working_time(start, timedelta(hours=amount))
    if terms.unit == "working_days":
        return calendar.end_of_working_day(start, amount)
    return calendar.end_of_calendar_day(start, amount, roll=terms.roll)


def _merged(holds: Iterable[Hold], until: datetime) -> tuple[_Pause, ...]:
    """Pauses as known at ``until``, in order, no two touching; the last may be still on."""
    found: list[_Pause] = []
    for hold in sorted(holds, key=_since):
        since = hold.since.astimezone(UTC)
        end = None if hold.until is None else hold.until.astimezone(UTC)
        if since > until or (end is not None and end <= since):
            continue
        if end is not None and end > until:
            end = None
        if found:
            before_since, before_end = found[-1]
            if before_end is None:
                break
            if since <= before_end:
                if end is None or end > before_end:
                    found[-1] = before_since, end
                continue
        found.append((since, end))
    return tuple(found)


def _since(hold: Hold) -> datetime:
    return hold.since


def _moved(
    instant: datetime, anchor: datetime, pauses: tuple[_Pause, ...], calendar: WorkingCalendar
) -> tuple[datetime, datetime | None]:
    """The instant moved on by every pause after ``anchor`` that begins before it; and since when
    it stands still, where it does.

    A pause that ends without working time in it moves nothing, unless the instant lies in the
    pause: nothing falls due while the clock stands still, so it is due when the clock goes on.
    """
    for since, end in pauses:
        begins = max(since, anchor)
        if begins >= instant:
            break
        if end is None:
            return instant, since
        if begins >= end:
            continue
        worked = calendar.working_time_between(begins, end)
        if worked:
            instant = calendar.add_working_time(instant, worked)
        if instant < end:
            instant = end
    return instant, None


def _held(
    counted_from: datetime,
    deadline: datetime,
    pauses: tuple[_Pause, ...],
    calendar: WorkingCalendar,
) -> timedelta:
    """Working time that pauses have taken out; one that began after the deadline is none."""
    held = ZERO
    for since, end in pauses:
        begins = max(since, counted_from)
        if begins >= deadline:
            break
        if end is not None and begins < end:
            held += calendar.working_time_between(begins, end)
    return held


def _warnings(
    percents: tuple[int, ...],
    total: timedelta,
    counted_from: datetime,
    pauses: tuple[_Pause, ...],
    calendar: WorkingCalendar,
) -> tuple[tuple[int, datetime], ...]:
    if total <= ZERO:
        return ()
    found = []
    for percent in percents:
        instant = calendar.add_working_time(counted_from, total * percent // 100)
        paused_since = None
        if pauses:
            instant, paused_since = _moved(instant, counted_from, pauses, calendar)
        if paused_since is None:
            found.append((percent, instant))
    return tuple(found)


def _as_set(
    setting: Setting | None,
    start: datetime,
    pauses: tuple[_Pause, ...],
    calendar: WorkingCalendar,
) -> tuple[datetime | None, datetime | None]:
    """A deadline that somebody set stands whatever the calendar knows, unless a pause moves it; and
    since when it stands still."""
    open_since = pauses[-1][0] if pauses and pauses[-1][1] is None else None
    if setting is None:
        return None, open_since
    due, anchor = setting.due.astimezone(UTC), max(setting.at.astimezone(UTC), start)
    try:
        deadline, paused_since = _moved(due, anchor, pauses, calendar)
    except CalendarUnknown:
        return None, open_since
    return (deadline, None) if paused_since is None else (None, paused_since)


def _so_far(
    counted_from: datetime,
    until: datetime,
    pauses: tuple[_Pause, ...],
    calendar: WorkingCalendar,
) -> timedelta:
    """Working time used where the deadline cannot be known, as far as the calendar reaches."""
    if until <= counted_from:
        return ZERO
    try:
        used = calendar.working_time_between(counted_from, until)
        for since, end in pauses:
            begins, ends = max(since, counted_from), end or until
            if begins < ends:
                used -= calendar.working_time_between(begins, ends)
    except CalendarUnknown:
        return ZERO
    return used
