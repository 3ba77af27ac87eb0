"""A citizen and the hotline meet: before, without, or around a ticket (ruling 9)."""

from enum import StrEnum
from typing import Literal

from schemas.envelope import Envelope, Instant, Name, Part
from schemas.events.parts import (
    Attachments,
    CallOutcome,
    Channel,
    Complainant,
    Count,
    FreeText,
    LeafSource,
    Matter,
    Original,
    Place,
    Reference,
    RequestType,
    Satisfaction,
    Seconds,
)


class ContactReceivedData(Part):
    """What is known while the citizen is on the line."""

    channel: Channel | None = None
    """How the contact came in."""
    caller: Complainant | None = None
    """Who it is; absent: nobody knows (anonymous)."""
    callback_number: Original | None = None
    """回拨号码, when it is not the number that called."""
    agent: Name | None = None
    """话务员: number of the agent who took it."""
    started_at: Instant | None = None
    """When the call or letter came in."""
    ended_at: Instant | None = None
    """When it ended; absent while the citizen is on the line."""
    recording: Reference | None = None
    """The call's recording."""
    text: FreeText | None = None
    """What the citizen wants, as noted or transcribed so far."""
    request_type: RequestType | None = None
    """诉求类型, if already known."""
    leaf: Name | None = None
    """末端节点, if already chosen: lets the agent hear of an earlier case at once (R17, R18)."""
    leaf_source: LeafSource | None = None
    """Who chose ``leaf``."""
    matter: Matter | None = None
    """涉事主体."""
    place: Place | None = None
    """事发地点."""
    ticket: Name | None = None
    """The ticket the citizen asks about, if they named one."""
    attachments: Attachments = ()
    """Pictures and documents that came along."""


class ContactReceived(Envelope):
    """来电 / 来件: somebody contacted the hotline; no ticket yet (R1, R17, R18, ruling 9).

    ``subject`` is the contact id.
    """

    type: Literal["hotline.contact.received.v1"] = "hotline.contact.received.v1"
    data: ContactReceivedData


class ContactAnsweredData(Part):
    """How the contact was answered without a ticket."""

    agent: Name | None = None
    """话务员 who answered."""
    text: FreeText | None = None
    """What was answered."""
    knowledge_entry: Reference | None = None
    """知识库条目 that the answer cites."""
    ticket: Name | None = None
    """The earlier ticket whose result or progress was the answer (R17, R18)."""
    request_type: RequestType | None = None
    """诉求类型."""
    leaf: Name | None = None
    """末端节点 of what was asked."""
    leaf_source: LeafSource | None = None
    """Who chose ``leaf``."""
    satisfied: Satisfaction | None = None
    """The citizen's mark right after the call, 1 to 5."""


class ContactAnswered(Envelope):
    """直接答复: answered on the spot, no ticket (on-the-spot rate, R64; R17, R18).

    ``subject`` is the contact id.
    """

    type: Literal["hotline.contact.answered.v1"] = "hotline.contact.answered.v1"
    data: ContactAnsweredData


class CallPurpose(StrEnum):
    """Why somebody called (通话目的)."""

    INTAKE = "intake"
    """来电受理."""
    FIRST_CONTACT = "first_contact"
    """首次联系 by the department (R25)."""
    PROGRESS = "progress"
    """告知进展 (R9)."""
    REPLY = "reply"
    """答复结果 (R4)."""
    CALLBACK = "callback"
    """回访 (R33)."""
    VERIFICATION = "verification"
    """核实."""
    OTHER = "other"


class CallDirection(StrEnum):
    INBOUND = "inbound"
    """呼入: the citizen called."""
    OUTBOUND = "outbound"
    """呼出: the hotline or a department called."""


class CallRecordedData(Part):
    """The call, from the telephone system rather than from the person who should have called."""

    purpose: CallPurpose | None = None
    """What the call was for."""
    direction: CallDirection | None = None
    """Who called whom."""
    ticket: Name | None = None
    """The ticket, when ``subject`` is a contact."""
    dispatch_id: Name | None = None
    """The dispatch on whose behalf a department called."""
    attempt: Count | None = None
    """The how-manieth try for this purpose, from 1, if the platform counts."""
    department: Name | None = None
    """Department that called or was called."""
    caller: Name | None = None
    """Agent or handler at our end."""
    number: Original | None = None
    """The citizen's number."""
    started_at: Instant | None = None
    """When it started to ring; else ``time`` is taken."""
    duration_seconds: Seconds | None = None
    """Talking time, without ringing."""
    outcome: CallOutcome | None = None
    """联系结果: why nobody was reached, if nobody was (R26)."""
    recording: Reference | None = None
    """The recording: the evidence."""


class CallRecorded(Envelope):
    """通话记录: evidence for «contacted» (R25, R26, R36, R49).

    ``subject`` is the ticket id, or the contact id when there is no ticket.
    """

    type: Literal["hotline.call.recorded.v1"] = "hotline.call.recorded.v1"
    data: CallRecordedData
