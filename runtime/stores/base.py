"""The local state of one task, and the one way to open it."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol

Kind = Literal["memory", "rocksdb"]
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

    def destroy(self) -> None:
        """Closes it and deletes what is on disk."""


def open_store(
    kind: Kind,
    directory: Path,
    partition: int,
    max_age: timedelta,
    *,
    now: Clock = time.time,
) -> Store:
    """The store of a partition, as it was left, or empty.

    Args:
        kind: ``memory`` starts empty each time; ``rocksdb`` keeps what is under ``directory``.
        directory: of the service; the partition gets its own inside.
        partition: number of the task.
        max_age: the changelog's ``delete.retention.ms``. What was last current longer ago is
            discarded: compaction may have dropped the tombstones of keys it still holds.
        now: the wall clock.

    Raises:
        StoreInUse: another process holds it.
    """
    if kind == "memory":
        from runtime.stores.memory import MemoryStore

        return MemoryStore()
    from runtime.stores.rocks import RocksStore

    return RocksStore(directory / f"partition-{partition}", max_age=max_age, now=now)
