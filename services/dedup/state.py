"""What is kept of a citizen's tickets on one leaf. Plain, bounded, encoded by the runtime.

The parts are msgspec structs: a tenth of a dataclass's cost to make or to replace, and what says
nothing is not written, which halves the changelog.
"""

from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from rules.handling import UNHANDLED, Handling
from rules.matter import NOTHING, Matter

MARK_CHARS = 500
"""Of the clause and the words of a mark; the whole of them is in the event that made it."""


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
    reasonable: bool | None = None
    refused: str | None = None
    """Why it changes nothing."""


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
    """The earlier ticket in the window that it hangs on."""
    other_matter: bool = False
    """Something was in the window, but all of it of another matter (R13)."""
    sure: bool = False
    """Whether it hangs there by a score that makes the same matter, or by an agent's word."""
    recurrence: bool = False
    """A new fault of the kind of ``before``: a chain of its own begins here (R20)."""

    @property
    def by_name_alone(self) -> bool:
        """A human named the earlier ticket, and nothing but its id is known here."""
        return self.first_time is None and self.first == self.before

    @property
    def came_again(self) -> bool:
        """Whether the citizen had come before with it, whatever that makes of the verdict."""
        return (self.position > 1 or self.recurrence) and not self.by_name_alone


class Ruled(Struct, frozen=True, array_like=True, omit_defaults=True):
    """What the rules last said of a ticket: kept for when the earlier ticket is gone."""

    verdict: str
    reason: str
    case: str = ""
    """Id of the earlier ticket that it rests on."""
    score: float = 0.0
    state: str = ""
    since: datetime | None = None
    due: datetime | None = None


class Ticket(Struct, frozen=True, omit_defaults=True):
    """One ticket, or one contact that no ticket was made of, and the last verdict on it."""

    id: str
    time: datetime
    """When the citizen came, by the publisher; with ``id`` the order of the chain."""
    window: Opened | None
    """None while it has no known leaf: nothing to compare."""
    until: datetime
    """When no ticket that is in time can ask for it any more."""
    link: Link
    matter: Matter = NOTHING
    channel: str | None = None
    request_type: str | None = None
    area: str | None = None
    counts: bool = True
    """Whether its request type counts."""
    late: bool = False
    """Recorded later than the policy's ``late_days``: what stood before it may be forgotten."""
    withdrawn: str = ""
    """``withdrawn`` or ``not_accepted``; empty while it stands."""
    handling: Handling = UNHANDLED
    mark: Mark | None = None
    refused: Mark | None = None
    """The newest mark that changed nothing (R19)."""
    reasonable: bool | None = None
    """What a human said last of the result that it rests on (ruling 10)."""
    named_cause: str = ""
    """Root cause by a human (R23), and who."""
    named_by: str = ""
    occurred_at: datetime | None = None
    """When it happened, by the citizen's word or the newest picture's own date (R20)."""
    shared: bool = False
    """Known by a shared number alone."""
    linked: str = ""
    """The earlier ticket that the agent linked (关联工单), or that a contact asked about."""
    contact: str = ""
    """The contact that it was made from."""
    is_contact: bool = False
    verdict: str = ""
    reason: str = ""
    revision: int = 0
    former_leaf: str = ""
    """The code it was judged under, of a tree before this one: renamed or merged since (R14)."""
    fact: str = ""
    """Id of the fact of that revision."""
    ruled: Ruled | None = None
    caused: str = ""
    """Root cause and whom it charges, as stated: what else makes a revision."""
    sequence: int = 0
    """Position in the ticket's history up to which it is known; what comes again is no news."""

    @property
    def order(self) -> tuple[datetime, str]:
        return self.time, self.id


class Index(Struct, frozen=True, omit_defaults=True):
    """What is kept of a citizen, and where: a link of two pseudonyms must find it (R12)."""

    leaves: dict[str, datetime] = {}
    """Leaf to when nothing is kept under it any more, at the earliest."""
    gone_to: str = ""
    """The pseudonym that the tickets were handed to; empty while they are here."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Tickets of one citizen on one leaf, oldest first; or, under the citizen alone, the index."""

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
    contacts: tuple[Ticket, ...] = ()
    """Contacts that no ticket was made of (ruling 4), at most ``keep_contacts``, oldest first."""
    index: Index | None = None
    """Under the citizen alone: nothing else is kept there."""
