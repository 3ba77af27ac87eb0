"""From an event of the log to its marks in the history of its ticket. Pure.

An event counts at its own time, but never later than it was recorded: a publisher's time is data.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zlib import crc32

from rules.clocks.terms import Content
from schemas.envelope import Envelope
from schemas.events import (
    CallRecorded,
    CloseRequested,
    DispatchAccepted,
    Event,
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    HoldEnded,
    HoldStarted,
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
    TicketNotAccepted,
    TicketProgressed,
    TicketReceived,
    TicketReopened,
    TicketWithdrawn,
    VerificationAnswered,
    VerificationRequested,
)
from schemas.events.contacts import CallDirection, CallPurpose
from schemas.events.dispatches import DispatchTerms
from schemas.events.tickets import TicketContent, TicketState
from schemas.ids import is_anonymous
from services.sla.marks import (
    Accepted,
    Amended,
    Answered,
    AnyMark,
    Asked,
    Call,
    Clocked,
    Closed,
    Designated,
    Dispatched,
    Extension,
    Hold,
    News,
    Received,
    Reopened,
    Replied,
    Return,
    Reviewed,
)

_SECOND: Final = timedelta(seconds=1)
_TOWARDS_CITIZEN: Final = frozenset(
    (None, CallPurpose.FIRST_CONTACT, CallPurpose.PROGRESS, CallPurpose.REPLY)
) | {CallPurpose.VERIFICATION}
"""Purposes of calls in which the citizen hears how it stands; a callback comes after the close."""
_CONTENT: Final = ("leaf", "urgency", "request_type")
_TARGETS: Final = {"interim_news": "interim"}
"""Names of an imported clock that are not ours."""


def ticket_of(event: Event) -> str:
    """The ticket that an event is about; of a call under a contact, the one it names."""
    if isinstance(event, CallRecorded) and event.data.ticket:
        return event.data.ticket
    return event.subject


def under_of(event: Event) -> int:
    """Digest of the subject whose sequence the event has, where that is not its ticket."""
    return 0 if event.subject == ticket_of(event) else crc32(event.subject.encode()) or 1


def concerns(event: Event) -> bool:
    """Whether any clock or notice can depend on the event."""
    return type(event) in READ


def marks_of(event: Event, now: datetime) -> tuple[AnyMark, ...]:
    """What is to be remembered of the event; () where nothing is."""
    read = READ.get(type(event))
    return () if read is None else read(event, now)


class _When:
    """When something happened and how long after it was recorded."""

    __slots__ = ("at", "lag", "now", "seq")

    def __init__(self, event: Envelope, now: datetime, at: datetime | None = None) -> None:
        at = (event.time if at is None else at).astimezone(UTC)
        self.now = now
        self.at = at if at <= now else now
        self.seq = event.sequence or 0
        self.lag = -((self.at - now) // _SECOND)

    def on(self, at: datetime) -> "tuple[datetime, int, int]":
        """Another instant of the same event."""
        at = at.astimezone(UTC)
        at = at if at <= self.now else self.now
        return at, self.seq, -((at - self.now) // _SECOND)


def _when(event: Envelope, now: datetime, at: datetime | None = None) -> tuple[datetime, int, int]:
    when = _When(event, now, at)
    return when.at, when.seq, when.lag


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def _value(member: Any) -> str | None:
    return None if member is None else str(member.value)


def _content(event: Envelope, data: TicketContent, channel: str | None = None) -> Content:
    return Content(
        leaf=event.leaf or data.leaf,
        urgency=_value(data.urgency),
        request_type=_value(data.request_type),
        channel=channel,
    )


def _anonymous(event: Envelope, data: TicketContent) -> bool:
    return bool(data.anonymous) or event.citizen is None or is_anonymous(event.citizen)


# The ticket itself


def _received(event: TicketReceived, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (
        Received(
            *_when(event, now),
            content=_content(event, data, _value(data.channel)),
            due=_utc(data.due_at),
            anonymous=_anonymous(event, data),
            reply_wanted=data.reply_wanted is not False,
        ),
    )


def _amended(event: TicketAmended, now: datetime) -> tuple[AnyMark, ...]:
    changes, changed = event.data.changes, event.data.changed
    fields = [name for name in _CONTENT if name in changed]
    if event.previousleaf is not None and "leaf" not in fields:
        fields.append("leaf")
    due_set = "due_at" in changed
    anonymous = bool(changes.anonymous) if "anonymous" in changed else None
    if anonymous is None and "complainant" in changed and event.citizen is not None:
        anonymous = is_anonymous(event.citizen)
    wanted = changes.reply_wanted is not False if "reply_wanted" in changed else None
    if not (fields or due_set or anonymous is not None or wanted is not None):
        return ()
    return (
        Amended(
            *_when(event, now),
            content=_content(event, changes),
            fields=tuple(fields),
            due=_utc(changes.due_at) if due_set else None,
            due_set=due_set,
            anonymous=anonymous,
            reply_wanted=wanted,
        ),
    )


def _closed(event: TicketClosed, now: datetime) -> tuple[AnyMark, ...]:
    return (Closed(*_when(event, now), dispatch=event.data.dispatch_id),)


def _withdrawn(event: TicketWithdrawn, now: datetime) -> tuple[AnyMark, ...]:
    return (Closed(*_when(event, now), how="withdrawn"),)


def _not_accepted(event: TicketNotAccepted, now: datetime) -> tuple[AnyMark, ...]:
    return (Closed(*_when(event, now), how="not_accepted"),)


def _reopened(event: TicketReopened, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (
        Reopened(
            *_when(event, now),
            due=_utc(data.due_at),
            cause=_value(data.cause),
            content=Content(leaf=event.leaf),
            anonymous=event.citizen is None or is_anonymous(event.citizen),
        ),
    )


def _imported(event: TicketImported, now: datetime) -> tuple[AnyMark, ...]:
    """One mark for each thing that an import says, each at its own instant."""
    data = event.data
    when = _When(event, now)
    marks: list[AnyMark] = [
        Received(
            *when.on(data.received_at or event.time),
            content=_content(event, data, _value(data.channel)),
            due=_utc(data.due_at),
            anonymous=_anonymous(event, data),
            reply_wanted=data.reply_wanted is not False,
            imported=True,
            after=when.at,
        )
    ]
    for number, terms in enumerate(data.dispatches, start=1):
        at = terms.dispatched_at or data.received_at or event.time
        # Without an id what follows has to find its dispatch all the same.
        id_ = terms.dispatch_id or f"#{number}"
        marks.append(_dispatch(terms, when.on(at), id_=id_, imported=True))
        if terms.accepted_at is not None:
            marks.append(Accepted(*when.on(terms.accepted_at), dispatch=id_, handler=terms.handler))
        if terms.contacted_at is not None:
            marks.append(News(*when.on(terms.contacted_at), dispatch=id_, contact=True))
        if terms.replied_at is not None:
            marks.append(Replied(*when.on(terms.replied_at), dispatch=id_))
        if terms.returned_at is not None:
            marks.append(Return(*when.on(terms.returned_at), dispatch=id_, step="approved"))
    for clock in data.clocks:
        kind = clock.clock.value
        marks.append(
            Clocked(
                *when.on(event.time),
                target=_TARGETS.get(kind, kind),
                dispatch=clock.dispatch_id,
                started=_utc(clock.started_at),
                due=_utc(clock.due_at),
                elapsed_seconds=clock.elapsed_seconds,
                paused=bool(clock.paused),
                stopped=_utc(clock.stopped_at),
            )
        )
    if data.state is TicketState.ON_HOLD:
        marks.append(Hold(*when.on(event.time)))
    else:
        paused = dict.fromkeys(each.dispatch_id for each in data.clocks if each.paused)
        marks.extend(Hold(*when.on(event.time), dispatch=each) for each in paused)
    if data.closed_at is not None or data.state is TicketState.CLOSED:
        marks.append(Closed(*when.on(data.closed_at or event.time)))
        if data.state not in (None, TicketState.CLOSED):
            marks.append(Reopened(*when.on(event.time)))
    return tuple(marks)


# Who has to handle it


def _dispatch(
    terms: DispatchTerms,
    when: tuple[datetime, int, int],
    *,
    id_: str | None,
    imported: bool = False,
) -> Dispatched:
    return Dispatched(
        *when,
        id=id_,
        parent=terms.parent_dispatch_id,
        department=terms.department,
        handler=terms.handler,
        role="lead" if terms.role is None else terms.role.value,
        accept_due=_utc(terms.accept_due_at),
        contact_due=_utc(terms.contact_due_at),
        reply_due=_utc(terms.reply_due_at),
        imported=imported,
    )


def _dispatched(event: TicketDispatched, now: datetime) -> tuple[AnyMark, ...]:
    return (_dispatch(event.data, _when(event, now), id_=event.data.dispatch_id),)


def _designated(event: TicketDesignated, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (
        Designated(
            *_when(event, now),
            department=data.department,
            dispatch=data.dispatch_id,
            due=_utc(data.due_at),
        ),
    )


def _accepted(event: DispatchAccepted, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (
        Accepted(
            *_when(event, now),
            dispatch=data.dispatch_id,
            department=data.department,
            handler=data.handler,
        ),
    )


def _return(step: str) -> Callable[[Any, datetime], tuple[AnyMark, ...]]:
    def read(event: Any, now: datetime) -> tuple[AnyMark, ...]:
        data = event.data
        return (
            Return(
                *_when(event, now),
                dispatch=data.dispatch_id,
                department=data.department,
                step=step,
            ),
        )

    return read


def _extension(step: str) -> Callable[[Any, datetime], tuple[AnyMark, ...]]:
    def read(event: Any, now: datetime) -> tuple[AnyMark, ...]:
        data = event.data
        return (
            Extension(
                *_when(event, now),
                dispatch=data.dispatch_id,
                department=data.department,
                step=step,
                due=_utc(data.new_due_at) if step == "granted" else None,
            ),
        )

    return read


def _held(event: HoldStarted, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (Hold(*_when(event, now), dispatch=data.dispatch_id, code=data.reason_code),)


def _released(event: HoldEnded, now: datetime) -> tuple[AnyMark, ...]:
    return (Hold(*_when(event, now), dispatch=event.data.dispatch_id, ends=True),)


# What is done about it


def _progressed(event: TicketProgressed, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (News(*_when(event, now), dispatch=data.dispatch_id, department=data.department),)


def _solution(event: Any, now: datetime) -> tuple[AnyMark, ...]:
    return (News(*_when(event, now), dispatch=event.data.dispatch_id, contact=True),)


def _call(event: CallRecorded, now: datetime) -> tuple[AnyMark, ...]:
    """A call to the citizen; that nobody says who called is no reason to doubt it."""
    data = event.data
    if data.direction is CallDirection.INBOUND or data.purpose not in _TOWARDS_CITIZEN:
        return ()
    return (
        Call(
            *_when(event, now, data.started_at),
            dispatch=data.dispatch_id,
            department=data.department,
            outcome=_value(data.outcome),
            purpose=_value(data.purpose),
            under=under_of(event),
        ),
    )


def _replied(event: ReplySubmitted, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (
        Replied(
            *_when(event, now),
            dispatch=data.dispatch_id,
            department=data.department,
            reply=data.reply_id,
            handler=data.handler,
            contacted_at=_utc(data.contacted_at),
        ),
    )


def _approved(event: ReplyApproved, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (
        Reviewed(*_when(event, now), reply=data.reply_id, dispatch=data.dispatch_id, approved=True),
    )


def _rejected(event: ReplyRejected, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (
        Reviewed(
            *_when(event, now),
            reply=data.reply_id,
            dispatch=data.dispatch_id,
            due=_utc(data.due_at),
        ),
    )


def _verification(event: VerificationRequested, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (
        Asked(
            *_when(event, now),
            id=data.verification_id,
            department=data.department,
            due=_utc(data.due_at),
        ),
    )


def _verified(event: VerificationAnswered, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (Answered(*_when(event, now), id=data.verification_id, department=data.department),)


def _ordered(event: SupervisionOrdered, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (
        Asked(
            *_when(event, now),
            what="supervision",
            id=data.supervision_id,
            department=data.department,
            due=_utc(data.due_at),
        ),
    )


def _reported(event: SupervisionAnswered, now: datetime) -> tuple[AnyMark, ...]:
    data = event.data
    return (
        Answered(
            *_when(event, now),
            what="supervision",
            id=data.supervision_id,
            department=data.department,
        ),
    )


def _nothing(event: Any, now: datetime) -> tuple[AnyMark, ...]:
    """Answered at once, from what is known: nothing to remember."""
    return ()


READ: Final[dict[type[Any], Callable[[Any, datetime], tuple[AnyMark, ...]]]] = {
    TicketReceived: _received,
    TicketImported: _imported,
    TicketAmended: _amended,
    TicketNotAccepted: _not_accepted,
    TicketWithdrawn: _withdrawn,
    TicketClosed: _closed,
    TicketReopened: _reopened,
    TicketProgressed: _progressed,
    TicketDispatched: _dispatched,
    TicketDesignated: _designated,
    DispatchAccepted: _accepted,
    ReturnRequested: _return("requested"),
    ReturnApproved: _return("approved"),
    ReturnRefused: _return("refused"),
    ExtensionRequested: _extension("requested"),
    ExtensionGranted: _extension("granted"),
    ExtensionRefused: _extension("refused"),
    HoldStarted: _held,
    HoldEnded: _released,
    SolutionProposed: _solution,
    SolutionAgreed: _solution,
    CallRecorded: _call,
    ReplySubmitted: _replied,
    ReplyApproved: _approved,
    ReplyRejected: _rejected,
    CloseRequested: _nothing,
    VerificationRequested: _verification,
    VerificationAnswered: _verified,
    SupervisionOrdered: _ordered,
    SupervisionAnswered: _reported,
}
"""By event: those that matter here."""
