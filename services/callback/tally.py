"""Each citizen's own outcomes by slot and channel, of the policy's months (R38)."""

from datetime import UTC, datetime, timedelta
from typing import Final

from policy.callback import CallbackPolicy
from schemas.envelope import Envelope
from schemas.events import CallbackAnswered, CallRecorded
from schemas.events.contacts import CallDirection, CallPurpose
from schemas.events.parts import CallOutcome, Channel
from services.callback.choosing import fraction
from services.callback.state import Tally

EMPTY: Final = Tally()


def after(
    before: Tally | None, event: Envelope, now: datetime, policy: CallbackPolicy
) -> Tally | None:
    """The citizen's outcomes with those of this event: of every call to them, whatever for, and of
    every report of a callback."""
    if isinstance(event, CallRecorded):
        data = event.data
        outwards = data.direction is not CallDirection.INBOUND
        if not outwards or data.outcome is None or data.purpose is CallPurpose.INTAKE:
            return before
        at, channel = called_at(event, now), Channel.PHONE
        reached = data.outcome is CallOutcome.ANSWERED
    elif isinstance(event, CallbackAnswered):
        at = happened_at(event, now)
        channel = event.data.channel or Channel.PHONE
        reached = event.data.contacted
    else:
        return before
    return counted(before or EMPTY, policy, at, channel.value, reached=reached)


def happened_at(event: Envelope, now: datetime) -> datetime:
    """When it happened, by the publisher, but never later than the log says."""
    return min(event.time, now).astimezone(UTC)


def called_at(event: CallRecorded, now: datetime) -> datetime:
    """When it began to ring."""
    return min(event.data.started_at or event.time, now).astimezone(UTC)


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
