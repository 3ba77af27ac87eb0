"""A ticket's events, in the order of ``sequence``, to its view (R6, I5). Pure.

``fold`` of all events and ``step`` after ``step`` are the same; so a past instant is a fold of what
was recorded by then. The platform is the authority: what does not fit is followed as intake follows
it (contract.md), and stands in ``anomalies``.
"""

from collections.abc import Callable, Iterable
from datetime import UTC
from typing import Any

from msgspec.structs import replace

from rules import handling
from rules.ticket import asides, dispatching, life, meeting, replying, stages
from rules.ticket.common import happened, kept, utc
from rules.ticket.hands import ended
from rules.ticket.view import Anomaly, TicketView
from schemas.events import CallRecorded, ContactAnswered, ContactReceived, Event, IdentityLinked
from schemas.ids import is_anonymous

_CONTACTS = (ContactReceived, ContactAnswered)
_EITHER = (CallRecorded, IdentityLinked)
"""Their subject may be a ticket or a contact."""

_EFFECTS: dict[type[Any], Callable[[TicketView, Any], TicketView]] = {
    **life.EFFECTS,
    **dispatching.EFFECTS,
    **replying.EFFECTS,
    **meeting.EFFECTS,
    **asides.EFFECTS,
}
"""The others (extensions asked for or refused, receipts of notices and commands, 移送执法) stand in
the story and change no view."""


def fold(events: Iterable[Event]) -> TicketView | None:
    """The view after all of a subject's events, given in the order of ``sequence``; None: none."""
    view: TicketView | None = None
    for event in events:
        view = step(view, event)
    return view


def step(before: TicketView | None, event: Event) -> TicketView:
    """The view after one more event."""
    view = before if before is not None else TicketView(ticket=event.subject)
    given = event.citizen or f"anon:{event.subject}"
    counts = replace(view.counts, events=view.counts.events + 1)
    anomalies = view.anomalies
    if event.anomaly is not None:
        counts = replace(counts, anomalies=counts.anomalies + 1)
        anomalies = kept((*anomalies, Anomaly(event.sequence or 0, event.type, event.anomaly)))
    is_ticket = not isinstance(event, _CONTACTS + _EITHER)
    phase = view.phase
    if is_ticket and phase is None:
        phase = stages.RECEIVED
    view = replace(
        view,
        kind="ticket" if is_ticket else view.kind,
        # Before its receipt a ticket lies under ``anon:``; once named, it stays named.
        citizen=given if not view.citizen or not is_anonymous(given) else view.citizen,
        sequence=event.sequence or view.sequence + 1,
        recordedtime=utc(event.recordedtime) or view.recordedtime,
        leaf=event.leaf if event.leaf is not None or event.previousleaf else view.leaf,
        phase=phase,
        phase_since=view.phase_since or (event.time.astimezone(UTC) if is_ticket else None),
        counts=counts,
        anomalies=anomalies,
        handling=handling.handled(view.handling, event),
    )
    effect = _EFFECTS.get(type(event))
    if effect is not None:
        view = effect(view, event)
    if view.phase is not None and view.phase not in stages.OPEN:
        # Whatever is still reported of it (flagged by intake): nobody works on it any more.
        view = ended(view, happened(event))
    return replace(view, step=stages.current(view))
