"""F14: requests arrive and their answers do not; what was committed is then not known."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.broker import Cluster
from deploy.local.process import free_port
from tests.kit import feed
from tests.kit.lab import SERVICES, Lab
from tests.kit.proxy import (
    ADD_PARTITIONS,
    END_TXN,
    INIT_PRODUCER_ID,
    NAMES,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    Proxy,
)
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT


@pytest.fixture
def proxy(rng: random.Random) -> Iterator[Proxy]:
    """Passed by every worker; the tests' own clients go straight to the broker."""
    made = Proxy(free_port(), random.Random(rng.random())).start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def proxied(
    proxy: Proxy,
    tmp_path: Path,
    topic_prefix: str,
    make_topics: Callable[..., tuple[str, ...]],
) -> Iterator[Lab]:
    """A laboratory whose workers reach the broker through the proxy only."""
    cluster = Cluster.create(tmp_path / "kafka")
    cluster.brokers[0].behind = (proxy.target, proxy.port)
    cluster.start()
    lab = Lab(cluster.bootstrap, topic_prefix, tmp_path)
    lab.environ["HOTLINE_KAFKA_BOOTSTRAP"] = f"127.0.0.1:{proxy.port}"
    make_topics(
        topic_prefix,
        services=SERVICES,
        extra=(ALARMS_IN, ALARMS_OUT),
        bootstrap=cluster.bootstrap,
    )
    try:
        yield lab
    finally:
        lab.kill_all()
        cluster.kill()


@pytest.mark.parametrize("swallow", [False, True], ids=["cut", "silent"])
async def test_F14_lost_answers_lose_and_double_nothing(
    proxied: Lab, proxy: Proxy, rng: random.Random, swallow: bool
) -> None:
    """Every API of a transaction loses answers; a worker that gives up is started again."""
    total = 4_000
    await proxied.publish(ALARMS_IN, feed.alarms(total, rng))
    apis = (PRODUCE, ADD_PARTITIONS, TXN_OFFSET_COMMIT, END_TXN)
    # In silence each loss costs a time-out, so there are fewer.
    proxy.lose(*apis, chance=0.05, most=2 if swallow else 4, swallow=swallow)
    proxy.lose(INIT_PRODUCER_ID, chance=0.5, most=2, swallow=swallow)
    worker = proxied.worker(HOTLINE_BATCH_MAX_RECORDS="20").start()
    async with proxied.ledger.watching("reminders", ALARMS_IN, ALARMS_OUT) as watcher:
        await proxied.drained("reminders", ALARMS_IN)
    print("lost:", dict(proxy.lost), "starts:", worker.starts)
    folded = await proxied.ledger.check_reminders()
    watcher.check(folded.effects)
    assert len(folded.effects) == total
    assert set(proxy.lost) == set(NAMES.values())
