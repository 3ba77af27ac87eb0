"""F21, F22: topics that are not as declared, and an upstream that aborts."""

import asyncio
import random

from aiokafka.admin import NewPartitions

from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.lab import Lab
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT
from tests.kit.worker import Worker

FAST_S = 30.0
"""For a worker to notice and end; it looks every five seconds."""


async def ends_naming(worker: Worker, slug: str) -> None:
    """It ends, not with success, and the last thing it says names the error."""
    code = await worker.ended(FAST_S)
    assert code not in (0, None), worker.log_tail()
    assert code > 0, f"it was killed by signal {-code}"
    assert slug in worker.log_tail(6_000), worker.log_tail()


async def test_F22_a_raised_partition_count_ends_the_worker_by_name(lab: Lab) -> None:
    worker = await lab.worker().start().ready()
    async with feed.administrating(lab.bootstrap) as admin:
        await admin.create_partitions({lab.name(ALARMS_OUT): NewPartitions(6)})
    await ends_naming(worker, "wrong_partition_count: topic")
    again = lab.worker(name="again").start()
    await ends_naming(again, f"{lab.name(ALARMS_OUT)!r} has 6 partitions, 4 expected")


async def test_F22_a_deleted_topic_ends_the_worker_by_name_and_so_does_a_missing_one(
    lab: Lab, rng: random.Random
) -> None:
    await lab.publish(ALARMS_IN, feed.alarms(100, rng))
    worker = await lab.worker().start().ready()
    await lab.drained("reminders", ALARMS_IN)
    topic = rng.choice((ALARMS_IN, ALARMS_OUT))
    print("deleted:", topic.name)
    async with feed.administrating(lab.bootstrap) as admin:
        await admin.delete_topics([lab.name(topic)])
    await ends_naming(worker, "topic_missing: topic")
    again = lab.worker(name="again").start()
    await ends_naming(again, f"{lab.name(topic)!r} does not exist; run `hotline topics create`")


async def test_F21_what_an_upstream_aborted_is_never_seen(lab: Lab, rng: random.Random) -> None:
    """One of two transactions is aborted, while the worker reads; one is open for a while."""
    worker = lab.worker(HOTLINE_BATCH_MAX_RECORDS="50").start()
    topic, wanted = lab.name(ALARMS_IN), 0
    async with feed.producing(lab.bootstrap, transactional_id=f"{lab.prefix}up") as upstream:
        for number in range(40):
            records = feed.alarms(50, rng, start=number * 50)
            await upstream.begin_transaction()
            await feed.send(upstream, topic, records)
            if rng.random() < 0.5:
                await upstream.abort_transaction()
            else:
                await upstream.commit_transaction()
                wanted += len(records)
    await lab.drained("reminders", ALARMS_IN)
    folded = await lab.ledger.check_reminders()
    assert len(folded.effects) == wanted
    assert worker.running


async def test_a_herd_of_timers_fires_once_each_while_events_go_on(
    lab: Lab, rng: random.Random
) -> None:
    """5,000 alarms at one instant; what arrives meanwhile does not wait for the last of them."""
    herd, others = 5_000, 4_000
    begin = feed.BEGIN
    await lab.publish(ALARMS_IN, [feed.alarm(n, f"H{n}", begin, wait_s=60) for n in range(herd)])
    worker = lab.worker(HOTLINE_MAX_IDLE_TIMERS="50", HOTLINE_BATCH_MAX_RECORDS="50").start()
    await lab.drained("reminders", ALARMS_IN)
    later = feed.seconds_after(begin, 120)
    stream = [feed.alarm(herd + n, f"O{rng.randrange(300)}", later) for n in range(others)]

    async def go_on() -> None:
        for at in range(0, others, 100):
            await lab.publish(ALARMS_IN, stream[at : at + 100])

    going = asyncio.create_task(go_on())
    await lab.clock.say(later)
    await going
    await lab.drained("reminders", ALARMS_IN)
    last = feed.seconds_after(later, 1)
    await lab.clock.say(last)
    await assert_eventually(
        lambda: worker.metric("hotline_timers_fired_total") == herd,
        within=60,
        what="all have fired",
        unless=worker.died,
    )
    await lab.drained("reminders", ALARMS_IN)
    folded = await lab.ledger.check_reminders(clock=last)
    assert folded.rang == herd
    told = await lab.ledger.read(ALARMS_OUT)
    mixed = 0
    for records in told.values():
        kinds = [b"alarm.rang" in (record.value or b"") for record in records]
        first, final = kinds.index(True), len(kinds) - kinds[::-1].index(True)
        mixed += kinds[first:final].count(False)
    assert mixed > 0, "no event passed the herd"
