"""What is kept of a ticket and of a citizen. Plain, bounded, encoded by the runtime."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands under one key."""

    wake_at: datetime | None = None
    """When something is due; None for never."""
