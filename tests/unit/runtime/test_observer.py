"""What a task reports becomes metrics: each of them has a writer."""

import re
from pathlib import Path
from typing import Any, cast

import pytest

from policy.bundle import load
from runtime import errors, metrics
from runtime.core import Partition
from runtime.engine.observer import EngineObserver
from runtime.engine.task import Done, Task, TaskState
from runtime.metrics import CATALOG, Metric, Metrics
from tests.kit.alarms import LIMITS
from tests.kit.reminders import Reminders

ROOT = Path(__file__).resolve().parents[3]
BUNDLE = load("cn-12345")


def _sources(*packages: str, without: str) -> str:
    return "\n".join(
        path.read_text(encoding="utf-8")
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != without
    )


WRITERS = _sources("runtime", "services", without="metrics.py")
RAISERS = _sources("runtime", "services", "deploy", "cli", without="errors.py")


def a_task(number: int = 0) -> Task:
    part = Partition(Reminders(), BUNDLE, number=number)
    return Task(
        part,
        cast(Any, None),
        partitions=1,
        inputs=part.processor.inputs,
        limits=LIMITS,
        observer=EngineObserver("reminders", Metrics()),
    )


def done(**given: Any) -> Done:
    return Done(
        **{
            "records": 0,
            "timers": 0,
            "decide_seconds": 0.0,
            "commit_seconds": 0.0,
            "letters": (),
            "notes": (),
            "outputs": {},
            "timer_delay_seconds": 0.0,
            **given,
        }
    )


@pytest.mark.parametrize("metric", CATALOG, ids=lambda metric: metric.name)
def test_every_declared_metric_has_a_writer(metric: Metric) -> None:
    (constant,) = [name for name, value in vars(metrics).items() if value is metric]
    by_note = f'("{metric.name}", ('
    assert re.search(rf"\bmetrics\.{constant}\b", WRITERS) or by_note in WRITERS


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__
    ],
)
def test_every_error_is_raised_somewhere(name: str) -> None:
    assert re.search(rf"\b{name}\(", RAISERS)


def test_I13_letters_that_came_back_are_counted() -> None:
    observer = EngineObserver("reminders", Metrics())
    observer.batch_done(a_task(), done(records=5, redriven=3))
    observer.batch_done(a_task(), done(records=2))
    assert observer.metrics.read(metrics.REDRIVEN, service="reminders") == 3
    assert observer.metrics.read(metrics.RECORDS, service="reminders", partition=0) == 7


def test_a_wait_on_purpose_is_shown_with_its_reason_and_ends() -> None:
    observer = EngineObserver("reminders", Metrics())
    paused, stopped, running = a_task(0), a_task(1), a_task(2)
    paused.state = stopped.state = TaskState.PAUSED
    running.state = TaskState.RUNNING
    stopped.part.stopped = "poison: 60 of the last 100 records"

    def level(reason: str) -> float:
        return observer.metrics.read(metrics.WAITING, service="reminders", reason=reason)

    observer.waits([paused, stopped, running])
    assert (level("paused"), level("poison_stop")) == (1, 1)
    paused.state = TaskState.RUNNING
    observer.waits([paused, stopped, running])
    assert (level("paused"), level("poison_stop")) == (0, 1)


def test_a_task_that_was_given_up_is_counted() -> None:
    observer = EngineObserver("reminders", Metrics())
    observer.abandoned(a_task(2))
    assert observer.metrics.read(metrics.ABANDONED, service="reminders", partition=2) == 1
