"""The W3C trace that a record belongs to, for the log. Read only where something went wrong."""

import re
from typing import Any, Final

import msgspec

from runtime.processor import Record

HEADERS: Final = frozenset({"traceparent", "ce_traceparent"})
"""Of Kafka, and of a CloudEvent in binary mode."""
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class _Traced(msgspec.Struct):
    traceparent: Any = None


def trace_id(record: Record) -> str | None:
    """The trace id of a record's ``traceparent``: the event's attribute, else the header.

    None where there is none, or where it is not as W3C Trace Context (§3.2) says: a log line must
    not carry whatever a publisher put there.
    """
    return _id_of(_attribute(record.value)) or next(
        (
            found
            for name, value in record.headers
            if name.lower() in HEADERS and (found := _id_of((value or b"").decode("latin-1")))
        ),
        None,
    )


def _attribute(value: bytes | None) -> object:
    try:
        return msgspec.json.decode(value or b"", type=_Traced).traceparent
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _id_of(traceparent: object) -> str | None:
    match = _TRACEPARENT.fullmatch(traceparent) if isinstance(traceparent, str) else None
    return match[1] if match else None
