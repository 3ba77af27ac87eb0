"""The service that Faust hosts for a sink: one consumer group, one lane per partition number."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import Any, Final

import asyncpg
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from mode import Service

from runtime import metrics
from runtime.database import Database
from runtime.delivery import positions
from runtime.delivery.lane import Lane
from runtime.delivery.observer import DeliveryObserver
from runtime.delivery.sink import Sink
from runtime.engine import preflight
from runtime.engine.clients import STOP_SECONDS, record_of
from runtime.engine.member import (
    BUSY_POLL_MS,
    IDLE_POLL_MS,
    MONITOR_SECONDS,
    POSITION_SECONDS,
    PREFLIGHT_SECONDS,
    Member,
)
from runtime.engine.ports import Unavailable
from runtime.errors import SettingsInvalid, Stalled
from runtime.metrics import METRICS, Metrics
from runtime.settings import EngineSettings

CONNECTIONS: Final = 4
"""Of one worker, whatever number of partitions it has: PostgreSQL has a hundred for everybody, and
writes no faster with more than it has cores."""


class Delivery(Member[Lane]):
    """Fills a sink's tables, each record in exactly one transaction. Hosted as an ``Engine`` is."""

    def __init__(
        self,
        sink: Sink,
        settings: EngineSettings,
        *,
        registry: Metrics = METRICS,
        **kwargs: Any,
    ) -> None:
        """
        Raises:
            SettingsInvalid: there is no database to fill.
        """
        if settings.postgres_dsn is None:
            raise SettingsInvalid(f"HOTLINE_POSTGRES_DSN is unset: {sink.name} fills a database")
        super().__init__(
            sink.name,
            sink.topics,
            sink.topics,
            settings,
            registry,
            logger="hotline.delivery",
            **kwargs,
        )
        self.sink = sink
        self.observer = DeliveryObserver(sink.name, registry)
        self.database = Database(
            settings.postgres_dsn, application=f"hotline-{sink.name}", connections=CONNECTIONS
        )
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._told: dict[TopicPartition, int] = {}

    @property
    def lanes(self) -> dict[int, Lane]:
        """By partition number."""
        return self.parts

    # -- life ------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Check the topics, then join the group. Lanes come with the assignment."""
        await preflight.at_start(self.needed, self.settings)
        await self._join()

    async def on_stop(self) -> None:
        """Let the transactions in flight commit, leave the group."""
        numbers = list(self.lanes)
        await self._close_parts(self.settings.drain_seconds)
        for number in numbers:
            self.metrics.forget(service=self.name, partition=number)
        await self.database.close()
        await self._leave()

    # -- lanes -----------------------------------------------------------------------------------

    def _new_part(self, number: int) -> Lane:
        return Lane(
            number,
            self.sink,
            self._topics,
            database=self.database,
            source=self,
            observer=self.observer,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            batch_max_records=self.settings.batch_max_records,
            session_timeout_ms=self.settings.session_timeout_ms,
            slots=self._slots,
            room=self._room,
        )

    def _was_fenced(self, part: Lane) -> None:
        self.observer.fenced(part)

    async def _end(
        self, parts: Mapping[int, Lane], runs: Mapping[int, asyncio.Task[None]], patience: float
    ) -> None:
        if not runs:
            return
        _, late = await asyncio.wait(runs.values(), timeout=patience)
        for number, run in runs.items():
            if run in late:
                run.cancel()
                self.observer.abandoned(parts[number])
        # A database that hangs holds up even a rollback; the epoch keeps it harmless.
        await asyncio.wait(runs.values(), timeout=STOP_SECONDS)

    # -- what a lane reads (``lane.Source``) -------------------------------------------------------

    async def bounds(self, number: int) -> Mapping[str, tuple[int, int]]:
        consumer = self._consumer
        assert consumer is not None
        partitions = [TopicPartition(name, number) for name in self._topics]
        try:
            async with asyncio.timeout(self.settings.request_timeout_ms / 1_000):
                firsts = await consumer.beginning_offsets(partitions)
                ends = await consumer.end_offsets(partitions)
        except (KafkaError, TimeoutError) as error:
            self.log_.warning("broker.unreachable", error=repr(error))
            raise Unavailable(repr(error)) from error
        return {tp.topic: (firsts[tp], ends[tp]) for tp in partitions}

    def read_from(self, number: int, offsets: Mapping[str, int]) -> None:
        consumer = self._consumer
        assert consumer is not None
        for name, offset in offsets.items():
            tp = TopicPartition(name, number)
            if tp in consumer.assignment():
                consumer.seek(tp, offset)
                consumer.resume(tp)

    def hold(self, number: int) -> None:
        consumer = self._consumer
        assert consumer is not None
        for name in self._topics:
            tp = TopicPartition(name, number)
            if tp in consumer.assignment():
                consumer.pause(tp)

    # -- reading ---------------------------------------------------------------------------------

    @Service.task
    async def _poll(self) -> None:
        """Hand over what arrives to the lanes that have room."""
        consumer = self._consumer
        assert consumer is not None
        limit = self.settings.batch_max_records
        while not self.should_stop:
            self._beat = time.monotonic()
            generation, lanes = self._generation, self.lanes
            ready = {
                TopicPartition(name, number): (topic, lane, lane.reads)
                for number, lane in lanes.items()
                if not lane.full
                for name, topic in self._topics.items()
            }
            if not ready:
                self._room.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._room.wait(), IDLE_POLL_MS / 1_000)
                continue
            all_ready = len(ready) == len(lanes) * len(self._topics)
            try:
                got = await consumer.getmany(
                    *ready,
                    timeout_ms=IDLE_POLL_MS if all_ready else BUSY_POLL_MS,
                    max_records=4 * limit,
                )
                for tp, records in got.items():
                    topic, lane, reads = ready[tp]
                    if self._reads_still(lane, reads):
                        lane.push(tp.topic, [record_of(topic, record) for record in records])
                    else:
                        self._read_again(tp)
                if generation != self._generation:
                    continue
                for tp, (_, lane, reads) in ready.items():
                    if tp in got:
                        continue
                    async with asyncio.timeout(POSITION_SECONDS):
                        position = await consumer.position(tp)
                    if generation != self._generation:
                        break
                    if self._reads_still(lane, reads):
                        lane.note_fetched(tp.topic, position)
            except (IllegalStateError, TimeoutError):
                await asyncio.sleep(BUSY_POLL_MS / 1_000)

    def _reads_still(self, lane: Lane, reads: int) -> bool:
        """Whether what arrived was asked for by this life of the lane, and since its last seek."""
        return self.lanes.get(lane.number) is lane and lane.reading and lane.reads == reads

    def _read_again(self, tp: TopicPartition) -> None:
        """Records are dropped that a lane asked for which has since started anew: some of them may
        have been read after its successor's seek, and would be missing there."""
        assert self._consumer is not None
        lane = self.lanes.get(tp.partition)
        if lane is not None and lane.reading and tp in self._consumer.assignment():
            self._consumer.seek(tp, lane.fetched[tp.topic])

    # -- watching --------------------------------------------------------------------------------

    @Service.task
    async def _monitor(self) -> None:
        """Lag, gauges, the watchdog, the topics as declared; offsets for other people's tools."""
        consumer = self._consumer
        assert consumer is not None
        next_preflight = time.monotonic() + PREFLIGHT_SECONDS
        while not self.should_stop:
            await self.sleep(MONITOR_SECONDS)
            self._beat = time.monotonic()
            generation, lanes = self._generation, dict(self.lanes)
            partitions = [TopicPartition(name, number) for name in self._topics for number in lanes]
            try:
                async with asyncio.timeout(self.settings.request_timeout_ms / 1_000):
                    ends = await consumer.end_offsets(partitions) if partitions else {}
                if time.monotonic() >= next_preflight:
                    await preflight.check(self.needed, self.settings)
                    next_preflight = time.monotonic() + PREFLIGHT_SECONDS
            except (KafkaError, TimeoutError) as error:
                self.log_.warning("broker.unreachable", error=repr(error))
                continue
            if generation != self._generation:
                continue
            now = time.monotonic()
            self.lag_records = sum(self._lag_of(lane, ends, now) for lane in lanes.values())
            self.observer.levels(lanes.values())
            await self._tell_kafka(lanes)

    @Service.task
    async def _watch_rebuilds(self) -> None:
        """Tell quiet lanes of a rebuild; those with records find out by themselves."""
        while not self.should_stop:
            await self.sleep(MONITOR_SECONDS)
            lanes = dict(self.lanes)
            if not any(lane.reading and not lane.waits_for for lane in lanes.values()):
                continue
            try:
                async with self._slots, self.database.connection() as connection:
                    found = await positions.every(connection, self.name)
            except (Unavailable, asyncpg.PostgresError):
                continue  # The lanes say so.
            for number, lane in lanes.items():
                lane.look({each.topic: each for each in found if each.partition == number})

    def _lag_of(self, lane: Lane, ends: Mapping[TopicPartition, int], now: float) -> int:
        """Records up to the last stable offset that are not written; raises ``Stalled``."""
        total = 0
        written = lane.offsets
        for name, topic in self._topics.items():
            position = written.get(name, 0)
            if not lane.buffered:
                position = max(position, lane.fetched.get(name, 0))
            lag = max(0, ends.get(TopicPartition(name, lane.number), 0) - position)
            self.metrics.set(
                metrics.LAG,
                lag,
                service=self.name,
                topic=topic.name,
                partition=lane.number,
            )
            total += lag
        if not total and lane.running:
            lane.progress.touch()
        seen, since = self._lagging.get(lane.number, ({}, now))
        if not total or lane.waiting or lane.fenced or seen != written:
            self._lagging[lane.number] = (written, now)
        elif now - since > self.settings.watchdog_seconds:
            raise Stalled(
                self.name,
                f"partition {lane.number} is {lane.state}, {total} records behind, "
                f"for {now - since:.0f} s at {written}",
            )
        return total

    async def _tell_kafka(self, lanes: Mapping[int, Lane]) -> None:
        """Commit what the database holds; never read, so it may fail."""
        assert self._consumer is not None
        offsets = {
            TopicPartition(name, number): offset
            for number, lane in lanes.items()
            for name, offset in lane.offsets.items()
        }
        moved = {tp: offset for tp, offset in offsets.items() if self._told.get(tp) != offset}
        if not moved:
            return
        try:
            async with asyncio.timeout(self.settings.request_timeout_ms / 1_000):
                await self._consumer.commit(
                    {tp: OffsetAndMetadata(offset, "") for tp, offset in moved.items()}
                )
            self._told |= moved
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            self.log_.debug("offsets.untold", error=repr(error))

    # -- control ---------------------------------------------------------------------------------

    def _describe_part(self, part: Lane) -> dict[str, Any]:
        return {
            "state": str(part.state),
            "stopped": part.stopped,
            "waiting": part.waits_for,
            "positions": part.offsets,
        }
