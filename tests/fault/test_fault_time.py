"""F18: a thousand timers come due while a part is down; a cancel from before them still counts.

Real intake moves the clock; the tests' processor reads what intake writes. A receipt carries
``wait_s``, so that all alarms are due within about a second of each other.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from deploy.local.broker import Cluster
from schemas.topics import INBOX, TICKETS
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.lab import SERVICES, Lab
from tests.kit.ledger import facts
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT
from tests.kit.worker import Worker

ALARMS = 1_000
CANCELLED = 200
WAIT_S = 9.0
"""From a receipt to its alarm: enough for all to be decided and the cancels to be recorded."""
SOURCE = {"REMINDERS_READ_TICKETS": "1"}
"""The tests' processor behind real intake."""
CLOCK_STEPS = 3
"""In which it may catch up; in as many as there are alarms, their order would say nothing."""
Rang = tuple[int, datetime]
"""Urgency and due instant."""
FEW = {"HOTLINE_MAX_IDLE_TIMERS": "40"}
"""Timers a transaction, so that order among the overdue shows."""


class Town:
    """Intake in two workers, the reminders in one, and what was published."""

    def __init__(self, lab: Lab, rng: random.Random) -> None:
        self.lab = lab
        self.rng = rng
        # Patient: a frozen inbox partition must not be taken over. Static: a killed worker is let
        # in again at once all the same.
        patient = {
            "HOTLINE_SESSION_TIMEOUT_MS": "30000",
            "HOTLINE_TRANSACTION_TIMEOUT_MS": "40000",
        }
        self.intakes = [
            lab.worker("intake", HOTLINE_GROUP_INSTANCE_ID=f"intake-{n}", **patient)
            for n in range(2)
        ]
        self.reminders = lab.worker(HOTLINE_GROUP_INSTANCE_ID="one", **SOURCE, **FEW)
        self.rounds = 0
        self.last_due = datetime.now(UTC)
        self.tickets: list[str] = []
        self.cancelled: set[str] = set()
        self.must_ring: set[str] = set()

    @property
    def workers(self) -> list[Worker]:
        return [*self.intakes, self.reminders]

    async def receipts(self) -> None:
        """Publish a thousand alarms and wait until the reminders know them."""
        now = datetime.now(UTC)
        self.rounds += 1
        self.tickets = [f"R{self.rounds}-{number:05d}" for number in range(ALARMS)]
        records = []
        for ticket in self.tickets:
            data = {"wait_s": WAIT_S, "rank": self.rng.randrange(3), "request_type": "help"}
            records.append(feed.ticket_event(ticket, "ticket.received", now, data))
        await self.lab.publish(INBOX, records)
        self.last_due = datetime.now(UTC) + timedelta(seconds=WAIT_S)
        await self.lab.drained("intake", INBOX)
        await self.lab.drained("reminders", TICKETS)

    async def cancels(self) -> None:
        """Take some back, before any is due."""
        now = datetime.now(UTC)
        self.cancelled = set(self.rng.sample(self.tickets, CANCELLED))
        self.must_ring |= set(self.tickets) - self.cancelled
        data = {"text": "已处理。", "resolved": True, "cancel": True}
        records = [
            feed.ticket_event(ticket, "reply.submitted", now, data)
            for ticket in sorted(self.cancelled)
        ]
        await self.lab.publish(INBOX, records)
        first_due = self.last_due - timedelta(seconds=2)
        assert datetime.now(UTC) < first_due, "too slow a machine for this test: raise WAIT_S"

    async def all_due(self) -> None:
        """Returns once the last alarm is due by the clock on the wall."""
        due = self.last_due + timedelta(seconds=0.5)
        await assert_eventually(
            lambda: datetime.now(UTC) > due, within=WAIT_S + 10, what="all alarms are due"
        )

    async def rings(self) -> dict[int, list[dict[str, Any]]]:
        """What has rung, by partition."""
        told = await self.lab.ledger.read(ALARMS_OUT)
        return {
            number: [fact for fact in facts(records) if fact["type"] == "test.alarm.rang.v1"]
            for number, records in told.items()
        }

    async def rung(self) -> set[str]:
        return {fact["subject"] for told in (await self.rings()).values() for fact in told}

    async def none_rang(self) -> None:
        early = await self.rung() & set(self.tickets)
        assert not early, f"{len(early)} alarms rang although the clock could not know"

    async def all_rang(self) -> None:
        """All but the cancelled."""

        async def done() -> bool:
            return await self.rung() >= self.must_ring

        await assert_eventually(
            done, within=60, what="the alarms have rung", every=0.5, unless=self.lab.died
        )

    async def ends_well(self) -> None:
        """Nothing but what must ring rang, once, the urgent first; then the whole ledger."""
        for worker in self.workers:
            await worker.ready()
            worker.term()
        assert [await worker.ended(30) for worker in self.workers] == [0, 0, 0]
        assert await self.rung() == self.must_ring
        folded = await self.lab.ledger.check_reminders(
            source=TICKETS, clock=self.last_due + timedelta(seconds=1)
        )
        assert folded.rang == len(self.must_ring) == self.rounds * (ALARMS - CANCELLED)
        fired: dict[tuple[int, int, str], list[Rang]] = {}
        for number, told in (await self.rings()).items():
            for fact in told:
                ticket, due = fact["subject"], datetime.fromisoformat(fact["time"])
                task = number, folded.home(ticket), ticket.partition("-")[0]
                fired.setdefault(task, []).append((folded.urgency(ticket), due))
        for order in fired.values():
            urgent_first(order)


def urgent_first(order: Sequence[Rang]) -> None:
    """Whoever rang behind a less urgent one was not due yet when that rang.

    The clock may move in a step or two: what is recorded while a part is down comes before the
    first tick after it.
    """
    passed = datetime.min.replace(tzinfo=UTC)
    steps = 0
    by_urgency: dict[int, datetime] = {}
    """How far the clock was, at the least, when one of that urgency rang last."""
    for before, (urgency, due) in pairwise([(0, passed), *order]):
        steps += urgency < before[0]
        less_urgent = [at for other, at in by_urgency.items() if other > urgency]
        assert all(at <= due for at in less_urgent), f"not the urgent first: {order}"
        passed = max(passed, due)
        by_urgency[urgency] = passed
    assert steps <= CLOCK_STEPS, f"the clock moved in {steps} steps: {order}"


@asynccontextmanager
async def town(lab: Lab, rng: random.Random) -> AsyncIterator[Town]:
    """A town with all its workers ready."""
    made = Town(lab, rng)
    for worker in made.workers:
        worker.start()
    for worker in made.workers:
        await worker.ready()
    yield made


async def test_F18_alarms_due_while_a_part_is_down_ring_once_and_no_false_one(
    lab: Lab, rng: random.Random
) -> None:
    """Intake; one inbox partition (the clock of the others goes on, and says nothing); the service
    of the timers."""
    async with town(lab, rng) as here:
        both = here.intakes
        parts = (
            (both, Worker.kill, Worker.start),
            (both[:1], Worker.stop, Worker.cont),
            ([here.reminders], Worker.kill, Worker.start),
        )
        for workers, down, up in parts:
            await here.receipts()
            for worker in workers:
                down(worker)
            await here.cancels()
            await here.all_due()
            await here.none_rang()
            for worker in workers:
                up(worker)
            await here.all_rang()
        await here.ends_well()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A broker of the test's own, to kill."""
    made = Cluster.create(tmp_path / "kafka")
    made.start()
    try:
        yield made
    finally:
        made.kill()


async def test_F18_alarms_due_while_the_broker_is_down(
    cluster: Cluster,
    topic_prefix: str,
    make_topics: Callable[..., tuple[str, ...]],
    tmp_path: Path,
    rng: random.Random,
) -> None:
    lab = Lab(cluster.bootstrap, topic_prefix, tmp_path)
    extra = (ALARMS_IN, ALARMS_OUT)
    make_topics(topic_prefix, services=SERVICES, extra=extra, bootstrap=cluster.bootstrap)
    try:
        async with town(lab, rng) as here:
            await here.receipts()
            for worker in here.workers:
                worker.stop()
            await here.cancels()
            cluster.brokers[0].kill()
            for worker in here.workers:
                worker.cont()
            await here.all_due()
            await asyncio.to_thread(cluster.start_broker, cluster.brokers[0])
            await here.all_rang()
            await here.ends_well()
    finally:
        lab.kill_all()
