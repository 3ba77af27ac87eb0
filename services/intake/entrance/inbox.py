"""The inbox as the entrance writes it: an idempotent producer that is made anew after a failure."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
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


class Lane:
    """One partition, where requests take turns: what comes meanwhile goes together in the next.

    aiokafka lets one batch of a partition wait at a time, and those who wait for that time out
    together; besides, a hundred small requests are then one batch.
    """

    def __init__(self, producer: Any, topic: str, partition: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._waiting: list[tuple[Sequence[Admitted], asyncio.Future[None]]] = []
        self._taken: list[tuple[Sequence[Admitted], asyncio.Future[None]]] = []
        self._work: asyncio.Task[None] | None = None

    def add(self, events: Sequence[Admitted]) -> "asyncio.Future[None]":
        """Done when all are acknowledged; fails with what the broker, or its silence, said."""
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, acknowledged))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._take_turns())
        return acknowledged

    def close(self) -> None:
        """Whoever still waits is told that nobody knows."""
        if self._work is not None:
            self._work.cancel()
        self._fail(Unavailable("Kafka: the producer was given up"))

    async def _take_turns(self) -> None:
        try:
            while self._waiting:
                self._taken, self._waiting = self._waiting, []
                for batch in self._batches(self._taken):
                    await (
                        await self._producer.send_batch(
                            batch, self._topic, partition=self._partition
                        )
                    )
                for _, acknowledged in self._taken:
                    if not acknowledged.done():
                        acknowledged.set_result(None)
        except Exception as error:
            self._fail(error)

    def _batches(self, groups: Sequence[tuple[Sequence[Admitted], object]]) -> Iterator[Any]:
        """As few as fit, in order."""
        batch = self._producer.create_batch()
        for events, _ in groups:
            for each in events:
                key = each.event.subject.encode()
                while batch.append(key=key, value=each.value, timestamp=None) is None:
                    assert batch.record_count(), "the first record of a batch always fits"
                    yield batch
                    batch = self._producer.create_batch()
        yield batch

    def _fail(self, error: Exception) -> None:
        for _, acknowledged in (*self._taken, *self._waiting):
            if not acknowledged.done():
                acknowledged.set_exception(error)
                acknowledged.exception()  # whoever asked may be gone
        self._taken, self._waiting = [], []


class Inbox:
    """Writes events to their tickets' partitions, and says so only when the brokers have them.

    A producer that failed once is not used again: what it still holds is of unknown outcome, and
    its sequence numbers with it. Until another is open, ``publish`` raises at once.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._topic = settings.topic(INBOX)
        self._lanes: tuple[Lane, ...] = ()
        self._failed = asyncio.Event()
        self.problem = "no broker was reached yet"
        """Why it is not ready, when it is not."""

    @property
    def ready(self) -> bool:
        """Whether a producer is open, as far as is known without a request."""
        return bool(self._lanes)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Keeps a producer open inside, as well as the brokers let it."""
        keeper = asyncio.create_task(self._keep_open())
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def publish(self, events: Sequence[Admitted]) -> None:
        """Returns when every event is acknowledged by all replicas in sync.

        Raises:
            Unavailable: the outcome is unknown; the same events may be given again, intake drops
                those that it has.
        """
        lanes = self._lanes
        if not lanes:
            raise Unavailable(f"Kafka: {self.problem}")
        groups = _by_partition(events, len(lanes))
        waiting = [lanes[partition].add(group) for partition, group in groups.items()]
        try:
            await asyncio.gather(*waiting)
        except KafkaError as error:
            self._give_up(lanes, repr(error))
            raise Unavailable(f"Kafka: {error!r}") from error
        except asyncio.CancelledError:  # it took too long
            self._give_up(lanes, "no answer in time")
            raise

    def _give_up(self, lanes: tuple[Lane, ...], why: str) -> None:
        if self._lanes is lanes:
            self._lanes = ()
            self.problem = why
            self._failed.set()
            log.get("hotline.entrance").warning("entrance.kafka_failed", error=why)

    async def _keep_open(self) -> None:
        logger = log.get("hotline.entrance")
        wait_s = REOPEN_S[0]
        while True:
            producer = self._made()
            try:
                await producer.start()
                lanes = await self._lanes_of(producer)
                logger.info("entrance.kafka_connected")
                wait_s = REOPEN_S[0]
                self._failed.clear()
                self._lanes = lanes
                try:
                    await self._failed.wait()
                finally:
                    self._lanes = ()
                    for lane in lanes:
                        lane.close()
            except (KafkaError, OSError, TimeoutError) as error:
                self.problem = str(error) or repr(error)
                logger.warning("entrance.kafka_unavailable", error=repr(error))
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, REOPEN_S[1])
            finally:
                await stop_client(producer)

    async def _lanes_of(self, producer: AIOKafkaProducer) -> tuple[Lane, ...]:
        """One a partition; keys would land elsewhere than intake expects if their number differed.

        Raises:
            KafkaError: there is no such topic, or it has another number of partitions.
        """
        found = await producer.partitions_for(self._topic)
        if len(found) != self._settings.partitions:
            raise KafkaError(
                f"{self._topic} has {len(found)} partitions, HOTLINE_PARTITIONS is"
                f" {self._settings.partitions}: set it to match"
            )
        return tuple(Lane(producer, self._topic, number) for number in sorted(found))

    def _made(self) -> AIOKafkaProducer:
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


def _by_partition(events: Sequence[Admitted], count: int) -> dict[int, list[Admitted]]:
    groups: dict[int, list[Admitted]] = {}
    for each in events:
        partition = (murmur2(each.event.subject.encode()) & 0x7FFFFFFF) % count
        groups.setdefault(partition, []).append(each)
    return groups
