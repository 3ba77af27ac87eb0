"""The long suite (``make test-faults``): F1, F6–F13 on three brokers, replicated three times.

Events stream in all the while. What the log acknowledged must be there in the end, each effect
once, with workers that a supervisor starts again when they give up.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from deploy.local.broker import Broker, Cluster
from deploy.local.process import free_port
from deploy.topics import LOCAL, create, declared
from tests.kit import feed
from tests.kit.assertions import assert_eventually, lapse
from tests.kit.lab import SERVICES, Lab
from tests.kit.ledger import Watcher
from tests.kit.proxy import Proxy
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT
from tests.kit.worker import Worker

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_200)]

BROKERS = 3
HEALED_S = 180.0
"""I11: lag is 0 again within this after a fault has healed."""
CHUNK = 100
CHUNK_S = 0.2
SMALL = {"HOTLINE_BATCH_MAX_RECORDS": "50"}
TRANSACTION_LOG = "__transaction_state"
TRANSACTION_PARTITIONS = 4


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three brokers; each has a listener behind a port where a test may put a proxy."""
    cluster = Cluster.create(tmp_path_factory.mktemp("brokers"), brokers=BROKERS)
    for broker in cluster.brokers:
        broker.behind = (free_port(), free_port())
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.kill()


@dataclass
class Stream:
    """Events that keep coming, and which of them the brokers acknowledged."""

    lab: Lab
    rng: random.Random
    number: int = 0
    acknowledged: set[str] = field(default_factory=set)
    refused: int = 0

    async def run(self) -> None:
        while True:
            try:
                async with feed.producing(
                    self.lab.bootstrap, request_timeout_ms=10_000
                ) as producer:
                    while True:
                        await self._chunk(producer)
                        await lapse(CHUNK_S)
            except (KafkaError, OSError, TimeoutError):
                self.refused += 1
                await lapse(CHUNK_S)

    async def _chunk(self, producer: AIOKafkaProducer) -> None:
        # What is refused may be there all the same: its numbers are never used again.
        start, self.number = self.number, self.number + CHUNK
        records = feed.alarms(CHUNK, self.rng, start=start)
        await feed.send(producer, self.lab.name(ALARMS_IN), records)
        self.acknowledged |= {str(number) for number in range(start, start + CHUNK)}


class Trial:
    """A laboratory under load, watched."""

    def __init__(self, lab: Lab, cluster: Cluster, stream: Stream, watcher: Watcher) -> None:
        self.lab = lab
        self.cluster = cluster
        self.stream = stream
        self.watcher = watcher

    async def goes_on(self, events: int = 1_000, *, within: float = 120) -> None:
        """Returns once so many more events are committed than now."""
        await self.watcher.reaches(self.watcher.done + events, within=within)

    async def leader(self, topic: str, partition: int) -> Broker:
        async with feed.administrating(self.lab.bootstrap) as admin:
            (told,) = await admin.describe_topics([topic])
        (node,) = [p["leader"] for p in told["partitions"] if p["partition"] == partition]
        return self.broker(node)

    def broker(self, node: int) -> Broker:
        return self.cluster.brokers[node - 1]

    async def group_coordinator(self) -> Broker:
        async with feed.administrating(self.lab.bootstrap) as admin:
            node = await admin.find_coordinator(self.lab.ledger.group("reminders"))
        return self.broker(node)

    async def transaction_coordinator(self, partition: int) -> Broker:
        """Of the producer of an input partition: by the hash of its id, as Java does it."""
        name = f"{self.lab.ledger.group('reminders')}-{partition}"
        code = 0
        for character in name:
            code = (31 * code + ord(character)) & 0xFFFFFFFF
        return await self.leader(TRANSACTION_LOG, (code & 0x7FFFFFFF) % TRANSACTION_PARTITIONS)

    async def again(self, broker: Broker) -> None:
        """Start a broker that was killed or stopped."""
        await asyncio.to_thread(self.cluster.start_broker, broker)


@asynccontextmanager
async def trial(
    cluster: Cluster, prefix: str, directory: Path, rng: random.Random, *, workers: int = 2
) -> AsyncIterator[Trial]:
    """Workers under load around the body; then all is drained and the whole ledger is checked."""
    layout = replace(LOCAL, replication=3, min_insync_replicas=2, prefix=prefix)
    await create(cluster.bootstrap, (*declared(SERVICES), ALARMS_IN, ALARMS_OUT), layout)
    lab = Lab(cluster.bootstrap, prefix, directory)
    stream = Stream(lab, rng)
    try:
        for _ in range(workers):
            lab.worker(**SMALL).start()
        async with (
            lab.supervised(),
            lab.ledger.watching("reminders", ALARMS_IN, ALARMS_OUT) as watcher,
        ):
            pouring = asyncio.create_task(stream.run())
            try:
                here = Trial(lab, cluster, stream, watcher)
                await watcher.reaches(500)
                yield here
                await here.goes_on()
            finally:
                pouring.cancel()
                await asyncio.gather(pouring, return_exceptions=True)
            await lab.drained("reminders", ALARMS_IN, within=HEALED_S)
        print(
            f"{len(stream.acknowledged)} acknowledged, {stream.refused} chunks refused, "
            f"{len(watcher.samples)} looks, restarts: {lab.restarts}"
        )
        folded = await lab.ledger.check_reminders()
        watcher.check(folded.effects)
        lost = stream.acknowledged - folded.inputs.keys()
        assert not lost, f"I1: {len(lost)} acknowledged events are not in the log"
    finally:
        lab.kill_all()


Start = Callable[..., AbstractAsyncContextManager[Trial]]


@pytest.fixture
def start(brokers: Cluster, topic_prefix: str, tmp_path: Path, rng: random.Random) -> Start:
    """``start(workers=2)``: a trial on the three brokers."""
    return partial(trial, brokers, topic_prefix, tmp_path, rng)


async def test_F1_fifty_kills(start: Start, rng: random.Random) -> None:
    async with start() as here:
        for _ in range(50):
            await here.goes_on(rng.randrange(50, 600))
            victim = rng.choice(here.lab.workers)
            victim.kill()
            victim.start()


async def test_F6_a_rebalance_storm_of_two_minutes(start: Start, rng: random.Random) -> None:
    async with start() as here:
        for _ in range(40):
            running = [worker for worker in here.lab.workers if worker.running]
            idle = [worker for worker in here.lab.workers if not worker.running]
            if len(running) > 1 and (len(running) > 3 or rng.random() < 0.5):
                rng.choice((Worker.kill, Worker.term))(rng.choice(running))
            elif idle:
                rng.choice(idle).start()
            else:
                here.lab.worker(**SMALL).start()
            await lapse(3.0)
        await here.goes_on()


async def test_F7_an_idle_worker_takes_over(start: Start, rng: random.Random) -> None:
    async with start(workers=6) as here:

        def owners() -> list[Worker]:
            return [worker for worker in here.lab.workers if worker.partitions("reminders")]

        await assert_eventually(lambda: len(owners()) == 4, within=60, what="four have one each")
        owner = rng.choice(owners())
        owner.kill()
        await assert_eventually(
            lambda: len(owners()) == 4 and owner not in owners(), within=60, what="a fifth has it"
        )
        await here.goes_on()


async def test_F8_the_leader_of_a_partition_is_killed(start: Start, rng: random.Random) -> None:
    async with start() as here:
        for topic in (ALARMS_IN, ALARMS_OUT):
            leader = await here.leader(here.lab.name(topic), rng.randrange(4))
            leader.kill()
            await here.goes_on(2_000)
            await here.again(leader)


async def test_F9_the_coordinators_are_killed(start: Start, rng: random.Random) -> None:
    async with start() as here:
        coordinator = await here.group_coordinator()
        coordinator.kill()
        await here.goes_on(2_000)
        await here.again(coordinator)
        coordinator = await here.transaction_coordinator(rng.randrange(4))
        coordinator.kill()
        await here.goes_on(2_000)
        await here.again(coordinator)


async def test_F10_every_broker_is_restarted_in_turn(start: Start, brokers: Cluster) -> None:
    async with start() as here:
        for broker in brokers.brokers:
            await asyncio.to_thread(brokers.restart, broker)
            await here.goes_on()


async def test_F11_all_brokers_are_down_for_a_minute(start: Start, brokers: Cluster) -> None:
    async with start() as here:
        brokers.kill()
        await lapse(60)
        await asyncio.to_thread(brokers.start)
        await here.goes_on()


async def test_F12_a_broker_is_paused_for_fifteen_seconds(start: Start, rng: random.Random) -> None:
    async with start() as here:
        leader = await here.leader(here.lab.name(ALARMS_IN), rng.randrange(4))
        leader.pause()
        await lapse(15)
        leader.resume()
        await here.goes_on()


async def test_F13_a_slow_then_a_dead_link_to_a_broker(
    start: Start, brokers: Cluster, rng: random.Random
) -> None:
    proxies = []
    for broker in brokers.brokers:
        assert broker.behind is not None
        target, port = broker.behind
        proxies.append(Proxy(target, random.Random(rng.random()), port=port).start())
    try:
        async with start(workers=1) as here:
            bootstrap = ",".join(f"127.0.0.1:{proxy.port}" for proxy in proxies)
            far = here.lab.worker(name="far", HOTLINE_KAFKA_BOOTSTRAP=bootstrap, **SMALL)
            await far.start().ready()
            link = rng.choice(proxies)
            link.delay_s = 0.2
            await here.goes_on(3_000)
            link.delay_s = 0.0
            link.hole = True
            await lapse(20)
            link.hole = False
            await here.goes_on()
    finally:
        for proxy in proxies:
            proxy.stop()
