"""What a task reports becomes metrics: each of them has a writer."""

import json
import logging
import re
import time
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from policy.bundle import load
from runtime import errors, log, metrics
from runtime.core import Failure, Partition
from runtime.engine.observer import EngineObserver
from runtime.engine.task import Done, Task, TaskState
from runtime.metrics import CATALOG, Metric, Metrics
from runtime.stores.memory import MemoryStore
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
    part = Partition(Reminders(), BUNDLE, number=number, store=MemoryStore())
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
            "oldest_due_ms": None,
            **given,
        }
    )


@pytest.mark.parametrize("metric", CATALOG, ids=lambda metric: metric.name)
def test_every_declared_metric_has_a_writer(metric: Metric) -> None:
    (constant,) = [name for name, value in vars(metrics).items() if value is metric]
    by_note = f'("{metric.name}", ('
    written = rf"\bmetrics\.{constant}\b|\(\s*{constant}\b"
    assert re.search(written, WRITERS) or by_note in WRITERS


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


@pytest.mark.parametrize(
    ("state", "end", "share"),
    [
        (TaskState.STARTING, 0, 0.0),
        (TaskState.RECOVERING, 0, 0.0),
        (TaskState.RECOVERING, 400, 0.25),
        (TaskState.RECOVERING, 100, 1.0),
        (TaskState.RECOVERING, 90, 1.0),
        (TaskState.RUNNING, 0, 1.0),
        (TaskState.PAUSED, 0, 1.0),
    ],
)
def test_I13_the_progress_of_a_recovery_is_its_share_of_the_changelog(
    state: TaskState, end: int, share: float
) -> None:
    observer, task = EngineObserver("reminders", Metrics()), a_task()
    task.state = state
    assert task.part.store is not None
    task.part.store.apply({}, 100)
    observer.levels(task, end)
    told = observer.metrics.read(metrics.RECOVERY_PROGRESS, service="reminders", partition=0)
    assert told == share


def test_I13_progress_without_a_batch_is_progress() -> None:
    observer, older, newer = EngineObserver("reminders", Metrics()), a_task(0), a_task(1)
    now = time.monotonic()
    older.progress.last_monotonic, newer.progress.last_monotonic = now - 500, now - 100

    def age() -> float:
        return time.time() - observer.metrics.read(metrics.LAST_PROGRESS, service="reminders")

    observer.moved([])
    assert observer.metrics.read(metrics.LAST_PROGRESS, service="reminders") == 0
    observer.moved([older, newer])
    assert 90 < age() < 110
    older.progress.touch()
    observer.moved([older, newer])
    assert age() < 10


def test_I13_a_timer_is_late_by_the_walls_clock() -> None:
    observer = EngineObserver("reminders", Metrics())
    due_ms = round((time.time() - 400) * 1_000)
    observer.batch_done(a_task(), done(timers=3, oldest_due_ms=due_ms))
    observer.batch_done(a_task(), done(timers=1))

    def up_to(seconds: str) -> float | None:
        given = {"service": "reminders", "le": seconds}
        return observer.metrics.registry.get_sample_value(
            "hotline_timers_late_seconds_bucket", given
        )

    assert (up_to("300.0"), up_to("900.0"), up_to("+Inf")) == (0, 1, 1)


def test_the_line_of_a_rule_that_raised_leads_to_the_record_and_its_trace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        log.configure("info", json=True)
        failure = Failure("hotline.tickets-2-17", "T1", KeyError("leaf"), offset=17, trace_id="ab")
        EngineObserver("reminders", Metrics()).rule_raised(a_task(2), failure)
        (line,) = [json.loads(each) for each in capsys.readouterr().err.splitlines()]
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()
    told = {name: line[name] for name in ("event", "partition", "offset", "trace_id", "ticket")}
    assert told == {
        "event": "rule.raised",
        "partition": 2,
        "offset": 17,
        "trace_id": "ab",
        "ticket": "T1",
    }
