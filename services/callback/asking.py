"""Ordering a try, and what a try that brought no answer leads to (R36)."""

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from policy.callback import CallbackPolicy
from rules.asked import PHONE
from services.callback import answering, choosing
from services.callback.desk import REACHED, Desk, placed, same_try
from services.callback.state import ANSWERED, CALLING, TALKING, UNCONTACTED, WAITING, Task, Try

NO_ANSWER: Final = "no_answer"
NOBODY_TRIED: Final = "nobody_tried"
"""Why a task ended of which no try was reported, and what it counts as."""


def come_due(desk: Desk) -> None:
    """The instant that the task waits for has come."""
    task = desk.ticket.task
    if task is None:
        return
    match task.phase:
        case "waiting":
            _order(desk, task)
        case "calling" if task.channel == PHONE or not task.tried:
            _missed(desk, task)
        case "calling":
            at = task.due_at or desk.occasion.now
            _spent(desk, task, Try(at, task.channel, NO_ANSWER, task.slot))
        case "talking":
            _nothing_said(desk, task, task.tries[-1])
        case "answered" if task.command_until is not None:
            answering.to_arbiter(desk, task, "reopen_unanswered")


def _order(desk: Desk, task: Task) -> None:
    """应回访: now, until the slot ends or the answer to a message should have come."""
    now = desk.occasion.now
    opening = choosing.is_open(desk.policy, now)
    if opening is None:
        place = choosing.nearest(desk.policy, desk.ticket.cells, task.channel, now, desk.at(task))
        desk.state("rescheduled", placed(task, place), "hours_changed")
        return
    if not desk.policy.knows(now):
        desk.notes.append(("callback_calendar_unknown", (desk.policy.calendar,)))
    if task.channel == PHONE:
        until = opening.closes
        wait_until = until + desk.policy.same_try
    else:
        until = wait_until = now + desk.policy.wait
    called = replace(task, phase=CALLING, until=until, wait_until=wait_until)
    desk.state("due", called, "time_has_come")


def _missed(desk: Desk, task: Task) -> None:
    """The slot is over, or the wait for an answer, and no try was reported. Of a message neither:
    unless somebody works the list, nobody knows that it was sent."""
    desk.notes.append(("callback_not_tried", (task.slot,)))
    missed = (task.due_at, task.until) if task.due_at and task.until else None
    task = replace(task, not_tried=task.not_tried + 1, phase=WAITING, missed=missed)
    if task.channel != PHONE or task.not_tried >= desk.policy.not_tried_at_most:
        _other_channel(desk, task, desk.occasion.now)
        return
    place = choosing.nearest(
        desk.policy, desk.ticket.cells, task.channel, desk.occasion.now, desk.at(task)
    )
    desk.state("rescheduled", placed(task, place), "not_tried")


def tried(desk: Desk, report: Try, *, said_something: bool) -> None:
    """A try was reported that brought no answer: by the telephone system, or by who asked.

    ``said_something``: of a report that somebody was reached, whether it is all there is (a
    person's) or whether words may still come (a call's).
    """
    task = desk.ticket.task
    if task is None or not task.live:
        return
    if task.not_before is not None and report.at < task.not_before:
        return  # of the check before
    index = same_try(task, report, desk.policy)
    reached = report.outcome == REACHED
    if index is None:
        if not _counts(desk, task, report):
            return
        task = _not_missed(task, report.at)
        if reached and not said_something:
            _talk(desk, replace(task, tries=(*task.tries, report)))
        elif reached:
            _nothing_said(desk, replace(task, tries=(*task.tries, report)), report)
        else:
            _spent(desk, task, report)
        return
    before = task.tries[index]
    merged = replace(
        before,
        outcome=report.outcome,
        by_call=before.by_call or report.by_call,
        by_person=before.by_person or report.by_person,
    )
    if merged == before and report.at == before.at:
        return  # it came before
    tries = (*task.tries[:index], merged, *task.tries[index + 1 :])
    changed = replace(task, tries=tries)
    if reached and not said_something:
        _talk(desk, changed)
    elif task.phase == TALKING and reached:
        _nothing_said(desk, changed, merged)
    elif task.phase == TALKING:
        desk.state("attempted", changed, "not_reached", tried=merged)
        _next(desk, desk.task, merged.outcome)
    else:
        desk.keep(changed)


def _counts(desk: Desk, task: Task, report: Try) -> bool:
    """Whether it is one of the tries that the policy allows: what is tried beyond them says
    something of the citizen, but ends nothing."""
    if len(task.tried) >= desk.policy.attempts + len(task.plan):
        return False
    return report.channel == task.channel or report.outcome == REACHED


def _talk(desk: Desk, task: Task) -> None:
    """Somebody was reached; what was said is still to come."""
    until = desk.occasion.now + desk.policy.words_within
    desk.keep(replace(task, phase=TALKING, wait_until=until))


def _spent(desk: Desk, task: Task, report: Try) -> None:
    """未接通."""
    reason = "not_reached" if task.channel == PHONE or report.by_person else ""
    desk.state(
        "attempted",
        replace(task, tries=(*task.tries, report)),
        reason or "no_answer_to_message",
        tried=report,
    )
    _next(desk, desk.task, report.outcome)


def _nothing_said(desk: Desk, task: Task, report: Try) -> None:
    desk.state("attempted", task, "nothing_said", tried=report)
    _next(desk, desk.task, REACHED)


def _next(desk: Desk, task: Task, outcome: str) -> None:
    """Another slot, another channel, or the end (R36)."""
    policy, now = desk.policy, desk.occasion.now
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
            desk.ticket.cells,
            task.channel,
            earliest,
            desk.at(task),
            tried=tuple(each.slot for each in tried),
            last_day=choosing.nth_calling_day(policy, begun, days),
        )
        reason = "asked_again" if outcome == REACHED else "another_slot"
        desk.state("rescheduled", placed(task, place), reason)
        return
    _other_channel(desk, task, earliest)


def _other_channel(desk: Desk, task: Task, earliest: datetime) -> None:
    """The next channel of the plan; none left: the end."""
    if task.step + 1 == len(task.plan):
        _end(desk, task)
        return
    task = replace(task, step=task.step + 1)
    place = choosing.nearest(desk.policy, desk.ticket.cells, task.channel, earliest, desk.at(task))
    reason = "another_channel" if task.tried else "no_try_reported"
    desk.state("rescheduled", placed(task, place), reason)


def _end(desk: Desk, task: Task) -> None:
    """No way is left. Who was reached and said nothing is for a person to look at; where no try was
    reported, it was not the citizen who could not be reached (R37)."""
    if any(each.outcome == REACHED for each in task.tried):
        ended = replace(task, phase=ANSWERED, follow_up="review", answered_at=task.tried[-1].at)
        desk.state("answered", ended, "nothing_said_at_all")
        desk.count_end(ANSWERED)
        return
    reason = "every_way_tried" if task.tried else NOBODY_TRIED
    desk.state("uncontacted", replace(task, phase=UNCONTACTED), reason)
    desk.count_end(UNCONTACTED if task.tried else NOBODY_TRIED)


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
