"""What the citizen says, and the platform to a command that follows (R34, R35, ruling 14)."""

from msgspec.structs import replace

from runtime.processor import Effect
from schemas.topics import COMMANDS, INBOX
from services.callback import choosing
from services.callback.desk import REACHED, Desk, placed, same_try
from services.callback.facts import reopen
from services.callback.state import ANSWERED, CANCELLED, WAITING, Task, Try


def answered(
    desk: Desk, report: Try, resolved: bool, satisfied: int | None, reasons: tuple[str, ...]
) -> None:
    """The citizen said whether it is resolved (R34)."""
    task = desk.ticket.task
    if task is None or task.phase == CANCELLED:
        return
    if not task.live:
        same = (task.resolved, task.satisfied) == (resolved, satisfied)
        if same or (task.answered_at is not None and report.at <= task.answered_at):
            return
    elif task.not_before is not None and report.at < task.not_before and resolved:
        return  # of the check before: the problem may still come back
    again = not task.live and task.phase == ANSWERED
    index = same_try(task, report, desk.policy)
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
        _not_resolved(desk, task, report, reasons, "not_resolved", "not_resolved")
    elif satisfied is not None and satisfied <= desk.policy.dissatisfied_at_most:
        follow_up = desk.policy.dissatisfied
        if follow_up == "reopen":
            _not_resolved(desk, task, report, reasons, "dissatisfied", "dissatisfied")
        elif task.check < task.checks:
            _check_again(desk, task, report, reasons)
        else:
            ended = replace(task, follow_up=follow_up)
            desk.state("answered", ended, "dissatisfied", tried=report, reasons=reasons)
    elif task.check < task.checks:
        _check_again(desk, task, report, reasons)
    else:
        ended = replace(task, follow_up="none")
        desk.state("answered", ended, "resolved", tried=report, reasons=reasons)
    if not again:
        desk.count_try(report)
        if not desk.task.live:
            desk.count_end(ANSWERED)


def _not_resolved(
    desk: Desk, task: Task, report: Try, reasons: tuple[str, ...], cause: str, reason: str
) -> None:
    """Back to the department, or to the arbiter when that was done often enough."""
    ticket, policy = desk.ticket, desk.policy
    if task.command:  # asked for already, by an answer of this task that was corrected
        ended = replace(
            task, follow_up="arbitration" if task.follow_up == "arbitration" else "reopen"
        )
        desk.state("answered", ended, reason, tried=report, reasons=reasons)
        return
    if ticket.commands >= policy.reopen_rounds:
        ended = replace(task, follow_up="arbitration")
        desk.state("answered", ended, "rounds_used_up", tried=report, reasons=reasons)
        return
    asked = replace(
        task, follow_up="reopen", command_until=desk.occasion.now + policy.command_within
    )
    rounds = ticket.commands + 1
    id_, command = reopen(desk.occasion, ticket, asked, cause, reason, rounds)
    desk.ticket = replace(ticket, commands=rounds)
    desk.state(
        *("answered", replace(asked, command=id_), reason),
        tried=report,
        reasons=reasons,
        command=id_,
    )
    for topic in (COMMANDS, INBOX):
        desk.effects.append(Effect(topic, key=desk.occasion.subject, value=command))


def _check_again(desk: Desk, task: Task, report: Try, reasons: tuple[str, ...]) -> None:
    """复查: the problem comes and goes; asked again after its hours of risk (R35)."""
    policy, ticket = desk.policy, desk.ticket
    told = replace(task, follow_up="recheck")
    desk.state("answered", told, "resolved_first_check", tried=report, reasons=reasons)
    task = desk.task
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
        max(not_before, desk.occasion.now),
        desk.at(again),
    )
    desk.state("recheck", placed(again, place, begun=True), "intermittent")


def refused(desk: Desk, command: str) -> None:
    """It will not reopen the ticket: an arbiter has to say."""
    task = desk.ticket.task
    if task is not None and task.command == command and task.phase == ANSWERED:
        to_arbiter(desk, task, "reopen_refused")


def applied(desk: Desk, command: str) -> None:
    """It will; ``ticket.reopened`` says when."""
    task = desk.ticket.task
    if task is not None and task.command == command and task.command_until is not None:
        desk.keep(replace(task, command_until=None))


def to_arbiter(desk: Desk, task: Task, reason: str) -> None:
    """The ticket stays closed although the citizen says that it is not resolved."""
    if task.follow_up != "arbitration":
        ended = replace(task, follow_up="arbitration", command_until=None)
        desk.state("answered", ended, reason, command=task.command)
