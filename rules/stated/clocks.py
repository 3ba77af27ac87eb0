"""A clock as the facts of it leave it (R25).

The last fact says how it stands, but for three: a warning, a breach and the withdrawal of one
change nothing of whether it runs, so what stood before them goes on.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from rules.stated.row import Row, kind_of

PREFIX: Final = "hotline.sla."
RUNNING, PAUSED, MET, CANCELLED, MISSED = "running", "paused", "met", "cancelled", "missed"
"""``missed`` is a cycle of news that went by without any; of other clocks a breach ends nothing."""
OPEN: Final = frozenset((RUNNING, PAUSED))
CITIZENS: Final = frozenset(("resolve", "reply"))
"""Targets that are owed to the citizen as the end of the matter (ruling 6)."""
OF_DISPATCH: Final = frozenset(("accept", "first_contact", "department"))

_STATUS: Final = {
    "started": RUNNING,
    "resumed": RUNNING,
    "recomputed": RUNNING,
    "paused": PAUSED,
    "met": MET,
    "cancelled": CANCELLED,
}
_INTERIM: Final = "interim"


class Terms(Struct, frozen=True, omit_defaults=True):
    """The rule that set the clock, and the versions it counts by."""

    rule: str
    calendar: str
    calendar_version: str
    policy_version: str
    amount: float | None = None
    unit: str | None = None
    level: int | None = None


class Said(Struct, frozen=True):
    """What is read of a fact's ``data`` (``schemas.facts.sla.SlaData``)."""

    clock: str
    target: str
    started_at: datetime
    basis: str
    terms: Terms
    reason: str
    reason_en: str
    reason_zh: str
    cause: str
    revision: int
    deadline: datetime | None = None
    dispatch: str | None = None
    department: str | None = None
    handler: str | None = None
    role: str | None = None
    percent: int | None = None
    total_minutes: float | None = None
    elapsed_minutes: float | None = None
    remaining_minutes: float | None = None
    paused_since: datetime | None = None
    paused_minutes: float | None = None
    ended_at: datetime | None = None
    late: bool = False
    recorded_late: bool = False
    contact: dict[str, Any] | None = None
    undetermined: str | None = None
    provisional: bool = False


class Fact(Struct, frozen=True):
    """A fact of a clock: its envelope as far as it matters, and what it says."""

    id: str
    kind: str
    """``started``, ``warning`` …"""
    recordedtime: datetime
    data: Said

    @property
    def order(self) -> tuple[datetime, int]:
        """When it was stated; of several at once, as the clock's revisions go."""
        return self.recordedtime, self.data.revision


class Standing(Row, frozen=True, omit_defaults=True):
    """A clock, folded up to a fact."""

    clock: str
    target: str
    status: str
    started_at: datetime
    basis: str
    terms: Terms
    fact: str
    """Id of the last fact; ``reason`` and its words are that one's."""
    recordedtime: datetime
    revision: int
    reason: str
    reason_en: str
    reason_zh: str
    cause: str
    deadline: datetime | None = None
    """None while it is paused, or where it cannot be reckoned."""
    breach: str | None = None
    """Id of the breach that stands."""
    missed: datetime | None = None
    """The deadline that was missed."""
    warned: int | None = None
    """Percent of the working time that was warned of last, under this deadline."""
    dispatch: str | None = None
    department: str | None = None
    handler: str | None = None
    role: str | None = None
    total_minutes: float | None = None
    elapsed_minutes: float | None = None
    """As of the last fact, as the other times of it."""
    remaining_minutes: float | None = None
    paused_since: datetime | None = None
    paused_minutes: float | None = None
    ended_at: datetime | None = None
    late: bool = False
    recorded_late: bool = False
    contact: dict[str, Any] | None = None
    """Why nobody was reached (R26), of a breach that stands."""
    undetermined: str | None = None
    provisional: bool = False

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def order(self) -> tuple[datetime, int]:
        """Of its last fact."""
        return self.recordedtime, self.revision


def fact_of(
    fact_id: str, type_: str, recordedtime: datetime, data: Mapping[str, Any]
) -> Fact | None:
    """The fact, read; None where it is of no clock (``arbitration_required``).

    Raises:
        msgspec.ValidationError: it lacks what every fact of a clock has.
    """
    kind = kind_of(type_, PREFIX)
    if kind is None or "clock" not in data:
        return None
    return Fact(fact_id, kind, recordedtime, msgspec.convert(data, Said))


def fold(facts: Iterable[Fact]) -> dict[str, Standing]:
    """Every clock of a ticket, in the order in which they began, after all of these facts."""
    standing: dict[str, Standing] = {}
    for fact in sorted(facts, key=lambda each: each.order):
        standing[fact.data.clock] = step(standing.get(fact.data.clock), fact)
    return standing


def step(before: Standing | None, fact: Fact) -> Standing:
    """The clock after one more fact."""
    said, kind = fact.data, fact.kind
    status = _status(before, kind, said)
    breach = before.breach if before else None
    missed = before.missed if before else None
    contact = before.contact if before else None
    warned = before.warned if before else None
    deadline = said.deadline
    if kind == "breached":
        breach, missed, contact = fact.id, said.deadline, said.contact
        # It names the deadline that was missed; the one that counts now may be another already.
        deadline = before.deadline if before else said.deadline
    elif kind == "withdrawn":
        breach = missed = contact = warned = None
    elif kind == "warning":
        warned = said.percent
    elif kind in ("resumed", "recomputed"):
        warned = None
    if status not in OPEN and deadline is None and before is not None:
        deadline = before.deadline
    ended = status not in OPEN
    stated = kind in (MET, CANCELLED)
    return Standing(
        clock=said.clock,
        target=said.target,
        status=status,
        started_at=said.started_at,
        basis=said.basis,
        terms=said.terms,
        fact=fact.id,
        recordedtime=fact.recordedtime,
        revision=said.revision,
        reason=said.reason,
        reason_en=said.reason_en,
        reason_zh=said.reason_zh,
        cause=said.cause,
        deadline=deadline,
        breach=breach,
        missed=missed,
        warned=warned,
        dispatch=said.dispatch,
        department=said.department or (before.department if before else None),
        handler=said.handler or (before.handler if before else None),
        role=said.role or (before.role if before else None),
        total_minutes=said.total_minutes,
        elapsed_minutes=said.elapsed_minutes,
        remaining_minutes=said.remaining_minutes,
        paused_since=said.paused_since if status == PAUSED else None,
        paused_minutes=said.paused_minutes,
        ended_at=_ended_at(before, said, missed, status) if ended else None,
        late=said.late if stated else ended and before is not None and before.late,
        recorded_late=(
            said.recorded_late if stated else ended and before is not None and before.recorded_late
        ),
        contact=contact,
        undetermined=said.undetermined,
        provisional=said.provisional,
    )


def _status(before: Standing | None, kind: str, said: Said) -> str:
    if kind in _STATUS:
        return _STATUS[kind]
    if kind == "breached" and said.target == _INTERIM:
        return MISSED
    if before is not None:
        return before.status
    return PAUSED if said.paused_since is not None else RUNNING


def _ended_at(
    before: Standing | None, said: Said, missed: datetime | None, status: str
) -> datetime | None:
    if said.ended_at is not None:
        return said.ended_at
    if status == MISSED:
        return missed
    return before.ended_at if before is not None else None
