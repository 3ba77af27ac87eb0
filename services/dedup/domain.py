"""The repeat processor: an event in, the chains changed, verdicts and their revisions out.

Rules: R12 (window), R13 (matter), R14 (tree), R15 (human marks), R16 (what facts must carry so that
the numbers add up), R17–R20 (exclusions), R22–R24 (the first ticket's handling, root causes). The
rules themselves are in ``rules``, which ticket belongs to which in ``chain``, contacts in
``contacts``, what a change restates in ``desk``, the words in ``telling``, the fact in ``facts``.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from msgspec.structs import replace
from pydantic import ValidationError

from policy.bundle import Policy
from rules.handling import handled
from runtime.processor import Decision, Processor, Record, Unreadable
from schemas.envelope import Envelope
from schemas.events import (
    CallbackAnswered,
    CallRecorded,
    CitizenChased,
    ContactAnswered,
    ContactReceived,
    DispatchAccepted,
    Event,
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
    TicketNotAccepted,
    TicketReceived,
    TicketReopened,
    TicketWithdrawn,
    VerdictMarked,
    parse_event,
)
from schemas.events.tickets import TicketContent
from schemas.ids import is_anonymous
from schemas.topics import REPEATS, TICKETS, Topic
from services.dedup import chain as chains
from services.dedup.contacts import became_ticket, came, of_named
from services.dedup.desk import Desk
from services.dedup.facts import SERVICE, Occasion
from services.dedup.keys import citizen_of, in_force, key_of, leaf_of, split_into
from services.dedup.state import Chain
from services.dedup.stateless import of_anonymous
from services.dedup.tickets import amended, marked, new_ticket

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
        if isinstance(event, ContactReceived | ContactAnswered) and not leaf:
            return (key_of(citizen, ""),) if event.data.ticket else ()
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
        return Decision(states={key: _forgotten(state, due, keep)})


def _forgotten(state: Chain, due: datetime, keep: int) -> Chain | None:
    return chains.closed(state, state.tickets, now=due, keep=keep, contacts=state.contacts)


# What each event does


def _received(desk: Desk, event: TicketReceived | TicketImported) -> None:
    desk.migrate()
    known = desk.find(event.subject)
    if event.data.contact_id:
        became_ticket(desk, event.data.contact_id, event.subject)
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
    ticket = replace(ticket, handling=handled(ticket.handling, desk.occasion.event))
    if ticket != before or key != desk.home:
        desk.change(before, ticket, key, index, cause)


def _taken_back(desk: Desk, event: TicketWithdrawn | TicketNotAccepted) -> None:
    if desk.occasion.policy.repeat.withdrawn_counts:
        return
    kind = "withdrawn" if isinstance(event, TicketWithdrawn) else "not_accepted"
    _set_withdrawn(desk, event, kind, kind)


def _reopened(desk: Desk, event: TicketReopened) -> None:
    desk.migrate()
    known = desk.find(event.subject)
    if known is not None and desk.chain(known[0]).tickets[known[1]].withdrawn:
        _set_withdrawn(desk, event, "", "reopened")
    else:
        _handled(desk, event)


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
    desk.migrate()
    known = desk.find(event.subject)
    if known is None:
        if not desk.mark_contact(event):
            desk.state_unknown()
        return
    key, index = known
    ticket = desk.chain(key).tickets[index]
    if desk.is_news(ticket):
        desk.leaf = leaf_of(key)
        desk.change(ticket, marked(ticket, event), key, index, "human_mark")


def _handled(desk: Desk, event: Envelope) -> None:
    cause = event.type.removeprefix("hotline.").removesuffix(".v1").replace(".", "_")
    desk.enrich(event.subject, lambda known: handled(known, event), cause)


def _contact(desk: Desk, event: ContactReceived | ContactAnswered) -> None:
    if not desk.leaf:
        desk.effects.extend(of_named(desk.occasion))
        return
    desk.migrate()
    came(desk, event)


_EFFECTS: dict[type[Any], Callable[[Desk, Any], None]] = {
    TicketReceived: _received,
    TicketImported: _received,
    TicketAmended: _amended,
    TicketNotAccepted: _taken_back,
    TicketWithdrawn: _taken_back,
    TicketReopened: _reopened,
    TicketDispatched: _handled,
    TicketDesignated: _handled,
    DispatchAccepted: _handled,
    ExtensionGranted: _handled,
    ReplySubmitted: _handled,
    ReplyApproved: _handled,
    ReplyRejected: _handled,
    TicketClosed: _handled,
    CallbackAnswered: _handled,
    CallRecorded: _handled,
    EvidenceAdded: _handled,
    CitizenChased: _handled,
    FindingRecorded: _handled,
    VerdictMarked: _marked,
    ContactReceived: _contact,
    ContactAnswered: _contact,
}
