"""The citizen and the hotline meet: contacts, calls, callbacks, chases, evidence. Pure."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from rules.ticket import content
from rules.ticket.common import happened, kept, utc
from rules.ticket.hands import meant, with_dispatch
from rules.ticket.view import Call, Callback, TicketView
from schemas.events import (
    CallbackAnswered,
    CallRecorded,
    CitizenChased,
    ContactAnswered,
    ContactReceived,
    EvidenceAdded,
)
from schemas.events.contacts import CallPurpose
from schemas.events.parts import CallOutcome, Complainant
from schemas.events.tickets import TicketContent


def _call(view: TicketView, event: CallRecorded) -> TicketView:
    data = event.data
    at = utc(data.started_at) or happened(event)
    call = Call(
        at=at,
        purpose=data.purpose.value if data.purpose else None,
        direction=data.direction.value if data.direction else None,
        department=data.department,
        caller=data.caller,
        dispatch=data.dispatch_id,
        outcome=data.outcome.value if data.outcome else None,
        seconds=data.duration_seconds,
        recording=data.recording,
    )
    view = replace(view, calls=kept((*view.calls, call)))
    if data.ticket and data.ticket != view.ticket:
        view = replace(view, about=data.ticket)
    if data.purpose is CallPurpose.FIRST_CONTACT and data.outcome in (CallOutcome.ANSWERED, None):
        dispatch = meant(view, data.dispatch_id, data.department)
        if dispatch is not None and dispatch.contacted_at is None:
            view = with_dispatch(view, replace(dispatch, contacted_at=at))
    return view


def _called_back(view: TicketView, event: CallbackAnswered) -> TicketView:
    data = event.data
    callback = Callback(
        at=happened(event),
        contacted=data.contacted,
        outcome=data.outcome.value if data.outcome else None,
        resolved=data.resolved,
        satisfied=data.satisfied,
        attempt=data.attempt,
        channel=data.channel.value if data.channel else None,
    )
    return replace(view, callbacks=kept((*view.callbacks, callback)))


def _chased(view: TicketView, event: CitizenChased) -> TicketView:
    counts = replace(view.counts, chases=view.counts.chases + 1)
    return replace(view, counts=counts, last_chase_at=happened(event))


def _evidence(view: TicketView, event: EvidenceAdded) -> TicketView:
    counts = replace(view.counts, evidence=view.counts.evidence + 1)
    return replace(view, counts=counts, last_evidence_at=happened(event))


def _contacted(view: TicketView, event: ContactReceived) -> TicketView:
    data = event.data
    given = {
        name: value
        for name in ("request_type", "text", "leaf", "leaf_source", "matter", "place")
        if (value := getattr(data, name)) is not None
    }
    shown = TicketContent(complainant=data.caller or Complainant(), **given)
    view = content.applied(view, shown, shown.model_fields_set)
    return replace(
        view,
        received_at=utc(data.started_at) or happened(event),
        source=event.source,
        channel=data.channel.value if data.channel else view.channel,
        agent=data.agent or view.agent,
        about=data.ticket or view.about,
    )


def _answered(view: TicketView, event: ContactAnswered) -> TicketView:
    data = event.data
    return replace(
        view,
        answered=True,
        received_at=view.received_at or happened(event),
        source=view.source or event.source,
        leaf=data.leaf or view.leaf,
        agent=data.agent or view.agent,
        about=data.ticket or view.about,
        request_type=data.request_type.value if data.request_type else view.request_type,
    )


EFFECTS: dict[type[Any], Callable[[TicketView, Any], TicketView]] = {
    CallRecorded: _call,
    CallbackAnswered: _called_back,
    CitizenChased: _chased,
    EvidenceAdded: _evidence,
    ContactReceived: _contacted,
    ContactAnswered: _answered,
}
"""By event."""
