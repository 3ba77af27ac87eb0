"""What is asked for beside the dispatch, and what humans decide. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from rules.ticket.common import happened, kept, utc
from rules.ticket.view import Mark, Task, TicketView
from schemas.events import (
    EscalationAcknowledged,
    EscalationRequested,
    FindingRecorded,
    RemedyDone,
    RemedyOpened,
    SolutionAgreed,
    SolutionProposed,
    SupervisionAnswered,
    SupervisionOrdered,
    VerdictMarked,
    VerificationAnswered,
    VerificationRequested,
)

_Opened = VerificationRequested | SupervisionOrdered | RemedyOpened


def _asked(view: TicketView, kind: str, event: _Opened, id_: str | None) -> TicketView:
    data = event.data
    task = Task(kind, happened(event), id_, data.department, data.by, utc(data.due_at))
    return replace(view, tasks=kept((*view.tasks, task)))


def _done(view: TicketView, kind: str, id_: str | None, at: datetime) -> TicketView:
    """The task with this id, else the oldest open one of its kind, is done."""
    for index, each in enumerate(view.tasks):
        if each.kind == kind and each.done_at is None and (id_ is None or each.id == id_):
            done = replace(each, done_at=at)
            return replace(view, tasks=(*view.tasks[:index], done, *view.tasks[index + 1 :]))
    return view


def _verification(view: TicketView, event: VerificationRequested) -> TicketView:
    return _asked(view, "verification", event, event.data.verification_id)


def _verified(view: TicketView, event: VerificationAnswered) -> TicketView:
    return _done(view, "verification", event.data.verification_id, happened(event))


def _supervision(view: TicketView, event: SupervisionOrdered) -> TicketView:
    return _asked(view, "supervision", event, event.data.supervision_id)


def _supervised(view: TicketView, event: SupervisionAnswered) -> TicketView:
    return _done(view, "supervision", event.data.supervision_id, happened(event))


def _remedy(view: TicketView, event: RemedyOpened) -> TicketView:
    return _asked(view, "remedy", event, event.data.remedy_id)


def _remedied(view: TicketView, event: RemedyDone) -> TicketView:
    return _done(view, "remedy", event.data.remedy_id, happened(event))


def _escalation(view: TicketView, event: EscalationRequested) -> TicketView:
    task = Task("escalation", happened(event), by=event.data.by)
    return replace(view, tasks=kept((*view.tasks, task)))


def _acknowledged(view: TicketView, event: EscalationAcknowledged) -> TicketView:
    return _done(view, "escalation", None, happened(event))


def _solution(view: TicketView, event: SolutionProposed | SolutionAgreed) -> TicketView:
    return replace(view, last_progress_at=happened(event))


def _marked(view: TicketView, event: VerdictMarked) -> TicketView:
    data = event.data
    mark = Mark(
        mark=data.mark.value,
        at=happened(event),
        by=data.by,
        reason=data.reason.value if data.reason else None,
        earlier_ticket=data.earlier_ticket,
        earlier_result_reasonable=data.earlier_result_reasonable,
    )
    return replace(view, mark=mark)


def _found(view: TicketView, event: FindingRecorded) -> TicketView:
    return replace(view, false_closure=event.data.false_closure)


EFFECTS: dict[type[Any], Callable[[TicketView, Any], TicketView]] = {
    VerificationRequested: _verification,
    VerificationAnswered: _verified,
    SupervisionOrdered: _supervision,
    SupervisionAnswered: _supervised,
    RemedyOpened: _remedy,
    RemedyDone: _remedied,
    EscalationRequested: _escalation,
    EscalationAcknowledged: _acknowledged,
    SolutionProposed: _solution,
    SolutionAgreed: _solution,
    VerdictMarked: _marked,
    FindingRecorded: _found,
}
"""By event."""
