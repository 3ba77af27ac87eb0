"""What the tests' processor must say, in plain Python: no runtime, no store, no batches.

A ticket's events in order are all there is. An alarm rings when its instant has passed: before the
next event that was recorded after it, else when the clock passes it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """An input of the tests' processor that can be read."""

    id: str
    ticket: str
    at_ms: int
    """When it was recorded."""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is known of a ticket."""

    seen: int = 0
    last: str = ""
    wake_us: int | None = None
    """The alarm, in microseconds since 1970."""
    urgency: int = 0
    pad: int = 0
    boom_at_wake: bool = False

    @property
    def due_ms(self) -> int | None:
        """The alarm in milliseconds, rounded up: never early."""
        return None if self.wake_us is None else -(-self.wake_us // 1_000)

    def after(self, event: Event) -> "Ticket":
        """The ticket once the event is decided."""
        data, wake_us = event.data, self.wake_us
        if "wait_s" in data:
            wake_us = event.at_ms * 1_000 + round(data["wait_s"] * 1_000_000)
        if data.get("cancel"):
            wake_us = None
        return Ticket(
            self.seen + 1,
            event.id,
            wake_us,
            data.get("urgency", self.urgency),
            self.pad + data.get("pad", 0),
            data.get("boom_at_wake", self.boom_at_wake),
        )

    def rung(self) -> "Ticket":
        """The ticket once its alarm has rung."""
        return replace(self, wake_us=None)


Fact = tuple[str, str, int, int]
"""``seen`` or ``rang``, id of the event or empty, instant (ms), number of events seen."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What must have come out for a ticket, and what must be kept of it."""

    facts: Sequence[Fact]
    ticket: Ticket


def fold(events: Iterable[Event], clock_ms: int) -> Folded:
    """All events of one ticket, in order, none of which raises; the clock is at ``clock_ms``."""
    ticket = Ticket()
    facts: list[Fact] = []
    for event in events:
        for due_ms in due(ticket, event.at_ms):
            facts.append(("rang", "", due_ms, ticket.seen))
            ticket = ticket.rung()
        ticket = ticket.after(event)
        facts.append(("seen", event.id, event.at_ms, ticket.seen))
    for due_ms in due(ticket, clock_ms):
        facts.append(("rang", "", due_ms, ticket.seen))
        ticket = ticket.rung()
    return Folded(facts, ticket)


def due(ticket: Ticket, before_ms: int) -> Iterator[int]:
    """The alarm, if its instant has passed."""
    if ticket.due_ms is not None and ticket.due_ms < before_ms:
        yield ticket.due_ms
