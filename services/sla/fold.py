"""From a ticket's marks, in the order in which they happened, to who had it when (R29, R30). Pure.

Anew each time, from the beginning: a late mark takes its place, and nothing needs to be undone.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from rules.clocks.reckoning import Setting
from rules.clocks.terms import Content
from services.sla.marks import (
    Accepted,
    Amended,
    Answered,
    Asked,
    Call,
    Clocked,
    Closed,
    Designated,
    Dispatched,
    Extension,
    History,
    Hold,
    Mark,
    News,
    OfDispatch,
    Received,
    Reopened,
    Replied,
    Return,
    Reviewed,
)

LEAD, SUPPORTING = "lead", "supporting"
LONGEST_ID: Final = 200
"""Of a dispatch, a question …: a clock's name has to fit into a fact's field."""


class Turn(NamedTuple):
    """A clock's owed thing comes, falls away, or is owed again."""

    at: datetime
    known: datetime
    """When that was recorded."""
    to: str
    """``met``, ``cancelled`` or ``running``."""
    why: str
    """A stable slug."""


class Moved(NamedTuple):
    """A deadline set by somebody, and from when on it counts as asked for."""

    setting: Setting
    asked: datetime
    """Not after the setting: the request, where one came before (延期)."""
    known: datetime
    """When that was recorded."""


class Said(NamedTuple):
    """What the ticket says from an instant on."""

    at: datetime
    known: datetime
    content: Content


class Pause(NamedTuple):
    """挂起, of the ticket or of one dispatch."""

    since: datetime
    known: datetime
    until: datetime | None
    code: str | None
    dispatch: str | None


class Reply:
    """回单, and what its review said."""

    __slots__ = ("approved", "at", "id", "known", "rejected")

    def __init__(self, mark: Mark, id_: str | None) -> None:
        self.at, self.known = mark.at, mark.known
        self.id = id_
        self.approved: Mark | None = None
        self.rejected: Mark | None = None


class Dispatch:
    """派单, and all that happened to it."""

    __slots__ = (
        "accepted",
        "at",
        "calls",
        "children",
        "contacted",
        "department",
        "given",
        "handler",
        "id",
        "imported",
        "known",
        "moves",
        "number",
        "parent",
        "replies",
        "return_asked",
        "returned",
        "role",
        "taken",
        "terms",
        "turns",
    )

    def __init__(self, number: int, mark: Dispatched) -> None:
        self.number = number
        self.given = mark.id
        self.id = mark.id if mark.id and len(mark.id) <= LONGEST_ID else f"#{number}"
        """Its own, or ``#<n>``: the n-th of the ticket."""
        self.parent = mark.parent
        self.children: list[Dispatch] = []
        self.imported = mark.imported
        self.start(mark)

    def start(self, mark: Dispatched) -> None:
        """A unit has it from now on."""
        self.at, self.known = mark.at, mark.known
        self.role = mark.role
        self.accepted: Mark | None = None
        self.contacted: Mark | None = None
        self.returned: Mark | None = None
        self.return_asked: Mark | None = None
        self.taken: Mark | None = None
        """By the arbiter's designation of another unit."""
        self.replies: list[Reply] = []
        self.turns: list[Turn] = []
        """Its reply came in, and was sent back."""
        self.calls: list[Call] = []
        self.moves: list[Moved] = []
        """Of the department's deadline."""
        self.describe(mark)

    def describe(self, mark: Dispatched) -> None:
        """The terms that the platform gives; said again, they are the newest."""
        self.terms = mark
        self.department = mark.department
        self.handler = mark.handler

    @property
    def leads(self) -> bool:
        return self.role != SUPPORTING

    @property
    def reply(self) -> Reply | None:
        """The first that was not rejected: the department's part is in."""
        return next((each for each in self.replies if each.rejected is None), None)

    @property
    def over(self) -> bool:
        """Nothing is expected of the unit any more, as far as the dispatch goes."""
        return self.returned is not None or self.taken is not None

    @property
    def live(self) -> bool:
        return not self.over and self.reply is None

    @property
    def passed_to(self) -> "list[Dispatch]":
        """Leading dispatches that it was passed on to and that were not given back (R65)."""
        return [each for each in self.children if each.leads and not each.over]


class Task:
    """核实 or 督办."""

    __slots__ = ("answered", "department", "id", "mark", "what")

    def __init__(self, mark: Asked, id_: str) -> None:
        self.what = mark.what
        self.id = id_
        self.department = mark.department
        self.mark = mark
        self.answered: Mark | None = None


class Case:
    """The ticket as its marks tell it."""

    __slots__ = (
        "_asked",
        "_open_holds",
        "arbitration",
        "by_id",
        "clocked",
        "closed",
        "content",
        "contents",
        "designated",
        "dispatches",
        "early",
        "life",
        "news",
        "pauses",
        "pending",
        "received",
        "replies",
        "reply_moves",
        "resolve_moves",
        "returns",
        "tasks",
        "wanted",
    )

    def __init__(self) -> None:
        self.received: Received | Reopened | None = None
        """What the citizen's clocks start at."""
        self.content = Content()
        self.contents: list[Said] = []
        """What the ticket said from when on."""
        self.wanted: list[Turn] = []
        """Whether the citizen can and wants to be answered."""
        self.life: list[Turn] = []
        """Closed, withdrawn, not accepted, and open again."""
        self.dispatches: list[Dispatch] = []
        self.by_id: dict[str, Dispatch] = {}
        self.news: list[Turn] = []
        self.pauses: list[Pause] = []
        self.closed: list[Pause] = []
        """From each end of the ticket until it was reopened."""
        self.resolve_moves: list[Moved] = []
        self.reply_moves: list[Moved] = []
        self.replies: list[tuple[Dispatch | None, Reply]] = []
        self.tasks: list[Task] = []
        self.clocked: list[Clocked] = []
        self.returns = 0
        self.designated = 0
        """How often the arbiter spoke."""
        self.arbitration: list[tuple[int, int, Dispatch]] = []
        """Each leading dispatch of the hotline's own: after how many designations, the how-manieth
        since."""
        self.early: dict[str, list[OfDispatch]] = {}
        """What names a dispatch that comes later: two clocks that do not agree by seconds."""
        self.pending: dict[str, Designated] = {}
        """Designations whose dispatch has not come yet."""
        self._asked: dict[tuple[str | None, str | None], Mark] = {}
        self._open_holds: dict[str | None, list[tuple[Hold, int]]] = {}

    @property
    def open(self) -> bool:
        return not self.life or self.life[-1].to == "running"

    def content_at(self, at: datetime | None) -> Content:
        """What the ticket said then; None: says now."""
        if at is None or len(self.contents) < 2:
            return self.content
        found = self.contents[0].content
        for said in self.contents:
            if said.at > at:
                break
            found = said.content
        return found

    def leading(self) -> Dispatch | None:
        """The live dispatch whose unit leads: the newest lead, followed down to whom it went."""
        live = [each for each in self.dispatches if each.live]
        leads = [each for each in live if each.leads] or live
        if not leads:
            return None
        return next((each for each in reversed(leads) if not each.passed_to), leads[-1])

    def meant(self, dispatch: str | None, department: str | None = None) -> Dispatch | None:
        """The dispatch that a mark is about: by id, by department, else the one that leads."""
        if dispatch is not None:
            return self.by_id.get(dispatch)
        if department is not None:
            mine = [each for each in self.dispatches if each.department == department]
            if mine:
                return next((each for each in reversed(mine) if each.live), mine[-1])
            return None
        found = self.leading()
        if found is None and self.dispatches:
            leads = [each for each in self.dispatches if each.leads]
            return leads[-1] if leads else self.dispatches[-1]
        return found


def fold(history: History) -> Case:
    """The case that the marks tell."""
    case = Case()
    for mark in history.marks:
        if isinstance(mark, OfDispatch) and mark.dispatch and mark.dispatch not in case.by_id:
            case.early.setdefault(mark.dispatch, []).append(mark)
            if not isinstance(mark, News | Call | Replied):
                continue
        _EFFECTS[type(mark)](case, mark)
    _end_pauses(case)
    return case


# The ticket itself


def _received(case: Case, mark: Received) -> None:
    if case.received is not None and not isinstance(case.received, Reopened):
        # It came again: what it says anew counts, its time does not (ruling 6).
        _changed(case, mark, _merged(case.content, mark.content, _STATED))
        if mark.due is not None:
            _promise(case, mark, mark.due)
        return
    if case.received is not None:
        case.contents.clear()
        case.wanted.clear()
        case.life.clear()
        case.closed.clear()
    case.received = mark
    _changed(case, mark, mark.content)
    if mark.anonymous or not mark.reply_wanted:
        why = "anonymous" if mark.anonymous else "no_reply_wanted"
        case.wanted.append(Turn(mark.at, mark.known, "cancelled", why))
    if mark.due is not None:
        _promise(case, mark, mark.due)


def _amended(case: Case, mark: Amended) -> None:
    if mark.fields:
        _changed(case, mark, _merged(case.content, mark.content, mark.fields))
    if mark.due_set:
        if mark.due is not None:
            _promise(case, mark, mark.due)
        else:
            case.resolve_moves = _without_promise(case.resolve_moves)
            case.reply_moves = _without_promise(case.reply_moves)
    if mark.anonymous is None and mark.reply_wanted is None:
        return
    owed = not case.wanted or case.wanted[-1].to == "running"
    if owed and (mark.anonymous or mark.reply_wanted is False):
        why = "anonymous" if mark.anonymous else "no_reply_wanted"
        case.wanted.append(Turn(mark.at, mark.known, "cancelled", why))
    elif not owed and not mark.anonymous and mark.reply_wanted is not False:
        # What the amendment does not say stays: a name alone does not make a reply wanted.
        said = "anonymous" if mark.anonymous is not None else "no_reply_wanted"
        if case.wanted[-1].why == said:
            case.wanted.append(Turn(mark.at, mark.known, "running", "reply_wanted"))


_STATED: Final = ("leaf", "urgency", "request_type")


def _merged(content: Content, given: Content, fields: Iterable[str]) -> Content:
    changes = {name: getattr(given, name) for name in fields}
    return replace(content, **changes)


def _changed(case: Case, mark: Mark, content: Content) -> None:
    if content != case.content or not case.contents:
        case.content = content
        case.contents.append(Said(mark.at, mark.known, content))


def _promise(case: Case, mark: Mark, due: datetime) -> None:
    """承诺办结时限 binds the answer too: one promised for after the end would contradict it."""
    promised = moved(mark, due, "promised")
    case.resolve_moves.append(promised)
    case.reply_moves.append(promised)


def _without_promise(moves: Iterable[Moved]) -> list[Moved]:
    return [each for each in moves if each.setting.basis != "promised"]


def moved(mark: Mark, due: datetime, basis: str, asked: Mark | None = None) -> Moved:
    """What a mark sets; asked for by another one, it counts from there."""
    asked = asked or mark
    return Moved(Setting(mark.at, due, basis), asked.at, asked.known)


def _closed(case: Case, mark: Closed) -> None:
    if case.open or mark.how != case.life[-1].why:
        case.life.append(Turn(mark.at, mark.known, "cancelled", mark.how))


def _ended(case: Case) -> Turn:
    """What ended the ticket last; of a close and a withdrawal behind it the close."""
    end = case.life[-1]
    for turn in reversed(case.life):
        if turn.to == "running":
            break
        end = turn
    return end


def _reopened(case: Case, mark: Reopened) -> None:
    if case.received is None:
        # Nothing is known of it any more, or not yet: the citizen's clocks begin here.
        case.received = mark
        _changed(case, mark, mark.content)
        if mark.anonymous:
            case.wanted.append(Turn(mark.at, mark.known, "cancelled", "anonymous"))
    elif not case.open:
        end = _ended(case)
        case.closed.append(Pause(end.at, end.known, mark.at, None, None))
        case.life.append(Turn(mark.at, mark.known, "running", "reopened"))
    if mark.due is not None:
        again = moved(mark, mark.due, "reopened")
        case.resolve_moves.append(again)
        case.reply_moves.append(again)


# Dispatches


def _dispatched(case: Case, mark: Dispatched) -> None:
    known = case.by_id.get(mark.id) if mark.id is not None else None
    if known is not None and known.department == mark.department and not known.over:
        known.describe(mark)
        return
    if known is not None:
        known.start(mark)  # another unit, or given back to the first: its clocks start anew
        dispatch = known
    else:
        dispatch = Dispatch(len(case.dispatches) + 1, mark)
        case.dispatches.append(dispatch)
        case.by_id[mark.id or dispatch.id] = dispatch
        parent = case.by_id.get(mark.parent) if mark.parent is not None else None
        if parent is not None and parent is not dispatch:
            parent.children.append(dispatch)
        for early in case.early.pop(mark.id, ()) if mark.id else ():
            _catch_up(case, dispatch, early)
    designated = case.pending.pop(mark.department or "", None)
    if designated is not None and designated.due is not None and mark.reply_due is None:
        dispatch.moves.append(moved(mark, designated.due, "designated"))
    if dispatch.leads and dispatch.parent is None and designated is None:
        since = 1 + sum(1 for round_, _, _ in case.arbitration if round_ == case.designated)
        case.arbitration.append((case.designated, since, dispatch))


def _catch_up(case: Case, dispatch: Dispatch, early: OfDispatch) -> None:
    if isinstance(early, News):
        if early.contact:
            _contacted(dispatch, early)
    elif isinstance(early, Call):
        if early.answered:
            _contacted(dispatch, early)
        else:
            dispatch.calls.append(early)
    elif not isinstance(early, Replied):
        _EFFECTS[type(early)](case, early)
    else:
        for index, (whose, reply) in enumerate(case.replies):
            if whose is None and reply.at == early.at and reply.id == early.reply:
                case.replies[index] = (dispatch, reply)
                _hand_in(dispatch, reply)


def _designated(case: Case, mark: Designated) -> None:
    case.designated += 1
    mine: Dispatch | None = None
    for each in case.dispatches:
        if not each.live or not each.leads:
            continue
        if each.department == mark.department:
            mine = each
        else:
            each.taken = mark
    if mine is None:
        case.pending[mark.department] = mark
    elif mark.due is not None:
        mine.moves.append(moved(mark, mark.due, "designated"))


def _accepted(case: Case, mark: Accepted) -> None:
    dispatch = case.meant(mark.dispatch, mark.department)
    if dispatch is not None:
        if dispatch.accepted is None:
            dispatch.accepted = mark
        dispatch.handler = mark.handler or dispatch.handler


def _return(case: Case, mark: Return) -> None:
    if mark.step == "approved":
        case.returns += 1
    dispatch = case.meant(mark.dispatch, mark.department)
    if dispatch is None:
        return
    if mark.step == "requested":
        dispatch.return_asked = dispatch.return_asked or mark
    elif mark.step == "approved":
        dispatch.returned = dispatch.returned or mark
    else:
        dispatch.return_asked = None


# Deadlines and pauses


def _extension(case: Case, mark: Extension) -> None:
    scope = (mark.dispatch, mark.department if mark.dispatch is None else None)
    if mark.step == "requested":
        case._asked.setdefault(scope, mark)
        return
    asked = case._asked.pop(scope, None)
    if asked is None and len(case._asked) == 1:
        # Asked for under a name that the answer leaves out, or the other way round.
        asked = case._asked.popitem()[1]
    if mark.step == "refused" or mark.due is None:
        return
    extended = moved(mark, mark.due, "extended", asked)
    if scope == (None, None):
        case.resolve_moves.append(extended)
        case.reply_moves.append(extended)
        leading = case.leading()
        if leading is not None and leading.leads:
            leading.moves.append(extended)
        return
    dispatch = case.meant(mark.dispatch, mark.department)
    if dispatch is not None:
        dispatch.moves.append(extended)
        if dispatch.leads:
            # Kept apart by its basis until the policy says whether the citizen's move along.
            of_lead = extended._replace(setting=replace(extended.setting, basis=OF_THE_LEAD))
            case.resolve_moves.append(of_lead)
            case.reply_moves.append(of_lead)


OF_THE_LEAD: Final = "extended_lead"
"""Basis of the lead's extension, where the citizen's deadlines follow it (policy)."""


def _hold(case: Case, mark: Hold) -> None:
    if not mark.ends:
        index = len(case.pauses)
        case.pauses.append(Pause(mark.at, mark.known, None, mark.code, mark.dispatch))
        case._open_holds.setdefault(mark.dispatch, []).append((mark, index))
        return
    scope = mark.dispatch
    if scope in case._open_holds:
        _release(case, scope, mark.at)
    elif scope is None:
        for each in list(case._open_holds):
            _release(case, each, mark.at)


def _release(case: Case, scope: str | None, at: datetime) -> None:
    for _, index in case._open_holds.pop(scope):
        case.pauses[index] = case.pauses[index]._replace(until=at)


def _end_pauses(case: Case) -> None:
    """Nothing stands still behind the end of the ticket."""
    ends = [turn.at for turn in case.life if turn.to != "running"]
    if not ends or not case.pauses:
        return
    for index, pause in enumerate(case.pauses):
        end = next((at for at in ends if at >= pause.since), None)
        if end is not None and (pause.until is None or pause.until > end):
            case.pauses[index] = pause._replace(until=end)


# What is done about it


def _news(case: Case, mark: News) -> None:
    case.news.append(Turn(mark.at, mark.known, "met", "contact" if mark.contact else "progress"))
    if mark.contact:
        _contacted(case.meant(mark.dispatch, mark.department), mark)


def _call(case: Case, mark: Call) -> None:
    dispatch = case.meant(mark.dispatch, mark.department)
    if dispatch is None and mark.dispatch is None:
        dispatch = case.leading()
    if mark.answered:
        case.news.append(Turn(mark.at, mark.known, "met", "call"))
        _contacted(dispatch, mark)
    elif dispatch is not None:
        dispatch.calls.append(mark)


def _contacted(dispatch: Dispatch | None, mark: Mark) -> None:
    if dispatch is not None and dispatch.contacted is None:
        dispatch.contacted = mark


def _replied(case: Case, mark: Replied) -> None:
    dispatch = case.meant(mark.dispatch, mark.department)
    reply = Reply(mark, mark.reply)
    case.replies.append((dispatch, reply))
    if dispatch is None:
        return
    _hand_in(dispatch, reply)
    dispatch.handler = mark.handler or dispatch.handler
    at = mark.contacted_at
    if at is not None and dispatch.at <= at and dispatch.contacted is None:
        # Known since the reply; when the citizen was spoken with is the reply's word.
        lag = mark.lag + max(0, -int((at - mark.at).total_seconds() // 1))
        dispatch.contacted = Mark(min(at, mark.at), mark.seq, lag)


def _hand_in(dispatch: Dispatch, reply: Reply) -> None:
    dispatch.replies.append(reply)
    dispatch.turns.append(Turn(reply.at, reply.known, "met", "replied"))


def _reviewed(case: Case, mark: Reviewed) -> None:
    for dispatch, reply in reversed(case.replies):
        named = dispatch is not None and dispatch.id == mark.dispatch
        if (mark.reply is None or reply.id == mark.reply) and (mark.dispatch is None or named):
            break
    else:
        if mark.approved:
            # A platform that publishes no replies approves all the same.
            dispatch = case.meant(mark.dispatch) if mark.dispatch else None
            reply = Reply(mark, mark.reply)
            case.replies.append((dispatch, reply))
            reply.approved = mark
            case.news.append(Turn(mark.at, mark.known, "met", "reply_approved"))
        elif mark.due is not None:
            unseen = case.meant(mark.dispatch)
            if unseen is not None:
                unseen.moves.append(moved(mark, mark.due, "rejected"))
        return
    if mark.approved:
        reply.approved = mark
        case.news.append(Turn(mark.at, mark.known, "met", "reply_approved"))
        return
    reply.rejected = mark
    if dispatch is not None and mark.reply is None:
        for each in dispatch.replies:
            each.rejected = each.rejected or mark  # the last one took the place of those before
    if dispatch is not None and dispatch.reply is None:
        dispatch.turns.append(Turn(mark.at, mark.known, "running", "reply_rejected"))
    if dispatch is not None and mark.due is not None:
        dispatch.moves.append(moved(mark, mark.due, "rejected"))


# Beside it


def _asked(case: Case, mark: Asked) -> None:
    number = 1 + sum(1 for each in case.tasks if each.what == mark.what)
    id_ = mark.id if mark.id and len(mark.id) <= LONGEST_ID else f"#{number}"
    for each in case.tasks:
        if each.what == mark.what and each.id == id_:
            if each.answered is None:
                each.mark = replace(each.mark, due=mark.due or each.mark.due)
                return
            id_ = f"{id_}#{number}"
    case.tasks.append(Task(mark, id_))


def _answered(case: Case, mark: Answered) -> None:
    open_ = [each for each in case.tasks if each.what == mark.what and each.answered is None]
    if mark.id is not None:
        open_ = [each for each in open_ if each.mark.id in (mark.id, None)]
    elif mark.department is not None:
        open_ = [each for each in open_ if each.department == mark.department] or open_
    if open_:
        open_[0].answered = mark


def _clocked(case: Case, mark: Clocked) -> None:
    if mark.target not in ("verification", "supervision"):
        case.clocked.append(mark)
    elif mark.stopped is None:
        _asked(case, Asked(mark.started or mark.at, mark.seq, what=mark.target, due=mark.due))


_EFFECTS: Final[dict[type[Any], Callable[[Case, Any], None]]] = {
    Received: _received,
    Amended: _amended,
    Closed: _closed,
    Reopened: _reopened,
    Dispatched: _dispatched,
    Designated: _designated,
    Accepted: _accepted,
    Return: _return,
    Extension: _extension,
    Hold: _hold,
    News: _news,
    Call: _call,
    Replied: _replied,
    Reviewed: _reviewed,
    Asked: _asked,
    Answered: _answered,
    Clocked: _clocked,
}

__all__ = ["Case", "Dispatch", "Moved", "Pause", "Reply", "Said", "Task", "Turn", "fold"]
