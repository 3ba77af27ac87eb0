"""Kafka as a task sees it, by aiokafka's public API: transactional producer, changelog reader."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerEpoch,
    KafkaError,
    KafkaTimeoutError,
    ProducerFenced,
)
from aiokafka.structs import OffsetAndMetadata

from runtime import log
from runtime.engine import failpoints
from runtime.engine.clients import stop_client
from runtime.engine.ports import Change, Fenced, OutcomeUnknown, Send, Unavailable
from runtime.errors import StoreAhead
from runtime.settings import EngineSettings
from schemas.topics import LARGEST_MESSAGE_BYTES, Topic, changelog

BATCH_BYTES: Final = 900_000
"""Of one produce request's record batch. Larger: the broker's 1 MiB default refuses it."""
REQUEST_BYTES: Final = LARGEST_MESSAGE_BYTES + 64 * 1024
"""Of a record that alone is larger than a batch (a dead letter's original bytes). Above what any
topic takes, so that it is the broker who says what is too large."""
FETCH_BYTES: Final = 2 * 1024 * 1024
POLL_MS: Final = 100


@contextlib.contextmanager
def _asking() -> Iterator[None]:
    """Turns what passes by itself into ``Unavailable``."""
    try:
        yield
    except (TimeoutError, KafkaError) as error:
        # aiokafka's time-outs are not «retriable»: it has tried again for long enough itself.
        passes = isinstance(error, TimeoutError | KafkaTimeoutError) or error.retriable
        if not passes:
            raise
        log.get("hotline.engine").warning("broker.unavailable", error=repr(error))
        raise Unavailable(repr(error)) from error


class KafkaTaskLog:
    """``TaskLog`` on a real broker."""

    def __init__(
        self,
        settings: EngineSettings,
        *,
        service: str,
        partition: int,
        inputs: Sequence[Topic],
        consumer: AIOKafkaConsumer,
    ) -> None:
        self.settings = settings
        self.service = service
        self.partition = partition
        self.inputs = tuple(inputs)
        self.consumer = consumer
        self.group = settings.group_id(service)
        self._producer: AIOKafkaProducer | None = None

    def _of(self, topic: Topic) -> TopicPartition:
        return TopicPartition(self.settings.topic(topic), self.partition)

    async def fence(self) -> None:
        """InitProducerId finishes the predecessor's transaction and fences it."""
        await self.close()
        settings = self.settings
        transactional_id = settings.transactional_id(self.service, self.partition)
        producer = AIOKafkaProducer(
            **settings.kafka_client_kwargs(),
            client_id=transactional_id,
            transactional_id=transactional_id,
            transaction_timeout_ms=settings.transaction_timeout_ms,
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
        )
        self._producer = producer
        try:
            with _asking():
                await asyncio.wait_for(producer.start(), settings.commit_timeout_s)
        except (Unavailable, KafkaError):
            await self.close()
            raise

    async def commit(
        self, *, outputs: Sequence[Send], changelog: Sequence[Send], offsets: Mapping[str, int]
    ) -> int:
        """One transaction:

        1. begin; send outputs and changelog records in batches, and the offsets, side by side;
        2. await every one of them: aiokafka would commit although a batch had failed;
        3. commit.

        Whatever fails after step 1 began leaves the outcome unknown; only a fence is certain.
        """
        producer = self._producer
        assert producer is not None, "fence() comes first"
        try:
            async with asyncio.timeout(self.settings.commit_timeout_s):
                return await self._commit(producer, outputs, changelog, offsets)
        except (ProducerFenced, InvalidProducerEpoch) as fenced:
            raise Fenced(str(fenced)) from fenced
        except (KafkaError, IllegalOperation, TimeoutError) as unknown:
            raise OutcomeUnknown(repr(unknown)) from unknown

    async def _commit(
        self,
        producer: AIOKafkaProducer,
        outputs: Sequence[Send],
        changelog: Sequence[Send],
        offsets: Mapping[str, int],
    ) -> int:
        await producer.begin_transaction()
        sent_outputs = await self._send(producer, outputs)
        sent_changes = await self._send(producer, changelog)
        if offsets:
            names = {topic.name: topic for topic in self.inputs}
            await producer.send_offsets_to_transaction(
                {
                    self._of(names[name]): OffsetAndMetadata(offset, "")
                    for name, offset in offsets.items()
                },
                self.group,
            )
        await asyncio.gather(*(future for _, future in sent_outputs))
        failpoints.reach("outputs-acked")
        acked = await asyncio.gather(*(future for _, future in sent_changes))
        failpoints.reach("changelog-acked")
        failpoints.reach("before-commit")
        await producer.commit_transaction()
        last_count, last = sent_changes[-1][0], acked[-1]
        return int(last.offset) + last_count

    async def _send(
        self, producer: AIOKafkaProducer, sends: Sequence[Send]
    ) -> list[tuple[int, "asyncio.Future[Any]"]]:
        """Send by topic and partition in as few batches as fit; returns (count, future) of each."""
        groups: dict[tuple[str, int], list[Send]] = {}
        for send in sends:
            groups.setdefault((send.topic, send.partition), []).append(send)
        futures = []
        for (topic, partition), records in groups.items():
            name = self.settings.topic(topic)
            batch, count = producer.create_batch(), 0
            for record in records:
                while True:
                    appended = batch.append(
                        key=record.key,
                        value=record.value,
                        timestamp=record.timestamp_ms,
                        headers=list(record.headers),
                    )
                    if appended is not None:
                        break
                    assert count, "the first record of a batch always fits"
                    future = await producer.send_batch(batch, name, partition=partition)
                    futures.append((count, future))
                    batch, count = producer.create_batch(), 0
                count += 1
            future = await producer.send_batch(batch, name, partition=partition)
            futures.append((count, future))
        return futures

    async def changelog(self, start: int) -> AsyncIterator[Sequence[Change]]:
        """Up to the last stable offset, judged by position: the log ends in a control record."""
        tp = self._of(changelog(self.service))
        reader = AIOKafkaConsumer(
            **self.settings.kafka_client_kwargs(),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        try:
            with _asking():
                await reader.start()
                reader.assign([tp])
                beginning = (await reader.beginning_offsets([tp]))[tp]
                end = (await reader.end_offsets([tp]))[tp]
                if start > end:
                    raise StoreAhead(tp.topic, tp.partition, start=start, end=end)
                reader.seek(tp, max(beginning, start))
            while await reader.position(tp) < end:
                got = await reader.getmany(tp, timeout_ms=POLL_MS, max_records=20_000)
                records = got.get(tp)
                if records:
                    yield [Change(record.key, record.value, record.offset) for record in records]
        finally:
            await stop_client(reader)

    async def committed(self) -> Mapping[str, int | None]:
        """None for an input that the group has never committed."""
        offsets: dict[str, int | None] = {}
        with _asking():
            for topic in self.inputs:
                offsets[topic.name] = await self.consumer.committed(self._of(topic))
        return offsets

    async def beginning(self) -> Mapping[str, int]:
        """First offsets of the inputs."""
        tps = {topic.name: self._of(topic) for topic in self.inputs}
        with _asking():
            found = await self.consumer.beginning_offsets(list(tps.values()))
        return {name: found[tp] for name, tp in tps.items()}

    def start_reading(self, positions: Mapping[str, int]) -> None:
        """Seek, then let the consumer fetch (it was paused at assignment)."""
        for topic in self.inputs:
            tp = self._of(topic)
            self.consumer.seek(tp, positions[topic.name])
            self.consumer.resume(tp)

    async def close(self) -> None:
        """Bounded; a transaction left open is aborted by the successor or the broker."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer)
