"""From a request to the events in it, each as bytes still (CloudEvents HTTP binding 1.0.2, §3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import msgspec

from runtime.http.problems import Problem
from schemas.binary import STRUCTURED, Headers

BATCH: Final = "application/cloudevents-batch+json"
BINARY: Final = "application/json"
_BINARY_PREFIX: Final = "ce-"


@dataclass(frozen=True, slots=True)
class Carried:
    """One event as it came: what would be the value and the headers of a record."""

    value: bytes
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries."""

    events: tuple[Carried, ...]
    batch: bool
    """Whether the answer is one for each."""


def read_body(headers: Iterable[tuple[bytes, bytes]], content: bytes, *, most: int) -> Body:
    """The events of a request. Raises ``Problem`` where the request as a whole cannot be read."""
    named = {name.decode("latin-1").lower(): value for name, value in headers}
    kind = _media_type(named)
    encoding = named.get("content-encoding", b"identity").decode("latin-1").strip().lower()
    if encoding not in ("", "identity"):
        raise Problem(
            415, "unsupported_encoding", f"content-encoding is {encoding[:40]!r}: send it plain"
        )
    if kind == BATCH:
        return Body(_split(content, most), batch=True)
    if kind == STRUCTURED:
        return Body((Carried(content),), batch=False)
    if kind == BINARY and f"{_BINARY_PREFIX}specversion" in named:
        return Body((Carried(content, _attributes(named)),), batch=False)
    raise Problem(
        415,
        "unsupported_media_type",
        f"content-type is {kind[:80]!r}: send {STRUCTURED}, {BATCH},"
        f" or {BINARY} with the attributes as ce- headers",
    )


def _split(content: bytes, most: int) -> tuple[Carried, ...]:
    """Each event's own bytes: what is written twice in one would not survive a parse."""
    try:
        parts = msgspec.json.decode(content, type=list[msgspec.Raw])
    except RecursionError:
        raise Problem(400, "too_deep", "objects lie too deep in each other") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(
            400, "not_json", f"the body is not a JSON array of events: {error}"
        ) from error
    if len(parts) > most:
        raise Problem(
            413, "too_many_events", f"{len(parts)} events in one request, at most {most} are taken"
        )
    return tuple(Carried(bytes(part)) for part in parts)


def _attributes(named: Mapping[str, bytes]) -> Headers:
    """As Kafka carries them. Values are percent-encoded UTF-8 (§3.1.3.2)."""
    return tuple(
        (f"ce_{name.removeprefix(_BINARY_PREFIX)}", _decoded(value))
        for name, value in named.items()
        if name.startswith(_BINARY_PREFIX)
    )


def _decoded(value: bytes) -> bytes:
    # What is no UTF-8 stays so, and is refused where all events are read.
    return unquote(value.decode("latin-1"), encoding="latin-1").encode("latin-1")


def _media_type(named: Mapping[str, bytes]) -> str:
    return named.get("content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
