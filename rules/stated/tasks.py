"""A callback task as the last fact of it says (R33)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from rules.stated.row import Row, kind_of

PREFIX: Final = "hotline.callback_task."
DUE: Final = "due"
LIVE: Final = frozenset(("scheduled", DUE, "attempted", "rescheduled", "recheck"))
"""Last facts of a task of which the citizen is still to be asked."""


class Said(Struct, frozen=True, omit_defaults=True):
    """What is read of a fact's ``data`` (``schemas.facts.callbacks.CallbackData``)."""

    task: str
    round: int
    closed_at: datetime
    attempt: int
    attempts: int
    reason: str
    reason_en: str
    reason_zh: str
    cause: str
    revision: int
    check: int = 1
    checks: int = 1
    due_at: datetime | None = None
    until: datetime | None = None
    slot: str | None = None
    channel: str | None = None
    choice: dict[str, Any] | None = None
    outcome: str | None = None
    outcomes: dict[str, int] = {}
    tried_at: datetime | None = None
    resolved: bool | None = None
    satisfied: int | None = None
    reasons: tuple[str, ...] = ()
    follow_up: str | None = None
    department: str | None = None
    team: str | None = None
    handler: str | None = None
    leaf: str | None = None


class Standing(Row, frozen=True, omit_defaults=True):
    """A task, as of its last fact."""

    state: str
    """``scheduled``, ``due`` …: the kind of that fact."""
    fact: str
    recordedtime: datetime
    said: Said

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def order(self) -> tuple[datetime, int]:
        """When it was stated; of several at once, as the task's revisions go."""
        return self.recordedtime, self.said.revision


def standing_of(
    fact_id: str, type_: str, recordedtime: datetime, data: Mapping[str, Any]
) -> Standing | None:
    """The task after this fact; None where it is of no task.

    Raises:
        msgspec.ValidationError: it lacks what every fact of a task has.
    """
    kind = kind_of(type_, PREFIX)
    if kind is None:
        return None
    return Standing(kind, fact_id, recordedtime, msgspec.convert(data, Said))


def last(facts: Iterable[Standing]) -> dict[str, Standing]:
    """The last of every task, in the order in which the tasks began."""
    found: dict[str, Standing] = {}
    for each in sorted(facts, key=lambda one: one.order):
        found[each.said.task] = each
    return found
