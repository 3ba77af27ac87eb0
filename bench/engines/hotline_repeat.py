"""The project's engine on «repeat», as a worker hosts it. Run by the harness (``contract``)."""

import asyncio
import os
import sys

from bench.contract import TOPIC_PREFIX, Orders, announce_first
from bench.engines.repeat_processor import Repeat, repeat
from bench.workload import Ticket
from deploy import topics
from deploy.local.process import free_port
from deploy.topics import Layout
from runtime.core import AnyProcessor
from runtime.engine import preflight
from runtime.host import build_app
from runtime.processor import Record
from runtime.settings import EngineSettings


class Announced(Repeat):
    """Says when the first record comes."""

    def decode(self, record: Record) -> Ticket:
        announce_first()
        return super().decode(record)


def main() -> None:
    orders = Orders.from_environ()
    processor: AnyProcessor = repeat(
        name=orders.group.removeprefix(TOPIC_PREFIX),
        input_topic=orders.input.removeprefix(TOPIC_PREFIX),
        output_topic=orders.output.removeprefix(TOPIC_PREFIX),
        base=Announced,
    )
    os.environ |= {
        "HOTLINE_KAFKA_BOOTSTRAP": orders.bootstrap,
        "HOTLINE_TOPIC_PREFIX": TOPIC_PREFIX,
        "HOTLINE_GROUP_PREFIX": "",
        "HOTLINE_PARTITIONS": orders.partitions,
        "HOTLINE_DATA_DIR": orders.state_dir,
        "HOTLINE_WEB_PORT": str(free_port()),
        "HOTLINE_LOG_LEVEL": "WARNING",
    }
    layout = Layout(
        partitions=int(orders.partitions), replication=1, min_insync_replicas=1, prefix=TOPIC_PREFIX
    )
    asyncio.run(topics.create(orders.bootstrap, preflight.needed(processor), layout))
    sys.argv[1:] = ["worker", "--loglevel", "warn"]
    build_app({processor.name: lambda settings: built(processor, settings)}).main()


def built(processor: AnyProcessor, _: EngineSettings) -> tuple[AnyProcessor, tuple[()]]:
    """The composition root: the processor, and nothing beside it."""
    return processor, ()


if __name__ == "__main__":
    main()
