"""A deployment of one test: topics under its prefix, workers, a ledger."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from schemas.topics import Topic
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.ledger import KEYS, Ledger
from tests.kit.worker import Worker

SESSION_S = 3.0
FAST = {
    "HOTLINE_SESSION_TIMEOUT_MS": f"{SESSION_S * 1000:.0f}",
    "HOTLINE_HEARTBEAT_INTERVAL_MS": "500",
    "HOTLINE_REBALANCE_TIMEOUT_MS": "6000",
    "HOTLINE_TRANSACTION_TIMEOUT_MS": "6000",
    "HOTLINE_COMMIT_TIMEOUT_S": "4",
    "HOTLINE_REQUEST_TIMEOUT_MS": "5000",
    "HOTLINE_WATCHDOG_SECONDS": "30",
}
"""Time-outs of the short tests: the relations of the defaults, a third of their size."""
SUPERVISOR_S = 0.5
SERVICES = ("intake", "dedup", "reminders")


class Lab:
    """Makes workers of one deployment, and ends them."""

    def __init__(
        self, bootstrap: str, prefix: str, directory: Path, *, partitions: int = 4
    ) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.directory = directory
        self.partitions = partitions
        self.ledger = Ledger(bootstrap, prefix, partitions=partitions)
        self.environ = {
            **FAST,
            "HOTLINE_KAFKA_BOOTSTRAP": bootstrap,
            "HOTLINE_TOPIC_PREFIX": prefix,
            "HOTLINE_PARTITIONS": str(partitions),
            "HOTLINE_KEYS": KEYS,
        }
        self.workers: list[Worker] = []
        self.restarts: list[str] = []
        """By the supervisor, of workers that ended by themselves."""
        self._supervisor: asyncio.Task[None] | None = None

    def worker(self, *services: str, name: str = "", **environ: str) -> Worker:
        """A worker that is not started yet."""
        made = Worker(
            services or ("reminders",),
            self.directory,
            {**self.environ, **environ},
            name=name or f"worker-{len(self.workers) + 1}",
        )
        self.workers.append(made)
        return made

    def name(self, topic: Topic) -> str:
        return self.prefix + topic.name

    @property
    def clock(self) -> feed.Clock:
        return feed.Clock(self.bootstrap, f"{self.prefix}hotline.clock", partitions=self.partitions)

    async def publish(self, topic: Topic, records: Sequence[feed.New]) -> list[tuple[int, int]]:
        return await feed.publish(
            self.bootstrap, self.name(topic), records, partitions=self.partitions
        )

    @asynccontextmanager
    async def supervised(self) -> AsyncIterator[None]:
        """A supervisor beside the body: what ends by itself is started again, as in production."""
        self._supervisor = asyncio.create_task(self._supervise())
        try:
            yield
        finally:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
            self._supervisor = None

    async def _supervise(self) -> None:
        while True:
            for worker in self.workers:
                if worker.starts and not worker.running and not worker.ended_on_purpose:
                    self.restarts.append(f"{worker.name} ended with {worker.exit_code}")
                    worker.start()
            await asyncio.sleep(SUPERVISOR_S)

    def died(self) -> str | None:
        """Which worker ended although nobody ended it; for ``assert_eventually(unless=…)``."""
        if self._supervisor is not None:
            return None
        for worker in self.workers:
            if worker.starts and not worker.ended_on_purpose and (why := worker.died()):
                return why
        return None

    async def drained(self, service: str, *inputs: Topic, within: float = 90) -> None:
        """Returns once a service has committed all of its inputs."""
        await assert_eventually(
            lambda: self.ledger.drained(service, *inputs),
            within=within,
            what=f"{service} has taken all",
            every=0.3,
            unless=self.died,
        )

    def kill_all(self) -> None:
        for worker in self.workers:
            worker.cont()
            worker.kill()
