"""F23, in the task: the outside is asked before the pure step and told before the commit.

While it does not answer, the task waits, says so, loses nothing and goes on by itself.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import msgspec
import pytest

from policy.bundle import Policy
from runtime import metrics
from runtime.core import Partition
from runtime.engine import failpoints
from runtime.engine.observer import UNAVAILABLE, EngineObserver
from runtime.engine.ports import Send, Unavailable
from runtime.engine.service import Engine
from runtime.engine.task import Mark, Task, TaskState
from runtime.metrics import Metrics
from runtime.processor import Decision, Record
from runtime.settings import EngineSettings
from runtime.stores.memory import MemoryStore
from schemas.dead_letter import DeadLetter, LetterId, RedriveEnd, Redriven
from schemas.topics import redrive
from tests.kit.alarms import BUNDLE, LIMITS, at_ms, event
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT, Alarm, Input, Reminders
from tests.kit.sealing import SEALER
from tests.simulation.broker import Broker, Network, SimulatedLog
from tests.simulation.loop import run
from tests.simulation.world import Silent

REDRIVE = redrive(Reminders.name)
INPUTS = (ALARMS_IN, REDRIVE)
BOUND_S = 60.0
DOWN = "PostgreSQL: ConnectionRefusedError"


class Depositing(Reminders):
    """Each decision, of an event or a timer, gives something to deposit."""

    def decide(
        self, states: Mapping[str, Alarm | None], event: Input, now: datetime, policy: Policy
    ) -> Decision[Alarm]:
        decision = super().decide(states, event, now, policy)
        return msgspec.structs.replace(decision, deposits=(event.id,))

    def wake(self, key: str, state: Alarm, due: datetime, policy: Policy) -> Decision[Alarm]:
        decision = super().wake(key, state, due, policy)
        return msgspec.structs.replace(decision, deposits=(f"timer of {key}",))


@dataclass
class Vault:
    """An outside that can be down, and keeps what it was asked and given, in order."""

    down: set[str] = field(default_factory=set)
    story: list[tuple[str, list[Any]]] = field(default_factory=list)
    tries: int = 0
    closed: bool = False

    def _do(self, what: str, items: Sequence[Any]) -> None:
        self.tries += 1
        if what in self.down:
            raise Unavailable(DOWN)
        self.story.append((what, list(items)))

    async def prepare(self, records: Sequence[Record]) -> None:
        self._do("prepare", [(each.topic.name, each.offset, each.value) for each in records])

    async def deposit(self, items: Sequence[Any]) -> None:
        self._do("deposit", items)

    async def close(self) -> None:
        self.closed = True

    def told(self, what: str) -> list[Any]:
        return [item for each, items in self.story for item in items if each == what]


class Wire(SimulatedLog):
    """A calm broker that tells the vault's story of its commits."""

    def __init__(self, broker: Broker, vault: Vault) -> None:
        super().__init__(broker, Network(Random(0), delay_s=0.0), Reminders.name, INPUTS)
        self.vault = vault

    async def commit(
        self, *, outputs: Sequence[Send], changelog: Sequence[Send], offsets: Mapping[str, int]
    ) -> int:
        end = await super().commit(outputs=outputs, changelog=changelog, offsets=offsets)
        self.vault.story.append(("commit", [len(outputs)]))
        return end


@dataclass
class Bench:
    vault: Vault = field(default_factory=Vault)
    broker: Broker = field(default_factory=lambda: Broker(Random(0)))
    observer: Silent = field(default_factory=Silent)
    runs: list["asyncio.Task[None]"] = field(default_factory=list)

    async def started(self) -> Task:
        task = Task(
            Partition(Depositing(), BUNDLE, store=MemoryStore(), sealer=SEALER),
            Wire(self.broker, self.vault),
            partitions=2,
            inputs=INPUTS,
            limits=LIMITS,
            observer=self.observer,
            outside=self.vault,
        )
        self.runs.append(asyncio.get_running_loop().create_task(task.run()))
        await until(lambda: task.running or self.runs[-1].done())
        return task

    async def stop(self, task: Task) -> None:
        task.close()
        await asyncio.wait_for(self.runs[-1], BOUND_S)

    def facts(self) -> int:
        return sum(len(self.broker.log(ALARMS_OUT.name, n).committed()) for n in (0, 1))


async def until(holds: Callable[[], bool]) -> None:
    """The only wait, in virtual time."""
    async with asyncio.timeout(BOUND_S):
        while not holds():  # noqa: ASYNC110 - virtual time costs nothing
            await asyncio.sleep(0.01)


def live(story: Callable[[Bench], Any]) -> Bench:
    bench = Bench()
    run(story(bench))
    return bench


def given(*records: Record) -> list[tuple[str, int, bytes | None]]:
    return [(each.topic.name, each.offset, each.value) for each in records]


def test_the_outside_learns_the_records_first_and_has_the_deposits_before_the_commit() -> None:
    records = [event(0, "T1", 0), event(1, "T2", 1, boom=True), event(2, "T3", 2)]

    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push(records)
        await until(lambda: task.progress.batches == 1)
        await bench.stop(task)

    vault = live(story).vault
    assert [what for what, _ in vault.story] == ["prepare", "deposit", "commit"]
    assert vault.told("prepare") == given(*records)
    assert vault.told("deposit") == ["e0", "e2"], "only of decisions that were accepted"


def test_timers_deposit_too_and_need_no_preparing() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0, wait_s=5)])
        await until(lambda: task.progress.batches == 1)
        task.note_fetched(ALARMS_IN.name, 1)
        task.mark(Mark(at_ms(10), {ALARMS_IN.name: 1, REDRIVE.name: 0}))
        await until(lambda: task.progress.batches == 2)
        await bench.stop(task)

    vault = live(story).vault
    assert [what for what, _ in vault.story] == [
        *("prepare", "deposit", "commit"),
        *("deposit", "commit"),
    ]
    assert vault.told("deposit") == ["e0", "timer of T1"]


def test_a_redriven_letter_is_prepared_as_the_original_that_decode_will_see() -> None:
    original = event(7, "T1", 3)
    letter = DeadLetter(
        service=Reminders.name,
        reason="rule_raised",
        detail="",
        topic=ALARMS_IN.name,
        partition=0,
        offset=original.offset,
        timestamp_ms=original.timestamp_ms,
        key=original.key,
        value=original.value,
        subject="T1",
    ).closed(SEALER)
    headers = Redriven.of(letter, LetterId(0, 0)).to_headers()
    end = RedriveEnd(subject="T1", letters=1).to_headers()
    back = [
        Record(REDRIVE, 0, 0, letter.key, letter.value, 0, headers),
        Record(REDRIVE, 0, 1, None, None, 0, end),
        Record(REDRIVE, 0, 2, None, b"no letter", 0),
    ]

    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push(back)
        await until(lambda: task.progress.batches == 1)
        await bench.stop(task)

    vault = live(story).vault
    assert vault.told("prepare") == given(original)
    assert vault.told("deposit") == ["e7"]


@pytest.mark.parametrize("step", ["prepare", "deposit"])
def test_F23_while_the_outside_does_not_answer_the_task_waits_and_goes_on_by_itself(
    step: str,
) -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        bench.vault.down = {step}
        task.push([event(0, "T1", 0)])
        await until(lambda: bench.vault.tries >= 4)
        assert (task.state, task.waits_for) == (TaskState.WAITING, DOWN)
        assert task.waiting, "the watchdog lets it"
        assert task.waiting_seconds >= 0
        assert task.full, "no more is fetched meanwhile"
        assert not task.idle
        assert task.buffered == 1, "what it has in hand is not done"
        assert bench.facts() == 0
        task.push([event(1, "T1", 1)])
        bench.vault.down = set()
        await until(lambda: bench.facts() == 2)
        await until(lambda: task.running)
        assert (task.waits_for, task.waiting_seconds) == (None, 0.0)
        await bench.stop(task)

    bench = live(story)
    assert bench.vault.told("deposit") == ["e0", "e1"]
    counts = bench.observer.counts
    assert (counts["wait_began"], counts["wait_ended"]) == (1, 1), "one line each, not one a try"


@pytest.mark.parametrize("step", ["prepare", "deposit"])
def test_a_task_that_is_closed_while_it_waits_ends_at_once_and_its_successor_takes_all(
    step: str,
) -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        bench.vault.down = {step}
        task.push([event(0, "T1", 0)])
        await until(lambda: task.state is TaskState.WAITING)
        await bench.stop(task)
        assert bench.facts() == 0
        bench.vault.down = set()
        successor = await bench.started()
        assert successor.positions[ALARMS_IN.name] == 0
        successor.push([event(0, "T1", 0)])
        await until(lambda: bench.facts() == 1)
        await bench.stop(successor)

    assert live(story).vault.told("deposit") == ["e0"]


def test_a_pause_ends_the_wait_for_preparing_and_the_records_come_after_it_in_order() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        bench.vault.down = {"prepare"}
        task.push([event(0, "T1", 0)])
        await until(lambda: task.state is TaskState.WAITING)
        task.push([event(1, "T1", 1)])
        task.pause()
        await until(lambda: task.state is TaskState.PAUSED)
        assert task.waits_for is None
        bench.vault.down = set()
        task.resume()
        await until(lambda: bench.facts() == 2)
        await bench.stop(task)

    assert live(story).vault.told("deposit") == ["e0", "e1"]


def test_a_pause_lets_the_batch_in_flight_be_deposited_and_committed() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        bench.vault.down = {"deposit"}
        task.push([event(0, "T1", 0)])
        await until(lambda: task.state is TaskState.WAITING)
        task.pause()
        bench.vault.down = set()
        await until(lambda: task.state is TaskState.PAUSED)
        assert bench.facts() == 1
        await bench.stop(task)

    live(story)


def test_an_error_that_does_not_pass_ends_the_worker() -> None:
    class Broken(Vault):
        async def prepare(self, records: Sequence[Record]) -> None:
            raise KeyError("a column that is not there")

    async def story(bench: Bench) -> None:
        bench.vault = Broken()
        task = await bench.started()
        task.push([event(0, "T1", 0)])
        with pytest.raises(KeyError):
            await asyncio.wait_for(bench.runs[-1], BOUND_S)

    live(story)


def test_a_worker_that_waits_says_so_in_health_and_metrics() -> None:
    bench, registry = Bench(), Metrics()
    engine = Engine(
        Depositing(),
        BUNDLE,
        EngineSettings(partitions=1),
        sealer=SEALER,
        outside=bench.vault,
        registry=registry,
    )
    engine.assigned_once = True

    async def story() -> None:
        task = await bench.started()
        task.observer = EngineObserver(Reminders.name, registry)
        engine.tasks[0] = task
        assert engine.ready
        assert engine.describe()["partitions"]["0"]["waiting"] is None
        bench.vault.down = {"prepare"}
        task.push([event(0, "T1", 0)])
        await until(lambda: task.state is TaskState.WAITING)
        assert not engine.ready
        told = engine.describe()["partitions"]["0"]
        assert (told["state"], told["waiting"]) == ("waiting", DOWN)
        engine.observer.levels(task)
        engine.observer.waits([task])
        assert registry.read(metrics.OUTSIDE_WAIT, service="reminders", partition=0) > 0
        level = registry.read(metrics.WAITING, service="reminders", reason=UNAVAILABLE)
        assert level == 1
        bench.vault.down = set()
        await until(lambda: bench.facts() == 1)
        engine.observer.levels(task)
        engine.observer.waits([task])
        assert engine.ready
        assert registry.read(metrics.OUTSIDE_WAIT, service="reminders", partition=0) == 0
        assert registry.read(metrics.WAITING, service="reminders", reason=UNAVAILABLE) == 0
        await bench.stop(task)

    run(story())


def test_the_engine_closes_its_outside() -> None:
    async def story(bench: Bench) -> None:
        engine = Engine(
            Depositing(),
            BUNDLE,
            EngineSettings(partitions=1),
            sealer=SEALER,
            outside=bench.vault,
            registry=Metrics(),
        )
        await engine.on_stop()

    assert live(story).vault.closed


def test_a_test_can_let_the_worker_die_between_deposit_and_commit() -> None:
    assert "deposited" in failpoints.POINTS
