"""RocksDB, for state that outgrows memory; the changelog position is in the same write batch."""

import fcntl
import shutil
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, cast

from rocksdict import Options, Rdict, WriteBatch

from runtime import log
from runtime.errors import StoreCorrupt, StoreInUse
from runtime.stores.base import Clock

_META = b"\x00meta"
_KEY = b"k"
_FORMAT = struct.Struct(">QQQ")
"""Changelog position, number of keys, bytes of keys and values."""
_DB = "db"
_STAMP = "current-at"
_STAMP_EVERY_SECONDS = 30.0
"""Larger: after a crash the store looks older than it is, by that much. Smaller: more writes."""

_log = log.get(__name__)


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    # A worker may hold dozens of partitions: keep each small (the default is 64 MiB each, doubled).
    options.set_write_buffer_size(16 * 1024 * 1024)
    options.set_max_write_buffer_number(2)
    options.set_keep_log_file_num(2)
    options.set_max_open_files(256)
    return options


class RocksStore:
    """See ``Store``. The write-ahead log is kept but not synced: the changelog is the truth."""

    def __init__(
        self, path: Path, *, max_age: timedelta = timedelta.max, now: Clock = time.time
    ) -> None:
        """Opens what lies at ``path``; what is stale or damaged is deleted first.

        Raises:
            StoreInUse: another process, or another store of this one, has it.
        """
        self._path = path
        self._now = now
        self._fresh = False
        self._current_at = self._stamped = 0.0
        path.mkdir(parents=True, exist_ok=True)
        # A lock of our own: RocksDB's comes too late, when a stale store is already deleted.
        self._lock: IO[str] | None = (path / "lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as held:
            self._lock.close()
            raise StoreInUse(str(path)) from held
        try:
            self._discard_if_stale(max_age)
            try:
                self._db: Rdict | None = self._load()
            except Exception as damage:
                _log.warning("store.rebuilt", path=str(path), damage=str(damage)[:300])
                self._delete()
                self._db = self._load()
        except BaseException:
            self._lock.close()
            raise

    def _load(self) -> Rdict:
        db = Rdict(str(self._path / _DB), _options())
        try:
            meta = db.get(_META)
            self._offset: int | None = None
            self._keys = self._bytes = 0
            if meta is not None:
                self._offset, self._keys, self._bytes = _FORMAT.unpack(meta)
        except BaseException:
            db.close()
            raise
        return db

    def _discard_if_stale(self, max_age: timedelta) -> None:
        if not (self._path / _DB).exists():
            return
        try:
            current_at = float((self._path / _STAMP).read_text())
        except (OSError, ValueError):
            _log.info("store.discarded", path=str(self._path), why="it never caught up, or broke")
            self._delete()
            return
        age_seconds = self._now() - current_at
        if age_seconds > max_age.total_seconds():
            _log.info("store.discarded", path=str(self._path), age_seconds=round(age_seconds))
            self._delete()

    @property
    def offset(self) -> int | None:
        return self._offset

    @property
    def key_count(self) -> int:
        return self._keys

    @property
    def size_bytes(self) -> int:
        return self._bytes

    def get(self, key: str) -> bytes | None:
        try:
            value = self._open.get(_KEY + key.encode())
        except Exception as damage:
            raise self._corrupt(damage) from damage
        return value if value is None else bytes(value)

    def apply(self, changes: Mapping[str, bytes | None], offset: int) -> None:
        if self._offset is not None and offset < self._offset:
            raise ValueError(f"changelog position {offset} is before {self._offset}")
        keys, size = self._keys, self._bytes
        batch = WriteBatch(raw_mode=True)
        raw = [_KEY + key.encode() for key in changes]
        try:
            # One call for all: half the cost of a get each.
            before = cast("list[bytes | None]", self._open.get(cast(Any, raw)) if raw else [])
            for key, old, value in zip(raw, before, changes.values(), strict=True):
                length = len(key) - len(_KEY)
                if old is not None:
                    keys, size = keys - 1, size - length - len(old)
                if value is not None:
                    keys, size = keys + 1, size + length + len(value)
                    batch.put(key, value)
                elif old is not None:
                    batch.delete(key)
            batch.put(_META, _FORMAT.pack(offset, keys, size))
            self._open.write(batch)
        except Exception as damage:
            raise self._corrupt(damage) from damage
        self._offset, self._keys, self._bytes = offset, keys, size
        self._current_at = self._now()
        if self._fresh and self._current_at - self._stamped > _STAMP_EVERY_SECONDS:
            self._stamp()

    def items(self) -> Iterator[tuple[str, bytes]]:
        seen = 0
        try:
            pairs = cast("Iterator[tuple[bytes, bytes]]", self._open.items(from_key=_KEY))
            for key, value in pairs:
                seen += 1
                yield key[len(_KEY) :].decode(), bytes(value)
        except Exception as damage:
            raise self._corrupt(damage) from damage
        if seen != self._keys:
            # RocksDB's iterator ends early at a damaged block, and rocksdict does not say so.
            raise self._corrupt(ValueError(f"{seen} of {self._keys} keys could be read"))

    def caught_up(self) -> None:
        self._fresh = True
        self._current_at = self._now()
        self._stamp()

    def close(self) -> None:
        if self._lock is None:
            return
        if self._db is not None:
            if self._fresh:
                self._stamp()
            self._db.close()
            self._db = None
        self._lock.close()
        self._lock = None

    @property
    def _open(self) -> Rdict:
        if self._db is None:
            raise RuntimeError(f"local store {self._path} is closed")
        return self._db

    def _stamp(self) -> None:
        """Writes when it was last current: not now, which a frozen worker (F4) would get wrong."""
        self._stamped = self._current_at
        beside = self._path / (_STAMP + ".new")
        beside.write_text(f"{self._stamped:.3f}\n")
        beside.replace(self._path / _STAMP)

    def _corrupt(self, damage: Exception) -> Exception:
        """Without its stamp the store is discarded at the next start."""
        if self._db is None:
            return damage
        self._fresh = False
        with suppress(OSError):
            (self._path / _STAMP).unlink()
        return StoreCorrupt(str(self._path), str(damage)[:300])

    def _delete(self) -> None:
        """All but the lock, which must outlive it."""
        with suppress(FileNotFoundError):
            (self._path / _STAMP).unlink()
        with suppress(FileNotFoundError):
            shutil.rmtree(self._path / _DB)
