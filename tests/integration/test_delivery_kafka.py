"""Deliveries on a real broker and a real database: rows are the fold of the topics (I5)."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from deploy.local.broker import Cluster
from runtime.database import Database
from runtime.delivery.rebuild import Standings, anybody_runs, left, reset
from runtime.delivery.service import Delivery
from runtime.errors import SettingsInvalid
from runtime.metrics import LAG, RECORDS, Metrics
from runtime.settings import EngineSettings
from schemas.topics import Topic
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.notebook import Notebook, folded, make_tables, positions, written
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT

WITHIN = 60.0
TOPICS = (ALARMS_IN, ALARMS_OUT)


@dataclass
class Place:
    """A broker's topics and a database of one test."""

    settings: EngineSettings
    dsn: str

    def name(self, topic: Topic) -> str:
        return self.settings.topic(topic)

    async def publish(self, records: Sequence[feed.New]) -> None:
        await feed.publish(self.settings.kafka_bootstrap, self.name(ALARMS_IN), records)

    def delivery(self, notebook: Notebook | None = None) -> Delivery:
        return Delivery(notebook or Notebook(), self.settings, registry=Metrics())

    async def expected(self) -> tuple[list[tuple[str, int, int, str]], dict[str, int]]:
        bootstrap = self.settings.kafka_bootstrap
        return folded(
            {each.name: await feed.read_topic(bootstrap, self.name(each)) for each in TOPICS}
        )

    async def filled(self, *deliveries: Delivery) -> None:
        """Returns once the tables are the fold of the topics."""
        expected = await self.expected()

        async def same() -> bool:
            lines, _ = await written(self.dsn)
            return len(lines) >= len(expected[0])

        def crashed() -> str | None:
            return next((repr(e.crash_reason) for e in deliveries if e.crash_reason), None)

        await assert_eventually(same, within=WITHIN, what="all is delivered", unless=crashed)
        assert await written(self.dsn) == expected

    @asynccontextmanager
    async def standings(self) -> AsyncIterator[Standings]:
        database = Database(self.dsn, application="test")
        async with Standings(Notebook(), self.settings, database).open() as standings:
            yield standings
        await database.close()


@asynccontextmanager
async def running(*deliveries: Delivery) -> AsyncIterator[None]:
    """Start them; stop those that started."""
    started = []
    try:
        for each in deliveries:
            started.append(each)
            await each.start()
        yield
    finally:
        for each in reversed(started):
            await each.stop()


@pytest.fixture
async def place(
    kafka: Cluster, topic_prefix: str, make_topics: Callable[..., tuple[str, ...]], dsn: str
) -> Place:
    make_topics(topic_prefix, services=(), extra=TOPICS)
    await make_tables(dsn)
    settings = EngineSettings(
        kafka_bootstrap=kafka.bootstrap,
        topic_prefix=topic_prefix,
        postgres_dsn=SecretStr(dsn),
        session_timeout_ms=3_000,
        heartbeat_interval_ms=500,
        rebalance_timeout_ms=6_000,
        batch_max_records=50,
    )
    return Place(settings, dsn)


async def test_I5_rows_are_the_fold_of_the_topics_and_a_second_worker_takes_its_share(
    place: Place,
) -> None:
    rng = random.Random(5)
    await place.publish(feed.alarms(1_500, rng))
    first, second = place.delivery(), place.delivery()
    async with running(first):
        await place.filled(first)
        await assert_eventually(lambda: first.ready, within=WITHIN, what="it is ready")
        async with running(second):
            await place.publish(feed.alarms(1_500, rng, start=1_500))
            await assert_eventually(
                lambda: len(first.lanes) == len(second.lanes) == 2 and second.ready,
                within=WITHIN,
                what="each has half",
            )
            await place.publish(feed.alarms(500, rng, start=3_000))
            await place.filled(first, second)
        await place.publish(feed.alarms(500, rng, start=3_500))
        await place.filled(first)
        taken = sum(
            each.metrics.read(RECORDS, service="notebook", partition=number)
            for each in (first, second)
            for number in range(4)
        )
        assert taken == 4_000
        await assert_eventually(
            lambda: (
                first.lag_records == 0
                and not any(
                    first.metrics.read(
                        LAG, service="notebook", topic=ALARMS_IN.name, partition=number
                    )
                    for number in range(4)
                )
            ),
            within=WITHIN,
            what="no lag is told",
        )
        await lag_tools_see(place)


async def lag_tools_see(place: Place) -> None:
    """Kafka's committed offsets follow the positions, for the tools of others."""

    async def same() -> bool:
        group = place.settings.group_id("notebook")
        told = await feed.committed(place.settings.kafka_bootstrap, group)
        return told == await positions(place.dsn)

    await assert_eventually(same, within=WITHIN, what="the offsets are told")


async def test_what_was_aborted_or_is_open_is_not_delivered(place: Place) -> None:
    """F21: read committed; the position passes the markers, and never the last stable offset."""
    producer = AIOKafkaProducer(
        bootstrap_servers=place.settings.kafka_bootstrap,
        transactional_id=place.settings.topic_prefix,
    )
    topic = place.name(ALARMS_IN)
    await producer.start()
    try:
        delivery = place.delivery()
        async with running(delivery), place.standings() as standings:
            for number, abort in enumerate((False, True, False)):
                await producer.begin_transaction()
                value = feed.alarms(1, random.Random(0), start=number)[0].value
                await producer.send_and_wait(topic, value, key=b"T", partition=0)
                await (producer.abort_transaction() if abort else producer.commit_transaction())
            await place.filled(delivery)
            await producer.begin_transaction()
            await producer.send_and_wait(topic, value, key=b"T", partition=0)

            async def passed() -> bool:
                found = {(each.topic, each.partition): each for each in await standings.now()}
                standing = found[ALARMS_IN.name, 0]
                assert standing.next_offset <= standing.end
                return standing.lag == 0 and standing.next_offset == 6

            await assert_eventually(passed, within=WITHIN, what="the markers are passed")
            assert len((await written(place.dsn))[0]) == 2
            await producer.commit_transaction()
            await place.filled(delivery)
    finally:
        await producer.stop()


async def test_a_rebuild_while_two_workers_run_fills_the_tables_again(place: Place) -> None:
    rng = random.Random(7)
    await place.publish(feed.alarms(2_000, rng))
    first, second = place.delivery(), place.delivery()
    database = Database(place.dsn, application="test")
    async with running(first, second), place.standings() as standings:
        await place.filled(first, second)
        assert await anybody_runs(Notebook(), place.settings)
        ends = await standings.ends()
        for _ in range(3):
            await reset(database, Notebook())
            assert left(await standings.now(), ends) > 0
            # The next one comes in the middle of it.
            half = sum(ends.values()) / 2

            async def under_way(half: float = half) -> bool:
                return left(await standings.now(), ends) < half

            await assert_eventually(under_way, within=WITHIN, what="half of it is filled again")
        await place.publish(feed.alarms(500, rng, start=2_000))
        await place.filled(first, second)
        assert first.crash_reason is second.crash_reason is None
        assert min(each.epoch for each in await standings.now()) > 3
    assert not await anybody_runs(Notebook(), place.settings)
    await database.close()


async def test_a_record_that_the_sink_raises_on_holds_up_its_partition_alone(place: Place) -> None:
    rng = random.Random(9)
    bad = feed.alarm(9_999, "T1", feed.BEGIN, boom=True)
    await place.publish([*feed.alarms(300, rng), bad])
    await place.publish(feed.alarms(300, rng, start=300))
    notebook = Notebook()
    delivery = place.delivery(notebook)
    number = feed.partition_of_text("T1")
    async with running(delivery):
        await assert_eventually(
            lambda: delivery.lanes and delivery.lanes[number].stopped, within=WITHIN, what="stopped"
        )
        told = delivery.describe()["partitions"][str(number)]
        assert told["state"] == "paused"
        assert "ValueError: boom at 9999 at test.alarms.in-" in told["stopped"]

        async def others() -> bool:
            at = await positions(place.dsn)
            ends = await feed.end_offsets(place.settings.kafka_bootstrap, place.name(ALARMS_IN))
            return all(
                at[place.name(ALARMS_IN), other] == ends[other]
                for other in range(4)
                if other != number
            )

        await assert_eventually(others, within=WITHIN, what="the others went on")
        notebook.fixed = True
        delivery.resume()
        await place.filled(delivery)


async def test_it_says_that_it_needs_a_database(place: Place) -> None:
    with pytest.raises(SettingsInvalid, match="HOTLINE_POSTGRES_DSN is unset"):
        Delivery(Notebook(), place.settings.model_copy(update={"postgres_dsn": None}))
