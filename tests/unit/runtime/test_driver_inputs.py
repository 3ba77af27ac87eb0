"""The driver with several inputs, in any order, and with a hop over a repartition topic."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from runtime.driver import Driver, Written
from runtime.processor import Record
from tests.kit.alarms import BUNDLE, START, at_ms
from tests.kit.bells import BELLS_CANCEL, BELLS_OUT, BELLS_SET, Bells, still_rung
from tests.kit.feed import New, alarm
from tests.kit.streets import BY_STREET, STREETS_IN, STREETS_OUT, Counts, Streets

Given = list[tuple[str, int, int | None]]
"""Ticket, seconds after the event before, and how long an alarm waits; None cancels."""

END_S = 200
histories = st.lists(
    st.tuples(st.sampled_from("AB"), st.integers(0, 4), st.none() | st.integers(0, 12)),
    max_size=12,
)


def record_of(topic: Any, offset: int, at_s: int, new: New) -> Record:
    return Record(topic, 0, offset, new.key, new.value, at_ms(at_s))


def split(history: Given) -> tuple[list[Record], list[Record]]:
    """The alarms and the cancels, each in the order of their topic."""
    bells: list[Record] = []
    cancels: list[Record] = []
    now_s = 0
    for number, (ticket, after_s, wait_s) in enumerate(history):
        now_s += after_s
        at = START + timedelta(seconds=now_s)
        if wait_s is None:
            new = alarm(number, ticket, at, cancel=True)
            cancels.append(record_of(BELLS_CANCEL, len(cancels), now_s, new))
        else:
            new = alarm(number, ticket, at, wait_s=wait_s)
            bells.append(record_of(BELLS_SET, len(bells), now_s, new))
    return bells, cancels


def quiet(records: Sequence[Record]) -> tuple[set[str], dict[str, Any]]:
    """What holds at the end, and the states, of records fed one by one."""
    facts: list[dict[str, Any]] = []

    def sink(written: Written) -> None:
        assert written.topic is BELLS_OUT, f"{written.topic.name}: {written.value!r}"
        facts.append(msgspec.json.decode(written.value or b""))

    driver = Driver([Bells()], BUNDLE, sink)
    for record in records:
        driver.feed(record)
    driver.advance(START + timedelta(seconds=END_S))
    (part,) = driver.parts
    return still_rung(facts), {key: part.load(key) for key in list(part.keys())}


def expected(history: Given) -> set[str]:
    """The alarms that no cancel of their ticket takes back."""
    events, now_s = [], 0
    for number, (ticket, after_s, wait_s) in enumerate(history):
        now_s += after_s
        events.append((str(number), ticket, now_s, wait_s))
    return {
        number
        for number, ticket, set_s, wait_s in events
        if wait_s is not None
        and not any(
            other == ticket and cancel is None and set_s < at_s <= set_s + wait_s
            for _, other, at_s, cancel in events
        )
    }


@given(histories, st.randoms(use_true_random=False))
def test_two_inputs_give_the_same_once_quiet_however_their_records_meet(
    history: Given, dice: Any
) -> None:
    bells, cancels = split(history)
    in_time = quiet(sorted((*bells, *cancels), key=lambda record: record.timestamp_ms))
    assert in_time[0] == expected(history)
    lanes = [iter(bells)] * len(bells) + [iter(cancels)] * len(cancels)
    dice.shuffle(lanes)
    assert quiet([next(lane) for lane in lanes]) == in_time
    assert quiet([*bells, *cancels]) == in_time
    assert quiet([*cancels, *bells]) == in_time


def test_an_alarm_that_rang_before_its_cancel_came_is_withdrawn() -> None:
    bells, cancels = split([("A", 0, 10), ("A", 5, None), ("A", 20, 1)])
    kinds: list[str] = []
    driver = Driver(
        [Bells()],
        BUNDLE,
        lambda written: kinds.append(msgspec.json.decode(written.value or b"")["type"]),
    )
    for record in (*bells, *cancels):
        driver.feed(record)
    assert kinds == ["test.bell.rang.v1", "test.bell.withdrawn.v1"]


def test_a_repartition_topic_leads_from_one_processor_to_the_next() -> None:
    written: list[Written] = []
    driver = Driver([Streets(), Counts()], BUNDLE, written.append)
    streets = ["Elm", "Oak", "Elm"]
    for number, street in enumerate(streets):
        at = START + timedelta(seconds=number)
        new = alarm(number, f"T{number}", at, street=street)
        driver.feed(record_of(STREETS_IN, number, number, new))
    hops = [each for each in written if each.topic == BY_STREET]
    assert [each.key for each in hops] == [b"Elm", b"Oak", b"Elm"]
    facts = [
        (each.key, msgspec.json.decode(each.value or b"")["data"])
        for each in written
        if each.topic == STREETS_OUT
    ]
    assert facts == [
        (b"T0", {"street": "Elm", "number": 1}),
        (b"T1", {"street": "Oak", "number": 1}),
        (b"T2", {"street": "Elm", "number": 2}),
    ]
