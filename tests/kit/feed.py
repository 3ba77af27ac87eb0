"""What tests publish: inputs of the tests' processor, tickets of citizens, ends and offsets."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError
from aiokafka.structs import ConsumerRecord

from runtime.engine.task import partition_of
from schemas.clock import ClockRecord

Headers = tuple[tuple[str, bytes], ...]
READ_S = 60.0
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class New:
    """A record to publish. ``partition`` None: that of the key."""

    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers = ()


def seconds_after(instant: datetime, seconds: float) -> datetime:
    """An instant moved on."""
    return instant + timedelta(seconds=seconds)


def partition_of_text(key: str, partitions: int = 4) -> int:
    """Where a key lies."""
    return partition_of(key.encode(), partitions)


def alarm(number: int, subject: str, at: datetime, *, suffix: str = "", **data: Any) -> New:
    """An input of the tests' processor."""
    value = {
        "id": f"{number}{suffix}",
        "subject": subject,
        "recordedtime": at.isoformat(),
        "data": data,
    }
    return New(subject.encode(), json.dumps(value).encode())


def alarms(count: int, rng: random.Random, *, tickets: int = 200, start: int = 0) -> list[New]:
    """Inputs of many tickets, a second apart; one in five sets an alarm, some are taken back."""
    made = []
    for number in range(start, start + count):
        data: dict[str, Any] = {"urgency": rng.randrange(3)}
        dice = rng.random()
        if dice < 0.2:
            data["wait_s"] = rng.randrange(1, 2_000)
        elif dice < 0.25:
            data["cancel"] = True
        subject = f"T{rng.randrange(tickets)}"
        made.append(alarm(number, subject, BEGIN + timedelta(seconds=number), **data))
    return made


_LEAVES = ("city.facilities.street_light", "city.facilities.manhole")


def ticket_event(ticket: str, kind: str, at: datetime, data: Mapping[str, Any]) -> New:
    """An event as a platform publishes it."""
    value = {
        "specversion": "1.0",
        "id": f"{ticket}/{kind}",
        "source": "test/city",
        "type": f"hotline.{kind}.v1",
        "time": at.isoformat(),
        "subject": ticket,
        "datacontenttype": "application/json",
        "data": data,
    }
    return New(ticket.encode(), json.dumps(value, ensure_ascii=False).encode())


def receipt(ticket: str, citizen: int, leaf: str, at: datetime) -> New:
    """A complaint of a citizen."""
    data = {
        "request_type": "complaint",
        "title": "路灯不亮",
        "text": f"{ticket}：小区门口的路灯已经三天不亮了。",
        "leaf": leaf,
        "channel": "phone",
        "complainant": {
            "kind": "person",
            "identities": [{"scheme": "phone", "value": f"139{citizen:08d}"}],
        },
    }
    return ticket_event(ticket, "ticket.received", at, data)


def city(count: int, rng: random.Random, *, start: int = 0) -> list[New]:
    """``count`` events of citizens who call again: receipts, replies, closings, duplicates."""
    begin = datetime.now(UTC) - timedelta(days=1)
    made: list[New] = []
    number = start
    while len(made) < count:
        ticket, at = f"C{number:06d}", begin + timedelta(seconds=number)
        made.append(receipt(ticket, rng.randrange(150), rng.choice(_LEAVES), at))
        number += 1
        dice = rng.random()
        if dice < 0.25:
            reply = {"text": "已处理。", "resolved": True}
            made.append(ticket_event(ticket, "reply.submitted", at + timedelta(hours=1), reply))
            closed = {"reason": "已答复", "resolved": True}
            made.append(ticket_event(ticket, "ticket.closed", at + timedelta(hours=2), closed))
        elif dice < 0.3:
            made.append(made[-1])
    return made[:count]


@asynccontextmanager
async def producing(bootstrap: str, **kwargs: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A producer, stopped whatever happens."""
    given: dict[str, Any] = {
        "enable_idempotence": True,
        "linger_ms": 5,
        "max_request_size": 4 * 1024 * 1024,
        **kwargs,
    }
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, **given)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def publish(
    bootstrap: str, topic: str, records: Iterable[New], *, partitions: int = 4
) -> list[tuple[int, int]]:
    """Publish in order; where each came to lie (partition, offset)."""
    async with producing(bootstrap) as producer:
        return await send(producer, topic, records, partitions=partitions)


async def send(
    producer: AIOKafkaProducer, topic: str, records: Iterable[New], *, partitions: int = 4
) -> list[tuple[int, int]]:
    """``publish`` on a producer of one's own."""
    futures = []
    for record in records:
        number = record.partition
        if number is None:
            assert record.key is not None, "without a key a partition is needed"
            number = partition_of(record.key, partitions)
        futures.append(
            await producer.send(
                topic,
                key=record.key,
                value=record.value,
                partition=number,
                headers=list(record.headers),
            )
        )
    done = await asyncio.gather(*futures)
    return [(each.partition, each.offset) for each in done]


@asynccontextmanager
async def consuming(bootstrap: str, isolation: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        isolation_level=isolation,
        auto_offset_reset="none",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def partitions_of(topic: str, partitions: int) -> list[TopicPartition]:
    """Of a topic, by its name at the broker."""
    return [TopicPartition(topic, number) for number in range(partitions)]


async def end_offsets(bootstrap: str, topic: str, *, partitions: int = 4) -> dict[int, int]:
    """High-water marks by partition: records of open transactions included."""
    async with consuming(bootstrap, "read_uncommitted") as consumer:
        found = await consumer.end_offsets(partitions_of(topic, partitions))
    return {tp.partition: offset for tp, offset in found.items()}


async def read_topic(
    bootstrap: str,
    topic: str,
    *,
    partitions: int = 4,
    isolation: str = "read_committed",
    after: Mapping[int, int] | None = None,
) -> dict[int, list[ConsumerRecord]]:
    """Every record up to the high-water mark of now, by partition.

    A transaction that is open now is waited for, so nothing durable is passed over. ``after``: from
    these offsets on, by partition.
    """
    async with consuming(bootstrap, "read_uncommitted") as looker:
        ends = await looker.end_offsets(partitions_of(topic, partitions))
    async with consuming(bootstrap, isolation) as consumer:
        tps = list(ends)
        consumer.assign(tps)
        starts = await consumer.beginning_offsets(tps)
        for tp in tps:
            starts[tp] = max(starts[tp], (after or {}).get(tp.partition, 0))
            consumer.seek(tp, starts[tp])
        found: dict[int, list[ConsumerRecord]] = {tp.partition: [] for tp in tps}
        left = {tp for tp in tps if starts[tp] < ends[tp]}
        async with asyncio.timeout(READ_S):
            while left:
                for tp, records in (await consumer.getmany(*left, timeout_ms=100)).items():
                    found[tp.partition] += [each for each in records if each.offset < ends[tp]]
                for tp in list(left):
                    if await consumer.position(tp) >= ends[tp]:
                        left.discard(tp)
    return found


async def committed(bootstrap: str, group: str) -> dict[tuple[str, int], int]:
    """A group's committed offsets by topic and partition."""
    async with administrating(bootstrap) as admin:
        return await committed_by(admin, group)


async def committed_by(admin: AIOKafkaAdminClient, group: str) -> dict[tuple[str, int], int]:
    """``committed`` on a client of one's own."""
    try:
        found = await admin.list_consumer_group_offsets(group)
    except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
        return {}  # The first group of a broker makes the topic of offsets; a restart loads it.
    return {(tp.topic, tp.partition): meta.offset for tp, meta in found.items() if meta.offset >= 0}


@asynccontextmanager
async def administrating(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, closed whatever happens."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=10_000)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


@dataclass
class Clock:
    """Moves ``hotline.clock`` where no intake runs: the tests are the inbox."""

    bootstrap: str
    topic: str
    partitions: int = 4
    told: list[datetime] = field(default_factory=list)

    async def say(self, instant: datetime, numbers: Sequence[int] | None = None) -> None:
        """«The inbox is done up to ``instant``» for all partitions, or some."""
        wanted = range(self.partitions) if numbers is None else numbers
        records = [
            New(str(number).encode(), ClockRecord(number, instant).to_bytes(), partition=0)
            for number in wanted
        ]
        await publish(self.bootstrap, self.topic, records)
        self.told.append(instant)
