"""Laws of the clocks: order of arrival, repetition, replay, one breach, nothing left to say."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from policy.bundle import load
from runtime.stores.codec import StateCodec
from services.sla.domain import Sla
from services.sla.facts import Occasion
from services.sla.fold import fold
from services.sla.history import BYTES_KEPT, MARKS_KEPT
from services.sla.settle import Settling
from services.sla.state import ENDED, State
from tests.kit.ticket_life import TicketLife, happening, kind, local

START = local("03-02 09:00")
HORIZON = timedelta(days=40)
UNITS = ("city-urban-management", "city-housing", "street-east-01")


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events of one ticket, each an hour or more after the one before, none at a deadline."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    at, events = START + timedelta(seconds=1), []
    ids = ("D1", "D2", "D3")

    def add(type_: str, **data: Any) -> None:
        events.append(happening(type_, at, **data))

    add("ticket.received", channel="phone", request_type="complaint")
    for _ in range(draw(st.integers(1, 12))):
        at += timedelta(minutes=rng.randrange(61, 3_000), seconds=1)
        id_ = rng.choice(ids)
        match rng.randrange(12):
            case 0 | 1:
                add("ticket.dispatched", dispatch_id=id_, department=UNITS[ids.index(id_)])
            case 2:
                add("dispatch.accepted", dispatch_id=id_)
            case 3:
                add("hold.started", reason_code="court")
            case 4:
                add("hold.ended")
            case 5:
                add("call.recorded", dispatch_id=id_, direction="outbound", outcome="answered")
            case 6:
                add("ticket.progressed", dispatch_id=id_, text="x")
            case 7:
                add("reply.submitted", dispatch_id=id_)
            case 8:
                add("reply.rejected", dispatch_id=id_)
            case 9:
                due = at + timedelta(days=rng.randrange(1, 12))
                add("extension.granted", new_due_at=due)
            case 10:
                add("ticket.closed")
            case _:
                add("ticket.reopened")
    return events


def run(events: list[dict[str, Any]]) -> TicketLife:
    life = TicketLife(BUNDLE)
    for number, event in enumerate(events, start=1):
        life.feed({**event, "sequence": number})
    life.until(START + HORIZON)
    return life


BUNDLE = load("cn-12345")
STANDING = ("status", "start", "deadline", "ended_at", "breached_at", "late", "undetermined")


def standing(life: TicketLife) -> dict[str, tuple[Any, ...]]:
    state = life.state
    assert state is not None
    return {
        each.id: tuple(getattr(each, name) for name in STANDING)
        for each in state.clocks
        if life.last(each.id)["reason"] != "superseded"
    }


SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(histories(), st.randoms(use_true_random=False))
def test_late_and_shuffled_events_leave_what_those_in_order_leave(
    events: list[dict[str, Any]], rng: random.Random
) -> None:
    """Each recorded at most 20 hours after it happened, the receipt too."""
    late = []
    for event in events:
        delay = timedelta(seconds=rng.randrange(72_000)) if rng.random() < 0.5 else timedelta()
        known = datetime.fromisoformat(event["time"]) + delay
        late.append({**event, "recordedtime": known.isoformat()})
    late.sort(key=lambda each: datetime.fromisoformat(each["recordedtime"]))
    assert standing(run(late)) == standing(run(events))


@SLOW
@given(histories())
def test_an_event_that_comes_again_states_nothing(events: list[dict[str, Any]]) -> None:
    life = TicketLife(BUNDLE)
    for number, event in enumerate(events, start=1):
        whole = {**event, "sequence": number}
        life.feed(whole)
        said = len(life.facts)
        life.feed(whole)
        assert len(life.facts) == said


@SLOW
@given(histories())
def test_replay_gives_the_same_facts(events: list[dict[str, Any]]) -> None:
    assert run(events).facts == run(events).facts


@SLOW
@given(histories())
def test_I7_at_most_one_breach_of_a_clock_is_live_and_none_is_early(
    events: list[dict[str, Any]],
) -> None:
    life = run(events)
    live: set[str] = set()
    for fact in life.facts:
        clock = fact["data"].get("clock")
        if kind(fact) == "breached":
            assert clock not in live
            live.add(clock)
            due = datetime.fromisoformat(fact["data"]["deadline"])
            assert due <= datetime.fromisoformat(fact["time"])
        elif kind(fact) == "withdrawn":
            live.remove(clock)
    state = life.state
    assert state is not None
    assert live == {each.id for each in state.clocks if each.breach} | {
        each for each in live if each.startswith("interim:") and int(each[8:]) < state.cycle
    }


@SLOW
@given(histories())
def test_each_revision_names_the_fact_that_it_replaces(events: list[dict[str, Any]]) -> None:
    life = run(events)
    last: dict[str, tuple[str, int]] = {}
    for fact in life.facts:
        data = fact["data"]
        if "clock" not in data:
            continue
        before, revision = last.get(data["clock"], (None, 0))
        assert data.get("replaces") == before
        assert data["revision"] == revision + 1
        last[data["clock"]] = fact["id"], data["revision"]
    assert len({each["id"] for each in life.facts}) == len(life.facts)


@SLOW
@given(histories())
def test_looking_at_what_an_event_touches_leaves_nothing_unsaid(
    events: list[dict[str, Any]],
) -> None:
    """A look at all clocks after each event finds what the look at a few has found."""
    life = TicketLife(BUNDLE)
    for number, event in enumerate(events, start=1):
        life.feed({**event, "sequence": number})
        state = life.state
        assert state is not None
        now = datetime.fromisoformat(event["recordedtime"])
        occasion = Occasion("T-1", "c:ab", None, now, BUNDLE.at(now))
        again = Settling(fold(state.history), state.clocks, occasion, cycle=None)
        again.run()
        assert not again.effects
        assert tuple(again.after) == state.clocks or {e.id: e for e in again.after} == {
            e.id: e for e in state.clocks
        }


@SLOW
@given(histories())
def test_a_state_survives_its_codec(events: list[dict[str, Any]]) -> None:
    state = run(events).state
    assert state is not None
    codec = StateCodec(State, Sla.state_version)
    assert codec.decode(codec.encode(state), upgrade=lambda raw, _: raw) == state


def test_a_timer_is_never_due_again_at_the_instant_at_which_it_fired() -> None:
    life = TicketLife(BUNDLE)
    life.event("ticket.received", "03-02 09:00", channel="phone")
    for _ in range(30):
        state = life.state
        assert state is not None
        if state.wake_at is None:
            break
        due = state.wake_at
        after = Sla().wake("T-1", state, due, BUNDLE.at(due)).states["T-1"]
        assert after is None or after.wake_at is None or after.wake_at > due
        life.until(due + timedelta(milliseconds=2))


def test_a_state_is_bounded_and_says_what_it_dropped() -> None:
    life = TicketLife(BUNDLE)
    life.event("ticket.received", START, channel="phone")
    for number in range(2 * MARKS_KEPT):
        life.event(
            "ticket.dispatched" if number % 3 == 0 else "ticket.progressed",
            START + timedelta(minutes=number + 1),
            dispatch_id=f"D{number}-{'x' * 200}",
            department="部" * 200,
        )
    state = life.state
    assert state is not None
    assert len(state.history.marks) <= MARKS_KEPT
    assert life.driver.notes["sla_dropped_marks", ()] == state.history.dropped > 0
    raw = StateCodec(State, 1).encode(state)
    assert len(raw) < 4 * BYTES_KEPT
    assert life.clock("resolve").status == "running"


def test_no_clock_runs_in_a_state_that_waits_for_no_policy() -> None:
    life = TicketLife(BUNDLE)
    life.event("ticket.received", "03-02 09:00", channel="phone")
    running = life.state
    assert running is not None
    assert running.policy == BUNDLE.at(START).version
    life.event("ticket.closed", "03-03 09:00")
    closed = life.state
    assert closed is not None
    assert closed.policy is None
    assert all(each.status in ENDED for each in closed.clocks)
    assert closed.wake_at == local("08-30 09:00")


@pytest.mark.parametrize(
    ("urgency", "leaf", "first"),
    [("very_urgent", "city.order.stall", 0), (None, "utilities.gas.leak", 0), (None, "labour", 2)],
)
def test_F18_the_most_pressing_fire_first(urgency: str | None, leaf: str, first: int) -> None:
    life = TicketLife(BUNDLE)
    life.event("ticket.received", "03-02 09:00", leaf=leaf, urgency=urgency)
    state = life.state
    assert state is not None
    assert state.urgency == first


def test_a_dry_settling_of_another_instant_needs_no_event() -> None:
    """What the audit of a new policy asks: the state itself, woken under the policy it has."""
    life = TicketLife(BUNDLE)
    life.event("ticket.received", "03-02 09:00", channel="phone")
    state = life.state
    assert state is not None
    stale = replace(state, policy="cn-12345@before+000000000000")
    decision = Sla().wake("T-1", stale, START + timedelta(hours=1), BUNDLE.at(START))
    after = decision.states["T-1"]
    assert after is not None
    assert not decision.effects
    assert after.policy == BUNDLE.at(START).version


def test_what_makes_no_sense_is_followed_and_raises_nothing() -> None:
    """Parents in a circle, one id for two units, deadlines before and beyond every calendar."""
    life = TicketLife(BUNDLE)
    life.event("ticket.received", "03-02 09:00", channel="phone")
    for hour, id_, parent, unit in ((10, "A", "B", "x"), (11, "B", "A", "y"), (12, "C", "C", "z")):
        at = f"03-02 {hour}:00"
        life.event(
            "ticket.dispatched", at, dispatch_id=id_, parent_dispatch_id=parent, department=unit
        )
    life.event("ticket.dispatched", "03-02 12:30", department="w")
    life.event("reply.submitted", "03-02 13:00", dispatch_id="B")
    life.event("ticket.dispatched", "03-02 14:00", dispatch_id="A", department="q")
    life.event("ticket.amended", "03-02 15:00", changes={"due_at": "1999-01-01T00:00:00+08:00"})
    assert "1999" in life.last("resolve")["undetermined"]
    life.event("extension.granted", "03-02 16:00", new_due_at="2199-01-01T00:00:00+08:00")
    assert "2199" in life.last("resolve")["undetermined"]
    life.event("ticket.amended", "03-02 17:00", changes={"due_at": None})
    life.event("ticket.imported", "03-03 09:00", channel="phone", state="closed")
    assert life.said("resolve")[-1] == "met"
    life.event("ticket.reopened", "03-03 10:00")
    life.until("06-01 00:00")
