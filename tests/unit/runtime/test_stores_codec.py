"""The state codec: round trips, the due instant in front, versions."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import StateUnreadable
from runtime.stores.codec import StateCodec, instant, wake_ms


@dataclass(frozen=True, slots=True)
class Ticket:
    id: str
    at: datetime
    score: float


@dataclass(frozen=True, slots=True)
class Kept:
    """With a field to wake at."""

    wake_at: datetime | None
    tickets: tuple[Ticket, ...] = ()
    counts: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """With a property to wake at."""

    since: datetime

    @property
    def wake_at(self) -> datetime | None:
        return self.since + timedelta(days=90)


CODEC = StateCodec(Kept, 3)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def same(raw: bytes, version: int) -> bytes:
    return raw


instants = st.timedeltas(timedelta(0), timedelta(days=84_000)).map(
    lambda since: datetime(1970, 1, 1, tzinfo=UTC) + since
)
tickets = st.builds(
    Ticket, id=st.text(), at=instants, score=st.floats(allow_nan=False, allow_infinity=False)
)
states = st.builds(
    Kept,
    wake_at=st.none() | instants,
    tickets=st.lists(tickets, max_size=3).map(tuple),
    counts=st.none() | st.dictionaries(st.text(), st.integers(-(2**53), 2**53), max_size=3),
)


@given(states)
def test_a_state_comes_back_as_it_was(state: Kept) -> None:
    data = CODEC.encode(state)
    assert CODEC.decode(data, upgrade=same) == state
    assert CODEC.peek_wake(data) == wake_ms(state.wake_at)


@given(instants)
def test_I7_the_due_instant_in_front_is_never_early_and_less_than_a_millisecond_late(
    due: datetime,
) -> None:
    milliseconds = wake_ms(due)
    assert milliseconds is not None
    assert timedelta(0) <= instant(milliseconds) - due < timedelta(milliseconds=1)


def test_the_layout_is_a_json_array_of_version_instant_and_state() -> None:
    data = StateCodec(Derived, 1).encode(Derived(NOON))
    due = int((NOON + timedelta(days=90)).timestamp() * 1000)
    assert data == b'[1,%d,{"since":"2026-11-21T12:00:00Z"}]' % due


def test_the_instant_does_not_depend_on_its_zone() -> None:
    assert wake_ms(NOON.astimezone(timezone(timedelta(hours=8)))) == wake_ms(NOON)


def test_an_older_state_is_upgraded() -> None:
    class Old(msgspec.Struct):
        wakes: datetime | None

    def upgrade(raw: bytes, version: int) -> bytes:
        assert version == 2
        return msgspec.json.encode({"wake_at": msgspec.json.decode(raw, type=Old).wakes})

    data = b'[2,null,{"wakes":"2026-11-21T12:00:00Z"}]'
    assert CODEC.decode(data, upgrade=upgrade) == Kept(NOON)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'[4,null,{"wake_at":null}]', "version 4, this program reads 3: written by a newer"),
        (b'[3,null,{"wake_at":7}]', r"version 3.*\$\[2\]\.wake_at"),
        (b'[2,null,{"wake_at":7}]', r"version 2.*\$\.wake_at"),
        (b"[3,null", "version 3"),
        (b"garbage", "version -1"),
    ],
)
def test_a_state_that_does_not_fit_names_its_version_and_the_field(data: bytes, told: str) -> None:
    with pytest.raises(StateUnreadable, match=told):
        CODEC.decode(data, upgrade=same)
