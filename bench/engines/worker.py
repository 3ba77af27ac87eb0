"""How the benchmarks run a processor of the project: in a worker as it is hosted in production."""

import asyncio
import os
import sys

from mode import Service

from bench.contract import ASSIGNED, READY, Orders, announce
from deploy import topics
from deploy.local.process import free_port
from deploy.topics import Layout
from runtime.core import AnyProcessor
from runtime.engine import preflight
from runtime.engine.service import Engine
from runtime.host import Built, build_app
from runtime.settings import EngineSettings

POLL_SECONDS = 0.02


class Announcer(Service):  # type: ignore[misc,unused-ignore]
    """Says when the engine beside it has its partitions, and when it has their state."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    @Service.task
    async def _watch(self) -> None:
        while not self._engine.assigned_once:
            await self.sleep(POLL_SECONDS)
        announce(ASSIGNED)
        while not self._engine.ready:
            await self.sleep(POLL_SECONDS)
        announce(READY)


def serve(orders: Orders, processor: AnyProcessor, *, topic_prefix: str, group_prefix: str) -> None:
    """Makes the topics that are missing and runs a worker until SIGTERM."""
    os.environ |= {
        "HOTLINE_KAFKA_BOOTSTRAP": orders.bootstrap,
        "HOTLINE_TOPIC_PREFIX": topic_prefix,
        "HOTLINE_GROUP_PREFIX": group_prefix,
        "HOTLINE_PARTITIONS": orders.partitions,
        "HOTLINE_DATA_DIR": orders.state_dir,
        "HOTLINE_WEB_PORT": str(free_port()),
        "HOTLINE_LOG_LEVEL": "WARNING",
    }
    layout = Layout(
        partitions=int(orders.partitions), replication=1, min_insync_replicas=1, prefix=topic_prefix
    )
    asyncio.run(topics.create(orders.bootstrap, preflight.needed(processor), layout))

    def build(_: EngineSettings) -> Built:
        return Built(processor, (Announcer,))

    sys.argv[1:] = ["worker", "--loglevel", "warn"]
    build_app({processor.name: build}).main()
