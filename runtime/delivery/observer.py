"""What a lane reports, as metrics and log lines: per transaction, never per record."""

import time
from collections import Counter as Tally
from collections.abc import Iterable, Mapping

from runtime import log, metrics
from runtime.delivery.lane import Delivered, Lane
from runtime.delivery.positions import Position
from runtime.engine.observer import PAUSED, POISON_STOP, UNAVAILABLE, count_notes
from runtime.metrics import Metrics


class DeliveryObserver:
    """The observer of a real worker."""

    def __init__(self, service: str, registry: Metrics) -> None:
        self.service = service
        self.metrics = registry
        self.log = log.get("hotline.delivery").bind(service=service)

    def claimed(self, lane: Lane, held: Mapping[str, Position]) -> None:
        self.log.info(
            "lane.claimed",
            partition=lane.number,
            positions=lane.offsets,
            epochs={name: position.epoch for name, position in held.items()},
        )

    def delivered(self, lane: Lane, done: Delivered) -> None:
        add, observe, service = self.metrics.add, self.metrics.observe, self.service
        add(metrics.RECORDS, done.records, service=service, partition=lane.number)
        add(metrics.BATCHES, service=service, partition=lane.number)
        observe(metrics.BATCH_RECORDS, done.records, service=service)
        observe(metrics.COMMIT_SECONDS, done.seconds, service=service)
        observe(metrics.BATCH_SECONDS, done.seconds, service=service)
        count_notes(self.metrics, done.notes)
        self.metrics.set(metrics.LAST_PROGRESS, time.time(), service=service)

    def stopped(self, lane: Lane, position: str, error: BaseException) -> None:
        self.log.error(
            "sink.raised",
            partition=lane.number,
            position=position,
            action="the partition stands there, nothing is lost: fix and deploy, or resume",
            exc_info=error,
        )

    def deleted_unread(self, lane: Lane, topic: str, position: int, first: int) -> None:
        self.log.error(
            "input.deleted_unread",
            partition=lane.number,
            topic=topic,
            position=position,
            first=first,
            action="retention has taken offsets that were never delivered: the tables lack them",
        )

    def wait_began(self, lane: Lane, reason: str) -> None:
        self.log.error(
            "database.unavailable",
            partition=lane.number,
            reason=reason,
            action="the partition waits, loses nothing and goes on by itself: see to the database",
        )

    def wait_ended(self, lane: Lane, seconds: float) -> None:
        self.log.info("database.available", partition=lane.number, seconds=round(seconds, 3))

    def abandoned(self, lane: Lane) -> None:
        self.metrics.add(metrics.ABANDONED, service=self.service, partition=lane.number)
        self.log.warning("lane.abandoned", partition=lane.number, state=str(lane.state))

    def fenced(self, lane: Lane) -> None:
        self.metrics.add(metrics.FENCED, service=self.service, partition=lane.number)
        self.log.warning("lane.fenced", partition=lane.number)

    def levels(self, lanes: Iterable[Lane]) -> None:
        """Gauges, sampled now and then."""
        lanes = tuple(lanes)
        level, service = self.metrics.set, self.service
        for lane in lanes:
            number = lane.number
            level(metrics.POISON_STOP, 1 if lane.stopped else 0, service=service, partition=number)
            level(metrics.OUTSIDE_WAIT, lane.waiting_seconds, service=service, partition=number)
        reasons = Tally(_reason(lane) for lane in lanes if lane.waiting)
        for reason in (PAUSED, POISON_STOP, UNAVAILABLE):
            level(metrics.WAITING, reasons[reason], service=service, reason=reason)
        latest = max((lane.progress.last_monotonic for lane in lanes), default=None)
        if latest is not None:
            at = time.time() - (time.monotonic() - latest)
            level(metrics.LAST_PROGRESS, at, service=service)


def _reason(lane: Lane) -> str:
    if lane.waits_for is not None:
        return UNAVAILABLE
    return POISON_STOP if lane.stopped else PAUSED
