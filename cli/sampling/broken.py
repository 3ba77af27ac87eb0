"""Records that cannot be events, each bad in the way that a real publisher's are."""

import orjson

from cli.sampling.ticket import DAY, PLATFORM, Data, stamp

FAR = 50 * 365 * DAY


def _document(number: int, at: int) -> Data:
    """Good but for what its caller breaks."""
    return {
        "specversion": "1.0",
        "id": f"X{number:06d}",
        "source": PLATFORM,
        "type": "hotline.ticket.received.v1",
        "time": stamp(at),
        "subject": f"T-X{number:06d}",
        "datacontenttype": "application/json",
        "data": {"title": "咨询社保转移", "text": "请问社保怎么转移？", "channel": "web"},
    }


def not_json(number: int, at: int) -> bytes:
    """Cut off in the middle."""
    return orjson.dumps(_document(number, at))[:90]


def not_utf8(number: int, at: int) -> bytes:
    """An old platform that speaks GB 18030."""
    return orjson.dumps(_document(number, at)).decode().encode("gb18030")


def unknown_type(number: int, at: int) -> bytes:
    return orjson.dumps(_document(number, at) | {"type": "hotline.ticket.archived.v1"})


def unknown_version(number: int, at: int) -> bytes:
    return orjson.dumps(_document(number, at) | {"type": "hotline.ticket.received.v9"})


def missing_field(number: int, at: int) -> bytes:
    document = _document(number, at)
    del document["time"]
    return orjson.dumps(document)


def wrong_value(number: int, at: int) -> bytes:
    document = _document(number, at)
    document["data"] = {"text": "请处理", "channel": "飞鸽传书"}
    return orjson.dumps(document)


def future(number: int, at: int) -> bytes:
    """A clock that is wrong by decades, so that it is ahead of today's broker too."""
    early = {"time": stamp(at + FAR), "recordedtime": stamp(at)}
    return orjson.dumps(_document(number, at) | early)


def null(number: int, at: int) -> bytes:
    return b"null"


def empty(number: int, at: int) -> bytes:
    return b""
