"""R61: what goes into topics and states is sealed for whoever has no key, the same each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import CannotOpen
from runtime.keys import KeyRing
from runtime.sealing import Sealer
from tests.kit.sealing import RING, SEALER

ROTATED = RING.added()
OTHER = KeyRing({1: bytes(range(1, 33))})
SECRET = "王小明，电话 13812345678".encode()


@given(st.binary(max_size=2_000), st.lists(st.text(max_size=10), max_size=3))
def test_R61_what_is_sealed_opens_as_it_was_and_is_the_same_each_time(
    plain: bytes, about: list[str]
) -> None:
    sealed = SEALER.seal(plain, *about)
    assert SEALER.open(sealed, *about) == plain
    assert Sealer(RING).seal(plain, *about) == sealed, "a replay compares bytes"
    assert len(sealed) == len(plain) + 20


def test_R61_the_plain_bytes_are_not_in_it() -> None:
    sealed = SEALER.seal(SECRET, "parked", "T1")
    assert SECRET not in sealed
    assert b"13812345678" not in sealed


def test_equal_bytes_in_two_places_look_different() -> None:
    assert SEALER.seal(SECRET, "parked", "T1") != SEALER.seal(SECRET, "parked", "T2")


@pytest.mark.parametrize("about", [(), ("parked",), ("parked", "T2"), ("parked", "T1", "")])
def test_what_is_sealed_of_one_place_does_not_open_in_another(about: tuple[str, ...]) -> None:
    sealed = SEALER.seal(SECRET, "parked", "T1")
    with pytest.raises(CannotOpen, match="not the bytes that were sealed here"):
        SEALER.open(sealed, *about)


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\0\0\0\1", b"\0\0\0\1short", SEALER.seal(SECRET)[:-1], SEALER.seal(SECRET) + b"\0"],
)
def test_damaged_bytes_are_a_named_error(damaged: bytes) -> None:
    with pytest.raises(CannotOpen):
        SEALER.open(damaged)


def test_after_a_rotation_new_bytes_take_the_new_key_and_old_ones_stay_readable() -> None:
    before, after = SEALER.seal(SECRET), Sealer(ROTATED).seal(SECRET)
    assert before != after
    assert Sealer(ROTATED).open(before) == SECRET
    assert Sealer(ROTATED).open(after) == SECRET
    assert (SEALER.version, Sealer(ROTATED).version) == (1, 2)


def test_a_key_that_is_not_in_the_ring_is_named_by_its_version() -> None:
    with pytest.raises(CannotOpen, match="key version 2: the key ring has no version 2"):
        SEALER.open(Sealer(ROTATED).seal(SECRET))


def test_another_deployments_key_of_the_same_version_opens_nothing() -> None:
    with pytest.raises(CannotOpen, match="compare the fingerprints"):
        Sealer(OTHER).open(SEALER.seal(SECRET))
