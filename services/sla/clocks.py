"""Which clocks a ticket has, from when to when each runs, and what ends it (R25, R26, R30). Pure.

Nothing here reckons a deadline, but for the clock of news, of which each cycle begins where the
last one ended.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from policy.bundle import Policy
from rules.clocks.reckoning import Setting
from services.sla.fold import OF_THE_LEAD, Case, Dispatch, Moved, Pause, Turn
from services.sla.marks import Call, Clocked, Mark, Received

RUNNING, PAUSED, MET, CANCELLED, MISSED = "running", "paused", "met", "cancelled", "missed"
ENDED: Final = frozenset((MET, CANCELLED, MISSED))
"""Statuses in which a clock waits for nothing; ``missed`` is a cycle of news that went by."""

OF_DISPATCH: Final = frozenset(("accept", "first_contact", "department"))
ALL: Final = OF_DISPATCH | {"resolve", "reply", "interim", "verification", "supervision"}
"""Targets that have clocks."""

_LIFE: Final = frozenset(("closed", "closed_before_in", "withdrawn", "not_accepted"))
_TAKEN_BACK: Final = frozenset(("replied", "passed_on_in"))
"""What a rejection takes back."""
_BARRED: Final = frozenset(("anonymous", "no_reply_wanted"))


class Run(NamedTuple):
    """A time in which something was owed."""

    since: datetime
    until: datetime | None
    """None: still."""
    known: datetime | None
    """When the end was recorded."""


class Clock:
    """A clock of the ticket, before its deadline is reckoned."""

    __slots__ = (
        "calls",
        "department",
        "dispatch",
        "elapsed",
        "ended_at",
        "handler",
        "id",
        "known",
        "moves",
        "pauses",
        "promise_only",
        "role",
        "runs",
        "start",
        "status",
        "target",
        "why",
    )

    def __init__(
        self,
        target: str,
        start: datetime,
        known: datetime,
        turns: Sequence[Turn],
        *,
        life: Sequence[Turn] = (),
        id_: str = "",
        dispatch: Dispatch | None = None,
        moves: Sequence[Moved] = (),
        pauses: Sequence[Pause] = (),
        department: str | None = None,
        promise_only: bool = False,
    ) -> None:
        self.target = target
        self.id = f"{target}:{id_}" if id_ else target
        self.start = start
        self.known = known
        self.dispatch = dispatch
        self.moves = moves
        self.pauses = pauses
        self.department = dispatch.department if dispatch is not None else department
        self.handler = dispatch.handler if dispatch is not None else None
        self.role = dispatch.role if dispatch is not None else None
        self.calls: Sequence[Call] = ()
        self.elapsed: tuple[datetime, float] | None = None
        """Working seconds used until an instant, by another system's reckoning (存量)."""
        self.promise_only = promise_only
        """Without a promised instant there is no such clock."""
        self._follow(turns, life)

    def _follow(self, turns: Sequence[Turn], life: Sequence[Turn]) -> None:
        start = self.start
        if not turns and not life:
            self.runs, self.status, self.why, self.ended_at = (
                [Run(start, None, None)],
                RUNNING,
                "",
                None,
            )
            return
        owed = _Owed(self.target)
        follow: list[Turn] = []
        for turn in life:
            if turn.at < start or (turn.at == start and turn.why in _BARRED):
                owed.follow(turn)
            else:
                follow.append(turn)
        runs: list[Run] = []
        status, why = (RUNNING, "") if owed.now else (CANCELLED, owed.why)
        since, ended = start, start
        follow += [turn if turn.at >= start else turn._replace(at=start) for turn in turns]
        follow.sort(key=_at)
        for turn in follow:
            owed.follow(turn)
            if status == RUNNING and not owed.now:
                runs.append(Run(since, turn.at, turn.known))
                status, why, ended = turn.to, turn.why, turn.at
            elif status != RUNNING and owed.now:
                status, why, since = RUNNING, turn.why, turn.at
        if status == RUNNING:
            runs.append(Run(since, None, None))
        self.runs = runs
        """None: it was over before it began."""
        self.status = status
        self.why = why
        """Of its end, or of its running again; empty while nothing happened to it."""
        self.ended_at = None if status == RUNNING else ended


class _Owed:
    """Whether what a clock waits for is still owed, and why not."""

    __slots__ = ("_barred", "_done", "_ended", "_reply")

    def __init__(self, target: str) -> None:
        self._reply = target == "reply"
        self._barred = self._ended = self._done = ""

    @property
    def now(self) -> bool:
        """The ticket is open, the citizen wants to hear, and it has not come."""
        return not (self._barred or self._ended or self._done)

    @property
    def why(self) -> str:
        """Why not."""
        return self._done or self._barred or self._ended

    def follow(self, turn: Turn) -> None:
        why = turn.why
        if turn.to != RUNNING:
            if why in _BARRED:
                self._barred = why
            elif why in _LIFE:
                self._ended = why
            elif not self._done or self._done in _TAKEN_BACK:
                self._done = why
        elif why == "reply_wanted":
            self._barred = ""
        elif why == "reopened":
            self._ended = ""
            if self._reply:  # what was answered before is no answer any more
                self._done = ""
        elif self._done in _TAKEN_BACK:
            self._done = ""


def _at(turn: Turn) -> datetime:
    return turn.at


class NewsTerms(NamedTuple):
    """What the clock of news needs to know where one cycle ends and the next begins."""

    deadline: Callable[[int, datetime, Sequence[Pause]], datetime | None]
    """Of the n-th cycle, from its start; None: it stands still, or nobody can tell."""
    past: Callable[[datetime], bool]
    late: Callable[[datetime, datetime, datetime], bool]
    """Whether what was recorded at the third is too late to undo a breach of the deadline (first)
    of a clock known since the second."""


class Cycle(NamedTuple):
    """Where a cycle of news began."""

    number: int
    start: datetime
    known: datetime


CYCLES_AT_ONCE: Final = 60
"""A ticket that comes in years late has missed no more news than that."""


def clocks_of(
    case: Case,
    policy: Policy,
    news: NewsTerms | None,
    first: Cycle | None,
    only: frozenset[str] = ALL,
) -> list[Clock]:
    """Every clock of the case; whether a rule or a promise asks for it is not looked at here.

    Args:
        news: None where the policy has no clock of news.
        first: the first cycle of news that is still looked at; None: from the receipt.
        only: targets that are looked at.
    """
    pauses = _Pauses(case.pauses, policy)
    found: list[Clock] = []
    if case.received is not None and ("resolve" in only or "reply" in only):
        found += _citizens(case, policy, pauses, only)
    if not only.isdisjoint(OF_DISPATCH):
        for dispatch in case.dispatches:
            found += _of_dispatch(case, dispatch, pauses, only)
    for task in case.tasks:
        if task.what not in only:
            continue
        mark = task.mark
        found.append(
            Clock(
                task.what,
                mark.at,
                mark.known,
                () if task.answered is None else (_met(task.answered, "answered"),),
                life=_life(case, task.what),
                id_=task.id,
                moves=_promised(mark, mark.at, mark.due),
                pauses=pauses.of(task.what),
                department=task.department,
                promise_only=task.what == "supervision",
            )
        )
    for clocked in case.clocked:
        _take_over(clocked, found)
    if case.received is not None and news is not None and "interim" in only:
        found += _news(case, news, pauses.of("interim"), first)
    return found


class _Pauses:
    """Which pauses concern which clock (ruling 12)."""

    __slots__ = ("_by_code", "_pauses")

    def __init__(self, pauses: Sequence[Pause], policy: Policy) -> None:
        self._pauses = pauses
        self._by_code = {each.code: policy.sla.pauses(each.code) for each in pauses}

    def of(self, target: str, dispatch: Dispatch | None = None) -> Sequence[Pause]:
        if not self._pauses:
            return ()
        return [
            each
            for each in self._pauses
            if target in self._by_code[each.code]
            and (
                each.dispatch is None
                or (dispatch is not None and each.dispatch in (dispatch.given, dispatch.id))
            )
        ]


def _met(mark: Mark, why: str) -> Turn:
    return Turn(mark.at, mark.known, MET, why)


def _promised(mark: Mark, at: datetime, due: datetime | None) -> Sequence[Moved]:
    return () if due is None else (Moved(Setting(at, due, "promised"), at, mark.known),)


def _life(
    case: Case, target: str, *, closed: tuple[str, str] = (CANCELLED, "closed")
) -> list[Turn]:
    """What the end of the ticket and its reopening mean for a clock.

    Args:
        closed: what a close makes of it, and why.
    """
    if not case.life:
        return []
    turns = []
    for turn in case.life:
        if turn.why != "closed":
            turns.append(turn)
        elif target != "supervision":  # the leader's question stays (督办)
            turns.append(turn._replace(to=closed[0], why=closed[1]))
    return turns


def _wanted(case: Case, turns: list[Turn]) -> list[Turn]:
    return sorted((*case.wanted, *turns), key=_at) if case.wanted else turns


_CLOSES: Final = (MET, "closed")


def _citizens(case: Case, policy: Policy, pauses: _Pauses, only: frozenset[str]) -> list[Clock]:
    """办结 and 答复: from the receipt, never reset (ruling 6)."""
    received = case.received
    assert received is not None
    start, known = received.at, received.known
    if "resolve" not in only:
        return [_reply(case, policy, pauses)]
    resolve = Clock(
        "resolve",
        start,
        known,
        (),
        life=_life(case, "resolve", closed=_CLOSES),
        moves=_citizens_moves(case.resolve_moves, policy),
        pauses=pauses.of("resolve"),
    )
    return [resolve, _reply(case, policy, pauses)] if "reply" in only else [resolve]


def _citizens_moves(moves: Sequence[Moved], policy: Policy) -> list[Moved]:
    """What sets the citizen's deadlines: the extension of the lead only where the policy says so.

    A designation does not: its deadline is the unit's, and the citizen's clock never resets (R29,
    ruling 6)."""
    found: list[Moved] = []
    for each in moves:
        if each.setting.basis == OF_THE_LEAD:
            if not policy.sla.lead_moves_citizen:
                continue
            each = each._replace(setting=replace(each.setting, basis="extended"))
        found.append(each)
    return found


def _reply(case: Case, policy: Policy, pauses: _Pauses) -> Clock:
    """答复: until a reply of a leading unit is in force, else the close."""
    received = case.received
    assert received is not None
    in_force: list[Turn] = []
    approved_only = policy.sla.reply_in_force == "approved"
    for dispatch, reply in case.replies:
        if dispatch is not None and not dispatch.leads:
            continue
        approved, rejected = reply.approved, reply.rejected
        since: tuple[datetime, datetime] | None = None
        if approved is not None:
            since = approved.at, approved.known
        if not approved_only:
            since = reply.at, reply.known
        if since is None:
            continue
        in_force.append(Turn(*since, MET, "replied"))
        if rejected is not None and rejected.at >= since[0]:
            in_force.append(Turn(rejected.at, rejected.known, RUNNING, "reply_rejected"))
    return Clock(
        "reply",
        received.at,
        received.known,
        in_force,
        life=_wanted(case, _life(case, "reply", closed=_CLOSES)),
        moves=_citizens_moves(case.reply_moves, policy),
        pauses=pauses.of("reply"),
    )


def _of_dispatch(
    case: Case, dispatch: Dispatch, pauses: _Pauses, only: frozenset[str]
) -> list[Clock]:
    """签收, 首次联系, 承办时限: from the dispatch, accepted or not (ruling 6)."""
    start, known, terms = dispatch.at, dispatch.known, dispatch.terms
    over: list[Turn] = []
    if dispatch.returned is not None:
        mark = dispatch.returned
        over.append(Turn(mark.at, mark.known, CANCELLED, "returned"))
    if dispatch.taken is not None:
        over.append(Turn(dispatch.taken.at, dispatch.taken.known, CANCELLED, "designated"))

    def clock(
        target: str, due: datetime | None, turns: list[Turn], life: list[Turn], others: list[Moved]
    ) -> Clock:
        made = Clock(
            target,
            start,
            known,
            turns + over,
            life=life,
            id_=dispatch.id,
            dispatch=dispatch,
            moves=[*_promised(terms, start, due), *others],
            pauses=pauses.of(target, dispatch),
        )
        if case.closed:
            made.pauses = [*made.pauses, *_closed_times(case.closed, made)]
        return made

    plain = _life(case, "accept")
    found: list[Clock] = []
    if "accept" in only:
        taken_on: list[Turn] = []
        if dispatch.accepted is not None:
            taken_on.append(_met(dispatch.accepted, "accepted"))
        if dispatch.replies:
            first = dispatch.replies[0]
            taken_on.append(Turn(first.at, first.known, MET, "replied"))
        if dispatch.children:
            child = min(dispatch.children, key=_began)
            taken_on.append(Turn(child.at, child.known, MET, "passed_on"))
        found.append(clock("accept", terms.accept_due, taken_on, plain, []))
    if dispatch.leads and "first_contact" in only:
        spoken: list[Turn] = []
        if dispatch.contacted is not None:
            spoken.append(_met(dispatch.contacted, "contacted"))
        if passed_to := dispatch.passed_to:
            child = min(passed_to, key=_began)
            spoken.append(Turn(child.at, child.known, CANCELLED, "passed_on"))
        contact = clock("first_contact", terms.contact_due, spoken, _wanted(case, plain), [])
        contact.calls = dispatch.calls
        found.append(contact)
    if "department" in only:
        closed = _CLOSES if dispatch.leads else (CANCELLED, "closed_before_in")
        life = _life(case, "department", closed=closed)
        found.append(clock("department", terms.reply_due, came_in(dispatch), life, dispatch.moves))
    return found


def _closed_times(closed: Sequence[Pause], clock: Clock) -> list[Pause]:
    """Times in which the ticket was closed and the unit owed nothing; the clock went on behind."""
    return [
        each
        for each in closed
        if each.until is not None
        and each.until > clock.start
        and (clock.ended_at is None or clock.ended_at >= each.until)
    ]


def _began(dispatch: Dispatch) -> datetime:
    return dispatch.at


def came_in(dispatch: Dispatch, *, depth: int = 16) -> list[Turn]:
    """When the unit's part was in, and when it was sent back: its own reply, or those of all units
    that it passed it on to and that did not give it back."""
    children = [each for each in dispatch.children if each.leads]
    if not children or not depth:
        return dispatch.turns
    mine = [(turn.at, turn, -1) for turn in dispatch.turns]
    theirs = [
        (turn.at, turn, number)
        for number, child in enumerate(children)
        for turn in _came_in_or_over(child, depth - 1)
    ]
    own = False
    stands: dict[int, str] = {}
    found: list[Turn] = []
    inside = False
    for _, turn, number in sorted((*mine, *theirs), key=_first):
        if number < 0:
            own = turn.to == MET
        else:
            stands[number] = turn.to
        passed_to = [each for each in stands.values() if each != CANCELLED]
        now = own or (bool(passed_to) and all(each == MET for each in passed_to))
        if now != inside:
            inside = now
            why = turn.why if number < 0 or not now else "passed_on_in"
            to, why = (MET, why) if now else (RUNNING, "reply_rejected")
            found.append(Turn(turn.at, turn.known, to, why))
    return found


def _came_in_or_over(child: Dispatch, depth: int) -> list[Turn]:
    turns = [Turn(child.at, child.known, RUNNING, "passed_on"), *came_in(child, depth=depth)]
    over = child.returned or child.taken
    if over is not None:
        turns = [turn for turn in turns if turn.at < over.at]
        turns.append(Turn(over.at, over.known, CANCELLED, "returned"))
    return turns


def _first(item: tuple[datetime, Turn, int]) -> datetime:
    return item[0]


def _take_over(clocked: Clocked, clocks: list[Clock]) -> None:
    """What another system had reckoned, of a clock that still runs (存量)."""
    mine = [
        each
        for each in clocks
        if each.target == clocked.target
        and (
            clocked.dispatch is None
            or (each.dispatch is not None and each.dispatch.given == clocked.dispatch)
        )
    ]
    if not mine:
        return
    clock = mine[-1]
    first = clock.runs[0] if clock.runs else None
    if (
        clocked.started is not None
        and first is not None
        and first.since == clock.start
        and (first.until is None or clocked.started < first.until)
    ):
        clock.start = clocked.started
        clock.runs[0] = first._replace(since=clocked.started)
    if clocked.due is not None:
        setting = Setting(clock.start, clocked.due, "imported")
        clock.moves = [Moved(setting, clock.start, clocked.known), *clock.moves]
    elif clocked.elapsed_seconds is not None:
        clock.elapsed = clocked.at, clocked.elapsed_seconds
    if clocked.stopped is not None and clock.status == RUNNING and len(clock.runs) == 1:
        at = max(clocked.stopped, clock.start)
        clock.runs = [Run(clock.start, at, clocked.known)]
        clock.status, clock.why, clock.ended_at = MET, "imported", at


# News (过程告知, R9)


def _news(case: Case, news: NewsTerms, pauses: Sequence[Pause], first: Cycle | None) -> list[Clock]:
    """One cycle after the other: each begins with the news, or the miss, that ended the last."""
    received = case.received
    assert received is not None
    if first is None:
        start, known = received.at, received.known
        if isinstance(received, Received) and received.after is not None:
            start = known = received.after  # what was told before is another system's history
        first = Cycle(1, start, known)
    number, start, known = first
    events = sorted((*case.news, *case.life, *case.wanted), key=_at)
    owed = _Owed("interim")
    index = 0
    while index < len(events) and events[index].at <= start:
        _heard(owed, events[index])
        index += 1
    found: list[Clock] = []
    while len(found) < CYCLES_AT_ONCE:
        while not owed.now:
            if index >= len(events):
                return found
            _heard(owed, events[index])
            start, known = events[index].at, events[index].known
            index += 1
        deadline = news.deadline(number, start, pauses)
        while index < len(events) and not _ends_cycle(events[index], start):
            _heard(owed, events[index])
            index += 1
        event = events[index] if index < len(events) else None
        if deadline is not None and (
            event is None or event.at > deadline or news.late(deadline, known, event.known)
        ):
            if not news.past(deadline):
                break
            missed = Clock("interim", start, known, (), id_=str(number), pauses=pauses)
            missed.status, missed.why, missed.ended_at = MISSED, "no_news", deadline
            missed.runs = [Run(start, deadline, None)]
            found.append(missed)
            number, start, known = number + 1, deadline, deadline
            while index < len(events) and events[index].at <= start:
                _heard(owed, events[index])
                index += 1
            continue
        if event is None:
            break
        found.append(Clock("interim", start, known, (event,), id_=str(number), pauses=pauses))
        number, start, known = number + 1, event.at, event.known
        _heard(owed, event)
        index += 1
    else:
        return found
    found.append(Clock("interim", start, known, (), id_=str(number), pauses=pauses))
    return found


def _heard(owed: _Owed, turn: Turn) -> None:
    """News end a cycle, and the next begins at once."""
    if turn.to != MET:
        owed.follow(turn)


def _ends_cycle(turn: Turn, start: datetime) -> bool:
    """Of two pieces of news at one instant the second begins nothing."""
    return turn.to == CANCELLED or (turn.to == MET and turn.at > start)
