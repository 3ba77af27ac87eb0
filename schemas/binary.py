"""Binary-mode CloudEvents on Kafka: attributes in ``ce_`` headers, ``data`` alone as the value.

Structured mode is what everything inside speaks, so the inbox turns binary into structured first
(CloudEvents Kafka protocol binding 1.0.2, §3).
"""

from collections.abc import Iterable

import orjson

Headers = Iterable[tuple[str, bytes | None]]
"""Kafka headers; a name may come twice, then the last one counts."""

PREFIX = "ce_"
STRUCTURED = "application/cloudevents+json"


class MalformedBinaryEvent(ValueError):
    """A binary-mode message that cannot be read; says which header, or that it is the value."""

    slug = "binary_malformed"


def is_binary(headers: Headers) -> bool:
    """Whether the message is in binary mode: it has ``ce_specversion`` and is not structured."""
    names = {name.lower(): value for name, value in headers}
    return f"{PREFIX}specversion" in names and not _media_type(names).startswith(STRUCTURED)


def from_binary(headers: Headers, value: bytes | None) -> bytes:
    """The structured document, as JSON bytes that ``parse_event`` takes.

    Header names are taken without regard to case. ``content-type`` must be JSON (or absent); a null
    value is an event with empty ``data``. Nothing else is checked here: that is ``parse_event``'s.

    Raises:
        MalformedBinaryEvent: a header is not UTF-8, the content type is not JSON, or the value is
            not JSON.
    """
    names = {name.lower(): content for name, content in headers}
    document: dict[str, object] = {
        name.removeprefix(PREFIX): _text(name, content)
        for name, content in names.items()
        if name.startswith(PREFIX) and content is not None
    }
    media_type = _media_type(names)
    if media_type and not _is_json(media_type):
        raise MalformedBinaryEvent(
            f"header content-type is {media_type!r}: only application/json can be read"
        )
    try:
        document["data"] = {} if value is None or value == b"" else orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise MalformedBinaryEvent(f"value is not JSON: {error}") from error
    return orjson.dumps(document)


def _media_type(names: dict[str, bytes | None]) -> str:
    content = names.get("content-type")
    return _text("content-type", content).strip().lower() if content else ""


def _is_json(media_type: str) -> bool:
    essence = media_type.partition(";")[0].strip()
    return essence == "application/json" or essence.endswith("+json")


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise MalformedBinaryEvent(f"header {name} is not UTF-8: {content!r}") from error
