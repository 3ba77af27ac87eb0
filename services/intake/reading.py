"""From a record of the inbox to a validated event, or the reason why not (R1).

A reason is a slug and a text that names field and value; it goes to logs and dead letters' headers,
so it is masked and never quotes what describes a citizen.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec
import orjson
from pydantic import ValidationError

from policy.bundle import Policy
from runtime.processor import Record, Unreadable
from runtime.stores.codec import instant
from schemas.binary import MalformedBinaryEvent, from_binary, is_binary
from schemas.envelope import Envelope
from schemas.events import EVENT_TYPES
from schemas.events.commands import COMMAND_TYPES, COMMANDERS
from schemas.refusal import describe
from services.intake.masking import PARTIES, WITHHELD, mask_text

MAX_EVENT_BYTES = 1_000_000
"""Nothing larger is even parsed: near the broker's own limit. The policy sets a lower one."""
MAX_DEPTH = 32
"""Of objects and lists in each other; the contract has 6."""

RESERVED = "__"
"""The subject is the key of a state, and such keys are the engine's own."""

TRANSPORT = frozenset({"traceparent", "tracestate", "datacontenttype"})
"""Attributes that differ between two deliveries of one event: not compared."""

COMMANDS = frozenset(COMMAND_TYPES)
"""Events that our services alone publish, from inside."""

_PERSONAL = WITHHELD | PARTIES | {"number", "first", "second"}
_SHOWN_PROBLEMS = 3
_VERSIONED = re.compile(r"(hotline\.[a-z_]+\.[a-z_]+)\.v\d+")
_KNOWN = frozenset(name.rpartition(".")[0] for name in EVENT_TYPES)
_JSON_WORDS = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
}
DIGESTS = "digests of events"
"""What the key of remembered digests is derived for; of the first version, for they are compared.

Without it a digest would tell whoever reads states or tables, with the masked event from the log,
which of all telephone numbers was in the original; also after the citizen was erased (R61).
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Unreadable):
    """Raised by ``decide``: readable, but not to be taken; a dead letter, no quarantine."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Not an event: the time of its record is all that it says."""


class Said(msgspec.Struct, frozen=True):
    """What a publisher said, however it was carried."""

    event: Envelope
    """One of ``schemas.events``."""
    document: dict[str, Any]
    """What the publisher wrote, unknown fields included."""
    value: bytes
    """The document's JSON."""


class InboxEvent(Said, frozen=True):
    """An event as it came, validated."""

    digest: str
    """Of the document: equal for binary and structured, for any order and spacing."""
    record: Record
    elsewhere: str | None = None
    """Another ticket on which this identity came before, with another content (``Outside``)."""


def read(record: Record, max_event_bytes: int) -> InboxEvent:
    """The event in a record, structured or binary. Raises ``Unreadable``."""
    value = record.value
    if value is None:
        raise Unreadable("null_value", "the record has no value: publish an event")
    if len(value) > max_event_bytes:
        raise too_large(len(value), max_event_bytes)
    try:
        if is_binary(record.headers):
            value = from_binary(record.headers, value)
    except MalformedBinaryEvent as malformed:
        raise Unreadable(malformed.slug, mask_text(str(malformed))) from malformed
    document = _document(value)
    event = _event(document)
    canonical = _canonical(document)
    _refuse_repeated_names(value, document, canonical)
    return InboxEvent(event, document, value, hashed(canonical), record)


def too_large(size: int, limit: int, source: str = "") -> Refused:
    """The refusal of an event of that many bytes."""
    return Refused(
        "too_large",
        f"the event has {size} bytes, at most {limit} are taken: publish attachments by reference",
        source=source,
    )


def refuse_absurd(event: InboxEvent, policy: Policy) -> None:
    """What no publisher may send, although it can be read. Raises ``Refused``."""
    incoming, record = event.event, event.record
    assert record.value is not None, "what was decoded has a value"
    if len(record.value) > policy.intake.max_event_bytes:
        raise too_large(len(record.value), policy.intake.max_event_bytes, incoming.source)
    appended = appended_at(record)
    if incoming.time - appended > policy.intake.future_tolerance:
        raise Refused(
            "time_in_future",
            f"time is {incoming.time.isoformat()}, appended {appended.isoformat()}:"
            " set the publisher's clock",
            source=incoming.source,
        )


def appended_at(record: Record) -> datetime:
    """When the broker appended the record (UTC)."""
    return instant(record.timestamp_ms)


def _document(value: bytes) -> dict[str, Any]:
    """The JSON object in a record; each name once, and not nested absurdly deep."""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        try:
            value.decode()
        except UnicodeDecodeError as wrong:
            detail = f"byte {wrong.start} is 0x{value[wrong.start]:02x}: write UTF-8"
            raise Unreadable("not_utf8", detail) from wrong
        raise Unreadable("not_json", mask_text(str(error))) from error
    if not isinstance(document, dict):
        kind = _JSON_WORDS[type(document)]
        raise Unreadable("not_cloudevent", f"the value is {kind}: publish one JSON object")
    # So few brackets cannot lie too deep; else it is worth a look.
    if value.count(b"{") + value.count(b"[") > MAX_DEPTH and _depth(document) > MAX_DEPTH:
        raise Unreadable(
            "too_deep",
            f"objects lie more than {MAX_DEPTH} deep in each other: publish the contract's fields",
            source=_source(document),
        )
    return document


def _depth(document: dict[str, Any]) -> int:
    """How deep objects and lists lie in each other, as far as one level beyond the limit."""
    depth = 0
    level: list[Any] = [document]
    while level and depth <= MAX_DEPTH:
        depth += 1
        items = [item for value in level for item in _items(value)]
        level = [item for item in items if type(item) is dict or type(item) is list]
    return depth


def _items(value: Any) -> Iterable[Any]:
    return value.values() if type(value) is dict else value


def _refuse_repeated_names(value: bytes, document: dict[str, Any], canonical: bytes) -> None:
    """Raises ``Unreadable`` if an object has a field twice: readers would differ on which counts.

    Looks closely only where the publisher wrote more names than were read. That may be a text with
    a quoted name in it, too.
    """
    # Colons stand in values, too, but in as many on both sides, unless they are written \u003a.
    transport = len(TRANSPORT & document.keys())
    if b"\\u003" in value or value.count(b":") > canonical.count(b":") + transport:
        json.loads(value, object_pairs_hook=_each_name_once)


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(
            "repeated_name",
            f"field {mask_text(twice[:80])!r} stands twice in one object: which one counts?",
        )
    return result


def _event(document: dict[str, Any]) -> Envelope:
    """The validated event. Raises ``Unreadable``, naming field and value."""
    source = _source(document)
    version, event_type = document.get("specversion"), document.get("type")
    if version != "1.0" or not isinstance(event_type, str):
        raise Unreadable(
            "not_cloudevent",
            f"specversion is {_shown(version)}, type is {_shown(event_type)}:"
            " publish CloudEvents 1.0",
            source=source,
        )
    model = EVENT_TYPES.get(event_type)
    if model is None:
        family = _VERSIONED.fullmatch(event_type)
        known = family is not None and family[1] in _KNOWN
        raise Unreadable(
            "unknown_version" if known else "unknown_type",
            f"type is {_shown(event_type)}: publish a type and version of the contract",
            source=source,
        )
    try:
        event = model.model_validate(document)
    except ValidationError as error:
        raise Unreadable("invalid", _problems(error), source=source) from None
    for name in ("id", "source", "subject"):
        if not document[name].isprintable():
            raise Unreadable(
                "invalid",
                f"{name} is {_shown(document[name])}: write printable characters only",
                source=source,
            )
    if event.subject.startswith(RESERVED):
        raise Unreadable(
            "invalid",
            f"subject is {_shown(event.subject)}: ids that begin with {RESERVED} are the engine's",
            source=source,
        )
    if type(event) in COMMANDS and event.source not in COMMANDERS:
        raise Unreadable(
            "command_not_ours",
            f"type is {event_type}, source is {_shown(event.source)}: only our services command;"
            " publish what happened, or answer with command.applied or command.refused",
            source=source,
        )
    if event.time < _EPOCH:
        raise Unreadable(
            "invalid", f"time is {document['time']}: nothing is from before 1970", source=source
        )
    return event


def _problems(error: ValidationError) -> str:
    """The first problems, without what may be a citizen's name or number."""
    lines = describe(error).splitlines()
    told = []
    for line in lines[:_SHOWN_PROBLEMS]:
        path, _, rest = line.partition(" is ")
        last_names = path.split(".")
        private = _PERSONAL.intersection(last_names) or last_names == ["data"]
        told.append(f"{path} is (withheld): {rest.rpartition(': ')[2]}" if private else line)
    if len(lines) > _SHOWN_PROBLEMS:
        told.append(f"and {len(lines) - _SHOWN_PROBLEMS} more")
    return mask_text("; ".join(told))


def _source(document: dict[str, Any]) -> str:
    source = document.get("source")
    return source[:256] if isinstance(source, str) else ""


def _shown(value: object) -> str:
    text = repr(value)
    return mask_text(text if len(text) <= 80 else text[:79] + "…")


def hashed(value: bytes, key: bytes = b"") -> str:
    """96 bits: told apart within one ticket, short in its state.

    What is kept of a whole event needs a key, or it could be guessed.
    """
    return b64encode(blake2b(value, digest_size=12, key=key).digest()).decode()


def _canonical(document: dict[str, Any]) -> bytes:
    """What an event says, not how it was written or carried."""
    said = {name: value for name, value in document.items() if name not in TRANSPORT}
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
