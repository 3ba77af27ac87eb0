"""What ``sla`` must state of one ticket, in the plainest Python: the whole history, read anew.

It shares nothing with ``rules/clocks`` or ``services/sla``, knows the days off of 2026 by heart and
never remembers anything between two questions. A clock is worked out from all that is known of the
ticket; a breach is there iff, by what counts up to some deadline of that clock, it was open then
and that deadline stood (I7).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

CHINA = timezone(timedelta(hours=8))
DAY = timedelta(days=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=CHINA)


def _days(year: int, *ranges: tuple[int, int, int]) -> set[date]:
    return {date(year, month, day) for month, a, b in ranges for day in range(a, b + 1)}


OFF = _days(
    2026, (1, 1, 3), (2, 15, 23), (4, 4, 6), (5, 1, 5), (6, 19, 21), (9, 25, 27), (10, 1, 7)
)
OFF |= _days(2027, (1, 1, 1), (2, 5, 10))
"""As far as the law goes; the notice is not out."""
MADE_UP = _days(2026, (1, 4, 4), (2, 14, 14), (2, 28, 28), (5, 9, 9), (9, 20, 20), (10, 10, 10))


@dataclass(frozen=True)
class Office:
    """Opening hours, Chinese working days; without hours it is always open."""

    hours: tuple[tuple[time, time], ...] = ()
    off: frozenset[date] = frozenset(OFF)

    def works(self, day: date) -> bool:
        return not self.hours or day in MADE_UP or (day.weekday() < 5 and day not in self.off)

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        if not self.hours:
            start = datetime.combine(day, time(), CHINA)
            return [(start, start + DAY)]
        if not self.works(day):
            return []
        return [
            (datetime.combine(day, a, CHINA), datetime.combine(day, b, CHINA))
            for a, b in self.hours
        ]

    def add(self, start: datetime, amount: timedelta) -> datetime:
        if not amount:
            return start
        day = local(start).date()
        while True:
            for begin, end in self.spans(day):
                begin = max(begin, start)
                if begin < end:
                    if amount <= end - begin:
                        return begin + amount
                    amount -= end - begin
            day += DAY

    def between(self, start: datetime, end: datetime) -> timedelta:
        worked, day = timedelta(), local(start).date()
        while day <= local(end).date():
            for begin, close in self.spans(day):
                worked += max(timedelta(), min(close, end) - max(begin, start))
            day += DAY
        return worked


WORKDAYS = Office(((time(8, 30), time(12)), (time(14), time(17, 30))))
ALWAYS = Office()


def local(instant: datetime) -> datetime:
    return instant.astimezone(CHINA)


@dataclass(frozen=True)
class Amount:
    """So many of a unit, in an office's time."""

    number: int
    unit: str
    office: Office
    roll: bool = False

    def due(self, start: datetime) -> datetime:
        if self.unit in ("minutes", "hours"):
            return self.office.add(start, timedelta(**{self.unit: self.number}))
        day = local(start).date()
        if self.unit == "working_days":
            left = self.number
            while left:
                day += DAY
                left -= self.office.works(day)
            return self.office.spans(day)[-1][1]
        day += self.number * DAY
        if not self.roll:
            return datetime.combine(day + DAY, time(), CHINA)
        while not self.office.works(day):
            day += DAY
        return self.office.spans(day)[-1][1]

    def counts_from(self, start: datetime) -> datetime:
        """Where a hold begins to matter: day-counted clocks begin on the day after."""
        if self.unit in ("minutes", "hours"):
            return start
        return datetime.combine(local(start).date() + DAY, time(), CHINA)


@dataclass(frozen=True)
class Happened:
    """An event of the ticket as the log has it."""

    id: str
    kind: str
    at: datetime
    """When it counts: its own time, never later than it was recorded."""
    recorded: datetime
    data: Mapping[str, Any]
    asked: "Happened | None" = None
    """Of a granted extension: the request; asked for in time is in time."""

    @property
    def counts(self) -> datetime:
        """From when on it can keep a deadline from being missed."""
        return self.asked.at if self.asked else self.at

    @property
    def known(self) -> datetime:
        return self.asked.recorded if self.asked else self.recorded


Content = Mapping[str, Any]


@dataclass(frozen=True)
class Numbers:
    """What the policy says, as functions and figures."""

    amount: Callable[[str, Content, str | None, datetime], Amount | None]
    """By target, content of the ticket, department, and when the clock got its terms."""
    pauses: Callable[[str | None, str], bool]
    """Whether a hold for this reason code pauses that target."""
    late_recording: timedelta = timedelta(hours=24)
    arbitration_after: int = 3


@dataclass
class Clock:
    """A clock of the ticket, worked out."""

    id: str
    target: str
    start: datetime
    deadline: datetime | None = None
    """None while it is paused."""
    paused: bool = False
    ended: datetime | None = None
    """When it was met or cancelled; None: it runs."""
    how: str = ""
    """``met`` or ``cancelled``."""
    known: datetime = LONG_AGO
    """When what started it was recorded."""


@dataclass
class Dispatch:
    """派单."""

    id: str
    at: datetime
    recorded: datetime
    data: Mapping[str, Any]
    children: list["Dispatch"] = field(default_factory=list)

    @property
    def leads(self) -> bool:
        return self.data.get("role") in (None, "lead")

    @property
    def department(self) -> str | None:
        return self.data.get("department")


TOLD_BY = ("first_contact", "progress", "reply", "verification", None)
ENDS = ("ticket.closed", "ticket.withdrawn", "ticket.not_accepted")
CREATES = (
    *("ticket.received", "ticket.imported", "ticket.dispatched", "ticket.reopened"),
    *("verification.requested", "supervision.ordered", "reply.rejected", "hold.ended"),
)
"""What never helps a clock; it counts however late it is recorded."""


class Story:
    """One ticket by a set of events."""

    def __init__(
        self,
        events: Iterable[Happened],
        numbers: Numbers,
        now: datetime,
    ) -> None:
        self.events = sorted(events, key=lambda each: each.at)
        self.numbers = numbers
        self.now = now
        self.receipt = next((each for each in self.events if each.kind == "ticket.received"), None)
        self.dispatches = self._dispatches()

    # --- what is known -----------------------------------------------------------------------

    def of(self, *kinds: str) -> list[Happened]:
        return [each for each in self.events if each.kind in kinds]

    def content(self) -> Content:
        """What the ticket says in the end."""
        found: dict[str, Any] = dict(self.receipt.data) if self.receipt else {}
        for each in self.of("ticket.amended"):
            found |= each.data["changes"]
        return found

    def reworded(self, until: datetime) -> datetime:
        """When, up to an instant, what rows ask for was last another than before: clocks that are
        open then choose their terms anew."""
        found = self.receipt.at if self.receipt else datetime.min.replace(tzinfo=CHINA)
        content: dict[str, Any] = dict(self.receipt.data) if self.receipt else {}
        for each in self.of("ticket.amended"):
            before, content = content, content | each.data["changes"]
            changed = any(before.get(name) != content.get(name) for name in ("leaf", "urgency"))
            if changed and each.at <= until:
                found = each.at
        return found

    def _dispatches(self) -> list[Dispatch]:
        found: list[Dispatch] = []
        for number, each in enumerate(self.of("ticket.dispatched"), start=1):
            name = each.data.get("dispatch_id") or f"#{number}"
            made = Dispatch(name, each.at, each.recorded, each.data)
            for other in found:
                if other.id == each.data.get("parent_dispatch_id"):
                    other.children.append(made)
            found.append(made)
        return found

    def over(self) -> datetime | None:
        """When it was withdrawn or not accepted, and nobody reopened it since."""
        found: datetime | None = None
        for each in self.of("ticket.withdrawn", "ticket.not_accepted", "ticket.reopened"):
            if each.kind == "ticket.reopened":
                found = None
            elif found is None:
                found = each.at
        return found

    def closes(
        self, ends: Sequence[str] = ("ticket.closed",)
    ) -> list[tuple[datetime, datetime | None]]:
        """Times in which the ticket was closed: from, to."""
        found: list[tuple[datetime, datetime | None]] = []
        for each in self.of(*ends, "ticket.reopened"):
            closed = bool(found) and found[-1][1] is None
            if each.kind in ends and not closed:
                found.append((each.at, None))
            elif each.kind == "ticket.reopened" and closed:
                found[-1] = (found[-1][0], each.at)
        return found

    def ends(self) -> list[tuple[datetime, datetime | None]]:
        """Times in which nobody worked on it: closed, withdrawn or not accepted; from, to."""
        found: list[tuple[datetime, datetime | None]] = []
        for each in self.of(*ENDS, "ticket.reopened"):
            over = bool(found) and found[-1][1] is None
            if each.kind != "ticket.reopened" and not over:
                found.append((each.at, None))
            elif each.kind == "ticket.reopened" and over:
                found[-1] = (found[-1][0], each.at)
        return found

    def closed_at(self) -> datetime | None:
        """When it was closed, if it is."""
        closes = self.closes()
        return closes[-1][0] if closes and closes[-1][1] is None else None

    def holds(self, target: str, dispatch: str | None) -> list[tuple[datetime, datetime | None]]:
        """When clocks of this target stood still."""
        found: list[tuple[datetime, datetime | None]] = []
        for place in {None, dispatch}:
            since: datetime | None = None
            for each in self.of("hold.started", "hold.ended", *ENDS):
                closing = each.kind in ENDS
                if not closing and each.data.get("dispatch_id") != place:
                    continue
                if each.kind == "hold.started":
                    if since is None and self.numbers.pauses(each.data.get("reason_code"), target):
                        since = each.at
                elif since is not None:
                    found.append((since, each.at))
                    since = None
            if since is not None:
                found.append((since, None))
        return found

    # --- the deadline of a clock ---------------------------------------------------------------

    def clock(
        self,
        name: str,
        start: datetime,
        *,
        promised: datetime | None = None,
        settings: Sequence[tuple[datetime, datetime]] = (),
        dispatch: Dispatch | None = None,
        until: datetime | None = None,
    ) -> Clock | None:
        """The clock with its deadline, as if nothing ended it; None: nobody set one.

        ``until``: when it ended, so what was said later gave it no other terms.
        """
        target = name.partition(":")[0]
        department = dispatch.department if dispatch else None
        amount = self.numbers.amount(
            target, self.content(), department, max(start, self.reworded(until or self.now))
        )
        made = Clock(name, target, start)
        if dispatch is not None:
            made.known = dispatch.recorded
        if promised is not None:
            deadline, anchor = promised, start
        elif amount is not None:
            deadline, anchor = amount.due(start), amount.counts_from(start)
        else:
            return None
        office = amount.office if amount else WORKDAYS
        if promised is None and not settings:
            terms = self._terms(target, department, start, until or self.now)
            held = self._stands_still(target, dispatch, start)
            made.deadline, made.paused = _amended(start, terms, held)
            if made.paused:
                made.deadline = None
            return made
        steps: list[tuple[datetime, str, Any]] = [(at, "due", due) for at, due in settings]
        held = self._stands_still(target, dispatch, start)
        steps += [(at, "hold", until) for at, until in held]
        for at, kind, value in sorted(steps, key=lambda each: each[0]):
            if kind == "due":
                deadline, anchor = value, at
                # A pause that is on as the deadline is set stands in the new one's way too.
                for begin, end in held:
                    if begin < at and (end is None or end > at):
                        made.paused = end is None
                        if end is not None:
                            deadline = _past(deadline, at, end, office)
            elif at < deadline:
                made.paused = value is None
                if value is not None and value > max(at, anchor):
                    # What of it lies behind a later setting is added by that setting.
                    deadline = _past(deadline, max(at, anchor), value, office)
        made.deadline = None if made.paused else deadline
        return made

    def _stands_still(
        self, target: str, dispatch: Dispatch | None, start: datetime
    ) -> list[tuple[datetime, datetime | None]]:
        found = self.holds(target, dispatch.id if dispatch else None)
        if dispatch is not None:
            # A unit owes nothing while the ticket is closed; the citizen waits all the same.
            found += [(begin, end) for begin, end in self.ends() if end and end > start]
        return _merged(found)

    def _terms(
        self, target: str, department: str | None, start: datetime, until: datetime
    ) -> list[tuple[datetime, Amount]]:
        """From when on the clock had which terms."""
        assert self.receipt is not None
        content: Content = self.receipt.data
        said = [(self.receipt.at, content)]
        for each in self.of("ticket.amended"):
            before, content = content, content | each.data["changes"]
            changed = any(before.get(name) != content.get(name) for name in ("leaf", "urgency"))
            if changed and each.at <= until:
                said.append((each.at, content))
        found: list[tuple[datetime, Amount]] = []
        for at, content in said:
            amount = self.numbers.amount(target, content, department, max(start, at))
            assert amount is not None
            if at <= start:
                found.clear()
            if not found or found[-1][1] != amount:
                found.append((max(start, at), amount))
        return found

    # --- all clocks ------------------------------------------------------------------------------

    def clocks(self) -> dict[str, Clock]:
        found: list[Clock | None] = []
        if self.receipt is not None:
            found += [self._resolve(), self._reply(), *self._interim()]
        for dispatch in self.dispatches:
            found += [self._accept(dispatch), self._contact(dispatch), self._department(dispatch)]
        found += self._questions("verification", "requested", "answered")
        found += self._questions("supervision", "ordered", "answered")
        over = self.over()
        for each in found:
            if each is None or over is None:
                continue
            if each.ended is None or each.ended > over:
                each.ended, each.how = over, "cancelled"
        return {each.id: each for each in found if each is not None}

    def _citizen_settings(self) -> list[tuple[datetime, datetime]]:
        amended = [
            (each.at, each.data["changes"]["due_at"])
            for each in self.of("ticket.amended")
            if each.data["changes"].get("due_at")
        ]
        return sorted(self._again() + amended)

    def _again(self) -> list[tuple[datetime, datetime]]:
        """What moves both of the citizen's deadlines: reopenings, extensions of the lead."""
        found = [
            (each.at, each.data["due_at"])
            for each in self.of("ticket.reopened")
            if each.data.get("due_at")
        ]
        for each in self.of("extension.granted"):
            named = each.data.get("dispatch_id")
            lead = next((one for one in self.dispatches if one.id == named), None)
            if named is None or (lead is not None and lead.leads):
                found.append((each.at, each.data["new_due_at"]))
        return found

    def _resolve(self) -> Clock | None:
        assert self.receipt is not None
        made = self.clock(
            "resolve",
            self.receipt.at,
            promised=self.receipt.data.get("due_at"),
            settings=self._citizen_settings(),
        )
        if made is not None and (closed := self.closed_at()) is not None:
            made.ended, made.how = closed, "met"
        return made

    def _wants_to_hear(self) -> bool:
        content = self.content()
        return content.get("anonymous") is not True and content.get("reply_wanted") is not False

    def _reply(self) -> Clock | None:
        assert self.receipt is not None
        if not self._wants_to_hear():
            return None
        made = self.clock(
            "reply",
            self.receipt.at,
            promised=self.receipt.data.get("due_at"),
            settings=self._citizen_settings(),
        )
        reopened = max((each.at for each in self.of("ticket.reopened")), default=None)
        ends = [
            each.at
            for each in self.of("reply.approved", "ticket.closed")
            if (reopened is None or each.at > reopened) and not self._helping(each)
        ]
        if made is not None and ends:
            made.ended, made.how = min(ends), "met"
        return made

    def _news(self) -> list[datetime]:
        return sorted(
            each.at
            for each in self.events
            if each.kind
            in ("ticket.progressed", "solution.proposed", "solution.agreed", "reply.approved")
            or (each.kind == "call.recorded" and _reached(each))
        )

    def _interim(self) -> list[Clock | None]:
        assert self.receipt is not None
        if not self._wants_to_hear():
            return []
        closes = self.closes(ENDS)  # withdrawn, then reopened: no news were owed in between either
        found: list[Clock | None] = []
        made: Clock | None = None
        start: datetime | None = self.receipt.at
        first = self.receipt.at
        while start is not None:
            name, begun = f"interim:{len(found) + 1}", start
            closed = next((each for each in closes if each[0] >= begun), None)
            news = next((each for each in self._news() if each > begun), None)
            said = [each.at for each in self.of("ticket.amended") if each.at > begun]
            for until in (begun, *said):
                if until > begun and until > first:
                    break
                made = self.clock(name, begun, until=until)
                if made is None:
                    return []
                ends = [each for each in (news, closed and closed[0], made.deadline) if each]
                first = min(ends, default=self.now + DAY)
            assert made is not None
            found.append(made)
            if first > self.now or (first == made.deadline and first == self.now):
                return found
            if closed is not None and first == closed[0]:
                made.ended, made.how = first, "cancelled"
                start = closed[1]
            elif first == news:
                made.ended, made.how = first, "met"
                start = news
            else:
                made.ended, made.how = first, "breached"
                start = first
        return found

    def _mine(self, dispatch: Dispatch, each: Happened) -> bool:
        """Whether the event is of this dispatch: by its id, its department, or the leading one."""
        named, department = each.data.get("dispatch_id"), each.data.get("department")
        if named is not None:
            return bool(named == dispatch.id)
        before = [one for one in self.dispatches if one.at <= each.at]
        if department is not None:
            before = [one for one in before if one.department == department]
        else:
            before = [one for one in before if one.leads]
        return bool(before) and before[-1] is dispatch

    def _helping(self, each: Happened) -> bool:
        """Whether it is about a supporting unit's part."""
        return any(self._mine(one, each) for one in self.dispatches if not one.leads)

    def _returned(self, dispatch: Dispatch) -> datetime | None:
        return min(
            (each.at for each in self.of("return.approved") if self._mine(dispatch, each)),
            default=None,
        )

    def _replied(self, dispatch: Dispatch) -> datetime | None:
        """When its reply came that nobody rejected."""
        held: datetime | None = None
        for each in self.of("reply.submitted", "reply.rejected"):
            if self._mine(dispatch, each):
                if each.kind == "reply.rejected":
                    held = None
                elif held is None:
                    held = each.at
        return held

    def _end(self, made: Clock | None, dispatch: Dispatch, met: Iterable[datetime]) -> Clock | None:
        """Whichever comes first: met, returned, the close."""
        if made is None:
            return None
        ends = [(each, "met") for each in met]
        returned, closed = self._returned(dispatch), self.closed_at()
        if returned is not None:
            ends.append((returned, "cancelled"))
        if closed is not None:
            ends.append((closed, "met" if dispatch.leads else "cancelled"))
        if ends:
            made.ended, made.how = min(ends)
        return made

    def _accept(self, dispatch: Dispatch) -> Clock | None:
        made = self.clock(
            f"accept:{dispatch.id}",
            dispatch.at,
            promised=dispatch.data.get("accept_due_at"),
            dispatch=dispatch,
        )
        met = [
            each.at
            for each in self.of("dispatch.accepted", "reply.submitted")
            if self._mine(dispatch, each)
        ]
        return self._end(made, dispatch, [*met, *(child.at for child in dispatch.children)])

    def _contact(self, dispatch: Dispatch) -> Clock | None:
        if not dispatch.leads or not self._wants_to_hear():
            return None
        made = self.clock(
            f"first_contact:{dispatch.id}",
            dispatch.at,
            promised=dispatch.data.get("contact_due_at"),
            dispatch=dispatch,
        )
        met = [
            each.at
            for each in self.of("call.recorded", "solution.proposed", "solution.agreed")
            if self._mine(dispatch, each)
            and (each.kind != "call.recorded" or _reached(each))
            and each.at >= dispatch.at
        ]
        met += [
            min(each.at, each.data["contacted_at"])
            for each in self.of("reply.submitted")
            if each.data.get("contacted_at") and self._mine(dispatch, each)
        ]
        made = self._end(made, dispatch, met)
        children = [
            child.at for child in dispatch.children if child.leads and self._returned(child) is None
        ]
        if made is not None and children and (made.ended is None or min(children) < made.ended):
            made.ended, made.how = min(children), "cancelled"
        return made

    def _department(self, dispatch: Dispatch) -> Clock | None:
        settings = [
            (each.at, each.data["new_due_at"])
            for each in self.of("extension.granted")
            if self._extends(dispatch, each)
        ]
        settings += [
            (each.at, each.data["due_at"])
            for each in self.of("reply.rejected")
            if each.data.get("due_at") and self._mine(dispatch, each)
        ]
        made = self.clock(
            f"department:{dispatch.id}",
            dispatch.at,
            promised=dispatch.data.get("reply_due_at"),
            settings=sorted(settings),
            dispatch=dispatch,
        )
        return self._end(made, dispatch, self._in(dispatch))

    def _extends(self, dispatch: Dispatch, each: Happened) -> bool:
        if each.data.get("dispatch_id") is not None:
            return bool(each.data["dispatch_id"] == dispatch.id)
        leading = [one for one in self.dispatches if one.leads and one.at <= each.at]
        return bool(leading) and leading[-1] is dispatch

    def _in(self, dispatch: Dispatch) -> list[datetime]:
        """When what the dispatch owes came in: its reply, or those it was passed on to."""
        own = self._replied(dispatch)
        found = [own] if own is not None else []
        leads = [child for child in dispatch.children if child.leads]
        theirs = [min(self._in(child), default=None) for child in leads]
        came = [each for each in theirs if each is not None]
        if leads and len(came) == len(leads):
            found.append(max(came))
        return found

    def _questions(self, thing: str, asked: str, answered: str) -> list[Clock | None]:
        found: list[Clock | None] = []
        for each in self.of(f"{thing}.{asked}"):
            name = each.data[f"{thing}_id"]
            if thing == "supervision" and not each.data.get("due_at"):
                continue
            made = self.clock(f"{thing}:{name}", each.at, promised=each.data.get("due_at"))
            if made is not None:
                made.known = each.recorded
            answers = [
                one.at for one in self.of(f"{thing}.{answered}") if one.data[f"{thing}_id"] == name
            ]
            ends = [(at, "met") for at in answers]
            if thing == "verification" and (closed := self.closed_at()) is not None:
                ends.append((closed, "cancelled"))
            if made is not None and ends:
                made.ended, made.how = min(ends)
            found.append(made)
        return found


def _reached(call: Happened) -> bool:
    return (
        call.data.get("direction") == "outbound"
        and call.data.get("outcome") == "answered"
        and call.data.get("purpose") in TOLD_BY
    )


def _past(deadline: datetime, begin: datetime, end: datetime, office: Office) -> datetime:
    """The deadline moved on by a pause; nothing falls due in one, be it at night."""
    moved = office.add(deadline, office.between(begin, end))
    return max(moved, end) if deadline < end else moved


def _counted(
    start: datetime, amount: Amount, held: Sequence[tuple[datetime, datetime | None]]
) -> tuple[datetime, bool]:
    """The deadline of an amount from an instant, moved on by pauses; and whether it is in one."""
    deadline, anchor = amount.due(start), amount.counts_from(start)
    for begin, end in held:
        if begin < deadline:
            if end is None:
                return deadline, True
            if end > anchor:
                deadline = _past(deadline, max(begin, anchor), end, amount.office)
    return deadline, False


def _amended(
    start: datetime,
    terms: Sequence[tuple[datetime, Amount]],
    held: Sequence[tuple[datetime, datetime | None]],
) -> tuple[datetime, bool]:
    """The last terms from the start; if they are stricter than those before, not without as much
    time from when they came as they give, or as was left."""
    _, amount = terms[0]
    found = _counted(start, amount, held)
    for at, amount in terms[1:]:
        found = max(_counted(start, amount, held), min(found, _counted(at, amount, held)))
    return found


def _merged(
    holds: Iterable[tuple[datetime, datetime | None]],
) -> list[tuple[datetime, datetime | None]]:
    found: list[tuple[datetime, datetime | None]] = []
    for begin, end in sorted(holds, key=lambda each: each[0]):
        if found:
            before_begin, before_end = found[-1]
            if before_end is None:
                continue
            if begin <= before_end:
                found[-1] = (before_begin, None if end is None else max(end, before_end))
                continue
        found.append((begin, end))
    return found


def answered(events: Iterable[Happened]) -> list[Happened]:
    """The events with each granted extension knowing what it answers; in the order of time."""
    open_: dict[str | None, Happened] = {}
    found = []
    for each in sorted(events, key=lambda one: one.at):
        place = each.data.get("dispatch_id")
        if each.kind == "extension.requested":
            open_[place] = each
        elif each.kind == "extension.refused":
            open_.pop(place, None)
        elif each.kind == "extension.granted":
            each = replace(each, asked=open_.pop(place, None))
        found.append(each)
    return found


def breaches(events: Sequence[Happened], numbers: Numbers, now: datetime) -> dict[str, datetime]:
    """Clocks that are breached at ``now``, and the deadline that they missed first (I7).

    A clock is breached iff at some instant, by what counts up to it, it was open and its deadline
    had come. What happened in time but was recorded too late after that deadline (or after the
    clock itself was known, where that was later) helps no more.
    """
    found: dict[str, datetime] = {}
    events = answered(events)
    moments = {each.counts for each in events}
    deadlines: dict[datetime, set[datetime]] = {}
    """By the record that made a clock known: each deadline that such a clock ever had."""
    for moment in moments:
        before = [each for each in events if each.counts <= moment]
        for clock in Story(before, numbers, now).clocks().values():
            if clock.deadline is not None and clock.deadline < now:
                deadlines.setdefault(clock.known, set()).add(clock.deadline)
    known: dict[tuple[datetime, frozenset[str]], dict[str, Clock]] = {}
    for moment in sorted(moments.union(*deadlines.values())):
        for born, deadline in [(b, d) for b, each in deadlines.items() for d in sorted(each)]:
            if deadline > moment:
                continue
            limit = max(deadline, born) + numbers.late_recording
            # An amendment can shorten a time or lengthen it; only what helps can come too late.
            for harming in (CREATES, (*CREATES, "ticket.amended")):
                counts = [
                    each
                    for each in events
                    if each.counts <= moment
                    and (each.kind in harming or each.counts > deadline or each.known <= limit)
                ]
                key = moment, frozenset(each.id for each in counts)
                if key not in known:
                    known[key] = Story(counts, numbers, moment).clocks()
                for name, clock in known[key].items():
                    if clock.known == born and clock.deadline == deadline and not clock.ended:
                        found.setdefault(name, deadline)
    return found


def clocks(events: Sequence[Happened], numbers: Numbers, now: datetime) -> dict[str, Clock]:
    """Every clock of the ticket as it stands at ``now``."""
    return Story(events, numbers, now).clocks()
