"""What the citizen does after the first contact: chases, adds, answers, turns out to be known."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.envelope import Envelope, Name, Part
from schemas.events.parts import (
    Attachments,
    CallOutcome,
    Channel,
    Count,
    FreeText,
    Identity,
    Reference,
    Satisfaction,
)


class CitizenChasedData(Part):
    """The citizen asks where it stands."""

    channel: Channel | None = None
    """How they asked."""
    text: FreeText | None = None
    """What they said: scored for urgency and danger like any other text (R39, R62)."""
    contact_id: Name | None = None
    """The contact in which they asked."""
    agent: Name | None = None
    """Who took it."""


class CitizenChased(Envelope):
    """市民催办: counted, forwarded rate-limited, never lowers priority (R18)."""

    type: Literal["hotline.citizen.chased.v1"] = "hotline.citizen.chased.v1"
    data: CitizenChasedData


class EvidenceAddedData(Part):
    """What is new."""

    text: FreeText | None = None
    """What it shows."""
    attachments: Attachments = ()
    """The material itself."""
    contact_id: Name | None = None
    """The contact in which it came."""
    by: Name | None = None
    """Who entered it."""


class EvidenceAdded(Envelope):
    """补充材料: new evidence turns an excluded contact into a confirmed repeat (R17)."""

    type: Literal["hotline.evidence.added.v1"] = "hotline.evidence.added.v1"
    data: EvidenceAddedData


class CallbackAnsweredData(Part):
    """The result of one try."""

    contacted: bool
    """Whether the citizen was reached; «no» is never silently «satisfied» (R36)."""
    task_id: Name | None = None
    """The callback task; absent: the live one of that ticket."""
    asked_by: Name | None = None
    """回访员."""
    attempt: Count | None = None
    """第几次回访, from 1."""
    channel: Channel | None = None
    """Phone, SMS, ..."""
    outcome: CallOutcome | None = None
    """Why not reached (R36, R37)."""
    resolved: bool | None = None
    """是否解决, by the citizen (R34)."""
    satisfied: Satisfaction | None = None
    """满意度 1 to 5, by the citizen (R34)."""
    reasons: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    """不满意原因, the platform's codes or words."""
    text: FreeText | None = None
    """What the citizen said."""
    recording: Reference | None = None
    """The call's recording."""


class CallbackAnswered(Envelope):
    """回访结果: «resolved?» and «satisfied?» are separate answers (R33–R37)."""

    type: Literal["hotline.callback.answered.v1"] = "hotline.callback.answered.v1"
    data: CallbackAnsweredData


class Alias(Part):
    """One name that a citizen goes by: an identity, or a pseudonym of ours."""

    identity: Identity | None = None
    """As the platform knows it; intake replaces it by the pseudonym."""
    citizen: Name | None = None
    """Pseudonym, as our facts carry it."""

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if self.identity is None and self.citizen is None:
            raise ValueError("neither identity nor citizen is given; give one of them")
        return self


class IdentityLinkedData(Part):
    """Two aliases, one person."""

    first: Alias
    """One alias: the one whose pseudonym goes on."""
    second: Alias
    """The other."""
    by: Name | None = None
    """Who established it, or the rule that did."""
    reason: FreeText | None = None
    """On what grounds."""


class IdentityLinked(Envelope):
    """身份归并: two aliases are one person (R12 «同一个用户»).

    ``subject`` is the ticket or contact where it came to light.
    """

    type: Literal["hotline.identity.linked.v1"] = "hotline.identity.linked.v1"
    data: IdentityLinkedData
