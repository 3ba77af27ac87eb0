"""Repartition topics and several inputs on a real broker, with engines in this process."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition

from deploy.local.broker import Cluster
from runtime.core import AnyProcessor, to_ms
from runtime.driver import Driver, Written
from runtime.engine.service import Engine
from runtime.metrics import Metrics
from runtime.processor import Record
from runtime.settings import EngineSettings
from schemas.topics import CLOCK, REPARTITIONED, Topic, changelog, redrive
from tests.kit.alarms import BUNDLE
from tests.kit.assertions import assert_eventually
from tests.kit.bells import BELLS_CANCEL, BELLS_OUT, BELLS_SET, Bells, still_rung
from tests.kit.engines import crashed, running
from tests.kit.feed import BEGIN, Clock, New, alarm, partition_of_text, publish
from tests.kit.ledger import Ledger, Records, facts, fold, same
from tests.kit.sealing import SEALER
from tests.kit.streets import BY_STREET, STREETS_IN, STREETS_OUT, Counts, Streets

PARTITIONS = 4
WITHIN_S = 60.0


class Watched(Engine):
    """Notes each assignment as the group gave it."""

    def __init__(self, processor: AnyProcessor, settings: EngineSettings) -> None:
        super().__init__(processor, BUNDLE, settings, sealer=SEALER, registry=Metrics())
        self.given: list[set[TopicPartition]] = []

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.given.append(set(assigned))
        await super().on_partitions_assigned(assigned)


@pytest.fixture
def settings(kafka: Cluster, topic_prefix: str, tmp_path: Path) -> EngineSettings:
    return EngineSettings.for_command(
        kafka_bootstrap=kafka.bootstrap,
        topic_prefix=topic_prefix,
        partitions=PARTITIONS,
        data_dir=tmp_path,
    )


@pytest.fixture
def ledger(kafka: Cluster, topic_prefix: str) -> Ledger:
    return Ledger(kafka.bootstrap, topic_prefix, partitions=PARTITIONS)


def every(records: Records) -> list[dict[str, Any]]:
    """The facts of all partitions."""
    return [fact for partition in records.values() for fact in facts(partition)]


def lie_by_key(records: Records) -> int:
    """How many records there are; each lies in the partition of its own key."""
    for number, partition in records.items():
        for record in partition:
            assert partition_of_text(record.key.decode()) == number, record.key
    return sum(map(len, records.values()))


def numbers_by_street(told: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Of each street: which events, and which numbers; not which number is whose."""
    events: defaultdict[str, list[str]] = defaultdict(list)
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for fact in told:
        events[fact["data"]["street"]].append(fact["causationid"])
        numbers[fact["data"]["street"]].append(fact["data"]["number"])
    return {key: (sorted(events[key]), sorted(numbers[key])) for key in events}


async def test_a_repartition_topic_leads_from_one_service_to_the_next_as_in_the_driver(
    settings: EngineSettings, ledger: Ledger, make_topics: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REPARTITIONED, "streets", (BY_STREET,))
    make_topics(
        settings.topic_prefix, services=("streets", "counts"), extra=(STREETS_IN, STREETS_OUT)
    )
    rng, count = random.Random(5), 400
    given = [
        alarm(
            number,
            f"T{rng.randrange(90)}",
            BEGIN + timedelta(seconds=number),
            street=f"Street {rng.randrange(25)}",
        )
        for number in range(count)
    ]
    engines = [
        Engine(processor, BUNDLE, settings, sealer=SEALER, registry=Metrics())
        for processor in (Streets(), Counts())
    ]
    async with running(engines):
        await publish(settings.kafka_bootstrap, ledger.name(STREETS_IN), given)

        async def all_out() -> bool:
            return sum(map(len, (await ledger.read(STREETS_OUT)).values())) >= count

        await assert_eventually(
            all_out, within=WITHIN_S, every=0.3, what="all counted", unless=lambda: crashed(engines)
        )

    hops, told = await ledger.read(BY_STREET), await ledger.read(STREETS_OUT)
    assert (lie_by_key(hops), lie_by_key(told)) == (count, count)
    assert {record.value for part in hops.values() for record in part} == {
        new.value for new in given
    }

    # The driver, from the first topic on: streets are the same; events of several tickets meet on
    # a street in any order, so which number is whose is not.
    driven: list[Written] = []
    driver = Driver([Streets(), Counts()], BUNDLE, driven.append)
    driver.run(
        Record(STREETS_IN, 0, number, new.key, new.value, to_ms(BEGIN) + 1_000 * number)
        for number, new in enumerate(given)
    )
    expected = [
        msgspec.json.decode(each.value or b"") for each in driven if each.topic == STREETS_OUT
    ]
    same(numbers_by_street(every(told)), numbers_by_street(expected), "streets")

    # The driver, from the repartition topic as it lies on the broker on: fact by fact.
    written, states = fold(Counts, BY_STREET, hops, BUNDLE)
    assert Counter(each.value for each in written[STREETS_OUT.name]) == Counter(
        record.value for part in told.values() for record in part
    )

    # Nothing of the first is kept; the second's changelog lies by street, with the hop's partition.
    assert await ledger.check_tasks("streets", STREETS_IN) == {}
    assert await ledger.check_tasks("counts", BY_STREET) == states
    assert set(states) == set(numbers_by_street(expected))
    for number, changes in (await ledger.read(changelog("counts"))).items():
        streets = {key for change in changes if (key := change.key.decode()) in states}
        assert {partition_of_text(street) for street in streets} == ({number} if streets else set())


def bell_history(rng: random.Random, count: int) -> tuple[list[New], list[New]]:
    """Alarms, and cancels of one in three, of 40 tickets, a second apart."""
    bells, cancels = [], []
    for number in range(count):
        ticket, at = f"T{rng.randrange(40)}", BEGIN + timedelta(seconds=number)
        if rng.random() < 1 / 3:
            cancels.append(alarm(number, ticket, at, cancel=True))
        else:
            bells.append(alarm(number, ticket, at, wait_s=rng.randrange(120)))
    return bells, cancels


class At(msgspec.Struct):
    """When an input was recorded."""

    recordedtime: datetime


def recorded(new: New) -> datetime:
    return msgspec.json.decode(new.value or b"", type=At).recordedtime


def driven_bells(
    history: Iterable[tuple[Topic, New]], until_s: int
) -> tuple[set[str], dict[str, bytes]]:
    """What the driver says holds at the end, and its states."""
    told: list[dict[str, Any]] = []
    driver = Driver(
        [Bells()], BUNDLE, lambda each: told.append(msgspec.json.decode(each.value or b""))
    )
    for offset, (topic, new) in enumerate(history):
        driver.feed(Record(topic, 0, offset, new.key, new.value, to_ms(recorded(new))))
    driver.advance(BEGIN + timedelta(seconds=until_s))
    (part,) = driver.parts
    states = {key: part.load(key) for key in list(part.keys())}
    return still_rung(told), {
        key: part.codec.encode(state) for key, state in states.items() if state is not None
    }


@pytest.mark.parametrize("first", [BELLS_SET, BELLS_CANCEL], ids=lambda topic: topic.name)
async def test_two_inputs_give_the_same_once_quiet_whichever_comes_first(
    first: Topic, settings: EngineSettings, ledger: Ledger, make_topics: Any
) -> None:
    make_topics(
        settings.topic_prefix, services=("bells",), extra=(BELLS_SET, BELLS_CANCEL, BELLS_OUT)
    )
    count, until_s = 300, 1_000
    bells, cancels = bell_history(random.Random(11), count)
    lanes = {BELLS_SET: bells, BELLS_CANCEL: cancels}
    (second,) = set(lanes) - {first}
    clock = Clock(settings.kafka_bootstrap, ledger.name(CLOCK))
    engines = [Watched(Bells(), settings) for _ in range(2)]

    def at_rest(until: int) -> bool:
        tasks = [task for engine in engines for task in engine.tasks.values()]
        until_ms = to_ms(BEGIN) + until * 1_000
        return len(tasks) == PARTITIONS and all(
            task.running
            and not task.buffered
            and task.part.clock_ms >= until_ms
            and (task.part.next_due_ms or until_ms) >= until_ms
            for task in tasks
        )

    async with running(engines):
        await assert_eventually(
            lambda: all(engine.ready and len(engine.tasks) == 2 for engine in engines),
            within=WITHIN_S,
            what="two workers share the partitions",
            unless=lambda: crashed(engines),
        )
        # The clock is on when the second comes: what the first says by itself has been said.
        for topic, until in ((first, 400), (second, until_s)):
            await publish(settings.kafka_bootstrap, ledger.name(topic), lanes[topic])
            await clock.say(BEGIN + timedelta(seconds=until))
            await assert_eventually(
                partial(at_rest, until),
                within=WITHIN_S,
                what=f"quiet at {until} s",
                unless=lambda: crashed(engines),
            )
        shares = [set(engine.tasks) for engine in engines]

    names = [ledger.name(topic) for topic in (BELLS_SET, BELLS_CANCEL, redrive("bells"))]
    for engine in engines:
        for given in engine.given:
            numbers = {tp.partition for tp in given}
            assert given == {TopicPartition(name, each) for name in names for each in numbers}
    assert shares[0] | shares[1] == set(range(PARTITIONS))
    assert not shares[0] & shares[1]

    told = await ledger.read(BELLS_OUT)
    assert lie_by_key(told) > 0
    in_time = sorted(
        ((topic, new) for topic, lane in lanes.items() for new in lane),
        key=lambda each: recorded(each[1]),
    )
    rung, states = driven_bells(in_time, until_s)
    assert still_rung(every(told)) == rung
    assert await ledger.check_tasks("bells", BELLS_SET, BELLS_CANCEL) == states
    withdrawn = [fact for fact in every(told) if fact["type"] == "test.bell.withdrawn.v1"]
    assert bool(withdrawn) == (first is BELLS_SET)
