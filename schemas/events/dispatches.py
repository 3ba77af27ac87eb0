"""Who has to handle it: dispatch, acceptance, return, designation (派单, 签收, 退单, 指定)."""

from enum import StrEnum
from typing import Literal

from schemas.envelope import Envelope, Instant, Name, Part
from schemas.events.parts import FreeText


class DispatchRole(StrEnum):
    """Part of a unit in a joint ticket (R30)."""

    LEAD = "lead"
    """主办."""
    SUPPORTING = "supporting"
    """协办."""


class DispatchTerms(Part):
    """To whom, in which role, until when."""

    dispatch_id: Name | None = None
    """派单编号; without it the department's clock is kept by department."""
    parent_dispatch_id: Name | None = None
    """The dispatch that this one passes on: city → district → street (R65)."""
    department: Name | None = None
    """承办单位: code in the organisation directory, or its name."""
    team: Name | None = None
    """承办科室 / 班组."""
    handler: Name | None = None
    """承办人."""
    role: DispatchRole | None = None
    """主办 or 协办; absent: lead."""
    accept_due_at: Instant | None = None
    """签收时限 set by the platform."""
    contact_due_at: Instant | None = None
    """首次联系时限 set by the platform."""
    reply_due_at: Instant | None = None
    """办结时限 set by the platform."""


class TicketDispatchedData(DispatchTerms):
    """The dispatch, and who made it."""

    by: Name | None = None
    """派单员."""
    note: FreeText | None = None
    """派单意见."""


class TicketDispatched(Envelope):
    """派单 / 转办: the department's clock starts, accepted or not (ruling 6, R29)."""

    type: Literal["hotline.ticket.dispatched.v1"] = "hotline.ticket.dispatched.v1"
    data: TicketDispatchedData


class DispatchAcceptedData(Part):
    """Who took it."""

    dispatch_id: Name | None = None
    """The dispatch accepted."""
    department: Name | None = None
    """承办单位."""
    handler: Name | None = None
    """承办人 from now on."""


class DispatchAccepted(Envelope):
    """签收: the unit takes it on (R25)."""

    type: Literal["hotline.dispatch.accepted.v1"] = "hotline.dispatch.accepted.v1"
    data: DispatchAcceptedData


class ReturnRequestedData(Part):
    """Why it is not theirs."""

    dispatch_id: Name | None = None
    """The dispatch to be returned."""
    department: Name | None = None
    """Unit that asks."""
    handler: Name | None = None
    """Person who asks."""
    reason: FreeText | None = None
    """退单理由."""
    proposed_department: Name | None = None
    """建议承办单位."""


class ReturnRequested(Envelope):
    """退单申请: the first receiver stays accountable until it is approved (ruling 13, R29)."""

    type: Literal["hotline.return.requested.v1"] = "hotline.return.requested.v1"
    data: ReturnRequestedData


class ReturnDecidedData(Part):
    """The decision on a return."""

    dispatch_id: Name | None = None
    """The dispatch in question."""
    department: Name | None = None
    """Unit that had asked."""
    by: Name | None = None
    """Who decided."""
    reason: FreeText | None = None
    """Why."""


class ReturnApproved(Envelope):
    """退单同意: that dispatch is over, counted but not punished (rulings 6, 13)."""

    type: Literal["hotline.return.approved.v1"] = "hotline.return.approved.v1"
    data: ReturnDecidedData


class ReturnRefused(Envelope):
    """退单驳回: the unit keeps it; its clock never stopped (R29)."""

    type: Literal["hotline.return.refused.v1"] = "hotline.return.refused.v1"
    data: ReturnDecidedData


class TicketDesignatedData(Part):
    """The arbiter's decision."""

    department: Name
    """指定承办单位: who has to handle it, finally."""
    arbiter: Name | None = None
    """仲裁人 / 裁定单位."""
    dispatch_id: Name | None = None
    """The dispatch in dispute."""
    reason: FreeText | None = None
    """Why that unit."""
    due_at: Instant | None = None
    """Deadline that comes with it."""


class TicketDesignated(Envelope):
    """指定承办 / 仲裁: ends the return loop after N dispatches (R29)."""

    type: Literal["hotline.ticket.designated.v1"] = "hotline.ticket.designated.v1"
    data: TicketDesignatedData
