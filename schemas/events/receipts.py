"""The platform's answer to a command or a notice of ours (回执)."""

from typing import Literal

from schemas.envelope import Envelope, Name, Part
from schemas.events.parts import Channel, FreeText


class CommandAppliedData(Part):
    """It was done."""

    command_id: Name
    """Id of the command."""
    by: Name | None = None
    """Who or what did it."""
    text: FreeText | None = None
    """Result in words."""


class CommandApplied(Envelope):
    """执行回执: the platform did what a command asked."""

    type: Literal["hotline.command.applied.v1"] = "hotline.command.applied.v1"
    data: CommandAppliedData


class CommandRefusedData(Part):
    """It was not done."""

    command_id: Name
    """Id of the command."""
    by: Name | None = None
    """Who or what refused."""
    reason: FreeText | None = None
    """Why."""
    reason_code: Name | None = None
    """The platform's code."""


class CommandRefused(Envelope):
    """执行回执: the platform did not do what a command asked, and why."""

    type: Literal["hotline.command.refused.v1"] = "hotline.command.refused.v1"
    data: CommandRefusedData


class NoticeDeliveredData(Part):
    """It arrived."""

    notice_id: Name
    """Id of the notice."""
    channel: Channel | None = None
    """Through what."""
    read: bool | None = None
    """Whether it was opened, where the channel tells."""


class NoticeDelivered(Envelope):
    """送达回执: a notice of ours arrived (R2–R4, R9, R27)."""

    type: Literal["hotline.notice.delivered.v1"] = "hotline.notice.delivered.v1"
    data: NoticeDeliveredData


class NoticeFailedData(Part):
    """It did not arrive."""

    notice_id: Name
    """Id of the notice."""
    channel: Channel | None = None
    """Through what it was tried."""
    reason: FreeText | None = None
    """Why."""
    final: bool | None = None
    """Whether the platform gave up; else it tries again."""


class NoticeFailed(Envelope):
    """送达失败: a notice of ours did not arrive (R27, §4.11 «escalation silently stalls»)."""

    type: Literal["hotline.notice.failed.v1"] = "hotline.notice.failed.v1"
    data: NoticeFailedData
