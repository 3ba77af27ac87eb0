"""The repeat processor: an event in, the chains changed, verdicts and their revisions out.

Rules: R12 (window), R13 (matter), R14 (tree), R15 (human marks), R16 (what facts must carry so that
the numbers add up), R17–R20 (exclusions), R22–R24 (the first ticket's handling, root causes). The
rules themselves are in ``rules``, which ticket belongs to which in ``chain``, contacts in
``contacts``, what a change restates in ``desk``, the words in ``telling``, the fact in ``facts``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from msgspec import DecodeError
from msgspec.structs import replace

from policy.bundle import Policy
from rules.handling import handled
from runtime.processor import Decision, Processor, Record, Unreadable
from runtime.reading_log import logged, recorded
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
    IdentityLinked,
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
)
from schemas.events.tickets import TicketContent
from schemas.ids import is_anonymous
from schemas.topics import REPEATS, TICKETS, Topic
from services.dedup import chain as chains
from services.dedup.contacts import became_ticket, came, of_named
from services.dedup.desk import Desk
from services.dedup.facts import SERVICE, Occasion
from services.dedup.handover import (
    HANDOVER,
    Adopt,
    AnyMessage,
    Export,
    Follow,
    Join,
    forgotten,
    index_of,
    kept,
    linked,
    noted,
    read,
    send,
    written,
)
from services.dedup.keys import citizen_of, in_force, key_of, leaf_of, split_into
from services.dedup.state import Chain, Index
from services.dedup.stateless import of_anonymous
from services.dedup.tickets import amended, marked, new_ticket

_WITHOUT_STATE = frozenset(
    (TicketReceived, TicketImported, TicketNotAccepted, TicketWithdrawn, VerdictMarked)
)
"""Events of an anonymous caller that say something about the ticket's verdict."""


@dataclass(frozen=True, slots=True)
class Handed:
    """A message of the hand-over, and the event behind it: the citizen is the receiver's."""

    message: AnyMessage
    event: Event


class Dedup(Processor[Chain, Event | Handed]):
    """Repeat verdicts, one state per citizen and leaf, and an index of the leaves per citizen."""

    name: ClassVar[str] = SERVICE
    inputs: ClassVar[tuple[Topic, ...]] = (TICKETS, HANDOVER)
    outputs: ClassVar[tuple[Topic, ...]] = (REPEATS, HANDOVER)
    state_type = Chain

    def decode(self, record: Record) -> Event | Handed:
        if record.topic.name != HANDOVER.name:
            return logged(record.value or b"")
        try:
            message = read(record.value or b"")
        except DecodeError as error:
            raise Unreadable("invalid", f"no message of a hand-over: {error}") from error
        event = logged(message.event.encode())
        return Handed(message, event.model_copy(update={"citizen": message.citizen}))

    def recorded_at(self, event: Event | Handed, record: Record) -> datetime:
        return recorded(event.event if isinstance(event, Handed) else event)

    def subject(self, event: Event | Handed) -> str:
        """The ticket; what is handed over waits in order behind all of its citizen."""
        return event.message.citizen if isinstance(event, Handed) else event.subject

    def keys(self, event: Event | Handed, policy: Policy) -> tuple[str, ...]:
        """The key in force first, then those that its tickets may still stand under (R14), and
        last the citizen's index."""
        if isinstance(event, Handed):
            message = event.message
            match message:
                case Export():
                    return (key_of(message.citizen, message.leaf),)
                case Adopt():
                    leaves = _leaves(message.leaf, policy)
                    return (*(key_of(message.citizen, each) for each in leaves), message.citizen)
                case Join():
                    return (message.citizen,)
            event = event.event
        citizen = citizen_of(event)
        anonymous = is_anonymous(citizen)
        if isinstance(event, IdentityLinked):
            return () if anonymous else (citizen,)
        keys = _keys(event, citizen, policy)
        return (*keys, citizen) if keys and not anonymous else keys

    def decide(
        self,
        states: Mapping[str, Chain | None],
        event: Event | Handed,
        now: datetime,
        policy: Policy,
    ) -> Decision[Chain]:
        if isinstance(event, Handed):
            return self._handed(states, event, now, policy)
        citizen = citizen_of(event)
        if is_anonymous(citizen):
            return Decision(effects=of_anonymous(Occasion(event, citizen, now, policy)))
        index = index_of(states[citizen])
        if isinstance(event, IdentityLinked):
            first, second = event.data.first.citizen, event.data.second.citizen
            if first is None or second is None:
                return Decision()
            return _linked(citizen, first, second, index, written(event))
        if index.gone_to:  # behind the chains that are still on their way
            return Decision(effects=(send(Follow(citizen=citizen, event=written(event))),))
        return _decided(states, event, Occasion(event, citizen, now, policy))

    def _handed(
        self, states: Mapping[str, Chain | None], handed: Handed, now: datetime, policy: Policy
    ) -> Decision[Chain]:
        message, event = handed.message, handed.event
        citizen = message.citizen
        if isinstance(message, Export):
            key = key_of(citizen, message.leaf)
            chain = states[key]
            if chain is None:
                return Decision()
            adopt = Adopt(citizen=message.to, event=message.event, leaf=message.leaf, chain=chain)
            return Decision(states={key: None}, effects=(send(adopt),))
        index = index_of(states[citizen])
        if isinstance(message, Join):
            return _linked(citizen, message.first, citizen, index, message.event)
        if index.gone_to:
            return Decision(effects=(send(replace(message, citizen=index.gone_to)),))
        occasion = Occasion(event, citizen, now, policy)
        if isinstance(message, Follow):
            return _decided(states, event, occasion)
        desk = _desk(states, occasion, message.leaf)
        desk.migrate()
        desk.adopt(message.chain, message.leaf)
        return _done(desk, index)

    def wake(self, key: str, state: Chain, due: datetime, policy: Policy) -> Decision[Chain]:
        """Nothing can look back any more: the tickets are forgotten. No verdict changes."""
        if state.index is not None:
            return Decision(states={key: kept(forgotten(state.index, due))})
        keep = policy.repeat.keep_tickets
        return Decision(states={key: _forgotten(state, due, keep)})


def _keys(event: Event, citizen: str, policy: Policy) -> tuple[str, ...]:
    kind = type(event)
    if kind not in _EFFECTS:
        return ()
    leaf = event.leaf or ""
    if is_anonymous(citizen):
        return (key_of(citizen, leaf),) if kind in _WITHOUT_STATE else ()
    if isinstance(event, ContactReceived | ContactAnswered) and not leaf:
        return (key_of(citizen, ""),) if event.data.ticket else ()
    leaves = _leaves(leaf, policy)
    if event.previousleaf is not None:
        before = in_force(event.previousleaf, policy)
        leaves = (*leaves, *policy.categories.predecessors(before), event.previousleaf)
    elif kind is TicketAmended:
        leaves = (*leaves, "")  # a ticket without a leaf waits there for its first one
    if len(leaves) == 1:
        return (key_of(citizen, leaves[0]),)
    return tuple(dict.fromkeys(key_of(citizen, each) for each in leaves))


def _leaves(leaf: str, policy: Policy) -> tuple[str, ...]:
    """The leaf in force, and those that tickets of it may still stand under (R14)."""
    home = in_force(leaf, policy)
    return (home, *policy.categories.predecessors(home)[1:], *split_into(home, policy))


def _linked(citizen: str, one: str, other: str, index: Index, event: str) -> Decision[Chain]:
    after, effects = linked(citizen, one, other, index, event)
    return Decision(states={} if after is index else {citizen: kept(after)}, effects=effects)


def _desk(states: Mapping[str, Chain | None], occasion: Occasion, leaf: str) -> Desk:
    chains_ = dict(states)
    del chains_[occasion.citizen]
    return Desk(occasion, chains_, in_force(leaf, occasion.policy))


def _decided(
    states: Mapping[str, Chain | None], event: Event, occasion: Occasion
) -> Decision[Chain]:
    desk = _desk(states, occasion, event.leaf or "")
    effect = _EFFECTS.get(type(event))
    if effect is not None:
        effect(desk, event)
    return _done(desk, index_of(states[occasion.citizen]))


def _done(desk: Desk, index: Index) -> Decision[Chain]:
    """What the desk changed, and the index where it must say more than before."""
    changed = desk.changed
    after = noted(index, ((leaf_of(key), chain) for key, chain in changed.items()))
    if after is not index:
        changed = {**changed, desk.occasion.citizen: kept(after)}
    return Decision(states=changed, effects=desk.effects)


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
