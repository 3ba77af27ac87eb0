"""How a clock stands: its deadline, and whether something was missed (I7). Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from policy.bundle import Policy
from rules.clocks.reckoning import Hold, Reckoning, Setting, reckon
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


def stand(clock: Clock, terms: Terms, policy: Policy, now: datetime, past: Past) -> Standing:
    """The clock as its marks leave it at ``now``."""
    until = clock.ended_at or now
    judge = _Judge(clock, terms, policy, until, past)
    reckoning = judge.reckon(judge.moves, judge.pauses)
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
        self, clock: Clock, terms: Terms, policy: Policy, until: datetime, past: Past
    ) -> None:
        self.clock = clock
        self.terms = terms
        self.calendar = policy.calendars[terms.calendar]
        self.until = until
        self.past = past
        self.late = policy.sla.late_recording
        self.before_due = policy.sla.extension_asked_before_due
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
        """The deadline that leaves what the other system had left."""
        total = self.reckon((), ()).total
        if total is None:
            return ()
        left = max(total - timedelta(seconds=seconds), timedelta(0))
        due = self.calendar.add_working_time(at, left)
        return (Moved(Setting(self.clock.start, due, "imported"), self.clock.start, at),)

    def reckon(self, moves: Sequence[Moved], pauses: Sequence[Pause]) -> Reckoning:
        return reckon(
            self.clock.start,
            self.terms,
            self.calendar,
            settings=[each.setting for each in moves],
            holds=[Hold(each.since, each.until) for each in pauses],
            until=self.until,
        )

    def missed(self, deadline: datetime | None) -> tuple[datetime | None, bool]:
        """The first deadline that was missed, and whether only because of a late record.

        A deadline counts until it was moved, or until the move was asked for (§3 «Extension»); one
        that had gone by before stays missed.
        """
        start = self.clock.start
        later = [each for each in self.moves if each.setting.at > start]
        if not later and not self.pauses:
            return (None, False) if deadline is None else self._missed(deadline, None)
        changes: list[tuple[datetime, datetime]] = []
        for move in later:
            asked = move.asked
            if move.setting.basis == "extended" and not self.before_due:
                asked = start
            changes.append((asked, move.known))
        changes += [(each.since, each.known) for each in self.pauses]
        for asked, known in sorted(set(changes)):
            before = self.reckon(
                [
                    each
                    for each in self.moves
                    if each.setting.at <= start or self._asked(each) < asked
                ],
                [each for each in self.pauses if each.since < asked],
            ).deadline
            if before is None:
                continue
            if before < asked:
                missed = self._missed(before, asked)
            elif known > max(before, self.clock.known) + self.late:
                missed = self._missed(before, None)
                if missed[0] is not None:
                    return missed[0], False
            else:
                continue
            if missed[0] is not None:
                return missed
        return (None, False) if deadline is None else self._missed(deadline, None)

    def _asked(self, move: Moved) -> datetime:
        if move.setting.basis == "extended" and not self.before_due:
            return self.clock.start
        return move.asked

    def _missed(self, deadline: datetime, upto: datetime | None) -> tuple[datetime | None, bool]:
        """Whether something was still owed behind ``deadline``, before ``upto``."""
        clock = self.clock
        for run in clock.runs:
            if upto is not None and run.since >= upto:
                break
            until = run.until
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
