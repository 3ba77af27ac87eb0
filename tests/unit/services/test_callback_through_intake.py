"""From the inbox and back: a command of ours takes its place in the log of its ticket (R34)."""

from typing import Any

import orjson

from schemas.topics import CALLBACKS, TICKETS, Topic
from services.callback.domain import Callback
from tests.kit.story import Line, instant, later

CLOSED = instant("2026-03-04 02:00")
PHONE = "13812345678"


def documents(line: Line, topic: Topic) -> list[dict[str, Any]]:
    return [
        orjson.loads(record.value)
        for record in line.records
        if record.topic.name == topic.name and record.value is not None
    ]


def kinds(line: Line, topic: Topic) -> list[str]:
    return [
        each["type"].removeprefix("hotline.").rpartition(".v")[0] for each in documents(line, topic)
    ]


def closed(**content: Any) -> Line:
    line = Line(beside=(Callback(),))
    line.received("T1", later(CLOSED, days=-2), PHONE, **content)
    line.publish("ticket.closed", "T1", CLOSED, {})
    return line


def test_R34_not_resolved_becomes_a_command_in_the_log_and_no_chase() -> None:
    line = closed()
    line.advance(later(CLOSED, days=7, hours=9))
    assert kinds(line, CALLBACKS)[:2] == ["callback_task.scheduled", "callback_task.due"]
    at = later(CLOSED, days=7, hours=9)
    line.publish("callback.answered", "T1", at, {"contacted": True, "resolved": False})
    log = documents(line, TICKETS)
    assert kinds(line, TICKETS) == [
        *("ticket.received", "ticket.closed", "callback.answered", "command.reopen")
    ]
    command = log[-1]
    assert command["source"] == "hotline/callback"
    assert command["sequence"] == 4
    assert command["citizen"] == line.citizen("T1")
    assert "anomaly" not in command
    answered = documents(line, CALLBACKS)[-1]
    assert answered["data"]["command"] == command["id"]
    assert answered["causationid"].endswith(log[-2]["id"])
    line.publish("command.applied", "T1", later(at, hours=1), {"command_id": command["id"]})
    line.publish("ticket.reopened", "T1", later(at, hours=2), {"cause": "not_resolved"})
    line.publish("ticket.closed", "T1", later(at, days=3), {})
    line.advance(later(at, days=11))
    assert documents(line, CALLBACKS)[-1]["data"]["round"] == 2
    assert kinds(line, TICKETS).count("command.reopen") == 1


def test_R38_the_wish_of_the_citizen_comes_through_intake() -> None:
    line = closed(reply_by="wechat")
    assert documents(line, CALLBACKS)[0]["data"]["channel"] == "wechat"


def test_R33_nobody_is_named_in_a_task() -> None:
    """R61: whoever calls back takes the number from the platform, or from the vault."""
    line = closed(text=f"我的电话{PHONE}", complainant={"name": "王小明"})
    line.advance(later(CLOSED, days=30))
    written = [record.value or b"" for record in line.records if record.topic is CALLBACKS]
    assert written
    for value in written:
        assert PHONE.encode() not in value
        assert "王小明".encode() not in value
