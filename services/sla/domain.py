"""The SLA processor: an event or an instant in, the clocks of its ticket and facts of them out.

Rules: R2, R4, R9 (``notices``), R25–R26, R29 (``bounces``), R30 (``joint``), R63; rulings 5, 6, 12,
13, 14, 17. An event leaves marks in the history of its ticket (``reading``, ``history``); from the
whole of it follows who had it when (``fold``), which clocks there are (``clocks``), how each stands
(``standing``), and what is to be said now (``settle``).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from policy.bundle import Policy
from runtime.processor import Decision, Effect, Note
from runtime.reading_log import LogReader
from schemas.events import (
    CallRecorded,
    CloseRequested,
    Event,
    ReturnRequested,
    TicketAmended,
)
from schemas.ids import ANONYMOUS_PREFIX, home_of, is_anonymous
from schemas.topics import COMMANDS, INBOX, NOTICES, SLA, TICKETS, Topic
from services.sla import joint, notices
from services.sla.bounces import arbitration, late_return
from services.sla.clocks import ALL, OF_DISPATCH, PAUSED, RUNNING, Cycle
from services.sla.facts import SERVICE, Occasion
from services.sla.fold import Case, fold
from services.sla.history import holds, joined
from services.sla.marks import (
    Accepted,
    Answered,
    AnyMark,
    Asked,
    Call,
    Extension,
    News,
    Replied,
    Return,
    Reviewed,
)
from services.sla.reading import concerns, marks_of, ticket_of, under_of
from services.sla.settle import Settling, is_due, next_due
from services.sla.state import State

CYCLES_KEPT = 6
"""Cycles of news that an event that comes late can still change."""
CYCLES_MOST = 12
_URGENT = {"very_urgent": 0, "urgent": 1}
_ONLY_TOLD = (CloseRequested, TicketAmended)
"""Of these something may be told although they move no clock: a refusal, by what to be answered."""


class Sla(LogReader[State]):
    """Clocks, one state per ticket."""

    name: ClassVar[str] = SERVICE
    inputs: ClassVar[tuple[Topic, ...]] = (TICKETS,)
    outputs: ClassVar[tuple[Topic, ...]] = (SLA, NOTICES, COMMANDS, INBOX)
    state_type = State

    def subject(self, event: Event) -> str:
        """The ticket."""
        return ticket_of(event)

    def keys(self, event: Event, policy: Policy) -> tuple[str, ...]:
        return (home_of(ticket_of(event), event.citizen),) if concerns(event) else ()

    def decide(
        self, states: Mapping[str, State | None], event: Event, now: datetime, policy: Policy
    ) -> Decision[State]:
        ticket = ticket_of(event)
        key = home_of(ticket, event.citizen)
        before = states[key]
        if event.subject != ticket and (before is None or before.citizen != event.citizen):
            # A call under a contact: another citizen's lies in another partition.
            return Decision()
        if before is None and _says_no_ticket(event):
            return Decision()
        state = State() if before is None else before
        if event.sequence is not None and holds(state.history, event.sequence, under_of(event)):
            return Decision()
        given = event.citizen or f"anon:{ticket}"
        # Before its receipt a ticket lies under ``anon:``; once named, it stays named.
        named = bool(state.citizen) and is_anonymous(given)
        known = replace(
            state,
            citizen=state.citizen if named else given,
            leaf=event.leaf if event.leaf is not None or event.previousleaf else state.leaf,
        )
        occasion = Occasion(ticket, known.citizen, known.leaf, now, policy, event)
        turn = Turn(known, occasion)
        if _is_stale(state, policy):
            turn.restate()
        marks = marks_of(event, now)
        if marks:
            turn.remember(marks)
        elif before is None or not (turn.effects or isinstance(event, _ONLY_TOLD)):
            return Decision()
        return turn.done(key, before=state)

    def wake(self, key: str, state: State, due: datetime, policy: Policy) -> Decision[State]:
        ticket = key.removeprefix(ANONYMOUS_PREFIX)
        occasion = Occasion(ticket, state.citizen, state.leaf, due, policy)
        turn = Turn(state, occasion)
        if _is_stale(state, policy):
            turn.restate()
        else:
            turn.settle()
        if turn.forgotten:
            return Decision(states={key: None}, effects=turn.effects, notes=turn.notes)
        return turn.done(key, before=state)


def _says_no_ticket(event: Event) -> bool:
    """A call whose subject may be a contact, and that names neither ticket nor dispatch."""
    return isinstance(event, CallRecorded) and not (
        event.data.ticket or event.data.dispatch_id or event.data.department
    )


def _is_stale(state: State, policy: Policy) -> bool:
    """Whether it was reckoned under another policy; a state that never was has no version."""
    return bool(state.clocks) and state.policy is not None and state.policy != policy.version


TOUCHED: Final[dict[type[Any], frozenset[str]]] = {
    Accepted: frozenset(("accept",)),
    Extension: frozenset(("resolve", "reply", "department")),
    News: frozenset(("first_contact", "interim")),
    Call: frozenset(("first_contact", "interim")),
    Replied: OF_DISPATCH | {"reply"},
    Reviewed: frozenset(("reply", "department", "interim")),
    Return: OF_DISPATCH,
    Asked: frozenset(("verification", "supervision")),
    Answered: frozenset(("verification", "supervision")),
}
"""Targets whose clocks a mark can change that is the last of its history; others: all."""


class Turn:
    """One decision at work on the state of a ticket."""

    def __init__(self, state: State, occasion: Occasion) -> None:
        self.state = state
        self.occasion = occasion
        self._case: Case | None = None
        self.effects: list[Effect] = []
        self.notes: list[Note] = []
        self.breached: list[str] = []

    @property
    def case(self) -> Case:
        """As the history tells it."""
        if self._case is None:
            self._case = fold(self.state.history)
        return self._case

    def restate(self) -> None:
        """Another policy is in force: what its rules say it may is reckoned anew."""
        self._settle(restate=True)

    def settle(self) -> None:
        """Say what time alone has brought about."""
        past = self.occasion.past
        due = frozenset(each.target for each in self.state.clocks if is_due(each, past))
        if due:
            self._settle(only=due)

    def remember(self, marks: tuple[AnyMark, ...]) -> None:
        """Take in what an event says, and say what follows."""
        before = self.state.history
        history = joined(before, marks)
        dropped = history.dropped - before.dropped
        self.state = replace(self.state, history=history)
        self._case = None
        self.notes += [("sla_dropped_marks", ())] * dropped
        # What comes in order changes what goes on from it; what comes late, anything behind it.
        in_order = not dropped and len(marks) == 1 and history.marks[-1] is marks[0]
        self._settle(only=TOUCHED.get(type(marks[0]), ALL) if in_order else ALL)

    def _settle(self, *, restate: bool = False, only: frozenset[str] = ALL) -> None:
        state, occasion = self.state, self.occasion
        settling = Settling(
            self.case,
            state.clocks,
            occasion,
            cycle=_cycle(state),
            restate=restate,
            cut=state.history.dropped > 0,
            only=only,
        )
        settling.run()
        self.effects += settling.effects
        self.notes += settling.notes
        self.breached += settling.breached
        self.state = _with_clocks(state, settling)

    @property
    def forgotten(self) -> bool:
        """Nobody can ask for it any more."""
        gone = self._forget_at()
        return gone is not None and self.occasion.past(gone) and next_due(self.state.clocks) is None

    def _forget_at(self) -> datetime | None:
        case = self.case
        keep = self.occasion.policy.sla.forget_after
        if not case.open:
            return case.life[-1].at + keep
        marks = self.state.history.marks
        return marks[-1].at + keep if case.received is None and marks else None

    def done(self, key: str, *, before: State) -> Decision[State]:
        """The state with its timer, and everything that is said, notices and commands too."""
        occasion, case = self.occasion, self.case
        event = occasion.event
        arbitrated, effects, notes = arbitration(case, self.state.arbitrated, occasion)
        self.effects += effects
        self.notes += notes
        if isinstance(event, ReturnRequested):
            self.notes += late_return(case, event, occasion)
        live = any(each.status in (RUNNING, PAUSED) for each in self.state.clocks)
        content = case.content
        level = occasion.policy.sla.level(
            content.leaf, content.urgency, content.request_type, content.channel
        )
        urgency = min(_URGENT.get(content.urgency or "", 2), max((level or 3) - 1, 0))
        due = next_due(self.state.clocks)
        gone = self._forget_at()
        if due is None:
            due = gone
        after = replace(
            self.state,
            wake_at=due,
            policy=occasion.policy.version if live else None,
            urgency=urgency,
            arbitrated=arbitrated,
        )
        told = notices.after(before, after, case, occasion, self.breached)
        if told.told is not after.told:
            after = replace(after, told=told.told)
        refused = joint.refusal(case, after, occasion)
        if refused.told is not after.told:
            after = replace(after, told=refused.told)
        return Decision(
            states={key: after},
            effects=(*self.effects, *told.effects, *refused.effects),
            notes=(*self.notes, *told.notes, *refused.notes),
        )


def _cycle(state: State) -> Cycle | None:
    if state.cycle_start is None or state.cycle_known is None:
        return None
    return Cycle(state.cycle, state.cycle_start, state.cycle_known)


def _with_clocks(state: State, settling: Settling) -> State:
    """The state with its clocks as stated now, old cycles of news left out."""
    clocks = tuple(settling.after)
    cycles = [each for each in clocks if each.target == "interim"]
    if len(cycles) <= CYCLES_MOST:
        return replace(state, clocks=clocks)
    first = cycles[-CYCLES_KEPT]
    gone = {each.id for each in cycles[:-CYCLES_KEPT]}
    return replace(
        state,
        clocks=tuple(each for each in clocks if each.id not in gone),
        cycle=int(first.id.partition(":")[2]),
        cycle_start=first.start,
        cycle_known=settling.known[first.id],
    )
