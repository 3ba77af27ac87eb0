"""A whole topic is read to its high-water marks: what is committed, all of it, and no further."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from deploy.local.broker import Cluster
from runtime.engine import scan as scanning
from runtime.engine.scan import scan
from runtime.errors import HotlineError, TopicMissing
from runtime.settings import EngineSettings
from schemas.topics import TICKETS
from tests.kit.feed import producing


@pytest.fixture
def settings(kafka: Cluster, topic_prefix: str, make_topics: Any) -> EngineSettings:
    make_topics(topic_prefix, partitions=2)
    return EngineSettings.for_command(
        kafka_bootstrap=kafka.bootstrap, topic_prefix=topic_prefix, partitions=2
    )


async def send(producer: Any, settings: EngineSettings, *records: tuple[int, int]) -> None:
    """Values and timestamps by number, each to a partition: (number, partition)."""
    for number, partition in records:
        await producer.send_and_wait(
            settings.topic(TICKETS),
            b"%d" % number,
            partition=partition,
            timestamp_ms=1_795_000_000_000 + number,
        )


async def read(settings: EngineSettings, **given: Any) -> tuple[int, list[list[int]]]:
    """How many were read, and which, by partition."""
    found: list[list[int]] = [[], []]

    def take(record: ConsumerRecord) -> None:
        found[record.partition].append(int(record.value))

    return await scan(settings, TICKETS, take, **given), found


def test_what_is_committed_is_read_in_order_and_what_was_aborted_is_not(
    settings: EngineSettings,
) -> None:
    told: list[tuple[int, int]] = []

    async def run() -> tuple[int, list[list[int]]]:
        async with producing(settings.kafka_bootstrap) as plain:
            await send(plain, settings, (1, 0), (2, 1), (3, 0))
        async with producing(
            settings.kafka_bootstrap, transactional_id=f"{settings.topic_prefix}scan"
        ) as producer:
            async with producer.transaction():
                await send(producer, settings, (4, 1))
            await producer.begin_transaction()
            await send(producer, settings, (5, 0), (6, 1))
            await producer.abort_transaction()
        return await read(
            settings, progress=lambda topic, passed, total: told.append((passed, total))
        )

    assert asyncio.run(run()) == (4, [[1, 3], [2, 4]])
    # Passed as well: two aborted records, and three markers of where transactions ended.
    assert told[-1] == (9, 9)
    assert told == sorted(told)


def test_an_empty_topic_is_read_at_once(settings: EngineSettings) -> None:
    assert asyncio.run(read(settings)) == (0, [[], []])


def test_an_open_transaction_is_waited_for(settings: EngineSettings) -> None:
    async def run() -> tuple[int, list[list[int]]]:
        async with producing(
            settings.kafka_bootstrap, transactional_id=f"{settings.topic_prefix}scan"
        ) as producer:
            begun = asyncio.Event()
            await producer.begin_transaction()
            await send(producer, settings, (1, 0))
            reading = asyncio.create_task(
                read(settings, progress=lambda topic, passed, total: begun.set())
            )
            await begun.wait()  # the ends are known, and the record is before them
            await producer.commit_transaction()
            return await reading

    assert asyncio.run(run()) == (1, [[1], []])


def test_a_transaction_that_stays_open_is_said_so(
    settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "STALL_SECONDS", 0.5)

    async def run() -> None:
        async with producing(
            settings.kafka_bootstrap, transactional_id=f"{settings.topic_prefix}scan"
        ) as producer:
            await producer.begin_transaction()
            await send(producer, settings, (1, 1))
            with pytest.raises(HotlineError, match=r"partition 1 of .* cannot be read to its end"):
                await read(settings)
            await producer.abort_transaction()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"since_ms": 1_795_000_000_003}, [[3, 5], [4]]),
        ({"since_ms": 1_795_000_000_005}, [[5], []]),
        ({"since_ms": 1_795_000_000_006}, [[], []]),
        ({"only": (0, 1)}, [[3], []]),
        ({"only": (1, 0)}, [[], [2]]),
        ({"only": (1, 9)}, [[], []]),
        ({"only": (7, 0)}, [[], []]),
        ({"only": (0, 1), "since_ms": 1_795_000_000_004}, [[], []]),
    ],
)
def test_from_a_time_on_or_one_record(
    settings: EngineSettings, given: dict[str, Any], found: Sequence[list[int]]
) -> None:
    async def run() -> tuple[int, list[list[int]]]:
        async with producing(settings.kafka_bootstrap) as producer:
            await send(producer, settings, (1, 0), (2, 1), (3, 0), (4, 1), (5, 0))
        return await read(settings, **given)

    assert asyncio.run(run()) == (sum(map(len, found)), found)


def test_a_missing_topic_is_named(kafka: Cluster) -> None:
    settings = EngineSettings.for_command(kafka_bootstrap=kafka.bootstrap, topic_prefix="nowhere-")
    with pytest.raises(TopicMissing, match=r"nowhere-hotline\.tickets"):
        asyncio.run(read(settings))
