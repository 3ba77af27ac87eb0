"""The watermark: the minimum over all inbox partitions of «done up to», from ``hotline.clock``.

With each new watermark go the high-water marks that the inputs had *after* it was read. They must
not be last stable offsets: another open transaction would hide records that are already there.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from runtime.core import to_ms
from runtime.engine.clients import stop_client
from runtime.settings import EngineSettings
from schemas.clock import ClockRecord
from schemas.topics import CLOCK

POLL_MS: Final = 500


class WatermarkReader:
    """Reads the whole clock topic, and the ends of the inputs."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.done_up_to_ms: dict[int, int] = {}
        self._tp = TopicPartition(settings.topic(CLOCK), 0)
        kwargs = settings.kafka_client_kwargs()
        self._clock = AIOKafkaConsumer(
            **kwargs,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        self._ends = AIOKafkaConsumer(
            **kwargs, group_id=None, enable_auto_commit=False, isolation_level="read_uncommitted"
        )

    async def behind(self) -> bool:
        """Whether there are records that this reader has not seen."""
        end = (await self._ends.end_offsets([self._tp]))[self._tp]
        return bool(await self._clock.position(self._tp) < end)

    async def reopen(self) -> None:
        """New clients in place of silent ones, once they run; what was read stays known."""
        fresh = WatermarkReader(self.settings)
        try:
            await fresh.start()
        except BaseException:
            await fresh.stop()
            raise
        silent = self._clock, self._ends
        self._clock, self._ends = fresh._clock, fresh._ends
        for consumer in silent:
            await stop_client(consumer)

    async def start(self) -> None:
        await self._clock.start()
        await self._ends.start()
        self._clock.assign([self._tp])
        await self._clock.seek_to_beginning(self._tp)

    async def stop(self) -> None:
        for consumer in (self._clock, self._ends):
            await stop_client(consumer)

    async def poll(self) -> int | None:
        """Read what is new; returns the watermark (ms) once every inbox partition has spoken."""
        got = await self._clock.getmany(self._tp, timeout_ms=POLL_MS)
        for record in got.get(self._tp, ()):
            if record.value is None:
                continue
            clock = ClockRecord.from_bytes(record.value)
            before_ms = self.done_up_to_ms.get(clock.partition, 0)
            self.done_up_to_ms[clock.partition] = max(before_ms, to_ms(clock.done_up_to))
        if len(self.done_up_to_ms) < self.settings.partitions:
            return None
        return min(self.done_up_to_ms.values())

    async def ends(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The present high-water marks, open transactions included."""
        if not partitions:
            return {}
        found: Mapping[TopicPartition, int] = await self._ends.end_offsets(list(partitions))
        return found
