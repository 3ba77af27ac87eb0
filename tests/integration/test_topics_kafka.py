"""Topics against a real broker."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from deploy.local.broker import Cluster
from deploy.topics import LOCAL, CreateRefused, check, create, declared
from runtime.engine.kafka import BATCH_BYTES, REQUEST_BYTES
from runtime.errors import WrongPartitionCount
from schemas.dead_letter import DeadLetter, Headers, LetterId, Redriven
from schemas.topics import DEAD_LETTERS, INBOX, TICKETS, Topic, redrive
from tests.kit.sealing import SEALER


async def test_created_topics_are_as_declared(
    kafka: Cluster, topic_prefix: str, make_topics: Callable[..., tuple[str, ...]]
) -> None:
    made = make_topics(topic_prefix)
    layout = replace(LOCAL, prefix=topic_prefix)
    assert made == tuple(layout.name(topic) for topic in declared())
    assert await check(kafka.bootstrap, declared(), layout) == ()


async def test_creating_twice_makes_nothing(kafka: Cluster, topic_prefix: str) -> None:
    layout = replace(LOCAL, prefix=topic_prefix)
    assert await create(kafka.bootstrap, [INBOX], layout) == (f"{topic_prefix}hotline.inbox",)
    assert await create(kafka.bootstrap, [INBOX, TICKETS], layout) == (
        f"{topic_prefix}hotline.tickets",
    )


async def test_another_partition_count_is_refused_by_name(
    kafka: Cluster, topic_prefix: str
) -> None:
    await create(kafka.bootstrap, [TICKETS], replace(LOCAL, prefix=topic_prefix, partitions=2))
    with pytest.raises(WrongPartitionCount, match=r"tickets' has 2 partitions, 4 expected"):
        await create(kafka.bootstrap, [TICKETS], replace(LOCAL, prefix=topic_prefix))


async def test_the_brokers_refusal_is_said(kafka: Cluster, topic_prefix: str) -> None:
    layout = replace(LOCAL, prefix=topic_prefix, replication=3)
    with pytest.raises(CreateRefused, match="replication 3"):
        await create(kafka.bootstrap, [TICKETS], layout)


async def test_F15_the_largest_original_fits_into_a_dead_letter_and_back(
    kafka: Cluster, topic_prefix: str, make_topics: Callable[..., tuple[str, ...]]
) -> None:
    make_topics(topic_prefix, partitions=1)
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap,
        enable_idempotence=True,
        compression_type="lz4",
        max_batch_size=BATCH_BYTES,
        max_request_size=REQUEST_BYTES,
    )
    value = Random(12345).randbytes(INBOX.max_message_bytes - 1_024)
    await producer.start()
    try:

        async def write(topic: Topic, value: bytes | None, headers: Headers = ()) -> int:
            batch = producer.create_batch()
            batch.append(key=b"T1", value=value, timestamp=None, headers=list(headers))
            sent = await producer.send_batch(batch, topic_prefix + topic.name, partition=0)
            return int((await sent).offset)

        with pytest.raises(MessageSizeTooLargeError):
            await write(INBOX, value + bytes(Random(1).randbytes(2_048)))
        letter = DeadLetter(
            service="intake",
            reason="too_large",
            detail="x" * 500,
            topic=INBOX.name,
            partition=0,
            offset=await write(INBOX, value),
            timestamp_ms=0,
            key=b"T1",
            value=value,
        )
        record = letter.to_record(SEALER)
        at = LetterId(0, await write(DEAD_LETTERS, record.value, record.headers))
        back = Redriven.of(letter.closed(SEALER), at, alone=True)
        assert await write(redrive("intake"), back.value, back.to_headers()) == 0
    finally:
        await producer.stop()
