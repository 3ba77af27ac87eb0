"""The difference between what the marks make of each clock and what was stated: facts. Pure.

Every clock is derived from the ticket's whole history; what was said of it before decides only
whether something is to be said now. So the order in which events came in leaves no trace but the
revisions.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final
from zlib import crc32

import orjson
from msgspec.structs import replace

from policy.bundle import Policy
from rules.clocks.reckoning import Hold, Until, reckon
from rules.clocks.terms import Content, Terms, choose, promised
from runtime.processor import Effect, Note
from schemas.topics import SLA
from services.sla import telling
from services.sla.clocks import (
    ALL,
    CANCELLED,
    ENDED,
    MET,
    MISSED,
    OF_DISPATCH,
    PAUSED,
    RUNNING,
    Clock,
    Cycle,
    NewsTerms,
    clocks_of,
)
from services.sla.facts import Occasion, clock_data, terms_data
from services.sla.fold import Case, Pause, Said
from services.sla.marks import Received
from services.sla.standing import Before, Past, Standing, stand
from services.sla.state import Stated
from services.sla.telling import Why

POLICY_CAUSE, CALENDAR_CAUSE = "policy", "calendar"
NONE: Final = "none"
"""Status of a clock that only a later version of the policy would ask for: never started."""


class Settling:
    """One decision at work on the clocks of a ticket."""

    def __init__(
        self,
        case: Case,
        stated: Sequence[Stated],
        occasion: Occasion,
        *,
        cycle: Cycle | None,
        restate: bool = False,
        cut: bool = False,
        only: frozenset[str] = ALL,
    ) -> None:
        """
        Args:
            stated: the clocks as they were stated before.
            cycle: the first cycle of news that is still looked at; None: from the receipt.
            restate: another policy is in force than what ``stated`` was reckoned under.
            cut: marks of the history were dropped, and clocks with them.
            only: targets of which something may be otherwise than stated.
        """
        self.case = case
        self.occasion = occasion
        self.policy: Policy = occasion.policy
        self.cycle = cycle
        self.restate = restate
        self.cut = cut
        self.only = only
        self.before = {each.id: each for each in stated}
        self.after: list[Stated] = []
        self.effects: list[Effect] = []
        self.notes: list[Note] = []
        self.breached: list[str] = []
        self.known: dict[str, datetime] = {}
        """When the start of each cycle of news was recorded."""
        self._content = _digest(case.content)
        received = case.received
        imported = received.after if isinstance(received, Received) else None
        self._imported: datetime | None = imported

    def run(self) -> None:
        """State what is new of every clock."""
        case, only = self.case, self.only
        after: dict[str, Stated] = {}
        left = {}
        for stated in self.before.values():
            if stated.target in only:
                left[stated.id] = stated
            else:
                after[stated.id] = stated
        news = self._news() if "interim" in only else None
        for clock in clocks_of(case, self.policy, news, self.cycle, only):
            if clock.target == "interim":
                self.known[clock.id] = clock.known
            settled = self._settle(clock, left.pop(clock.id, None))
            if settled is not None:
                after[clock.id] = settled
        for stated in left.values():
            gone = self._leave(stated)
            if gone is not None:
                after[stated.id] = gone
        self.after = list(after.values())

    # -- one clock ---------------------------------------------------------------------------

    def _settle(self, clock: Clock, stated: Stated | None) -> Stated | None:
        occasion = self.occasion
        seen = _seen(clock, self.case.contents)
        ended = clock.status in ENDED
        asked = self._asked(clock, ended)
        if stated is not None and stated.asked == asked and stated.status == NONE:
            return stated
        if stated is not None and stated.seen == seen and stated.asked == asked:
            if stated.status in ENDED or (
                not self.restate and not is_due(stated, self.occasion.past)
            ):
                return stated
        elif stated is None and (
            not clock.runs
            or (self._imported is not None and ended and clock.ended_at <= self._imported)  # type: ignore[operator]
        ):
            return None
        terms = self._terms(clock, stated, asked)
        if terms is None or (terms.amount is None and not clock.moves):
            return None if stated is None else self._gone(stated, "no_rule")
        if stated is not None:
            terms = _kept(stated.terms, terms)
        if (stated is None or stated.status == NONE) and self.restate:
            # A rule that asks for more asks it of what comes after it.
            return Stated(clock.id, clock.target, NONE, clock.start, terms, asked=asked)
        if stated is not None and stated.status == NONE:
            stated = None
        before = self._before(clock, stated) if len(self.case.contents) > 1 else ()
        standing = stand(clock, terms, self.policy, occasion.now, occasion.past, before)
        if clock.status == MISSED:
            standing = standing._replace(missed=clock.ended_at)
        return _One(self, clock, stated, terms, standing, seen, asked).settled()

    def _asked(self, clock: Clock, ended: bool) -> int:
        if not ended or len(self.case.contents) < 2:
            return self._content
        return _digest(self.case.content_at(clock.ended_at))

    def _terms(self, clock: Clock, stated: Stated | None, asked: int) -> Terms | None:
        """Those it has, unless the ticket says something else now, or the policy may change them
        (decision 0022)."""
        policy = self.policy
        if stated is not None and stated.asked == asked:
            keep = not self.restate or policy.sla.new_version_targets == "keep"
            if keep or stated.status in ENDED:
                return stated.terms
        content = self.case.content_at(clock.ended_at if clock.status in ENDED else None)
        if clock.promise_only:
            return (
                promised(clock.target, content, policy, clock.department) if clock.moves else None
            )
        if not clock.moves:
            return choose(clock.target, content, policy, clock.department)
        chosen = choose(clock.target, content, policy, clock.department)
        if chosen is None and clock.target != "reply":
            return promised(clock.target, content, policy, clock.department)
        return chosen

    def _before(self, clock: Clock, stated: Stated | None) -> list[Before]:
        """Terms by what the ticket said earlier: what was missed by them stays missed."""
        found = []
        contents = self.case.contents
        for said, after in pairwise(contents):
            if after.at <= clock.start or (clock.ended_at and after.at > clock.ended_at):
                continue
            terms = self._had(clock.target, clock.department, stated, said.content)
            if terms is None and clock.moves:
                terms = promised(clock.target, said.content, self.policy, clock.department)
            found.append(Before(after.at, after.known, terms))
        return found

    def _had(
        self, target: str, department: str | None, stated: Stated | None, content: Content
    ) -> Terms | None:
        """The terms that a clock had while the ticket said that."""
        if stated is not None:
            asked = _digest(content)
            if stated.asked == asked:
                return stated.terms
            for digest, terms in stated.earlier:
                if digest == asked:
                    return terms
        return choose(target, content, self.policy, department)

    def _leave(self, stated: Stated) -> Stated | None:
        """A clock for which the history has no place any more."""
        if self.cut and stated.status in ENDED:
            return None
        return self._gone(stated, "superseded")

    def _gone(self, stated: Stated, why: str) -> Stated | None:
        if stated.status in (CANCELLED, NONE) and not stated.breach:
            return stated
        dispatch = stated.id.partition(":")[2] if stated.target in OF_DISPATCH else None
        data: dict[str, Any] = {
            "target": stated.target,
            "clock": stated.id,
            "dispatch": dispatch,
            "started_at": stated.start.astimezone(self.policy.time_zone),
            "basis": stated.basis,
            "terms": terms_data(stated.terms, self.policy),
            "elapsed_minutes": 0.0,
        }
        if stated.breach:
            said = telling.withdrawn(
                self.occasion.slug,
                stated.breached_at,
                stated.terms,
                stated.basis,
                self.policy.time_zone,
            )
            stated = self.state("withdrawn", stated, {**data, "breach": stated.breach}, said)
            stated = replace(stated, breach="", breached_at=None)
        if stated.status not in (CANCELLED, MET):
            now = self.occasion.now.astimezone(self.policy.time_zone)
            said = telling.cancelled(why, stated.terms, stated.basis)
            stated = self.state("cancelled", stated, {**data, "ended_at": now}, said)
        return replace(
            stated, status=CANCELLED, ended_at=self.occasion.now, deadline=None, warn_at=(), seen=0
        )

    def cut_over(self, clock: Clock, missed: datetime) -> bool:
        """Whether what was done until then is another system's history (存量工单)."""
        imported = self._imported is not None and missed <= self._imported
        return imported and clock.dispatch is not None and clock.dispatch.imported

    # -- news --------------------------------------------------------------------------------

    def _news(self) -> NewsTerms | None:
        case, policy, occasion = self.case, self.policy, self.occasion
        if case.received is None:
            return None
        chosen = choose("interim", case.content, policy)
        if chosen is None and not any(each.target == "interim" for each in self.before.values()):
            return None
        late = policy.sla.late_recording
        keep = not self.restate or policy.sla.new_version_targets == "keep"

        def deadline(number: int, start: datetime, pauses: Sequence[Pause]) -> datetime | None:
            stated = self.before.get(f"interim:{number}")
            terms = chosen
            if stated is not None and (
                stated.status in ENDED or (stated.asked == self._content and keep)
            ):
                terms = stated.terms
                unmoved = not pauses and stated.start == start and not self.restate
                if unmoved and stated.deadline is not None:
                    return stated.deadline
            due, earlier = None, list[Until]()
            for said, after in pairwise(case.contents) if len(case.contents) > 1 else ():
                if after.at <= start:
                    continue
                had = self._had("interim", None, stated, said.content)
                if had is not None and had.amount is not None:
                    due = news_due(start, had, pauses, earlier)
                    if due is not None and due < after.at:
                        return due  # what was said then is not for this cycle
                calendar = None if had is None else policy.calendars[had.calendar]
                earlier.append(Until(after.at, had, calendar))
            if terms is None or terms.amount is None:
                return None
            return news_due(start, terms, pauses, earlier)

        def news_due(
            start: datetime, terms: Terms, pauses: Sequence[Pause], earlier: Sequence[Until]
        ) -> datetime | None:
            return reckon(
                start,
                terms,
                policy.calendars[terms.calendar],
                holds=[Hold(each.since, each.until) for each in pauses],
                earlier=earlier,
                until=occasion.now,
            ).deadline

        return NewsTerms(
            deadline,
            occasion.past,
            lambda due, since, known: known > max(due, since) + late,
        )

    # -- facts -------------------------------------------------------------------------------

    def state(self, kind: str, stated: Stated, data: dict[str, Any], why: Why) -> Stated:
        """Write a fact; returns what was stated, one revision on."""
        occasion = self.occasion
        revision = stated.revision + 1
        fact_id = occasion.fact_id(kind, f"{stated.id} {revision}")
        data["reason"] = why.slug
        data["reason_en"], data["reason_zh"] = why.said
        data["cause"] = self.cause(stated.terms)
        data["revision"] = revision
        data["replaces"] = stated.fact or None
        value = occasion.fact(kind, fact_id, data)
        self.effects.append(Effect(SLA, key=occasion.citizen, value=value))
        self.notes.append(("sla_facts", (kind, stated.target)))
        return replace(stated, revision=revision, fact=fact_id)

    def cause(self, terms: Terms) -> str:
        if not self.restate:
            return self.occasion.slug
        return POLICY_CAUSE if terms.version == self.policy.version else CALENDAR_CAUSE


class _One:
    """What is to be said of one clock, step by step."""

    __slots__ = (
        "_asked",
        "_data",
        "_new",
        "clock",
        "desk",
        "facts",
        "policy",
        "seen",
        "standing",
        "stated",
        "terms",
        "tz",
    )

    def __init__(
        self,
        desk: Settling,
        clock: Clock,
        stated: Stated | None,
        terms: Terms,
        standing: Standing,
        seen: int,
        asked: int,
    ) -> None:
        self.desk = desk
        self.clock = clock
        self.terms = terms
        self.standing = standing
        self.policy = desk.policy
        self.tz = desk.policy.time_zone
        self.stated = stated
        self.seen = seen
        self._asked = asked
        self._data: dict[str, Any] | None = None
        reckoning = standing.reckoning
        self._new = Stated(
            clock.id,
            clock.target,
            standing.status,
            clock.start,
            terms,
            deadline=reckoning.deadline,
            basis=reckoning.basis,
            undetermined=reckoning.undetermined or "",
            breach="" if stated is None else stated.breach,
            breached_at=None if stated is None else stated.breached_at,
            ended_at=clock.ended_at,
            late=standing.late,
            recorded_late=standing.recorded_late,
            fact="" if stated is None else stated.fact,
            revision=0 if stated is None else stated.revision,
            warned=0 if stated is None else stated.warned,
            asked=asked,
            earlier=() if stated is None else _earlier(stated, asked),
            seen=seen,
        )

    def settled(self) -> Stated:
        """Say it; returns what is stated now."""
        self._withdraw()
        status = self.standing.status
        if self.stated is None:
            self._start()
        elif status not in ENDED:
            self._go_on(self.stated)
        self._breach()
        if status == RUNNING:
            self._warn()
        elif status == PAUSED:
            stated = self.stated
            before = None if stated is None else stated.deadline or stated.before
            self._new = replace(self._new, before=before)
        elif status in (MET, CANCELLED):
            self._end(status)
        return self._new

    def _say(self, kind: str, why: Why, **more: Any) -> None:
        if self._data is None:
            self._data = clock_data(self.clock, self.terms, self.standing.reckoning, self.policy)
        self._new = self.desk.state(kind, self._new, {**self._data, **more}, why)

    def _local(self, at: datetime | None) -> datetime | None:
        return None if at is None else at.astimezone(self.tz)

    def _start(self) -> None:
        anew = self.desk.case.received is not None and not isinstance(
            self.desk.case.received, Received
        )
        citizens = self.clock.target in ("resolve", "reply")
        reckoning = self.standing.reckoning
        why = telling.started(self.terms, reckoning, self.tz, anew=anew and citizens)
        self._say("started", why)
        if reckoning.undetermined:
            self.desk.notes.append(("sla_undetermined", (self.terms.calendar,)))
        if self.standing.status == PAUSED:
            self._say("paused", telling.paused(self.terms, reckoning, self.tz))

    def _withdraw(self) -> None:
        new = self._new
        if not new.breach or self.standing.missed is not None:
            return
        cause, basis = self.desk.cause(self.terms), self.standing.reckoning.basis
        why = telling.withdrawn(cause, new.breached_at, self.terms, basis, self.tz)
        self._say("withdrawn", why, breach=new.breach)
        self._new = replace(self._new, breach="", breached_at=None, warned=0)

    def _go_on(self, stated: Stated) -> None:
        """It runs or stands still, as before or otherwise."""
        standing, reckoning = self.standing, self.standing.reckoning
        tz, terms = self.tz, self.terms
        was = stated.deadline or stated.before
        if stated.status in ENDED:
            # Without a reason of its own, what had ended it was undone by what came now.
            cause = self.clock.why or self.desk.cause(terms)
            why = telling.resumed(cause, terms, reckoning, tz)
            if standing.status == RUNNING:
                self._say("resumed", why, previous_deadline=self._local(was))
        elif stated.status == PAUSED and standing.status == RUNNING:
            why = telling.resumed("hold_ended", terms, reckoning, tz)
            self._say("resumed", why, previous_deadline=self._local(was))
        elif standing.status == RUNNING and (
            stated.deadline != reckoning.deadline
            or stated.start != self.clock.start
            or stated.basis != reckoning.basis
            or stated.undetermined != (reckoning.undetermined or "")
            or not _counts_alike(stated.terms, terms)
        ):
            why = telling.moved(self.desk.cause(terms), was, terms, reckoning, tz)
            self._say("recomputed", why, previous_deadline=self._local(was))
            if reckoning.undetermined:
                self.desk.notes.append(("sla_undetermined", (terms.calendar,)))
        elif (
            standing.status == PAUSED == stated.status
            and not self.desk.restate
            and (stated.basis != reckoning.basis or not _counts_alike(stated.terms, terms))
        ):
            # Else only the end of the hold would seem to have moved it.
            why = telling.paused(terms, reckoning, tz, changed=self.desk.cause(terms))
            self._say("paused", why, previous_deadline=self._local(was))
        if standing.status == PAUSED and stated.status != PAUSED:
            self._say("paused", telling.paused(terms, reckoning, tz))

    def _breach(self) -> None:
        missed = self.standing.missed
        if missed is None:
            return
        if self._new.breach:
            self._new = replace(self._new, breached_at=missed)
            return
        tries = None
        if self.clock.target == "first_contact":
            tries = telling.tries_of(self.clock.calls, missed)
        cut_over = self.desk.cut_over(self.clock, missed)
        basis = self._basis_of(missed)
        why = telling.breached(self.terms, missed, self.tz, tries, basis=basis, cut_over=cut_over)
        self._say("breached", why, deadline=self._local(missed), contact=tries)
        self._new = replace(self._new, breach=self._new.fact, breached_at=missed)
        self.desk.breached.append(self.clock.id)

    def _basis_of(self, missed: datetime) -> str:
        """On whose word the deadline was that was missed; empty where it was never stated."""
        if missed == self.standing.reckoning.deadline:
            return self.standing.reckoning.basis
        stated = self.stated
        if stated is not None and missed in (stated.deadline, stated.before):
            return stated.basis
        return ""

    def _warn(self) -> None:
        """Of several that have gone by only the highest, and none of what is late already."""
        warnings = self.standing.reckoning.warn_at
        past = self.desk.occasion.past
        highest = max((percent for percent, at in warnings if past(at)), default=0)
        new = self._new
        if highest > new.warned and self.standing.missed is None:
            why = telling.warned(highest, self.terms, self.standing.reckoning, self.tz)
            self._say("warning", why, percent=highest)
        self._new = replace(self._new, warn_at=warnings, warned=highest)

    def _end(self, status: str) -> None:
        stated, clock, standing = self.stated, self.clock, self.standing
        if stated is not None and (
            stated.status == status
            and stated.ended_at == clock.ended_at
            and stated.late == standing.late
            and stated.recorded_late == standing.recorded_late
        ):
            return
        at = clock.ended_at
        assert at is not None
        if status == CANCELLED:
            why = telling.cancelled(clock.why, self.terms, standing.reckoning.basis)
            self._say("cancelled", why, ended_at=self._local(at))
            return
        late, recorded_late = standing.late, standing.recorded_late
        why = telling.met(
            clock.why,
            at,
            standing.reckoning.deadline,
            self.tz,
            self.terms,
            basis=standing.reckoning.basis,
            late=late,
            recorded_late=recorded_late,
            missed=self._new.breached_at if self._new.breach else None,
        )
        self._say(
            "met",
            why,
            ended_at=self._local(at),
            late=late,
            recorded_late=recorded_late,
            breach=self._new.breach or None,
        )


def is_due(stated: Stated, past: Past) -> bool:
    """Whether time alone changes something of it."""
    if stated.status != RUNNING or stated.breach:
        return False
    if stated.deadline is not None and past(stated.deadline):
        return True
    return any(percent > stated.warned and past(at) for percent, at in stated.warn_at)


def next_due(stated: Sequence[Stated]) -> datetime | None:
    """When time alone next changes something of these clocks."""
    found: datetime | None = None
    for each in stated:
        if each.status != RUNNING or each.breach:
            continue
        due = each.deadline
        if due is not None and (found is None or due < found):
            found = due
        for percent, at in each.warn_at:
            if percent > each.warned and (found is None or at < found):
                found = at
    return found


EARLIER_KEPT: Final = 8


def _earlier(stated: Stated, asked: int) -> tuple[tuple[int, Terms], ...]:
    """Terms by contents that are no more: another version of the policy does not change them."""
    if stated.asked == asked:
        return stated.earlier
    kept = [each for each in stated.earlier if each[0] not in (asked, stated.asked)]
    return (*kept, (stated.asked, stated.terms))[-EARLIER_KEPT:]


def _digest(content: Content) -> int:
    text = f"{content.leaf}\x1f{content.urgency}\x1f{content.request_type}\x1f{content.channel}"
    return crc32(text.encode())


def _seen(clock: Clock, contents: Sequence[Said]) -> int:
    """All that a clock's standing depends on beside its terms, the calendar and the time."""
    whole: list[Any] = [clock.start, clock.known, clock.department, clock.why]
    for run in clock.runs:
        whole += run
    for move in clock.moves:
        setting = move.setting
        whole += (setting.at, setting.due, setting.basis, move.asked)
    for pause in clock.pauses:
        whole += (pause.since, pause.until)
    if clock.elapsed is not None:
        whole += clock.elapsed
    for said in contents[1:]:
        if said.at > clock.start and (clock.ended_at is None or said.at <= clock.ended_at):
            whole += (said.at, _digest(said.content))
    return crc32(orjson.dumps(whole))


def _same_rule(one: Terms, other: Terms) -> bool:
    """Whether two are one rule, whatever version of the policy they are from."""
    return one is other or replace(one, version=other.version) == other


def _counts_alike(one: Terms, other: Terms) -> bool:
    """Whether two count the same time, though another level may have asked for it: where the
    deadline is the same too, there is nothing to say."""
    return one is other or (
        (one.amount, one.unit, one.calendar) == (other.amount, other.unit, other.calendar)
    )


def _kept(stated: Terms, chosen: Terms) -> Terms:
    """The rule that it has had, where the choice falls on it again."""
    return stated if _same_rule(stated, chosen) else chosen
