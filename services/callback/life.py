"""Which close is in force: a fold over closes and reopenings, by when they happened (R33)."""

from itertools import pairwise
from typing import NamedTuple

from services.callback.state import CLOSED, MARKS_KEPT, REOPENED, Mark


class Period(NamedTuple):
    """The time since a ticket was closed and not opened again."""

    first: Mark | None
    """The close that began it; None while the ticket is open, or withdrawn."""
    ended_by: Mark | None
    """What last opened, or took back, the ticket."""


def inserted(marks: tuple[Mark, ...], mark: Mark) -> tuple[Mark, ...]:
    """With one more, in order. Beyond the limit a close goes that began nothing, for the close that
    the live task belongs to must stay; where there is none, the oldest."""
    found = sorted((*marks, mark), key=lambda each: each.order)
    if len(found) > MARKS_KEPT:
        pairs = pairwise(found)
        idle = (at for at, (one, two) in enumerate(pairs, 1) if one.what == two.what == CLOSED)
        del found[next(idle, 0)]
    return tuple(found)


def changed(marks: tuple[Mark, ...], mark: Mark) -> tuple[Mark, ...]:
    """With that mark in place of the one of its event."""
    return tuple(mark if each.id == mark.id else each for each in marks)


def period(marks: tuple[Mark, ...]) -> Period:
    """How it stands after all of them. A close that follows a close begins nothing; what was
    withdrawn or not accepted is no close, until it is reopened."""
    first: Mark | None = None
    ended_by: Mark | None = None
    is_open = True
    for mark in marks:
        if mark.what == CLOSED:
            if is_open and first is None:
                first = mark
        else:
            first, ended_by, is_open = None, mark, mark.what == REOPENED
    return Period(first, ended_by)


def ended_after(marks: tuple[Mark, ...], close: Mark) -> Mark | None:
    """What ended the period that ``close`` lies in, or had ended it before."""
    before: Mark | None = None
    for mark in marks:
        if mark.what == CLOSED:
            continue
        if mark.order > close.order:
            return mark
        before = mark
    return before
