"""A ticket as it stands: what a fold of its events gives (R6). Plain, bounded, JSON on both ends.

A contact (来电) is a view, too: it has events of its own, and may never become a ticket (ruling 9).
"""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from rules import matter as same_matter
from rules.handling import UNHANDLED, Handling

KEPT: Final = 100
"""Of each list of a view (dispatches, replies, calls …), the newest; ``Counts`` go on counting."""
WORDS: Final = 1_000
"""Characters of a result in words: what an agent can read out; the whole is in the event."""


class Owner(Struct, frozen=True, omit_defaults=True):
    """Who is accountable for a step (R5)."""

    unit: str | None = None
    """Code or name, as the platform writes it."""
    team: str | None = None
    person: str | None = None


class Step(Struct, frozen=True, omit_defaults=True):
    """The open step of a ticket; ``owner`` None is an alarm (R5)."""

    name: str
    """``dispatch``, ``accept``, ``handle``, ``return``, ``hold``, ``review`` or ``close``."""
    owner: Owner | None = None
    since: datetime | None = None
    due_at: datetime | None = None
    """The next deadline that is known: of the dispatch, or the one promised to the citizen."""
    dispatch: str | None = None


class Dispatch(Struct, frozen=True, omit_defaults=True):
    """派单: to whom, until when, and what became of it."""

    number: int
    """Of this ticket, from 1."""
    id: str | None = None
    parent: str | None = None
    """Dispatch id of the one that it passes on (R65)."""
    department: str | None = None
    team: str | None = None
    handler: str | None = None
    role: str = "lead"
    at: datetime | None = None
    accept_due_at: datetime | None = None
    contact_due_at: datetime | None = None
    reply_due_at: datetime | None = None
    accepted_at: datetime | None = None
    contacted_at: datetime | None = None
    return_requested_at: datetime | None = None
    returned_at: datetime | None = None
    replied_at: datetime | None = None
    ended_at: datetime | None = None
    """The ticket ended while the unit had it."""

    @property
    def state(self) -> str:
        """``live``, ``returned``, ``replied`` or ``ended``."""
        if self.returned_at is not None:
            return "returned"
        if self.replied_at is not None:
            return "replied"
        return "live" if self.ended_at is None else "ended"

    @property
    def live(self) -> bool:
        return self.state == "live"


class Reply(Struct, frozen=True, omit_defaults=True):
    """回单."""

    id: str | None = None
    dispatch: str | None = None
    department: str | None = None
    handler: str | None = None
    at: datetime | None = None
    resolved: bool | None = None
    satisfied: bool | None = None
    elements: tuple[str, ...] = ()
    """Which of the eight it carries (R46)."""
    words: str = ""
    """What was done, as the citizen can be told it."""
    approved_at: datetime | None = None
    rejected_at: datetime | None = None


class Call(Struct, frozen=True, omit_defaults=True):
    """通话记录."""

    at: datetime
    purpose: str | None = None
    direction: str | None = None
    department: str | None = None
    caller: str | None = None
    dispatch: str | None = None
    outcome: str | None = None
    seconds: float | None = None
    recording: str | None = None


class Callback(Struct, frozen=True, omit_defaults=True):
    """回访结果."""

    at: datetime
    contacted: bool = False
    outcome: str | None = None
    resolved: bool | None = None
    satisfied: int | None = None
    attempt: int | None = None
    channel: str | None = None


class Closing(Struct, frozen=True, omit_defaults=True):
    """结案, the last one."""

    at: datetime
    by: str | None = None
    resolution: str | None = None
    resolved: bool | None = None
    words: str = ""


class Task(Struct, frozen=True, omit_defaults=True):
    """Something asked for beside the dispatch: 核实, 督办, 补救, 登记报备."""

    kind: str
    """``verification``, ``supervision``, ``remedy`` or ``escalation``."""
    at: datetime
    id: str | None = None
    department: str | None = None
    by: str | None = None
    due_at: datetime | None = None
    done_at: datetime | None = None


class Matter(Struct, frozen=True, omit_defaults=True):
    """涉事主体."""

    name: str | None = None
    credit_code: str | None = None
    object: str | None = None


class Place(Struct, frozen=True, omit_defaults=True):
    """事发地点; the house number of ``address`` is masked."""

    address: str | None = None
    division: str | None = None
    neighbourhood: str | None = None
    grid: str | None = None
    lat: float | None = None
    lon: float | None = None
    key: str | None = None
    """Keyed hash of the whole address: equal for equal places."""


class Anomaly(Struct, frozen=True, omit_defaults=True):
    """An event that did not fit what was known (contract.md)."""

    sequence: int
    type: str
    reason: str


class Mark(Struct, frozen=True, omit_defaults=True):
    """人工认定 of the repeat verdict (R15)."""

    mark: str
    at: datetime
    by: str | None = None
    reason: str | None = None
    earlier_ticket: str | None = None
    earlier_result_reasonable: bool | None = None


class Counts(Struct, frozen=True, omit_defaults=True):
    """How often, whatever the lists still hold."""

    events: int = 0
    dispatches: int = 0
    returns: int = 0
    chases: int = 0
    evidence: int = 0
    closes: int = 0
    reopens: int = 0
    amendments: int = 0
    anomalies: int = 0


class TicketView(Struct, frozen=True, omit_defaults=True):
    """A ticket (or a contact) after the event ``sequence``."""

    ticket: str
    kind: str = "contact"
    """``ticket`` once an event said so; calls and links may come first."""
    citizen: str = ""
    """Pseudonym; ``anon:…`` until somebody is named."""
    shared: bool = False
    """Known by a number alone that many people share: nobody's repeat is sure."""
    sequence: int = 0
    phase: str | None = None
    step: Step | None = None
    """None: nothing is open."""
    received: bool = False
    """Whether its receipt or import has come."""
    received_at: datetime | None = None
    """When the citizen came: the citizen's clock starts here (ruling 6)."""
    recordedtime: datetime | None = None
    """Of the last event."""
    source: str = ""
    """The platform that published the receipt."""

    title: str = ""
    text: str = ""
    leaf: str | None = None
    leaf_source: str | None = None
    category_path: tuple[str, ...] = ()
    tree_version: str | None = None
    request_type: str | None = None
    urgency: str | None = None
    channel: str | None = None
    anonymous: bool = False
    confidential: bool = False
    reply_wanted: bool | None = None
    complainant_kind: str | None = None
    on_behalf_of: str | None = None
    """Pseudonym of the one who spoke or was spoken for, where it is another."""
    matter: Matter | None = None
    place: Place | None = None
    department: str | None = None
    """被投诉部门."""
    due_at: datetime | None = None
    """Promised to the citizen."""
    agent: str | None = None
    contact_id: str | None = None
    about: str | None = None
    """Of a contact: the ticket that the citizen asked about."""
    answered: bool = False
    """Of a contact: answered without a ticket."""
    earlier_ticket: str | None = None
    source_number: str | None = None
    parent: str | None = None
    children: tuple[str, ...] = ()

    desk: str | None = None
    """Who at the hotline had it last: owner of the steps that are the hotline's own."""
    hold_since: datetime | None = None
    close_requested_at: datetime | None = None
    phase_since: datetime | None = None
    dispatches: tuple[Dispatch, ...] = ()
    replies: tuple[Reply, ...] = ()
    calls: tuple[Call, ...] = ()
    callbacks: tuple[Callback, ...] = ()
    tasks: tuple[Task, ...] = ()
    closing: Closing | None = None
    handling: Handling = UNHANDLED
    """What the rules of repeats ask of an earlier ticket, by their own fold (rulings 9, 10)."""
    traits: same_matter.Matter = same_matter.NOTHING
    """By what the rules of repeats compare it with others (R13)."""
    occurred_at: datetime | None = None
    """When it happened, by the citizen's word (R20)."""
    mark: Mark | None = None
    false_closure: bool | None = None
    """查实 of a human (R49)."""
    clause: str | None = None
    """不予受理: on what it rests."""
    last_chase_at: datetime | None = None
    last_evidence_at: datetime | None = None
    last_progress_at: datetime | None = None
    counts: Counts = Counts()
    anomalies: tuple[Anomaly, ...] = ()

    @property
    def open(self) -> bool:
        return self.kind == "ticket" and self.step is not None

    def to_json(self) -> bytes:
        return _ENCODER.encode(self)

    @staticmethod
    def from_json(value: bytes | str) -> "TicketView":
        """Raises ``msgspec.ValidationError``: the row is not of this code."""
        return _DECODER.decode(value)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(TicketView)
