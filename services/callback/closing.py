"""Which close is asked about, and which is not: arming, waiving, cancelling (R33)."""

from msgspec.structs import replace

from rules.asked import Asked, is_too_late, ways, why_not
from schemas.ids import is_anonymous
from services.callback import choosing, life
from services.callback.desk import Desk, placed
from services.callback.facts import task_id
from services.callback.state import CANCELLED, CLOSED, REOPENED, WAITING, Mark, Task, Ticket


def marked(desk: Desk, mark: Mark) -> None:
    """A close, a reopening or a withdrawal became known: is its task the one that is live?"""
    ticket = desk.ticket = replace(desk.ticket, marks=life.inserted(desk.ticket.marks, mark))
    period = life.period(ticket.marks)
    task = ticket.task
    close = mark if mark.what == CLOSED else None
    if task is not None and not (period.first and task.order >= period.first.order):
        ended = life.ended_after(ticket.marks, Mark(*task.order, CLOSED, ""))
        if task.live:
            _cancel(desk, task, ended.what if ended is not None else REOPENED)
        elif task.command_until is not None and close is None:
            desk.keep(replace(task, command_until=None))
        task = None
    if task is not None and task.phase == CANCELLED:
        task = None  # what cancelled it has been taken back by what came late
    if period.first is None:
        if close is not None:
            ended = life.ended_after(ticket.marks, close)
            _waive(desk, close, _since(ended))
        return
    if task is not None:
        if close is not None:
            _waive(desk, close, "closed_already")
        return
    if close is not None and close.id != period.first.id:
        known = close.order >= period.first.order
        _waive(desk, close, "closed_already" if known else "reopened_since")
        return
    last = desk.ticket.task
    if (
        close is None
        and last is not None
        and last.answered_at is not None
        and last.answered_at >= period.first.at
    ):
        return  # the citizen was asked after that close, though under the task of another
    if close is not None or (mark.what == REOPENED and period.first.revision):
        _arm(desk, period.first)


def _arm(desk: Desk, close: Mark) -> None:
    """The task of a close: to be asked, or waived with its reason."""
    policy, ticket, now = desk.policy, desk.ticket, desk.occasion.now
    reason = _why_not(desk, close)
    if reason is not None:
        _waive(desk, close, reason)
        return
    row = policy.intermittent_of(ticket.leaf)
    checks = row.checks if row is not None else 1
    task = replace(
        _task_of(desk, close, WAITING, ways(_asked(ticket), desk.occasion.policy)), checks=checks
    )
    due = close.at + policy.after
    if ticket.due_before is not None:
        due = ticket.due_before
    place = choosing.first(
        policy, ticket.cells, task.channel, max(due, now), choosing.fraction(task.id)
    )
    task = placed(task, place, begun=True)
    desk.state("scheduled", task, "reopened_between" if close.revision else "closed")
    stated = desk.task
    _remark(desk, replace(close, revision=stated.revision, fact=stated.fact, armed=close.armed + 1))


def _why_not(desk: Desk, close: Mark) -> str | None:
    ticket, occasion = desk.ticket, desk.occasion
    if ticket.asked_before and close.round == ticket.closes and not ticket.task:
        return "asked_before_cut_over"
    reason = why_not(_asked(ticket), occasion.policy)
    if reason is None and is_too_late(close.at, occasion.now, occasion.policy):
        return "closed_long_ago"
    return reason


def _asked(ticket: Ticket) -> Asked:
    return Asked(
        is_anonymous(ticket.citizen),
        ticket.channel,
        ticket.reply_by,
        ticket.request_type,
        ticket.reply_wanted,
    )


def _waive(desk: Desk, close: Mark, reason: str) -> None:
    task = _task_of(desk, close, CANCELLED, (desk.policy.channel,))
    stated = desk.said("waived", task, reason)
    _remark(desk, replace(close, revision=stated.revision, fact=stated.fact))


def _task_of(desk: Desk, close: Mark, phase: str, plan: tuple[str, ...]) -> Task:
    return Task(
        id=task_id(desk.occasion.key, close.id, close.armed),
        round=max(close.round, 1),
        closed_at=close.at,
        sequence=close.sequence,
        phase=phase,
        plan=plan,
        revision=0 if close.armed else close.revision,
        fact="" if close.armed else close.fact,
    )


def _remark(desk: Desk, close: Mark) -> None:
    desk.ticket = replace(desk.ticket, marks=life.changed(desk.ticket.marks, close))


def _cancel(desk: Desk, task: Task, why: str) -> None:
    desk.state("cancelled", replace(task, phase=CANCELLED), why)


def _since(ended: Mark | None) -> str:
    """Reason to waive the close of a ticket that is not closed any more."""
    return "reopened_since" if ended is None or ended.what == REOPENED else ended.what
