"""What intake can read, and the reason of what it cannot (R1, F15)."""

from typing import Any

import orjson
import pytest

from runtime.processor import Record, Unreadable
from schemas.events import TicketReceived
from schemas.topics import INBOX
from services.intake.reading import MAX_DEPTH, MAX_EVENT_BYTES, read

DOCUMENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "city/12345",
    "type": "hotline.ticket.received.v1",
    "time": "2026-07-28T12:04:00+08:00",
    "subject": "101000295613",
    "data": {"text": "路灯坏了", "leaf": "lamp", "place": {"lat": 32.05}},
}


def _record(value: bytes | None, *headers: tuple[str, bytes], key: bytes | None = None) -> Record:
    return Record(INBOX, 0, 7, key, value, 1_785_211_445_000, headers)


def _with(**changes: Any) -> bytes:
    document = {**DOCUMENT, **changes}
    return orjson.dumps({name: value for name, value in document.items() if value is not ...})


def _nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    ("value", "reason", "told"),
    [
        (None, "null_value", "no value"),
        (b" " * (MAX_EVENT_BYTES + 1), "too_large", "1000001 bytes, at most 1000000"),
        (b"", "not_json", ""),
        (b"{", "not_json", "line 1 column"),
        (b'{"id": NaN}', "not_json", ""),
        (b'{"id": "\xff"}', "not_utf8", "byte 8 is 0xff"),
        ("路灯".encode("gbk"), "not_utf8", "byte 2 is 0xb5"),
        (b"[]", "not_cloudevent", "the value is a list: publish one JSON object"),
        (b"null", "not_cloudevent", "the value is null: publish"),
        (b"false", "not_cloudevent", "the value is a boolean: publish"),
        (b"17", "not_cloudevent", "the value is a number: publish"),
        (b"1.5", "not_cloudevent", "the value is a number: publish"),
        ('"路灯"'.encode(), "not_cloudevent", "the value is a string: publish"),
        (b"{}", "not_cloudevent", "specversion is None, type is None"),
        (_with(specversion="0.3"), "not_cloudevent", "specversion is '0.3'"),
        (_with(type=5), "not_cloudevent", "type is 5"),
        (_with(type="hotline.ticket.received.v9"), "unknown_version", "hotline.ticket.received.v9"),
        (_with(type="hotline.ticket.eaten.v1"), "unknown_type", "hotline.ticket.eaten.v1"),
        (_with(type="com.example.order"), "unknown_type", "com.example.order"),
        (
            _with(type="hotline.command.reopen.v1", data={"reason": "x", "cause": "other"}),
            "command_not_ours",
            "source is 'city/12345': only our services command",
        ),
        (_with(type="hotline.command.reject_reply.v1"), "unknown_type", "hotline.command"),
        (_with(type="打13812345678"), "unknown_type", "'打[phone]'"),
        (_with(subject=...), "invalid", "subject is missing"),
        (_with(id=""), "invalid", "id is ''"),
        (_with(id="e\n1"), "invalid", r"id is 'e\n1': write printable characters only"),
        (_with(subject="__task__"), "invalid", "subject is '__task__'"),
        (_with(time="2026-07-28 12:04"), "invalid", "time is '2026-07-28 12:04'"),
        (_with(time="1969-12-31T00:00:00Z"), "invalid", "before 1970"),
        (_with(data={"place": {"lat": 99}}), "invalid", "data.place.lat is 99"),
        (_with(data={"channel": "zhang@example.com"}), "invalid", "data.channel is '[email]'"),
        (_with(data={"text": "长" * 20_001}), "invalid", "data.text is '长长"),
        (b'{"id":"a","id":"b",' + _with()[1:], "repeated_name", "field 'id' stands twice"),
        (
            _with().replace(b'{"text"', b'{"text" : "1", "text"'),
            "repeated_name",
            "field 'text' stands twice",
        ),
        (_nested(MAX_DEPTH + 1), "too_deep", f"more than {MAX_DEPTH} deep"),
        (_nested(900), "too_deep", ""),
        (b"[" * 100_000, "not_json", ""),
    ],
    ids=lambda given: repr(given[:40]) if given else None,
)
def test_R1_what_cannot_be_read_has_a_reason(value: bytes | None, reason: str, told: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(_record(value), MAX_EVENT_BYTES)
    assert caught.value.reason == reason
    assert told in caught.value.detail


@pytest.mark.parametrize("source", ["hotline/callback", "hotline/sla"])
def test_R34_a_command_of_ours_is_read(source: str) -> None:
    data = {"reason": "not_resolved", "cause": "not_resolved"}
    value = _with(type="hotline.command.reopen.v1", source=source, data=data)
    assert read(_record(value), MAX_EVENT_BYTES).event.source == source


@pytest.mark.parametrize(
    ("value", "source"),
    [
        (_with(type="x"), "city/12345"),
        (_with(subject=...), "city/12345"),
        (_with(source=5), ""),
        (b"{", ""),
    ],
)
def test_I10_the_publisher_of_poison_is_told_where_it_can_be_read(
    value: bytes, source: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        read(_record(value), MAX_EVENT_BYTES)
    assert caught.value.source == source


@pytest.mark.parametrize(
    "data",
    [
        {"complainant": {"name": "张三" * 200}},
        {"complainant": {"identities": [{"scheme": "passport", "value": "张三"}]}},
        {"complainant": {"identities": [{"scheme": "phone", "value": ["张三"]}]}},
        {"complainant": "张三"},
        {"complainant": {"on_behalf_of": ["张三"]}},
        "张三",
        [{"name": "张三"}],
    ],
)
def test_R61_a_reason_never_quotes_what_describes_a_citizen(data: Any) -> None:
    with pytest.raises(Unreadable) as caught:
        read(_record(_with(data=data)), MAX_EVENT_BYTES)
    assert caught.value.reason == "invalid"
    assert caught.value.detail.startswith("data")
    assert "张三" not in caught.value.detail


def test_R1_only_the_first_problems_are_told() -> None:
    data = {"channel": 1, "urgency": 2, "request_type": 3, "leaf": 4, "anonymous": "perhaps"}
    with pytest.raises(Unreadable) as caught:
        read(_record(_with(data=data)), MAX_EVENT_BYTES)
    assert caught.value.detail.count(" is ") == 3
    assert caught.value.detail.endswith("; and 2 more")


def test_R1_an_event_is_read_with_its_unknown_fields() -> None:
    read_event = read(_record(_with(data={"text": "路灯坏了", "colour": "red"})), MAX_EVENT_BYTES)
    assert isinstance(read_event.event, TicketReceived)
    assert read_event.event.data.text == "路灯坏了"
    assert read_event.document["data"]["colour"] == "red"


@pytest.mark.parametrize("key", [None, b"", b"\xff\xfe", b"101000295613"])
def test_F15_the_record_key_does_not_matter(key: bytes | None) -> None:
    assert read(_record(_with(), key=key), MAX_EVENT_BYTES).event.subject == "101000295613"


def test_a_text_may_quote_json() -> None:
    text = '{"id": 1, "id": 2}, "a" : "b"'
    assert read(_record(_with(data={"text": text})), MAX_EVENT_BYTES).document["data"] == {
        "text": text
    }


def _binary(document: dict[str, Any]) -> Record:
    headers = [(f"ce_{name}", value.encode()) for name, value in document.items() if name != "data"]
    headers.append(("content-type", b"application/json; charset=utf-8"))
    return _record(orjson.dumps(document["data"]), *headers)


SHUFFLED = orjson.dumps(dict(reversed(DOCUMENT.items())), option=orjson.OPT_INDENT_2)


@pytest.mark.parametrize(
    "record",
    [
        _record(_with()),
        _record(SHUFFLED),
        _record(_with(datacontenttype="application/json")),
        _record(_with(traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
        _binary(DOCUMENT),
    ],
    ids=["as written", "other order and spacing", "default written out", "traced", "binary"],
)
def test_the_same_event_has_the_same_digest_however_it_comes(record: Record) -> None:
    assert read(record, MAX_EVENT_BYTES).digest == read(_record(_with()), MAX_EVENT_BYTES).digest


@pytest.mark.parametrize(
    "changes", [{"time": "2026-07-28T12:04:01+08:00"}, {"data": {}}, {"colour": "red"}]
)
def test_another_content_has_another_digest(changes: dict[str, Any]) -> None:
    first = read(_record(_with()), MAX_EVENT_BYTES)
    assert read(_record(_with(**changes)), MAX_EVENT_BYTES).digest != first.digest


def test_a_bad_binary_event_is_told_by_its_header() -> None:
    record = _record(b"<a/>", ("ce_specversion", b"1.0"), ("content-type", b"text/xml"))
    with pytest.raises(Unreadable, match="text/xml") as caught:
        read(record, MAX_EVENT_BYTES)
    assert caught.value.reason == "binary_malformed"
