"""The repeat processor: an event in, the chains changed, verdicts and their revisions out.

Rules: R12 (window), R13 (matter), R14 (tree), R15 (human marks), R16 (what facts must carry so that
the numbers add up), R22 (the first ticket's handling). Which ticket belongs to which is in
``chain``, the words in ``words``, the fact in ``facts``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from msgspec.structs import replace
from pydantic import ValidationError

from policy.bundle import Policy
from runtime.processor import Decision, Effect, Processor, Record, Unreadable
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
from services.dedup.facts import SERVICE, Occasion, data_of, mark_data
from services.dedup.matter import matter_of
from services.dedup.state import Chain, Handling, Link, Mark, Opened, Ticket
from services.dedup.words import REASONS

_Handled = (
    TicketReceived
    | TicketImported
    | TicketAmended
    | TicketNotAccepted
    | TicketWithdrawn
    | TicketReopened
    | TicketDispatched
    | TicketDesignated
    | DispatchAccepted
    | ReplySubmitted
    | TicketClosed
    | CallbackAnswered
    | VerdictMarked
)

_WITHOUT_STATE = frozenset(
    (TicketReceived, TicketImported, TicketNotAccepted, TicketWithdrawn, VerdictMarked)
)
"""Events of an anonymous caller that say something about the ticket's verdict."""


RECEIVED_TWICE = "received_twice"
"""Intake's anomaly on another receipt of a ticket: the verdict is out already."""


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
            return (_key(citizen, leaf),) if kind in _WITHOUT_STATE else ()
        tree = policy.categories
        home = _in_force(leaf, policy)
        leaves = (home, *tree.predecessors(home)[1:], *_split_into(home, policy))
        if event.previousleaf is not None:
            before = _in_force(event.previousleaf, policy)
            leaves = (*leaves, *tree.predecessors(before), event.previousleaf)
        elif kind is TicketAmended:
            leaves = (*leaves, "")  # a ticket without a leaf waits there for its first one
        if len(leaves) == 1:
            return (_key(citizen, home),)
        return tuple(dict.fromkeys(_key(citizen, each) for each in leaves))

    def decide(
        self, states: Mapping[str, Chain | None], event: Event, now: datetime, policy: Policy
    ) -> Decision[Chain]:
        citizen = citizen_of(event)
        occasion = Occasion(event, citizen, now, policy)
        if is_anonymous(citizen):
            return _without_state(occasion)
        desk = _Desk(occasion, dict(states), _in_force(event.leaf or "", policy))
        effect = _EFFECTS.get(type(event))
        if effect is not None:
            effect(desk, event)
        return Decision(states=desk.changed, effects=desk.effects)

    def wake(self, key: str, state: Chain, due: datetime, policy: Policy) -> Decision[Chain]:
        """Nothing can look back any more: the tickets are forgotten. No verdict changes."""
        keep = policy.repeat.keep_tickets
        return Decision(states={key: chains.closed(state, state.tickets, now=due, keep=keep)})


def citizen_of(event: Envelope) -> str:
    """The pseudonym; who has none is nobody we know."""
    return event.citizen or f"anon:{event.subject}"


def _key(citizen: str, leaf: str) -> str:
    return f"{citizen}|{leaf}"


def _in_force(leaf: str, policy: Policy) -> str:
    """The leaf under which tickets of ``leaf`` are kept: its successor, itself after a split."""
    current = policy.categories.current(leaf)
    return current[0] if len(current) == 1 else leaf


def _split_into(leaf: str, policy: Policy) -> tuple[str, ...]:
    current = policy.categories.current(leaf)
    return current if len(current) > 1 else ()


@dataclass(slots=True)
class _Desk:
    """One decision at work: the chains handed in, those changed, the verdicts stated."""

    occasion: Occasion
    states: dict[str, Chain | None]
    leaf: str
    """The leaf in force of the event's ticket."""
    changed: dict[str, Chain | None] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)

    @property
    def home(self) -> str:
        return _key(self.occasion.citizen, self.leaf)

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
            if state is not None and _in_force(_leaf_of(key), self.occasion.policy) == self.leaf:
                self.put(self.home, chains.merged(self.chain(self.home), state, _leaf_of(key)))
                self.put(key, None)

    def related(self, key: str) -> tuple[Ticket, ...]:
        """Tickets of the leaves that this one was split from; they stay where they are (R14)."""
        if len(self.states) == 1:
            return ()
        policy, leaf = self.occasion.policy, _leaf_of(key)
        return tuple(
            ticket
            for other in policy.categories.predecessors(leaf)[1:]
            if len(policy.categories.current(other)) > 1
            for ticket in (
                self.states.get(_key(self.occasion.citizen, other)) or chains.EMPTY
            ).tickets
        )

    def _predecessors(self) -> list[str]:
        citizen = self.occasion.citizen
        leaves = self.occasion.policy.categories.predecessors(self.leaf)[1:]
        return [key for key in (_key(citizen, each) for each in leaves) if key in self.states]

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
        self._judge(key, tickets, index, _Change(ticket, cause, others, forced=True))

    def _judge(self, key: str, tickets: list[Ticket], start: int, change: "_Change") -> None:
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

    def _judge_split(self, key: str, change: "_Change") -> None:
        """Leaves that this one was split into look at its tickets too (R14)."""
        for leaf in _split_into(_leaf_of(key), self.occasion.policy):
            target = _key(self.occasion.citizen, leaf)
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
            leaf=_leaf_of(key),
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
            self._judge(key, tickets, index, _Change(after, cause, others, forced))
            return
        del tickets[index]
        self._judge(key, tickets, index, _Change(after, cause, others, gone=(after.id,)))
        policy, leaf = self.occasion.policy, self.leaf
        moved = replace(
            after,
            link=Link(after.id, after.time, 0),
            former_leaf="",
            window=_window(leaf, after.channel, after.time, policy),
            until=_until(leaf, after.time, policy),
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
        self.effects.extend(_of_unknown(self.occasion, self.leaf))


def _with(
    related: tuple[Ticket, ...], tickets: list[Ticket], index: int
) -> tuple[list[Ticket], int]:
    if not related:
        return tickets, index
    everything = sorted((*related, *tickets), key=lambda each: each.order)
    return everything, chains.position_of(everything, tickets[index])


@dataclass(frozen=True, slots=True)
class _Change:
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


def _leaf_of(key: str) -> str:
    return key.partition("|")[2]


# What each event does


def _received(desk: _Desk, event: TicketReceived | TicketImported) -> None:
    desk.migrate()
    known = desk.find(event.subject)
    if known is None:
        ticket = _new_ticket(event, desk.leaf, desk.occasion)
        kind = "imported" if isinstance(event, TicketImported) else "received"
        desk.insert(ticket, f"ticket_{kind}", "late_ticket")
        return
    _amend(desk, known, event.data, "ticket_received_again")


def _amended(desk: _Desk, event: TicketAmended) -> None:
    desk.migrate()
    known = desk.find(event.subject)
    if known is not None:
        moved = known[0] != desk.home
        _amend(desk, known, event.data.changes, "leaf_amended" if moved else "ticket_amended")


def _amend(desk: _Desk, known: tuple[str, int], content: TicketContent, cause: str) -> None:
    key, index = known
    before = desk.chain(key).tickets[index]
    if not desk.is_news(before):
        return
    given = content.model_fields_set
    area, request_type = before.area, before.request_type
    counts = before.counts
    if "place" in given:
        area = content.place.division if content.place else None
    if "request_type" in given:
        request_type = content.request_type.value if content.request_type else None
        counts = desk.occasion.policy.repeat.counts(request_type)
    ticket = replace(
        before,
        matter=matter_of(content, before.matter),
        area=area,
        request_type=request_type,
        counts=counts,
    )
    if ticket != before or key != desk.home:
        desk.change(before, ticket, key, index, cause)


def _taken_back(desk: _Desk, event: TicketWithdrawn | TicketNotAccepted) -> None:
    if desk.occasion.policy.repeat.withdrawn_counts:
        return
    kind = "withdrawn" if isinstance(event, TicketWithdrawn) else "not_accepted"
    _set_withdrawn(desk, event, kind, kind)


def _reopened(desk: _Desk, event: TicketReopened) -> None:
    def reopened(known: Handling) -> Handling:
        return replace(known, closed_at=None, department=event.data.department or known.department)

    desk.migrate()
    known = desk.find(event.subject)
    if known is not None and desk.chain(known[0]).tickets[known[1]].withdrawn:
        _set_withdrawn(desk, event, "", "reopened")
    else:
        desk.enrich(event.subject, reopened)


def _set_withdrawn(desk: _Desk, event: Envelope, kind: str, cause: str) -> None:
    desk.migrate()
    known = desk.find(event.subject)
    if known is None:
        desk.state_unknown()
        return
    key, index = known
    ticket = desk.chain(key).tickets[index]
    if desk.is_news(ticket) and ticket.withdrawn != kind:
        desk.leaf = _leaf_of(key)
        desk.change(ticket, replace(ticket, withdrawn=kind), key, index, cause)


def _marked(desk: _Desk, event: VerdictMarked) -> None:
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
        desk.leaf = _leaf_of(key)
        marked = replace(ticket, mark=_mark(event, ticket.mark))
        desk.change(ticket, marked, key, index, "human_mark")


def _mark(event: VerdictMarked, before: Mark | None) -> Mark:
    """An overturned exclusion, or an overturned overturning, gives the rule its right back."""
    data = event.data
    verdict = {
        marks.Mark.CONFIRM: "confirmed",
        marks.Mark.EXCLUDE: "excluded",
        marks.Mark.OVERTURN: "overturned",
    }[data.mark]
    if verdict == "overturned" and before and before.verdict in ("excluded", "overturned"):
        verdict = ""
    return Mark(
        mark=data.mark.value,
        verdict=verdict,
        at=event.time,
        by=data.by,
        reason=data.reason.value if data.reason else None,
        clause=data.clause or None,
        earlier_ticket=data.earlier_ticket,
        text=data.text or None,
    )


def _dispatched(desk: _Desk, event: TicketDispatched) -> None:
    if event.data.role is not DispatchRole.SUPPORTING:
        desk.enrich(event.subject, lambda known: _by_dispatch(known, event.data))


def _by_dispatch(known: Handling, terms: DispatchTerms) -> Handling:
    """A new department brings its own team and handler, or none."""
    if terms.department and terms.department != known.department:
        return replace(known, department=terms.department, team=terms.team, handler=terms.handler)
    return replace(known, team=terms.team or known.team, handler=terms.handler or known.handler)


def _designated(desk: _Desk, event: TicketDesignated) -> None:
    terms = DispatchTerms(department=event.data.department)
    desk.enrich(event.subject, lambda known: _by_dispatch(known, terms))


def _accepted(desk: _Desk, event: DispatchAccepted) -> None:
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


def _replied(desk: _Desk, event: ReplySubmitted) -> None:
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


def _closed(desk: _Desk, event: TicketClosed) -> None:
    desk.enrich(event.subject, lambda known: replace(known, closed_at=event.time))


def _called_back(desk: _Desk, event: CallbackAnswered) -> None:
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


_EFFECTS: dict[type[Any], Callable[[_Desk, Any], None]] = {
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


# Making a ticket

_UNHANDLED = Handling()


def _new_ticket(event: TicketReceived | TicketImported, leaf: str, occasion: Occasion) -> Ticket:
    data, policy = event.data, occasion.policy
    time = event.time
    handling = _UNHANDLED
    if isinstance(event, TicketImported):
        time = event.data.received_at or time
        for dispatch in event.data.dispatches:
            if dispatch.role is not DispatchRole.SUPPORTING and dispatch.returned_at is None:
                handling = replace(_by_dispatch(handling, dispatch), replied_at=dispatch.replied_at)
        handling = replace(handling, closed_at=event.data.closed_at)
    time = time.astimezone(UTC)  # one zone: comparing instants of two is five times slower
    return Ticket(
        id=event.subject,
        time=time,
        window=_window(leaf, data.channel, time, policy),
        until=_until(leaf, time, policy),
        link=Link(event.subject, time, 0),
        matter=matter_of(data),
        channel=data.channel.value if data.channel else None,
        request_type=data.request_type.value if data.request_type else None,
        area=data.place.division if data.place else None,
        counts=policy.repeat.counts(data.request_type),
        late=occasion.now - time > timedelta(days=policy.repeat.late_days),
        handling=handling,
        sequence=event.sequence or 0,
    )


def _window(leaf: str, channel: str | None, at: datetime, policy: Policy) -> Opened | None:
    if not policy.repeat.compares(leaf):
        return None
    window = policy.repeat.window(leaf, channel)
    return Opened(window.mode.value, window.length, window.opens(at, policy.time_zone))


def _until(leaf: str, at: datetime, policy: Policy) -> datetime:
    """When no ticket that is in time can look back to ``at``: the longest window of any channel."""
    repeat = policy.repeat
    longest = repeat.window(leaf, None).closes(at, policy.time_zone)
    for channel in {channel for _, channel, _ in repeat.overrides if channel is not None}:
        longest = max(longest, repeat.window(leaf, channel).closes(at, policy.time_zone))
    return longest + timedelta(days=repeat.late_days)


# Without state


def _without_state(occasion: Occasion) -> Decision[Chain]:
    """An anonymous ticket: «new», once; nothing to keep (R12)."""
    event, policy = occasion.event, occasion.policy
    leaf = _in_force(event.leaf or "", policy)
    if not isinstance(event, TicketReceived | TicketImported):
        if isinstance(event, VerdictMarked) or not policy.repeat.withdrawn_counts:
            return Decision(effects=_of_unknown(occasion, leaf))
        return Decision()
    if event.anomaly == RECEIVED_TWICE:
        return Decision()
    ticket = replace(_new_ticket(event, leaf, occasion), window=None, verdict="new", revision=1)
    ticket = replace(ticket, reason="anonymous" if ticket.counts else "request_type_not_counted")
    data = data_of(
        ticket,
        0,
        (ticket,),
        (),
        leaf=leaf,
        cause="ticket_imported" if isinstance(event, TicketImported) else "ticket_received",
        replaces="",
        policy=policy,
    )
    fact_id = occasion.fact_id("new", ticket.id, 1, _key(occasion.citizen, leaf))
    fact = occasion.fact(fact_id, ticket.id, data)
    return Decision(effects=(Effect(REPEATS, occasion.citizen, fact),))


def _of_unknown(occasion: Occasion, leaf: str) -> tuple[Effect, ...]:
    """A human's mark, or a withdrawal, of a ticket whose receipt is not kept (any more)."""
    event = occasion.event
    mark: Mark | None = None
    counted = True
    if isinstance(event, VerdictMarked):
        if event.data.mark is marks.Mark.CORRECT_CAUSE:
            return ()
        mark = _mark(event, None)
        verdict, cause = mark.verdict, "human_mark"
        reason = chains.mark_reason(verdict, mark.reason)
    elif isinstance(event, TicketWithdrawn | TicketNotAccepted):
        cause = "withdrawn" if isinstance(event, TicketWithdrawn) else "not_accepted"
        verdict, reason, counted = "new", cause, False
    else:
        return ()
    words = {
        "by": (mark.by if mark else None) or "?",
        "clause": (mark.clause if mark else None) or "?",
    }
    data = {
        "verdict": verdict,
        "reason": reason,
        "rule": REASONS[reason].rule,
        "reason_en": REASONS[reason].en.format_map(words),
        "reason_zh": REASONS[reason].zh.format_map(words),
        "dimensions": {"leaf": leaf or None},
        "counted": counted,
        "recontact": False,
        "mark": mark_data(mark) if mark else None,
        "revision": 0,
        "cause": cause,
    }
    fact_id = occasion.fact_id(verdict, event.subject, 0, _key(occasion.citizen, leaf))
    fact = occasion.fact(fact_id, event.subject, data)
    return (Effect(REPEATS, occasion.citizen, fact),)
