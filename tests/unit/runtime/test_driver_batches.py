"""The driver and the law behind it: what comes out for a ticket depends on its events alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.bundle import Policy
from runtime.driver import Driver, Written
from runtime.processor import Decision
from schemas.dead_letter import DeadLetter
from schemas.topics import DEAD_LETTERS
from tests.kit.alarms import BUNDLE, START, START_MS, Rig, at_ms, event
from tests.kit.fold import Event, fold
from tests.kit.reminders import ALARMS_OUT, Alarm, Input, Reminders, Told

Facts = dict[str, list[tuple[str, str, int]]]
END_S = 100

plain: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"wait_s": 0}, {"wait_s": 2}, {"wait_s": 5}, {"wait_s": 0.0004}, {"cancel": True}]
)
raising: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"boom": True}, {"wait_s": 1, "boom_at_wake": True}]
)
Given = list[tuple[str, int, dict[str, Any]]]


def histories(data: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Given]:
    """Ticket, seconds after the one before, data."""
    return st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 4), data), max_size=15)


def records(history: Given) -> list[Any]:
    found, now_s = [], 0
    for offset, (ticket, after_s, data) in enumerate(history):
        now_s += after_s
        found.append(event(offset, ticket, now_s, **data))
    return found


def by_ticket(told: Sequence[Told]) -> Facts:
    found: Facts = defaultdict(list)
    for each in told:
        kind = each.type.split(".")[2]
        instant = round(each.time.timestamp() * 1_000) - START_MS
        found[each.subject].append((kind, each.causationid or "", instant))
    return found


def driven(history: Given) -> tuple[Facts, list[str]]:
    """What the driver writes: facts by ticket, and the reasons of letters."""
    told: list[Told] = []
    reasons: list[str] = []

    def sink(written: Written) -> None:
        if written.topic is ALARMS_OUT:
            told.append(Told.model_validate_json(written.value or b""))
        else:
            assert written.topic is DEAD_LETTERS
            reasons.append(DeadLetter.from_record(written.value, written.headers).reason)

    driver = Driver([Reminders()], BUNDLE, sink)
    driver.run(records(history))
    driver.advance_ms(at_ms(END_S))
    return by_ticket(told), sorted(reasons)


@settings(max_examples=200, deadline=None)
@given(histories(plain))
def test_I5_the_driver_says_what_a_plain_fold_says(history: Given) -> None:
    found, reasons = driven(history)
    assert reasons == []
    events: dict[str, list[Event]] = defaultdict(list)
    for offset, record in enumerate(records(history)):
        ticket, _, data = history[offset]
        events[ticket].append(Event(f"e{offset}", ticket, record.timestamp_ms, data))
    assert set(found) == set(events)
    for ticket, its in events.items():
        facts = [(kind, at - START_MS) for kind, _, at, _ in fold(its, at_ms(END_S)).facts]
        assert [(kind, at) for kind, _, at in found[ticket]] == facts


cuts = st.lists(st.integers(1, 4), min_size=1, max_size=5)
"""Sizes of batches, in turn."""
clocks = st.lists(st.integers(0, 10), min_size=1, max_size=5)
"""Tenths of the way from the clock to the next record, in turn."""


@settings(max_examples=300, deadline=None)
@given(histories(st.one_of(plain, plain, raising)), cuts, clocks, st.integers(1, 3), st.booleans())
def test_batches_and_ticks_of_any_size_give_the_same(
    history: Given, sizes: list[int], ticks: list[int], limit: int, restarts: bool
) -> None:
    """Any cut into batches, any sound clock, any herd limit, restarts: the driver's facts."""
    rig, todo, turn = Rig(), records(history), 0
    told: list[Any] = []
    clock_s = 0.0
    while todo or turn == 0 or rig.part.overdue or rig.part.next_due_ms is not None:
        size = sizes[turn % len(sizes)]
        batch, todo = todo[:size], todo[size:]
        next_s = (todo[0].timestamp_ms - START_MS) / 1_000 if todo else END_S
        clock_s = max(clock_s, clock_s + (next_s - clock_s) * ticks[turn % len(ticks)] / 10)
        clock_s = clock_s if todo else END_S
        decided = rig.decide(*batch, clock_s=clock_s, limit=limit)
        told.extend(output.effect.value for output in decided.outputs)
        rig.commit(decided)
        turn += 1
        if restarts and turn % 2:
            clock_ms = rig.part.clock_ms
            rig = rig.restarted()
            rig.part.clock_ms = clock_ms
        if not todo and turn > 200:
            break
    facts, reasons = driven(history)
    assert by_ticket([each for each in told if isinstance(each, Told)]) == facts
    assert sorted(letter.reason for letter in rig.letters) == reasons


class Last(Reminders):
    """Reads what the first one says, and says nothing."""

    name = "last"

    def __init__(self) -> None:
        super().__init__()
        self.inputs = (ALARMS_OUT,)  # type: ignore[misc]
        self.seen: list[tuple[str, datetime]] = []

    def decide(
        self, states: Mapping[str, Alarm | None], event: Input, now: datetime, policy: Policy
    ) -> Decision[Alarm]:
        self.seen.append((event.id, now))
        return Decision()


def test_a_processor_reads_what_another_writes_in_order() -> None:
    told: list[Told] = []
    last = Last()
    driver = Driver(
        [Reminders(), last],
        BUNDLE,
        lambda written: told.append(Told.model_validate_json(written.value or b"")),
    )
    driver.run([event(0, "A", 0, wait_s=1), event(1, "B", 5), event(2, "A", 6)])
    assert last.seen == [(each.id, each.time) for each in told]
    assert by_ticket(told)["A"] == [
        ("seen", "e0", 0),
        ("rang", (START + timedelta(seconds=1)).isoformat(), 1_000),
        ("seen", "e2", 6_000),
    ]


def test_until_moves_the_clock_with_no_record() -> None:
    told: list[Written] = []
    driver = Driver([Reminders()], BUNDLE, told.append)
    driver.run([event(0, "A", 0, wait_s=1)], until=START)
    assert len(told) == 1
    driver.advance(START.replace(minute=5))
    assert [each.at_ms for each in told] == [at_ms(0), at_ms(1)]


def test_I10_a_rule_that_raises_goes_to_the_sink_as_a_letter_and_is_named() -> None:
    told: list[Written] = []
    driver = Driver([Reminders()], BUNDLE, told.append)
    driver.run([event(0, "A", 0, boom=True), event(1, "B", 0)])
    assert {each.topic.name for each in told} == {DEAD_LETTERS.name, ALARMS_OUT.name}
    assert [(each.subject, type(each.error)) for each in driver.failures] == [
        ("A", ZeroDivisionError)
    ]
