"""The callback processor: after each close the citizen is asked, until somebody knows (回访).

Rules: R33 (one live task per close), R34 (resolved and satisfied apart), R35 (second check), R36
(tries, slots, channels), R37 (what facts must carry), R38 (the best slot), rulings 5 and 14. Which
close is in force is in ``life``, what follows from it in ``closing``, tries in ``asking``, answers
in ``answering``, where and how to ask in ``choosing`` and ``tally``, the fact in ``facts``, its
words in ``telling``.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from policy.bundle import Policy
from rules.asked import PHONE
from runtime.processor import Decision
from runtime.reading_log import LogReader
from schemas.envelope import Envelope
from schemas.events import (
    CallbackAnswered,
    CallRecorded,
    CommandApplied,
    CommandRefused,
    Event,
    ReplySubmitted,
    TicketAmended,
    TicketClosed,
    TicketDesignated,
    TicketDispatched,
    TicketImported,
    TicketNotAccepted,
    TicketReceived,
    TicketReopened,
    TicketWithdrawn,
)
from schemas.events.contacts import CallDirection, CallPurpose
from schemas.events.dispatches import DispatchRole
from schemas.events.tickets import ClockKind, TicketContent, TicketReceivedData, TicketState
from schemas.ids import ANONYMOUS_PREFIX, home_of, is_anonymous
from schemas.topics import CALLBACKS, COMMANDS, INBOX, TICKETS, Topic
from services.callback import answering, asking, closing, life, tally
from services.callback.desk import REACHED, Desk, due_at
from services.callback.facts import SERVICE, Occasion, task_id
from services.callback.state import (
    CLOSED,
    NOT_ACCEPTED,
    REOPENED,
    WITHDRAWN,
    Kept,
    Mark,
    Task,
    Ticket,
    Try,
)


class Callback(LogReader[Kept]):
    """Callback tasks, one state per ticket and one per citizen."""

    name: ClassVar[str] = SERVICE
    inputs: ClassVar[tuple[Topic, ...]] = (TICKETS,)
    outputs: ClassVar[tuple[Topic, ...]] = (CALLBACKS, COMMANDS, INBOX)
    state_type = Kept

    def subject(self, event: Event) -> str:
        """The ticket."""
        return event.subject

    def keys(self, event: Event, policy: Policy) -> tuple[str, ...]:
        """The ticket, and its citizen where their outcomes are asked for or told."""
        kind = type(event)
        if kind not in _EFFECTS:
            return ()
        key = key_of(home_of(_ticket_of(event), event.citizen))
        citizen = _citizen_of(event)
        if kind not in _WITH_TALLY or is_anonymous(citizen):
            return (key,)
        return (key, tally_key(citizen))

    def decide(
        self, states: Mapping[str, Kept | None], event: Event, now: datetime, policy: Policy
    ) -> Decision[Kept]:
        subject, citizen = _ticket_of(event), _citizen_of(event)
        key, of_citizen = key_of(home_of(subject, event.citizen)), tally_key(citizen)
        changed: dict[str, Kept | None] = {}
        kept = states[key]
        known = kept.ticket if kept is not None else None
        own = event.subject == subject
        if own and known is not None and (event.sequence or 0) <= known.sequence:
            return Decision()  # it came before
        counted = states.get(of_citizen)
        outcomes = counted.tally if counted is not None else None
        after = tally.after(outcomes, event, now, policy.callback)
        if after is not None and of_citizen in states and after is not outcomes:
            until = tally.forgotten_at(citizen, now, policy.callback)
            changed[of_citizen] = Kept(until, tally=after)
        if known is None and (not own or type(event) is CallRecorded):
            return Decision(states=changed)  # a call without a ticket, or of one that is forgotten
        if known is not None and not own and known.citizen != citizen:
            return Decision(states=changed)  # under a contact, so elsewhere: of another citizen
        before = known or Ticket(citizen)
        ticket = replace(before, leaf=event.leaf, sequence=event.sequence or 0) if own else before
        if of_citizen in states:
            cells = tally.summed(after, policy.callback, now)
            if cells != ticket.cells:
                ticket = replace(ticket, cells=cells)
        occasion = Occasion(
            subject, key, now, policy, event.identity, _kind(event), event.traceparent
        )
        desk = Desk(occasion, ticket)
        _EFFECTS[type(event)](desk, event)
        changed[key] = _kept(desk.ticket, now, policy)
        return Decision(states=changed, effects=desk.effects, notes=desk.notes)

    def wake(self, key: str, state: Kept, due: datetime, policy: Policy) -> Decision[Kept]:
        """A task is due, was not tried, was not answered; or all of it can be forgotten."""
        ticket = state.ticket
        if ticket is None or due_at(ticket.task) is None:
            return Decision(states={key: None})
        cause = f"timer {due.astimezone(UTC).isoformat()}"
        desk = Desk(Occasion(ticket_of(key), key, due, policy, cause, "due"), ticket)
        asking.come_due(desk)
        after = _kept(desk.ticket, due, policy)
        return Decision(states={key: after}, effects=desk.effects, notes=desk.notes)


def key_of(ticket: str) -> str:
    return f"t:{ticket}"


def ticket_of(key: str) -> str:
    return key.removeprefix("t:").removeprefix(ANONYMOUS_PREFIX)


def tally_key(citizen: str) -> str:
    """A key of its own, though a pseudonym begins with ``c:`` too."""
    return f"c:{citizen}"


def _kept(ticket: Ticket, now: datetime, policy: Policy) -> Kept:
    wake_at = due_at(ticket.task)
    if wake_at is None:
        ended = bool(ticket.marks) and ticket.marks[-1].what != REOPENED
        wake_at = now + (policy.callback.keep if ended else policy.callback.keep_open)
    return Kept(wake_at, ticket=ticket)


def _citizen_of(event: Envelope) -> str:
    return event.citizen or f"anon:{event.subject}"


def _ticket_of(event: Event) -> str:
    """The ticket; a call may name it though its subject is a contact."""
    if isinstance(event, CallRecorded) and event.data.ticket:
        return event.data.ticket
    return event.subject


def _kind(event: Envelope) -> str:
    """``ticket_closed`` of ``hotline.ticket.closed.v1``."""
    return event.type.removeprefix("hotline.").rpartition(".v")[0].replace(".", "_")


# Tries


def _call(desk: Desk, event: CallRecorded) -> None:
    data = event.data
    if data.purpose is not CallPurpose.CALLBACK or data.outcome is None:
        return
    reached = data.outcome.value == REACHED
    if data.direction is CallDirection.INBOUND and not reached:
        return
    at = tally.called_at(event, desk.occasion.now)
    slot = desk.policy.slot_at(at) or ""
    report = Try(at, PHONE, data.outcome.value, slot, by_call=True)
    if _mine(desk, "", at) is not None:
        asking.tried(desk, report, said_something=False)


def _answered(desk: Desk, event: CallbackAnswered) -> None:
    data, at = event.data, tally.happened_at(event, desk.occasion.now)
    task = _mine(desk, data.task_id or "", at)
    channel = PHONE
    if data.channel is not None:
        channel = data.channel.value
    elif task is not None and task.live:
        channel = task.channel
    outcome = REACHED
    if not data.contacted:
        said = data.outcome.value if data.outcome is not None else ""
        outcome = said if said and said != REACHED else asking.NO_ANSWER
    report = Try(at, channel, outcome, desk.policy.slot_at(at) or "", by_person=True)
    if task is None:
        desk.notes.append(("callback_stray_answers", (event.source,)))
        return
    if data.contacted and data.resolved is not None:
        answering.answered(desk, report, data.resolved, data.satisfied, data.reasons)
    else:
        asking.tried(desk, report, said_something=True)


def _mine(desk: Desk, named: str, at: datetime) -> Task | None:
    """The task that a report is about; None: of an earlier close, or of none.

    An id that is none of ours is the platform's own: then the live task is meant, as without one.
    """
    ticket = desk.ticket
    task = ticket.task
    if task is None or not (task.live or _in_force(ticket, task)):
        return None
    if named == task.id:
        return task
    if named and any(
        task_id(desk.occasion.key, mark.id) == named for mark in ticket.marks if mark.what == CLOSED
    ):
        return None
    return task if at >= task.closed_at else None


def _in_force(ticket: Ticket, task: Task) -> bool:
    """Whether the close that it belongs to was neither opened again nor taken back."""
    first = life.period(ticket.marks).first
    return first is not None and task.order >= first.order


# What each event does


def _content(ticket: Ticket, data: TicketContent) -> Ticket:
    """What a receipt or an amendment says of how the citizen can be asked."""
    said: dict[str, Any] = {}
    for name in data.model_fields_set:
        value = getattr(data, name)
        match name:
            case "request_type" | "reply_by":
                said[name] = value.value if value is not None else ""
            case "reply_wanted":
                said[name] = value is not False
    return replace(ticket, **said) if said else ticket


def _received(desk: Desk, event: TicketReceived) -> None:
    desk.ticket = _begun(desk.ticket, event.data)


def _begun(ticket: Ticket, data: TicketReceivedData) -> Ticket:
    channel = data.channel.value if data.channel is not None else ""
    return replace(_content(ticket, data), channel=channel)


def _imported(desk: Desk, event: TicketImported) -> None:
    data, now = event.data, desk.occasion.now
    ticket = _begun(desk.ticket, data)
    for dispatch in data.dispatches:
        if dispatch.role is not DispatchRole.SUPPORTING and dispatch.returned_at is None:
            ticket = _hands(ticket, dispatch.department, dispatch.team, dispatch.handler)
    before = data.reopened_count or 0
    closed = data.state is TicketState.CLOSED
    clock = next((each for each in data.clocks if each.clock is ClockKind.CALLBACK), None)
    ticket = replace(
        ticket,
        closes=max(ticket.closes, before + closed),
        asked_before=closed and clock is not None and clock.stopped_at is not None,
        due_before=clock.due_at if closed and clock is not None else None,
    )
    desk.ticket = ticket
    if closed and not ticket.marks:
        at = min(data.closed_at or event.time, now).astimezone(UTC)
        closing.marked(desk, Mark(at, ticket.sequence, CLOSED, event.identity, ticket.closes))
        desk.ticket = replace(desk.ticket, asked_before=False, due_before=None)


def _amended(desk: Desk, event: TicketAmended) -> None:
    desk.ticket = _content(desk.ticket, event.data.changes)


def _hands(ticket: Ticket, department: str | None, team: str | None, handler: str | None) -> Ticket:
    if not department and not handler:
        return ticket
    if department and department != ticket.department:
        return replace(ticket, department=department, team=team, handler=handler)
    return replace(ticket, team=team or ticket.team, handler=handler or ticket.handler)


def _dispatched(desk: Desk, event: TicketDispatched) -> None:
    data = event.data
    if data.role is not DispatchRole.SUPPORTING:
        desk.ticket = _hands(desk.ticket, data.department, data.team, data.handler)


def _designated(desk: Desk, event: TicketDesignated) -> None:
    desk.ticket = _hands(desk.ticket, event.data.department, None, None)


def _replied(desk: Desk, event: ReplySubmitted) -> None:
    desk.ticket = _hands(desk.ticket, event.data.department, None, event.data.handler)


def _closed(desk: Desk, event: TicketClosed) -> None:
    desk.ticket = replace(desk.ticket, closes=desk.ticket.closes + 1)
    at = tally.happened_at(event, desk.occasion.now)
    ticket = desk.ticket
    closing.marked(desk, Mark(at, ticket.sequence, CLOSED, event.identity, ticket.closes))


def _opened(desk: Desk, event: TicketReopened) -> None:
    _marked(desk, event, REOPENED)


def _withdrawn(desk: Desk, event: TicketWithdrawn) -> None:
    _marked(desk, event, WITHDRAWN)


def _not_accepted(desk: Desk, event: TicketNotAccepted) -> None:
    _marked(desk, event, NOT_ACCEPTED)


def _marked(desk: Desk, event: Envelope, what: str) -> None:
    at = tally.happened_at(event, desk.occasion.now)
    closing.marked(desk, Mark(at, desk.ticket.sequence, what, event.identity))


def _applied(desk: Desk, event: CommandApplied) -> None:
    answering.applied(desk, event.data.command_id)


def _refused(desk: Desk, event: CommandRefused) -> None:
    answering.refused(desk, event.data.command_id)


_EFFECTS: Final[dict[type[Any], Callable[[Desk, Any], None]]] = {
    TicketReceived: _received,
    TicketImported: _imported,
    TicketAmended: _amended,
    TicketDispatched: _dispatched,
    TicketDesignated: _designated,
    ReplySubmitted: _replied,
    TicketClosed: _closed,
    TicketReopened: _opened,
    TicketWithdrawn: _withdrawn,
    TicketNotAccepted: _not_accepted,
    CallRecorded: _call,
    CallbackAnswered: _answered,
    CommandApplied: _applied,
    CommandRefused: _refused,
}
_WITH_TALLY: Final = frozenset(
    (TicketImported, TicketClosed, TicketReopened, CallRecorded, CallbackAnswered)
)
