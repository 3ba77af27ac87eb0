"""aiokafka's clients: a group's consumer as we need it, what it brings, and a stop that may hang or
raise."""

import asyncio
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from runtime.processor import Record
from runtime.settings import EngineSettings
from schemas.topics import Topic

NO_POLL_LIMIT_MS: Final = 86_400_000
"""aiokafka would leave the group when nothing is polled; a declared wait may be long. Our own
watchdog ends a worker that makes no progress."""
FETCH_BYTES: Final = 2 * 1024 * 1024
FETCH_WAIT_MS: Final = 100

STOP_SECONDS: Final = 5.0
"""A client's stop may wait for ever on a lost broker or a lost cancellation; what it leaves behind
(an open transaction, a membership) the broker's own time-outs end."""


class Stoppable(Protocol):
    async def stop(self) -> None: ...


async def stop_client(client: Stoppable, seconds: float = STOP_SECONDS) -> None:
    """Stop a consumer or producer within a bound; whatever it raises is dropped."""
    task = asyncio.ensure_future(client.stop())
    await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        task.cancel()
    elif not task.cancelled():
        task.exception()


def group_consumer(settings: EngineSettings, service: str) -> AIOKafkaConsumer:
    """A member of a service's group: read committed, partition p of all topics to one member.

    It commits nothing by itself, and starts nowhere by itself: the owner of a partition seeks.
    """
    return AIOKafkaConsumer(
        **settings.kafka_client_kwargs(),
        group_id=settings.group_id(service),
        group_instance_id=settings.group_instance_id,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.heartbeat_interval_ms,
        rebalance_timeout_ms=settings.rebalance_timeout_ms,
        max_poll_interval_ms=NO_POLL_LIMIT_MS,
        partition_assignment_strategy=[RangePartitionAssignor],
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=FETCH_WAIT_MS,
    )


def record_of(topic: Topic, consumed: Any) -> Record:
    """What a consumer of aiokafka brought, as processors and sinks know it."""
    return Record(
        topic,
        consumed.partition,
        consumed.offset,
        consumed.key,
        consumed.value,
        consumed.timestamp,
        consumed.headers,
    )
