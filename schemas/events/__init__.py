"""Every event that a platform may publish (contract.md «Facts that platforms publish»).

``parse_event`` is the one way from bytes to an event. Unknown fields are ignored, unknown types and
values are errors that name the field.
"""

from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter

from schemas.envelope import Envelope
from schemas.events.citizens import CallbackAnswered, CitizenChased, EvidenceAdded, IdentityLinked
from schemas.events.commands import CommandRefuseClose, CommandReopen
from schemas.events.contacts import CallRecorded, ContactAnswered, ContactReceived
from schemas.events.deadlines import (
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    HoldEnded,
    HoldStarted,
)
from schemas.events.dispatches import (
    DispatchAccepted,
    ReturnApproved,
    ReturnRefused,
    ReturnRequested,
    TicketDesignated,
    TicketDispatched,
)
from schemas.events.escalations import (
    EnforcementHandedOver,
    EscalationAcknowledged,
    EscalationRequested,
    RemedyDone,
    RemedyOpened,
    SupervisionAnswered,
    SupervisionOrdered,
)
from schemas.events.inquiries import (
    SolutionAgreed,
    SolutionProposed,
    VerificationAnswered,
    VerificationRequested,
)
from schemas.events.receipts import CommandApplied, CommandRefused, NoticeDelivered, NoticeFailed
from schemas.events.replies import CloseRequested, ReplyApproved, ReplyRejected, ReplySubmitted
from schemas.events.tickets import (
    TicketAmended,
    TicketClosed,
    TicketImported,
    TicketMerged,
    TicketNotAccepted,
    TicketProgressed,
    TicketReceived,
    TicketReopened,
    TicketSplit,
    TicketWithdrawn,
)
from schemas.events.verdicts import FindingRecorded, VerdictMarked

Event = Annotated[
    ContactReceived
    | ContactAnswered
    | CallRecorded
    | TicketReceived
    | TicketImported
    | TicketAmended
    | TicketNotAccepted
    | TicketWithdrawn
    | TicketMerged
    | TicketSplit
    | TicketProgressed
    | TicketClosed
    | TicketReopened
    | TicketDispatched
    | DispatchAccepted
    | ReturnRequested
    | ReturnApproved
    | ReturnRefused
    | TicketDesignated
    | ExtensionRequested
    | ExtensionGranted
    | ExtensionRefused
    | HoldStarted
    | HoldEnded
    | VerificationRequested
    | VerificationAnswered
    | SolutionProposed
    | SolutionAgreed
    | ReplySubmitted
    | ReplyApproved
    | ReplyRejected
    | CloseRequested
    | CitizenChased
    | EvidenceAdded
    | CallbackAnswered
    | IdentityLinked
    | EscalationRequested
    | EscalationAcknowledged
    | RemedyOpened
    | RemedyDone
    | SupervisionOrdered
    | SupervisionAnswered
    | EnforcementHandedOver
    | VerdictMarked
    | FindingRecorded
    | CommandReopen
    | CommandRefuseClose
    | CommandApplied
    | CommandRefused
    | NoticeDelivered
    | NoticeFailed,
    Field(discriminator="type"),
]
"""Any of them; ``type`` tells which."""

EVENT_TYPES: dict[str, type[Envelope]] = {
    event.model_fields["type"].default: event for event in get_args(get_args(Event)[0])
}
"""CloudEvents type -> class."""

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def parse_event(value: bytes | str) -> Event:
    """The event in a structured-mode CloudEvents document.

    Raises ``pydantic.ValidationError`` naming each bad field and its value.
    """
    return _EVENT.validate_json(value)


def parse_event_dict(document: dict[str, Any]) -> Event:
    """As ``parse_event``, from a decoded document (times as ISO 8601 strings or datetimes)."""
    return _EVENT.validate_python(document)


__all__ = [
    "EVENT_TYPES",
    "CallRecorded",
    "CallbackAnswered",
    "CitizenChased",
    "CloseRequested",
    "CommandApplied",
    "CommandRefuseClose",
    "CommandRefused",
    "CommandReopen",
    "ContactAnswered",
    "ContactReceived",
    "DispatchAccepted",
    "EnforcementHandedOver",
    "EscalationAcknowledged",
    "EscalationRequested",
    "Event",
    "EvidenceAdded",
    "ExtensionGranted",
    "ExtensionRefused",
    "ExtensionRequested",
    "FindingRecorded",
    "HoldEnded",
    "HoldStarted",
    "IdentityLinked",
    "NoticeDelivered",
    "NoticeFailed",
    "RemedyDone",
    "RemedyOpened",
    "ReplyApproved",
    "ReplyRejected",
    "ReplySubmitted",
    "ReturnApproved",
    "ReturnRefused",
    "ReturnRequested",
    "SolutionAgreed",
    "SolutionProposed",
    "SupervisionAnswered",
    "SupervisionOrdered",
    "TicketAmended",
    "TicketClosed",
    "TicketDesignated",
    "TicketDispatched",
    "TicketImported",
    "TicketMerged",
    "TicketNotAccepted",
    "TicketProgressed",
    "TicketReceived",
    "TicketReopened",
    "TicketSplit",
    "TicketWithdrawn",
    "VerdictMarked",
    "VerificationAnswered",
    "VerificationRequested",
    "parse_event",
    "parse_event_dict",
]
