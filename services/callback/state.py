"""What is kept of a ticket and of a citizen. Plain, bounded, encoded by the runtime.

The parts are msgspec structs: a tenth of a dataclass's cost to make or to replace, and what says
nothing is not written.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec import Struct

MARKS_KEPT: Final = 16
"""Closes and reopenings of a ticket, the latest: a limit on everything."""

CLOSED, REOPENED, WITHDRAWN, NOT_ACCEPTED = "closed", "reopened", "withdrawn", "not_accepted"

WAITING, CALLING, TALKING = "waiting", "calling", "talking"
"""For its hour; for the dialler to report, from ``due`` on; for the words of a call that was
taken."""
ANSWERED, UNCONTACTED, CANCELLED = "answered", "uncontacted", "cancelled"
LIVE: Final = frozenset((WAITING, CALLING, TALKING))

Order = tuple[datetime, int]
"""When, and the sequence: what came at one instant stands as the log has it."""


class Mark(Struct, frozen=True, array_like=True, omit_defaults=True):
    """A close, a reopening, a withdrawal."""

    at: datetime
    sequence: int
    what: str
    id: str
    """Identity of the event."""
    round: int = 0
    """Of a close: the how-manieth."""
    revision: int = 0
    """Of a close that was waived: facts of its task so far."""
    fact: str = ""
    armed: int = 0
    """Of a close: how often a task was scheduled for it; again only after a cancel that what came
    late took back."""

    @property
    def order(self) -> Order:
        return self.at, self.sequence


class Choice(Struct, frozen=True, omit_defaults=True):
    """Why this slot and channel (R38); as in the fact."""

    slot: str
    channel: str
    reached: float
    lower: float
    own_reached: int
    own_tried: int
    population: float
    basis: str


class Try(Struct, frozen=True, array_like=True, omit_defaults=True):
    """联系一次: what was reported of one try."""

    at: datetime
    channel: str
    outcome: str
    slot: str = ""
    by_call: bool = False
    """Reported by the telephone system."""
    by_person: bool = False
    """Reported by who asked."""


class Task(Struct, frozen=True, omit_defaults=True):
    """回访任务: one per close."""

    id: str
    round: int
    closed_at: datetime
    sequence: int
    """Of the close."""
    phase: str
    plan: tuple[str, ...]
    """Channels in the order in which they are tried; a call several times, the others once."""
    checks: int = 1
    check: int = 1
    step: int = 0
    """Index in ``plan``."""
    due_at: datetime | None = None
    until: datetime | None = None
    """End of the slot, or of the wait for an answer to a message."""
    wait_until: datetime | None = None
    """Of a phase that waits for somebody: a report may come a little after the slot."""
    slot: str = ""
    choice: Choice | None = None
    begun_at: datetime | None = None
    """First due instant of this check: the days of the tries count from here."""
    not_before: datetime | None = None
    """Of a later check: what the citizen says before is of the check before."""
    tries: tuple[Try, ...] = ()
    earlier: int = 0
    """How many of ``tries`` are of the checks before."""
    not_tried: int = 0
    missed: tuple[datetime, datetime] | None = None
    """The last slot in which nobody tried, as far as is known."""
    answered_at: datetime | None = None
    resolved: bool | None = None
    satisfied: int | None = None
    follow_up: str = ""
    command: str = ""
    """Id of the reopen command."""
    command_until: datetime | None = None
    """Until when the platform should have answered it."""
    revision: int = 0
    fact: str = ""

    @property
    def order(self) -> Order:
        return self.closed_at, self.sequence

    @property
    def live(self) -> bool:
        return self.phase in LIVE

    @property
    def channel(self) -> str:
        """By what the next try is to be made."""
        return self.plan[self.step]

    @property
    def tried(self) -> tuple[Try, ...]:
        """Of this check."""
        return self.tries[self.earlier :]


class Ticket(Struct, frozen=True, omit_defaults=True):
    """What is known of a ticket, its closes, and the task of the last one."""

    citizen: str
    leaf: str | None = None
    channel: str = ""
    """Through which it came."""
    reply_by: str = ""
    """By what the citizen wants to be answered; empty: nobody said."""
    request_type: str = ""
    reply_wanted: bool = True
    department: str | None = None
    team: str | None = None
    handler: str | None = None
    """Of the reply, else of the leading dispatch."""
    asked_before: bool = False
    """Imported: called back before cut-over."""
    due_before: datetime | None = None
    """Imported: when its callback was due by the old system."""
    closes: int = 0
    """So far, those before cut-over included."""
    sequence: int = 0
    """Position up to which it is known; what comes again is no news."""
    marks: tuple[Mark, ...] = ()
    """In order; at most ``MARKS_KEPT``."""
    task: Task | None = None
    commands: int = 0
    """Reopen commands so far."""
    cells: dict[str, tuple[int, int]] = {}
    """The citizen's outcomes as of the last event: ``Tally.cells``, all months together."""


class Tally(Struct, frozen=True, omit_defaults=True):
    """A citizen's outcomes (R38): how often tried, how often reached."""

    cells: dict[str, tuple[int, int]] = {}
    """``2026-11|morning|phone`` to (reached, tried)."""
    last_at: datetime | None = None
    """Of the last one counted: a call and its report are one try."""
    last_cell: str = ""
    last_reached: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands under one key: a ticket, or a citizen's tally."""

    wake_at: datetime | None
    """When something is due, or when it can be forgotten."""
    ticket: Ticket | None = None
    tally: Tally | None = None
