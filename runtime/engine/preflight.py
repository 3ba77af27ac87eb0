"""Before a worker starts, and while it runs: the topics are there, with the declared partitions."""

from collections.abc import Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from runtime.errors import BrokerUnreachable, TopicMissing, WrongPartitionCount
from runtime.processor import Processor
from runtime.settings import EngineSettings
from schemas.topics import CLOCK, DEAD_LETTERS, Topic, service_topics


def needed(processor: Processor[object, object]) -> tuple[Topic, ...]:  # type: ignore[type-var]
    """Every topic that a worker of this processor reads or writes."""
    own = service_topics(processor.name)
    return tuple(dict.fromkeys((*processor.inputs, *processor.outputs, CLOCK, DEAD_LETTERS, *own)))


def compare(topics: Sequence[Topic], found: Mapping[str, int], settings: EngineSettings) -> None:
    """Raises ``TopicMissing`` or ``WrongPartitionCount`` for the first topic that does not fit."""
    for topic in topics:
        name = settings.topic(topic)
        if name not in found:
            raise TopicMissing(name)
        expected = topic.partitions or settings.partitions
        if found[name] != expected:
            raise WrongPartitionCount(name, found=found[name], expected=expected)


async def at_start(topics: Sequence[Topic], settings: EngineSettings) -> None:
    """As ``check``; a broker that does not answer is ``BrokerUnreachable``."""
    try:
        await check(topics, settings)
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerUnreachable(settings.kafka_bootstrap, repr(error)) from error


async def check(topics: Sequence[Topic], settings: EngineSettings) -> None:
    """Ask the cluster, then ``compare``."""
    admin = AIOKafkaAdminClient(**settings.kafka_client_kwargs())
    try:
        await admin.start()
        names = [settings.topic(topic) for topic in topics]
        described = await admin.describe_topics(names)
    finally:
        await admin.close()
    found = {
        entry["topic"]: len(entry["partitions"]) for entry in described if not entry["error_code"]
    }
    compare(topics, found, settings)
