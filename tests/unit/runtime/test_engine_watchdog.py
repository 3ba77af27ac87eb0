"""The watchdog of an engine: what counts as stalled, as hanging, and as fenced out."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from aiokafka import TopicPartition

from runtime.core import Partition
from runtime.engine.observer import EngineObserver
from runtime.engine.ports import Send
from runtime.engine.service import Engine
from runtime.engine.task import Task, TaskState
from runtime.engine.watchdog import hangs
from runtime.errors import FencedOut, Stalled
from runtime.metrics import FENCED, LAG, Metrics
from runtime.settings import EngineSettings
from runtime.stores.memory import MemoryStore
from schemas.topics import changelog, redrive
from tests.kit.alarms import BUNDLE, LIMITS, event
from tests.kit.reminders import ALARMS_IN, Reminders
from tests.kit.sealing import SEALER
from tests.simulation.broker import Broker, Network, SimulatedLog
from tests.simulation.loop import run

NAME = Reminders.name
INPUTS = (ALARMS_IN, redrive(NAME))
LIMIT_S = 30.0
END = {TopicPartition(ALARMS_IN.name, 0): 5}


async def until(condition: Callable[[], bool]) -> None:
    """In virtual time, which costs nothing; bounded."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(0.01)


def an_engine() -> Engine:
    settings = EngineSettings(watchdog_seconds=LIMIT_S, partitions=1)
    return Engine(Reminders(), BUNDLE, settings, sealer=SEALER, registry=Metrics())


def a_task(log: Any = None) -> Task:
    task = Task(
        Partition(Reminders(), BUNDLE, store=MemoryStore()),
        log,
        partitions=1,
        inputs=INPUTS,
        limits=LIMITS,
        observer=EngineObserver(NAME, Metrics()),
    )
    task.state = TaskState.RUNNING
    return task


def watched(engine: Engine, task: Task, *, until_s: float, end: int = 5) -> int:
    """Its lag, looked at every second."""
    lag = 0
    for second in range(int(until_s) + 1):
        lag = engine._lag_of(task, {TopicPartition(ALARMS_IN.name, 0): end}, float(second))
    return lag


def test_lag_without_progress_ends_the_worker() -> None:
    engine, task = an_engine(), a_task()
    task.progress.last_monotonic = -1.0
    assert watched(engine, task, until_s=LIMIT_S) == 5
    assert engine.metrics.read(LAG, service=NAME, topic=ALARMS_IN.name, partition=0) == 5
    with pytest.raises(Stalled, match=r"partition 0 is running, 5 records behind, for 31 s"):
        engine._lag_of(task, END, LIMIT_S + 1)


def test_a_recovery_without_progress_ends_it_as_well() -> None:
    engine, task = an_engine(), a_task()
    task.state, task.progress.last_monotonic = TaskState.RECOVERING, -1.0
    with pytest.raises(Stalled, match="is recovering"):
        watched(engine, task, until_s=2 * LIMIT_S)


def test_a_recovery_that_goes_on_is_none() -> None:
    engine, task = an_engine(), a_task()
    task.state = TaskState.RECOVERING
    for second in range(200):
        task.progress.last_monotonic = second - 0.5
        assert engine._lag_of(task, END, float(second)) == 5


def test_no_lag_is_no_stall_however_long() -> None:
    engine, task = an_engine(), a_task()
    task.positions = {ALARMS_IN.name: 5}
    assert watched(engine, task, until_s=10 * LIMIT_S) == 0


@pytest.mark.parametrize("stopped", [None, "poison: 60 of the last 100 records"])
def test_a_declared_wait_is_let_wait(stopped: str | None) -> None:
    engine, task = an_engine(), a_task()
    task.state, task.part.stopped = TaskState.PAUSED, stopped
    assert watched(engine, task, until_s=10 * LIMIT_S) == 5
    task.state = TaskState.RUNNING
    start = 10 * LIMIT_S
    assert engine._lag_of(task, END, start + LIMIT_S) == 5, "counted from the end of the wait"
    with pytest.raises(Stalled):
        engine._lag_of(task, END, start + LIMIT_S + 1)


def test_whoever_moves_is_not_stalled() -> None:
    engine, task = an_engine(), a_task()
    for second in range(200):
        task.positions = {ALARMS_IN.name: second}
        lag = engine._lag_of(task, {TopicPartition(ALARMS_IN.name, 0): 1_000}, float(second))
        assert lag == 1_000 - second


def test_batches_of_timers_alone_are_progress() -> None:
    engine, task = an_engine(), a_task()
    for second in range(200):
        task.progress.batches = second
        assert engine._lag_of(task, END, float(second)) == 5


@pytest.mark.parametrize(
    ("silent_s", "verdict"), [(0.0, False), (40.0, False), (40.1, True), (400.0, True)]
)
def test_a_loop_that_gives_no_sign_of_life_hangs(silent_s: float, verdict: bool) -> None:
    assert hangs(1_000.0 + silent_s, 1_000.0, limit_seconds=40.0) is verdict


@pytest.mark.parametrize("ours", [True, False], ids=["still ours", "revoked meanwhile"])
def test_a_fenced_task_ends_the_worker_unless_a_rebalance_took_the_partition(ours: bool) -> None:
    async def story() -> tuple[Engine, Task, float]:
        broker = Broker(Random(0))
        network = Network(Random(0), delay_s=0.0)
        loop = asyncio.get_running_loop()
        engine = an_engine()
        task = a_task(SimulatedLog(broker, network, NAME, INPUTS))
        engine.tasks = {0: task}
        life = loop.create_task(engine._run(task))
        await until(lambda: task.running and bool(task.positions))
        other = SimulatedLog(broker, network, NAME, INPUTS)
        await other.fence()
        fact = Send(changelog(NAME).name, 0, b"__other__", b"{}", 0)
        await other.commit(outputs=(), changelog=[fact], offsets={})
        task.push([event(0, "A", 0.0)])
        await until(lambda: task.fenced)
        if not ours:
            engine.tasks = {}
        since = loop.time()
        await life
        return engine, task, loop.time() - since

    engine, task, waited_s = run(story())
    assert engine.metrics.read(FENCED, service=NAME, partition=0) == 1
    assert task.fenced
    if ours:
        assert isinstance(engine.crash_reason, FencedOut)
        assert waited_s == pytest.approx(2 * engine.settings.session_timeout_ms / 1_000, abs=0.1)
    else:
        assert engine.crash_reason is None
        assert not engine.should_stop
