"""Binary-mode messages become structured ones (CloudEvents Kafka binding)."""

import json

import pytest

from schemas.binary import MalformedBinaryEvent, from_binary, is_binary
from schemas.events import TicketReceived, parse_event

HEADERS: tuple[tuple[str, bytes | None], ...] = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e1"),
    ("ce_source", "江城-12345".encode()),
    ("ce_type", b"hotline.ticket.received.v1"),
    ("ce_time", b"2026-03-05T22:46:31+08:00"),
    ("ce_subject", b"T1"),
    ("content-type", b"application/json; charset=utf-8"),
)


def with_header(name: str, value: bytes | None) -> tuple[tuple[str, bytes | None], ...]:
    return (*((n, v) for n, v in HEADERS if n != name), (name, value))


def test_a_binary_message_reads_like_the_structured_one() -> None:
    data = '{"text": "路灯不亮", "channel": "phone"}'.encode()
    event = parse_event(from_binary(HEADERS, data))
    assert isinstance(event, TicketReceived)
    assert (event.source, event.subject, event.data.text) == ("江城-12345", "T1", "路灯不亮")


@pytest.mark.parametrize(
    ("headers", "binary"),
    [
        (HEADERS, True),
        (tuple((name.upper(), value) for name, value in HEADERS), True),
        (with_header("content-type", None), True),
        (with_header("content-type", b"application/cloudevents+json"), False),
        (with_header("content-type", b"application/CloudEvents+JSON; charset=utf-8"), False),
        ((("content-type", b"application/json"),), False),
        ((), False),
    ],
)
def test_which_messages_are_binary(
    headers: tuple[tuple[str, bytes | None], ...], binary: bool
) -> None:
    assert is_binary(headers) is binary


@pytest.mark.parametrize("value", [None, b""])
def test_no_value_is_empty_data(value: bytes | None) -> None:
    assert json.loads(from_binary(HEADERS, value))["data"] == {}


def test_other_headers_stay_outside() -> None:
    document = json.loads(from_binary((*HEADERS, ("x-request-id", b"7")), b"{}"))
    assert set(document) == {"specversion", "id", "source", "type", "time", "subject", "data"}


def test_the_value_cannot_set_attributes() -> None:
    with pytest.raises(MalformedBinaryEvent, match="value is not JSON"):
        from_binary(HEADERS, b'{}, "subject": "T2"')


@pytest.mark.parametrize(
    ("headers", "value", "named"),
    [
        (HEADERS, b"<ticket/>", "value"),
        (with_header("ce_subject", b"\xff"), b"{}", "ce_subject"),
        (with_header("content-type", b"text/xml"), b"{}", "text/xml"),
        (with_header("content-type", b"\xff"), b"{}", "content-type"),
    ],
)
def test_R1_what_cannot_be_read_is_refused_by_name(
    headers: tuple[tuple[str, bytes | None], ...], value: bytes, named: str
) -> None:
    with pytest.raises(MalformedBinaryEvent, match=named):
        from_binary(headers, value)
