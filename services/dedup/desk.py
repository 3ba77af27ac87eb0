"""One decision at work on the chains that were handed in: judge, state, put back."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as dataclass_replace

from msgspec.structs import replace

from rules.handling import Handling
from runtime.processor import Effect
from schemas.events import VerdictMarked
from schemas.topics import REPEATS
from services.dedup import chain as chains
from services.dedup.causes import caused_by
from services.dedup.facts import Occasion, data_of
from services.dedup.keys import in_force, key_of, leaf_of, split_into
from services.dedup.state import Chain, Link, Ruled, Ticket
from services.dedup.stateless import of_unknown
from services.dedup.tickets import marked, until_of, window_of


@dataclass(slots=True)
class Desk:
    """One decision at work: the chains handed in, those changed, the verdicts stated."""

    occasion: Occasion
    states: dict[str, Chain | None]
    leaf: str
    """The leaf in force of the event's ticket."""
    changed: dict[str, Chain | None] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)

    @property
    def home(self) -> str:
        return key_of(self.occasion.citizen, self.leaf)

    def chain(self, key: str) -> Chain:
        return self.states[key] or chains.EMPTY

    def put(self, key: str, chain: Chain | None) -> None:
        if chain is not self.states[key]:
            self.states[key] = self.changed[key] = chain

    # Finding

    def find(self, ticket_id: str) -> tuple[str, int] | None:
        """Key and index of a ticket; its home is looked at first."""
        for key, state in self.states.items():
            if state is not None:
                index = chains.find(state.tickets, ticket_id)
                if index >= 0:
                    return key, index
        return None

    def is_news(self, ticket: Ticket) -> bool:
        """False for an event that this ticket has seen (a redrive, a second delivery)."""
        sequence = self.occasion.event.sequence
        return sequence is None or sequence > ticket.sequence

    # The category tree (R14)

    def migrate(self) -> None:
        """Tickets under a leaf that was renamed or merged move to the one in force, when touched.

        It restates nothing: what was said under the old tree was right under it.
        """
        if len(self.states) == 1:
            return
        for key in self._predecessors():
            state = self.states[key]
            if state is not None and in_force(leaf_of(key), self.occasion.policy) == self.leaf:
                self.put(self.home, chains.merged(self.chain(self.home), state, leaf_of(key)))
                self.put(key, None)

    def related(self, key: str) -> tuple[Ticket, ...]:
        """Tickets of the leaves that this one was split from; they stay where they are (R14)."""
        if len(self.states) == 1:
            return ()
        policy, leaf = self.occasion.policy, leaf_of(key)
        return tuple(
            ticket
            for other in policy.categories.predecessors(leaf)[1:]
            if len(policy.categories.current(other)) > 1
            for ticket in (
                self.states.get(key_of(self.occasion.citizen, other)) or chains.EMPTY
            ).tickets
        )

    def _predecessors(self) -> list[str]:
        citizen = self.occasion.citizen
        leaves = self.occasion.policy.categories.predecessors(self.leaf)[1:]
        return [key for key in (key_of(citizen, each) for each in leaves) if key in self.states]

    # Judging

    def insert(self, ticket: Ticket, cause: str, others: str) -> None:
        """A ticket that was not there: it and those behind it are judged."""
        key = self.home
        chain = self.chain(key)
        if chain.cut is not None and ticket.order <= chain.cut:
            self._judge_alone(ticket, chain, cause)
            return
        tickets = list(chain.tickets)
        index = chains.position_of(tickets, ticket)
        tickets.insert(index, ticket)
        self.judge(key, tickets, index, Change(ticket, cause, others, forced=True))

    def judge(self, key: str, tickets: list[Ticket], start: int, change: "Change") -> None:
        """Judges ``tickets[start:]``, states what is new about them, and puts the chain.

        Only what the change touches is judged: what hangs on a ticket that is now otherwise.
        """
        related = self.related(key)
        chain = self.chain(key)
        touched = {change.ticket.id, *change.gone}
        nearer: set[str] = set()
        for index in range(start, len(tickets)):
            ticket = tickets[index]
            if not change.concerns(ticket, touched, nearer):
                nearer.add(ticket.id)
                continue
            if ticket.id != change.ticket.id:
                nearer.add(ticket.id)
            everything, at = _with(related, tickets, index)
            own = ticket.id == change.ticket.id
            place = self._place(ticket, everything, at, change)
            after = self._judged(ticket, place, everything, chain.heads)
            if not (own and change.forced) and chains.same_content(ticket, after):
                if ticket.link != after.link or ticket.ruled != after.ruled:
                    touched.add(ticket.id)
                    tickets[index] = after
                continue
            touched.add(ticket.id)
            cause = change.cause if own else change.others
            tickets[index] = self._stated(key, ticket, after, everything, at, chain.heads, cause)
        contacts = list(chain.contacts)
        if contacts:
            seen = Seen(touched, nearer)
            self._judge_contacts(key, contacts, tickets, related, seen, change)
        closed = chains.closed(
            chain,
            tickets,
            now=self.occasion.now,
            keep=self.occasion.policy.repeat.keep_tickets,
            related=related,
            contacts=contacts,
        )
        self.put(key, closed)
        if len(self.states) > 1:
            self._judge_split(key, change)

    def _place(self, ticket: Ticket, everything: list[Ticket], at: int, change: "Change") -> Link:
        """Handling moves no ticket to another one; all else may."""
        known = ticket.link
        if change.handling_alone and known.before and not known.by_name_alone:
            before = chains.find(everything, known.before)
            return chains.after(everything[before], sure=known.sure) if before >= 0 else known
        same = self.occasion.policy.repeat.same_matter
        return chains.link(ticket, everything, at, same, change.gone)

    def _judged(
        self, ticket: Ticket, place: Link, everything: list[Ticket], heads: Sequence[Ticket]
    ) -> Ticket:
        """The ticket with its verdict, as it is now known; not stated yet."""
        by_rule = chains.ruled(ticket, place, everything, self.occasion.policy)
        verdict, reason = chains.verdict(ticket, by_rule)
        if reason == "new_fault_same_kind" and place.before and not place.recurrence:
            place = chains.started_anew(ticket, place)
        after = replace(ticket, link=place, ruled=by_rule, verdict=verdict, reason=reason)
        if verdict != "confirmed" and not ticket.caused:
            return after
        return replace(after, caused=caused_by(after, everything, heads, self.occasion.policy))

    def _judge_contacts(
        self,
        key: str,
        contacts: list[Ticket],
        tickets: list[Ticket],
        related: tuple[Ticket, ...],
        seen: "Seen",
        change: "Change",
    ) -> None:
        """Contacts hang on tickets; nothing hangs on them (ruling 4)."""
        heads = self.chain(key).heads
        everything = sorted((*related, *tickets), key=lambda each: each.order)
        for index, contact in enumerate(contacts):
            if not change.concerns(contact, seen.touched, seen.nearer):
                continue
            at = chains.position_of(everything, contact)
            own = contact.id == change.ticket.id
            place = self._place(contact, everything, at, change)
            after = self._judged(contact, place, everything, heads)
            if after.verdict == "new" and not contact.revision:
                contacts[index] = after  # of a first contact nothing is said: it counts nowhere
                continue
            if not (own and change.forced) and chains.same_content(contact, after):
                contacts[index] = after
                continue
            cause = change.cause if own else change.others
            beside = [*everything[:at], after]
            contacts[index] = self._stated(key, contact, after, beside, at, heads, cause)

    def _judge_split(self, key: str, change: "Change") -> None:
        """Leaves that this one was split into look at its tickets too (R14)."""
        for leaf in split_into(leaf_of(key), self.occasion.policy):
            target = key_of(self.occasion.citizen, leaf)
            state = self.states.get(target)
            if state is not None:
                tickets = list(state.tickets)
                start = chains.position_of(tickets, change.ticket)
                self.judge(target, tickets, start, change)

    def _judge_alone(self, ticket: Ticket, chain: Chain, cause: str) -> None:
        """A ticket from before what is kept: it is not entered, and changes no other (R12)."""
        link = Link(ticket.id, ticket.time, 1 if chains.is_compared(ticket) else 0)
        next_ = chain.tickets[0].link if chain.tickets else link
        began = next_.first_time
        by_rule = None
        if link.position and next_.position > 1 and began is not None and began < ticket.time:
            link = Link(next_.first, began, max(2, next_.position - 1))
            by_rule = Ruled("candidate", "same_citizen_and_leaf")
        ticket = replace(ticket, late=True)
        by_rule = by_rule or chains.ruled(ticket, link, (), self.occasion.policy)
        verdict, reason = chains.verdict(ticket, by_rule)
        after = replace(ticket, link=link, ruled=by_rule, verdict=verdict, reason=reason)
        self._stated(self.home, ticket, after, [ticket], 0, chain.heads, cause)

    def _stated(
        self,
        key: str,
        before: Ticket,
        after: Ticket,
        tickets: list[Ticket],
        index: int,
        heads: Sequence[Ticket],
        cause: str,
    ) -> Ticket:
        """States the verdict on ``tickets[index]``; the ticket as it is now known there."""
        occasion = self.occasion
        revision = before.revision + 1
        fact_id = occasion.fact_id(after.verdict, before.id, revision, key)
        ticket = tickets[index] = replace(after, revision=revision, fact=fact_id)
        data = data_of(
            ticket,
            index,
            tickets,
            heads,
            leaf=leaf_of(key),
            cause=cause,
            replaces=before.fact,
            policy=occasion.policy,
        )
        fact = occasion.fact(fact_id, ticket.id, data)
        self.effects.append(Effect(REPEATS, occasion.citizen, fact))
        return ticket

    # Linked identities

    def adopt(self, handed: Chain, leaf: str) -> None:
        """The tickets of another pseudonym of the same citizen come to stand among these (R12)."""
        former = "" if leaf == self.leaf else leaf
        both = chains.merged(self.chain(self.home), handed, former)
        self.put(self.home, both)
        some = next(iter((*both.tickets, *both.contacts)), None)
        if some is not None:
            cause = "identity_linked"
            change = Change(some, cause, cause, everything=True)
            self.judge(self.home, list(both.tickets), 0, change)

    # Changing a ticket that is there

    def change(self, before: Ticket, after: Ticket, key: str, index: int, cause: str) -> None:
        """A ticket is other than it was: it and those behind it are judged, at home.

        A revision is due when its content changed, or what R16 counts it under.
        """
        others = f"earlier_{cause}"
        sequence = self.occasion.event.sequence
        after = replace(after, sequence=sequence or before.sequence)
        tickets = list(self.chain(key).tickets)
        if key == self.home:
            forced = _counted_under(before) != _counted_under(after) or _marks(before) != _marks(
                after
            )
            tickets[index] = after
            self.judge(key, tickets, index, Change(after, cause, others, forced))
            return
        del tickets[index]
        self.judge(key, tickets, index, Change(after, cause, others, gone=(after.id,)))
        policy, leaf = self.occasion.policy, self.leaf
        moved = replace(
            after,
            link=Link(after.id, after.time, 0),
            ruled=None,
            former_leaf="",
            window=window_of(leaf, after.channel, after.time, policy),
            until=until_of(after.id, leaf, after.time, policy),
        )
        self.insert(moved, cause, others)

    def enrich(self, ticket_id: str, update: Callable[[Handling], Handling], cause: str) -> None:
        """More is known of how a ticket was handled: verdicts that rest on it are judged again.

        Heads are copies, so all are looked at. Its own verdict does not rest on it; but who handles
        it is what it is counted by (R16), a chase is counted (R18), evidence may be its own (R17).
        """
        for key, state in list(self.states.items()):
            if state is None:
                continue
            heads = tuple(self._enriched(each, ticket_id, update) for each in state.heads)
            index = chains.find(state.tickets, ticket_id)
            tickets = list(state.tickets)
            changed = next(
                (new for new, old in zip(heads, state.heads, strict=True) if new is not old), None
            )
            if index >= 0:
                ticket = self._enriched(tickets[index], ticket_id, update)
                changed = ticket if ticket is not tickets[index] else changed
                restated = _counted_by(ticket.handling) != _counted_by(tickets[index].handling)
                tickets[index] = ticket
            if changed is None:
                continue
            self.put(key, dataclass_replace(state, heads=heads))
            change = Change(
                changed,
                cause,
                f"earlier_{cause}",
                forced=index >= 0 and restated,
                handling_alone=True,
            )
            self.judge(key, tickets, max(index, 0), change)

    def _enriched(
        self, ticket: Ticket, ticket_id: str, update: Callable[[Handling], Handling]
    ) -> Ticket:
        if ticket.id != ticket_id or not self.is_news(ticket):
            return ticket
        handling = update(ticket.handling)
        sequence = self.occasion.event.sequence or ticket.sequence
        return replace(ticket, handling=handling, sequence=sequence)

    # Contacts (ruling 4)

    def contact(self, contact_id: str) -> tuple[str, int] | None:
        """Key and index of a contact that no ticket is known of."""
        for key, state in self.states.items():
            if state is not None and state.contacts:
                index = chains.find(state.contacts, contact_id)
                if index >= 0:
                    return key, index
        return None

    def drop_contact(self, key: str, index: int) -> Ticket:
        state = self.chain(key)
        contact = state.contacts[index]
        left = (*state.contacts[:index], *state.contacts[index + 1 :])
        self.put(key, dataclass_replace(state, contacts=left) if left or state.tickets else None)
        return contact

    def judge_contact(self, contact: Ticket, cause: str, *, forced: bool = False) -> None:
        """A contact that came, or of which more is known, is judged under the leaf in force."""
        key, chain = self.home, self.chain(self.home)
        contacts = sorted(
            (*(each for each in chain.contacts if each.id != contact.id), contact),
            key=lambda each: each.order,
        )[-self.occasion.policy.repeat.keep_contacts :]
        self.put(key, dataclass_replace(chain, contacts=tuple(contacts)))
        tickets = list(chain.tickets)
        self.judge(key, tickets, len(tickets), Change(contact, cause, cause, forced))

    def mark_contact(self, event: VerdictMarked) -> bool:
        """A human's word on a contact; False when it is not known."""
        known = self.contact(event.subject)
        if known is None:
            return False
        key, index = known
        contact = self.chain(key).contacts[index]
        if self.is_news(contact):
            self.leaf = leaf_of(key)
            sequence = event.sequence or contact.sequence
            after = replace(marked(contact, event), sequence=sequence)
            self.judge_contact(after, "human_mark", forced=True)
        return True

    def take_back(self, key: str, contact: Ticket, by_rule: Ruled, cause: str) -> None:
        """The last word on a contact: something else counts instead."""
        place = Link(contact.id, contact.time, 0)
        after = replace(
            contact, link=place, ruled=by_rule, verdict="new", reason=by_rule.reason, caused=""
        )
        self._stated(key, contact, replace(after, mark=None), [after], 0, (), cause)

    def state_unknown(self) -> None:
        """A ticket whose receipt is no longer kept: what can be said without it (revision 0)."""
        self.effects.extend(of_unknown(self.occasion, self.leaf))


def _with(
    related: tuple[Ticket, ...], tickets: list[Ticket], index: int
) -> tuple[list[Ticket], int]:
    if not related:
        return tickets, index
    everything = sorted((*related, *tickets), key=lambda each: each.order)
    return everything, chains.position_of(everything, tickets[index])


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pass over the tickets of a chain found."""

    touched: set[str]
    """Ids of what is otherwise than it was."""
    nearer: set[str]
    """Ids of what stands behind the change."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a chain."""

    ticket: Ticket
    """The one that the event is about."""
    cause: str
    """Why, for its own revision."""
    others: str
    """Why, for revisions of those behind it."""
    forced: bool = False
    """Whether its own revision is due whatever the content."""
    gone: tuple[str, ...] = ()
    """It was moved away."""
    handling_alone: bool = False
    """Only how it was handled is otherwise: who hangs on it stays there."""
    everything: bool = False
    """The whole chain is otherwise."""

    def concerns(self, ticket: Ticket, touched: Collection[str], nearer: Collection[str]) -> bool:
        """Whether what happened can matter to a ticket behind (or to the one that it is about).

        Args:
            ticket: one that stands behind.
            touched: ids of what is otherwise than it was.
            nearer: ids of what stands between.
        """
        link, rests = ticket.link, ticket.ruled
        if self.everything:
            return True
        if link.before in touched or ticket.id == self.ticket.id or link.first in touched:
            return True
        if rests is not None and rests.case in touched:
            return True
        if self.handling_alone:
            return False
        # Who hangs for sure on what stands between cannot be drawn away; who does not, may be.
        named = chains.named_by_human(ticket) or ticket.linked
        return not link.sure or link.before not in nearer or bool(named and named != link.before)


def _counted_under(ticket: Ticket) -> tuple[object, ...]:
    return ticket.area, ticket.request_type, ticket.matter.department, ticket.withdrawn


def _counted_by(handling: Handling) -> tuple[object, ...]:
    return handling.department, handling.team, handling.handler, handling.chases


def _marks(ticket: Ticket) -> tuple[object, ...]:
    return ticket.mark, ticket.refused, ticket.reasonable
