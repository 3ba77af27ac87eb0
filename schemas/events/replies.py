"""The department's reply (办结回复 / 回单), its review, and the asking for a close."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Envelope, Instant, Name, Part
from schemas.events.parts import Attachments, FreeText


class ReplyMethod(StrEnum):
    """回复方式: how the citizen was told."""

    PHONE = "phone"
    """电话."""
    VISIT = "visit"
    """上门 / 面谈."""
    SMS = "sms"
    """短信."""
    WECHAT = "wechat"
    """微信."""
    APP = "app"
    EMAIL = "email"
    LETTER = "letter"
    """书面."""
    NOT_TOLD = "not_told"
    """未回复市民."""
    OTHER = "other"


class ReplyElement(StrEnum):
    """The eight elements that every reply must carry (R46); values are the field names."""

    CAUSE = "cause"
    """投诉产生原因."""
    FINDINGS = "findings"
    """查证情况."""
    HANDLING = "handling"
    """处理意见."""
    REPLY_METHOD = "reply_method"
    """回复方式."""
    CONTACTED_AT = "contacted_at"
    """联系时间."""
    CITIZEN_RESPONSE = "citizen_response"
    """回复市民情况."""
    RESOLVED = "resolved"
    """问题是否解决."""
    SATISFIED = "satisfied"
    """市民是否满意."""


class ReplySubmittedData(Part):
    """The reply. An element that is missing is inspected and rejected later, not refused here."""

    reply_id: Name | None = None
    """Tells several replies apart."""
    dispatch_id: Name | None = None
    """The dispatch that it answers."""
    department: Name | None = None
    """承办单位."""
    handler: Name | None = None
    """承办人 who stands for it (R54)."""
    text: FreeText | None = None
    """The whole reply, when the platform does not keep the elements apart."""
    cause: FreeText | None = None
    """投诉产生原因."""
    findings: FreeText | None = None
    """查证情况."""
    handling: FreeText | None = None
    """处理意见."""
    reply_method: ReplyMethod | None = None
    """回复方式."""
    contacted_at: Instant | None = None
    """联系时间: when the citizen was contacted; checked against the calls (R49)."""
    citizen_response: FreeText | None = None
    """回复市民情况: what the citizen was told and said."""
    resolved: bool | None = None
    """问题是否解决, by the department."""
    satisfied: bool | None = None
    """市民是否满意, by the department."""
    extras: dict[Name, FreeText] = Field(default_factory=dict, max_length=100)
    """Elements asked for that leaf only: which lamp, where, how repaired."""
    attachments: Attachments = ()
    """Proof: pictures before and after."""


class ReplySubmitted(Envelope):
    """办结回复 / 回单: what the department did and found (R46, R4)."""

    type: Literal["hotline.reply.submitted.v1"] = "hotline.reply.submitted.v1"
    data: ReplySubmittedData


class ReplyApprovedData(Part):
    """A human accepts the reply."""

    reply_id: Name | None = None
    """The reply; absent: the last one of that dispatch."""
    dispatch_id: Name | None = None
    """The dispatch."""
    by: Name | None = None
    """审核人."""
    note: FreeText | None = None
    """审核意见."""


class ReplyApproved(Envelope):
    """审核通过: by a human at the platform (R46)."""

    type: Literal["hotline.reply.approved.v1"] = "hotline.reply.approved.v1"
    data: ReplyApprovedData


class ReplyRejectedData(Part):
    """A human sends the reply back."""

    reply_id: Name | None = None
    """The reply; absent: the last one of that dispatch."""
    dispatch_id: Name | None = None
    """The dispatch."""
    by: Name | None = None
    """审核人."""
    reason: FreeText | None = None
    """驳回原因."""
    missing: Annotated[tuple[ReplyElement, ...], Field(max_length=8)] = ()
    """Which of the eight elements are missing or bad."""
    due_at: Instant | None = None
    """Until when a better one is due, when the platform sets it; the clock never stopped."""


class ReplyRejected(Envelope):
    """驳回: back to the department; the clock never stopped (R47)."""

    type: Literal["hotline.reply.rejected.v1"] = "hotline.reply.rejected.v1"
    data: ReplyRejectedData


class CloseRequestedData(Part):
    """Who asks for the close."""

    by: Name | None = None
    """Who asks."""
    dispatch_id: Name | None = None
    """The dispatch that asks; absent: the platform, for the whole ticket."""
    resolution: Name | None = None
    """The platform's code of the result."""
    reason: FreeText | None = None
    """办结意见."""


class CloseRequested(Envelope):
    """办结: asks for the close; the gate answers (R48)."""

    type: Literal["hotline.close.requested.v1"] = "hotline.close.requested.v1"
    data: CloseRequestedData
