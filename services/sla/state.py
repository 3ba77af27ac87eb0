"""What is kept of a ticket: its history, and what was stated of each clock. Plain, bounded."""

from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from rules.clocks.terms import Terms
from services.sla.marks import History
from services.sla.told import NOTHING, Told

__all__ = ["ENDED", "History", "State", "Stated"]

ENDED = frozenset(("met", "cancelled"))
"""Statuses in which a clock waits for nothing."""


class Stated(Struct, frozen=True, omit_defaults=True):
    """A clock as the last fact of it said."""

    id: str
    """``resolve``, ``department:<dispatch>``, ``interim:<n>`` …"""
    target: str
    status: str
    """``running``, ``paused``, ``met`` or ``cancelled``."""
    start: datetime
    terms: Terms
    deadline: datetime | None = None
    """None while it is paused or undetermined."""
    basis: str = "policy"
    warned: int = 0
    """Highest percent that was warned of, of this deadline."""
    breach: str = ""
    """Id of the breach that stands."""
    breached_at: datetime | None = None
    """The deadline that was missed."""
    ended_at: datetime | None = None
    recorded_late: bool = False
    undetermined: str = ""
    fact: str = ""
    """Id of the last fact."""
    revision: int = 0
    asked: int = 0
    """Digest of the content that ``terms`` were chosen by; another content chooses anew."""


@dataclass(frozen=True, slots=True)
class State:
    """One ticket."""

    wake_at: datetime | None
    """The next warning or deadline of any clock, or when all can be forgotten."""
    policy: str = ""
    """Version of the policy that it was last reckoned under; the runtime wakes it at another."""
    urgency: int = 1
    """0: very urgent or level 1; those fire first where many are overdue together."""
    citizen: str = ""
    leaf: str | None = None
    history: History = History()
    clocks: tuple[Stated, ...] = ()
    told: Told = NOTHING
    arbitrated: tuple[str, ...] = ()
    """Dispatches for which ``arbitration_required`` was stated."""
