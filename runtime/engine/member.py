"""What an engine and a delivery have in common: a member of a consumer group that Faust hosts.

It joins the group, makes one part of work per assigned partition number (a task, a lane), lets what
is in flight end at a revocation, and crashes on what no rebalance mends. How a part reads, recovers
and commits is its own.
"""

import asyncio
import time
from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from mode import Service

from runtime import log, metrics
from runtime.engine import preflight
from runtime.engine.clients import group_consumer, stop_client
from runtime.engine.watchdog import watch_loop
from runtime.errors import FencedOut, NotCoPartitioned
from runtime.metrics import Metrics
from runtime.settings import EngineSettings
from schemas.topics import Topic

MONITOR_SECONDS: Final = 1.0
PREFLIGHT_SECONDS: Final = 5.0
"""How soon a deleted topic or a raised partition count is a named error (F22)."""
POSITION_SECONDS: Final = 5.0
"""aiokafka waits for a valid position for ever; the other partitions must not."""
IDLE_POLL_MS: Final = 100
BUSY_POLL_MS: Final = 10
UP: Final = frozenset({"running", "paused"})
"""States of a part in which nothing keeps it from its work, or an operator does."""


class Part(Protocol):
    """The work on one partition number, from an assignment to the next (``Task``, ``Lane``)."""

    @property
    def number(self) -> int: ...

    @property
    def state(self) -> str: ...

    @property
    def fenced(self) -> bool: ...

    async def run(self) -> None: ...

    def close(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


P = TypeVar("P", bound=Part)


class Member(Service, ConsumerRebalanceListener, Generic[P]):  # type: ignore[misc]
    """One member of the group of ``name``, subscribed to ``topics``."""

    abstract: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        topics: Iterable[Topic],
        needed: Sequence[Topic],
        settings: EngineSettings,
        registry: Metrics,
        *,
        logger: str,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            topics: those it reads.
            needed: those that must be there as declared.
        """
        super().__init__(**kwargs)
        self.name = name
        self.settings = settings
        self.metrics = registry
        self.needed = needed
        self.parts: dict[int, P] = {}
        self.assigned_once = False
        self.paused = False
        """By an operator; holds for partitions that come later as well."""
        self.lag_records = 0
        self.log_ = log.get(logger).bind(service=name)
        self._topics = {settings.topic(topic): topic for topic in topics}
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._generation = 0
        self._room = asyncio.Event()
        self._beat = time.monotonic()
        self._consumer: AIOKafkaConsumer | None = None
        self._lagging: dict[int, tuple[dict[str, int], float]] = {}

    # -- what differs ------------------------------------------------------------------------------

    @abstractmethod
    def _new_part(self, number: int) -> P: ...

    @abstractmethod
    async def _end(
        self, parts: Mapping[int, P], runs: Mapping[int, asyncio.Task[None]], patience: float
    ) -> None:
        """The parts are closed: let their runs end within ``patience`` seconds, or abandon them."""

    def _keep_only(self, numbers: Collection[int]) -> None:
        """What is kept between assignments of any other partition goes."""

    def _was_fenced(self, part: P) -> None:
        """Count it."""

    # -- life --------------------------------------------------------------------------------------

    async def _join(self) -> None:
        """Join the group. Parts come with the assignment."""
        self._consumer = group_consumer(self.settings, self.name)
        await self._consumer.start()
        self._consumer.subscribe(list(self._topics), listener=self)
        watch_loop(
            self.name,
            limit_seconds=self.settings.watchdog_seconds,
            beat=lambda: self._beat if self.assigned_once else None,
            over=lambda: self.should_stop,
        )

    async def _leave(self) -> None:
        self.metrics.set(metrics.ASSIGNED, 0, service=self.name)
        if self._consumer is not None:
            await stop_client(self._consumer)

    # -- rebalance ---------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Half a session for what is in flight; then it is abandoned to the successor."""
        self._generation += 1
        await self._close_parts(self.settings.session_timeout_ms / 2_000)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """A new part per partition; recovery is its own work, so that the group is not held up."""
        try:
            try:
                self._assign(set(assigned))
            except NotCoPartitioned:
                # So does a deleted or a widened input look: then that is the error to name.
                await preflight.check(self.needed, self.settings)
                raise
        except Exception as error:
            await self.crash(error)

    def _assign(self, assigned: set[TopicPartition]) -> None:
        self._generation += 1
        consumer = self._consumer
        assert consumer is not None
        numbers = sorted({tp.partition for tp in assigned})
        expected = {TopicPartition(name, number) for name in self._topics for number in numbers}
        if assigned != expected:
            raise NotCoPartitioned(self.name, str(sorted(expected - assigned)))
        self._keep_only(numbers)
        for tp in assigned:
            # A position at once, so that no lookup fails; the part seeks to the right one.
            consumer.pause(tp)
            consumer.seek(tp, 0)
        for number in numbers:
            self.parts[number] = part = self._new_part(number)
            if self.paused:
                part.pause()
            self._runs[number] = asyncio.create_task(self._run(part))
        self.assigned_once = True
        self.metrics.add(metrics.REBALANCES, service=self.name)
        self.metrics.set(metrics.ASSIGNED, len(numbers), service=self.name)
        self.log_.info("partitions.assigned", partitions=numbers)

    async def _run(self, part: P) -> None:
        try:
            await part.run()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if self.parts.get(part.number) is part:
                await self.crash(error)
            return
        if part.fenced:
            self._was_fenced(part)
            if self.parts.get(part.number) is not part:
                return
            # A rebalance that we have not heard of yet takes it away; else we are in the way.
            await asyncio.sleep(2 * self.settings.session_timeout_ms / 1_000)
            if self.parts.get(part.number) is part and not self.should_stop:
                await self.crash(FencedOut(self.name, part.number))

    async def _close_parts(self, patience_seconds: float) -> None:
        parts, runs = self.parts, self._runs
        self.parts, self._runs = {}, {}
        self._lagging = {}
        for part in parts.values():
            part.close()
        for number, run in runs.items():
            if parts[number].fenced:
                run.cancel()
        await self._end(parts, runs, patience_seconds)

    # -- control -----------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether this worker is in the group and every part of it runs or was paused.

        One that waits for the database is alive, keeps its partitions and goes on by itself, but is
        not ready: a rollout must not go on over it, and nothing should restart it.
        """
        return (
            self.assigned_once
            and not self.should_stop
            and all(part.state in UP for part in self.parts.values())
        )

    def pause(self) -> None:
        """Take no new batches until ``resume``; the group keeps the partitions here.

        What a rebalance brings waits as well.
        """
        self.paused = True
        for part in self.parts.values():
            part.pause()

    def resume(self) -> None:
        """Go on after ``pause``, a poison stop, or what a sink raised on."""
        self.paused = False
        for part in self.parts.values():
            part.resume()
        self._room.set()

    def describe(self) -> dict[str, Any]:
        """For the health page."""
        return {
            "service": self.name,
            "ready": self.ready,
            "drained": self.should_stop,
            "lag_records": self.lag_records,
            "partitions": {
                str(number): self._describe_part(part)
                for number, part in sorted(self.parts.items())
            },
        }

    @abstractmethod
    def _describe_part(self, part: P) -> dict[str, Any]: ...
