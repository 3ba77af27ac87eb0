"""One decision at work on the chains that were handed in: judge, state, put back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from runtime.processor import Effect
from schemas.topics import REPEATS
from services.dedup import chain as chains
from services.dedup.facts import Occasion, data_of
from services.dedup.keys import in_force, key_of, leaf_of, split_into
from services.dedup.state import Chain, Handling, Link, Ticket
from services.dedup.stateless import of_unknown
from services.dedup.tickets import until_of, window_of


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
        self._judge(key, tickets, index, Change(ticket, cause, others, forced=True))

    def _judge(self, key: str, tickets: list[Ticket], start: int, change: "Change") -> None:
        """Judges ``tickets[start:]``, states what is new about them, and puts the chain."""
        related = self.related(key)
        chain = self.chain(key)
        for index in range(start, len(tickets)):
            ticket = tickets[index]
            own = ticket.id == change.ticket.id
            everything, at = _with(related, tickets, index)
            link = chains.link(ticket, everything, at, change.gone)
            judged = chains.verdict(ticket, link)
            if not (own and change.forced) and chains.same_content(ticket, link, judged):
                if ticket.link != link:
                    tickets[index] = replace(ticket, link=link)
                continue
            cause = change.cause if own else change.others
            judgement = (link, *judged, ticket.revision + 1)
            tickets[index] = self._stated(key, judgement, everything, at, chain.heads, cause)
        closed = chains.closed(
            chain,
            tickets,
            now=self.occasion.now,
            keep=self.occasion.policy.repeat.keep_tickets,
            related=related,
        )
        self.put(key, closed)
        if len(self.states) > 1:
            self._judge_split(key, change)

    def _judge_split(self, key: str, change: "Change") -> None:
        """Leaves that this one was split into look at its tickets too (R14)."""
        for leaf in split_into(leaf_of(key), self.occasion.policy):
            target = key_of(self.occasion.citizen, leaf)
            state = self.states.get(target)
            if state is not None:
                tickets = list(state.tickets)
                self._judge(target, tickets, chains.position_of(tickets, change.ticket), change)

    def _judge_alone(self, ticket: Ticket, chain: Chain, cause: str) -> None:
        """A ticket from before what is kept: it is not entered, and changes no other (R12)."""
        link = Link(ticket.id, ticket.time, 1 if chains.is_compared(ticket) else 0)
        after = chain.tickets[0].link if chain.tickets else link
        began = after.first_time
        if link.position and after.position > 1 and began is not None and began < ticket.time:
            link = Link(after.first, began, max(2, after.position - 1))
        ticket = replace(ticket, late=True)
        verdict, reason = chains.verdict(ticket, link)
        self._stated(self.home, (link, verdict, reason, 1), [ticket], 0, chain.heads, cause)

    def _stated(
        self,
        key: str,
        judgement: tuple[Link, str, str, int],
        tickets: list[Ticket],
        index: int,
        heads: Sequence[Ticket],
        cause: str,
    ) -> Ticket:
        """States the verdict on ``tickets[index]``; the ticket as it is now known there."""
        occasion, before = self.occasion, tickets[index]
        link, verdict, reason, revision = judgement
        fact_id = occasion.fact_id(verdict, before.id, revision, key)
        ticket = tickets[index] = replace(
            before, link=link, verdict=verdict, reason=reason, revision=revision, fact=fact_id
        )
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
            forced = _counted_under(before) != _counted_under(after) or before.mark != after.mark
            tickets[index] = after
            self._judge(key, tickets, index, Change(after, cause, others, forced))
            return
        del tickets[index]
        self._judge(key, tickets, index, Change(after, cause, others, gone=(after.id,)))
        policy, leaf = self.occasion.policy, self.leaf
        moved = replace(
            after,
            link=Link(after.id, after.time, 0),
            former_leaf="",
            window=window_of(leaf, after.channel, after.time, policy),
            until=until_of(after.id, leaf, after.time, policy),
        )
        self.insert(moved, cause, others)

    def enrich(self, ticket_id: str, update: Callable[[Handling], Handling]) -> None:
        """What R22 will tell; no verdict follows. Heads are copies, so all are looked at."""

        def apply(tickets: tuple[Ticket, ...]) -> tuple[Ticket, ...]:
            index = chains.find(tickets, ticket_id)
            if index < 0 or not self.is_news(tickets[index]):
                return tickets
            ticket = tickets[index]
            ticket = replace(
                ticket,
                handling=update(ticket.handling),
                sequence=self.occasion.event.sequence or ticket.sequence,
            )
            return (*tickets[:index], ticket, *tickets[index + 1 :])

        for key, state in list(self.states.items()):
            if state is not None:
                tickets, heads = apply(state.tickets), apply(state.heads)
                if tickets is not state.tickets or heads is not state.heads:
                    self.put(key, Chain(state.wake_at, tickets, heads, state.dropped, state.cut))

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


def _counted_under(ticket: Ticket) -> tuple[object, ...]:
    return ticket.area, ticket.request_type, ticket.matter.department, ticket.withdrawn
