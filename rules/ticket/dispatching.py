"""派单, 签收, 退单, 指定, 延期, 挂起: who has it and until when. Pure."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from rules.ticket import stages
from rules.ticket.common import happened, to_phase, utc
from rules.ticket.hands import added, meant, with_dispatch
from rules.ticket.view import TicketView
from schemas.events import (
    DispatchAccepted,
    ExtensionGranted,
    HoldEnded,
    HoldStarted,
    ReturnApproved,
    ReturnRefused,
    ReturnRequested,
    TicketDesignated,
    TicketDispatched,
)
from schemas.events.dispatches import DispatchTerms


def _dispatched(view: TicketView, event: TicketDispatched) -> TicketView:
    at = happened(event)
    view = added(view, event.data, at)
    view = replace(view, desk=event.data.by or view.desk)
    return to_phase(view, stages.DISPATCHED, at) if view.phase in stages.OPEN else view


def _designated(view: TicketView, event: TicketDesignated) -> TicketView:
    data, at = event.data, happened(event)
    for each in view.dispatches:
        if each.live and each.department != data.department and each.role != "supporting":
            view = with_dispatch(view, replace(each, returned_at=at))
    terms = DispatchTerms(department=data.department, reply_due_at=data.due_at)
    mine = next((d for d in view.dispatches if d.live and d.department == data.department), None)
    if mine is None:
        view = added(view, terms, at)
    else:
        due_at = utc(data.due_at) or mine.reply_due_at
        view = with_dispatch(view, replace(mine, return_requested_at=None, reply_due_at=due_at))
    return to_phase(view, stages.DISPATCHED, at) if view.phase in stages.OPEN else view


def _accepted(view: TicketView, event: DispatchAccepted) -> TicketView:
    data, at = event.data, happened(event)
    dispatch = meant(view, data.dispatch_id, data.department)
    if dispatch is None:
        # A platform that publishes acceptances alone: the unit has it all the same.
        terms = DispatchTerms(
            dispatch_id=data.dispatch_id, department=data.department, handler=data.handler
        )
        view = added(view, terms, at)
        dispatch = view.dispatches[-1]
    handler = data.handler or dispatch.handler
    return with_dispatch(view, replace(dispatch, accepted_at=at, handler=handler))


def _return_requested(view: TicketView, event: ReturnRequested) -> TicketView:
    dispatch = meant(view, event.data.dispatch_id, event.data.department)
    if dispatch is None:
        return view
    return with_dispatch(view, replace(dispatch, return_requested_at=happened(event)))


def _return_approved(view: TicketView, event: ReturnApproved) -> TicketView:
    view = replace(
        view,
        counts=replace(view.counts, returns=view.counts.returns + 1),
        desk=event.data.by or view.desk,
    )
    dispatch = meant(view, event.data.dispatch_id, event.data.department)
    if dispatch is None:
        return view
    return with_dispatch(view, replace(dispatch, returned_at=happened(event)))


def _return_refused(view: TicketView, event: ReturnRefused) -> TicketView:
    view = replace(view, desk=event.data.by or view.desk)
    dispatch = meant(view, event.data.dispatch_id, event.data.department)
    if dispatch is None:
        return view
    return with_dispatch(view, replace(dispatch, return_requested_at=None))


def _extended(view: TicketView, event: ExtensionGranted) -> TicketView:
    """Moves a deadline, pauses nothing (ruling 12)."""
    data = event.data
    new_due_at = utc(data.new_due_at)
    if data.dispatch_id is None and data.department is None:
        return replace(view, due_at=new_due_at)
    dispatch = meant(view, data.dispatch_id, data.department)
    if dispatch is None:
        return view
    return with_dispatch(view, replace(dispatch, reply_due_at=new_due_at))


def _hold_started(view: TicketView, event: HoldStarted) -> TicketView:
    return replace(view, hold_since=view.hold_since or happened(event))


def _hold_ended(view: TicketView, event: HoldEnded) -> TicketView:
    return replace(view, hold_since=None)


EFFECTS: dict[type[Any], Callable[[TicketView, Any], TicketView]] = {
    TicketDispatched: _dispatched,
    TicketDesignated: _designated,
    DispatchAccepted: _accepted,
    ReturnRequested: _return_requested,
    ReturnApproved: _return_approved,
    ReturnRefused: _return_refused,
    ExtensionGranted: _extended,
    HoldStarted: _hold_started,
    HoldEnded: _hold_ended,
}
"""By event."""
