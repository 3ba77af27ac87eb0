"""The service that Faust hosts: one consumer group, one task per assigned partition number."""

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from mode import Service

from policy.bundle import Bundle
from runtime import metrics
from runtime.core import AnyPartition, AnyProcessor, Partition, PoisonLimit
from runtime.engine import preflight
from runtime.engine.clients import record_of
from runtime.engine.kafka import KafkaTaskLog
from runtime.engine.member import (
    BUSY_POLL_MS,
    IDLE_POLL_MS,
    MONITOR_SECONDS,
    POSITION_SECONDS,
    PREFLIGHT_SECONDS,
    Member,
)
from runtime.engine.observer import EngineObserver
from runtime.engine.task import Mark, Task, TaskLimits, TaskState
from runtime.engine.watermark import WatermarkReader
from runtime.errors import Stalled
from runtime.metrics import METRICS, Metrics
from runtime.processor import Outside
from runtime.sealing import Sealer
from runtime.settings import EngineSettings
from runtime.stores import open_store
from schemas.topics import Topic, changelog, redrive

CLOCK_SILENT_SECONDS: Final = 5.0
"""After so long without a new watermark the reader is asked whether it is behind the topic: a
client of aiokafka can go silent, and no lag would show it. Intake ticks every second."""


class Engine(Member[Task]):
    """Runs a processor exactly once. Started and supervised as any ``mode.Service``."""

    def __init__(
        self,
        processor: AnyProcessor,
        bundle: Bundle,
        settings: EngineSettings,
        *,
        sealer: Sealer,
        outside: Outside | None = None,
        registry: Metrics = METRICS,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            sealer: of dead letters.
            outside: of all tasks; closed with the engine, where it has ``async close()``.
        """
        super().__init__(
            processor.name,
            (*processor.inputs, redrive(processor.name)),
            preflight.needed(processor),
            settings,
            registry,
            logger="hotline.engine",
            **kwargs,
        )
        self.processor = processor
        self.bundle = bundle
        self.outside = outside
        self.sealer = sealer
        self.observer = EngineObserver(processor.name, registry)
        self.inputs: tuple[Topic, ...] = tuple(self._topics.values())
        self._kept: dict[int, AnyPartition] = {}
        self._watermark: WatermarkReader | None = None

    @property
    def tasks(self) -> dict[int, Task]:
        """By partition number."""
        return self.parts

    @tasks.setter
    def tasks(self, tasks: dict[int, Task]) -> None:
        self.parts = tasks

    # -- life ------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Check the topics, then join the group. Tasks come with the assignment."""
        await preflight.at_start(self.needed, self.settings)
        if not self.processor.own_clock:
            self._watermark = WatermarkReader(self.settings)
            await self._watermark.start()
        await self._join()

    async def on_stop(self) -> None:
        """Let the batch in flight commit, leave the group."""
        await self._close_parts(self.settings.drain_seconds)
        self._keep_only(())
        close = getattr(self.outside, "close", None)
        if close is not None:
            await close()
        if self._watermark is not None:
            await self._watermark.stop()
        await self._leave()

    def _keep_only(self, numbers: Collection[int]) -> None:
        for number in [number for number in self._kept if number not in numbers]:
            part = self._kept.pop(number)
            if part.store is not None:
                part.store.close()
            self.metrics.forget(service=self.name, partition=number)

    # -- tasks -----------------------------------------------------------------------------------

    def _new_part(self, number: int) -> Task:
        settings, name = self.settings, self.name
        part = self._kept.get(number)
        if part is None:
            store = open_store(
                settings.store,
                settings.state_dir(name),
                number,
                settings.store_max_age,
            )
            part = self._kept[number] = Partition(
                self.processor,
                self.bundle,
                number=number,
                store=store,
                max_state_bytes=settings.max_state_bytes,
                poison=PoisonLimit(
                    window_records=settings.poison_window,
                    minimum_letters=settings.poison_minimum,
                    ratio=settings.poison_ratio,
                ),
                sealer=self.sealer,
            )
        consumer = self._consumer
        assert consumer is not None
        return Task(
            part,
            KafkaTaskLog(
                settings, service=name, partition=number, inputs=self.inputs, consumer=consumer
            ),
            partitions=settings.partitions,
            inputs=self.inputs,
            limits=TaskLimits(
                batch_max_records=settings.batch_max_records,
                buffer_max_records=4 * settings.batch_max_records,
                timers_per_batch=settings.max_idle_timers,
                linger_min_ms=settings.linger_min_ms,
                linger_max_ms=settings.linger_max_ms,
            ),
            observer=self.observer,
            outside=self.outside,
            room=self._room,
        )

    def _was_fenced(self, part: Task) -> None:
        self.metrics.add(metrics.FENCED, service=self.name, partition=part.number)
        self.log_.warning("task.fenced", partition=part.number)

    async def _end(
        self, parts: Mapping[int, Task], runs: Mapping[int, asyncio.Task[None]], patience: float
    ) -> None:
        if runs:
            _, late = await asyncio.wait(runs.values(), timeout=patience)
            for number, run in runs.items():
                if run in late:
                    run.cancel()
                    self.observer.abandoned(parts[number])
            await asyncio.gather(*runs.values(), return_exceptions=True)
        await asyncio.gather(*(task.log.close() for task in parts.values()))

    # -- reading ---------------------------------------------------------------------------------

    @Service.task
    async def _poll(self) -> None:
        """Hand over what arrives to the tasks that have room."""
        consumer = self._consumer
        assert consumer is not None
        limit = self.settings.batch_max_records
        while not self.should_stop:
            self._beat = time.monotonic()
            generation, tasks = self._generation, self.tasks
            ready = {
                TopicPartition(name, number): (topic, task)
                for number, task in tasks.items()
                if not task.full
                for name, topic in self._topics.items()
            }
            if not ready:
                self._room.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._room.wait(), IDLE_POLL_MS / 1_000)
                continue
            all_ready = len(ready) == len(tasks) * len(self._topics)
            try:
                got = await consumer.getmany(
                    *ready,
                    timeout_ms=IDLE_POLL_MS if all_ready else BUSY_POLL_MS,
                    max_records=4 * limit,
                )
                if generation != self._generation:
                    self._read_again(got)
                    continue
                for tp, records in got.items():
                    topic, task = ready[tp]
                    task.push([record_of(topic, record) for record in records])
                for tp, (topic, task) in ready.items():
                    if tp not in got and task.running:
                        async with asyncio.timeout(POSITION_SECONDS):
                            position = await consumer.position(tp)
                        if generation != self._generation:
                            break
                        task.note_fetched(topic.name, position)
            except (IllegalStateError, TimeoutError):
                await asyncio.sleep(BUSY_POLL_MS / 1_000)

    def _read_again(self, dropped: Iterable[TopicPartition]) -> None:
        """Go back in partitions whose records are dropped: an assignment that is over asked for
        them, but some may lie behind the seek of the task that has the partition now."""
        consumer = self._consumer
        assert consumer is not None
        for tp in dropped:
            task = self.tasks.get(tp.partition)
            if task is not None and task.running and tp in consumer.assignment():
                consumer.seek(tp, task.expected(self._topics[tp.topic].name))

    @Service.task
    async def _watch_clock(self) -> None:
        """Give each new watermark to the tasks, with the ends of their inputs read after it."""
        told_ms, moved = 0, time.monotonic()
        while self._watermark is not None and not self.should_stop:
            reader = self._watermark
            try:
                async with asyncio.timeout(2 * self.settings.request_timeout_ms / 1_000):
                    watermark_ms = await reader.poll()
                    tasks = [task for task in self.tasks.values() if task.running]
                    new = watermark_ms is not None and watermark_ms > told_ms
                    if not new and time.monotonic() - moved > CLOCK_SILENT_SECONDS:
                        moved = time.monotonic()
                        if await reader.behind():
                            self.log_.warning("clock.silent", watermark_ms=told_ms)
                            await reader.reopen()
                    if watermark_ms is None or not (new or self._untold(tasks)):
                        continue
                    partitions = [
                        TopicPartition(name, task.number) for name in self._topics for task in tasks
                    ]
                    ends = await reader.ends(partitions)
            except (KafkaError, TimeoutError) as error:
                self.log_.warning("clock.unread", error=repr(error))
                await asyncio.sleep(MONITOR_SECONDS)
                continue
            told_ms, moved = watermark_ms, time.monotonic()
            for task in tasks:
                task.mark(
                    Mark(
                        watermark_ms,
                        {
                            topic.name: ends[TopicPartition(name, task.number)]
                            for name, topic in self._topics.items()
                        },
                    )
                )
            for number, done_ms in reader.done_up_to_ms.items():
                self.metrics.set(metrics.WATERMARK, done_ms / 1_000, inbox_partition=number)

    @staticmethod
    def _untold(tasks: Sequence[Task]) -> bool:
        return any(not task.told for task in tasks)

    # -- watching --------------------------------------------------------------------------------

    @Service.task
    async def _monitor(self) -> None:
        """Lag, gauges, the watchdog, and the topics as declared."""
        consumer = self._consumer
        assert consumer is not None
        changelog_name = self.settings.topic(changelog(self.name))
        next_preflight = time.monotonic() + PREFLIGHT_SECONDS
        while not self.should_stop:
            await self.sleep(MONITOR_SECONDS)
            self._beat = time.monotonic()
            generation, tasks = self._generation, dict(self.tasks)
            partitions = [TopicPartition(name, number) for name in self._topics for number in tasks]
            recovering = [
                TopicPartition(changelog_name, number)
                for number, task in tasks.items()
                if task.state is TaskState.RECOVERING
            ]
            try:
                async with asyncio.timeout(self.settings.request_timeout_ms / 1_000):
                    asked = partitions + recovering
                    ends = await consumer.end_offsets(asked) if asked else {}
                if time.monotonic() >= next_preflight:
                    await preflight.check(self.needed, self.settings)
                    next_preflight = time.monotonic() + PREFLIGHT_SECONDS
            except (KafkaError, TimeoutError) as error:
                self.log_.warning("broker.unreachable", error=repr(error))
                continue
            if generation != self._generation:
                continue
            self.lag_records = 0
            for number, task in tasks.items():
                lag = self._lag_of(task, ends, time.monotonic())
                if not lag and task.idle:
                    task.progress.touch()
                self.lag_records += lag
                self.observer.levels(task, ends.get(TopicPartition(changelog_name, number), 0))
            self.observer.waits(tasks.values())
            self.observer.moved(tasks.values())

    def _lag_of(self, task: Task, ends: dict[TopicPartition, int], now: float) -> int:
        """Records up to the last stable offset that are not decided; raises ``Stalled``."""
        total = 0
        for name, topic in self._topics.items():
            position = max(
                task.positions.get(topic.name, 0),
                task.fetched.get(topic.name, 0) if not task.buffered else 0,
            )
            lag = max(0, ends.get(TopicPartition(name, task.number), 0) - position)
            self.metrics.set(
                metrics.LAG,
                lag,
                service=self.name,
                topic=topic.name,
                partition=task.number,
            )
            total += lag
        positions, since = self._lagging.get(task.number, ({}, now))
        seen = {**task.positions, "batches": task.progress.batches}
        moving = task.progress.last_monotonic > since
        if not total or task.waiting or positions != seen or (moving and not task.running):
            self._lagging[task.number] = (seen, now)
        elif now - since > self.settings.watchdog_seconds:
            raise Stalled(
                self.name,
                f"partition {task.number} is {task.state}, {total} records behind, "
                f"for {now - since:.0f} s at {positions}",
            )
        return total

    # -- control ---------------------------------------------------------------------------------

    def _describe_part(self, part: Task) -> dict[str, Any]:
        return {
            "state": str(part.state),
            "stopped": part.part.stopped,
            "waiting": part.waits_for,
            "positions": part.positions,
            "clock_ms": part.part.clock_ms,
            "quarantined": len(part.part.blocked),
        }
