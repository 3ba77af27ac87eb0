"""Replay through real Kafka: topics, groups, transactional ids of its own; engines in process."""

import asyncio
import contextlib
import heapq
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord, TopicPartition

from cli.replaying.output import WRITTEN
from cli.replaying.source import Recorded
from deploy.topics import LOCAL, create, declared
from policy.bundle import Bundle
from runtime.core import AnyProcessor, to_ms
from runtime.driver import Written
from runtime.engine.clients import stop_client
from runtime.engine.scan import scan
from runtime.engine.service import Engine
from runtime.engine.task import partition_of
from runtime.errors import HotlineError
from runtime.metrics import Metrics
from runtime.sealing import Sealer
from runtime.settings import EngineSettings
from schemas.dead_letter import DeadLetter
from schemas.topics import DEAD_LETTERS, INBOX, Topic
from services.intake.domain import TICK_HEADER

BATCH_BYTES: Final = 900_000
POLL_SECONDS: Final = 0.1
STALL_SECONDS: Final = 120.0
"""No step forward for so long is an error, not patience."""


class ReplayStalled(HotlineError):
    """A replay through Kafka made no progress.

    Operator action: look at the broker's log; run again, or use ``--through memory``.
    """

    def __init__(self, detail: str) -> None:
        super().__init__("replay_stalled", detail)


async def replay(
    events: Sequence[Recorded],
    keys: dict[str, str],
    make: Callable[[EngineSettings], Sequence[AnyProcessor]],
    bundle: Bundle,
    *,
    deployment: EngineSettings,
    until: datetime,
    sink: Callable[[Written], None],
    progress: Callable[[int], None],
    keep: bool = False,
) -> str:
    """Write the events to an inbox of their own, run the engines until all is done, read back.

    Returns the topic prefix. The topics are deleted at the end unless ``keep``.

    Args:
        deployment: its broker and keys are used, its topics and folders are not touched.
    """
    prefix = f"replay-{uuid4().hex[:8]}-"
    sealer = Sealer(deployment.key_ring())
    bootstrap = deployment.kafka_bootstrap
    with tempfile.TemporaryDirectory(prefix="hotline-replay-") as data_dir:
        own = {"topic_prefix": prefix, "data_dir": Path(data_dir), "batch_max_records": 2_000}
        settings = deployment.model_copy(update=own)
        layout = replace(LOCAL, partitions=settings.partitions, prefix=prefix, history=True)
        processors = make(settings)
        topics = declared([processor.name for processor in processors])
        await create(bootstrap, topics, layout)
        try:
            writer = asyncio.create_task(_write(events, keys, settings, until))
            try:
                await _run(processors, bundle, settings, sealer, writer, until, progress)
            finally:
                writer.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await writer
            for written in await _read(settings):
                sink(_opened(written, sealer))
        finally:
            if not keep:
                await _delete([layout.name(topic) for topic in topics], bootstrap)
    return prefix


async def _write(
    events: Sequence[Recorded],
    keys: dict[str, str],
    settings: EngineSettings,
    until: datetime,
) -> None:
    """All events with their recorded time as timestamp, then a tick at ``until`` everywhere."""
    producer = AIOKafkaProducer(
        **settings.kafka_client_kwargs(), compression_type="lz4", max_batch_size=BATCH_BYTES
    )
    await producer.start()
    try:
        inbox, count = settings.topic(INBOX), settings.partitions
        pending = []
        for event in events:
            key = event.subject.encode()
            partition = partition_of(keys.get(event.subject, event.subject).encode(), count)
            pending.append(
                await producer.send(
                    inbox,
                    event.value,
                    key=key or None,
                    partition=partition,
                    timestamp_ms=event.at_ms,
                )
            )
            if len(pending) >= 5_000:
                await asyncio.gather(*pending)
                pending = []
        await asyncio.gather(*pending)
        for partition in range(count):
            await producer.send_and_wait(
                inbox,
                b"",
                partition=partition,
                timestamp_ms=to_ms(until),
                headers=[(TICK_HEADER, b"1")],
            )
    finally:
        await stop_client(producer)


async def _run(
    processors: Sequence[AnyProcessor],
    bundle: Bundle,
    settings: EngineSettings,
    sealer: Sealer,
    writer: "asyncio.Task[None]",
    until: datetime,
    progress: Callable[[int], None],
) -> None:
    """Until every task of every engine has reached ``until`` with no timer left before it."""
    engines = [
        Engine(each, bundle, settings, sealer=sealer, registry=Metrics()) for each in processors
    ]
    until_ms = to_ms(until)
    ends = AIOKafkaConsumer(
        **settings.kafka_client_kwargs(), group_id=None, isolation_level="read_committed"
    )
    try:
        await ends.start()
        for engine in engines:
            await engine.start()
        told, waited = 0, 0.0
        before: tuple[int, ...] = ()
        while True:
            if writer.done():
                writer.result()
            for engine in engines:
                if engine.crash_reason is not None:
                    raise engine.crash_reason
            done = sum(task.positions.get(INBOX.name, 0) for task in engines[0].tasks.values())
            progress(done - told)
            told = done
            finished = all(_finished(engine, settings, until_ms) for engine in engines)
            # What one partition handed to another may come when that one has reached the end.
            if writer.done() and finished and await _read_out(engines, ends):
                return
            now = tuple(
                task.progress.batches for engine in engines for task in engine.tasks.values()
            )
            waited = 0.0 if now != before else waited + POLL_SECONDS
            before = now
            if waited > STALL_SECONDS:
                raise ReplayStalled(str([engine.describe() for engine in engines]))
            await asyncio.sleep(POLL_SECONDS)
    finally:
        for engine in reversed(engines):
            await engine.stop()
        await stop_client(ends)


async def _read_out(engines: Sequence[Engine], consumer: AIOKafkaConsumer) -> bool:
    """Whether nothing lies in the topics between the services that its readers have not decided."""
    wanted: dict[TopicPartition, int] = {}
    for engine in engines:
        for topic in engine.inputs:
            for task in engine.tasks.values():
                where = TopicPartition(engine.settings.topic(topic), task.number)
                # Behind the last record lies the mark of its transaction, which is no record.
                done = max(task.positions.get(topic.name, 0), task.fetched.get(topic.name, 0))
                wanted[where] = min(done, wanted.get(where, done))
    found = await consumer.end_offsets(list(wanted))
    return all(found[where] <= done for where, done in wanted.items())


def _finished(engine: Engine, settings: EngineSettings, until_ms: int) -> bool:
    tasks = engine.tasks
    if len(tasks) < settings.partitions:
        return False
    for task in tasks.values():
        due_ms = task.part.next_due_ms
        if not task.running or task.buffered or task.part.overdue:
            return False
        if task.part.clock_ms < until_ms or (due_ms is not None and due_ms < until_ms):
            return False
    return True


async def _read(settings: EngineSettings) -> Iterator[Written]:
    """All records of the written topics, read committed, merged by timestamp."""
    streams = [stream for topic in WRITTEN for stream in await _streams(settings, topic)]
    return heapq.merge(*streams, key=lambda written: written.at_ms)


async def _streams(settings: EngineSettings, topic: Topic) -> list[list[Written]]:
    """The records of each partition of a topic, by timestamp."""
    found: defaultdict[int, list[Written]] = defaultdict(list)

    def take(record: ConsumerRecord) -> None:
        found[record.partition].append(
            Written(topic, record.key, record.value, record.timestamp, record.headers)
        )

    await scan(settings, topic, take)
    return [sorted(found[number], key=lambda written: written.at_ms) for number in sorted(found)]


def _opened(written: Written, sealer: Sealer) -> Written:
    """As the driver writes it: a replay through memory gives the same files."""
    if written.topic.name != DEAD_LETTERS.name:
        return written
    letter = DeadLetter.from_record(written.value, written.headers).opened(sealer)
    key, value, headers = letter.to_record(None)
    return Written(written.topic, key, value, written.at_ms, headers)


async def _delete(names: list[str], bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(names)
    finally:
        await admin.close()
