"""Each citizen's own outcomes by slot and channel, of the policy's months (R38)."""

from datetime import datetime, timedelta

from policy.callback import CallbackPolicy
from services.callback.choosing import fraction
from services.callback.state import Tally

EMPTY = Tally()


def counted(
    tally: Tally, policy: CallbackPolicy, at: datetime, channel: str, *, reached: bool
) -> Tally:
    """With one try more. A try outside the slots says nothing of them; a call and the report of
    who made it are one try, and who reports last knows more."""
    slot = policy.slot_at(at)
    if slot is None:
        return tally
    month = _month(at, policy)
    name = f"{month}|{slot}|{channel}"
    cells = {key: cell for key, cell in tally.cells.items() if _is_kept(key, month, policy)}
    last = tally.last_at
    if (
        last is not None
        and abs(at - last) <= policy.same_try
        and tally.last_cell.endswith(f"|{channel}")
        and tally.last_cell in cells
    ):
        got, tried = cells[tally.last_cell]
        cells[tally.last_cell] = (got + reached - tally.last_reached, tried)
        return Tally(cells, max(last, at), tally.last_cell, reached)
    got, tried = cells.get(name, (0, 0))
    cells[name] = (got + reached, tried + 1)
    if last is not None and at < last:  # it came late: the last stays the last
        return Tally(cells, last, tally.last_cell, tally.last_reached)
    return Tally(cells, at, name, reached)


def summed(
    tally: Tally | None, policy: CallbackPolicy, now: datetime
) -> dict[str, tuple[int, int]]:
    """``morning|phone`` to (reached, tried), all months together."""
    found: dict[str, tuple[int, int]] = {}
    if tally is not None:
        month = _month(now, policy)
        for key, (reached, tried) in tally.cells.items():
            if _is_kept(key, month, policy):
                name = key.partition("|")[2]
                got, of = found.get(name, (0, 0))
                found[name] = (got + reached, of + tried)
    return found


def forgotten_at(citizen: str, now: datetime, policy: CallbackPolicy) -> datetime:
    """When nothing of it counts any more, spread over a day."""
    months = timedelta(days=31) * (policy.tally_months + 1)
    return now + months + timedelta(days=1) * fraction(citizen)


def _month(at: datetime, policy: CallbackPolicy) -> str:
    local = at.astimezone(policy.time_zone)
    return f"{local.year:04d}-{local.month:02d}"


def _is_kept(key: str, month: str, policy: CallbackPolicy) -> bool:
    of = key.partition("|")[0]
    return _count(month) - _count(of) < policy.tally_months


def _count(month: str) -> int:
    year, _, number = month.partition("-")
    return int(year) * 12 + int(number)
