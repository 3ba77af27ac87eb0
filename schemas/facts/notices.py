"""What is to be told, and to whom (R2–R5, R9): notices wanted.

Facts on ``hotline.notices``, keyed by citizen. Who delivers them reads there and answers with
``notice.delivered`` or ``notice.failed``, whose ``notice_id`` is the id of the fact. Each kind has
one writer: ``citizen.acknowledged`` and ``liaison.informed`` are intake's, the others the sla
service's. Notices to the citizen of a ticket are numbered by ``revision``; what a later one says of
deadlines holds instead of what an earlier one said.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Envelope, Name, Part, Text
from schemas.events.parts import Channel, Urgency
from schemas.events.tickets import ClockKind

NoticeKind = Literal[
    "citizen.acknowledged",
    "citizen.deadline_changed",
    "citizen.progressed",
    "citizen.no_news",
    "citizen.result",
    "liaison.informed",
]
"""To the citizen: 受理告知 and 时限变更告知 (R2), 进展告知 and 过程告知 where there was no news for
too long (R9), 结果告知 (R4). 承办提醒 to the liaison (联络员, R3) of a department."""

NoticeStage = Literal[
    "received",
    "dispatched",
    "passed_on",
    "accepted",
    "progressed",
    "replied",
    "returned",
    "reopened",
    "closed",
    "not_accepted",
    "withdrawn",
]
"""受理, 派单, 转派, 签收, 过程反馈, 回单, 退单, 重办, 结案, 不予受理, 撤单."""


class NoticeStep(Part):
    """A step of the ticket's way (处理流程)."""

    step: Name
    """A stable slug: ``received``, ``dispatched`` …"""
    zh: Text
    en: Text


class NoticeDeadline(Part):
    """A deadline (时间节点) as known when the notice was made."""

    clock: ClockKind
    """Which: ``resolve`` is what the citizen was promised (承诺办结时限)."""
    at: AwareDatetime
    """Local date-time with its offset."""


class NoticeAddress(Part):
    """A way to reach a person or a unit, from the organisation directory."""

    kind: Name
    """``phone``, ``sms``, ``email``, ``wechat``, ``app``, ``webhook``."""
    address: Text


class NoticeRequestedData(Part):
    """Whom to tell what, in words and as data."""

    notice: NoticeKind
    revision: Annotated[int, Field(ge=1)]
    """1 for the first of the ticket to the citizen, rising by one; 1 to a liaison."""
    text_zh: Text
    text_en: Text
    steps: Annotated[tuple[NoticeStep, ...], Field(max_length=20)] = ()
    """The steps that follow; to the citizen."""
    deadlines: Annotated[tuple[NoticeDeadline, ...], Field(max_length=20)] = ()
    """Each deadline in force, the earliest first; to a liaison that for accepting."""
    paused: Annotated[tuple[ClockKind, ...], Field(max_length=20)] = ()
    """To the citizen: clocks that stand still (挂起); their deadlines are told when they go on."""
    stage: NoticeStage | None = None
    """To the citizen: the step told of; of ``citizen.no_news``, the last one that there was."""
    words: Text | None = None
    """To the citizen: what the reply or the report of progress says, masked as on the log; cut
    where the policy says so."""
    latency_seconds: Annotated[float, Field(ge=0)] | None = None
    """Of ``citizen.result``: since the reply passed inspection, or was submitted where none is
    asked for; since the close where nobody inspected it (R4)."""
    not_before: AwareDatetime | None = None
    """Stated in quiet hours: not to be delivered before; local date-time with its offset. A step of
    the ticket that a later revision has overtaken by then need not be delivered."""

    channel: Channel | None = None
    """To the citizen: the way they came, and the way back. The number itself is the platform's."""

    unit: Name | None = None
    """Code of the unit concerned, in the organisation directory; to the citizen as the platform
    names it, where the directory does not know it."""
    unit_name: Name | None = None
    """As the directory names it."""
    role: Name | None = None
    """Who of the unit: ``liaison``."""
    person: Name | None = None
    """Whom to tell: id in the organisation directory; of a unit above where ``vacant`` is given."""
    channels: Annotated[tuple[NoticeAddress, ...], Field(max_length=50)] = ()
    """How to reach that person, in the order in which to try."""
    vacant: Name | None = None
    """``<unit>/<role>`` that nobody fills: an alarm (R5). The nearest unit above is told."""
    undeliverable: bool = False
    """Nobody up to the top of the tree fills the role: somebody must be found by hand."""
    accept_due_at: AwareDatetime | None = None
    """签收时限, the platform's or else the policy's; local date-time with its offset."""
    urgency: Urgency | None = None
    """紧急程度, as the platform set it."""
    confidential: bool = False
    """保密: the department must not learn who it is; nothing of the person is in the notice."""


class NoticeRequested(Envelope):
    """通知: somebody is to be told something about a ticket (R2–R4, R9); ``subject`` is it."""

    type: Literal["hotline.notice.requested.v1"] = "hotline.notice.requested.v1"
    data: NoticeRequestedData


NOTICE_TYPES: tuple[type[NoticeRequested], ...] = (NoticeRequested,)
