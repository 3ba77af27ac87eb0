"""What a human decides on our verdicts; it is a fact and survives replay (R15)."""

from enum import StrEnum
from typing import Literal

from schemas.envelope import Envelope, Name, Part
from schemas.events.parts import FreeText


class Mark(StrEnum):
    """人工认定 of a repeat verdict (R15)."""

    CONFIRM = "confirm"
    """It is a repeat."""
    EXCLUDE = "exclude"
    """It is not counted, for one of the four reasons."""
    OVERTURN = "overturn"
    """Our verdict, or an earlier mark, was wrong."""
    CORRECT_CAUSE = "correct_cause"
    """The verdict stands, its root cause was wrong (R23)."""


class ExclusionReason(StrEnum):
    """其一 to 其四 of R17–R20."""

    CLOSED_NO_NEW_EVIDENCE = "closed_no_new_evidence"
    """其一: 已得到合理的处理结果且未提出新的证据 (R17)."""
    IN_PROGRESS = "in_progress"
    """其二: 尚在处理流程中 (R18)."""
    POLICY_EXPECTATION = "policy_expectation"
    """其三: 无法达到期望值, 政策是按照国家规定; needs ``clause`` (R19)."""
    NEW_FAULT_SAME_KIND = "new_fault_same_kind"
    """其四: 上一次已解决, 重新出现相同类型的故障 (R20)."""


class RootCause(StrEnum):
    """Why a citizen had to come again (R23)."""

    UNRESOLVED_PROCESS = "unresolved_process"
    UNRESOLVED_PERFUNCTORY = "unresolved_perfunctory"
    FALSE_REPLY = "false_reply"
    STEP_MISSED = "step_missed"
    NOT_CONTACTED = "not_contacted"
    RECORD_UNTRACEABLE = "record_untraceable"


class VerdictMarkedData(Part):
    """The human's decision."""

    mark: Mark
    """What is decided."""
    reason: ExclusionReason | None = None
    """For ``exclude``: which of the four."""
    clause: FreeText | None = None
    """For ``policy_expectation``: the clause cited (R19)."""
    root_cause: RootCause | None = None
    """For ``confirm`` and ``correct_cause`` (R23)."""
    earlier_ticket: Name | None = None
    """The earlier ticket that it is, or is not, a repeat of."""
    earlier_result_reasonable: bool | None = None
    """合理的处理结果: whether the earlier result was reasonable (ruling 10)."""
    by: Name | None = None
    """认定人."""
    text: FreeText | None = None
    """Why, in words."""


class VerdictMarked(Envelope):
    """人工认定: confirm, exclude or overturn a repeat verdict (R15, R19, ruling 3)."""

    type: Literal["hotline.verdict.marked.v1"] = "hotline.verdict.marked.v1"
    data: VerdictMarkedData


class FindingRecordedData(Part):
    """What the inquiry found."""

    false_closure: bool
    """虚假办结: yes or no. Only this counts, never a signal (R49)."""
    case_id: Name | None = None
    """Id of the suspicion case."""
    dispatch_id: Name | None = None
    """The dispatch whose reply it was."""
    department: Name | None = None
    """Unit that it is about."""
    handler: Name | None = None
    """Person that it is about."""
    by: Name | None = None
    """Who found it."""
    text: FreeText | None = None
    """On what grounds."""


class FindingRecorded(Envelope):
    """查实: whether a reply or a close was false (R49)."""

    type: Literal["hotline.finding.recorded.v1"] = "hotline.finding.recorded.v1"
    data: FindingRecordedData
