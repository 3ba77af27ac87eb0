"""The local state of one task."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, Protocol

Kind = Literal["memory", "rocksdb"]
MAX_STATE_BYTES: Final = 512 * 1024
"""Of one encoded state: the default of HOTLINE_MAX_STATE_BYTES, and of a partition of no worker."""
Clock = Callable[[], float]
"""Seconds since 1970, of the wall; only ages of files are judged by it, never rules."""


class Store(Protocol):
    """Encoded states of one partition: a copy of its changelog up to ``offset``.

    Not for threads: one task owns it. Losing it costs a recovery, never data.
    """

    @property
    def offset(self) -> int | None:
        """Changelog position it reflects: the next offset to recover from. None when empty."""

    @property
    def key_count(self) -> int:
        """How many keys it holds."""

    @property
    def size_bytes(self) -> int:
        """Bytes of keys (UTF-8) and values."""

    def get(self, key: str) -> bytes | None:
        """The encoded state, or None. Raises ``StoreCorrupt``."""

    def apply(self, changes: Mapping[str, bytes | None], offset: int) -> None:
        """Takes a batch over, and the changelog position after it, both or neither.

        None forgets a key. Raises ``StoreCorrupt``; ``ValueError`` if the position went back.
        """

    def items(self) -> Iterator[tuple[str, bytes]]:
        """All of it, in no particular order. Not to be mixed with ``apply``."""

    def caught_up(self) -> None:
        """Recovery has reached the end of the changelog; from now on each ``apply`` keeps it fresh.

        Without this the store counts as stale at the next start: a crash in the middle of a
        recovery must not make old content look new.
        """

    def close(self) -> None:
        """Leaves it for the next start. Harmless when closed."""
