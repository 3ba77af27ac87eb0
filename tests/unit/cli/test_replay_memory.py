"""What a replay in memory writes comes in the order of its recorded time, timers included."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.replaying.memory import InOrder, replay
from cli.replaying.source import recorded
from cli.sampling import generate
from policy.bundle import load
from runtime.driver import Written
from runtime.keys import KeyRing
from runtime.stores.codec import instant
from schemas.topics import TICKETS
from services.intake.domain import Intake
from vault.directory import KeyedPseudonyms

RING = KeyRing({1: bytes(32)})


def written(at_ms: int, value: bytes = b"") -> Written:
    return Written(TICKETS, b"c", value, at_ms)


@given(chunks=st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=5))
def test_nothing_is_lost_and_equal_times_keep_their_order(chunks: list[list[int]]) -> None:
    out: list[Written] = []
    ordered = InOrder(out.append)
    taken = []
    for number, chunk in enumerate(chunks):
        start = number * 10
        for name, offset in enumerate(chunk):
            one = written(start + offset, b"%d-%d" % (number, name))
            taken.append(one)
            ordered.take(one)
        ordered.release(start)
        assert all(each.at_ms < start for each in out)
    ordered.release()
    assert out == sorted(taken, key=lambda each: each.at_ms)


@pytest.mark.parametrize("seed", [5, 6])
def test_parked_events_that_go_on_by_a_timer_stand_where_their_time_is(seed: int) -> None:
    lines = [each.value for each in generate(seed, 150, date(2026, 3, 2)) if each.value]
    events = recorded(lines)
    out: list[Written] = []
    intake = Intake(directory=KeyedPseudonyms.of(RING), ring=RING, partitions=1)
    until = instant(events[-1].at_ms + 600_000)
    replay(
        events, [intake], load("cn-12345"), until=until, sink=out.append, progress=lambda _: None
    )
    assert any(b"unknown_ticket" in (each.value or b"") for each in out), "some waited in vain"
    assert all(one.at_ms <= two.at_ms for one, two in pairwise(out))
