"""The repeat processor: an event in, the chains changed, verdicts and their revisions out.

Rules: R12 (window), R13 (matter), R14 (tree), R15 (human marks), R16 (what facts must carry so that
the numbers add up), R22 (the first ticket's handling). Which ticket belongs to which is in
``chain``, what a change restates in ``desk``, the words in ``words``, the fact in ``facts``.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from msgspec.structs import replace
from pydantic import ValidationError

from policy.bundle import Policy
from runtime.processor import Decision, Processor, Record, Unreadable
from schemas.envelope import Envelope
from schemas.events import (
    CallbackAnswered,
    DispatchAccepted,
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
    VerdictMarked,
    parse_event,
)
from schemas.events import verdicts as marks
from schemas.events.dispatches import DispatchRole, DispatchTerms
from schemas.events.tickets import TicketContent
from schemas.ids import is_anonymous
from schemas.topics import REPEATS, TICKETS, Topic
from services.dedup import chain as chains
from services.dedup.desk import Desk
from services.dedup.facts import SERVICE, Occasion
from services.dedup.keys import citizen_of, in_force, key_of, leaf_of, split_into
from services.dedup.state import Chain, Handling
from services.dedup.stateless import of_anonymous
from services.dedup.tickets import amended, by_dispatch, mark_of, new_ticket

_WITHOUT_STATE = frozenset(
    (TicketReceived, TicketImported, TicketNotAccepted, TicketWithdrawn, VerdictMarked)
)
"""Events of an anonymous caller that say something about the ticket's verdict."""


class Dedup(Processor[Chain, Event]):
    """Repeat verdicts, one state per citizen and leaf."""

    name: ClassVar[str] = SERVICE
    inputs: ClassVar[tuple[Topic, ...]] = (TICKETS,)
    outputs: ClassVar[tuple[Topic, ...]] = (REPEATS,)
    state_type = Chain

    def decode(self, record: Record) -> Event:
        try:
            event = parse_event(record.value or b"")
        except ValidationError as error:
            raise Unreadable("invalid", str(error)) from error
        if event.recordedtime is None:
            raise Unreadable(
                "invalid", f"recordedtime is missing on {event.identity}; only intake writes here"
            )
        return event

    def recorded_at(self, event: Event, record: Record) -> datetime:
        assert event.recordedtime is not None  # decode refuses it
        return event.recordedtime

    def subject(self, event: Event) -> str:
        return event.subject

    def keys(self, event: Event, policy: Policy) -> tuple[str, ...]:
        """The key in force first; then those that its tickets may still stand under (R14)."""
        kind = type(event)
        if kind not in _EFFECTS:
            return ()
        citizen = citizen_of(event)
        leaf = event.leaf or ""
        if is_anonymous(citizen):
            return (key_of(citizen, leaf),) if kind in _WITHOUT_STATE else ()
        tree = policy.categories
        home = in_force(leaf, policy)
        leaves = (home, *tree.predecessors(home)[1:], *split_into(home, policy))
        if event.previousleaf is not None:
            before = in_force(event.previousleaf, policy)
            leaves = (*leaves, *tree.predecessors(before), event.previousleaf)
        elif kind is TicketAmended:
            leaves = (*leaves, "")  # a ticket without a leaf waits there for its first one
        if len(leaves) == 1:
            return (key_of(citizen, home),)
        return tuple(dict.fromkeys(key_of(citizen, each) for each in leaves))

    def decide(
        self, states: Mapping[str, Chain | None], event: Event, now: datetime, policy: Policy
    ) -> Decision[Chain]:
        citizen = citizen_of(event)
        occasion = Occasion(event, citizen, now, policy)
        if is_anonymous(citizen):
            return Decision(effects=of_anonymous(occasion))
        desk = Desk(occasion, dict(states), in_force(event.leaf or "", policy))
        effect = _EFFECTS.get(type(event))
        if effect is not None:
            effect(desk, event)
        return Decision(states=desk.changed, effects=desk.effects)

    def wake(self, key: str, state: Chain, due: datetime, policy: Policy) -> Decision[Chain]:
        """Nothing can look back any more: the tickets are forgotten. No verdict changes."""
        keep = policy.repeat.keep_tickets
        return Decision(states={key: chains.closed(state, state.tickets, now=due, keep=keep)})


# What each event does


def _received(desk: Desk, event: TicketReceived | TicketImported) -> None:
    desk.migrate()
    known = desk.find(event.subject)
    if known is None:
        ticket = new_ticket(event, desk.leaf, desk.occasion.now, desk.occasion.policy)
        kind = "imported" if isinstance(event, TicketImported) else "received"
        desk.insert(ticket, f"ticket_{kind}", "late_ticket")
        return
    _amend(desk, known, event.data, "ticket_received_again")


def _amended(desk: Desk, event: TicketAmended) -> None:
    desk.migrate()
    known = desk.find(event.subject)
    if known is not None:
        moved = known[0] != desk.home
        _amend(desk, known, event.data.changes, "leaf_amended" if moved else "ticket_amended")


def _amend(desk: Desk, known: tuple[str, int], content: TicketContent, cause: str) -> None:
    key, index = known
    before = desk.chain(key).tickets[index]
    if not desk.is_news(before):
        return
    ticket = amended(before, content, desk.occasion.policy)
    if ticket != before or key != desk.home:
        desk.change(before, ticket, key, index, cause)


def _taken_back(desk: Desk, event: TicketWithdrawn | TicketNotAccepted) -> None:
    if desk.occasion.policy.repeat.withdrawn_counts:
        return
    kind = "withdrawn" if isinstance(event, TicketWithdrawn) else "not_accepted"
    _set_withdrawn(desk, event, kind, kind)


def _reopened(desk: Desk, event: TicketReopened) -> None:
    def reopened(known: Handling) -> Handling:
        return replace(known, closed_at=None, department=event.data.department or known.department)

    desk.migrate()
    known = desk.find(event.subject)
    if known is not None and desk.chain(known[0]).tickets[known[1]].withdrawn:
        _set_withdrawn(desk, event, "", "reopened")
    else:
        desk.enrich(event.subject, reopened)


def _set_withdrawn(desk: Desk, event: Envelope, kind: str, cause: str) -> None:
    desk.migrate()
    known = desk.find(event.subject)
    if known is None:
        desk.state_unknown()
        return
    key, index = known
    ticket = desk.chain(key).tickets[index]
    if desk.is_news(ticket) and ticket.withdrawn != kind:
        desk.leaf = leaf_of(key)
        desk.change(ticket, replace(ticket, withdrawn=kind), key, index, cause)


def _marked(desk: Desk, event: VerdictMarked) -> None:
    if event.data.mark is marks.Mark.CORRECT_CAUSE:
        return  # the verdict stands (R23)
    desk.migrate()
    known = desk.find(event.subject)
    if known is None:
        desk.state_unknown()
        return
    key, index = known
    ticket = desk.chain(key).tickets[index]
    if desk.is_news(ticket):
        desk.leaf = leaf_of(key)
        marked = replace(ticket, mark=mark_of(event, ticket.mark))
        desk.change(ticket, marked, key, index, "human_mark")


def _dispatched(desk: Desk, event: TicketDispatched) -> None:
    if event.data.role is not DispatchRole.SUPPORTING:
        desk.enrich(event.subject, lambda known: by_dispatch(known, event.data))


def _designated(desk: Desk, event: TicketDesignated) -> None:
    terms = DispatchTerms(department=event.data.department)
    desk.enrich(event.subject, lambda known: by_dispatch(known, terms))


def _accepted(desk: Desk, event: DispatchAccepted) -> None:
    def accepted(known: Handling) -> Handling:
        data = event.data
        if known.department and data.department and data.department != known.department:
            return known  # a supporting unit (协办)
        return replace(
            known,
            department=known.department or data.department,
            handler=data.handler or known.handler,
        )

    desk.enrich(event.subject, accepted)


def _replied(desk: Desk, event: ReplySubmitted) -> None:
    def replied(known: Handling) -> Handling:
        data = event.data
        return replace(
            known,
            department=known.department or data.department,
            handler=data.handler or known.handler,
            replied_at=event.time,
            reply_resolved=data.resolved,
        )

    desk.enrich(event.subject, replied)


def _closed(desk: Desk, event: TicketClosed) -> None:
    desk.enrich(event.subject, lambda known: replace(known, closed_at=event.time))


def _called_back(desk: Desk, event: CallbackAnswered) -> None:
    data = event.data

    def called_back(known: Handling) -> Handling:
        if not data.contacted and known.contacted:
            return known  # an answer is not lost by a later call that nobody took
        return replace(
            known,
            called_back_at=event.time,
            contacted=data.contacted,
            resolved=data.resolved,
            satisfied=data.satisfied,
        )

    desk.enrich(event.subject, called_back)


_EFFECTS: dict[type[Any], Callable[[Desk, Any], None]] = {
    TicketReceived: _received,
    TicketImported: _received,
    TicketAmended: _amended,
    TicketNotAccepted: _taken_back,
    TicketWithdrawn: _taken_back,
    TicketReopened: _reopened,
    TicketDispatched: _dispatched,
    TicketDesignated: _designated,
    DispatchAccepted: _accepted,
    ReplySubmitted: _replied,
    TicketClosed: _closed,
    CallbackAnswered: _called_back,
    VerdictMarked: _marked,
}
