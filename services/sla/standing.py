"""How a clock stands: its deadline, and whether something was missed (I7). Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from policy.bundle import Policy
from policy.calendars import CalendarUnknown
from rules.clocks.reckoning import Hold, Reckoning, Setting, Until, reckon
from rules.clocks.terms import Terms
from services.sla.clocks import PAUSED, RUNNING, Clock
from services.sla.fold import Moved, Pause

Past = Callable[[datetime], bool]
"""Whether an instant has gone by: at a deadline itself, what comes is still in time."""


class Standing(NamedTuple):
    """A clock as it stands now."""

    status: str
    reckoning: Reckoning
    """As of now, or of its end."""
    missed: datetime | None
    """The deadline that nothing met; None: none was missed."""
    recorded_late: bool
    """It was met in time, but so late was it recorded that the breach stands."""
    late: bool
    """It ended after its deadline."""


class Before(NamedTuple):
    """Terms that a clock had until the ticket said something else."""

    until: datetime
    known: datetime
    terms: Terms | None


def stand(
    clock: Clock,
    terms: Terms,
    policy: Policy,
    now: datetime,
    past: Past,
    before: Sequence[Before] = (),
) -> Standing:
    """The clock as its marks leave it at ``now``.

    Args:
        before: other terms that it had, oldest first.
    """
    until = clock.ended_at or now
    judge = _Judge(clock, terms, policy, until, past, before)
    reckoning = judge.reckon(judge.moves, judge.pauses, before=judge.before)
    missed, recorded_late = judge.missed(reckoning.deadline)
    status = clock.status
    if status == RUNNING and reckoning.paused_since is not None:
        status = PAUSED
    late = (
        clock.ended_at is not None
        and reckoning.deadline is not None
        and clock.ended_at > reckoning.deadline
    )
    return Standing(status, reckoning, missed, recorded_late, late)


class _Judge:
    """One clock, its settings and pauses as known, and what was missed under each of them."""

    def __init__(
        self,
        clock: Clock,
        terms: Terms,
        policy: Policy,
        until: datetime,
        past: Past,
        before: Sequence[Before],
    ) -> None:
        self.clock = clock
        self.terms = terms
        self.calendars = policy.calendars
        self.before = [each for each in before if clock.start < each.until <= until]
        self.until = until
        self.past = past
        self.late = policy.sla.late_recording
        self.before_due = policy.sla.extension_asked_before_due
        self.unknown: str | None = None
        """Why what another system had left leads to no deadline."""
        moves = [each for each in clock.moves if each.setting.at <= until]
        if terms.amount is None and moves and moves[0].setting.at > clock.start:
            # Nothing but somebody's word: it holds from the start.
            first = moves[0]
            setting = Setting(clock.start, first.setting.due, first.setting.basis)
            moves[0] = first._replace(setting=setting, asked=clock.start)
        self.moves: Sequence[Moved] = moves
        self.pauses = [each for each in clock.pauses if each.since <= until]
        if clock.elapsed is not None and not self.moves and terms.amount is not None:
            self.moves = self._imported(*clock.elapsed)

    def _imported(self, at: datetime, seconds: float) -> Sequence[Moved]:
        """The deadline that leaves what the other system had left; amended since, as ``reckon``
        has it of amended terms."""
        due: datetime | None = None
        try:
            since = self.clock.start
            for until, terms in [*((b.until, b.terms) for b in self.before), (since, self.terms)]:
                if terms is not None and terms.amount is not None:
                    due = self._left(at, seconds, since, terms, due)
                since = until
        except CalendarUnknown as unknown:
            self.unknown = f"calendar {unknown.calendar} does not know {unknown.year}"
            return ()
        if due is None:
            return ()
        return (Moved(Setting(self.clock.start, due, "imported"), self.clock.start, at),)

    def _left(
        self, at: datetime, seconds: float, since: datetime, terms: Terms, before: datetime | None
    ) -> datetime | None:
        total = self.reckon((), (), terms).total
        if total is None:
            return None
        calendar = self.calendars[terms.calendar]
        left = max(total - timedelta(seconds=seconds), timedelta(0))
        due = calendar.add_working_time(at, left)
        if before is None or since <= at:
            return due
        given = reckon(since, terms, calendar, until=since).deadline
        return due if given is None else max(due, min(before, given))

    def reckon(
        self,
        moves: Sequence[Moved],
        pauses: Sequence[Pause],
        terms: Terms | None = None,
        before: Sequence[Before] = (),
    ) -> Reckoning:
        terms = terms or self.terms
        reckoning = reckon(
            self.clock.start,
            terms,
            self.calendars[terms.calendar],
            settings=[each.setting for each in moves],
            holds=[Hold(each.since, each.until) for each in pauses],
            earlier=[self._earlier(each) for each in before] if before else (),
            until=self.until,
        )
        if self.unknown is None:
            return reckoning
        return replace(
            reckoning,
            deadline=None,
            total=None,
            remaining=None,
            warn_at=(),
            undetermined=self.unknown,
        )

    def _earlier(self, before: Before) -> Until:
        terms = before.terms
        return Until(before.until, terms, None if terms is None else self.calendars[terms.calendar])

    def missed(self, deadline: datetime | None) -> tuple[datetime | None, bool]:
        """The first deadline that was missed, and whether only because of a late record.

        A deadline counts until it was moved, or until the move was asked for (§3 «Extension»); one
        that had gone by before stays missed.
        """
        start = self.clock.start
        later = [each for each in self.moves if each.setting.at > start]
        if not (later or self.pauses or self.before):
            return (None, False) if deadline is None else self._missed(deadline, None)
        changes = {(self._asked(each), each.known) for each in later}
        changes |= {(each.since, each.known) for each in self.pauses}
        changes |= {(each.until, each.known) for each in self.before}
        since = counted = start
        for upto, known in sorted(changes):
            if upto > counted:
                since, counted = counted, upto
            before = self._deadline_until(upto)
            if before is None:
                continue
            if before < upto:
                missed = self._missed(before, upto, since)
            elif known > max(before, self.clock.known) + self.late:
                missed = self._missed(before, None)[0], False
            else:
                continue
            if missed[0] is not None:
                return missed
        return (None, False) if deadline is None else self._missed(deadline, None)

    def _deadline_until(self, upto: datetime) -> datetime | None:
        """The deadline that counted just before an instant."""
        start = self.clock.start
        terms: Terms | None = self.terms
        earlier: list[Before] = []
        for before in self.before:
            if before.until >= upto:
                terms = before.terms
                break
            earlier.append(before)
        moves = [
            each for each in self.moves if each.setting.at <= start or self._asked(each) < upto
        ]
        if terms is None or (terms.amount is None and not moves):
            return None
        pauses = [each for each in self.pauses if each.since < upto]
        return self.reckon(moves, pauses, terms, earlier).deadline

    def _asked(self, move: Moved) -> datetime:
        if move.setting.basis == "extended" and not self.before_due:
            return self.clock.start
        return move.asked

    def _missed(
        self, deadline: datetime, upto: datetime | None, since: datetime | None = None
    ) -> tuple[datetime | None, bool]:
        """Whether something was still owed behind ``deadline``, before ``upto``.

        Args:
            since: when it became the deadline; what had ended by then did not miss it.
        """
        clock = self.clock
        for run in clock.runs:
            if upto is not None and run.since >= upto:
                break
            until = run.until
            if until is not None and since is not None and until <= since:
                continue
            if until is None:
                if self.past(deadline):
                    return deadline, False
                break
            assert run.known is not None or clock.status == "missed"
            if until > deadline:
                return deadline, False
            if run.known is not None and run.known > max(deadline, clock.known) + self.late:
                return deadline, True
        return None, False
