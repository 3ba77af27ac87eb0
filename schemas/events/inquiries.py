"""What must be found out or agreed before a reply: verification (核实) and solution (协商)."""

from typing import Literal

from schemas.envelope import Envelope, Instant, Name, Part
from schemas.events.parts import Attachments, FreeText


class VerificationRequestedData(Part):
    """A question to a department."""

    verification_id: Name | None = None
    """Tells several questions on one ticket apart."""
    department: Name | None = None
    """Who has to find out."""
    question: FreeText | None = None
    """需核实的问题."""
    by: Name | None = None
    """Who asks."""
    due_at: Instant | None = None
    """Deadline, when the platform sets one; else the policy's."""


class VerificationRequested(Envelope):
    """核实请求: what the agent cannot verify and a department must; its own clock (R63)."""

    type: Literal["hotline.verification.requested.v1"] = "hotline.verification.requested.v1"
    data: VerificationRequestedData


class VerificationAnsweredData(Part):
    """What the department found."""

    verification_id: Name | None = None
    """The question answered; absent: the oldest open one."""
    department: Name | None = None
    """Who found out."""
    handler: Name | None = None
    """Person who answers."""
    answer: FreeText | None = None
    """核实结果."""
    confirmed: bool | None = None
    """Whether what was asked is true, if it was a yes-or-no question."""
    attachments: Attachments = ()
    """Proof."""


class VerificationAnswered(Envelope):
    """核实答复 (R63)."""

    type: Literal["hotline.verification.answered.v1"] = "hotline.verification.answered.v1"
    data: VerificationAnsweredData


class SolutionProposedData(Part):
    """What was put to the citizen."""

    solution_id: Name | None = None
    """Tells several proposals apart."""
    dispatch_id: Name | None = None
    """Whose proposal."""
    text: FreeText | None = None
    """协商方案."""
    handler: Name | None = None
    """Who proposed it."""


class SolutionProposed(Envelope):
    """协商方案: a solution was discussed with the citizen (R10)."""

    type: Literal["hotline.solution.proposed.v1"] = "hotline.solution.proposed.v1"
    data: SolutionProposedData


class SolutionAgreedData(Part):
    """What the citizen agreed to."""

    solution_id: Name | None = None
    """The proposal agreed; absent: the last one."""
    dispatch_id: Name | None = None
    """Whose proposal."""
    text: FreeText | None = None
    """What was agreed, if it changed."""
    recorded_by: Name | None = None
    """Who recorded the citizen's word."""
    due_at: Instant | None = None
    """Until when it is to be done."""


class SolutionAgreed(Envelope):
    """协商一致: the citizen agreed (R10)."""

    type: Literal["hotline.solution.agreed.v1"] = "hotline.solution.agreed.v1"
    data: SolutionAgreedData
