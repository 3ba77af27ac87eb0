"""Replay through the driver: no broker, virtual time."""

import heapq
from collections.abc import Callable, Sequence
from datetime import datetime

from cli.replaying.source import Recorded
from policy.bundle import Bundle
from runtime.core import AnyProcessor
from runtime.driver import RECORDS_AT_ONCE, Driver, Written
from runtime.processor import Record
from schemas.topics import INBOX


def replay(
    events: Sequence[Recorded],
    processors: Sequence[AnyProcessor],
    bundle: Bundle,
    *,
    until: datetime,
    sink: Callable[[Written], None],
    progress: Callable[[int], None],
) -> None:
    """Feed the events in order, then move the clock to ``until``; ``sink`` takes what comes of it
    in the order of its recorded time.

    What a rule raises on is in the dead letters, and the rest goes on, as through Kafka.
    """
    ordered = InOrder(sink)
    driver = Driver(processors, bundle, ordered.take)
    for start in range(0, len(events), RECORDS_AT_ONCE):
        chunk = events[start : start + RECORDS_AT_ONCE]
        driver.feed_all(
            [
                Record(INBOX, 0, start + i, each.subject.encode() or None, each.value, each.at_ms)
                for i, each in enumerate(chunk)
            ]
        )
        ordered.release(chunk[0].at_ms)
        progress(len(chunk))
    driver.advance(until)
    ordered.release()


class InOrder:
    """Hands on what the driver writes in the order of its time.

    A timer between two records of a chunk fires when the next chunk begins, for the clock moves
    with chunks; what it writes belongs before the second record.
    """

    def __init__(self, sink: Callable[[Written], None]) -> None:
        self._sink = sink
        self._waiting: list[tuple[int, int, Written]] = []
        self._taken = 0

    def take(self, written: Written) -> None:
        """Keep it until nothing earlier can come."""
        self._taken += 1
        heapq.heappush(self._waiting, (written.at_ms, self._taken, written))

    def release(self, before_ms: int | None = None) -> None:
        """Hand on what lies before an instant; None: all."""
        waiting = self._waiting
        while waiting and (before_ms is None or waiting[0][0] < before_ms):
            self._sink(heapq.heappop(waiting)[2])
