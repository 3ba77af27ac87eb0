"""Reads a whole topic: its committed records up to the high-water marks of now."""

import time
from collections.abc import Callable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from runtime.engine.clients import stop_client
from runtime.errors import HotlineError, TopicMissing
from runtime.settings import EngineSettings
from schemas.topics import Topic

STALL_SECONDS: Final = 45.0
"""Above HOTLINE_TRANSACTION_TIMEOUT_MS: an open transaction hides what follows it that long."""
BATCH_RECORDS: Final = 10_000

Take = Callable[[ConsumerRecord], None]
Progress = Callable[[str, int, int], None]
"""Told topic, records passed and how many there are."""


async def scan(
    settings: EngineSettings,
    topic: Topic,
    take: Take,
    progress: Progress = lambda topic, passed, total: None,
    *,
    since_ms: int | None = None,
    only: tuple[int, int] | None = None,
) -> int:
    """Hand every committed record of a topic to ``take``, a partition's in order; how many.

    The end is the high-water mark, not the last stable offset: a commit is answered before its
    markers are in every partition, and an open transaction is waited for.

    Args:
        since_ms: begin at the first record of each partition that is not older.
        only: the record at this partition and offset; none if there is none.

    Raises:
        TopicMissing: the topic is not there.
        HotlineError: reading came no further for ``STALL_SECONDS`` before the end.
    """
    name = settings.topic(topic)
    kwargs = settings.kafka_client_kwargs() | {"client_id": "hotline-scan"}
    tps = await _partitions(kwargs, name)
    if only is not None:
        tps = [tp for tp in tps if tp.partition == only[0]]
    if not tps:
        return 0
    kwargs |= {"group_id": None, "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    consumer = AIOKafkaConsumer(**kwargs, isolation_level="read_committed")
    looker = AIOKafkaConsumer(**kwargs, isolation_level="read_uncommitted")
    count = 0
    try:
        await consumer.start()
        await looker.start()
        ends = await looker.end_offsets(tps)
        consumer.assign(tps)
        starts = await consumer.beginning_offsets(tps)
        if since_ms is not None:
            times = await consumer.offsets_for_times(dict.fromkeys(tps, since_ms))
            # A record that came after the ends were asked for is not of now.
            starts = {tp: min(times[tp].offset, ends[tp]) if times[tp] else ends[tp] for tp in tps}
        if only is not None:
            ends = {tp: min(ends[tp], only[1] + 1) for tp in tps}
            starts = {tp: min(max(starts[tp], only[1]), ends[tp]) for tp in tps}
        for tp in tps:
            consumer.seek(tp, starts[tp])
        total = sum(ends[tp] - starts[tp] for tp in tps)
        positions = dict(starts)
        left = {tp for tp in tps if starts[tp] < ends[tp]}
        moved = time.monotonic()
        while left:
            batches = await consumer.getmany(*left, timeout_ms=200, max_records=BATCH_RECORDS)
            for tp, records in batches.items():
                for record in records:
                    if record.offset < ends[tp]:
                        take(record)
                        count += 1
            before = sum(positions.values())
            for tp in list(left):
                # Not the last record: a transaction ends in one that is never delivered.
                positions[tp] = min(await consumer.position(tp), ends[tp])
                if positions[tp] >= ends[tp]:
                    left.discard(tp)
            if sum(positions.values()) > before:
                moved = time.monotonic()
            progress(name, sum(positions[tp] - starts[tp] for tp in tps), total)
            if time.monotonic() - moved > STALL_SECONDS:
                raise HotlineError(
                    "read_stalled",
                    f"partition {min(left).partition} of {name!r} cannot be read to its end: a "
                    "transaction on it has been open for long, or the broker is in trouble",
                )
    finally:
        await stop_client(consumer)
        await stop_client(looker)
    return count


async def _partitions(kwargs: dict[str, Any], name: str) -> list[TopicPartition]:
    # The admin client: a consumer knows the partitions of what it subscribes to alone.
    admin = AIOKafkaAdminClient(**kwargs)
    try:
        await admin.start()
        if name not in await admin.list_topics():
            raise TopicMissing(name)
        (described,) = await admin.describe_topics([name])
    finally:
        await admin.close()
    return [TopicPartition(name, number) for number in range(len(described["partitions"]))]
