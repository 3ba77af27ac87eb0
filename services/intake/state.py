"""What intake keeps of a ticket (or of a contact that led to none)."""

from datetime import datetime

import msgspec

from services.intake.life_cycle import Phase
from services.intake.notices import Told
from services.intake.parking import Parked


class TicketState(msgspec.Struct, frozen=True, omit_defaults=True):
    """One ticket. A struct, of which what says nothing is not written: there are many."""

    citizen: str
    """Its key on the log."""
    sequence: int = 0
    """Of its latest event on the log."""
    named: bool = False
    """Whether its receipt settled the citizen, for life."""
    known: bool = False
    """Whether it was received or imported."""
    phase: Phase | None = None
    leaf: str | None = None
    wake_at: datetime | None = None
    """When what is parked goes on; else when the ticket is forgotten, or ``seen`` is if it is still
    open; None: open, and quiet for long."""
    seen: dict[str, str] = {}
    """Identity (hashed) of each event to its digest, the latest last."""
    asked: dict[str, int] = {}
    """What was asked for and not answered (``life_cycle``)."""
    parked: tuple[Parked, ...] = ()
    """Events that wait for the receipt, in the order in which they came."""
    told: Told | None = None
    """What notices said."""
