"""F16, F17, F18 with the real clocks of tickets: a breach is there iff nothing came in time (I7).

F16 moves ``hotline.clock`` itself and records events when it likes: the tests are the inbox. F17
and F18 run real intake, whose broker stamps every event.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy.local.broker import Cluster
from policy.bundle import load
from schemas.topics import INBOX, SLA, TICKETS
from services.sla.domain import Sla
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.feed import New
from tests.kit.lab import Lab
from tests.kit.ledger import facts, fold
from tests.kit.servers import own_cluster
from tests.kit.worker import Worker

MakeTopics = Callable[..., tuple[str, ...]]
TIMERS = 1_000
ENDED = 200
WAIT_S = 12.0
"""From the receipts to the deadline that all of them share: time to record them and the closes."""
URGENCIES = ("very_urgent", "urgent", "normal")
FEW = {"HOTLINE_MAX_IDLE_TIMERS": "40"}
"""Timers a transaction, so that the order among the overdue shows."""
PATIENT = {"HOTLINE_SESSION_TIMEOUT_MS": "30000", "HOTLINE_TRANSACTION_TIMEOUT_MS": "40000"}
"""A frozen inbox partition must not be taken over."""


# --- what was said ---


class Said:
    """Facts of the resolve clock, by ticket, in the order of their partition."""

    def __init__(self, told: Mapping[int, Sequence[Any]]) -> None:
        self.by_ticket: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.breaches: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.ids: Counter[str] = Counter()
        for number, records in told.items():
            for fact in facts(records):
                self.ids[fact["id"]] += 1
                if fact["data"].get("clock") == "resolve":
                    self.by_ticket[fact["subject"]].append(fact)
                    if kind(fact) == "breached":
                        self.breaches[number].append(fact)

    @property
    def breached(self) -> set[str]:
        """Tickets for which a breach was ever stated."""
        return {fact["subject"] for told in self.breaches.values() for fact in told}

    @property
    def standing(self) -> set[str]:
        """Tickets whose breach nobody withdrew."""
        return {
            ticket
            for ticket, told in self.by_ticket.items()
            if [kind(fact) for fact in told if kind(fact) in ("breached", "withdrawn")][-1:]
            == ["breached"]
        }

    def check(self) -> None:
        """I2 and I7: nothing twice, at most one breach a ticket, none before its deadline."""
        assert max(self.ids.values(), default=0) == 1, f"I2: {self.ids.most_common(1)}"
        for ticket, told in self.by_ticket.items():
            made = [fact for fact in told if kind(fact) == "breached"]
            assert len(made) <= 1, f"I7: {ticket} is breached {len(made)} times"
            for fact in made:
                deadline = datetime.fromisoformat(fact["data"]["deadline"])
                assert datetime.fromisoformat(fact["recordedtime"]) >= deadline, f"I7: {ticket}"


def kind(fact: Mapping[str, Any]) -> str:
    return str(fact["type"]).removeprefix("hotline.sla.").removesuffix(".v1")


async def said(lab: Lab) -> Said:
    return Said(await lab.ledger.read(SLA))


async def until(lab: Lab, what: str, wanted: Callable[[Said], bool], *, within: float = 90) -> Said:
    """Returns as soon as the facts are as wanted."""
    last = await said(lab)

    async def done() -> bool:
        nonlocal last
        last = await said(lab)
        return wanted(last)

    await assert_eventually(done, within=within, what=what, every=0.5, unless=lab.died)
    return last


@pytest.fixture
def town(
    kafka: Cluster, topic_prefix: str, make_topics: MakeTopics, tmp_path: Path
) -> Iterator[Lab]:
    """Topics of intake and sla on the broker that all tests share."""
    made = Lab(kafka.bootstrap, topic_prefix, tmp_path)
    make_topics(topic_prefix, services=("intake", "sla"))
    try:
        yield made
    finally:
        made.kill_all()


async def end(*workers: Worker) -> None:
    for worker in workers:
        await worker.ready()
        worker.term()
    assert [await worker.ended(30) for worker in workers] == [0] * len(workers)


# --- F16: the clock steps ---


def logged(ticket: str, number: int, what: str, recorded: datetime, **data: Any) -> New:
    """An event as intake writes it into the log."""
    record = feed.ticket_event(ticket, what, data.pop("time", recorded), data)
    assert record.value is not None
    extra = (
        f', "citizen": "anon:{ticket}", "sequence": {number}, '
        f'"recordedtime": "{recorded.isoformat()}"}}'
    )
    value = record.value.decode().rstrip().removesuffix("}") + extra
    return New(f"anon:{ticket}".encode(), value.encode())


async def test_F16_the_clock_steps_and_stands_at_the_deadline(town: Lab) -> None:
    """+1 h over a deadline before which a close was recorded; −1 h; exactly to a deadline."""
    worker = town.worker("sla", **FEW).start()
    await worker.ready()
    begin = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    due = begin + timedelta(hours=3)
    receipts = {
        name: logged(name, 1, "ticket.received", begin, due_at=due.isoformat())
        for name in ("open", "closed-before", "closed-at", "closed-after")
    }
    await town.publish(TICKETS, list(receipts.values()))
    minute = timedelta(minutes=1)
    await town.clock.say(due - 30 * minute)
    closes = [logged("closed-before", 2, "ticket.closed", due - 10 * minute)]
    await town.publish(TICKETS, closes)
    await town.drained("sla", TICKETS)
    for instant in (due, due - 60 * minute, due):
        await town.clock.say(instant)
    closes = [logged("closed-at", 2, "ticket.closed", due)]
    await town.publish(TICKETS, closes)
    await town.drained("sla", TICKETS)
    assert not (await said(town)).breached, "an event at exactly the deadline is in time"
    await town.clock.say(due + 30 * minute)
    told = await until(town, "the breaches are there", lambda one: len(one.breached) == 2)
    closes = [logged("closed-after", 2, "ticket.closed", due + 40 * minute)]
    await town.publish(TICKETS, closes)
    await town.clock.say(due - 60 * minute)
    await town.clock.say(due + 90 * minute)
    await town.drained("sla", TICKETS)
    told = await until(
        town, "the late close is met", lambda one: kind(one.by_ticket["closed-after"][-1]) == "met"
    )
    told.check()
    assert told.breached == told.standing == {"open", "closed-after"}
    assert told.by_ticket["closed-after"][-1]["data"]["late"]
    for ticket in told.breached:
        (breach,) = [each for each in told.by_ticket[ticket] if kind(each) == "breached"]
        assert datetime.fromisoformat(breach["data"]["deadline"]) == due
    await end(worker)


async def test_F16_the_hour_that_comes_twice(town: Lab) -> None:
    """01:30 of the day on which London's clocks go back: first in summer, then in winter time."""
    worker = town.worker("sla", HOTLINE_POLICY="uk-council").start()
    await worker.ready()
    begin = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    dues = {"summer": "2026-10-25T01:30:00+01:00", "winter": "2026-10-25T01:30:00+00:00"}
    await town.publish(
        TICKETS,
        [logged(name, 1, "ticket.received", begin, due_at=due) for name, due in dues.items()],
    )
    await town.clock.say(datetime(2026, 10, 25, 0, 31, tzinfo=UTC))
    first = await until(town, "the first half past one", lambda one: bool(one.breached))
    assert first.breached == {"summer"}
    await town.clock.say(datetime(2026, 10, 25, 1, 31, tzinfo=UTC))
    both = await until(town, "the second half past one", lambda one: len(one.breached) == 2)
    both.check()
    for name, due in dues.items():
        (breach,) = [each for each in both.by_ticket[name] if kind(each) == "breached"]
        assert breach["data"]["deadline"].replace("Z", "+00:00") == due
    await end(worker)


# --- F17: around a deadline ---


def ticket(name: str, at: datetime, due: datetime, urgency: str) -> New:
    data = {"due_at": due.isoformat(), "urgency": urgency, "request_type": "help"}
    return feed.ticket_event(name, "ticket.received", at, data)


async def test_F17_what_ends_a_clock_around_its_deadline(town: Lab, rng: random.Random) -> None:
    """Closes in time, on the way as the timer fires, late in the record only, and really late."""
    intake, sla = town.worker("intake"), town.worker("sla", **FEW)
    for worker in (intake, sla):
        worker.start()
    for worker in (intake, sla):
        await worker.ready()
    now = datetime.now(UTC)
    due = now + timedelta(seconds=WAIT_S)
    names = [f"F17-{number:04d}" for number in range(240)]
    await town.publish(INBOX, [ticket(name, now, due, rng.choice(URGENCIES)) for name in names])
    await town.drained("intake", INBOX)
    await town.drained("sla", TICKETS)
    early, flying, typed_late, late = (set(names[at::5]) for at in range(4))
    closed = partial_close(town)
    await closed(early, datetime.now(UTC))
    sla.stop()
    await assert_eventually(
        lambda: datetime.now(UTC) > due - timedelta(seconds=1.5),
        within=WAIT_S + 5,
        what="the deadline is near",
        every=0.02,
    )
    # The record of each lies within about a second before or after the deadline.
    for name in sorted(flying):
        await closed([name], datetime.now(UTC))
    await assert_eventually(
        lambda: datetime.now(UTC) > due + timedelta(seconds=1),
        within=10,
        what="the deadline has passed",
    )
    sla.cont()
    await until(town, "breaches", lambda one: one.breached >= (typed_late | late))
    await closed(typed_late, due - timedelta(seconds=1))
    await closed(late, due + timedelta(seconds=0.5))
    ends = early | flying | typed_late | late

    def settled(one: Said) -> bool:
        return all(kind(one.by_ticket[name][-1]) == "met" for name in ends)

    await until(town, "all closes count", settled)
    told = await until(town, "the rest is breached", lambda one: one.breached >= set(names) - ends)
    told.check()
    assert not told.breached & early
    assert told.breached >= typed_late
    assert told.standing == await missed(town, due)
    assert told.standing >= late | (set(names) - ends)
    assert not told.standing & (early | typed_late)
    await same_as_the_driver(town, [sla, intake])


def partial_close(lab: Lab) -> Callable[..., Any]:
    """Publishes closes of tickets, each happened at an instant."""

    async def closed(names: Any, when: datetime) -> None:
        records = [feed.ticket_event(name, "ticket.closed", when, {}) for name in sorted(names)]
        await lab.publish(INBOX, records)

    return closed


async def missed(lab: Lab, due: datetime) -> set[str]:
    """By the log alone: tickets that nothing closed by the deadline, by its own or its record's
    time, whichever is earlier."""
    there: set[str] = set()
    in_time: set[str] = set()
    for records in (await lab.ledger.read(TICKETS)).values():
        for event in facts(records):
            there.add(event["subject"])
            when = min(
                datetime.fromisoformat(event["time"]),
                datetime.fromisoformat(event["recordedtime"]),
            )
            if event["type"] == "hotline.ticket.closed.v1" and when <= due:
                in_time.add(event["subject"])
    return there - in_time


async def same_as_the_driver(lab: Lab, workers: Sequence[Worker]) -> None:
    """What the broker holds is what the driver says for the same log, and the batches follow."""
    await end(*workers)
    there = (await said(lab)).ids
    await lab.ledger.check_tasks("sla", TICKETS)
    await lab.ledger.check_clock()
    assert not await lab.ledger.letters()
    wanted, _ = fold(Sla, TICKETS, await lab.ledger.read(TICKETS), load("cn-12345"))
    ids = {str(orjson.loads(each.value or b"")["id"]) for each in wanted[SLA.name]}
    # The clock of the broker's run went on for longer than its last record.
    assert ids <= there.keys(), f"{len(ids - there.keys())} facts are missing"


# --- F18: downtime of each part ---


class Herd:
    """Intake in two workers, the clocks in one; a thousand tickets that share a deadline."""

    def __init__(self, lab: Lab, rng: random.Random) -> None:
        self.lab, self.rng = lab, rng
        self.intakes = [
            lab.worker("intake", HOTLINE_GROUP_INSTANCE_ID=f"intake-{n}", **PATIENT)
            for n in range(2)
        ]
        self.sla = lab.worker("sla", HOTLINE_GROUP_INSTANCE_ID="one", **FEW)
        self.rounds = 0
        self.due = datetime.now(UTC)
        self.urgency: dict[str, int] = {}
        self.names: list[str] = []
        self.must: set[str] = set()

    @property
    def workers(self) -> list[Worker]:
        return [*self.intakes, self.sla]

    async def receipts(self) -> None:
        """A thousand tickets, known to sla, all due at one instant."""
        now = datetime.now(UTC)
        self.rounds += 1
        self.due = now + timedelta(seconds=WAIT_S)
        self.names = [f"H{self.rounds}-{number:05d}" for number in range(TIMERS)]
        records = []
        for name in self.names:
            rank = self.rng.randrange(len(URGENCIES))
            self.urgency[name] = rank
            records.append(ticket(name, now, self.due, URGENCIES[rank]))
        await self.lab.publish(INBOX, records)
        await self.lab.drained("intake", INBOX)
        await self.lab.drained("sla", TICKETS)

    async def closes(self) -> None:
        """Some are closed, recorded before any is due."""
        ended = set(self.rng.sample(self.names, ENDED))
        self.must |= set(self.names) - ended
        await partial_close(self.lab)(ended, datetime.now(UTC))
        assert datetime.now(UTC) < self.due, "too slow a machine for this test: raise WAIT_S"

    async def all_due(self) -> None:
        due = self.due + timedelta(seconds=0.5)
        await assert_eventually(
            lambda: datetime.now(UTC) > due, within=WAIT_S + 10, what="all are due"
        )

    async def none_breached(self) -> None:
        early = (await said(self.lab)).breached & set(self.names)
        assert not early, f"{len(early)} breaches although the clock could not know"

    async def all_breached(self) -> None:
        await until(self.lab, "the breaches are there", lambda one: one.breached >= self.must)

    async def ends_well(self) -> None:
        told = await said(self.lab)
        told.check()
        assert told.breached == told.standing == self.must
        for made in told.breaches.values():
            by_round: dict[str, list[int]] = defaultdict(list)
            for fact in made:
                name = fact["subject"]
                by_round[name.partition("-")[0]].append(self.urgency[name])
            for order in by_round.values():
                assert order == sorted(order), "I9: not the urgent first"
        await same_as_the_driver(self.lab, self.workers)


@asynccontextmanager
async def herd(lab: Lab, rng: random.Random) -> AsyncIterator[Herd]:
    made = Herd(lab, rng)
    for worker in made.workers:
        worker.start()
    for worker in made.workers:
        await worker.ready()
    yield made


@pytest.mark.parametrize(
    "part",
    [
        "sla",
        pytest.param("intake", marks=pytest.mark.long),
        pytest.param("one inbox partition", marks=pytest.mark.long),
    ],
)
async def test_F18_deadlines_while_a_part_is_down(town: Lab, rng: random.Random, part: str) -> None:
    """The service of the clocks; intake; one inbox partition, while the others' time goes on."""
    async with herd(town, rng) as here:
        workers = {"sla": [here.sla], "intake": here.intakes}.get(part, here.intakes[:1])
        frozen = part == "one inbox partition"
        await here.receipts()
        for worker in workers:
            worker.stop() if frozen else worker.kill()
        await here.closes()
        await here.all_due()
        await here.none_breached()
        for worker in workers:
            worker.cont() if frozen else worker.start()
        await here.all_breached()
        await here.ends_well()


@pytest.mark.long
async def test_F18_deadlines_while_the_broker_is_down(
    own: Cluster, topic_prefix: str, make_topics: MakeTopics, tmp_path: Path, rng: random.Random
) -> None:
    lab = Lab(own.bootstrap, topic_prefix, tmp_path)
    make_topics(topic_prefix, services=("intake", "sla"), bootstrap=own.bootstrap)
    try:
        async with herd(lab, rng) as here:
            await here.receipts()
            for worker in here.workers:
                worker.stop()
            await here.closes()
            own.brokers[0].kill()
            for worker in here.workers:
                worker.cont()
            await here.all_due()
            await asyncio.to_thread(own.start_broker, own.brokers[0])
            await here.all_breached()
            await here.ends_well()
    finally:
        lab.kill_all()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    """A broker of the test's own, to kill."""
    with own_cluster(tmp_path / "kafka") as made:
        yield made
