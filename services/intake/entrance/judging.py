"""Whether an event may pass, by the rules of the inbox, and what its sender is told (R1).

The reasons are those of ``reading``; only where Kafka's entrance puts an event aside, this one
refuses it at once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from policy.bundle import Policy
from runtime.http.tokens import Principal
from runtime.processor import Record, Unreadable
from schemas.binary import from_binary, is_binary
from schemas.topics import INBOX
from services.intake.entrance.body import Carried
from services.intake.reading import COMMANDS, read, refuse_absurd
from services.intake.seen import Published

STATUS: Final = {
    "null_value": 400,
    "not_utf8": 400,
    "not_json": 400,
    "binary_malformed": 400,
    "not_cloudevent": 400,
    "repeated_name": 400,
    "too_deep": 400,
    "source_not_allowed": 403,
    "command_not_ours": 403,
    "id_reused": 409,
    "too_large": 413,
    "unknown_type": 422,
    "unknown_version": 422,
    "invalid": 422,
    "time_in_future": 422,
}
"""Of each reason. 400: no event; 422: an event that the contract, or time, speaks against."""
_ECHOED_CHARS: Final = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one event."""

    id: str | None
    status: int = 202
    duplicate: bool = False
    """Taken before, with the same content."""
    reason: str = ""
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For the body of the response."""
        told: dict[str, Any] = {"id": self.id, "status": self.status}
        if self.duplicate:
            told["duplicate"] = True
        if self.reason:
            told |= {"reason": self.reason, "detail": self.detail}
        return told


class Admitted(NamedTuple):
    """An event that may pass."""

    event: Published
    value: bytes
    """Structured."""


def judge(
    carried: Carried, caller: Principal, now: datetime, policy: Policy, *, max_event_bytes: int
) -> Admitted | Answer:
    """The event, or why it may not pass."""
    record = Record(
        topic=INBOX,
        partition=-1,
        offset=-1,
        key=None,
        value=carried.value,
        timestamp_ms=int(now.timestamp() * 1_000),
        headers=tuple((name, value or b"") for name, value in carried.headers),
    )
    try:
        event = read(record, max_event_bytes)
        refuse_absurd(event, policy)
    except Unreadable as refused:
        return refusal(_id_in(carried), refused.reason, refused.detail)
    found = event.event
    if found.source not in caller.sources:
        return refusal(
            found.id,
            "source_not_allowed",
            f"source is {found.source!r}: token {caller.name!r} may publish for"
            f" {', '.join(caller.sources)}",
        )
    if type(found) in COMMANDS:
        return refusal(
            found.id,
            "command_not_ours",
            f"type is {found.type}: our services write commands into the inbox, nobody over HTTP",
        )
    value = carried.value
    if is_binary(carried.headers):
        value = from_binary(carried.headers, value)
    return Admitted(Published(found.source, found.id, event.digest, found.subject), value)


def refusal(id_: str | None, reason: str, detail: str) -> Answer:
    """The answer to an event that is not taken."""
    return Answer(id_, STATUS.get(reason, 422), reason=reason, detail=detail)


def reused(event: Published) -> Answer:
    """409: the id stands for another content already."""
    return refusal(
        event.id,
        "id_reused",
        f"id {event.id!r} of source {event.source!r} came before with another content:"
        " give each event an id of its own",
    )


def _id_in(carried: Carried) -> str | None:
    """The id of what cannot be read as an event, if it says one, so that its sender finds it."""
    if is_binary(carried.headers):
        given: object = (dict(carried.headers).get("ce_id") or b"").decode(errors="replace")
    else:
        try:
            document = orjson.loads(carried.value)
        except orjson.JSONDecodeError:
            return None
        given = document.get("id") if isinstance(document, dict) else None
    return given[:_ECHOED_CHARS] if isinstance(given, str) else None
