"""What becomes of a ticket's task in the course of one decision (R33–R36, ruling 14)."""

from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from policy.callback import CallbackPolicy
from runtime.processor import Effect, Note
from schemas.ids import is_anonymous
from schemas.topics import CALLBACKS, COMMANDS, INBOX
from services.callback import choosing, life
from services.callback.facts import PHONE, Occasion, fact, reopen, task_id
from services.callback.state import (
    ANSWERED,
    CALLING,
    CANCELLED,
    CLOSED,
    REOPENED,
    TALKING,
    UNCONTACTED,
    WAITING,
    Mark,
    Task,
    Ticket,
    Try,
)

REACHED: Final = "answered"
"""Outcome of a try in which somebody was reached."""
NO_ANSWER: Final = "no_answer"
OTHER: Final = "other"
"""Label of a department or branch that the policy does not know: what publishers may invent has no
end, and a metric must have one."""


class Desk:
    """A ticket in the course of a decision, and what the decision comes to."""

    __slots__ = ("effects", "notes", "occasion", "ticket")

    def __init__(self, occasion: Occasion, ticket: Ticket) -> None:
        self.occasion = occasion
        self.ticket = ticket
        self.effects: list[Effect] = []
        self.notes: list[Note] = []

    @property
    def policy(self) -> CallbackPolicy:
        return self.occasion.policy.callback

    # -- closes and reopenings ---------------------------------------------------------------------

    def mark(self, mark: Mark) -> None:
        """A close, a reopening or a withdrawal became known: is its task the one that is live?"""
        ticket = self.ticket = replace(self.ticket, marks=life.inserted(self.ticket.marks, mark))
        period = life.period(ticket.marks)
        task = ticket.task
        close = mark if mark.what == CLOSED else None
        if task is not None and not (period.first and task.order >= period.first.order):
            ended = life.ended_after(ticket.marks, Mark(*task.order, CLOSED, ""))
            if task.live:
                self._cancel(task, ended.what if ended is not None else REOPENED)
            elif task.command_until is not None and mark.what == REOPENED:
                self._keep(replace(task, command_until=None))
            task = None
        if task is not None and task.phase == CANCELLED:
            task = None  # what cancelled it has been taken back by what came late
        if period.first is None:
            if close is not None:
                ended = life.ended_after(ticket.marks, close)
                self._waive(close, _since(ended))
            return
        if task is not None:
            if close is not None:
                self._waive(close, "closed_already")
            return
        if close is not None and close.id != period.first.id:
            known = close.order >= period.first.order
            self._waive(close, "closed_already" if known else "reopened_since")
            return
        last = self.ticket.task
        if (
            close is None
            and last is not None
            and last.answered_at is not None
            and last.answered_at >= period.first.at
        ):
            return  # the citizen was asked after that close, though under the task of another
        if close is not None or (mark.what == REOPENED and period.first.revision):
            self._arm(period.first)

    def _arm(self, close: Mark) -> None:
        """The task of a close: to be asked, or waived with its reason."""
        policy, ticket, now = self.policy, self.ticket, self.occasion.now
        reason = self._why_not(close)
        if reason is not None:
            self._waive(close, reason)
            return
        row = policy.intermittent_of(ticket.leaf)
        checks = row.checks if row is not None else 1
        task = replace(self._task_of(close, WAITING, self._plan()), checks=checks)
        due = close.at + policy.after
        if ticket.due_before is not None:
            due = ticket.due_before
        place = choosing.first(
            policy, ticket.cells, task.channel, max(due, now), choosing.fraction(task.id)
        )
        task = _placed(task, place, begun=True)
        self._state("scheduled", task, "reopened_between" if close.revision else "closed")
        stated = self._task
        self._remark(
            replace(close, revision=stated.revision, fact=stated.fact, armed=close.armed + 1)
        )

    def _why_not(self, close: Mark) -> str | None:
        policy, ticket, now = self.policy, self.ticket, self.occasion.now
        if ticket.asked_before and close.round == ticket.closes and not ticket.task:
            return "asked_before_cut_over"
        if not ticket.reply_wanted and not policy.asked_without_reply_wanted:
            return "reply_not_wanted"
        if ticket.request_type in policy.request_types_not_asked:
            return "type_not_asked"
        if not self._plan():
            return "no_way_back"
        if close.at + policy.after + policy.too_late < now:
            return "closed_long_ago"
        return None

    def _plan(self) -> tuple[str, ...]:
        """By what the citizen is asked, in order: as they wished; who is anonymous, by the way on
        which they came; else as the policy says."""
        policy, ticket = self.policy, self.ticket
        if is_anonymous(ticket.citizen):
            way = ticket.channel
            answered = way in self.occasion.policy.notices.way_back and way in policy.ways
            return (way,) if answered else ()
        wish = ticket.reply_by if ticket.reply_by in policy.ways else ""
        if wish and wish != policy.channel:
            # Who asked for a message is not called.
            return (wish, *(each for each in policy.then if each not in (wish, PHONE)))
        return (policy.channel, *(each for each in policy.then if each != policy.channel))

    def _waive(self, close: Mark, reason: str) -> None:
        task = self._task_of(close, CANCELLED, (self.policy.channel,))
        stated = self._said("waived", task, reason)
        self._remark(replace(close, revision=stated.revision, fact=stated.fact))

    def _task_of(self, close: Mark, phase: str, plan: tuple[str, ...]) -> Task:
        return Task(
            id=task_id(self.occasion.key, close.id, close.armed),
            round=max(close.round, 1),
            closed_at=close.at,
            sequence=close.sequence,
            phase=phase,
            plan=plan,
            revision=0 if close.armed else close.revision,
            fact="" if close.armed else close.fact,
        )

    def _remark(self, close: Mark) -> None:
        self.ticket = replace(self.ticket, marks=life.changed(self.ticket.marks, close))

    def _cancel(self, task: Task, why: str) -> None:
        self._state("cancelled", replace(task, phase=CANCELLED), why)

    # -- time --------------------------------------------------------------------------------------

    def come_due(self) -> None:
        """The instant that the task waits for has come."""
        task = self.ticket.task
        if task is None:
            return
        match task.phase:
            case "waiting":
                self._order(task)
            case "calling" if task.channel == PHONE:
                self._missed(task)
            case "calling":
                at = task.due_at or self.occasion.now
                self._spent(task, Try(at, task.channel, NO_ANSWER, task.slot))
            case "talking":
                self._nothing_said(task, task.tries[-1])
            case "answered" if task.command_until is not None:
                self._to_arbiter(task, "reopen_unanswered")

    def _order(self, task: Task) -> None:
        """应回访: now, until the slot ends or the answer to a message should have come."""
        now = self.occasion.now
        opening = choosing.is_open(self.policy, now)
        if opening is None:
            place = choosing.nearest(
                self.policy, self.ticket.cells, task.channel, now, self._at(task)
            )
            self._state("rescheduled", _placed(task, place), "hours_changed")
            return
        if not self.policy.knows(now):
            self.notes.append(("callback_calendar_unknown", (self.policy.calendar,)))
        if task.channel == PHONE:
            until = opening.closes
            wait_until = until + self.policy.same_try
        else:
            until = wait_until = now + self.policy.wait
        called = replace(task, phase=CALLING, until=until, wait_until=wait_until)
        self._state("due", called, "time_has_come")

    def _missed(self, task: Task) -> None:
        """The slot is over and nobody tried."""
        self.notes.append(("callback_not_tried", (task.slot,)))
        missed = (task.due_at, task.until) if task.due_at and task.until else None
        task = replace(task, not_tried=task.not_tried + 1, phase=WAITING, missed=missed)
        if task.not_tried >= self.policy.not_tried_at_most:
            reason = "every_way_tried" if task.tried or task.step else "nobody_tried"
            self._other_channel(task, self.occasion.now, reason)
            return
        place = choosing.nearest(
            self.policy, self.ticket.cells, task.channel, self.occasion.now, self._at(task)
        )
        self._state("rescheduled", _placed(task, place), "not_tried")

    # -- tries -------------------------------------------------------------------------------------

    def tried(self, report: Try, *, said_something: bool) -> None:
        """A try was reported that brought no answer: by the telephone system, or by who asked.

        ``said_something``: of a report that somebody was reached, whether it is all there is (a
        person's) or whether words may still come (a call's).
        """
        task = self.ticket.task
        if task is None or not task.live:
            return
        if task.not_before is not None and report.at < task.not_before:
            return  # of the check before
        index = _same(task, report, self.policy)
        reached = report.outcome == REACHED
        if index is None:
            if not self._counts(task, report):
                return
            task = _not_missed(task, report.at)
            if reached and not said_something:
                self._talk(replace(task, tries=(*task.tries, report)))
            elif reached:
                self._nothing_said(replace(task, tries=(*task.tries, report)), report)
            else:
                self._spent(task, report)
            return
        before = task.tries[index]
        merged = replace(
            before,
            outcome=report.outcome,
            by_call=before.by_call or report.by_call,
            by_person=before.by_person or report.by_person,
        )
        tries = (*task.tries[:index], merged, *task.tries[index + 1 :])
        changed = replace(task, tries=tries)
        if reached and not said_something:
            self._talk(changed)
        elif task.phase == TALKING and reached:
            self._nothing_said(changed, merged)
        elif task.phase == TALKING:
            self._state("attempted", changed, "not_reached", tried=merged)
            self._next(self._task, merged.outcome)
        else:
            self._keep(changed)

    def _counts(self, task: Task, report: Try) -> bool:
        """Whether it is one of the tries that the policy allows: what is tried beyond them says
        something of the citizen, but ends nothing."""
        if len(task.tried) >= self.policy.attempts + len(task.plan):
            return False
        return report.channel == task.channel or report.outcome == REACHED

    def _talk(self, task: Task) -> None:
        """Somebody was reached; what was said is still to come."""
        until = self.occasion.now + self.policy.words_within
        self._keep(replace(task, phase=TALKING, wait_until=until))

    def _spent(self, task: Task, report: Try) -> None:
        """未接通."""
        reason = "not_reached" if task.channel == PHONE or report.by_person else ""
        self._state(
            "attempted",
            replace(task, tries=(*task.tries, report)),
            reason or "no_answer_to_message",
            tried=report,
        )
        self._next(self._task, report.outcome)

    def _nothing_said(self, task: Task, report: Try) -> None:
        self._state("attempted", task, "nothing_said", tried=report)
        self._next(self._task, REACHED)

    def _next(self, task: Task, outcome: str) -> None:
        """Another slot, another channel, or the end (R36)."""
        policy, now = self.policy, self.occasion.now
        tried = [each for each in task.tried if each.channel == task.channel]
        most = policy.attempts if task.channel == PHONE else 1
        useless = outcome in policy.useless_outcomes
        task = replace(task, phase=WAITING, until=None)
        earliest = max(now, task.tries[-1].at + policy.gap, _not_before(task, policy))
        if len(tried) < most and not useless:
            begun = task.begun_at or now
            days = max(1, policy.over_days - (most - len(tried) - 1))
            place = choosing.another(
                policy,
                self.ticket.cells,
                task.channel,
                earliest,
                self._at(task),
                tried=tuple(each.slot for each in tried),
                last_day=choosing.nth_calling_day(policy, begun, days),
            )
            reason = "asked_again" if outcome == REACHED else "another_slot"
            self._state("rescheduled", _placed(task, place), reason)
            return
        self._other_channel(task, earliest, "every_way_tried")

    def _other_channel(self, task: Task, earliest: datetime, else_: str) -> None:
        """The next channel of the plan; none left: the end, and why."""
        if task.step + 1 == len(task.plan):
            self._end(task, else_)
            return
        task = replace(task, step=task.step + 1)
        place = choosing.nearest(
            self.policy, self.ticket.cells, task.channel, earliest, self._at(task)
        )
        self._state("rescheduled", _placed(task, place), "another_channel")

    def _end(self, task: Task, reason: str) -> None:
        """Every way was tried. Who was reached and said nothing is for a person to look at."""
        if any(each.outcome == REACHED for each in task.tried):
            ended = replace(task, phase=ANSWERED, follow_up="review", answered_at=task.tried[-1].at)
            self._state("answered", ended, "nothing_said_at_all")
            self._ended(ANSWERED)
            return
        self._state("uncontacted", replace(task, phase=UNCONTACTED), reason)
        self._ended(UNCONTACTED)

    # -- answers -----------------------------------------------------------------------------------

    def answered(
        self, report: Try, resolved: bool, satisfied: int | None, reasons: tuple[str, ...]
    ) -> None:
        """The citizen said whether it is resolved (R34)."""
        task = self.ticket.task
        if task is None or task.phase == CANCELLED:
            return
        if not task.live:
            same = (task.resolved, task.satisfied) == (resolved, satisfied)
            if same or (task.answered_at is not None and report.at <= task.answered_at):
                return
        elif task.not_before is not None and report.at < task.not_before and resolved:
            return  # of the check before: the problem may still come back
        again = not task.live and task.phase == ANSWERED
        index = _same(task, report, self.policy)
        if index is not None:
            merged = replace(task.tries[index], outcome=REACHED, by_person=True)
            tries = (*task.tries[:index], merged, *task.tries[index + 1 :])
        elif task.live:
            tries = (*task.tries, report)
        else:
            tries = task.tries
        task = replace(
            task,
            tries=tries,
            phase=ANSWERED,
            answered_at=report.at,
            resolved=resolved,
            satisfied=satisfied,
            until=None,
            command_until=None if resolved else task.command_until,
        )
        if not resolved:
            self._not_resolved(task, report, reasons, "not_resolved", "not_resolved")
        elif satisfied is not None and satisfied <= self.policy.dissatisfied_at_most:
            follow_up = self.policy.dissatisfied
            if follow_up == "reopen":
                self._not_resolved(task, report, reasons, "dissatisfied", "dissatisfied")
            elif task.check < task.checks:
                self._check_again(task, report, reasons)
            else:
                ended = replace(task, follow_up=follow_up)
                self._state("answered", ended, "dissatisfied", tried=report, reasons=reasons)
        elif task.check < task.checks:
            self._check_again(task, report, reasons)
        else:
            ended = replace(task, follow_up="none")
            self._state("answered", ended, "resolved", tried=report, reasons=reasons)
        if not again:
            self._tried(report)
            if not self._task.live:
                self._ended(ANSWERED)

    def _not_resolved(
        self, task: Task, report: Try, reasons: tuple[str, ...], cause: str, reason: str
    ) -> None:
        """Back to the department, or to the arbiter when that was done often enough."""
        ticket, policy = self.ticket, self.policy
        if task.command:  # asked for already, by an answer of this task that was corrected
            follow_up = task.follow_up or "reopen"
            ended = replace(task, follow_up=follow_up)
            self._state("answered", ended, reason, tried=report, reasons=reasons)
            return
        if ticket.commands >= policy.reopen_rounds:
            ended = replace(task, follow_up="arbitration")
            self._state("answered", ended, "rounds_used_up", tried=report, reasons=reasons)
            return
        asked = replace(
            task, follow_up="reopen", command_until=self.occasion.now + policy.command_within
        )
        rounds = ticket.commands + 1
        id_, command = reopen(self.occasion, ticket, asked, cause, reason, rounds)
        self.ticket = replace(ticket, commands=rounds)
        self._state(
            *("answered", replace(asked, command=id_), reason),
            tried=report,
            reasons=reasons,
            command=id_,
        )
        for topic in (COMMANDS, INBOX):
            self.effects.append(Effect(topic, key=self.occasion.subject, value=command))

    def _check_again(self, task: Task, report: Try, reasons: tuple[str, ...]) -> None:
        """复查: the problem comes and goes; asked again after its hours of risk (R35)."""
        policy, ticket = self.policy, self.ticket
        told = replace(task, follow_up="recheck")
        self._state("answered", told, "resolved_first_check", tried=report, reasons=reasons)
        task = self._task
        not_before = choosing.after_risk(policy, ticket.leaf, report.at)
        again = replace(
            task,
            phase=WAITING,
            check=task.check + 1,
            step=0,
            earlier=len(task.tries),
            not_tried=0,
            missed=None,
            not_before=not_before,
            begun_at=None,
            follow_up="",
            resolved=None,
            satisfied=None,
        )
        place = choosing.nearest(
            policy,
            ticket.cells,
            again.channel,
            max(not_before, self.occasion.now),
            self._at(again),
        )
        self._state("recheck", _placed(again, place, begun=True), "intermittent")

    # -- the platform's answer to a command --------------------------------------------------------

    def refused(self, command: str) -> None:
        """It will not reopen the ticket: an arbiter has to say."""
        task = self.ticket.task
        if task is not None and task.command == command and task.phase == ANSWERED:
            self._to_arbiter(task, "reopen_refused")

    def applied(self, command: str) -> None:
        """It will; ``ticket.reopened`` says when."""
        task = self.ticket.task
        if task is not None and task.command == command and task.command_until is not None:
            self._keep(replace(task, command_until=None))

    def _to_arbiter(self, task: Task, reason: str) -> None:
        if task.follow_up != "arbitration":
            ended = replace(task, follow_up="arbitration", command_until=None)
            self._state("answered", ended, reason, command=task.command)

    # -- stating -----------------------------------------------------------------------------------

    @property
    def _task(self) -> Task:
        task = self.ticket.task
        assert task is not None, "stated just now"
        return task

    def _at(self, task: Task) -> float:
        return choosing.fraction(task.id, task.check, len(task.tries), task.not_tried)

    def _keep(self, task: Task) -> None:
        self.ticket = replace(self.ticket, task=task)

    def _state(self, what: str, task: Task, reason: str, **more: Any) -> None:
        """State a fact of the task, which from now on is the ticket's."""
        self._keep(self._said(what, task, reason, **more))

    def _said(self, what: str, task: Task, reason: str, **more: Any) -> Task:
        task = replace(task, revision=task.revision + 1)
        id_, value = fact(self.occasion, what, self.ticket, task, reason, **more)
        self.effects.append(Effect(CALLBACKS, key=self.ticket.citizen, value=value))
        self.notes.append(("callback_facts", (what,)))
        if what == "attempted":
            self._tried(more["tried"])
        return replace(task, fact=id_)

    def _tried(self, report: Try) -> None:
        """Count a try by its local hour and what came of it (R37)."""
        local = report.at.astimezone(self.policy.time_zone)
        hour = f"{local.hour:02d}"
        self.notes.append(("callback_tries", (report.channel, hour, report.outcome)))

    def _ended(self, result: str) -> None:
        """Count what came of the task, by whom it asked about (R37)."""
        policy, ticket = self.occasion.policy, self.ticket
        unit = policy.organisation.find(ticket.department) if ticket.department else None
        path = policy.categories.path(ticket.leaf) if ticket.leaf else ()
        department = unit.code if unit is not None else OTHER
        branch = path[0].code if path else OTHER
        self.notes.append(("callback_ended", (department, branch, result)))


def _since(ended: Mark | None) -> str:
    """Reason to waive the close of a ticket that is not closed any more."""
    return "reopened_since" if ended is None or ended.what == REOPENED else ended.what


def _placed(task: Task, place: choosing.Slot, *, begun: bool = False) -> Task:
    return replace(
        task,
        due_at=place.due_at,
        until=place.closes,
        slot=place.choice.slot,
        choice=place.choice,
        begun_at=place.due_at if begun else task.begun_at,
    )


def _same(task: Task, report: Try, policy: CallbackPolicy) -> int | None:
    """Index of the try that a report is another report of; None: it is a new one."""
    if task.phase == TALKING and report.by_person and task.tries[-1].at <= report.at:
        return len(task.tries) - 1  # what was said in the call that was taken
    for index in range(len(task.tries) - 1, task.earlier - 1, -1):
        each = task.tries[index]
        if each.channel == report.channel and abs(each.at - report.at) <= policy.same_try:
            return index
    return None


def _not_before(task: Task, policy: CallbackPolicy) -> datetime:
    """A platform that asks too early brings no try of ours forward (R33)."""
    if task.not_before is not None:
        return task.not_before
    begins = task.closed_at + policy.after
    return min(begins, task.begun_at) if task.begun_at is not None else begins


def _not_missed(task: Task, at: datetime) -> Task:
    """Somebody had tried in the slot that was thought missed; the report came late."""
    if task.missed is None or not task.missed[0] <= at <= task.missed[1]:
        return task
    return replace(task, not_tried=task.not_tried - 1, missed=None)


def due_at(task: Task | None) -> datetime | None:
    """What a task waits for."""
    if task is None:
        return None
    match task.phase:
        case "waiting":
            return task.due_at
        case "calling" | "talking":
            return task.wait_until
        case "answered":
            return task.command_until
    return None
