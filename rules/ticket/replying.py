"""回单, 审核, 驳回, 办结. Pure."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from rules.ticket import stages
from rules.ticket.common import happened, kept, to_phase, utc
from rules.ticket.hands import meant, with_dispatch
from rules.ticket.view import WORDS, Reply, TicketView
from schemas.events import CloseRequested, ReplyApproved, ReplyRejected, ReplySubmitted
from schemas.events.replies import ReplyElement


def _replied(view: TicketView, event: ReplySubmitted) -> TicketView:
    data, at = event.data, happened(event)
    dispatch = meant(view, data.dispatch_id, data.department)
    given = tuple(each.value for each in ReplyElement if getattr(data, each.value) is not None)
    words = data.handling or data.text or data.findings or data.citizen_response or ""
    reply = Reply(
        id=data.reply_id,
        dispatch=data.dispatch_id,
        department=data.department or (dispatch.department if dispatch else None),
        handler=data.handler or (dispatch.handler if dispatch else None),
        at=at,
        resolved=data.resolved,
        satisfied=data.satisfied,
        elements=given,
        words=words[:WORDS],
    )
    view = replace(view, replies=kept((*view.replies, reply)))
    if dispatch is not None and dispatch.live:
        contacted_at = dispatch.contacted_at or utc(data.contacted_at)
        view = with_dispatch(view, replace(dispatch, replied_at=at, contacted_at=contacted_at))
    return to_phase(view, stages.REPLIED, at) if view.phase in stages.OPEN else view


def _reviewed(
    view: TicketView, reply_id: str | None, dispatch_id: str | None
) -> tuple[int, Reply] | None:
    """The reply that a review is about, the last one that fits."""
    for index in range(len(view.replies) - 1, -1, -1):
        each = view.replies[index]
        if (reply_id is None or each.id == reply_id) and (
            dispatch_id is None or each.dispatch in (None, dispatch_id)
        ):
            return index, each
    return None


def _with_reply(view: TicketView, index: int, reply: Reply) -> TicketView:
    return replace(view, replies=(*view.replies[:index], reply, *view.replies[index + 1 :]))


def _approved(view: TicketView, event: ReplyApproved) -> TicketView:
    view = replace(view, desk=event.data.by or view.desk)
    found = _reviewed(view, event.data.reply_id, event.data.dispatch_id)
    if found is None:
        return view
    return _with_reply(view, found[0], replace(found[1], approved_at=happened(event)))


def _rejected(view: TicketView, event: ReplyRejected) -> TicketView:
    data, at = event.data, happened(event)
    view = replace(view, desk=data.by or view.desk)
    found = _reviewed(view, data.reply_id, data.dispatch_id)
    if found is not None:
        view = _with_reply(view, found[0], replace(found[1], rejected_at=at))
    if view.phase not in stages.OPEN or view.phase == stages.RECEIVED:
        return view
    department = found[1].department if found else None
    dispatch = meant(view, data.dispatch_id, department)
    if dispatch is not None and dispatch.state == "replied":
        due_at = utc(data.due_at) or dispatch.reply_due_at
        view = with_dispatch(view, replace(dispatch, replied_at=None, reply_due_at=due_at))
    return to_phase(replace(view, close_requested_at=None), stages.DISPATCHED, at)


def _close_requested(view: TicketView, event: CloseRequested) -> TicketView:
    return replace(view, close_requested_at=happened(event))


EFFECTS: dict[type[Any], Callable[[TicketView, Any], TicketView]] = {
    ReplySubmitted: _replied,
    ReplyApproved: _approved,
    ReplyRejected: _rejected,
    CloseRequested: _close_requested,
}
"""By event."""
