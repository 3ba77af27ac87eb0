"""The record of ``hotline.clock``: «inbox partition i is done up to T» (architecture: time)."""

from dataclasses import dataclass
from datetime import datetime

import msgspec


@dataclass(frozen=True, slots=True)
class ClockRecord:
    """Every event recorded in that inbox partition before ``done_up_to`` has passed intake."""

    partition: int
    done_up_to: datetime

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self)

    @staticmethod
    def from_bytes(value: bytes) -> "ClockRecord":
        """Raises ``msgspec.ValidationError`` naming the field."""
        return msgspec.json.decode(value, type=ClockRecord)
