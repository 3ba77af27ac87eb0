"""Replay through the driver: no broker, virtual time."""

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
    """Feed the events in order, then move the clock to ``until``.

    What a rule raises on is in the dead letters, and the rest goes on, as through Kafka.
    """
    driver = Driver(processors, bundle, sink)
    for start in range(0, len(events), RECORDS_AT_ONCE):
        chunk = events[start : start + RECORDS_AT_ONCE]
        driver.feed_all(
            [
                Record(INBOX, 0, start + i, each.subject.encode() or None, each.value, each.at_ms)
                for i, each in enumerate(chunk)
            ]
        )
        progress(len(chunk))
    driver.advance(until)
