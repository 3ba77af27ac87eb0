"""What the citizen was told of a ticket, and what it takes to tell more (R2, R4, R9)."""

from datetime import datetime

from msgspec import Struct

from rules.telling import NOBODY, Reader


class Unsent(Struct, frozen=True, array_like=True):
    """The words of a reply that is not in force yet (R4)."""

    at: datetime
    """When it was submitted, as its mark has it."""
    id: str | None
    unit: str
    words: str


class Told(Struct, frozen=True, omit_defaults=True):
    """What the notices know; see ``services.sla.notices``."""

    reader: Reader = NOBODY
    known: bool = False
    """Whether the ticket was received or imported."""
    acknowledged: bool = False
    """Whether the citizen knows that it was taken: from intake, or from who had it before."""
    revision: int = 0
    """Of the latest notice to the citizen; intake's at receipt is the first."""
    deadlines: dict[str, datetime] = {}
    """By clock, as they were told."""
    paused: tuple[str, ...] = ()
    """Clocks that were told to stand still."""
    stage: str = ""
    """Where the ticket stands; empty while nothing is known of it."""
    unit: str = ""
    """With whom, as the directory or else the platform names it."""
    reached: dict[str, int] = {}
    """By unit, how far it got: what was told of it is not told again."""
    news: str = ""
    """Digest of the last report of progress."""
    replies: tuple[Unsent, ...] = ()
    refusals: int = 0
    """Closes that were refused so far."""


NOTHING = Told()
