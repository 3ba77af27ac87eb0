"""A command of ours through real workers: to the platform, and by the inbox into the log (R34)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from deploy.local.broker import Cluster
from schemas.topics import CALLBACKS, COMMANDS, DEAD_LETTERS, INBOX, SERVICES, TICKETS, Topic
from tests.conftest import MakeTopics
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.lab import Lab

LEAF = "city.facilities.street_light"
AT = datetime.now(UTC) - timedelta(hours=2)


@pytest.fixture
def lab(kafka: Cluster, topic_prefix: str, make_topics: MakeTopics, tmp_path: Any) -> Iterator[Lab]:
    made = Lab(kafka.bootstrap, topic_prefix, tmp_path)
    make_topics(topic_prefix)
    try:
        yield made
    finally:
        made.kill_all()


def event(kind: str, minutes: int, data: dict[str, Any], **changed: Any) -> feed.New:
    document = {
        "specversion": "1.0",
        "id": f"T1-{kind}",
        "source": "test/city",
        "type": f"hotline.{kind}.v1",
        "time": (AT + timedelta(minutes=minutes)).isoformat(),
        "subject": "T1",
        "data": data,
        **changed,
    }
    return feed.New(b"T1", orjson.dumps(document))


async def on(lab: Lab, topic: Topic) -> list[Any]:
    found = await lab.ledger.read(topic)
    return [record for records in found.values() for record in records]


async def test_R34_a_command_takes_its_place_in_the_log_and_comes_once(lab: Lab) -> None:
    """All services in one process, as a county runs them."""
    lab.worker(*SERVICES, name="county").start()
    posing = {"reason": "not_resolved", "cause": "not_resolved"}
    answer = {"contacted": True, "channel": "phone", "resolved": False, "satisfied": 1}
    await lab.publish(
        INBOX,
        [
            feed.receipt("T1", 7, LEAF, AT),
            event("ticket.closed", 60, {"reason": "done"}),
            event("command.reopen", 80, posing),
            event("callback.answered", 90, {**answer, "outcome": "answered"}),
        ],
    )

    async def back() -> bool:
        return any(b"hotline.command.reopen" in each.value for each in await on(lab, TICKETS))

    await assert_eventually(back, within=90, what="the command is on the log", unless=lab.died)
    for service in SERVICES:
        await lab.drained(service, INBOX if service == "intake" else TICKETS)

    (command,) = await on(lab, COMMANDS)
    asked = orjson.loads(command.value)
    log = [orjson.loads(each.value) for each in await on(lab, TICKETS)]
    assert [each["type"].split(".")[1:3] for each in log] == [
        *(["ticket", "received"], ["ticket", "closed"], ["callback", "answered"]),
        ["command", "reopen"],
    ]
    assert [each["sequence"] for each in log] == [1, 2, 3, 4]
    assert (log[3]["id"], log[3]["source"]) == (asked["id"], "hotline/callback")
    assert log[3]["citizen"] == log[0]["citizen"]
    assert command.key == b"T1"
    assert asked["data"]["cause"] == "not_resolved"

    told = [orjson.loads(each.value)["type"] for each in await on(lab, CALLBACKS)]
    assert told == ["hotline.callback_task.scheduled.v1", "hotline.callback_task.answered.v1"]
    (letter,) = await on(lab, DEAD_LETTERS)
    assert dict(letter.headers)["dl-reason"] == b"command_not_ours"
