"""Reads whole topics of a running hotline: committed records up to the high-water marks of now."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from cli.dead_letters import WAITING_REASONS, read_put_back
from cli.explaining.material import Material, Seen
from runtime.engine.clients import stop_client
from runtime.errors import HotlineError, TopicMissing
from runtime.settings import EngineSettings
from schemas.dead_letter import DeadLetter, LetterId, NotALetter
from schemas.topics import DEAD_LETTERS, FACTS, TICKETS, Topic

STALL_SECONDS: Final = 45.0
"""Above HOTLINE_TRANSACTION_TIMEOUT_MS: an open transaction hides what follows it that long."""
BATCH_RECORDS: Final = 10_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Progress = Callable[[str, int, int], None]
"""Told topic, records passed and how many there are."""


async def read(settings: EngineSettings, material: Material, progress: Progress) -> None:
    """Feed the material all facts, events and letters there are now.

    Raises:
        TopicMissing: a topic is not there under this prefix.
        HotlineError: a topic cannot be read to its end.
    """
    for topic in FACTS:
        await _count(settings, material, topic, lambda record: material.take_fact, progress)
    await _count(settings, material, TICKETS, lambda record: material.take_event, progress)
    filed: list[tuple[LetterId, DeadLetter]] = []

    def file(record: Any) -> None:
        try:
            letter = DeadLetter.from_record(record.value, record.headers)
        except NotALetter:
            return  # somebody else's record; `hotline dead-letters list` names it
        filed.append((LetterId(record.partition, record.offset), letter))

    material.scanned[DEAD_LETTERS.name] = await scan(settings, DEAD_LETTERS, file, progress)
    services = {letter.service for _, letter in filed if letter.reason in WAITING_REASONS}
    back = {service: await read_put_back(settings, service) for service in services}
    for where, letter in filed:
        material.take_letter(seen(letter, put_back=where in back.get(letter.service, ())))


async def _count(
    settings: EngineSettings,
    material: Material,
    topic: Topic,
    pick: Callable[[Any], Callable[[bytes], None]],
    progress: Progress,
) -> None:
    def take(record: Any) -> None:
        if record.value is not None:
            pick(record)(record.value)

    material.scanned[topic.name] = await scan(settings, topic, take, progress)


def seen(letter: DeadLetter, *, put_back: bool) -> Seen:
    """The letter as a story needs it."""
    return Seen(
        at=EPOCH + timedelta(milliseconds=letter.timestamp_ms),
        service=letter.service,
        reason=letter.reason,
        detail=letter.detail,
        position=letter.position,
        subject=letter.subject,
        blocked_by=letter.blocked_by,
        waits=letter.subject is not None and letter.reason in WAITING_REASONS,
        put_back=put_back,
        attempt=letter.attempt,
        value=letter.value or b"",
        key=letter.key,
    )


async def scan(
    settings: EngineSettings,
    topic: Topic,
    take: Callable[[Any], None],
    progress: Progress = lambda topic, passed, total: None,
) -> int:
    """Hand every committed record of a topic to ``take``, a partition's in order; how many.

    The end is the high-water mark, not the last stable offset: a commit is answered before its
    markers are in every partition, and an open transaction is waited for.

    Raises:
        TopicMissing: the topic is not there.
        HotlineError: no record came for ``STALL_SECONDS`` before the end.
    """
    name = settings.topic(topic)
    kwargs = settings.kafka_client_kwargs()
    tps = await _partitions(kwargs, name)
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
    admin = AIOKafkaAdminClient(**kwargs)
    try:
        await admin.start()
        if name not in await admin.list_topics():
            raise TopicMissing(name)
        (described,) = await admin.describe_topics([name])
    finally:
        await admin.close()
    return [TopicPartition(name, number) for number in range(len(described["partitions"]))]
