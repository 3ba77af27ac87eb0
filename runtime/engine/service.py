"""The service that Faust hosts: one consumer group, one task per assigned partition number."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import IllegalStateError, KafkaError
from mode import Service

from policy.bundle import Bundle
from runtime import log, metrics
from runtime.core import AnyPartition, AnyProcessor, Partition, PoisonLimit
from runtime.engine import preflight
from runtime.engine.clients import group_consumer, record_of, stop_client
from runtime.engine.kafka import KafkaTaskLog
from runtime.engine.observer import EngineObserver
from runtime.engine.task import Mark, Task, TaskLimits, TaskState
from runtime.engine.watchdog import watch_loop
from runtime.engine.watermark import WatermarkReader
from runtime.errors import FencedOut, NotCoPartitioned, Stalled
from runtime.metrics import METRICS, Metrics
from runtime.processor import Outside
from runtime.sealing import Sealer
from runtime.settings import EngineSettings
from runtime.stores import open_store
from schemas.topics import Topic, changelog, redrive

MONITOR_SECONDS: Final = 1.0
PREFLIGHT_SECONDS: Final = 5.0
"""How soon a deleted topic or a raised partition count is a named error (F22)."""
CLOCK_SILENT_SECONDS: Final = 5.0
"""After so long without a new watermark the reader is asked whether it is behind the topic: a
client of aiokafka can go silent, and no lag would show it. Intake ticks every second."""
POSITION_SECONDS: Final = 5.0
"""aiokafka waits for a valid position for ever; the other partitions must not."""
IDLE_POLL_MS: Final = 100
BUSY_POLL_MS: Final = 10


class Engine(Service, ConsumerRebalanceListener):  # type: ignore[misc]
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
        super().__init__(**kwargs)
        self.processor = processor
        self.bundle = bundle
        self.settings = settings
        self.outside = outside
        self.sealer = sealer
        self.metrics = registry
        self.observer = EngineObserver(processor.name, registry)
        self.inputs: tuple[Topic, ...] = (*processor.inputs, redrive(processor.name))
        self.tasks: dict[int, Task] = {}
        self.assigned_once = False
        self.paused = False
        """By an operator; holds for partitions that come later as well."""
        self.log_ = log.get("hotline.engine").bind(service=processor.name)
        self._topics = {settings.topic(topic): topic for topic in self.inputs}
        self._kept: dict[int, AnyPartition] = {}
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._generation = 0
        self._room = asyncio.Event()
        self._beat = time.monotonic()
        self._consumer: AIOKafkaConsumer | None = None
        self._watermark: WatermarkReader | None = None
        self._lagging: dict[int, tuple[dict[str, int], float]] = {}
        self.lag_records = 0

    # -- life ------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Check the topics, then join the group. Tasks come with the assignment."""
        settings = self.settings
        await preflight.at_start(preflight.needed(self.processor), settings)
        if not self.processor.own_clock:
            self._watermark = WatermarkReader(settings)
            await self._watermark.start()
        self._consumer = group_consumer(settings, self.processor.name)
        await self._consumer.start()
        self._consumer.subscribe(list(self._topics), listener=self)
        watch_loop(
            self.processor.name,
            limit_seconds=settings.watchdog_seconds,
            beat=lambda: self._beat if self.assigned_once else None,
            over=lambda: self.should_stop,
        )

    async def on_stop(self) -> None:
        """Let the batch in flight commit, leave the group."""
        await self._close_tasks(self.settings.drain_seconds)
        for part in self._kept.values():
            if part.store is not None:
                part.store.close()
            self.metrics.forget(service=self.processor.name, partition=part.number)
        self._kept = {}
        close = getattr(self.outside, "close", None)
        if close is not None:
            await close()
        self.metrics.set(metrics.ASSIGNED, 0, service=self.processor.name)
        if self._watermark is not None:
            await self._watermark.stop()
        if self._consumer is not None:
            await stop_client(self._consumer)

    # -- rebalance -------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Half a session for the batch in flight; then it is abandoned to the successor."""
        self._generation += 1
        await self._close_tasks(self.settings.session_timeout_ms / 2_000)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """A new task per partition; recovery is its own work, so that the group is not held up."""
        try:
            try:
                self._assign(set(assigned))
            except NotCoPartitioned:
                # So does a deleted or a widened input look: then that is the error to name.
                await preflight.check(preflight.needed(self.processor), self.settings)
                raise
        except Exception as error:
            await self.crash(error)

    def _assign(self, assigned: set[TopicPartition]) -> None:
        self._generation += 1
        assert self._consumer is not None
        numbers = sorted({tp.partition for tp in assigned})
        expected = {TopicPartition(name, number) for name in self._topics for number in numbers}
        if assigned != expected:
            raise NotCoPartitioned(self.processor.name, str(sorted(expected - assigned)))
        for number in [number for number in self._kept if number not in numbers]:
            part = self._kept.pop(number)
            if part.store is not None:
                part.store.close()
            self.metrics.forget(service=self.processor.name, partition=number)
        for tp in assigned:
            # A position at once, so that no lookup fails; the task seeks to the right one.
            self._consumer.pause(tp)
            self._consumer.seek(tp, 0)
        for number in numbers:
            self.tasks[number] = task = self._new_task(number)
            self._runs[number] = asyncio.create_task(self._run(task))
        self.assigned_once = True
        name = self.processor.name
        self.metrics.add(metrics.REBALANCES, service=name)
        self.metrics.set(metrics.ASSIGNED, len(numbers), service=name)
        self.log_.info("partitions.assigned", partitions=numbers)

    def _new_task(self, number: int) -> Task:
        settings, name = self.settings, self.processor.name
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
        task = Task(
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
        if self.paused:
            task.pause()
        return task

    async def _run(self, task: Task) -> None:
        try:
            await task.run()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if self.tasks.get(task.number) is task:
                await self.crash(error)
            return
        if task.state is TaskState.FENCED:
            self.metrics.add(metrics.FENCED, service=self.processor.name, partition=task.number)
            self.log_.warning("task.fenced", partition=task.number)
            if self.tasks.get(task.number) is not task:
                return
            await asyncio.sleep(2 * self.settings.session_timeout_ms / 1_000)
            if self.tasks.get(task.number) is task and not self.should_stop:
                await self.crash(FencedOut(self.processor.name, task.number))

    async def _close_tasks(self, patience_seconds: float) -> None:
        tasks, runs = self.tasks, self._runs
        self.tasks, self._runs = {}, {}
        self._lagging = {}
        for task in tasks.values():
            task.close()
        if runs:
            fenced = {run for number, run in runs.items() if tasks[number].fenced}
            for run in fenced:
                run.cancel()
            _, late = await asyncio.wait(runs.values(), timeout=patience_seconds)
            for number, run in runs.items():
                if run in late:
                    run.cancel()
                    self.observer.abandoned(tasks[number])
            await asyncio.gather(*runs.values(), return_exceptions=True)
        await asyncio.gather(*(task.log.close() for task in tasks.values()))

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
        consumer, topics = self._consumer, preflight.needed(self.processor)
        assert consumer is not None
        changelog_name = self.settings.topic(changelog(self.processor.name))
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
                    await preflight.check(topics, self.settings)
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
                service=self.processor.name,
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
                self.processor.name,
                f"partition {task.number} is {task.state}, {total} records behind, "
                f"for {now - since:.0f} s at {positions}",
            )
        return total

    # -- control ---------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether this worker is in the group and every task of it runs or was paused.

        One that waits for the database is alive, keeps its partitions and goes on by itself, but is
        not ready: a rollout must not go on over it, and nothing should restart it.
        """
        return (
            self.assigned_once
            and not self.should_stop
            and all(
                task.state in (TaskState.RUNNING, TaskState.PAUSED) for task in self.tasks.values()
            )
        )

    def pause(self) -> None:
        """Take no new batches until ``resume``; the group keeps the partitions here.

        What a rebalance brings waits as well.
        """
        self.paused = True
        for task in self.tasks.values():
            task.pause()

    def resume(self) -> None:
        """Go on after ``pause`` or a poison stop."""
        self.paused = False
        for task in self.tasks.values():
            task.resume()
        self._room.set()

    def describe(self) -> dict[str, Any]:
        """For the health page."""
        return {
            "service": self.processor.name,
            "ready": self.ready,
            "drained": self.should_stop,
            "lag_records": self.lag_records,
            "partitions": {
                str(number): {
                    "state": str(task.state),
                    "stopped": task.part.stopped,
                    "waiting": task.waits_for,
                    "positions": task.positions,
                    "clock_ms": task.part.clock_ms,
                    "quarantined": len(task.part.blocked),
                }
                for number, task in sorted(self.tasks.items())
            },
        }
