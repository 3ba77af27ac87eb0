"""What is kept of a citizen's tickets on one leaf. Plain, bounded, encoded by the runtime.

The parts are msgspec structs: a tenth of a dataclass's cost to make or to replace, and what says
nothing is not written, which halves the changelog.
"""

from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

EVIDENCE_CHARS = 80
"""Of a place or thing: enough to compare and to read, not a second copy of the ticket."""

MARK_CHARS = 500
"""Of the clause and the words of a mark; the whole of them is in the event that made it."""


class Matter(Struct, frozen=True, omit_defaults=True):
    """What a ticket is about besides its leaf (R13); empty where the ticket does not say."""

    credit_code: str = ""
    """统一社会信用代码 of the enterprise complained of."""
    thing: str = ""
    """Name and object of 涉事主体, in words."""
    division: str = ""
    """行政区划代码 without empty lower levels: a prefix of another contains it."""
    spot: str = ""
    """Neighbourhood or address, in words."""
    department: str = ""
    """被投诉部门: the unit complained of, not the one that it was dispatched to."""


class Handling(Struct, frozen=True, omit_defaults=True):
    """处理情况 of a ticket so far: what R22 points to."""

    department: str | None = None
    team: str | None = None
    handler: str | None = None
    replied_at: datetime | None = None
    reply_resolved: bool | None = None
    closed_at: datetime | None = None
    called_back_at: datetime | None = None
    contacted: bool | None = None
    resolved: bool | None = None
    satisfied: int | None = None


class Mark(Struct, frozen=True, omit_defaults=True):
    """人工认定, the newest one of a ticket (R15)."""

    mark: str
    """``confirm``, ``exclude`` or ``overturn``."""
    verdict: str
    """What it makes of the verdict; empty when it put the rule back in its right."""
    at: datetime
    by: str | None = None
    reason: str | None = None
    clause: str | None = None
    earlier_ticket: str | None = None
    text: str | None = None


class Opened(Struct, frozen=True, omit_defaults=True):
    """The window in force when a ticket came; a later policy does not move it."""

    mode: str
    length: int
    opens: datetime


class Link(Struct, frozen=True, omit_defaults=True):
    """Where a ticket stands in its chain: all that is needed once the tickets before are gone."""

    first: str
    """Ticket id of the chain's first ticket; its own when nothing came before."""
    first_time: datetime | None
    position: int
    """1 for the first; 0 for a ticket that does not count."""
    before: str = ""
    """The nearest earlier ticket of the same matter in the window."""
    other_matter: bool = False
    """Something was in the window, but all of it of another matter (R13)."""

    @property
    def by_name_alone(self) -> bool:
        """A human named the earlier ticket, and nothing but its id is known here."""
        return self.first_time is None and self.first == self.before


class Ticket(Struct, frozen=True, omit_defaults=True):
    """One ticket and the last verdict on it."""

    id: str
    time: datetime
    """When the citizen came, by the publisher; with ``id`` the order of the chain."""
    window: Opened | None
    """None while it has no known leaf: nothing to compare."""
    until: datetime
    """When no ticket that is in time can ask for it any more."""
    link: Link
    matter: Matter = Matter()
    channel: str | None = None
    request_type: str | None = None
    area: str | None = None
    counts: bool = True
    """Whether its request type counts."""
    late: bool = False
    """Recorded later than the policy's ``late_days``: what stood before it may be forgotten."""
    withdrawn: str = ""
    """``withdrawn`` or ``not_accepted``; empty while it stands."""
    handling: Handling = Handling()
    mark: Mark | None = None
    verdict: str = ""
    reason: str = ""
    revision: int = 0
    former_leaf: str = ""
    """The code it was judged under, of a tree before this one: renamed or merged since (R14)."""
    fact: str = ""
    """Id of the fact of that revision."""
    sequence: int = 0
    """Position in the ticket's history up to which it is known; what comes again is no news."""

    @property
    def order(self) -> tuple[datetime, str]:
        return self.time, self.id


@dataclass(frozen=True, slots=True)
class Chain:
    """Tickets of one citizen on one leaf, oldest first."""

    wake_at: datetime | None
    """When all of it can be forgotten."""
    tickets: tuple[Ticket, ...] = ()
    """The newest, at most the policy's ``keep_tickets``, none older than it can ask for."""
    heads: tuple[Ticket, ...] = ()
    """First tickets of the chains of ``tickets`` that are no longer among them (R22)."""
    dropped: int = 0
    """How many left ``tickets`` because of the limit."""
    cut: tuple[datetime, str] | None = None
    """Order of the newest ticket that left: nothing is known about the time before."""
