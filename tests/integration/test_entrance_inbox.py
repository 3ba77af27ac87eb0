"""The entrance's producer on a real broker: turns at a partition, order, topics that do not fit."""

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from deploy.local.broker import Cluster
from runtime.engine.ports import Unavailable
from runtime.settings import EngineSettings
from schemas.topics import INBOX
from services.intake.entrance.inbox import Inbox
from services.intake.entrance.judging import Admitted
from services.intake.seen import Published
from tests.conftest import MakeTopics
from tests.kit import feed
from tests.kit.assertions import assert_eventually

AT = datetime.now(UTC) - timedelta(hours=1)


def admitted(ticket: str, number: int, *, filling: int = 0) -> Admitted:
    value = orjson.dumps({"ticket": ticket, "number": number, "filling": "x" * filling})
    return Admitted(Published("test/city", f"{ticket}/{number}", "", ticket), value)


async def opened(inbox: Inbox) -> None:
    await assert_eventually(lambda: inbox.ready, within=30, what="a producer is open")


async def order(kafka: Cluster, prefix: str) -> dict[str, list[int]]:
    """Numbers of each ticket's events, as they lie in the inbox."""
    found: dict[str, list[int]] = {}
    for records in (await feed.read_topic(kafka.bootstrap, prefix + INBOX.name)).values():
        for record in records:
            told = orjson.loads(record.value)
            assert record.partition == feed.partition_of_text(told["ticket"])
            found.setdefault(told["ticket"], []).append(told["number"])
    return found


async def test_R1_a_hundred_requests_at_once_all_get_their_turn(
    kafka: Cluster, topic_prefix: str, make_topics: MakeTopics
) -> None:
    make_topics(topic_prefix, services=())
    inbox = Inbox(EngineSettings(kafka_bootstrap=kafka.bootstrap, topic_prefix=topic_prefix))
    async with inbox.open():
        await opened(inbox)
        requests = [[admitted(f"T{n % 9}", n * 100 + m) for m in range(20)] for n in range(100)]
        await asyncio.gather(*(inbox.publish(each) for each in requests))
    found = await order(kafka, topic_prefix)
    assert sum(map(len, found.values())) == 2_000
    for numbers in found.values():
        assert numbers == sorted(numbers)


async def test_R1_a_request_of_many_batches_keeps_its_order(
    kafka: Cluster, topic_prefix: str, make_topics: MakeTopics
) -> None:
    make_topics(topic_prefix, services=())
    inbox = Inbox(EngineSettings(kafka_bootstrap=kafka.bootstrap, topic_prefix=topic_prefix))
    async with inbox.open():
        await opened(inbox)
        await inbox.publish([admitted("T1", n, filling=400_000) for n in range(10)])
    assert await order(kafka, topic_prefix) == {"T1": list(range(10))}


async def test_a_topic_with_another_number_of_partitions_is_not_written_to(
    kafka: Cluster, topic_prefix: str, make_topics: MakeTopics
) -> None:
    make_topics(topic_prefix, services=(), partitions=2)
    inbox = Inbox(EngineSettings(kafka_bootstrap=kafka.bootstrap, topic_prefix=topic_prefix))
    async with inbox.open():
        await refused(inbox, "has 2 partitions, HOTLINE_PARTITIONS is 4")
    ends = await feed.end_offsets(kafka.bootstrap, topic_prefix + INBOX.name, partitions=2)
    assert set(ends.values()) == {0}


async def test_F11_a_broker_that_does_not_answer_is_said_at_once() -> None:
    inbox = Inbox(EngineSettings(kafka_bootstrap="127.0.0.1:1"))
    async with inbox.open():
        await refused(inbox, "Unable to bootstrap")


async def refused(inbox: Inbox, why: str) -> None:
    await assert_eventually(lambda: why in inbox.problem, within=30, what=f"it says {why!r}")
    assert not inbox.ready
    with pytest.raises(Unavailable, match=why):
        await inbox.publish([admitted("T1", 1)])
