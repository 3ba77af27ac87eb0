"""F1–F4: workers killed, ended and frozen while they work through a backlog."""

import random
import time
from collections.abc import Sequence
from functools import partial

from runtime.engine.failpoints import POINTS
from schemas.topics import INBOX, TICKETS
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.lab import SESSION_S, Lab
from tests.kit.ledger import Watcher
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT
from tests.kit.worker import Worker

SLOW = {"HOTLINE_BATCH_MAX_RECORDS": "20"}
"""Small transactions: a backlog lasts long enough for every kill to land in it."""
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)


def owner(workers: Sequence[Worker], service: str) -> Worker | None:
    """The first that has partitions."""
    return next((worker for worker in workers if worker.partitions(service)), None)


async def kill_on_the_way(
    lab: Lab, watcher: Watcher, workers: Sequence[Worker], service: str, total: int
) -> None:
    """SIGKILL, in turn, whoever has partitions; start it again at once."""
    for index, share in enumerate(SHARES):
        await watcher.reaches(share * total)
        turn = [*workers[index % len(workers) :], *workers[: index % len(workers)]]
        victim = await assert_eventually(
            partial(owner, turn, service),
            within=60,
            what="a worker has partitions",
            every=0.02,
        )
        assert watcher.done < total, "the kill came after the end: make the backlog larger"
        victim.kill()
        print(f"killed {victim.name} at {watcher.done / total:.0%}")
        victim.start()


async def test_F1_five_kills_over_a_backlog_leave_every_effect_once(
    lab: Lab, rng: random.Random
) -> None:
    total = 12_000
    await lab.publish(ALARMS_IN, feed.alarms(total, rng))
    workers = [lab.worker(**SLOW).start() for _ in range(2)]
    async with lab.ledger.watching("reminders", ALARMS_IN, ALARMS_OUT) as watcher:
        await kill_on_the_way(lab, watcher, workers, "reminders", total)
        await lab.drained("reminders", ALARMS_IN)
    folded = await lab.ledger.check_reminders()
    watcher.check(folded.effects)
    assert len(folded.effects) == total
    assert folded.rang > 500


async def test_F1_five_kills_of_intake_and_dedup_leave_every_verdict_once(
    lab: Lab, rng: random.Random
) -> None:
    total = 6_000
    await lab.publish(INBOX, feed.city(total, rng))
    workers = [
        lab.worker("intake", "dedup", HOTLINE_STORE="rocksdb", **SLOW).start() for _ in range(2)
    ]
    async with lab.ledger.watching("intake", INBOX, TICKETS) as watcher:
        await kill_on_the_way(lab, watcher, workers, "intake", total)
        await lab.drained("intake", INBOX)
        await lab.drained("dedup", TICKETS)
    for worker in workers:
        await worker.ready()
        worker.term()
    assert [await worker.ended(30) for worker in workers] == [0, 0]
    city = await lab.ledger.check_city()
    watcher.check(city.effects)
    assert city.verdicts > 3_000


async def test_F2_killed_at_every_named_point_of_a_batch(lab: Lab, rng: random.Random) -> None:
    """One worker after the other dies at the next point; each finds what the one before left."""
    total = 0
    for index, point in enumerate((*POINTS, "")):
        records = feed.alarms(400, rng, start=total)
        await lab.publish(ALARMS_IN, records)
        total += len(records)
        worker = lab.worker(name=f"at-{point or 'none'}", HOTLINE_GROUP_INSTANCE_ID="one", **SLOW)
        if point:
            worker.start(HOTLINE_FAILPOINT=f"{point}:{rng.randrange(1, 8)}")
            assert await worker.ended(60) == -9, worker.log_tail()
        else:
            worker.start()
            await lab.drained("reminders", ALARMS_IN)
        assert worker.starts == 1, index
    folded = await lab.ledger.check_reminders()
    assert len(folded.effects) == total


async def test_F3_SIGTERM_in_the_middle_of_a_batch_ends_in_time_and_loses_nothing(
    lab: Lab, rng: random.Random
) -> None:
    total = 8_000
    await lab.publish(ALARMS_IN, feed.alarms(total, rng))
    first = lab.worker(**SLOW).start()
    async with lab.ledger.watching("reminders", ALARMS_IN, ALARMS_OUT) as watcher:
        await watcher.reaches(total / 4)
        first.term()
        assert await first.ended(30) == 0, first.log_tail()
        assert watcher.done < total, "it had nothing left to do: make the backlog larger"
        lab.worker().start()
        await lab.drained("reminders", ALARMS_IN)
    folded = await lab.ledger.check_reminders()
    watcher.check(folded.effects)
    assert len(folded.effects) == total


async def test_F4_a_frozen_worker_that_wakes_after_its_successor_commits_nothing(
    lab: Lab, rng: random.Random
) -> None:
    """It freezes where it hurts most: all is written, the commit is the next step."""
    total = 4_000
    await lab.publish(ALARMS_IN, feed.alarms(total, rng))
    zombie = lab.worker(name="zombie", **SLOW)
    point = rng.choice(("outputs-acked", "before-commit", "after-commit"))
    zombie.start(HOTLINE_FAILPOINT=f"{point}:{rng.randrange(5, 40)}:stop")
    async with lab.ledger.watching("reminders", ALARMS_IN, ALARMS_OUT) as watcher:
        await assert_eventually(
            lambda: zombie.frozen, within=60, what="the failpoint froze it", unless=zombie.died
        )
        frozen_at = time.monotonic()
        assert watcher.done < total
        successor = lab.worker(name="successor").start()
        await lab.drained("reminders", ALARMS_IN)
        await assert_eventually(
            lambda: time.monotonic() - frozen_at > 2 * SESSION_S,
            within=3 * SESSION_S,
            what="two sessions have passed",
        )
        zombie.cont()
        more = feed.alarms(1_000, rng, start=total)
        await lab.publish(ALARMS_IN, more)
        await zombie.ready()
        await lab.drained("reminders", ALARMS_IN)
    folded = await lab.ledger.check_reminders()
    watcher.check(folded.effects)
    assert len(folded.effects) == total + len(more)
    assert "task.fenced" not in successor.log_text(), "the zombie fenced its successor"
    assert (zombie.running, successor.running) == (True, True)
