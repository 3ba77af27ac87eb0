"""Workers as users start, control and stop them: real processes on a real broker."""

import json
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.broker import Cluster
from schemas.topics import DEAD_LETTERS
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.lab import Lab
from tests.kit.worker import Worker

TOKEN = "a-token-of-this-test"  # noqa: S105
PARTITIONS = 2
BOUND_S = 60.0


@pytest.fixture
def lab(
    kafka: Cluster, topic_prefix: str, make_topics: Callable[..., tuple[str, ...]], tmp_path: Path
) -> Iterator[Lab]:
    """A deployment of the shipped services."""
    made = Lab(kafka.bootstrap, topic_prefix, tmp_path, partitions=PARTITIONS)
    make_topics(topic_prefix, partitions=PARTITIONS)
    try:
        yield made
    finally:
        made.kill_all()


def states(worker: Worker) -> set[str]:
    return {task["state"] for task in worker.partitions("dedup").values()}


def refused(worker: Worker, path: str, token: str = TOKEN) -> int:
    with pytest.raises(urllib.error.HTTPError) as error:
        worker.post(path, token)
    return error.value.code


async def test_a_worker_is_paused_resumed_and_drained_by_http(lab: Lab) -> None:
    one = await lab.worker("dedup", HOTLINE_CONTROL_TOKEN=TOKEN).start().ready()
    assert refused(one, "/control/pause", "wrong") == 401
    assert refused(one, "/control/explode") == 404
    assert refused(one, "/control/log-level?level=loud") == 400
    assert states(one) == {"running"}

    one.post("/control/pause", TOKEN)
    await assert_eventually(
        lambda: states(one) == {"paused"}, within=BOUND_S, what="it pauses", unless=one.died
    )
    assert one.healthy()

    two = await lab.worker("dedup").start().ready()
    assert refused(two, "/control/pause") == 403
    await assert_eventually(
        lambda: len(one.partitions("dedup")) == 1 and states(one) == {"paused"},
        within=BOUND_S,
        what="the pause outlives the rebalance",
        unless=one.died,
    )
    assert states(two) == {"running"}

    one.post("/control/resume", TOKEN)
    await assert_eventually(
        lambda: states(one) == {"running"}, within=BOUND_S, what="it goes on", unless=one.died
    )

    assert '"level": "debug"' not in one.log_text()
    one.post("/control/log-level?level=DEBUG", TOKEN)
    one.post("/control/drain", TOKEN)
    await assert_eventually(
        lambda: len(two.partitions("dedup")) == PARTITIONS and two.healthy(),
        within=BOUND_S,
        what="the other worker has all partitions",
        unless=two.died,
    )
    assert '"level": "debug"' in one.log_text()
    assert one.running
    assert not one.healthy()
    (told,) = one.health()["services"]
    assert (told["ready"], told["drained"], told["partitions"]) == (False, True, {})
    assert one.metric("hotline_partitions_assigned", service="dedup") == 0
    one.term()
    two.term()
    assert (await one.ended(BOUND_S), await two.ended(BOUND_S)) == (0, 0)


async def test_the_shipped_services_start_and_stop_as_users_do_it(lab: Lab) -> None:
    intake, dedup = lab.worker("intake"), lab.worker("dedup")
    dedup.by_faust = True
    for worker in (intake, dedup):
        worker.start()
    for worker in (intake, dedup):
        await worker.ready()
        assert worker.healthy()
    for worker in (intake, dedup):
        worker.term()
    assert [await worker.ended(BOUND_S) for worker in (intake, dedup)] == [0, 0]
    assert "worker.died" not in intake.log_text() + dedup.log_text()


@pytest.mark.parametrize("by_faust", [False, True], ids=["hotline", "faust"])
async def test_F22_the_last_line_of_a_worker_that_dies_later_names_the_error(
    lab: Lab, by_faust: bool
) -> None:
    worker = lab.worker("dedup")
    worker.by_faust = by_faust
    await worker.start().ready()
    async with feed.administrating(lab.bootstrap) as admin:
        await admin.delete_topics([lab.name(DEAD_LETTERS)])
    assert await worker.ended(BOUND_S) == 1
    last = json.loads(worker.log_text().splitlines()[-1])
    assert (last["event"], last["slug"]) == ("worker.died", "topic_missing")
