"""Stores: memory and RocksDB behave the same, and what is doubtful on disk is rebuilt."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import StoreCorrupt, StoreInUse
from runtime.stores import Kind, Store, open_store

DAY = timedelta(days=1)
KINDS: tuple[Kind, ...] = ("memory", "rocksdb")


@dataclass
class Wall:
    """A wall clock that a test moves."""

    seconds: float = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Shelf:
    """Opens one partition's store again and again, and closes it in the end."""

    directory: Path
    wall: Wall = field(default_factory=Wall)
    stack: ExitStack = field(default_factory=ExitStack)

    def open(self, kind: Kind = "rocksdb", max_age: timedelta = DAY) -> Store:
        store = open_store(kind, self.directory, 0, max_age, now=self.wall)
        self.stack.callback(store.close)
        return store


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    with shelf.stack:
        yield shelf


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_and_its_position_are_taken_over_together(shelf: Shelf, kind: Kind) -> None:
    store = shelf.open(kind)
    assert (store.offset, store.key_count, store.size_bytes) == (None, 0, 0)
    store.apply({"甲": b"one", "b": b"two"}, 5)
    store.apply({"甲": None, "never": None, "c": b"3"}, 9)
    assert store.get("甲") is None
    assert store.get("b") == b"two"
    assert dict(store.items()) == {"b": b"two", "c": b"3"}
    assert (store.offset, store.key_count, store.size_bytes) == (9, 2, 6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_position_never_goes_back(shelf: Shelf, kind: Kind) -> None:
    store = shelf.open(kind)
    store.apply({"a": b"1"}, 5)
    store.apply({"a": b"2"}, 5)
    with pytest.raises(ValueError, match="position 4 is before 5"):
        store.apply({"a": b"3"}, 4)
    assert (store.get("a"), store.offset) == (b"2", 5)


def test_what_was_closed_when_current_is_there_again(shelf: Shelf) -> None:
    store = shelf.open()
    store.apply({"a": b"1"}, 5)
    store.caught_up()
    store.apply({"b": b"2"}, 8)
    store.close()
    again = shelf.open()
    assert dict(again.items()) == {"a": b"1", "b": b"2"}
    assert (again.offset, again.key_count, again.size_bytes) == (8, 2, 4)


def test_partitions_do_not_share(shelf: Shelf, tmp_path: Path) -> None:
    shelf.open().apply({"a": b"1"}, 5)
    other = open_store("rocksdb", tmp_path, 1, DAY)
    shelf.stack.callback(other.close)
    assert other.get("a") is None


def test_a_recovery_that_did_not_end_is_begun_anew(shelf: Shelf) -> None:
    """Its content may be old although its files are new."""
    store = shelf.open()
    store.apply({"a": b"1"}, 5)
    store.close()
    assert shelf.open().offset is None


@pytest.mark.parametrize(("hours", "kept"), [(23, True), (25, False)])
def test_a_store_older_than_the_changelogs_tombstones_is_discarded(
    shelf: Shelf, hours: int, kept: bool
) -> None:
    store = shelf.open()
    store.apply({"a": b"1"}, 5)
    store.caught_up()
    store.close()
    shelf.wall.seconds += hours * 3600
    assert (shelf.open().get("a") == b"1") is kept


def test_F4_a_worker_frozen_for_days_does_not_leave_a_fresh_stamp(shelf: Shelf) -> None:
    store = shelf.open()
    store.caught_up()
    store.apply({"a": b"1"}, 5)
    shelf.wall.seconds += 2 * DAY.total_seconds()
    store.close()
    assert shelf.open().offset is None


def test_F1_without_a_close_the_stamp_of_the_last_half_minute_holds(shelf: Shelf) -> None:
    """SIGKILL: what lies on disk is copied away while the store is open, and opened there."""
    store = shelf.open()
    store.caught_up()
    store.apply({"a": b"1"}, 5)
    shelf.wall.seconds += DAY.total_seconds() - 60
    store.apply({"b": b"2"}, 6)
    shelf.wall.seconds += 120
    killed = Shelf(shelf.directory / "killed", shelf.wall, shelf.stack)
    shutil.copytree(shelf.directory / "partition-0", killed.directory / "partition-0")
    assert dict(killed.open().items()) == {"a": b"1", "b": b"2"}


def test_two_owners_are_refused_and_nothing_is_deleted(shelf: Shelf) -> None:
    store = shelf.open()
    store.apply({"a": b"1"}, 5)
    with pytest.raises(StoreInUse, match="store_in_use"):
        shelf.open(max_age=timedelta(0))
    store.apply({"b": b"2"}, 6)
    assert dict(store.items()) == {"a": b"1", "b": b"2"}


def test_F19_a_store_that_cannot_be_opened_is_rebuilt(shelf: Shelf) -> None:
    store = shelf.open()
    store.apply({"a": b"1"}, 5)
    store.caught_up()
    store.close()
    (shelf.directory / "partition-0" / "db" / "CURRENT").write_bytes(b"garbage")
    again = shelf.open()
    assert again.offset is None
    again.apply({"a": b"1"}, 5)
    assert again.get("a") == b"1"


def test_F19_damage_found_while_reading_is_told_and_rebuilt_at_the_next_start(shelf: Shelf) -> None:
    store = shelf.open()
    store.apply({f"key-{n}": b"%d" % n * 50 for n in range(5_000)}, 5)
    store.caught_up()
    store.close()
    db = shelf.directory / "partition-0" / "db"
    shelf.open().close()  # writes the log out as a table file
    tables = list(db.glob("*.sst"))
    assert tables
    for table in tables:
        content = bytearray(table.read_bytes())
        for at in range(len(content) // 3, len(content) // 2, 1_000):
            content[at] ^= 0xFF
        table.write_bytes(bytes(content))
    hurt = shelf.open()
    with pytest.raises(StoreCorrupt, match="store_corrupt"):
        for _ in hurt.items():
            pass
    hurt.close()
    assert shelf.open().offset is None


Batches = st.lists(
    st.one_of(
        st.dictionaries(
            st.sampled_from(["a", "b", "", "市民", "c\x00d", "k"]) | st.text(max_size=3),
            st.none() | st.binary(max_size=8),
            max_size=5,
        ),
        st.just("reopen"),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(Batches)
def test_memory_and_rocksdb_agree_on_every_sequence(batches: list[object]) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        directory = Path(folder)
        model = open_store("memory", directory, 0, DAY)
        store = open_store("rocksdb", directory, 0, DAY)
        stack.callback(lambda: store.close())
        for offset, batch in enumerate(batches):
            if isinstance(batch, dict):
                model.apply(batch, offset)
                store.apply(batch, offset)
            else:
                store.caught_up()
                store.close()
                store = open_store("rocksdb", directory, 0, DAY)
            assert dict(store.items()) == dict(model.items())
            assert store.offset == model.offset
            assert store.key_count == model.key_count == len(dict(model.items()))
            assert store.size_bytes == model.size_bytes
            for key in dict(model.items()):
                assert store.get(key) == model.get(key)
        store.close()
