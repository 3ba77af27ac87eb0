"""受理 to 结案 and back: what happens to the ticket itself. Pure."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from rules import handling
from rules.ticket import content, stages
from rules.ticket.common import happened, kept, to_phase, utc
from rules.ticket.hands import added, with_dispatch
from rules.ticket.view import WORDS, Closing, TicketView
from schemas.events import (
    TicketAmended,
    TicketClosed,
    TicketImported,
    TicketMerged,
    TicketNotAccepted,
    TicketProgressed,
    TicketReceived,
    TicketReopened,
    TicketSplit,
    TicketWithdrawn,
)
from schemas.events.dispatches import DispatchTerms
from schemas.events.tickets import TicketState


def _received(view: TicketView, event: TicketReceived | TicketImported) -> TicketView:
    data = event.data
    again = view.received
    view = content.applied(view, data, data.model_fields_set)
    view = replace(
        view,
        received=True,
        received_at=view.received_at if again else happened(event),
        source=event.source,
        channel=data.channel.value if data.channel else view.channel,
        agent=data.agent or view.agent,
        desk=data.agent or view.desk,
        contact_id=data.contact_id or view.contact_id,
        source_number=data.source_number or view.source_number,
        earlier_ticket=data.earlier_ticket or view.earlier_ticket,
        handling=view.handling if again else _begun(event),
    )
    return _imported(view, event) if isinstance(event, TicketImported) else view


def _begun(event: TicketReceived | TicketImported) -> handling.Handling:
    if isinstance(event, TicketImported):
        return handling.imported(event, utc(event.data.received_at) or happened(event))
    return handling.begun(event.data, happened(event))


_IMPORTED_PHASES: dict[TicketState, str] = {
    TicketState.RECEIVED: stages.RECEIVED,
    TicketState.DISPATCHED: stages.DISPATCHED,
    TicketState.ACCEPTED: stages.DISPATCHED,
    TicketState.RETURN_REQUESTED: stages.DISPATCHED,
    TicketState.ON_HOLD: stages.DISPATCHED,
    TicketState.REPLIED: stages.REPLIED,
    TicketState.CLOSE_REQUESTED: stages.REPLIED,
    TicketState.CLOSED: stages.CLOSED,
    TicketState.REOPENED: stages.REOPENED,
}


def _imported(view: TicketView, event: TicketImported) -> TicketView:
    data, at = event.data, happened(event)
    for each in data.dispatches:
        view = added(view, each, utc(each.dispatched_at) or at)
    state = data.state
    view = replace(
        view,
        received_at=utc(data.received_at) or view.received_at,
        hold_since=at if state is TicketState.ON_HOLD else view.hold_since,
        close_requested_at=(
            at if state is TicketState.CLOSE_REQUESTED else view.close_requested_at
        ),
        counts=replace(view.counts, reopens=view.counts.reopens + (data.reopened_count or 0)),
    )
    dispatch = stages.leading(view.dispatches)
    if state is TicketState.RETURN_REQUESTED and dispatch is not None:
        view = with_dispatch(view, replace(dispatch, return_requested_at=at))
    if state is TicketState.CLOSED:
        view = replace(view, closing=Closing(utc(data.closed_at) or at))
    return view if state is None else to_phase(view, _IMPORTED_PHASES[state], at)


def _amended(view: TicketView, event: TicketAmended) -> TicketView:
    counts = replace(view.counts, amendments=view.counts.amendments + 1)
    view = replace(view, counts=counts)
    return content.applied(view, event.data.changes, event.data.changed)


def _not_accepted(view: TicketView, event: TicketNotAccepted) -> TicketView:
    words = event.data.clause or event.data.reason or ""
    view = replace(view, clause=words[:WORDS] or None)
    return to_phase(view, stages.NOT_ACCEPTED, happened(event))


def _withdrawn(view: TicketView, event: TicketWithdrawn) -> TicketView:
    return to_phase(view, stages.WITHDRAWN, happened(event))


def _closed(view: TicketView, event: TicketClosed) -> TicketView:
    data, at = event.data, happened(event)
    closing = Closing(at, data.by, data.resolution, data.resolved, (data.reason or "")[:WORDS])
    counts = replace(view.counts, closes=view.counts.closes + 1)
    view = replace(view, closing=closing, counts=counts, desk=data.by or view.desk)
    return to_phase(view, stages.CLOSED, at)


def _reopened(view: TicketView, event: TicketReopened) -> TicketView:
    data, at = event.data, happened(event)
    view = replace(
        view,
        counts=replace(view.counts, reopens=view.counts.reopens + 1),
        close_requested_at=None,
        due_at=utc(data.due_at) or view.due_at,
        desk=data.by or view.desk,
    )
    back = [
        each
        for each in view.dispatches
        if each.state in ("ended", "replied")
        and (data.department is None or each.department == data.department)
    ]
    if data.department is not None and not back:
        view = added(view, DispatchTerms(department=data.department), at)
    for each in back:
        view = with_dispatch(view, replace(each, ended_at=None, replied_at=None))
    # Closed before, or not: the platform says that it is open again.
    return replace(view, phase=stages.REOPENED, phase_since=at)


def _merged(view: TicketView, event: TicketMerged | TicketSplit) -> TicketView:
    parent = event.data.parent
    if parent == view.ticket:
        return replace(view, children=kept((*view.children, *event.data.children)))
    return replace(view, parent=parent)


def _progressed(view: TicketView, event: TicketProgressed) -> TicketView:
    return replace(view, last_progress_at=happened(event))


EFFECTS: dict[type[Any], Callable[[TicketView, Any], TicketView]] = {
    TicketReceived: _received,
    TicketImported: _received,
    TicketAmended: _amended,
    TicketNotAccepted: _not_accepted,
    TicketWithdrawn: _withdrawn,
    TicketClosed: _closed,
    TicketReopened: _reopened,
    TicketMerged: _merged,
    TicketSplit: _merged,
    TicketProgressed: _progressed,
}
"""By event."""
