"""The harness's own dealings with the broker: topics, filling, draining, committed offsets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from time import monotonic

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code
from aiokafka.partitioner import murmur2
from aiokafka.structs import TopicPartition

BATCH_BYTES = 262_144
DEADLINE_SECONDS = 30.0
"""Of a topic to be there. Larger only delays the report of a broken broker."""
QUIET_SECONDS = 5.0
"""Without a new record before a topic counts as read. Smaller: a slow commit looks like a loss."""


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key as the Java client has it."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create(bootstrap: str, *names: str, partitions: int) -> None:
    """Creates topics that keep everything, and waits until each partition can be written.

    The tickets are months old by their own time, and so are the outputs of an engine that stamps
    them with event time: a broker's default of seven days would delete them under the check.

    Raises ``RuntimeError`` naming the topic that the broker refuses.
    """
    configs = {"retention.ms": "-1", "message.timestamp.after.max.ms": str(2**63 - 1)}
    topics = [
        NewTopic(n, num_partitions=partitions, replication_factor=1, topic_configs=configs)
        for n in names
    ]
    async with admin(bootstrap) as client:
        response = await client.create_topics(topics)
        for topic, code, *_ in response.topic_errors:
            if code:
                raise RuntimeError(f"topic {topic} cannot be created: {for_code(code).__name__}")
        deadline = monotonic() + DEADLINE_SECONDS
        while monotonic() < deadline:
            described = await client.describe_topics(list(names))
            if all(_led(topic, partitions) for topic in described):
                return
            await asyncio.sleep(0.05)
    raise RuntimeError(f"topics {', '.join(names)} have no leaders after {DEADLINE_SECONDS:.0f} s")


def _led(topic: dict[str, object], partitions: int) -> bool:
    described = topic.get("partitions")
    return (
        isinstance(described, list)
        and len(described) == partitions
        and all(p["leader"] >= 0 for p in described)
    )


async def delete(bootstrap: str, *, containing: str) -> None:
    """Deletes what a run left, the engine's own topics included (their names hold the run's id)."""
    async with admin(bootstrap) as client:
        names = [name for name in await client.list_topics() if containing in name]
        if names:
            await client.delete_topics(names)


async def fill(
    bootstrap: str,
    topic: str,
    records: Iterable[tuple[bytes, bytes]],
    *,
    partitions: int,
    at_ms: Callable[[int], int] | None = None,
) -> int:
    """Writes (key, value) records, each to the partition of its key, in order; returns how many.

    Args:
        at_ms: timestamp of the n-th record; the present without it.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        compression_type="lz4",
        max_batch_size=BATCH_BYTES,
    )
    await producer.start()
    count = 0
    try:
        batches = [producer.create_batch() for _ in range(partitions)]
        for key, value in records:
            partition = partition_of(key, partitions)
            timestamp = at_ms(count) if at_ms is not None else None
            if batches[partition].append(key=key, value=value, timestamp=timestamp) is None:
                # Awaiting the acknowledgement keeps order and memory bounded.
                await (await producer.send_batch(batches[partition], topic, partition=partition))
                batches[partition] = producer.create_batch()
                batches[partition].append(key=key, value=value, timestamp=timestamp)
            count += 1
        for partition, batch in enumerate(batches):
            if batch.record_count():
                await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()
    return count


def reader(bootstrap: str) -> AIOKafkaConsumer:
    """A consumer of no group that sees only what was committed."""
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        max_poll_records=20_000,
        fetch_max_wait_ms=100,
    )


def partitions_of(topic: str, partitions: int) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(partitions)]


async def drain(
    bootstrap: str, topic: str, *, partitions: int
) -> AsyncIterator[tuple[bytes, bytes]]:
    """Key and value of every committed record of a topic, up to its end as of now.

    The end is the high-water mark: markers reach the partitions of a transaction one after the
    other, so a commit may show in the offsets of a group before it shows here. A transaction that
    stays open ends the reading after ``QUIET_SECONDS`` without progress.
    """
    ends = await _high_water_marks(bootstrap, topic, partitions=partitions)
    consumer = reader(bootstrap)
    await consumer.start()
    try:
        left = set(ends)
        consumer.assign(left)
        seen, moved_at = 0, monotonic()
        while True:
            # By position: a transactional log ends in a marker that is never delivered.
            positions = {tp: await consumer.position(tp) for tp in left}
            left = {tp for tp in left if positions[tp] < ends[tp]}
            if sum(positions.values()) != seen:
                seen, moved_at = sum(positions.values()), monotonic()
            if not left or monotonic() - moved_at > QUIET_SECONDS:
                return
            for records in (await consumer.getmany(*left, timeout_ms=200)).values():
                for record in records:
                    if record.value is not None:
                        yield record.key, record.value
    finally:
        await consumer.stop()


async def _high_water_marks(
    bootstrap: str, topic: str, *, partitions: int
) -> dict[TopicPartition, int]:
    """Ends of the partitions, open transactions included."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_uncommitted")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(partitions_of(topic, partitions))
    finally:
        await consumer.stop()
    return {tp: int(offset) for tp, offset in ends.items()}


async def end(bootstrap: str, topic: str, *, partitions: int) -> int:
    """How many offsets a topic has, all partitions together."""
    return sum((await _high_water_marks(bootstrap, topic, partitions=partitions)).values())


async def committed(
    client: AIOKafkaAdminClient, group: str, topic: str, *, partitions: int
) -> int | None:
    """How many records of a topic the group has committed; None while it cannot be said."""
    try:
        offsets = await client.list_consumer_group_offsets(
            group, partitions=partitions_of(topic, partitions)
        )
    except KafkaError:
        return None
    return sum(max(0, int(offset.offset)) for offset in offsets.values())
