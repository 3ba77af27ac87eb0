"""Keys are reckoned anew where another version is in force (decision 0008): once, never early."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.bundle import Bundle
from runtime.core import Partition, to_ms
from runtime.driver import Driver, Written
from runtime.processor import Record
from runtime.restating import KEPT, Came, Schedule
from runtime.stores.codec import UNSAID, StateCodec, instant
from runtime.stores.memory import MemoryStore
from schemas.dead_letter import DeadLetter
from tests.kit.alarms import START, at_ms
from tests.kit.assessor import TERMS_IN, TERMS_OUT, Assessor, Reckoned, Term, bundle_of
from tests.kit.reminders import Alarm, Input, Reminders

MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)
Fact = tuple[str, str, str, float]
"""Kind, ticket, version, seconds after the start."""


def in_s(seconds: float) -> Any:
    return START + timedelta(seconds=seconds)


def event(offset: int, ticket: str, at_s: float, /, **data: Any) -> Record:
    value = {"id": f"e{offset}", "subject": ticket, "recordedtime": in_s(at_s), "data": data}
    return Record(TERMS_IN, 0, offset, ticket.encode(), msgspec.json.encode(value), at_ms(at_s))


ONE = bundle_of(("A", in_s(-1_000)))
TWO = bundle_of(("A", in_s(-1_000)), ("B", in_s(100)))
SPREAD = bundle_of(("A", in_s(-1_000)), ("B", in_s(100)), over=MINUTE)


def fact_of(fact: Reckoned) -> Fact:
    at_s = (to_ms(fact.time) - to_ms(START)) / 1_000
    return fact.type.split(".")[2], fact.subject, fact.data["version"], at_s


@dataclass
class Rig:
    """A partition whose restarts find what its commits left: store, clock, what came into force."""

    bundle: Bundle
    store: MemoryStore = field(default_factory=MemoryStore)
    clock_ms: int = 0
    came: Sequence[Came] = ()
    letters: list[DeadLetter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.part: Partition[Term, Input] = Partition(Assessor(), self.bundle, store=self.store)
        self.part.index()
        self.part.clock_ms = self.clock_ms
        self.part.come_into_force(self.came)

    def run(self, *records: Record, clock_s: float = 0, limit: int = 1_000) -> list[Fact]:
        """A batch, committed; what it says."""
        batch = self.decide(*records, clock_s=clock_s, limit=limit)
        if not batch.empty:
            self.part.apply(batch, batch.encode(), (self.store.offset or 0) + 1)
            assert self.part.schedule is not None
            self.clock_ms, self.came = batch.clock_ms, tuple(self.part.schedule.seen)
        else:
            self.part.clock_ms = batch.clock_ms
        self.letters += batch.letters
        return [fact_of(each.effect.value) for each in batch.outputs]

    def decide(self, *records: Record, clock_s: float = 0, limit: int = 1_000) -> Any:
        batch = self.part.begin()
        for record in records:
            batch.feed(record)
        batch.advance(at_ms(clock_s), limit)
        return batch

    def restarted(self, bundle: Bundle | None = None) -> "Rig":
        """All that was in memory is gone."""
        return Rig(bundle or self.bundle, self.store, self.clock_ms, self.came, self.letters)


@pytest.mark.parametrize(
    ("clock_s", "facts"),
    [
        (99, []),
        pytest.param(100, [], id="a timer fires once the clock is past it"),
        (100.001, [("restated", "T1", "B", 100)]),
        pytest.param(5_000, [("restated", "T1", "B", 100)], id="however late, as of the start"),
    ],
)
def test_a_key_is_woken_when_the_next_version_comes_into_force(
    clock_s: float, facts: list[Fact]
) -> None:
    rig = Rig(TWO)
    rig.run(event(0, "T1", 0))
    assert rig.run(clock_s=clock_s) == facts
    assert rig.run(clock_s=9_000) == ([] if facts else [("restated", "T1", "B", 100)])
    assert rig.run(clock_s=99_000) == [], "once"


@pytest.mark.parametrize("same_batch", [True, False])
def test_an_event_under_the_new_version_leaves_nothing_to_wake(same_batch: bool) -> None:
    rig = Rig(SPREAD)
    first, second = event(0, "T1", 0), event(1, "T1", 100)
    facts = rig.run(first, second) if same_batch else rig.run(first) + rig.run(second)
    assert [fact[:3] for fact in facts] == [("seen", "T1", "A"), ("seen", "T1", "B")]
    assert rig.run(clock_s=9_000) == []


def test_a_deadline_under_the_new_version_restates_as_well() -> None:
    rig = Rig(SPREAD)
    due_ms = rig.part.due_ms_of("T1", Term("A"))
    assert due_ms is not None
    before_s = (due_ms - at_ms(100)) / 2_000 + 100
    rig.run(event(0, "T1", 0, wait_s=before_s))
    assert rig.run(clock_s=9_000) == [
        ("restated", "T1", "B", before_s),
        ("due", "T1", "B", before_s),
    ]


def test_a_deadline_before_the_version_is_reckoned_by_the_one_of_then() -> None:
    rig = Rig(TWO)
    rig.run(event(0, "T1", 0, wait_s=99.5))
    assert rig.run(clock_s=9_000) == [("due", "T1", "A", 99.5), ("restated", "T1", "B", 100)]


def test_a_state_of_no_version_sleeps_on_and_a_processor_without_the_field_has_no_schedule() -> (
    None
):
    rig = Rig(TWO)
    rig.run(event(0, "T1", 0, done=True), event(1, "T2", 0, done=True, wait_s=500))
    assert rig.part.wake_ms == {"T2": at_ms(500)}
    assert rig.run(clock_s=9_000) == [("due", "T2", "B", 500)]
    plain = Partition(Reminders(), TWO, store=MemoryStore())
    assert plain.schedule is None
    assert plain.codec.encode(Alarm()).startswith(b'[1,null,{"seen":0')


def test_the_keys_are_spread_over_the_time_of_the_bundle_and_always_alike() -> None:
    rig, again = Rig(SPREAD), Rig(SPREAD)
    tickets = [f"HL-2026-{n:06}" for n in range(6_000)]
    rig.run(*(event(n, ticket, 0) for n, ticket in enumerate(tickets)))
    again.run(*(event(n, ticket, 0) for n, ticket in enumerate(reversed(tickets))))
    assert rig.part.wake_ms == again.part.wake_ms
    seconds = Counter((due_ms - at_ms(100)) // 1_000 for due_ms in rig.part.wake_ms.values())
    assert set(seconds) == set(range(60))
    assert max(seconds.values()) < 150, "100 a second on average"


def test_F18_what_is_overdue_fires_the_urgent_first_and_so_many_a_batch() -> None:
    rig = Rig(TWO)
    rig.run(*(event(n, f"T{n}", 0, urgency=urgency) for n, urgency in enumerate([2, 0, 1, 1, 0])))
    rounds = [[fact[1] for fact in rig.run(clock_s=200, limit=2)] for _ in range(4)]
    assert rounds == [["T1", "T4"], ["T2", "T3"], ["T0"], []]


def test_a_timer_that_forgets_the_version_is_a_letter_and_no_endless_loop() -> None:
    rig = Rig(TWO)
    rig.run(event(0, "T1", 0, stubborn=True))
    assert rig.run(clock_s=200) == []
    assert [(each.reason, each.key) for each in rig.letters] == [("timer_raised", b"T1")]
    assert rig.run(clock_s=900) == []


def test_a_batch_that_is_not_committed_gives_the_timer_back() -> None:
    rig = Rig(TWO)
    rig.run(event(0, "T1", 0))
    rig.decide(clock_s=200).discard()
    assert rig.run(clock_s=200) == [("restated", "T1", "B", 100)]
    assert rig.run(clock_s=300) == []


# -- versions that came into force unseen ----------------------------------------------------------

EDITED = bundle_of(("A", in_s(-1_000)), ("B2", in_s(100)), over=MINUTE)
"""The file of version B was edited in place, or a library knows other holidays."""
ADDED = bundle_of(("A", in_s(-1_000)), ("B", in_s(100)), ("C", in_s(200)), over=MINUTE)
TAKEN_BACK = bundle_of(("A", in_s(-1_000)), over=MINUTE)


def present(rig: Rig, clock_s: float) -> Rig:
    """T1 reckoned under B, T2 still under A, and the clock at ``clock_s``, committed."""
    rig.run(event(0, "T1", 120), event(1, "T2", 10))
    rig.run(event(2, "T3", clock_s, done=True), clock_s=clock_s)
    return rig


@pytest.mark.parametrize(
    ("bundle", "version"),
    [
        pytest.param(EDITED, "B2", id="edited in place"),
        pytest.param(ADDED, "C", id="added, with a start long past"),
        pytest.param(TAKEN_BACK, "A", id="taken back"),
    ],
)
def test_a_version_met_at_a_start_counts_from_the_clock_of_then(
    bundle: Bundle, version: str
) -> None:
    rig = present(Rig(SPREAD), 500).restarted(bundle)
    assert set(rig.part.wake_ms) == {"T1", "T2"}, "T3 is done"
    assert all(at_ms(500) <= due_ms < at_ms(560) for due_ms in rig.part.wake_ms.values())
    assert rig.run(clock_s=500) == []
    facts = rig.run(clock_s=561)
    assert sorted(fact[:3] for fact in facts) == [
        ("restated", "T1", version),
        ("restated", "T2", version),
    ]
    assert rig.run(clock_s=9_000) == []


@pytest.mark.parametrize("bundle", [EDITED, ADDED, TAKEN_BACK])
def test_a_crash_midway_changes_no_due_instant_and_wakes_nobody_twice(bundle: Bundle) -> None:
    rig = present(Rig(SPREAD), 500)
    rig.run(*(event(n, f"K{n}", 501) for n in range(50)), clock_s=502)
    rig = rig.restarted(bundle)
    due = dict(rig.part.wake_ms)
    woken: Counter[str] = Counter()
    for clock_s in range(502, 570, 4):
        woken.update(fact[1] for fact in rig.run(clock_s=clock_s, limit=3))
        rig = rig.restarted()
        assert rig.part.wake_ms == {key: at for key, at in due.items() if key not in woken}
    while facts := rig.run(clock_s=600, limit=3):
        woken.update(fact[1] for fact in facts)
    assert woken == Counter(due.keys())


def test_a_start_with_the_same_bundle_reads_no_state_again() -> None:
    rig = present(Rig(SPREAD), 500)
    wakes = rig.part.wake_ms
    rig.part.come_into_force(rig.came)
    assert rig.part.wake_ms is wakes


def test_a_partition_that_comes_back_from_another_bundle_follows_that() -> None:
    """In a rolling upgrade: its states were reckoned, and its list written, by another worker."""
    rig = present(Rig(SPREAD), 500)
    other = rig.restarted(EDITED)
    other.run(clock_s=900)
    for key, value in rig.store.items():
        rig.part.restore(key, value)
    rig.part.clock_ms = other.clock_ms
    rig.part.come_into_force(other.came)
    assert [fact[2] for fact in rig.run(clock_s=961)] == ["B", "B"]


def test_states_from_before_there_was_a_version_are_reckoned_at_the_next_start() -> None:
    old = msgspec.json.encode((1, None, {"policy": "", "seen": 1}))
    store = MemoryStore()
    store.apply({"T1": old}, 1)
    rig = Rig(TWO, store, clock_ms=at_ms(50))
    assert rig.part.wake_ms == {"T1": at_ms(50)}
    assert rig.run(clock_s=60) == [("restated", "T1", "A", 50)]
    assert rig.run(clock_s=101) == [("restated", "T1", "B", 100)]


# -- laws ------------------------------------------------------------------------------------------

names = st.sampled_from("ABCDE")
starts = st.integers(0, 60)
bundles = st.lists(st.tuples(names, starts), min_size=1, max_size=4, unique_by=lambda v: v[0]).map(
    lambda found: bundle_of(
        *(
            (name, in_s(at_s))
            for (name, _), at_s in zip(found, sorted({s for _, s in found}), strict=False)
        ),
        over=5 * SECOND,
    )
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(bundles, st.integers(0, 30)), min_size=1, max_size=5), st.text())
def test_a_due_instant_is_in_force_and_woken_once_whatever_bundles_were_put_in_place(
    history: list[tuple[Bundle, int]], key: str
) -> None:
    came: Sequence[Came] = ()
    clock_s = 0
    for bundle, after_s in history:
        clock_s += after_s
        schedule = Schedule(bundle, clock_ms=at_ms(clock_s), seen=came)
        again = Schedule(bundle, clock_ms=at_ms(clock_s), seen=schedule.seen)
        assert schedule.agrees(again), "a crash changes nothing"
        for at_s in range(0, 200, 3):
            version = bundle.at(in_s(at_s)).version
            due_ms = schedule.due_ms(key, version)
            assert due_ms is None or due_ms > at_ms(at_s), "woken at that instant, once"
        for version in "ABCDE":
            due_ms = schedule.due_ms(key, version)
            if due_ms is not None:
                assert bundle.at(instant(due_ms)).version != version, "another is in force"
        present = bundle.at(in_s(clock_s)).version
        for version in set("ABCDE") - {each.policy.version for each in bundle.versions}:
            due_ms = schedule.due_ms(key, version)
            assert due_ms is not None, f"{version} is no longer there, {present} is in force"
        came = schedule.seen


def test_the_list_of_what_came_into_force_does_not_grow_for_ever() -> None:
    came: Sequence[Came] = ()
    for n in range(100):
        bundle = bundle_of(("A", in_s(0)), (f"B{n}", in_s(1)))
        came = Schedule(bundle, clock_ms=at_ms(10 + n), seen=came).seen
    assert len(came) == KEPT + 1
    assert came[-1] == (at_ms(109), "B99")


histories = st.lists(
    st.tuples(
        st.sampled_from("TUV"),
        st.integers(0, 40),
        st.sampled_from([{}, {"wait_s": 3}, {"wait_s": 45}, {"done": True}]),
    ),
    max_size=12,
)
CHANGING = bundle_of(
    ("A", in_s(-1)), ("B", in_s(30)), ("C", in_s(60)), ("D", in_s(150)), over=20 * SECOND
)
END_S = 900


def by_ticket(facts: Sequence[Fact]) -> dict[str, list[Fact]]:
    found = defaultdict(list)
    for fact in facts:
        found[fact[1]].append(fact)
    return found


@settings(max_examples=150, deadline=None)
@given(histories, st.integers(0, 2**32), st.booleans())
def test_batches_ticks_and_restarts_of_any_kind_give_the_drivers_facts(
    history: list[tuple[str, int, dict[str, Any]]], seed: int, restarts: bool
) -> None:
    rng, at_s, records = Random(seed), 0, []
    for offset, (ticket, after_s, data) in enumerate(history):
        at_s += after_s
        records.append(event(offset, ticket, at_s, **data))
    driven: list[Written] = []
    driver = Driver([Assessor()], CHANGING, driven.append)
    driver.run(records, until=in_s(END_S))
    assert {each.topic for each in driven} <= {TERMS_OUT}

    rig, facts, clock_s = Rig(CHANGING), [], 0.0
    while records or clock_s < END_S:
        batch, records = records[: (cut := rng.randint(1, 4))], records[cut:]
        ahead_s = (records[0].timestamp_ms - at_ms(0)) / 1_000 if records else END_S
        clock_s = max(clock_s, rng.choice((clock_s, ahead_s)))
        if rng.random() < 0.2:
            rig.decide(*batch, clock_s=clock_s).discard()
        facts += rig.run(*batch, clock_s=clock_s, limit=rng.randint(1, 3))
        if restarts and rng.random() < 0.5:
            rig = rig.restarted()
    while more := rig.run(clock_s=END_S, limit=2):
        facts += more
    said = [fact_of(Reckoned.model_validate_json(each.value or b"")) for each in driven]
    assert by_ticket(facts) == by_ticket(said)
    assert not rig.letters


# -- the layout ------------------------------------------------------------------------------------

CODEC: Final = StateCodec(Term, 2)


def same(raw: bytes, version: int) -> bytes:
    return raw


@given(
    st.none()
    | st.from_regex(r"[a-z0-9-]{1,64}@[A-Za-z0-9._-]{1,64}\+[0-9a-f]{12}", fullmatch=True),
    st.none() | st.just(in_s(7)),
)
def test_a_state_and_what_stands_before_it_come_back(policy: str | None, wake_at: Any) -> None:
    state = Term(policy, 3, wake_at)
    data = CODEC.encode(state)
    assert CODEC.decode(data, upgrade=same) == state
    assert CODEC.peek_policy(data) == policy
    assert CODEC.peek_wake(data) == (None if wake_at is None else at_ms(7))


@pytest.mark.parametrize(
    ("data", "policy"),
    [
        pytest.param(b'[2,null,{"policy":"A","seen":1}]', UNSAID, id="before states had one"),
        pytest.param(b'[1,null,{"policy":"A","seen":1}]', UNSAID, id="the same, an older version"),
        pytest.param(b'[2,null,"A",{"policy":"A","seen":1}]', "A", id="as it is"),
        pytest.param(b'[1,null,"A",{"policy":"A","seen":1}]', "A", id="an older version"),
        pytest.param(b'[2,null,null,{"policy":null,"seen":1}]', None, id="of none"),
    ],
)
def test_the_layout_before_is_read(data: bytes, policy: str | None) -> None:
    assert CODEC.peek_policy(data) == policy
    assert CODEC.decode(data, upgrade=same) == Term(policy if policy is None else "A", 1)
