"""What ``sla`` says about the clocks of a ticket (时限): started, near, missed, met (R25–R30).

Facts on ``hotline.sla``, keyed by citizen; ``subject`` is the ticket. The last fact of a clock (in
that order) says how it stands; the earlier ones are its history. All kinds of a clock carry the
same data; ``arbitration_required`` has its own.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Envelope, Name, Part, Text

SlaTarget = Literal[
    "accept",
    "first_contact",
    "interim",
    "resolve",
    "reply",
    "department",
    "verification",
    "supervision",
]
"""签收, 首次联系, 过程告知, 办结, 答复, 承办时限 of a dispatch, 核实, 督办."""

Basis = Literal["policy", "promised", "extended", "designated", "rejected", "reopened", "imported"]
"""What a deadline rests on: a rule of the policy, or somebody's word."""

Unit = Literal["minutes", "hours", "working_days", "calendar_days"]


class SlaTerms(Part):
    """The rule that set the clock (R25), and the version it is from."""

    rule: Name
    """Name of the row in the policy, ``<target>.<row>``; ``promised`` where nobody's rule asked."""
    amount: Annotated[float, Field(gt=0)] | None = None
    unit: Unit | None = None
    calendar: Name
    """Name of the working calendar that it counts by."""
    calendar_version: Name
    policy_version: Name
    """Version whose rule it is; ``policyversion`` of the fact is the one in force."""
    level: Annotated[int, Field(ge=1, le=9)] | None = None
    """Level of handling (分级办理) that the row was chosen by."""


class ContactTries(Part):
    """Why nobody was reached (R26)."""

    tries: Annotated[int, Field(ge=0)]
    last_at: AwareDatetime | None = None
    last_outcome: Name | None = None
    """``inconvenient``, ``unknown_caller``, ``poor_signal``, ``powered_off`` … (CallOutcome)."""
    outcomes: dict[Name, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """How often each."""


class SlaData(Part):
    """A clock as it stands, and everything that a person needs to check it."""

    target: SlaTarget
    clock: Name
    """Which clock of the ticket: ``resolve``, ``department:<dispatch>``, ``interim:<n>`` …"""
    dispatch: Name | None = None
    department: Name | None = None
    """Whose clock it is; absent: the citizen's (ruling 6)."""
    handler: Name | None = None
    role: Name | None = None
    """``lead`` or ``supporting`` of a dispatch."""
    started_at: AwareDatetime
    """Local date-time with its offset, as all of a fact's."""
    deadline: AwareDatetime | None = None
    """None while it is paused, or where it cannot be reckoned (``undetermined``). Of ``breached``
    the deadline that was missed, which a later one may have replaced."""
    basis: Basis
    terms: SlaTerms
    total_minutes: float | None = None
    """Working time in the calendar from the start of counting to the deadline, pauses left out."""
    elapsed_minutes: float
    """Working time used when this was stated, pauses left out."""
    remaining_minutes: float | None = None
    """Below 0 once it is late."""
    percent: Annotated[int, Field(ge=1, le=99)] | None = None
    """Of a warning: how much of the working time is used."""
    previous_deadline: AwareDatetime | None = None
    """Of ``recomputed`` and ``resumed``: what it was."""
    paused_since: AwareDatetime | None = None
    paused_minutes: float | None = None
    """Working time that pauses have taken out so far."""
    ended_at: AwareDatetime | None = None
    """When it was met or cancelled, by the events."""
    late: bool = False
    """Of ``met``: after the deadline."""
    recorded_late: bool = False
    """Of ``met``: in time by its own time, but recorded too late to undo the breach."""
    contact: ContactTries | None = None
    """Of a missed first contact (R26)."""
    undetermined: Text | None = None
    """The calendar does not know a year: no deadline, or of a promised one no working time."""
    provisional: bool = False
    """Rests on days that nobody has published yet (the calendar says which)."""
    reason: Name
    """A stable slug; the words are for people."""
    reason_en: Text
    reason_zh: Text
    cause: Name
    """What led to it: ``ticket_received``, ``hold_started``, ``deadline``, ``policy`` …"""
    revision: Annotated[int, Field(ge=1)]
    """1, 2, … of this clock."""
    replaces: Name | None = None
    """Id of the fact of the revision before."""
    breach: Name | None = None
    """Of ``withdrawn``, and of ``met`` that is late: id of the breach."""


class SlaStarted(Envelope):
    """计时开始: a clock runs; its deadline."""

    type: Literal["hotline.sla.started.v1"] = "hotline.sla.started.v1"
    data: SlaData


class SlaWarning(Envelope):
    """预警: so many percent of the working time are used (R25, R27)."""

    type: Literal["hotline.sla.warning.v1"] = "hotline.sla.warning.v1"
    data: SlaData


class SlaBreached(Envelope):
    """超时: nothing met it by its deadline (I7)."""

    type: Literal["hotline.sla.breached.v1"] = "hotline.sla.breached.v1"
    data: SlaData


class SlaPaused(Envelope):
    """暂停计时 (挂起, ruling 12)."""

    type: Literal["hotline.sla.paused.v1"] = "hotline.sla.paused.v1"
    data: SlaData


class SlaResumed(Envelope):
    """恢复计时: after a hold, or after a reopening; the citizen's clock never resets (ruling 6)."""

    type: Literal["hotline.sla.resumed.v1"] = "hotline.sla.resumed.v1"
    data: SlaData


class SlaMet(Envelope):
    """达成: what the clock waits for came."""

    type: Literal["hotline.sla.met.v1"] = "hotline.sla.met.v1"
    data: SlaData


class SlaCancelled(Envelope):
    """取消计时: nothing is owed any more (returned, withdrawn, closed …)."""

    type: Literal["hotline.sla.cancelled.v1"] = "hotline.sla.cancelled.v1"
    data: SlaData


class SlaRecomputed(Envelope):
    """重算: the deadline moved: extension, amended ticket, policy, calendar (ruling 12)."""

    type: Literal["hotline.sla.recomputed.v1"] = "hotline.sla.recomputed.v1"
    data: SlaData


class SlaWithdrawn(Envelope):
    """撤销超时: a breach that was stated holds no more, and why."""

    type: Literal["hotline.sla.withdrawn.v1"] = "hotline.sla.withdrawn.v1"
    data: SlaData


class ArbitrationData(Part):
    """The ticket wanders between units."""

    dispatches: Annotated[int, Field(ge=1)]
    """派单 so far, without those passed on below and without supporting ones."""
    returns: Annotated[int, Field(ge=0)]
    """退单 approved so far."""
    after: Annotated[int, Field(ge=1)]
    """The policy's number of dispatches."""
    units: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """Who had it, in order."""
    dispatch: Name | None = None
    """The dispatch that reached the number."""
    reason: Name
    reason_en: Text
    reason_zh: Text


class SlaArbitrationRequired(Envelope):
    """提请仲裁: after N dispatches the arbiter designates who handles it (R29)."""

    type: Literal["hotline.sla.arbitration_required.v1"] = "hotline.sla.arbitration_required.v1"
    data: ArbitrationData


ClockFact = (
    SlaStarted
    | SlaWarning
    | SlaBreached
    | SlaPaused
    | SlaResumed
    | SlaMet
    | SlaCancelled
    | SlaRecomputed
    | SlaWithdrawn
)

SLA_TYPES: tuple[type[Envelope], ...] = (
    SlaStarted,
    SlaWarning,
    SlaBreached,
    SlaPaused,
    SlaResumed,
    SlaMet,
    SlaCancelled,
    SlaRecomputed,
    SlaWithdrawn,
    SlaArbitrationRequired,
)
