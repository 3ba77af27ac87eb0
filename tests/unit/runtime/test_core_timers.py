"""Timers of a partition (architecture: time; I7, F18): by the log's clock alone, once, in order."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.bundle import Policy
from runtime.core import BLOCKED, TIMER_SUBJECT
from runtime.processor import Decision
from tests.kit.alarms import Rig, at_ms, event, reasons
from tests.kit.reminders import Alarm, Reminders

RANG = ("rang", "T1", 10.0)


@pytest.mark.parametrize(
    ("next_at_s", "facts"),
    [
        pytest.param(9.999, [("seen", "T1", "e1")], id="before it is due"),
        pytest.param(10, [("seen", "T1", "e1")], id="at the same instant the record comes first"),
        pytest.param(10.001, [RANG, ("seen", "T1", "e1")], id="after it, the timer comes first"),
        pytest.param(99, [RANG, ("seen", "T1", "e1")], id="however late: with its own instant"),
    ],
)
def test_a_timer_fires_before_the_next_record_of_its_key(
    next_at_s: float, facts: list[Any]
) -> None:
    rig = Rig()
    rig.run(event(0, "T1", 0, wait_s=10))
    assert rig.run(event(1, "T1", next_at_s)) == facts


@pytest.mark.parametrize("same_batch", [True, False])
def test_a_record_of_another_key_moves_nothing(same_batch: bool) -> None:
    rig = Rig()
    first, second = event(0, "T1", 0, wait_s=10), event(1, "T2", 99)
    facts = rig.run(first, second) if same_batch else rig.run(first) + rig.run(second)
    assert facts == [("seen", "T1", "e0"), ("seen", "T2", "e1")]


@pytest.mark.parametrize(
    ("wait_s", "clock_s", "rings"),
    [(10, 9.999, False), (10, 10, False), (10, 10.001, True), (9.9995, 10, False), (0, 0, False)],
)
def test_I7_the_clock_fires_what_is_due_before_it(
    wait_s: float, clock_s: float, rings: bool
) -> None:
    rig = Rig()
    rig.run(event(0, "T1", 0, wait_s=wait_s))
    assert [fact[0] for fact in rig.run(clock_s=clock_s)] == ["rang"] * rings
    assert [fact[0] for fact in rig.run(clock_s=100)] == ["rang"] * (not rings)
    assert rig.run(clock_s=200) == [], "once"


def test_I7_the_clock_never_goes_back() -> None:
    rig = Rig()
    rig.run(event(0, "T1", 0), clock_s=50)
    rig.run(event(1, "T1", 1), clock_s=20)
    assert rig.part.clock_ms == at_ms(50)


def test_a_cancelled_or_moved_alarm_does_not_ring_at_its_old_instant() -> None:
    rig = Rig()
    rig.run(event(0, "T1", 0, wait_s=10), event(1, "T2", 0, wait_s=10))
    rig.run(event(2, "T1", 5, cancel=True), event(3, "T2", 5, wait_s=20))
    assert rig.run(clock_s=20) == []
    assert rig.run(clock_s=30) == [("rang", "T2", 25.0)]


def test_F18_a_herd_fires_so_many_a_batch_the_urgent_and_the_older_first() -> None:
    rig = Rig()
    for n, (urgency, due_s) in enumerate([(1, 5), (0, 9), (1, 3), (0, 7), (2, 1)]):
        rig.run(event(n, f"T{n}", 0, wait_s=due_s, urgency=urgency))
    rounds = [[fact[1] for fact in rig.run(clock_s=20, limit=2)] for _ in range(4)]
    assert rounds == [["T3", "T1"], ["T2", "T0"], ["T4"], []]


def test_F18_a_record_between_the_rounds_of_a_herd_fires_its_own_timer_first() -> None:
    rig = Rig()
    for n in range(3):
        rig.run(event(n, f"T{n}", 0, wait_s=1 + n))
    rig.run(clock_s=20, limit=1)
    assert rig.run(event(3, "T2", 21), clock_s=20, limit=1) == [
        ("rang", "T2", 3.0),
        ("seen", "T2", "e3"),
        ("rang", "T1", 2.0),
    ]


class Chained(Reminders):
    """Rings three times, a second apart."""

    def wake(self, key: str, state: Alarm, due: datetime, policy: Policy) -> Decision[Alarm]:
        decision = super().wake(key, state, due, policy)
        if state.urgency < 2:
            again = replace(state, wake_at=due + timedelta(seconds=1), urgency=state.urgency + 1)
            return Decision({key: again}, decision.effects)
        return decision


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_timer_may_set_the_next_one(limit: int) -> None:
    rig = Rig(Chained())
    rig.run(event(0, "T1", 0, wait_s=1))
    for _ in range(3):
        rig.run(clock_s=10, limit=limit)
    assert rig.facts[1:] == [("rang", "T1", 1.0), ("rang", "T1", 2.0), ("rang", "T1", 3.0)]


class Stuck(Reminders):
    def wake(self, key: str, state: Alarm, due: datetime, policy: Policy) -> Decision[Alarm]:
        return Decision()


def test_a_wake_that_does_not_move_on_is_quarantined_not_repeated() -> None:
    rig = Rig(Stuck())
    rig.run(event(0, "T1", 0, wait_s=1))
    rig.run(clock_s=5)
    assert reasons(rig.letters) == [("__timer__/T1", "timer_raised")]
    assert "left a timer" in rig.letters[0].detail
    assert rig.decide(clock_s=9).empty


# -- timers that raise ---------------------------------------------------------------------------


def raised() -> Rig:
    """T1's timer has raised; an event of it waits; T2 has gone on."""
    rig = Rig()
    rig.run(event(0, "T1", 0, wait_s=1, boom_at_wake=True))
    rig.run(event(1, "T1", 5), event(2, "T2", 5), event(3, "T1", 6))
    return rig


def test_I10_a_timer_that_raises_holds_its_key_in_order_and_nobody_else() -> None:
    rig = raised()
    assert rig.facts == [("seen", "T1", "e0"), ("seen", "T2", "e2")]
    assert reasons(rig.letters) == [
        ("__timer__/T1", "timer_raised"),
        ("T1", "blocked"),
        ("T1", "blocked"),
    ]
    assert {letter.blocked_by for letter in rig.letters[1:]} == {rig.letters[0].position}
    assert rig.run(clock_s=50) == [], "it is not tried again by the clock"


def put_back(rig: Rig, *, one_batch: bool) -> None:
    timer, *events = rig.letters
    records = [
        *rig.back(timer),
        rig.end("__timer__/T1", 1),
        *rig.back(*events),
        rig.end("T1", len(events)),
    ]
    for group in [records] if one_batch else [[record] for record in records]:
        rig.run(*group, clock_s=60)


@pytest.mark.parametrize("one_batch", [True, False])
@pytest.mark.parametrize("restart", [True, False])
def test_I10_a_redriven_timer_fires_before_what_waits_behind_it(
    one_batch: bool, restart: bool
) -> None:
    rig = raised()
    if restart:
        rig = rig.restarted()
    rig.part.processor = Reminders(fixed=True)
    put_back(rig, one_batch=one_batch)
    assert rig.facts[2:] == [("rang", "T1", 1.0), ("seen", "T1", "e1"), ("seen", "T1", "e3")]
    assert rig.part.blocked == {}


@pytest.mark.parametrize("one_batch", [True, False])
def test_I10_a_redriven_timer_that_raises_again_stays_blocked(one_batch: bool) -> None:
    rig = raised()
    put_back(rig, one_batch=one_batch)
    assert [fact for fact in rig.facts if fact[1] == "T1"] == [("seen", "T1", "e0")]
    assert set(rig.part.blocked) == {"__timer__/T1", "T1"}
    assert [one.attempt for one in rig.letters if one.kind == "timer"] == [1, 2]


def test_a_lifted_block_brings_the_timer_back_after_a_recovery() -> None:
    """The timer was passed over while it was blocked; the lift comes from the changelog."""
    rig = raised()
    rig.run(clock_s=50)
    rig.part.processor = Reminders(fixed=True)
    rig.part.restore(BLOCKED + TIMER_SUBJECT + "T1", None)
    assert rig.run(clock_s=50) == [("rang", "T1", 1.0)]


# -- batches that are not committed ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "clock_s"),
    [
        pytest.param(event(9, "T1", 5, cancel=True), 20, id="cancelled"),
        pytest.param(event(9, "T1", 5, wait_s=50), 20, id="moved"),
        pytest.param(event(9, "T1", 15), 20, id="fired before its record"),
        pytest.param(event(9, "T2", 5), 20, id="fired by the clock"),
        pytest.param(event(9, "T1", 5, wait_s=1), 20, id="moved and fired"),
    ],
)
def test_I7_a_discarded_batch_gives_all_timers_back(record: Any, clock_s: float) -> None:
    rig = Rig()
    rig.run(event(0, "T1", 0, wait_s=10))
    rig.decide(record, clock_s=clock_s).discard()
    assert rig.run(clock_s=9) == [], "nor does anything fire by the clock of that batch"
    assert rig.run(clock_s=11) == [RANG]


def test_a_discarded_herd_waits_for_its_records_again() -> None:
    """Timers that had come due by a discarded batch's clock must not fire before its records."""
    rig = Rig()
    rig.run(event(0, "T1", 0, wait_s=10), event(1, "T2", 0, wait_s=11))
    rig.decide(event(2, "T1", 5), event(3, "T2", 5, cancel=True), clock_s=20, limit=1).discard()
    assert rig.part.overdue == 0
    assert rig.run(clock_s=0) == []
    assert rig.run(event(2, "T1", 5), event(3, "T2", 5, cancel=True), clock_s=20) == [
        ("seen", "T1", "e2"),
        ("seen", "T2", "e3"),
        RANG,
    ]


steps = st.lists(
    st.tuples(
        st.sampled_from(["T1", "T2", "T3"]),
        st.integers(0, 4),
        st.sampled_from([{}, {"cancel": True}, {"wait_s": 1}, {"wait_s": 3}, {"boom": True}]),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_a_batch_that_was_discarded_once_leaves_no_trace(
    given_steps: list[tuple[str, int, Mapping[str, Any], bool]],
) -> None:
    plain, troubled, now_s = Rig(), Rig(), 0
    for offset, (ticket, after_s, data, discarded) in enumerate(given_steps):
        now_s += after_s
        record = event(offset, ticket, now_s, **data)
        if discarded:
            troubled.decide(record, event(99, ticket, now_s + 9), clock_s=now_s + 9).discard()
        assert plain.run(record, clock_s=now_s, limit=1) == troubled.run(
            record, clock_s=now_s, limit=1
        )
    for _ in range(4):
        assert sorted(plain.run(clock_s=99)) == sorted(troubled.run(clock_s=99))
    assert reasons(plain.letters) == reasons(troubled.letters)


# -- recovery ------------------------------------------------------------------------------------


def test_I6_a_store_gives_timers_and_quarantine_back() -> None:
    rig = raised()
    rig.run(event(4, "T3", 6, wait_s=1))
    again = rig.restarted()
    assert again.part.wake_ms == rig.part.wake_ms
    assert again.part.blocked == rig.part.blocked
    assert again.run(clock_s=50) == [("rang", "T3", 7.0)]
