"""A worker that is started with another bundle wakes each key once, also when killed midway."""

import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.local.broker import Cluster
from policy.bundle import SHIPPED, load
from tests.kit.assertions import assert_eventually
from tests.kit.assessor import TERMS_IN, TERMS_OUT
from tests.kit.feed import alarm
from tests.kit.lab import Lab
from tests.kit.ledger import facts

TICKETS = 400
PARTITIONS = 2
BEGIN = datetime(2026, 11, 2, 2, tzinfo=UTC)
AT_START = BEGIN + timedelta(minutes=10)
"""The log's clock when the bundle is exchanged."""
BOUND_S = 60.0


def bundles(folder: Path) -> tuple[Path, Path]:
    """A city's bundle, and the same with one number of the rules edited in place."""
    before, after = folder / "before", folder / "after"
    for each in (before, after):
        shutil.copytree(SHIPPED / "cn-12345", each)
    rules = after / "rules" / "2026-01.yaml"
    text = rules.read_text(encoding="utf-8")
    assert text.count("value: 31") == 1
    rules.write_text(text.replace("value: 31", "value: 30"), "utf-8")
    return before, after


async def test_a_bundle_exchanged_at_a_restart_wakes_each_key_once(
    kafka: Cluster, topic_prefix: str, make_topics: Callable[..., tuple[str, ...]], tmp_path: Path
) -> None:
    make_topics(
        topic_prefix,
        partitions=PARTITIONS,
        services=("assessor",),
        extra=(TERMS_IN, TERMS_OUT),
    )
    lab = Lab(kafka.bootstrap, topic_prefix, tmp_path, partitions=PARTITIONS)
    before, after = bundles(tmp_path)
    new = load(after).at(BEGIN).version
    few = {"HOTLINE_MAX_IDLE_TIMERS": "10"}
    worker = lab.worker("assessor", HOTLINE_POLICY=str(before), **few)

    async def restated() -> list[dict[str, Any]]:
        read = await lab.ledger.read(TERMS_OUT)
        found = [fact for records in read.values() for fact in facts(records)]
        return [fact for fact in found if fact["type"] == "test.term.restated.v1"]

    async def as_many_as(count: int) -> bool:
        return len(await restated()) >= count

    try:
        await worker.start().ready()
        tickets = [alarm(n, f"T{n}", BEGIN) for n in range(TICKETS)]
        await lab.publish(TERMS_IN, tickets)
        await lab.drained("assessor", TERMS_IN)
        await lab.clock.say(AT_START)
        # A batch takes the clock over into the changelog: it fires these.
        nudges = [alarm(n, f"N{n}", BEGIN, wait_s=1, done=True) for n in range(20)]
        await lab.publish(TERMS_IN, nudges)
        await lab.drained("assessor", TERMS_IN)
        assert await restated() == []

        worker.term()
        await worker.ended(30)
        await worker.start(HOTLINE_POLICY=str(after)).ready()
        assert await restated() == [], "the log's clock stands where it was"

        half = AT_START + load(after).restate_over / 2
        await lab.clock.say(half)
        await assert_eventually(
            lambda: as_many_as(20), within=BOUND_S, what="some are woken", unless=worker.died
        )
        worker.kill()
        await worker.start(HOTLINE_POLICY=str(after)).ready()
        await lab.clock.say(AT_START + load(after).restate_over)
        await assert_eventually(
            lambda: as_many_as(TICKETS), within=BOUND_S, what="all are woken", unless=worker.died
        )
        found = await restated()
        assert Counter(fact["subject"] for fact in found) == Counter(
            f"T{n}" for n in range(TICKETS)
        )
        assert {fact["data"]["version"] for fact in found} == {new}
        instants = sorted(datetime.fromisoformat(fact["time"]) for fact in found)
        assert AT_START <= instants[0] < instants[-1] < AT_START + load(after).restate_over
        assert instants[-1] - instants[0] > load(after).restate_over * 0.9, "spread over the hour"
    finally:
        lab.kill_all()
