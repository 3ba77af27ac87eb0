"""RocksDB, for state that outgrows memory; the changelog position is in the same write batch."""

import shutil
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from rocksdict import Options, Rdict, WriteBatch

from runtime import log
from runtime.errors import StoreCorrupt, StoreInUse
from runtime.stores.base import Clock

_META = b"\x00meta"
_KEY = b"k"
_FORMAT = struct.Struct(">QQQ")
"""Changelog position, number of keys, bytes of keys and values."""
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

    def __init__(self, path: Path, *, now: Clock = time.time) -> None:
        """Opens what is there; ``open`` is the way in that judges age and damage first."""
        self._path = path
        self._now = now
        self._fresh = False
        self._stamped = 0.0
        self._offset: int | None = None
        self._keys = 0
        self._bytes = 0
        path.mkdir(parents=True, exist_ok=True)
        self._db: Rdict | None = Rdict(str(path / "db"), _options())
        meta = self._db.get(_META)
        if meta is not None:
            self._offset, self._keys, self._bytes = _FORMAT.unpack(meta)

    @classmethod
    def open(cls, path: Path, *, max_age: timedelta, now: Clock = time.time) -> "RocksStore":
        """Opens the store; one that is stale or damaged is deleted first and starts empty."""
        if (path / "db").exists():
            current_at = _read_stamp(path)
            age_seconds = None if current_at is None else now() - current_at
            if age_seconds is None or age_seconds > max_age.total_seconds():
                _log.info("store.discarded", path=str(path), age_seconds=age_seconds)
                _delete(path)
        try:
            return cls(path, now=now)
        except Exception as damage:
            if _is_lock(damage):
                raise StoreInUse(str(path)) from damage
            _log.warning("store.rebuilt", path=str(path), damage=str(damage)[:300])
            _delete(path)
            return cls(path, now=now)

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
        if self._fresh and self._now() - self._stamped > _STAMP_EVERY_SECONDS:
            self._stamp()

    def items(self) -> Iterator[tuple[str, bytes]]:
        try:
            pairs = cast("Iterator[tuple[bytes, bytes]]", self._open.items(from_key=_KEY))
            for key, value in pairs:
                if not key.startswith(_KEY):
                    return
                yield key[len(_KEY) :].decode(), bytes(value)
        except Exception as damage:
            raise self._corrupt(damage) from damage

    def caught_up(self) -> None:
        self._fresh = True
        self._stamp()

    def close(self) -> None:
        if self._db is None:
            return
        if self._fresh:
            self._stamp()
        self._db.close()
        self._db = None

    def destroy(self) -> None:
        self._fresh = False
        self.close()
        _delete(self._path)
        self._offset, self._keys, self._bytes = None, 0, 0

    @property
    def _open(self) -> Rdict:
        if self._db is None:
            raise RuntimeError(f"local store {self._path} is closed")
        return self._db

    def _stamp(self) -> None:
        self._stamped = self._now()
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


def _read_stamp(path: Path) -> float | None:
    try:
        return float((path / _STAMP).read_text())
    except (OSError, ValueError):
        return None


def _is_lock(error: Exception) -> bool:
    return "lock" in str(error).lower() and "block" not in str(error).lower()


def _delete(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
