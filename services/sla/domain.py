"""The SLA processor: an event or an instant in, the clocks of its ticket and facts of them out."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from pydantic import ValidationError

from policy.bundle import Policy
from runtime.processor import Decision, Processor, Record, Unreadable
from schemas.events import CallRecorded, Event, parse_event
from schemas.topics import COMMANDS, INBOX, NOTICES, SLA, TICKETS, Topic
from services.sla.facts import SERVICE
from services.sla.state import State


class Sla(Processor[State, Event]):
    """Clocks, one state per ticket."""

    name: ClassVar[str] = SERVICE
    inputs: ClassVar[tuple[Topic, ...]] = (TICKETS,)
    outputs: ClassVar[tuple[Topic, ...]] = (SLA, NOTICES, COMMANDS, INBOX)
    state_type = State

    def decode(self, record: Record) -> Event:
        try:
            event = parse_event(record.value or b"")
        except ValidationError as error:
            raise Unreadable("invalid", str(error)) from error
        if event.recordedtime is None:
            raise Unreadable(
                "invalid", f"recordedtime is missing on {event.identity}; only intake writes here"
            )
        return event

    def recorded_at(self, event: Event, record: Record) -> datetime:
        assert event.recordedtime is not None  # decode refuses it
        return event.recordedtime

    def subject(self, event: Event) -> str:
        """The ticket."""
        return ticket_of(event)

    def keys(self, event: Event, policy: Policy) -> tuple[str, ...]:
        return ()

    def decide(
        self, states: Mapping[str, State | None], event: Event, now: datetime, policy: Policy
    ) -> Decision[State]:
        return Decision()

    def wake(self, key: str, state: State, due: datetime, policy: Policy) -> Decision[State]:
        return Decision(states={key: None})


def ticket_of(event: Event) -> str:
    """The ticket that an event is about; of a call under a contact, the one it names."""
    if isinstance(event, CallRecorded) and event.data.ticket:
        return event.data.ticket
    return event.subject
