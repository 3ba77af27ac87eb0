"""What a task reports, as metrics and log lines: per batch, never per record."""

import time
from collections import Counter as Tally
from collections.abc import Iterable
from typing import Final

from runtime import log, metrics
from runtime.core import Failure
from runtime.engine.task import Done, Task
from runtime.metrics import CATALOG, Counter, Metrics
from runtime.processor import Note

PAUSED: Final = "paused"
POISON_STOP: Final = "poison_stop"
UNAVAILABLE: Final = "unavailable"
_COUNTERS = {metric.name: metric for metric in CATALOG if isinstance(metric, Counter)}


class EngineObserver:
    """The observer of a real worker."""

    def __init__(self, service: str, registry: Metrics) -> None:
        self.service = service
        self.metrics = registry
        self.log = log.get("hotline.engine").bind(service=service)

    def batch_done(self, task: Task, done: Done) -> None:
        add, service, number = self.metrics.add, self.service, task.number
        add(metrics.RECORDS, done.records, service=service, partition=number)
        add(metrics.BATCHES, service=service, partition=number)
        observe = self.metrics.observe
        observe(metrics.BATCH_RECORDS, done.records, service=service)
        observe(metrics.DECIDE_SECONDS, done.decide_seconds, service=service)
        observe(metrics.COMMIT_SECONDS, done.commit_seconds, service=service)
        observe(metrics.BATCH_SECONDS, done.decide_seconds + done.commit_seconds, service=service)
        for topic, count in done.outputs.items():
            add(metrics.EFFECTS, count, service=service, topic=topic)
        if done.redriven:
            add(metrics.REDRIVEN, done.redriven, service=service)
        if done.timers:
            add(metrics.TIMERS_FIRED, done.timers, service=service, partition=number)
        if done.oldest_due_ms is not None:
            late = max(0.0, time.time() - done.oldest_due_ms / 1_000)
            observe(metrics.TIMERS_LATE, late, service=service)
        for reason, count in Tally(letter.reason for letter in done.letters).items():
            add(metrics.DEAD_LETTERS, count, service=service, reason=reason)
        count_notes(self.metrics, done.notes)
        self.metrics.set(metrics.LAST_PROGRESS, time.time(), service=service)

    def rule_raised(self, task: Task, failure: Failure) -> None:
        self.log.error(
            "rule.raised",
            partition=task.number,
            position=failure.position,
            offset=failure.offset,
            trace_id=failure.trace_id,
            ticket=failure.subject,
            exc_info=failure.error,
        )

    def recovered(self, task: Task, records: int, seconds: float) -> None:
        number = task.number
        self.metrics.add(metrics.RECOVERY_RECORDS, records, service=self.service, partition=number)
        self.metrics.observe(metrics.RECOVERY_SECONDS, seconds, service=self.service)
        self.log.info(
            "task.recovered",
            partition=number,
            records=records,
            keys=0 if task.part.store is None else task.part.store.key_count,
            seconds=round(seconds, 3),
        )

    def outcome_unknown(self, task: Task, error: Exception) -> None:
        self.metrics.add(metrics.COMMIT_UNKNOWN, service=self.service, partition=task.number)
        self.log.warning("commit.outcome_unknown", partition=task.number, error=str(error))

    def deleted_unread(self, task: Task, topic: str, position: int, first: int) -> None:
        self.log.error(
            "input.deleted_unread",
            partition=task.number,
            topic=topic,
            position=position,
            first=first,
            action="retention has taken offsets that this service never read (one may be a control "
            "record): compare with the publishers' ledgers, publish again what is missing",
        )

    def stopped(self, task: Task, reason: str) -> None:
        self.log.error(
            "partition.stopped",
            partition=task.number,
            reason=reason,
            action="hotline dead-letters list; then fix, deploy, resume",
        )

    def wait_began(self, task: Task, reason: str) -> None:
        self.log.error(
            "outside.unavailable",
            partition=task.number,
            reason=reason,
            action="the partition waits, loses nothing and goes on by itself: see to the database",
        )

    def wait_ended(self, task: Task, seconds: float) -> None:
        self.log.info("outside.available", partition=task.number, seconds=round(seconds, 3))

    def abandoned(self, task: Task) -> None:
        self.metrics.add(metrics.ABANDONED, service=self.service, partition=task.number)
        self.log.warning("task.abandoned", partition=task.number, state=str(task.state))

    def waits(self, tasks: Iterable[Task]) -> None:
        """How many tasks wait on purpose, and why."""
        reasons = Tally(_reason(task) for task in tasks if task.waiting)
        for reason in (PAUSED, POISON_STOP, UNAVAILABLE):
            self.metrics.set(metrics.WAITING, reasons[reason], service=self.service, reason=reason)

    def moved(self, tasks: Iterable[Task]) -> None:
        """When the latest of them made progress, on the wall's clock."""
        latest = max((task.progress.last_monotonic for task in tasks), default=None)
        if latest is not None:
            at = time.time() - (time.monotonic() - latest)
            self.metrics.set(metrics.LAST_PROGRESS, at, service=self.service)

    def levels(self, task: Task, changelog_end: int = 0) -> None:
        """Gauges of a task, sampled now and then.

        Args:
            changelog_end: what a recovery has to reach; 0 while that is not known.
        """
        store, part, number = task.part.store, task.part, task.number
        level = self.metrics.set
        given: dict[str, str | int] = {"service": self.service, "partition": number}
        if store is not None:
            level(metrics.STATE_KEYS, store.key_count, **given)
            level(metrics.STATE_BYTES, store.size_bytes, **given)
        level(metrics.TIMERS_PENDING, part.timers, **given)
        level(metrics.TIMERS_DUE, part.overdue, **given)
        level(metrics.QUARANTINED, len(part.blocked), **given)
        level(metrics.POISON_STOP, 1 if part.stopped else 0, **given)
        level(metrics.OUTSIDE_WAIT, task.waiting_seconds, **given)
        level(metrics.RECOVERY_PROGRESS, recovery_progress(task, changelog_end), **given)
        if part.clock_ms:
            level(metrics.CLOCK, part.clock_ms / 1_000, **given)
            level(metrics.CLOCK_LAG, max(0.0, time.time() - part.clock_ms / 1_000), **given)


def count_notes(registry: Metrics, notes: Iterable[Note]) -> None:
    """Count what a committed batch noted."""
    for (name, labels), count in Tally(notes).items():
        metric = _COUNTERS[name]
        registry.add(metric, count, **dict(zip(metric.labels, labels, strict=True)))


def _reason(task: Task) -> str:
    if task.waits_for is not None:
        return UNAVAILABLE
    return POISON_STOP if task.part.stopped else PAUSED


def recovery_progress(task: Task, changelog_end: int) -> float:
    """Share of the changelog that the task's state reflects; 1 once it has begun to work."""
    if task.running or task.waiting:
        return 1.0
    return min(1.0, task.recovered / changelog_end) if changelog_end else 0.0
