"""A ticket in the course of one decision: what is stated of its task, and counted (R37)."""

from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from policy.callback import CallbackPolicy
from runtime.processor import Effect, Note
from schemas.topics import CALLBACKS
from services.callback import choosing
from services.callback.facts import Occasion, fact
from services.callback.state import TALKING, Task, Ticket, Try

REACHED: Final = "answered"
"""Outcome of a try in which somebody was reached."""
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

    @property
    def task(self) -> Task:
        """The ticket's; there is one."""
        task = self.ticket.task
        assert task is not None, "a task was stated"
        return task

    def at(self, task: Task) -> float:
        """Where in the spread its next try lies; another place each time."""
        return choosing.fraction(task.id, task.check, len(task.tries), task.not_tried)

    def keep(self, task: Task) -> None:
        """The ticket's from now on."""
        self.ticket = replace(self.ticket, task=task)

    def state(self, what: str, task: Task, reason: str, **more: Any) -> None:
        """State a fact of the task, which from now on is the ticket's."""
        self.keep(self.said(what, task, reason, **more))

    def said(self, what: str, task: Task, reason: str, **more: Any) -> Task:
        """State a fact of a task; the task with its revision."""
        task = replace(task, revision=task.revision + 1)
        id_, value = fact(self.occasion, what, self.ticket, task, reason, **more)
        self.effects.append(Effect(CALLBACKS, key=self.ticket.citizen, value=value))
        self.notes.append(("callback_facts", (what,)))
        if what == "attempted":
            self.count_try(more["tried"])
        return replace(task, fact=id_)

    def count_try(self, report: Try) -> None:
        """Count a try by its local hour and what came of it (R37)."""
        local = report.at.astimezone(self.policy.time_zone)
        hour = f"{local.hour:02d}"
        self.notes.append(("callback_tries", (report.channel, hour, report.outcome)))

    def count_end(self, result: str) -> None:
        """Count what came of the task, by whom it asked about (R37)."""
        policy, ticket = self.occasion.policy, self.ticket
        unit = policy.organisation.find(ticket.department) if ticket.department else None
        path = policy.categories.path(ticket.leaf) if ticket.leaf else ()
        department = unit.code if unit is not None else OTHER
        branch = path[0].code if path else OTHER
        self.notes.append(("callback_ended", (department, branch, result)))


def placed(task: Task, place: choosing.Slot, *, begun: bool = False) -> Task:
    """With the place of its next try."""
    return replace(
        task,
        due_at=place.due_at,
        until=place.closes,
        slot=place.choice.slot,
        choice=place.choice,
        begun_at=place.due_at if begun else task.begun_at,
    )


def same_try(task: Task, report: Try, policy: CallbackPolicy) -> int | None:
    """Index of the try that a report is another report of; None: it is a new one."""
    if task.phase == TALKING and report.by_person and task.tries[-1].at <= report.at:
        return len(task.tries) - 1  # what was said in the call that was taken
    for index in range(len(task.tries) - 1, task.earlier - 1, -1):
        each = task.tries[index]
        if each.channel == report.channel and abs(each.at - report.at) <= policy.same_try:
            return index
    return None


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
