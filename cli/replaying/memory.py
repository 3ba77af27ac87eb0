"""Replay through the driver: no broker, virtual time."""

from collections.abc import Callable, Sequence
from datetime import datetime

from cli.replaying.source import Recorded
from policy.bundle import Bundle
from runtime.core import AnyProcessor
from runtime.driver import Driver, Written
from runtime.processor import Record
from schemas.topics import INBOX

REPORT_EVERY = 500


def replay(
    events: Sequence[Recorded],
    processors: Sequence[AnyProcessor],
    bundle: Bundle,
    *,
    until: datetime,
    sink: Callable[[Written], None],
    progress: Callable[[int], None],
) -> None:
    """Feed the events in order, then move the clock to ``until``."""
    driver = Driver(processors, bundle, sink)
    for number, event in enumerate(events):
        key = event.subject.encode() or None
        driver.feed(Record(INBOX, 0, number, key, event.value, event.at_ms))
        if number % REPORT_EVERY == REPORT_EVERY - 1:
            progress(REPORT_EVERY)
    progress(len(events) % REPORT_EVERY)
    driver.advance(until)
    if driver.failures:
        failure = driver.failures[0]
        failure.error.add_note(
            f"{len(driver.failures)} records raised in a rule and are in the dead letters; "
            f"the first: {failure.position}, ticket {failure.subject!r}"
        )
        raise failure.error
