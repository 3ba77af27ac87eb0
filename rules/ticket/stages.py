"""Which step of a ticket is open, and who is accountable for it (R5, rulings 6 and 13). Pure."""

from collections.abc import Sequence
from datetime import datetime

from rules.ticket.view import Dispatch, Owner, Step, TicketView

RECEIVED, DISPATCHED, REPLIED, REOPENED = "received", "dispatched", "replied", "reopened"
CLOSED, WITHDRAWN, NOT_ACCEPTED = "closed", "withdrawn", "not_accepted"
OPEN = frozenset({RECEIVED, DISPATCHED, REPLIED, REOPENED})

STEPS = ("dispatch", "accept", "handle", "return", "hold", "review", "close")
"""Every name that an open step can have."""


def current(view: TicketView) -> Step | None:
    """The open step; None for a contact and for a ticket that has ended."""
    if view.kind != "ticket" or view.phase not in OPEN:
        return None
    if view.phase == REPLIED:
        name = "close" if _settled(view) else "review"
        since = view.close_requested_at or view.phase_since
        return Step(name, _of_the_hotline(view), since, view.due_at)
    dispatch = leading(view.dispatches)
    if dispatch is None:
        return Step("dispatch", _of_the_hotline(view), view.phase_since, view.due_at)
    owner = _of(dispatch)
    due_at = next_due(dispatch, view.due_at)
    if view.hold_since is not None:
        return Step("hold", owner, view.hold_since, due_at, dispatch.id)
    if dispatch.return_requested_at is not None:
        # Ruling 13: accountable until the return is approved.
        return Step("return", owner, dispatch.return_requested_at, due_at, dispatch.id)
    if dispatch.accepted_at is None:
        return Step("accept", owner, dispatch.at, due_at, dispatch.id)
    return Step("handle", owner, dispatch.accepted_at, due_at, dispatch.id)


def leading(dispatches: Sequence[Dispatch]) -> Dispatch | None:
    """The live dispatch whose unit leads: the newest lead, followed down to whom it was passed."""
    live = [each for each in dispatches if each.live]
    leads = [each for each in live if each.role != "supporting"] or live
    if not leads:
        return None
    # Two that name each other as parent pass nothing on: the newest counts.
    return next((each for each in reversed(leads) if not _passed_on(each, live)), leads[-1])


def next_due(dispatch: Dispatch, promised: datetime | None) -> datetime | None:
    """The earliest deadline that still has to be met."""
    due = [promised, dispatch.reply_due_at]
    if dispatch.accepted_at is None:
        due.append(dispatch.accept_due_at)
    if dispatch.contacted_at is None:
        due.append(dispatch.contact_due_at)
    return min((each for each in due if each is not None), default=None)


def _passed_on(dispatch: Dispatch, live: Sequence[Dispatch]) -> bool:
    return dispatch.id is not None and any(
        each.parent == dispatch.id and each.role != "supporting" for each in live
    )


def _settled(view: TicketView) -> bool:
    """Whether nothing but the close is missing."""
    if view.close_requested_at is not None:
        return True
    return bool(view.replies) and view.replies[-1].approved_at is not None


def _of(dispatch: Dispatch) -> Owner | None:
    if not (dispatch.department or dispatch.handler):
        return None
    return Owner(dispatch.department, dispatch.team, dispatch.handler)


def _of_the_hotline(view: TicketView) -> Owner | None:
    return Owner(person=view.desk) if view.desk else None
