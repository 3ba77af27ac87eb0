"""处理情况: what happened to a ticket, as far as repeats, exclusions and root causes ask (R17–R24).

A fold over the ticket's own events, in the order of its log. Whoever keeps earlier tickets (the
repeat processor, the read model) keeps this, so that both are asked the same and answer the same.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from schemas.events import (
    CallbackAnswered,
    CallRecorded,
    CitizenChased,
    DispatchAccepted,
    EvidenceAdded,
    ExtensionGranted,
    FindingRecorded,
    ReplyApproved,
    ReplyRejected,
    ReplySubmitted,
    TicketAmended,
    TicketClosed,
    TicketDesignated,
    TicketDispatched,
    TicketImported,
    TicketReceived,
    TicketReopened,
)
from schemas.events.contacts import CallDirection, CallPurpose
from schemas.events.dispatches import DispatchRole, DispatchTerms
from schemas.events.parts import CallOutcome
from schemas.events.replies import ReplyElement, ReplyMethod, ReplySubmittedData
from schemas.events.tickets import TicketReceivedData, TicketState

MOVES_KEPT: Final = 12
"""Closes, reopenings and deadlines of a ticket, the latest: a limit on everything."""

CLOSED, OPENED, DUE, DUE_BY_DISPATCH = "c", "o", "d", "e"


class Move(Struct, frozen=True, array_like=True, omit_defaults=True):
    """A close, a reopening or another deadline: what «open when the citizen came» depends on."""

    at: datetime
    what: str
    """``c`` closed, ``o`` open again, ``d`` due, ``e`` due by the dispatch alone."""
    due: datetime | None = None


class Hands(Struct, frozen=True, array_like=True, omit_defaults=True):
    """Who had it."""

    department: str | None = None
    team: str | None = None
    handler: str | None = None


class Handling(Struct, frozen=True, omit_defaults=True):
    """Of one ticket, so far."""

    department: str | None = None
    team: str | None = None
    handler: str | None = None
    first: Hands | None = None
    """首次处理人: who had it at its first reply (R22, R54); None while there is none."""
    contact_due_at: datetime | None = None
    """首次联系时限, by the dispatch."""
    moves: tuple[Move, ...] = ()
    replied_at: datetime | None = None
    reply_resolved: bool | None = None
    lacking: int = 0
    """Elements of the eight that the last reply before the first close lacks: bits in the order of
    ``ELEMENTS``."""
    reply_chars: int = 0
    """Of its cause, findings and handling, or of its text where there are no elements."""
    in_elements: bool = False
    """Whether the platform keeps the elements of a reply apart."""
    told: bool = True
    """False: the reply itself says that nobody told the citizen (未回复市民)."""
    approved_at: datetime | None = None
    closed_at: datetime | None = None
    reopened_at: datetime | None = None
    called_back_at: datetime | None = None
    contacted: bool | None = None
    """Whether a callback reached the citizen."""
    resolved: bool | None = None
    satisfied: int | None = None
    called_back_first_at: datetime | None = None
    """The first callback, taken or not."""
    claimed_at: datetime | None = None
    """When a reply first said «resolved»."""
    denied_at: datetime | None = None
    """When the citizen first said that it is not."""
    reached_at: datetime | None = None
    """When the citizen was first reached by a call."""
    tried_at: datetime | None = None
    """The first call or callback that nobody took."""
    outcome: str | None = None
    """Of the last of these: why (R26)."""
    false_closure: bool | None = None
    """查实 (R49)."""
    evidence_at: datetime | None = None
    """When the citizen last gave material."""
    chases: int = 0
    """市民催办 (R18)."""
    partly_known: bool = False
    """Imported: what was done before cut-over is known in outline only."""

    @property
    def fixed(self) -> bool:
        """Proof of the fix: the citizen said so, or an inquiry found the close true (R20)."""
        if self.false_closure is not None:
            return not self.false_closure and self.resolved is not False
        return bool(self.contacted and self.resolved) and not self._undone(self.called_back_at)

    @property
    def reasonable(self) -> bool:
        """合理的处理结果: approved, and resolved by the citizen's own word (ruling 10)."""
        return (
            self.approved_at is not None
            and bool(self.contacted and self.resolved)
            and not self.false_closure
            and not self._undone(self.approved_at)
            and not self._undone(self.called_back_at)
        )

    @property
    def answered(self) -> bool:
        """Whether it was handled for itself."""
        return self.replied_at is not None or bool(self.contacted)

    @property
    def charged_to(self) -> Hands:
        """Who first handled it (R22): at the first reply, else who has it."""
        return self.first or Hands(self.department, self.team, self.handler)

    @property
    def first_closed_at(self) -> datetime | None:
        """首次处理 ends here; what was done after it does not belong to it."""
        return next((move.at for move in self.moves if move.what == CLOSED), None)

    def _undone(self, at: datetime | None) -> bool:
        return at is not None and self.reopened_at is not None and at < self.reopened_at


ELEMENTS: Final = tuple(ReplyElement)
UNHANDLED: Final = Handling()


class Standing(Struct, frozen=True):
    """Where a ticket stood at an instant, as known by then."""

    is_open: bool
    ended_at: datetime | None
    """The close in force then; None while it was open."""
    since: datetime
    """Since when it was open, or closed."""
    due: datetime | None
    """The deadline in force; None when nobody set one."""


def standing(handling: Handling, received_at: datetime, at: datetime) -> Standing:
    """Where the ticket stood at ``at``. What moved it later does not count: the question is what
    the citizen met at that moment (R18)."""
    is_open, since, due, by_dispatch = True, received_at, None, None
    moves = handling.moves
    if len(moves) == MOVES_KEPT and moves[0].what == OPENED:
        is_open = False  # what stood before the oldest move that is kept
    for move in moves:
        if move.at > at:
            continue
        if move.what == DUE:
            due = move.due
        elif move.what == DUE_BY_DISPATCH:
            by_dispatch = move.due
        else:
            is_open, since = move.what == OPENED, move.at
            if is_open:
                due, by_dispatch = move.due, None
    return Standing(is_open, None if is_open else since, since, due or by_dispatch)


def begun(data: TicketReceivedData, time: datetime) -> Handling:
    """The handling that a receipt or an import brings along."""
    handling = UNHANDLED
    if data.due_at is not None:
        handling = _moved(handling, time, DUE, data.due_at)
    if data.attachments and any(each.taken_at is None for each in data.attachments):
        handling = replace(handling, evidence_at=time)
    return handling


def imported(event: TicketImported, time: datetime) -> Handling:
    """As ``begun``, with what happened before cut-over."""
    data = event.data
    handling = replace(begun(data, time), partly_known=True)
    for dispatch in data.dispatches:
        if dispatch.role is not DispatchRole.SUPPORTING and dispatch.returned_at is None:
            handling = _by_dispatch(handling, dispatch, dispatch.dispatched_at or time)
            handling = replace(
                handling, replied_at=utc(dispatch.replied_at), reached_at=utc(dispatch.contacted_at)
            )
    if handling.replied_at is not None:
        handling = replace(
            handling, first=Hands(handling.department, handling.team, handling.handler)
        )
    closed_at = data.closed_at or (event.time if data.state is TicketState.CLOSED else None)
    return _close(handling, closed_at) if closed_at is not None else handling


def handled(known: Handling, event: Any) -> Handling:
    """The handling after an event of the ticket; the same object when it tells nothing."""
    change = _CHANGES.get(type(event))
    return known if change is None else change(known, event)


def heeds(event_type: type[Any]) -> bool:
    """Whether events of the type can change a handling."""
    return event_type in _CHANGES


def utc(instant: datetime | None) -> datetime | None:
    """One zone: comparing instants of two is five times slower."""
    return None if instant is None else instant.astimezone(UTC)


def _moved(known: Handling, at: datetime, what: str, due: datetime | None = None) -> Handling:
    move = Move(at.astimezone(UTC), what, utc(due))
    return replace(known, moves=(*known.moves, move)[-MOVES_KEPT:])


def _close(known: Handling, at: datetime) -> Handling:
    return replace(_moved(known, at, CLOSED), closed_at=at.astimezone(UTC))


def _by_dispatch(known: Handling, terms: DispatchTerms, at: datetime) -> Handling:
    """A new department brings its own team and handler, or none."""
    if terms.department and terms.department != known.department:
        known = replace(known, department=terms.department, team=terms.team, handler=terms.handler)
    else:
        known = replace(
            known, team=terms.team or known.team, handler=terms.handler or known.handler
        )
    if terms.contact_due_at is not None:
        known = replace(known, contact_due_at=utc(terms.contact_due_at))
    if terms.reply_due_at is not None:
        known = _moved(known, at, DUE_BY_DISPATCH, terms.reply_due_at)
    return known


def _amended(known: Handling, event: TicketAmended) -> Handling:
    if "due_at" not in event.data.changed:
        return known
    return _moved(known, event.time, DUE, event.data.changes.due_at)


def _dispatched(known: Handling, event: TicketDispatched) -> Handling:
    if event.data.role is DispatchRole.SUPPORTING:
        return known
    return _by_dispatch(known, event.data, event.time)


def _designated(known: Handling, event: TicketDesignated) -> Handling:
    known = _by_dispatch(known, DispatchTerms(department=event.data.department), event.time)
    if event.data.due_at is not None:
        known = _moved(known, event.time, DUE_BY_DISPATCH, event.data.due_at)
    return known


def _accepted(known: Handling, event: DispatchAccepted) -> Handling:
    data = event.data
    if known.department and data.department and data.department != known.department:
        return known  # a supporting unit (协办)
    return replace(
        known,
        department=known.department or data.department,
        handler=data.handler or known.handler,
    )


def _extended(known: Handling, event: ExtensionGranted) -> Handling:
    by_dispatch = event.data.dispatch_id is not None and not any(
        move.what == DUE for move in known.moves
    )
    what = DUE_BY_DISPATCH if by_dispatch else DUE
    return _moved(known, event.time, what, event.data.new_due_at)


def _replied(known: Handling, event: ReplySubmitted) -> Handling:
    data = event.data
    time = event.time.astimezone(UTC)
    if known.first_closed_at is None:
        lacking, chars, in_elements = _record(data)
        told = data.reply_method is not ReplyMethod.NOT_TOLD
        known = replace(
            known, lacking=lacking, reply_chars=chars, in_elements=in_elements, told=told
        )
    department = known.department or data.department
    handler = data.handler or known.handler
    contacted_at = utc(data.contacted_at)
    return replace(
        known,
        department=department,
        handler=handler,
        first=known.first or Hands(department, known.team, handler),
        replied_at=time,
        reply_resolved=data.resolved,
        claimed_at=known.claimed_at or (time if data.resolved else None),
        approved_at=None,
        reached_at=known.reached_at or (None if known.tried_at else contacted_at),
    )


def _record(data: ReplySubmittedData) -> tuple[int, int, bool]:
    """What the record of a reply has: elements that it lacks, its length, whether in elements."""
    lacking = 0
    for bit, element in enumerate(ELEMENTS):
        value = getattr(data, element.value)
        if value is None or (isinstance(value, str) and not value.strip()):
            lacking |= 1 << bit
    told = (data.cause, data.findings, data.handling, data.citizen_response)
    in_elements = any(each and each.strip() for each in told)
    texts = told[:3] if in_elements else (data.text,)
    return lacking, sum(len("".join((each or "").split())) for each in texts), in_elements


def _approved(known: Handling, event: ReplyApproved) -> Handling:
    return replace(known, approved_at=event.time.astimezone(UTC))


def _rejected(known: Handling, event: ReplyRejected) -> Handling:
    return replace(known, approved_at=None)


def _closed(known: Handling, event: TicketClosed) -> Handling:
    return _close(known, event.time)


def _reopened(known: Handling, event: TicketReopened) -> Handling:
    data = event.data
    known = replace(
        known,
        closed_at=None,
        reopened_at=event.time.astimezone(UTC),
        department=data.department or known.department,
    )
    return _moved(known, event.time, OPENED, data.due_at)


def _called_back(known: Handling, event: CallbackAnswered) -> Handling:
    data = event.data
    time = event.time.astimezone(UTC)
    known = replace(known, called_back_first_at=known.called_back_first_at or time)
    if not data.contacted:
        known = replace(
            known,
            tried_at=known.tried_at or time,
            outcome=data.outcome.value if data.outcome else known.outcome,
        )
        if known.contacted:
            return known  # an answer is not lost by a later call that nobody took
    denied = data.contacted and data.resolved is False
    return replace(
        known,
        called_back_at=time,
        contacted=data.contacted,
        resolved=data.resolved,
        satisfied=data.satisfied,
        denied_at=known.denied_at or (time if denied else None),
        reached_at=known.reached_at or (time if data.contacted else None),
    )


_TO_THE_CITIZEN: Final = frozenset(
    (CallPurpose.FIRST_CONTACT, CallPurpose.PROGRESS, CallPurpose.REPLY, CallPurpose.CALLBACK, None)
)


def _called(known: Handling, event: CallRecorded) -> Handling:
    data = event.data
    if data.direction is CallDirection.INBOUND or data.purpose not in _TO_THE_CITIZEN:
        return known
    if data.outcome is None:
        return known
    time = utc(data.started_at or event.time)
    if data.outcome is CallOutcome.ANSWERED:
        return replace(known, reached_at=known.reached_at or time)
    return replace(known, tried_at=known.tried_at or time, outcome=data.outcome.value)


def _found(known: Handling, event: FindingRecorded) -> Handling:
    return replace(known, false_closure=event.data.false_closure)


def _evidence(known: Handling, event: EvidenceAdded) -> Handling:
    time = event.time.astimezone(UTC)
    if known.evidence_at is not None and known.evidence_at >= time:
        return known
    return replace(known, evidence_at=time)


def _chased(known: Handling, event: CitizenChased) -> Handling:
    return replace(known, chases=known.chases + 1)


_CHANGES: Final[dict[type[Any], Callable[[Handling, Any], Handling]]] = {
    TicketAmended: _amended,
    TicketDispatched: _dispatched,
    TicketDesignated: _designated,
    DispatchAccepted: _accepted,
    ExtensionGranted: _extended,
    ReplySubmitted: _replied,
    ReplyApproved: _approved,
    ReplyRejected: _rejected,
    TicketClosed: _closed,
    TicketReopened: _reopened,
    CallbackAnswered: _called_back,
    CallRecorded: _called,
    FindingRecorded: _found,
    EvidenceAdded: _evidence,
    CitizenChased: _chased,
}


def received(event: TicketReceived | TicketImported, time: datetime) -> Handling:
    """The handling with which a ticket begins. ``time``: when the citizen came."""
    if isinstance(event, TicketImported):
        return imported(event, time)
    return begun(event.data, time)
