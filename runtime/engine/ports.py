"""What a task needs of the broker, so that the simulation runs the very same task (F27)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec

from runtime.processor import Headers


class Send(msgspec.Struct, frozen=True):
    """A record of a transaction."""

    topic: str
    """Logical name, without the deployment's prefix."""
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Headers = ()


class Change(msgspec.Struct, frozen=True):
    """A committed record of the task's changelog partition."""

    key: bytes
    value: bytes | None
    offset: int


class Fenced(Exception):
    """A newer owner of the partition has started: this one must never write again."""


class OutcomeUnknown(Exception):
    """The transaction may or may not be in force; a new start with the same id settles it."""


class Unavailable(Exception):
    """Broker or database does not answer now; nothing was changed, and another try may do."""


class TaskLog(Protocol):
    """The broker, as one task of one input partition sees it.

    All but ``commit`` may raise ``Unavailable``.
    """

    async def fence(self) -> None:
        """Start the producer (anew): settle the predecessor's transaction and fence it."""

    async def commit(
        self, *, outputs: Sequence[Send], changelog: Sequence[Send], offsets: Mapping[str, int]
    ) -> int:
        """Write one transaction: outputs, changelog records, input offsets by topic.

        Returns the changelog's next offset after it. Raises ``Fenced`` or ``OutcomeUnknown``.
        """

    def changelog(self, start: int) -> AsyncIterator[Sequence[Change]]:
        """The committed changelog records from ``start`` on, in chunks, up to its present end."""

    async def committed(self) -> Mapping[str, int | None]:
        """The committed input offsets by topic; None where there is none yet."""

    async def beginning(self) -> Mapping[str, int]:
        """The first offset that each input still has."""

    def start_reading(self, positions: Mapping[str, int]) -> None:
        """Deliver the inputs from these offsets on."""

    async def close(self) -> None:
        """Stop the producer; an open transaction is left to the successor."""
