"""Keep the marks of a ticket in order, and few enough (a limit on everything). Pure."""

from bisect import insort
from datetime import datetime
from typing import Final

from msgspec.json import Encoder

from services.sla.marks import AnyMark, Call, Extension, History, Mark, News, Received

MARKS_KEPT: Final = 250
"""Of one ticket: a busy one has thirty."""
BYTES_KEPT: Final = 100_000
"""Of them, as JSON; with the clocks stated of them far below what a state may have."""
_LOOK_AT_BYTES_FROM: Final = 50
_LIGHT: Final = (News, Call, Extension)
"""What goes first where there are too many: of these the newest decide."""
_encode: Final = Encoder().encode


def holds(history: History, sequence: int, under: int = 0) -> bool:
    """Whether an event is in it already: a redrive, a second delivery.

    Args:
        under: digest of the subject that counts it, where that is not the ticket.
    """
    return any(each.seq == sequence and each.under == under for each in history.marks)


def joined(history: History, marks: tuple[AnyMark, ...]) -> History:
    """The history with what is new in its place."""
    kept = list(history.marks)
    for mark in marks:
        if kept and _order(mark) < _order(kept[-1]):
            insort(kept, mark, key=_order)
        else:
            kept.append(mark)
    dropped = history.dropped
    while len(kept) > MARKS_KEPT:
        del kept[_least(kept)]
        dropped += 1
    if len(kept) > _LOOK_AT_BYTES_FROM:
        while len(kept) > 2 and len(_encode(kept)) > BYTES_KEPT:
            del kept[_least(kept)]
            dropped += 1
    return History(tuple(kept), dropped)


def _order(mark: Mark) -> tuple[datetime, int, int]:
    return mark.at, mark.seq, mark.under


def _least(marks: list[AnyMark]) -> int:
    """Index of the mark that is missed least: the oldest piece of news, else the oldest but the
    receipt."""
    for index, mark in enumerate(marks):
        if isinstance(mark, _LIGHT):
            return index
    return next(index for index, mark in enumerate(marks) if not isinstance(mark, Received))
