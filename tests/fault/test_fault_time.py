"""F18: a thousand timers come due while a part is down; a cancel from before them still counts.

Real intake moves the clock; the tests' processor reads what intake writes. A receipt carries
``wait_s``, so that all alarms are due within about a second of each other.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka.structs import ConsumerRecord

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
FEW = {"HOTLINE_MAX_IDLE_TIMERS": "40"}
"""Timers a transaction, so that order among the overdue shows."""


class Town:
    """Intake in two workers, the reminders in one, and what was published."""

    def __init__(self, lab: Lab, rng: random.Random) -> None:
        self.lab = lab
        self.rng = rng
        # Longer than the freeze of an inbox partition: it must not be taken over meanwhile.
        patient = {
            "HOTLINE_SESSION_TIMEOUT_MS": "30000",
            "HOTLINE_TRANSACTION_TIMEOUT_MS": "40000",
        }
        self.intakes = [lab.worker("intake", **patient) for _ in range(2)]
        self.reminders = lab.worker(**SOURCE, **FEW)
        self.last_due = datetime.now(UTC)
        self.tickets: list[str] = []
        self.cancelled: set[str] = set()

    @property
    def workers(self) -> list[Worker]:
        return [*self.intakes, self.reminders]

    async def receipts(self) -> None:
        """Publish a thousand alarms and wait until the reminders know them."""
        now = datetime.now(UTC)
        records = []
        for number in range(ALARMS):
            ticket = f"T{number:05d}"
            data = {"wait_s": WAIT_S, "rank": self.rng.randrange(3), "request_type": "help"}
            records.append(feed.ticket_event(ticket, "ticket.received", now, data))
            self.tickets.append(ticket)
        await self.lab.publish(INBOX, records)
        self.last_due = datetime.now(UTC) + timedelta(seconds=WAIT_S)
        await self.lab.drained("intake", INBOX)
        await self.lab.drained("reminders", TICKETS)
        assert datetime.now(UTC) < self.first_due, "too slow a machine: raise WAIT_S"

    @property
    def first_due(self) -> datetime:
        return self.last_due - timedelta(seconds=2)

    async def cancels(self) -> None:
        """Take some back, before any is due."""
        now = datetime.now(UTC)
        self.cancelled = set(self.rng.sample(self.tickets, CANCELLED))
        data = {"text": "已处理。", "resolved": True, "cancel": True}
        records = [
            feed.ticket_event(ticket, "reply.submitted", now, data)
            for ticket in sorted(self.cancelled)
        ]
        await self.lab.publish(INBOX, records)
        assert datetime.now(UTC) < self.first_due, "too slow a machine: raise WAIT_S"

    async def all_due(self) -> None:
        """Returns once the last alarm is due by the clock on the wall."""
        due = self.last_due + timedelta(seconds=0.5)
        await assert_eventually(
            lambda: datetime.now(UTC) > due, within=WAIT_S + 10, what="all alarms are due"
        )

    async def rings(self) -> dict[int, list[ConsumerRecord]]:
        """What has rung, by partition."""
        told = await self.lab.ledger.read(ALARMS_OUT)
        return {
            number: [record for record in records if b"alarm.rang" in (record.value or b"")]
            for number, records in told.items()
        }

    async def none_rang(self) -> None:
        rang = sum(map(len, (await self.rings()).values()))
        assert rang == 0, f"{rang} alarms rang although the clock could not know"

    async def all_rang(self) -> None:
        """All but the cancelled, each once, the urgent first; then the whole ledger."""
        wanted = ALARMS - CANCELLED
        await assert_eventually(
            lambda: self.count(wanted),
            within=60,
            what=f"{wanted} alarms have rung",
            every=0.3,
            unless=self.lab.died,
        )
        for worker in self.workers:
            await worker.ready()
            worker.term()
        assert [await worker.ended(30) for worker in self.workers] == [0, 0, 0]
        rung = [fact for records in (await self.rings()).values() for fact in facts(records)]
        assert {fact["subject"] for fact in rung} == set(self.tickets) - self.cancelled
        folded = await self.lab.ledger.check_reminders(
            source=TICKETS, clock=self.last_due + timedelta(seconds=1)
        )
        assert folded.rang == wanted
        self.urgent_first(folded.home, await self.rings(), folded.urgency)

    async def count(self, wanted: int) -> bool:
        return sum(map(len, (await self.rings()).values())) >= wanted

    @staticmethod
    def urgent_first(
        task_of: Callable[[str], int],
        rings: dict[int, list[ConsumerRecord]],
        urgency: Callable[[str], int],
    ) -> None:
        """Each task fired what was overdue by urgency."""
        checked = 0
        for records in rings.values():
            by_task: dict[int, list[int]] = {}
            for fact in facts(records):
                by_task.setdefault(task_of(fact["subject"]), []).append(urgency(fact["subject"]))
            for order in by_task.values():
                assert order == sorted(order), f"not the urgent first: {order}"
                checked += len(order)
        assert checked == ALARMS - CANCELLED


@asynccontextmanager
async def town(lab: Lab, rng: random.Random) -> AsyncIterator[Town]:
    """A town whose receipts are decided."""
    made = Town(lab, rng)
    for worker in made.workers:
        worker.start()
    for worker in made.workers:
        await worker.ready()
    await made.receipts()
    yield made


async def test_F18_alarms_due_while_intake_is_down(lab: Lab, rng: random.Random) -> None:
    async with town(lab, rng) as here:
        for worker in here.intakes:
            worker.kill()
        await here.cancels()
        await here.all_due()
        await here.none_rang()
        for worker in here.intakes:
            worker.start()
        await here.all_rang()


async def test_F18_alarms_due_while_one_inbox_partition_stands_still(
    lab: Lab, rng: random.Random
) -> None:
    """Half the inbox goes on and its clock with it; nobody may conclude anything from that."""
    async with town(lab, rng) as here:
        here.intakes[0].stop()
        await here.cancels()
        await here.all_due()
        await here.none_rang()
        here.intakes[0].cont()
        await here.all_rang()


async def test_F18_alarms_due_while_their_service_is_down(lab: Lab, rng: random.Random) -> None:
    async with town(lab, rng) as here:
        here.reminders.kill()
        await here.cancels()
        await here.all_due()
        await here.none_rang()
        here.reminders.start()
        await here.all_rang()


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
            for worker in here.workers:
                worker.stop()
            await here.cancels()
            cluster.brokers[0].kill()
            for worker in here.workers:
                worker.cont()
            await here.all_due()
            await asyncio.to_thread(cluster.start_broker, cluster.brokers[0])
            await here.all_rang()
    finally:
        lab.kill_all()
