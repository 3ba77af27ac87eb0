"""Reading ``hotline.tickets``: what every processor of it does with a record before it decides."""

from datetime import datetime

from pydantic import ValidationError

from runtime.processor import Processor, Record, S, Unreadable
from schemas.events import Event, parse_event


def logged(value: bytes) -> Event:
    """The event in a record that intake has written.

    Raises:
        Unreadable: it is none, or intake did not write it.
    """
    try:
        event = parse_event(value)
    except ValidationError as error:
        raise Unreadable("invalid", str(error)) from error
    if event.recordedtime is None:
        raise Unreadable(
            "invalid", f"recordedtime is missing on {event.identity}; only intake writes here"
        )
    return event


def recorded(event: Event) -> datetime:
    """When intake recorded it."""
    assert event.recordedtime is not None, "``logged`` refuses it"
    return event.recordedtime


class LogReader(Processor[S, Event]):
    """Base of a processor that reads nothing but the log of events."""

    def decode(self, record: Record) -> Event:
        return logged(record.value or b"")

    def recorded_at(self, event: Event, record: Record) -> datetime:
        return recorded(event)
