"""The reader of ``hotline.clock`` on a real broker: it knows when it is behind, and starts anew."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer

from deploy.local.broker import Cluster
from runtime.core import to_ms
from runtime.engine.watermark import WatermarkReader
from runtime.settings import EngineSettings
from schemas.clock import ClockRecord
from schemas.topics import CLOCK
from tests.kit.assertions import assert_eventually

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


async def test_a_reader_that_is_behind_says_so_and_goes_on_after_it_is_opened_anew(
    kafka: Cluster, topic_prefix: str, make_topics: Callable[..., tuple[str, ...]]
) -> None:
    make_topics(topic_prefix, partitions=2)
    settings = EngineSettings.for_command(
        kafka_bootstrap=kafka.bootstrap, topic_prefix=topic_prefix, partitions=2
    )
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()

    async def tell(partition: int, seconds: int) -> None:
        record = ClockRecord(partition, NOON + timedelta(seconds=seconds))
        key = str(partition).encode()
        await producer.send_and_wait(settings.topic(CLOCK), record.to_bytes(), key=key)

    reader = WatermarkReader(settings)
    await reader.start()
    try:
        await tell(0, 5)
        assert await reader.poll() is None, "one inbox partition has not spoken"
        await tell(1, 3)
        watermark = await assert_eventually(reader.poll, within=20, what="both have spoken")
        assert watermark == to_ms(NOON + timedelta(seconds=3))
        assert not await reader.behind()
        await tell(1, 9)
        assert await reader.behind(), "a record lies there that nobody polled"
        await reader.reopen()

        async def at_five() -> bool:
            return await reader.poll() == to_ms(NOON + timedelta(seconds=5))

        await assert_eventually(at_five, within=20, what="the minimum of 5 s and 9 s")
        assert not await reader.behind()
    finally:
        await reader.stop()
        await producer.stop()
