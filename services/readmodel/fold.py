"""A ticket's events, in the order of ``sequence``, to its view (R6, I5). Pure.

``fold`` of all events and ``step`` after ``step`` are the same; so a past instant is a fold of what
was recorded by then. The platform is the authority: what does not fit is followed as intake follows
it (contract.md), and stands in ``anomalies``.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from msgspec.structs import replace

from schemas.events import (
    CallbackAnswered,
    CallRecorded,
    CitizenChased,
    CloseRequested,
    ContactAnswered,
    ContactReceived,
    DispatchAccepted,
    EscalationAcknowledged,
    EscalationRequested,
    Event,
    EvidenceAdded,
    ExtensionGranted,
    FindingRecorded,
    HoldEnded,
    HoldStarted,
    IdentityLinked,
    RemedyDone,
    RemedyOpened,
    ReplyApproved,
    ReplyRejected,
    ReplySubmitted,
    ReturnApproved,
    ReturnRefused,
    ReturnRequested,
    SolutionAgreed,
    SolutionProposed,
    SupervisionAnswered,
    SupervisionOrdered,
    TicketAmended,
    TicketClosed,
    TicketDesignated,
    TicketDispatched,
    TicketImported,
    TicketMerged,
    TicketNotAccepted,
    TicketProgressed,
    TicketReceived,
    TicketReopened,
    TicketSplit,
    TicketWithdrawn,
    VerdictMarked,
    VerificationAnswered,
    VerificationRequested,
)
from schemas.events.contacts import CallPurpose
from schemas.events.dispatches import DispatchTerms
from schemas.events.parts import CallOutcome, Complainant
from schemas.events.replies import ReplyElement
from schemas.events.tickets import ImportedDispatch, TicketContent, TicketState
from schemas.ids import is_anonymous
from services.readmodel import content, stages
from services.readmodel.view import (
    KEPT,
    WORDS,
    Anomaly,
    Call,
    Callback,
    Closing,
    Dispatch,
    Mark,
    Reply,
    Task,
    TicketView,
)

T = TypeVar("T")
_CONTACTS = (ContactReceived, ContactAnswered)
_EITHER = (CallRecorded, IdentityLinked)
"""Their subject may be a ticket or a contact."""


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
        shared=bool(getattr(event, "shared", None)) or view.shared,
        phase=phase,
        phase_since=view.phase_since or (event.time.astimezone(UTC) if is_ticket else None),
        counts=counts,
        anomalies=anomalies,
    )
    effect = _EFFECTS.get(type(event))
    if effect is not None:
        view = effect(view, event)
    return replace(view, step=stages.current(view))


def kept(items: tuple[T, ...]) -> tuple[T, ...]:
    """The newest of a list."""
    return items[-KEPT:]


def utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def _at(event: Event) -> datetime:
    return event.time.astimezone(UTC)


def _to(view: TicketView, phase: str, at: datetime) -> TicketView:
    if view.phase == phase:
        return view
    return replace(view, phase=phase, phase_since=at)


# The ticket itself


def _received(view: TicketView, event: TicketReceived | TicketImported) -> TicketView:
    data = event.data
    again = view.received
    view = content.applied(view, data, data.model_fields_set)
    view = replace(
        view,
        received=True,
        received_at=view.received_at if again else _at(event),
        source=event.source,
        channel=data.channel.value if data.channel else view.channel,
        agent=data.agent or view.agent,
        desk=data.agent or view.desk,
        contact_id=data.contact_id or view.contact_id,
        source_number=data.source_number or view.source_number,
        earlier_ticket=data.earlier_ticket or view.earlier_ticket,
    )
    return _imported(view, event) if isinstance(event, TicketImported) else view


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
    data, at = event.data, _at(event)
    for each in data.dispatches:
        view = _added(view, each, utc(each.dispatched_at) or at)
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
        view = _with(view, replace(dispatch, return_requested_at=at))
    if state is TicketState.CLOSED:
        view = replace(_ended(view, at), closing=Closing(utc(data.closed_at) or at))
    return view if state is None else _to(view, _IMPORTED_PHASES[state], at)


def _amended(view: TicketView, event: TicketAmended) -> TicketView:
    counts = replace(view.counts, amendments=view.counts.amendments + 1)
    view = replace(view, counts=counts)
    return content.applied(view, event.data.changes, event.data.changed)


def _ended(view: TicketView, at: datetime) -> TicketView:
    """Nobody works on it any more."""
    return replace(
        view,
        hold_since=None,
        dispatches=tuple(
            replace(each, ended_at=at) if each.live else each for each in view.dispatches
        ),
    )


def _not_accepted(view: TicketView, event: TicketNotAccepted) -> TicketView:
    words = event.data.clause or event.data.reason or ""
    view = replace(_ended(view, _at(event)), clause=words[:WORDS] or None)
    return _to(view, stages.NOT_ACCEPTED, _at(event))


def _withdrawn(view: TicketView, event: TicketWithdrawn) -> TicketView:
    return _to(_ended(view, _at(event)), stages.WITHDRAWN, _at(event))


def _closed(view: TicketView, event: TicketClosed) -> TicketView:
    data, at = event.data, _at(event)
    closing = Closing(at, data.by, data.resolution, data.resolved, (data.reason or "")[:WORDS])
    counts = replace(view.counts, closes=view.counts.closes + 1)
    view = replace(_ended(view, at), closing=closing, counts=counts, desk=data.by or view.desk)
    return _to(view, stages.CLOSED, at)


def _reopened(view: TicketView, event: TicketReopened) -> TicketView:
    data, at = event.data, _at(event)
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
        view = _added(view, DispatchTerms(department=data.department), at)
    for each in back:
        view = _with(view, replace(each, ended_at=None, replied_at=None))
    # Closed before, or not: the platform says that it is open again.
    return replace(view, phase=stages.REOPENED, phase_since=at)


def _merged(view: TicketView, event: TicketMerged | TicketSplit) -> TicketView:
    parent = event.data.parent
    if parent == view.ticket:
        return replace(view, children=kept((*view.children, *event.data.children)))
    return replace(view, parent=parent)


def _progressed(view: TicketView, event: TicketProgressed) -> TicketView:
    return replace(view, last_progress_at=_at(event))


# Dispatches


def _added(view: TicketView, terms: DispatchTerms, at: datetime) -> TicketView:
    """The dispatch as the newest one; given again under its id, in its old place."""
    known = _by_id(view, terms.dispatch_id)
    imported = terms if isinstance(terms, ImportedDispatch) else None
    made = Dispatch(
        number=known.number if known else view.counts.dispatches + 1,
        id=terms.dispatch_id,
        parent=terms.parent_dispatch_id,
        department=terms.department,
        team=terms.team,
        handler=terms.handler,
        role=terms.role.value if terms.role else "lead",
        at=at,
        accept_due_at=utc(terms.accept_due_at),
        contact_due_at=utc(terms.contact_due_at),
        reply_due_at=utc(terms.reply_due_at),
        accepted_at=utc(imported.accepted_at) if imported else None,
        contacted_at=utc(imported.contacted_at) if imported else None,
        replied_at=utc(imported.replied_at) if imported else None,
        returned_at=utc(imported.returned_at) if imported else None,
    )
    if known is not None:
        return _with(view, made)
    counts = replace(view.counts, dispatches=view.counts.dispatches + 1)
    return replace(view, dispatches=kept((*view.dispatches, made)), counts=counts)


def _dispatched(view: TicketView, event: TicketDispatched) -> TicketView:
    at = _at(event)
    view = _added(view, event.data, at)
    view = replace(view, desk=event.data.by or view.desk)
    if view.phase in stages.OPEN:
        return _to(view, stages.DISPATCHED, at)
    # Intake flagged it; nobody works on a ticket that has ended.
    return _ended(view, at)


def _designated(view: TicketView, event: TicketDesignated) -> TicketView:
    data, at = event.data, _at(event)
    for each in view.dispatches:
        if each.live and each.department != data.department and each.role != "supporting":
            view = _with(view, replace(each, returned_at=at))
    terms = DispatchTerms(department=data.department, reply_due_at=data.due_at)
    mine = next((d for d in view.dispatches if d.live and d.department == data.department), None)
    if mine is None:
        view = _added(view, terms, at)
    else:
        due_at = utc(data.due_at) or mine.reply_due_at
        view = _with(view, replace(mine, return_requested_at=None, reply_due_at=due_at))
    return _to(view, stages.DISPATCHED, at) if view.phase in stages.OPEN else _ended(view, at)


def _by_id(view: TicketView, dispatch_id: str | None) -> Dispatch | None:
    if dispatch_id is None:
        return None
    return next((each for each in reversed(view.dispatches) if each.id == dispatch_id), None)


def _meant(
    view: TicketView, dispatch_id: str | None, department: str | None = None
) -> Dispatch | None:
    """The dispatch that an event is about: by id, by department, else the one that leads."""
    found = _by_id(view, dispatch_id)
    if found is not None or dispatch_id is not None:
        return found
    if department is not None:
        mine = [each for each in view.dispatches if each.department == department]
        return next((each for each in reversed(mine) if each.live), mine[-1] if mine else None)
    if (leading := stages.leading(view.dispatches)) is not None:
        return leading
    return view.dispatches[-1] if view.dispatches else None


def _with(view: TicketView, dispatch: Dispatch) -> TicketView:
    """The dispatch in the place of the one with its number."""
    return replace(
        view,
        dispatches=tuple(
            dispatch if each.number == dispatch.number else each for each in view.dispatches
        ),
    )


def _accepted(view: TicketView, event: DispatchAccepted) -> TicketView:
    data, at = event.data, _at(event)
    dispatch = _meant(view, data.dispatch_id, data.department)
    if dispatch is None:
        # A platform that publishes acceptances alone: the unit has it all the same.
        terms = DispatchTerms(
            dispatch_id=data.dispatch_id, department=data.department, handler=data.handler
        )
        view = _added(view, terms, at)
        dispatch = view.dispatches[-1]
    handler = data.handler or dispatch.handler
    return _with(view, replace(dispatch, accepted_at=at, handler=handler))


def _return_requested(view: TicketView, event: ReturnRequested) -> TicketView:
    dispatch = _meant(view, event.data.dispatch_id, event.data.department)
    if dispatch is None:
        return view
    return _with(view, replace(dispatch, return_requested_at=_at(event)))


def _return_approved(view: TicketView, event: ReturnApproved) -> TicketView:
    view = replace(
        view,
        counts=replace(view.counts, returns=view.counts.returns + 1),
        desk=event.data.by or view.desk,
    )
    dispatch = _meant(view, event.data.dispatch_id, event.data.department)
    if dispatch is None:
        return view
    return _with(view, replace(dispatch, returned_at=_at(event)))


def _return_refused(view: TicketView, event: ReturnRefused) -> TicketView:
    view = replace(view, desk=event.data.by or view.desk)
    dispatch = _meant(view, event.data.dispatch_id, event.data.department)
    if dispatch is None:
        return view
    return _with(view, replace(dispatch, return_requested_at=None))


def _extended(view: TicketView, event: ExtensionGranted) -> TicketView:
    """Moves a deadline, pauses nothing (ruling 12)."""
    data = event.data
    new_due_at = utc(data.new_due_at)
    if data.dispatch_id is None and data.department is None:
        return replace(view, due_at=new_due_at)
    dispatch = _meant(view, data.dispatch_id, data.department)
    if dispatch is None:
        return view
    return _with(view, replace(dispatch, reply_due_at=new_due_at))


def _hold_started(view: TicketView, event: HoldStarted) -> TicketView:
    return replace(view, hold_since=view.hold_since or _at(event))


def _hold_ended(view: TicketView, event: HoldEnded) -> TicketView:
    return replace(view, hold_since=None)


# Replies


def _replied(view: TicketView, event: ReplySubmitted) -> TicketView:
    data, at = event.data, _at(event)
    dispatch = _meant(view, data.dispatch_id, data.department)
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
        view = _with(view, replace(dispatch, replied_at=at, contacted_at=contacted_at))
    return _to(view, stages.REPLIED, at) if view.phase in stages.OPEN else view


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
    return _with_reply(view, found[0], replace(found[1], approved_at=_at(event)))


def _rejected(view: TicketView, event: ReplyRejected) -> TicketView:
    data, at = event.data, _at(event)
    view = replace(view, desk=data.by or view.desk)
    found = _reviewed(view, data.reply_id, data.dispatch_id)
    if found is not None:
        view = _with_reply(view, found[0], replace(found[1], rejected_at=at))
    if view.phase not in stages.OPEN or view.phase == stages.RECEIVED:
        return view
    department = found[1].department if found else None
    dispatch = _meant(view, data.dispatch_id, department)
    if dispatch is not None and dispatch.state == "replied":
        due_at = utc(data.due_at) or dispatch.reply_due_at
        view = _with(view, replace(dispatch, replied_at=None, reply_due_at=due_at))
    return _to(replace(view, close_requested_at=None), stages.DISPATCHED, at)


def _close_requested(view: TicketView, event: CloseRequested) -> TicketView:
    return replace(view, close_requested_at=_at(event))


# Calls, callbacks, the citizen


def _call(view: TicketView, event: CallRecorded) -> TicketView:
    data = event.data
    at = utc(data.started_at) or _at(event)
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
        dispatch = _meant(view, data.dispatch_id, data.department)
        if dispatch is not None and dispatch.contacted_at is None:
            view = _with(view, replace(dispatch, contacted_at=at))
    return view


def _called_back(view: TicketView, event: CallbackAnswered) -> TicketView:
    data = event.data
    callback = Callback(
        at=_at(event),
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
    return replace(view, counts=counts, last_chase_at=_at(event))


def _evidence(view: TicketView, event: EvidenceAdded) -> TicketView:
    counts = replace(view.counts, evidence=view.counts.evidence + 1)
    return replace(view, counts=counts, last_evidence_at=_at(event))


# Contacts


def _contacted(view: TicketView, event: ContactReceived) -> TicketView:
    data = event.data
    shown = TicketContent(
        request_type=data.request_type,
        text=data.text,
        leaf=data.leaf,
        leaf_source=data.leaf_source,
        complainant=data.caller or Complainant(),
        matter=data.matter,
        place=data.place,
    )
    given = {name for name in shown.model_fields_set if getattr(shown, name) is not None}
    view = content.applied(view, shown, given)
    return replace(
        view,
        received_at=utc(data.started_at) or _at(event),
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
        received_at=view.received_at or _at(event),
        source=view.source or event.source,
        leaf=data.leaf or view.leaf,
        agent=data.agent or view.agent,
        about=data.ticket or view.about,
        request_type=data.request_type.value if data.request_type else view.request_type,
    )


# What is asked for beside the dispatch


def _asked(
    view: TicketView,
    kind: str,
    at: datetime,
    *,
    id_: str | None,
    department: str | None,
    by: str | None,
    due_at: datetime | None,
) -> TicketView:
    task = Task(kind, at, id_, department, by, utc(due_at))
    return replace(view, tasks=kept((*view.tasks, task)))


def _done(view: TicketView, kind: str, id_: str | None, at: datetime) -> TicketView:
    """The task with this id, else the oldest open one of its kind, is done."""
    for index, each in enumerate(view.tasks):
        if each.kind == kind and each.done_at is None and (id_ is None or each.id == id_):
            done = replace(each, done_at=at)
            return replace(view, tasks=(*view.tasks[:index], done, *view.tasks[index + 1 :]))
    return view


def _verification(view: TicketView, event: VerificationRequested) -> TicketView:
    data = event.data
    return _asked(
        view,
        "verification",
        _at(event),
        id_=data.verification_id,
        department=data.department,
        by=data.by,
        due_at=data.due_at,
    )


def _verified(view: TicketView, event: VerificationAnswered) -> TicketView:
    return _done(view, "verification", event.data.verification_id, _at(event))


def _supervision(view: TicketView, event: SupervisionOrdered) -> TicketView:
    data = event.data
    return _asked(
        view,
        "supervision",
        _at(event),
        id_=data.supervision_id,
        department=data.department,
        by=data.by,
        due_at=data.due_at,
    )


def _supervised(view: TicketView, event: SupervisionAnswered) -> TicketView:
    return _done(view, "supervision", event.data.supervision_id, _at(event))


def _remedy(view: TicketView, event: RemedyOpened) -> TicketView:
    data = event.data
    return _asked(
        view,
        "remedy",
        _at(event),
        id_=data.remedy_id,
        department=data.department,
        by=data.by,
        due_at=data.due_at,
    )


def _remedied(view: TicketView, event: RemedyDone) -> TicketView:
    return _done(view, "remedy", event.data.remedy_id, _at(event))


def _escalation(view: TicketView, event: EscalationRequested) -> TicketView:
    data = event.data
    return _asked(
        view, "escalation", _at(event), id_=None, department=None, by=data.by, due_at=None
    )


def _acknowledged(view: TicketView, event: EscalationAcknowledged) -> TicketView:
    return _done(view, "escalation", None, _at(event))


def _solution(view: TicketView, event: SolutionProposed | SolutionAgreed) -> TicketView:
    return replace(view, last_progress_at=_at(event))


def _marked(view: TicketView, event: VerdictMarked) -> TicketView:
    data = event.data
    mark = Mark(
        mark=data.mark.value,
        at=_at(event),
        by=data.by,
        reason=data.reason.value if data.reason else None,
        earlier_ticket=data.earlier_ticket,
        earlier_result_reasonable=data.earlier_result_reasonable,
    )
    return replace(view, mark=mark)


def _found(view: TicketView, event: FindingRecorded) -> TicketView:
    return replace(view, false_closure=event.data.false_closure)


_EFFECTS: dict[type[Any], Callable[[TicketView, Any], TicketView]] = {
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
    TicketDispatched: _dispatched,
    TicketDesignated: _designated,
    DispatchAccepted: _accepted,
    ReturnRequested: _return_requested,
    ReturnApproved: _return_approved,
    ReturnRefused: _return_refused,
    ExtensionGranted: _extended,
    HoldStarted: _hold_started,
    HoldEnded: _hold_ended,
    ReplySubmitted: _replied,
    ReplyApproved: _approved,
    ReplyRejected: _rejected,
    CloseRequested: _close_requested,
    CallRecorded: _call,
    CallbackAnswered: _called_back,
    CitizenChased: _chased,
    EvidenceAdded: _evidence,
    ContactReceived: _contacted,
    ContactAnswered: _answered,
    VerificationRequested: _verification,
    VerificationAnswered: _verified,
    SupervisionOrdered: _supervision,
    SupervisionAnswered: _supervised,
    RemedyOpened: _remedy,
    RemedyDone: _remedied,
    EscalationRequested: _escalation,
    EscalationAcknowledged: _acknowledged,
    SolutionProposed: _solution,
    SolutionAgreed: _solution,
    VerdictMarked: _marked,
    FindingRecorded: _found,
}
"""The others (extensions asked for or refused, receipts of notices and commands, 移送执法) stand in
the story and change no view."""
