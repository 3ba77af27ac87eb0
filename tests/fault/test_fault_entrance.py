"""F1, F11, F23 on the entrance over HTTP: what was answered 202 lies in the inbox, whatever dies.

A broker and a database of its own, since both are killed.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from deploy.database import migrate
from deploy.local.broker import Cluster
from deploy.local.postgres import Postgres
from deploy.topics import LOCAL, create
from schemas.topics import INBOX
from services.intake.entrance.body import BATCH
from services.intake.entrance.routes import PATH
from tests.conftest import run
from tests.kit import feed
from tests.kit.assertions import assert_eventually, lapse
from tests.kit.servers import own_cluster, own_postgres
from tests.kit.serving import Serving

BATCH_EVENTS = 50
SENDERS = 3
AGAIN_S = 0.1
"""Between attempts of a client; a real one waits as Retry-After says."""
KILLS = 5


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with own_cluster(tmp_path_factory.mktemp("entrance-kafka")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with own_postgres(tmp_path_factory.mktemp("entrance-postgres")) as server:
        run(migrate(server.dsn))
        yield server


@pytest.fixture
async def serving(
    broker: Cluster, database: Postgres, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[Serving]:
    await create(broker.bootstrap, (INBOX,), replace(LOCAL, prefix=topic_prefix))
    made = Serving(
        tmp_path,
        {
            "HOTLINE_KAFKA_BOOTSTRAP": broker.bootstrap,
            "HOTLINE_TOPIC_PREFIX": topic_prefix,
            "HOTLINE_POSTGRES_DSN": database.dsn,
            "HOTLINE_REQUEST_TIMEOUT_MS": "3000",
            "HOTLINE_HTTP_ANSWER_SECONDS": "3",
        },
    )
    await made.start().ready()
    try:
        yield made
    finally:
        made.kill()


@dataclass
class Platforms:
    """Clients that send batch after batch, each until it is answered, and note what was taken."""

    serving: Serving
    rng: random.Random
    prefix: str = ""
    number: int = 0
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    """Key of each event that was answered 202, by its id."""
    statuses: dict[int, int] = field(default_factory=dict)
    """0: no answer, the connection broke."""
    busy: int = 0
    """503 with Retry-After."""

    def next_batch(self) -> list[dict[str, Any]]:
        start, self.number = self.number, self.number + BATCH_EVENTS
        made = [
            orjson.loads(e.value or b"") for e in feed.city(BATCH_EVENTS, self.rng, start=start)
        ]
        for number, each in enumerate(made):
            # Every id once: who publishes twice has the same content, which is not the point here.
            each["id"] = f"{self.prefix}{start + number}"
        return made

    async def send(self, client: httpx.AsyncClient, batch: list[dict[str, Any]]) -> bool:
        """Whether it was answered for good."""
        try:
            answer = await client.post(
                PATH, content=orjson.dumps(batch), headers={"content-type": BATCH}
            )
        except httpx.ConnectError:  # refused: it is not there, so nothing was cut off
            return False
        except httpx.HTTPError:
            self.statuses[0] = self.statuses.get(0, 0) + 1
            return False
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
            self.busy += 1
            return False
        assert answer.status_code == 202, answer.text
        for item, event in zip(answer.json()["items"], batch, strict=True):
            assert (item["status"], item["id"]) == (202, event["id"])
            self.acknowledged[event["id"]] = event["subject"].encode()
        return True

    async def _go_on(self) -> None:
        async with self.serving.client() as client:
            while True:
                batch = self.next_batch()
                while not await self.send(client, batch):
                    await lapse(AGAIN_S)

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._go_on()) for _ in range(SENDERS)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for each in ended:
            if not isinstance(each, asyncio.CancelledError):
                raise AssertionError("a client ended") from each

    async def is_put_off(self, times: int) -> None:
        """Returns once it was answered 503 so many times more than now."""
        wanted = self.busy + times
        await assert_eventually(
            lambda: self.busy >= wanted, within=60, what="503 with Retry-After is answered"
        )

    async def takes(self, more: int) -> None:
        """Returns once so many more events are acknowledged than now."""
        wanted = len(self.acknowledged) + more
        await assert_eventually(
            lambda: len(self.acknowledged) >= wanted,
            within=90,
            what=f"{wanted} events are acknowledged",
        )


async def check(platforms: Platforms, cluster: Cluster, prefix: str) -> None:
    """The ledger of what was acknowledged against a scan of the inbox."""
    found: dict[str, tuple[bytes | None, int]] = {}
    for records in (await feed.read_topic(cluster.bootstrap, prefix + INBOX.name)).values():
        for record in records:
            found[orjson.loads(record.value)["id"]] = (record.key, record.partition)
    lost = platforms.acknowledged.keys() - found.keys()
    assert not lost, f"{len(lost)} of {len(platforms.acknowledged)} acknowledged events are lost"
    for identity, key in platforms.acknowledged.items():
        assert found[identity] == (key, feed.partition_of_text(key.decode()))
    print(f"{len(platforms.acknowledged)} acknowledged, answers {platforms.statuses}")


async def test_F1_nothing_acknowledged_is_lost_when_the_server_is_killed(
    serving: Serving, broker: Cluster, topic_prefix: str, rng: random.Random
) -> None:
    platforms = Platforms(serving, rng, topic_prefix)
    async with platforms.sending():
        for _ in range(KILLS):
            await platforms.takes(rng.randrange(200, 1_000))
            serving.kill()
            serving.start()
        await platforms.takes(500)
    assert platforms.statuses[0] > 0, "no request was cut off: kill in the middle"
    await check(platforms, broker, topic_prefix)


async def test_F11_nothing_acknowledged_is_lost_when_the_broker_is_killed(
    serving: Serving, broker: Cluster, topic_prefix: str, rng: random.Random
) -> None:
    platforms = Platforms(serving, rng, topic_prefix)
    async with platforms.sending():
        for _ in range(2):
            await platforms.takes(rng.randrange(500, 2_000))
            broker.kill()
            await platforms.is_put_off(1)
            assert not serving.healthy()
            await asyncio.to_thread(broker.start)
        await platforms.takes(500)
        await serving.ready()
    assert serving.starts == 1
    await check(platforms, broker, topic_prefix)


async def test_F23_the_database_is_down_for_a_while(
    serving: Serving,
    broker: Cluster,
    database: Postgres,
    topic_prefix: str,
    rng: random.Random,
) -> None:
    platforms = Platforms(serving, rng, topic_prefix)
    async with platforms.sending():
        await platforms.takes(500)
        database.kill()
        await platforms.is_put_off(2 * SENDERS)
        known = len(platforms.acknowledged)
        await assert_eventually(
            lambda: not serving.healthy(), within=30, what="health says that it cannot answer"
        )
        await platforms.is_put_off(2 * SENDERS)
        assert len(platforms.acknowledged) == known
        assert serving.running
        await asyncio.to_thread(database.start)
        await platforms.takes(500)
        await serving.ready()
    assert serving.starts == 1
    await check(platforms, broker, topic_prefix)
