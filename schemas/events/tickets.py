"""The ticket (工单) itself: from 受理 to 结案 and back."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Envelope, Instant, Name, Part
from schemas.events.dispatches import DispatchTerms
from schemas.events.parts import (
    Attachments,
    Channel,
    Complainant,
    FreeText,
    LeafSource,
    Matter,
    Place,
    RequestType,
    Seconds,
    Urgency,
)


class TicketContent(Part):
    """What a ticket says; all of it optional, and all of it can be amended."""

    request_type: RequestType | None = None
    """诉求类型."""
    title: FreeText | None = None
    """工单标题."""
    text: FreeText | None = None
    """诉求内容: what the citizen says, in full."""
    leaf: Name | None = None
    """末端节点: code of the end node in the category tree (R7, R14)."""
    leaf_source: LeafSource | None = None
    """Who chose ``leaf``; absent: the platform."""
    category_path: Annotated[tuple[Name, ...], Field(max_length=16)] = ()
    """分类路径 from 一级节点 to the leaf, names or codes of the platform."""
    tree_version: Name | None = None
    """Version of the category tree that ``leaf`` belongs to (R14)."""
    urgency: Urgency | None = None
    """紧急程度."""
    complainant: Complainant | None = None
    """诉求人. Absent, or without identities: anonymous, never a repeat."""
    anonymous: bool | None = None
    """匿名: the citizen asked not to be named; not counted as the same person as anyone."""
    confidential: bool | None = None
    """保密: the department must not learn who it is."""
    reply_wanted: bool | None = None
    """需要回复."""
    reply_by: Channel | None = None
    """希望的答复方式: by what the citizen wants to be answered and asked (R38)."""
    matter: Matter | None = None
    """涉事主体 (R13)."""
    place: Place | None = None
    """事发地点 (R13, R43)."""
    occurred_at: Instant | None = None
    """事发时间: when it happened, which is before the citizen came (R20: a new occurrence)."""
    department: Name | None = None
    """被投诉部门: unit complained of (R3), code in the organisation directory or its name."""
    due_at: Instant | None = None
    """承诺办结时限, when the platform sets one."""
    attachments: Attachments = ()
    """附件."""


class TicketReceivedData(TicketContent):
    """The content, and how it came in."""

    channel: Channel | None = None
    """来源渠道."""
    source_number: Name | None = None
    """Number of the ticket in the system that it came from (来源系统编号)."""
    contact_id: Name | None = None
    """The contact that it was made from (``subject`` of ``contact.received``)."""
    agent: Name | None = None
    """受理话务员."""
    earlier_ticket: Name | None = None
    """关联工单: an earlier ticket that the agent linked."""


class TicketReceived(Envelope):
    """受理 / 建单: a ticket exists; the citizen's clock starts here and never resets (R1, R12)."""

    type: Literal["hotline.ticket.received.v1"] = "hotline.ticket.received.v1"
    data: TicketReceivedData


class TicketState(StrEnum):
    """Where an imported ticket stands (工单状态)."""

    RECEIVED = "received"
    """待派单."""
    DISPATCHED = "dispatched"
    """待签收."""
    ACCEPTED = "accepted"
    """办理中."""
    RETURN_REQUESTED = "return_requested"
    """退单待审."""
    ON_HOLD = "on_hold"
    """挂起."""
    REPLIED = "replied"
    """已回单, 待审核."""
    CLOSE_REQUESTED = "close_requested"
    """待结案."""
    CLOSED = "closed"
    """已结案, within the time in which a callback or a repeat still matters."""
    REOPENED = "reopened"
    """重办."""


class ClockKind(StrEnum):
    """Which target a clock runs towards (R25)."""

    ACCEPT = "accept"
    FIRST_CONTACT = "first_contact"
    INTERIM_NEWS = "interim_news"
    RESOLVE = "resolve"
    REPLY = "reply"
    VERIFICATION = "verification"
    SUPERVISION = "supervision"
    CALLBACK = "callback"


class ImportedDispatch(DispatchTerms):
    """A dispatch made before cut-over."""

    dispatched_at: Instant | None = None
    """派单时间."""
    accepted_at: Instant | None = None
    """签收时间."""
    contacted_at: Instant | None = None
    """首次联系时间."""
    replied_at: Instant | None = None
    """回单时间."""
    returned_at: Instant | None = None
    """退单 approved: the dispatch is over."""


class ImportedClock(Part):
    """A clock as it stood at cut-over."""

    clock: ClockKind
    """Which target."""
    dispatch_id: Name | None = None
    """Whose clock; absent: the citizen's."""
    started_at: Instant | None = None
    """When it started."""
    due_at: Instant | None = None
    """When it is due, extensions included."""
    elapsed_seconds: Seconds | None = None
    """Working time used so far, without holds."""
    paused: bool | None = None
    """Whether it stands still (挂起)."""
    stopped_at: Instant | None = None
    """When it was met; absent: still open."""


class TicketImportedData(TicketReceivedData):
    """The content, where the ticket stands, and its clocks so far."""

    state: TicketState | None = None
    """工单状态 at cut-over."""
    received_at: Instant | None = None
    """受理时间: the citizen's clock and the repeat window count from here, not from ``time``."""
    closed_at: Instant | None = None
    """结案时间, for a ticket already closed."""
    reopened_count: Annotated[int, Field(ge=0)] | None = None
    """How often it was reopened so far."""
    dispatches: Annotated[tuple[ImportedDispatch, ...], Field(max_length=200)] = ()
    """派单记录, oldest first."""
    clocks: Annotated[tuple[ImportedClock, ...], Field(max_length=200)] = ()
    """Clocks so far."""


class TicketImported(Envelope):
    """存量工单: a ticket already there at cut-over, with what happened so far (R6).

    ``time`` is when it was imported; ``data.received_at`` when the citizen came.
    """

    type: Literal["hotline.ticket.imported.v1"] = "hotline.ticket.imported.v1"
    data: TicketImportedData


class TicketAmendedData(Part):
    """What is different now."""

    changes: TicketContent
    """Only the fields that changed, with their new values; an explicit null empties a field."""
    by: Name | None = None
    """Who changed it."""
    reason: FreeText | None = None
    """Why."""

    @property
    def changed(self) -> frozenset[str]:
        """Names of the fields that this amendment sets, those set to null included."""
        return frozenset(self.changes.model_fields_set)


class TicketAmended(Envelope):
    """修改: category, urgency, address or another field changed (R7, R11, R14)."""

    type: Literal["hotline.ticket.amended.v1"] = "hotline.ticket.amended.v1"
    data: TicketAmendedData


class TicketNotAcceptedData(Part):
    """Why the hotline does not take it."""

    clause: FreeText | None = None
    """The clause that it rests on (条款)."""
    reason: FreeText | None = None
    """In words, as told to the citizen."""
    by: Name | None = None
    """Who decided."""
    referred_to: Name | None = None
    """Where the citizen was pointed to instead."""


class TicketNotAccepted(Envelope):
    """不予受理: outside what the hotline may handle; no clock runs (R1)."""

    type: Literal["hotline.ticket.not_accepted.v1"] = "hotline.ticket.not_accepted.v1"
    data: TicketNotAcceptedData


class WithdrawnBy(StrEnum):
    CITIZEN = "citizen"
    """诉求人撤诉."""
    AGENT = "agent"
    """Made by mistake."""
    PLATFORM = "platform"


class TicketWithdrawnData(Part):
    """Who took it back, and why."""

    withdrawn_by: WithdrawnBy | None = None
    """Whose wish it was."""
    by: Name | None = None
    """Who entered it."""
    reason: FreeText | None = None
    """Why."""


class TicketWithdrawn(Envelope):
    """撤单: taken back; all its clocks and tasks end."""

    type: Literal["hotline.ticket.withdrawn.v1"] = "hotline.ticket.withdrawn.v1"
    data: TicketWithdrawnData


TicketList = Annotated[tuple[Name, ...], Field(min_length=1, max_length=1_000)]


class TicketMergedData(Part):
    """Which tickets became one."""

    parent: Name
    """主单: the ticket that goes on."""
    children: TicketList
    """The tickets that are handled within it; each keeps its own callback (R43)."""
    by: Name | None = None
    """Who merged."""
    reason: FreeText | None = None
    """Why."""


class TicketMerged(Envelope):
    """并单: several tickets handled as one (R43). ``subject`` is the parent."""

    type: Literal["hotline.ticket.merged.v1"] = "hotline.ticket.merged.v1"
    data: TicketMergedData


class TicketSplitData(Part):
    """Which tickets came out of one."""

    parent: Name
    """原单: the ticket that was split."""
    children: TicketList
    """子单: the new tickets; each is also published as ``ticket.received``."""
    by: Name | None = None
    """Who split."""
    reason: FreeText | None = None
    """Why."""


class TicketSplit(Envelope):
    """拆单: several matters in one ticket, one ticket each (R13). ``subject`` is the parent."""

    type: Literal["hotline.ticket.split.v1"] = "hotline.ticket.split.v1"
    data: TicketSplitData


class TicketProgressedData(Part):
    """What happened meanwhile."""

    dispatch_id: Name | None = None
    """Whose progress."""
    text: FreeText | None = None
    """过程反馈 in words."""
    department: Name | None = None
    """Department that reports."""
    handler: Name | None = None
    """Person who reports."""
    attachments: Attachments = ()
    """Pictures from the spot."""


class TicketProgressed(Envelope):
    """过程反馈: news before the reply (R9, R27)."""

    type: Literal["hotline.ticket.progressed.v1"] = "hotline.ticket.progressed.v1"
    data: TicketProgressedData


class TicketClosedData(Part):
    """How it ended."""

    reason: FreeText | None = None
    """结案意见 or the platform's closing reason."""
    resolution: Name | None = None
    """The platform's code of the result."""
    resolved: bool | None = None
    """Whether the platform holds the matter as solved; the citizen is asked at callback (R34)."""
    by: Name | None = None
    """Who closed."""
    dispatch_id: Name | None = None
    """The dispatch whose reply closed it."""


class TicketClosed(Envelope):
    """结案: closed; the callback counts from here (R33)."""

    type: Literal["hotline.ticket.closed.v1"] = "hotline.ticket.closed.v1"
    data: TicketClosedData


class ReopenCause(StrEnum):
    """Why a closed ticket is open again."""

    NOT_RESOLVED = "not_resolved"
    """回访未解决 (R34)."""
    DISSATISFIED = "dissatisfied"
    """回访不满意 (ruling 14)."""
    REPEAT = "repeat"
    """重复投诉."""
    FALSE_REPLY = "false_reply"
    """虚假回单, found true (R49)."""
    REPLY_REJECTED = "reply_rejected"
    """审核驳回 (R47)."""
    NEW_EVIDENCE = "new_evidence"
    """补充材料 (R17)."""
    OTHER = "other"


class TicketReopenedData(Part):
    """Why it is open again."""

    cause: ReopenCause | None = None
    """The kind of cause."""
    reason: FreeText | None = None
    """In words."""
    by: Name | None = None
    """Who reopened."""
    caused_by: Name | None = None
    """Id of the event, command or callback that led to it."""
    department: Name | None = None
    """Department that it goes back to, if already known."""
    due_at: Instant | None = None
    """New deadline, when the platform sets one."""


class TicketReopened(Envelope):
    """重办 / 重新办理: open again; a live callback task is cancelled (R33, R34)."""

    type: Literal["hotline.ticket.reopened.v1"] = "hotline.ticket.reopened.v1"
    data: TicketReopenedData
