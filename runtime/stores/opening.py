"""The one way to open a store."""

import time
from datetime import timedelta
from pathlib import Path

from runtime.stores.base import Clock, Kind, Store


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
