"""What ``dedup`` says about each ticket: is it a repeat (重复投诉), and why (R12–R24).

One fact per ticket and revision, also of a contact without a ticket (ruling 4, ``subject_kind``),
on ``hotline.repeats``, keyed by citizen. The last one of a subject in that order is what holds; the
earlier ones are history. All five types carry the same data.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Envelope, Name, Part, Text

RepeatVerdict = Literal["new", "candidate", "confirmed", "excluded", "overturned"]

Month = Annotated[str, Field(pattern=r"^\d{4,5}-\d{2}$")]


class RepeatWindow(Part):
    """The window that the ticket was judged by (ruling 2)."""

    mode: Literal["calendar_months", "rolling"]
    """X个自然月, the current one included; or days back from the ticket."""
    length: Annotated[int, Field(ge=1)]
    """Months or days."""
    opens: AwareDatetime
    """The earliest instant whose ticket is inside."""


class RepeatChain(Part):
    """Tickets of one citizen on one leaf, each inside the window of a later one (R22)."""

    first_ticket: Name
    """首次投诉; the ticket itself when nothing came before it."""
    position: Annotated[int, Field(ge=0)]
    """1 for the first ticket, 2 for its first repeat; 0 for a ticket that does not count."""
    length: Annotated[int, Field(ge=0)]
    """Tickets of the chain known when this was stated; a later ticket makes no revision of it."""
    recurrence_of: Name | None = None
    """The ticket whose mended fault came again as a new one of its kind (R20): a chain of its own
    begins here."""


Parts = dict[Name, Annotated[float, Field(ge=-1, le=1)]]
"""``place``, ``object``, ``department``, ``text``, ``linked`` (by an agent): from -1 (speaks
against one matter) to 1 (speaks for it)."""


class EarlierTicket(Part):
    """A ticket in the window, and why it is or is not the same matter (R13)."""

    ticket: Name
    time: AwareDatetime
    """When the citizen came."""
    matched: tuple[Name, ...]
    """``citizen``, ``leaf``, then ``place``, ``object``, ``department`` where both say the same."""
    differs: tuple[Name, ...] = ()
    """Of ``place``, ``object``, ``department``, where both say something and not the same."""
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    """How surely it is the same matter (R13)."""
    parts: Parts | None = None
    """What the score is made of."""


class RestsOn(Part):
    """The earlier ticket that the verdict rests on, as the rules saw it (R17–R21)."""

    ticket: Name
    time: AwareDatetime | None = None
    """When the citizen came with it; None when only its id is still known."""
    score: Annotated[float, Field(ge=0, le=1)]
    """How surely it is the same matter (R13)."""
    parts: Parts | None = None
    """What the score is made of."""
    state: Literal["open", "overdue", "closed"] | None = None
    """How it stood when the citizen came again."""
    since: AwareDatetime | None = None
    """Since when."""
    due_at: AwareDatetime | None = None
    """Its deadline then; where the platform set none, that of the policy."""
    department: Name | None = None
    team: Name | None = None
    handler: Name | None = None
    replied_at: AwareDatetime | None = None
    reply_resolved: bool | None = None
    approved_at: AwareDatetime | None = None
    """审核通过."""
    called_back_at: AwareDatetime | None = None
    contacted: bool | None = None
    resolved: bool | None = None
    """是否解决, by the citizen: the proof of the fix (R20)."""
    false_closure: bool | None = None
    """查实 (R49)."""
    reasonable: bool | None = None
    """合理的处理结果 (ruling 10): approved and resolved by the citizen's word, or by a human's."""
    evidence_at: AwareDatetime | None = None
    """When the citizen last gave material to it (R17)."""


class ChargedTo(Part):
    """首次处理人: to whom a repeat is charged (R22, R54)."""

    ticket: Name
    """首次投诉."""
    department: Name | None = None
    """That had the ticket at its first reply; without one, that has it."""
    team: Name | None = None
    handler: Name | None = None


class RootCauseShown(Part):
    """Why the citizen had to come again (R23, R24)."""

    cause: Literal[
        "unresolved_process",
        "unresolved_perfunctory",
        "false_reply",
        "step_missed",
        "not_contacted",
        "record_untraceable",
    ]
    by: Literal["rule", "human"]
    basis: Literal["first", "previous"]
    """Whose handling shows it: 首次投诉; the previous ticket when that of the first is not kept."""
    ticket: Name
    """That ticket."""
    evidence: Name
    """What shows it: a stable slug; the words are for people."""
    evidence_en: Text
    evidence_zh: Text
    outcome: Name | None = None
    """Why nobody was reached (R26)."""
    lacking: Annotated[tuple[Name, ...], Field(max_length=8)] = ()
    """Elements that the record lacks (R24)."""


class FirstTicket(Part):
    """首次投诉处理情况: how the first ticket of the chain was handled, as known then (R22)."""

    ticket: Name
    time: AwareDatetime | None = None
    """None when only its id is known (a human named it)."""
    department: Name | None = None
    team: Name | None = None
    handler: Name | None = None
    replied_at: AwareDatetime | None = None
    reply_resolved: bool | None = None
    """问题是否解决, by the department."""
    closed_at: AwareDatetime | None = None
    called_back_at: AwareDatetime | None = None
    contacted: bool | None = None
    """Whether the callback reached the citizen; None: there was none yet."""
    resolved: bool | None = None
    """是否解决, by the citizen."""
    satisfied: Annotated[int, Field(ge=1, le=5)] | None = None


class RepeatDimensions(Part):
    """By what R16 adds up: those of this ticket, as known when this was stated."""

    department: Name | None = None
    """承办单位, else the unit complained of; None while nobody said."""
    team: Name | None = None
    handler: Name | None = None
    leaf: Name | None = None
    area: Name | None = None
    """行政区划代码."""
    channel: Name | None = None
    month: Month | None = None
    """Local month of the ticket; None when its receipt is no longer kept."""
    request_type: Name | None = None
    clause: str | None = None
    """The clause of ``policy_expectation``: feedback on policies is added up by it (R19)."""


class HumanMark(Part):
    """人工认定 that the verdict rests on, or that put the rule back in its right (R15)."""

    mark: Literal["confirm", "exclude", "overturn"]
    at: AwareDatetime
    by: Name | None = None
    reason: Name | None = None
    """For ``exclude``: which of the four."""
    clause: str | None = None
    earlier_ticket: Name | None = None
    text: str | None = None
    reasonable: bool | None = None
    """合理的处理结果, as the human says of the earlier ticket (ruling 10)."""
    refused: Name | None = None
    """Why it changed nothing: ``clause_missing`` (R19)."""


class RepeatData(Part):
    """The verdict, and everything that a person needs to check it."""

    verdict: RepeatVerdict
    reason: Name
    """A stable slug; ``reason_en`` and ``reason_zh`` are for people."""
    rule: Name
    """The requirement that decided, ``R12`` …"""
    reason_en: Text
    reason_zh: Text
    window: RepeatWindow | None = None
    """None where nothing was compared."""
    chain: RepeatChain | None = None
    """None when the ticket's receipt is no longer kept."""
    earlier: Annotated[tuple[EarlierTicket, ...], Field(max_length=10)] = ()
    """The newest of the tickets in the window that are known, newest first."""
    earlier_count: Annotated[int, Field(ge=0)] = 0
    """How many of them are known (those that were kept: at most the policy's ``keep_tickets``)."""
    first: FirstTicket | None = None
    """The first ticket of the chain; None when that is this one."""
    dimensions: RepeatDimensions
    counted: bool
    """In the denominator 投诉量 (R16): a ticket, of a type that counts, and not withdrawn."""
    recontact: bool
    """The citizen came again, with a ticket that counts or with a contact that none was made of,
    whatever rule or human said of it (ruling 4: raw rate)."""
    subject_kind: Literal["ticket", "contact"] = "ticket"
    """What ``subject`` is. A contact is in the raw rate alone."""
    contact: Name | None = None
    """The contact that the ticket was made from: its own facts, if any, count no more."""
    chases: Annotated[int, Field(ge=0)] = 0
    """市民催办 of this ticket so far (R18)."""
    shared: bool = False
    """Known only by a number that several people use: a rule never confirms it."""
    rests_on: RestsOn | None = None
    """The earlier ticket that decided; None when there is none."""
    charged_to: ChargedTo | None = None
    """Whom a repeat is charged to; None for the first ticket of a chain."""
    root_cause: RootCauseShown | None = None
    """Of a confirmed repeat (R23)."""
    prompt_en: Text | None = None
    """What the agent tells the citizen (R17, R18, R21)."""
    prompt_zh: Text | None = None
    mark: HumanMark | None = None
    refused_mark: HumanMark | None = None
    """The newest mark that changed nothing."""
    revision: Annotated[int, Field(ge=0)]
    """1, 2, … of this ticket; 0 when what was said before is no longer kept."""
    replaces: Name | None = None
    """Id of the fact of the revision before."""
    cause: Name
    """What led to it: ``ticket_received``, ``late_ticket``, ``leaf_amended``, ``human_mark`` …"""


class RepeatNew(Envelope):
    """首次投诉: nothing in the window makes it a repeat, or it is not compared (R12, R13)."""

    type: Literal["hotline.repeat.new.v1"] = "hotline.repeat.new.v1"
    data: RepeatData


class RepeatCandidate(Envelope):
    """可能是重复投诉: same citizen, same leaf, an earlier ticket in the window (R12, ruling 3)."""

    type: Literal["hotline.repeat.candidate.v1"] = "hotline.repeat.candidate.v1"
    data: RepeatData


class RepeatConfirmed(Envelope):
    """重复投诉: confirmed (R15); points to the first ticket and its handling (R22)."""

    type: Literal["hotline.repeat.confirmed.v1"] = "hotline.repeat.confirmed.v1"
    data: RepeatData


class RepeatExcluded(Envelope):
    """不计重复: one of the four exclusions (R17–R20); still a contact (ruling 4)."""

    type: Literal["hotline.repeat.excluded.v1"] = "hotline.repeat.excluded.v1"
    data: RepeatData


class RepeatOverturned(Envelope):
    """人工推翻: a human found that it is no repeat (R15)."""

    type: Literal["hotline.repeat.overturned.v1"] = "hotline.repeat.overturned.v1"
    data: RepeatData


RepeatFact = RepeatNew | RepeatCandidate | RepeatConfirmed | RepeatExcluded | RepeatOverturned

REPEAT_TYPES: tuple[type[RepeatFact], ...] = (
    RepeatNew,
    RepeatCandidate,
    RepeatConfirmed,
    RepeatExcluded,
    RepeatOverturned,
)
