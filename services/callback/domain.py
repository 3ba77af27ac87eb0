"""The callback processor: after each close the citizen is asked (回访, R33–R38)."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from pydantic import ValidationError

from policy.bundle import Policy
from runtime.processor import Decision, Processor, Record, Unreadable
from schemas.events import Event, parse_event
from schemas.topics import CALLBACKS, COMMANDS, INBOX, TICKETS, Topic
from services.callback.state import Kept


class Callback(Processor[Kept, Event]):
    """Callback tasks, one state per ticket and one per citizen."""

    name: ClassVar[str] = "callback"
    inputs: ClassVar[tuple[Topic, ...]] = (TICKETS,)
    outputs: ClassVar[tuple[Topic, ...]] = (CALLBACKS, COMMANDS, INBOX)
    state_type = Kept

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
        return event.subject

    def keys(self, event: Event, policy: Policy) -> tuple[str, ...]:
        """None yet: no event is of interest."""
        return ()

    def decide(
        self, states: Mapping[str, Kept | None], event: Event, now: datetime, policy: Policy
    ) -> Decision[Kept]:
        return Decision()

    def wake(self, key: str, state: Kept, due: datetime, policy: Policy) -> Decision[Kept]:
        return Decision(states={key: None})
