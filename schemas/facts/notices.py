"""What is to be told, and to whom (R2, R3, R5): notices wanted.

Facts on ``hotline.notices``, keyed by citizen. Who delivers them reads there and answers with
``notice.delivered`` or ``notice.failed``, whose ``notice_id`` is the id of the fact. A notice to
the citizen with a higher ``revision`` takes the place of the earlier one of that ticket.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Envelope, Name, Part, Text
from schemas.events.parts import Channel, Urgency
from schemas.events.tickets import ClockKind

NoticeKind = Literal["citizen.acknowledged", "liaison.informed"]
"""受理告知 to the citizen (R2); 承办提醒 to the liaison (联络员, R3) of a department."""


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
    """1 for the first; sent again when a deadline changed (R2)."""
    text_zh: Text
    text_en: Text
    steps: Annotated[tuple[NoticeStep, ...], Field(max_length=20)] = ()
    """The steps that follow; to the citizen."""
    deadlines: Annotated[tuple[NoticeDeadline, ...], Field(max_length=20)] = ()
    """Each deadline known so far; services that know more send the notice again with them."""

    channel: Channel | None = None
    """To the citizen: the way they came, and the way back. The number itself is the platform's."""

    unit: Name | None = None
    """To a liaison: code of the unit concerned, in the organisation directory."""
    unit_name: Name | None = None
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
    """签收时限, where the platform set one; local date-time with its offset."""
    urgency: Urgency | None = None
    """紧急程度, as the platform set it."""
    confidential: bool = False
    """保密: the department must not learn who it is; nothing of the person is in the notice."""


class NoticeRequested(Envelope):
    """通知: somebody is to be told something about a ticket (R2, R3). ``subject`` is the ticket."""

    type: Literal["hotline.notice.requested.v1"] = "hotline.notice.requested.v1"
    data: NoticeRequestedData


NOTICE_TYPES: tuple[type[NoticeRequested], ...] = (NoticeRequested,)
