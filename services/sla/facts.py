"""What the facts of one decision have in common."""

from datetime import datetime

from msgspec import Struct

from policy.bundle import Policy
from schemas.events import Event

SERVICE = "sla"


class Occasion(Struct, frozen=True):
    """An event, or a timer, and when and under which policy it is decided."""

    ticket: str
    citizen: str
    leaf: str | None
    now: datetime
    """``recordedtime`` of the event, or the instant that came due."""
    policy: Policy
    event: Event | None = None
    """None for a timer."""

    @property
    def cause(self) -> str:
        """``causationid`` of what follows."""
        return self.event.identity if self.event else f"timer {self.now.isoformat()}"
