"""What is kept of a ticket: its history, and what was stated of each clock. Plain, bounded."""

from datetime import datetime

from msgspec import Struct

from rules.clocks.terms import Terms
from services.sla.clocks import ENDED
from services.sla.marks import NO_HISTORY, History
from services.sla.told import NOTHING, Told

__all__ = ["ENDED", "History", "State", "Stated"]


class Stated(Struct, frozen=True, omit_defaults=True, array_like=True):
    """A clock as the last fact of it said."""

    id: str
    """``resolve``, ``department:<dispatch>``, ``interim:<n>`` …"""
    target: str
    status: str
    """``running``, ``paused``, ``met``, ``cancelled``, or ``missed`` (a cycle of news alone)."""
    start: datetime
    terms: Terms
    deadline: datetime | None = None
    """None while it is paused or undetermined."""
    before: datetime | None = None
    """While it is paused: the deadline that it had."""
    basis: str = "policy"
    warn_at: tuple[tuple[int, datetime], ...] = ()
    """Percent and instant of the warnings of this deadline."""
    warned: int = 0
    """Highest percent of them that has gone by."""
    breach: str = ""
    """Id of the breach that stands."""
    breached_at: datetime | None = None
    """The deadline that was missed."""
    ended_at: datetime | None = None
    late: bool = False
    recorded_late: bool = False
    undetermined: str = ""
    fact: str = ""
    """Id of the last fact."""
    revision: int = 0
    asked: int = 0
    """Digest of the content that ``terms`` were chosen by: another content chooses anew."""
    seen: int = 0
    """Digest of what the marks say of it: the same says the same again."""
    earlier: tuple[tuple[int, Terms], ...] = ()
    """Terms that it had, by the digest of the content until it was amended."""


class State(Struct, frozen=True, omit_defaults=True):
    """One ticket."""

    wake_at: datetime | None = None
    """The next warning or deadline of any clock, or when all can be forgotten."""
    policy: str | None = ""
    """Version of the policy that it was last reckoned under; None while no clock runs: no version
    matters to it."""
    urgency: int = 2
    """0: very urgent or level 1, 1: urgent or level 2: these fire first where many are overdue."""
    citizen: str = ""
    leaf: str | None = None
    history: History = NO_HISTORY
    clocks: tuple[Stated, ...] = ()
    told: Told = NOTHING
    arbitrated: tuple[str, ...] = ()
    """For which dispatches ``arbitration_required`` was stated: «designations:number»."""
    cycle: int = 1
    """Number of the first cycle of news that is still looked at."""
    cycle_start: datetime | None = None
    """When it began, and when that was known; None: at the receipt."""
    cycle_known: datetime | None = None
