"""The inbox as the entrance writes it: an idempotent producer that is made anew after a failure."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from runtime import log
from runtime.engine.clients import stop_client
from runtime.engine.kafka import BATCH_BYTES, REQUEST_BYTES
from runtime.engine.ports import Unavailable
from runtime.settings import EngineSettings
from schemas.topics import INBOX
from services.intake.entrance.judging import Admitted

REOPEN_S: Final = (0.2, 2.0)
"""Between attempts to reach the brokers: first, and at most. Larger: publishers get 503 longer than
the outage lasts; smaller: the log fills."""


class Inbox:
    """Writes events to their tickets' partitions, and says so only when the brokers have them.

    A producer that failed once is not used again: what it still holds is of unknown outcome, and
    its sequence numbers with it. Until another is open, ``publish`` raises at once.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._topic = settings.topic(INBOX)
        self._producer: Any = None
        self._failed = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether a producer is open, as far as is known without a request."""
        return self._producer is not None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Keeps a producer open inside, as well as the brokers let it."""
        keeper = asyncio.create_task(self._keep_open())
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, *self._closing, return_exceptions=True)
            if self._producer is not None:
                await stop_client(self._producer)
                self._producer = None

    async def publish(self, events: Sequence[Admitted]) -> None:
        """Returns when every event is acknowledged by all replicas in sync.

        Raises:
            Unavailable: the outcome is unknown; the same events may be given again, intake drops
                those that it has.
        """
        producer = self._producer
        if producer is None:
            raise Unavailable("Kafka: no broker is connected")
        acknowledged: list[asyncio.Future[object]] = []
        try:
            for partition, group in self._by_partition(events).items():
                await self._send(producer, partition, group, acknowledged)
            await asyncio.gather(*acknowledged)
        except KafkaError as error:
            self._retire(producer, repr(error))
            raise Unavailable(f"Kafka: {error!r}") from error
        except asyncio.CancelledError:  # it took too long
            self._retire(producer, "no answer in time")
            raise
        finally:
            for each in acknowledged:  # whoever failed first told of all
                each.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _by_partition(self, events: Sequence[Admitted]) -> dict[int, list[Admitted]]:
        groups: dict[int, list[Admitted]] = {}
        count = self._settings.partitions
        for each in events:
            partition = (murmur2(each.event.subject.encode()) & 0x7FFFFFFF) % count
            groups.setdefault(partition, []).append(each)
        return groups

    async def _send(
        self,
        producer: AIOKafkaProducer,
        partition: int,
        events: Sequence[Admitted],
        acknowledged: list["asyncio.Future[object]"],
    ) -> None:
        """In as few batches as fit."""
        batch = producer.create_batch()
        for each in events:
            key = each.event.subject.encode()
            while batch.append(key=key, value=each.value, timestamp=None) is None:
                assert batch.record_count(), "the first record of a batch always fits"
                sent = await producer.send_batch(batch, self._topic, partition=partition)
                acknowledged.append(sent)
                batch = producer.create_batch()
        acknowledged.append(await producer.send_batch(batch, self._topic, partition=partition))

    async def _keep_open(self) -> None:
        logger = log.get("hotline.entrance")
        wait_s = REOPEN_S[0]
        while True:
            self._failed.clear()
            producer = self._make()
            try:
                await producer.start()
                await self._check(producer)
            except (KafkaError, OSError, TimeoutError) as error:
                logger.warning("entrance.kafka_unavailable", error=repr(error))
                await stop_client(producer)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, REOPEN_S[1])
                continue
            except BaseException:
                await stop_client(producer)
                raise
            wait_s = REOPEN_S[0]
            self._producer = producer
            logger.info("entrance.kafka_connected")
            await self._failed.wait()

    async def _check(self, producer: AIOKafkaProducer) -> None:
        """Keys would land elsewhere than intake expects them."""
        found = len(await producer.partitions_for(self._topic))
        if found != self._settings.partitions:
            raise KafkaError(
                f"{self._topic} has {found} partitions, HOTLINE_PARTITIONS is"
                f" {self._settings.partitions}: set it to match"
            )

    def _make(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._settings.kafka_client_kwargs(),
            client_id="hotline-entrance",
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
        )

    def _retire(self, producer: AIOKafkaProducer, why: str) -> None:
        if self._producer is not producer:
            return
        self._producer = None
        self._failed.set()
        log.get("hotline.entrance").warning("entrance.kafka_failed", error=why)
        closing = asyncio.create_task(stop_client(producer))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
