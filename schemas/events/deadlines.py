"""An extension (延期) moves a deadline; a hold (挂起) pauses a clock (ruling 12)."""

from typing import Literal

from schemas.envelope import Envelope, Instant, Name, Part
from schemas.events.parts import FreeText


class ExtensionRequestedData(Part):
    """Who needs more time, and why."""

    dispatch_id: Name | None = None
    """The dispatch; absent: the ticket."""
    department: Name | None = None
    """Unit that asks."""
    new_due_at: Instant | None = None
    """Deadline asked for."""
    reason: FreeText | None = None
    """延期理由."""
    by: Name | None = None
    """Who asks."""


class ExtensionRequested(Envelope):
    """延期申请: must come before the deadline; moves nothing yet (§3 «Extension»)."""

    type: Literal["hotline.extension.requested.v1"] = "hotline.extension.requested.v1"
    data: ExtensionRequestedData


class ExtensionGrantedData(Part):
    """The new deadline."""

    new_due_at: Instant
    """新时限."""
    dispatch_id: Name | None = None
    """The dispatch; absent: the ticket."""
    department: Name | None = None
    """Unit that had asked."""
    reason: FreeText | None = None
    """Why, as the citizen is told."""
    by: Name | None = None
    """Who granted it."""


class ExtensionGranted(Envelope):
    """延期同意: **moves a deadline**, does not pause; the citizen is told again (R2)."""

    type: Literal["hotline.extension.granted.v1"] = "hotline.extension.granted.v1"
    data: ExtensionGrantedData


class ExtensionRefusedData(Part):
    """Why not."""

    dispatch_id: Name | None = None
    """The dispatch; absent: the ticket."""
    department: Name | None = None
    """Unit that had asked."""
    reason: FreeText | None = None
    """Why."""
    by: Name | None = None
    """Who refused."""


class ExtensionRefused(Envelope):
    """延期驳回: the old deadline stands."""

    type: Literal["hotline.extension.refused.v1"] = "hotline.extension.refused.v1"
    data: ExtensionRefusedData


class HoldStartedData(Part):
    """Why the work must wait."""

    reason: FreeText | None = None
    """挂起原因, in words."""
    reason_code: Name | None = None
    """The platform's code; the policy says which codes pause which clocks."""
    dispatch_id: Name | None = None
    """Only this dispatch; absent: the whole ticket."""
    expected_until: Instant | None = None
    """Until when, as far as known; the clock goes on only at ``hold.ended``."""
    by: Name | None = None
    """Who put it on hold."""


class HoldStarted(Envelope):
    """挂起: **pauses** the clocks that the policy says (ruling 12)."""

    type: Literal["hotline.hold.started.v1"] = "hotline.hold.started.v1"
    data: HoldStartedData


class HoldEndedData(Part):
    """The wait is over."""

    reason: FreeText | None = None
    """Why now."""
    dispatch_id: Name | None = None
    """Only this dispatch; absent: the whole ticket."""
    by: Name | None = None
    """Who ended it."""


class HoldEnded(Envelope):
    """解挂: the paused clocks go on (ruling 12)."""

    type: Literal["hotline.hold.ended.v1"] = "hotline.hold.ended.v1"
    data: HoldEndedData
