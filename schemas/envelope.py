"""The CloudEvents 1.0 envelope that every event and fact of the project travels in."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Beyond these, arithmetic with time zones, calendars and deadlines would overflow in a rule; and
no ticket is from there, only «no deadline» written as 9999-12-31."""

Instant = Annotated[
    AwareDatetime,
    Field(
        ge=EARLIEST,
        lt=LATEST,
        json_schema_extra={
            "formatMinimum": EARLIEST.isoformat(),
            "formatExclusiveMaximum": LATEST.isoformat(),
        },
    ),
]
"""An instant as a publisher states it: with an offset, within what can be reckoned with."""


class Part(BaseModel):
    """A piece of ``data``. Unknown fields are not an error: a newer publisher may send more."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class Envelope(BaseModel):
    """CloudEvents 1.0, structured JSON. Subclasses fix ``type`` and ``data``.

    The first group comes from the publisher; the second is added by intake and is present on every
    record of ``hotline.tickets``. Services' facts carry both.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    specversion: Literal["1.0"] = "1.0"
    id: Name
    """Unique within ``source``; ``source`` + ``id`` is the identity."""
    source: Name
    """The publishing system."""
    type: str
    """``hotline.<thing>.<happened>.v<N>``."""
    time: Instant
    """When it happened, by the publisher. Data, never the clock."""
    subject: Name
    """The ticket id; for ``contact.*`` and ``call.*`` without a ticket, the contact id."""
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str | None = None

    citizen: Name | None = None
    """Pseudonym; the key of ``hotline.tickets``."""
    sequence: Annotated[int, Field(ge=1)] | None = None
    """Position in the ticket's history, rising by one."""
    recordedtime: AwareDatetime | None = None
    """The broker's append time at the inbox: the only clock of the rules."""
    causationid: str | None = None
    """``source`` + ``id`` of what caused this, joined by one space; or ``timer <due instant>``."""
    policyversion: str | None = None
    """Version and hash of the policy in force, ``<profile>@<version>+<hash>``."""
    traceparent: str | None = None
    """W3C trace context."""
    anomaly: str | None = None
    """Why the fact does not fit what was known of the ticket; it is kept all the same."""
    leaf: str | None = None
    """The ticket's leaf after this event (so that a reader need not remember it)."""
    previousleaf: str | None = None
    """The leaf before, when this event changed it."""

    @property
    def identity(self) -> str:
        """What ``causationid`` of an effect says: ``source`` and ``id``."""
        return f"{self.source} {self.id}"
