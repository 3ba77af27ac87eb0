"""Raised attention: escalation (登记报备), remedy (补救), supervision (督办), 移送执法."""

from typing import Literal

from schemas.envelope import Envelope, Instant, Name, Part
from schemas.events.parts import FreeText, Urgency


class EscalationRequestedData(Part):
    """The agent's registration."""

    by: Name | None = None
    """话务员 who registers it."""
    reason: FreeText | None = None
    """Why it is very urgent."""
    level: Urgency | None = None
    """Level asked for; absent: very urgent."""
    contact_id: Name | None = None
    """The call in which it showed; minutes from call to registration are measured (R41)."""
    report_to: Name | None = None
    """报备对象, when the agent names one."""


class EscalationRequested(Envelope):
    """话务员登记报备: an agent marks a call as very urgent, and why (R39, R40, ruling 16)."""

    type: Literal["hotline.escalation.requested.v1"] = "hotline.escalation.requested.v1"
    data: EscalationRequestedData


class EscalationAcknowledgedData(Part):
    """Who has seen it."""

    by: Name | None = None
    """Who acknowledges."""
    escalation_id: Name | None = None
    """Id of our escalation fact; absent: all open ones of that ticket and department."""
    department: Name | None = None
    """On whose behalf."""
    text: FreeText | None = None
    """What will be done."""
    due_at: Instant | None = None
    """Until when they promise news."""


class EscalationAcknowledged(Envelope):
    """确认收悉: pauses its rung for a policy time, does not end it (R27, R40, ruling 11)."""

    type: Literal["hotline.escalation.acknowledged.v1"] = "hotline.escalation.acknowledged.v1"
    data: EscalationAcknowledgedData


class RemedyOpenedData(Part):
    """The service error."""

    remedy_id: Name | None = None
    """Tells several remedies apart."""
    by: Name | None = None
    """Who found it."""
    error: FreeText | None = None
    """服务差错: what went wrong."""
    department: Name | None = None
    """Whose error."""
    due_at: Instant | None = None
    """Until when it is to be put right."""


class RemedyOpened(Envelope):
    """主动补救: an agent finds a service error (R45, ruling 16)."""

    type: Literal["hotline.remedy.opened.v1"] = "hotline.remedy.opened.v1"
    data: RemedyOpenedData


class RemedyDoneData(Part):
    """What was put right."""

    remedy_id: Name | None = None
    """The remedy; absent: the oldest open one."""
    by: Name | None = None
    """Who did it."""
    result: FreeText | None = None
    """补救结果."""


class RemedyDone(Envelope):
    """补救完成 (R45)."""

    type: Literal["hotline.remedy.done.v1"] = "hotline.remedy.done.v1"
    data: RemedyDoneData


class SupervisionOrderedData(Part):
    """Who wants to know."""

    supervision_id: Name | None = None
    """督办件编号."""
    by: Name | None = None
    """Leader or body who orders it."""
    department: Name | None = None
    """Unit that has to answer."""
    text: FreeText | None = None
    """批示内容."""
    due_at: Instant | None = None
    """Until when."""


class SupervisionOrdered(Envelope):
    """督办 / 批示: a leader or supervising body steps in, with its own deadline (R27)."""

    type: Literal["hotline.supervision.ordered.v1"] = "hotline.supervision.ordered.v1"
    data: SupervisionOrderedData


class SupervisionAnsweredData(Part):
    """What was reported back."""

    supervision_id: Name | None = None
    """The order answered; absent: the oldest open one."""
    by: Name | None = None
    """Who answers."""
    department: Name | None = None
    """Unit that answers."""
    text: FreeText | None = None
    """办理情况报告."""


class SupervisionAnswered(Envelope):
    """督办反馈 (R27)."""

    type: Literal["hotline.supervision.answered.v1"] = "hotline.supervision.answered.v1"
    data: SupervisionAnsweredData


class EnforcementHandedOverData(Part):
    """Who goes on with it."""

    body: Name
    """执法机关: to which body."""
    by: Name | None = None
    """Who handed it over."""
    reason: FreeText | None = None
    """Which law it may break."""
    reference: Name | None = None
    """案件编号 at that body."""


class EnforcementHandedOver(Envelope):
    """移送执法: it belongs to an enforcement body (行政执法体系, R62)."""

    type: Literal["hotline.enforcement.handed_over.v1"] = "hotline.enforcement.handed_over.v1"
    data: EnforcementHandedOverData
