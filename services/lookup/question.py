"""What an agent asks while the citizen is on the line (R53, ruling 9)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from schemas.envelope import Instant, Name
from schemas.events.parts import Channel, FreeText, Identity, Matter, Place
from schemas.events.tickets import TicketContent


class Question(BaseModel):
    """Everything is optional; what is missing is answered «unknown»."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    identities: Annotated[tuple[Identity, ...], Field(max_length=16)] = ()
    """Who calls: number, account, OpenID …; none: anonymous."""
    source: Name | None = None
    """The platform whose account numbers these are, as it publishes events."""
    citizen: Annotated[str, Field(pattern=r"^[^\x00]{1,256}$")] | None = None
    """Pseudonym, if known; stands above ``identities``."""
    ticket: Name | None = None
    """The earlier ticket that the citizen names."""
    channel: Channel | None = None
    """渠道: a window may depend on it."""
    leaf: Name | None = None
    """末端节点; without it a case is sought by the text."""
    title: FreeText | None = None
    text: FreeText | None = None
    """What the citizen says, as noted so far."""
    matter: Matter | None = None
    """涉事主体."""
    place: Place | None = None
    """事发地点."""
    department: Name | None = None
    """被投诉部门."""
    new_evidence: bool = False
    """Whether the citizen brings new evidence (R17)."""
    occurred_at: Instant | None = None
    """When it happened, by the citizen's word: tells a new fault from the old one (R20)."""

    @property
    def has_text(self) -> bool:
        return bool((self.text or "").strip() or (self.title or "").strip())

    def content(self) -> dict[str, Any]:
        """As the ``data`` of a ticket would be published, with what was given alone."""
        return self.model_dump(
            mode="json", include={"title", "text", "matter", "place", "department"},
            exclude_none=True,
        )  # fmt: skip


def content_of(masked: dict[str, Any]) -> TicketContent:
    """What the log would say of it, for the rules to compare."""
    return TicketContent.model_validate(masked)
