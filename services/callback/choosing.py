"""The next slot and channel: the citizen's own outcomes, shrunk to the population's (R36, R38).

The chance to reach somebody in a slot by a channel is the mean of a Beta distribution: the prior
is the policy's share of everybody, as strong as ``prior_strength`` tries, and each try of the
citizen's own counts one. Beside it stands the lower end of the 95 % Wilson interval of the own
outcomes alone (E. B. Wilson 1927, JASA 22), so that a reader sees how much they say.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from hashlib import sha256
from math import sqrt
from typing import Final, NamedTuple

from policy.callback import CallbackPolicy, Opening
from services.callback.state import Choice

_Z: Final = 1.959963984540054
"""Of a two-sided 95 % interval."""
_SEARCHED_DAYS: Final = 400
"""Longer than any row of days off; beyond it the calendar of calling hours has no hours."""
_ONE_DAY: Final = timedelta(days=1)
_DAY_OF_CHOICE: Final = timedelta(days=1)
"""The first try may wait that long for a better slot, so that «7 days» stays 7 days."""
_UNKNOWN: Final = 0.5
"""Share where the policy says nothing of a way that the citizen asked for."""

Cells = Mapping[str, tuple[int, int]]


class Slot(NamedTuple):
    """A place for a try."""

    due_at: datetime
    closes: datetime
    choice: Choice


def estimate(policy: CallbackPolicy, cells: Cells, slot: str, channel: str) -> Choice:
    """The chance to reach the citizen there, and what it rests on."""
    reached, tried = cells.get(f"{slot}|{channel}", (0, 0))
    population = policy.population.get((slot, channel), _UNKNOWN)
    strength = policy.prior_strength
    return Choice(
        slot=slot,
        channel=channel,
        reached=round((reached + strength * population) / (tried + strength), 3),
        lower=round(wilson_lower(reached, tried), 3),
        own_reached=reached,
        own_tried=tried,
        population=population,
        basis="citizen" if tried > strength else "population",
    )


def wilson_lower(reached: int, tried: int) -> float:
    """Lower end of the 95 % Wilson interval; 0 of no tries."""
    if not tried:
        return 0.0
    share, z2 = reached / tried, _Z * _Z
    middle = share + z2 / (2 * tried)
    half = _Z * sqrt(share * (1 - share) / tried + z2 / (4 * tried * tried))
    return max(0.0, (middle - half) / (1 + z2 / tried))


def fraction(*parts: object) -> float:
    """A number from 0 to below 1 that depends on these alone: the same at every replay."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(sha256(text.encode()).digest()[:6]) / 2**48


def first(
    policy: CallbackPolicy, cells: Cells, channel: str, earliest: datetime, at: float
) -> Slot:
    """A place for the first try: at ``earliest``, moved into calling hours and spread over calling
    time by ``at`` (0 to 1); within a day of it where the citizen is better reached by far."""
    left = policy.spread * at
    found: Opening | None = None
    due = earliest
    for opening in _from(policy, earliest):
        start = max(opening.opens, earliest)
        room = opening.last - start
        if left <= room:
            found, due = opening, _whole(start + left)
            break
        left -= room
    if found is None:
        raise _no_hours(policy, earliest)
    choice = estimate(policy, cells, found.slot, channel)
    if not cells:
        return Slot(due, found.closes, choice)
    least = choice.reached + policy.better_by
    for opening in _from(policy, earliest):
        if opening.opens > earliest + _DAY_OF_CHOICE:
            break
        other = estimate(policy, cells, opening.slot, channel)
        if other.own_tried and other.reached >= least and other.reached > choice.reached:
            found, choice = opening, other
            due = _spread(policy, opening, earliest, at)
    return Slot(due, found.closes, choice)


def nearest(
    policy: CallbackPolicy, cells: Cells, channel: str, earliest: datetime, at: float
) -> Slot:
    """The first place there is from ``earliest`` on."""
    for opening in _from(policy, earliest):
        due = _spread(policy, opening, earliest, at)
        return Slot(due, opening.closes, estimate(policy, cells, opening.slot, channel))
    raise _no_hours(policy, earliest)


def another(
    policy: CallbackPolicy,
    cells: Cells,
    channel: str,
    earliest: datetime,
    at: float,
    *,
    tried: tuple[str, ...],
    last_day: date,
) -> Slot:
    """The best place in a slot that was not tried, until the end of ``last_day``; where all were,
    in another than the last. None in time: the first there is after it."""
    open_: list[Opening] = []
    for opening in _from(policy, earliest):
        if opening.opens.astimezone(policy.time_zone).date() > last_day and open_:
            break
        open_.append(opening)
        if opening.opens.astimezone(policy.time_zone).date() > last_day:
            break
    if not open_:
        raise _no_hours(policy, earliest)
    fresh = [each for each in open_ if each.slot not in tried]
    other = [each for each in open_ if each.slot != tried[-1]] if tried else []
    best, choice = None, None
    for opening in fresh or other or open_:
        seen = estimate(policy, cells, opening.slot, channel)
        if choice is None or seen.reached > choice.reached:
            best, choice = opening, seen
    assert best is not None, "there is one at least"
    assert choice is not None, "there is one at least"
    return Slot(_spread(policy, best, earliest, at), best.closes, choice)


def nth_calling_day(policy: CallbackPolicy, start: datetime, number: int) -> date:
    """The local date of the ``number``-th day with calling hours, that of ``start`` counted."""
    day = start.astimezone(policy.time_zone).date()
    for _ in range(_SEARCHED_DAYS):
        if policy.openings(day):
            number -= 1
            if number <= 0:
                break
        day += _ONE_DAY
    return day


def is_open(policy: CallbackPolicy, instant: datetime) -> Opening | None:
    """The slot in which a try may begin at that instant."""
    for opening in policy.openings(instant.astimezone(policy.time_zone).date()):
        if opening.opens <= instant <= opening.last:
            return opening
    return None


def after_risk(policy: CallbackPolicy, leaf: str | None, asked_at: datetime) -> datetime:
    """When the second check may be asked: at the end of the first risk window that begins when the
    policy's days have passed (R35)."""
    row = policy.intermittent_of(leaf)
    assert row is not None, "only of an intermittent leaf"
    local = (asked_at + row.again_after).astimezone(policy.time_zone)
    begins = local.replace(hour=row.opens.hour, minute=row.opens.minute, second=0, microsecond=0)
    if begins < local:
        begins += _ONE_DAY
    ends = begins.replace(hour=row.closes.hour, minute=row.closes.minute)
    if ends <= begins:
        ends += _ONE_DAY
    return ends


def _spread(policy: CallbackPolicy, opening: Opening, earliest: datetime, at: float) -> datetime:
    start = max(opening.opens, earliest)
    return _whole(start + min(policy.spread, opening.last - start) * at)


def _whole(instant: datetime) -> datetime:
    """Not before it, to the second: nobody dials by the microsecond."""
    return instant + timedelta(microseconds=-instant.microsecond % 1_000_000)


def _from(policy: CallbackPolicy, earliest: datetime) -> Iterator[Opening]:
    """Openings in which a try may begin at ``earliest`` or later, in order."""
    day = earliest.astimezone(policy.time_zone).date()
    for _ in range(_SEARCHED_DAYS):
        for opening in policy.openings(day):
            if opening.last >= earliest:
                yield opening
        day += _ONE_DAY


def _no_hours(policy: CallbackPolicy, earliest: datetime) -> ValueError:
    return ValueError(
        f"calendar {policy.calendar!r} has no calling hours within {_SEARCHED_DAYS} days of "
        f"{earliest.isoformat()}; correct the calendar or the slots"
    )
