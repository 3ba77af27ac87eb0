"""I8 on random histories, whatever the order of arrival; replay; herds."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.bundle import load, shipped
from runtime.core import to_ms
from runtime.driver import Driver, Written, to_bytes
from runtime.processor import Record
from schemas.events import (
    CallbackAnswered,
    CallRecorded,
    CommandRefused,
    Event,
    TicketClosed,
    TicketNotAccepted,
    TicketReopened,
    TicketWithdrawn,
)
from schemas.topics import TICKETS
from services.callback.domain import Callback, key_of
from services.callback.facts import task_id
from tests.model.callbacks import Machine, assert_allowed, assert_I8, standing, what
from tests.model.log import CN, LAMPS, Log, at, days

START = at("2026-02-02 08:00")
NIGHT = "environment.noise.night_construction"
MINUTE = timedelta(minutes=1)
_SHIPPED = load("cn-12345")
BUNDLE = replace(_SHIPPED, versions=_SHIPPED.versions[:1], _starts=_SHIPPED._starts[:1])
"""The version that the machine has, alone."""
PROFILES = {name: load(name).versions[0].policy for name in shipped()}
LIFE: tuple[Any, ...] = (TicketClosed, TicketReopened, TicketWithdrawn, TicketNotAccepted)
CALLED = ("no_answer", "answered", "busy", "wrong_number", "powered_off")
SAID: tuple[dict[str, Any], ...] = (
    {"contacted": False, "outcome": "no_answer"},
    {"contacted": True},
    {"contacted": True, "resolved": True, "satisfied": 5},
    {"contacted": True, "resolved": True, "satisfied": 1},
    {"contacted": True, "resolved": False},
    {"contacted": False, "channel": "sms"},
    {"contacted": True, "resolved": True, "channel": "sms"},
)


@st.composite
def histories(draw: st.DrawFn, *, life_only: bool = False) -> list[Event]:
    """Of up to three tickets, in the order of the log; some events come late or twice."""
    log = Log()
    told: list[tuple[datetime, int, str, Any, dict[str, Any]]] = []
    tickets = [f"T{number}" for number in range(draw(st.integers(1, 3)))]
    for ticket in tickets:
        when = START + draw(st.integers(0, 2_000)) * MINUTE
        for _ in range(draw(st.integers(1, 10))):
            when += draw(st.integers(1, 60 if life_only else 9_000)) * MINUTE
            kind: Any = draw(st.sampled_from((TicketClosed, TicketClosed, *LIFE)))
            data: dict[str, Any] = {}
            if not life_only and draw(st.integers(0, 2)):
                kind = draw(st.sampled_from((CallRecorded, CallbackAnswered, CommandRefused)))
                if kind is CallRecorded:
                    purpose = draw(st.sampled_from(["callback", "callback", "progress"]))
                    outcome = draw(st.sampled_from(CALLED))
                    data = {"purpose": purpose, "direction": "outbound", "outcome": outcome}
                elif kind is CallbackAnswered:
                    data = draw(st.sampled_from(SAID))
                else:
                    data = {"command_id": "unknown"}
            late = draw(st.sampled_from([0, 0, 0, 90, 4_000])) * MINUTE
            told.append((when + late, len(told), ticket, kind, {"time": when, "data": data}))
    leaves = {ticket: draw(st.sampled_from([LAMPS, NIGHT])) for ticket in tickets}
    events: list[Event] = [log.received(each, START, leaves[each]) for each in tickets]
    for arrived, _, ticket, kind, said in sorted(told, key=lambda each: each[:2]):
        event = log.event(kind, ticket, said["time"], said["data"], recordedtime=arrived)
        events.append(event)
        if draw(st.integers(0, 9)) == 0:
            events.append(event)
    return events


def end_of(events: list[Event]) -> datetime:
    last = events[-1].recordedtime
    assert last is not None
    return last


def assert_every_close_is_stated(machine: Machine, events: list[Event]) -> None:
    """R33: what a close led to begins with a task or with the reason why there is none."""
    begun: Counter[str] = Counter()
    for fact in machine.facts:
        if fact.data.revision == 1:
            assert what(fact) in ("scheduled", "waived")
            begun[fact.data.task] += 1
    closes = {event.identity: event.subject for event in events if isinstance(event, TicketClosed)}
    tasks = {task_id(key_of(ticket), identity) for identity, ticket in closes.items()}
    assert tasks <= set(begun)
    assert set(begun.values()) <= {1}
    # Another task of a close is there only where a cancel was taken back by what came late.
    cancelled = sum(what(fact) == "cancelled" for fact in machine.facts)
    assert len(begun) - len(tasks) <= cancelled


def assert_commands_fit(machine: Machine, events: list[Event]) -> None:
    """R34: only what is closed can be reopened, and only as often as the policy says."""
    places = {event.identity: place for place, event in reversed(list(enumerate(events)))}
    for command in machine.commands:
        before = events[: places[command.data.caused_by or ""]]
        mine = [event for event in before if event.subject == command.subject]
        assert standing(mine, end_of(events)) is not None
        assert command.data.round <= machine.policy.callback.reopen_rounds


@settings(max_examples=150, deadline=None)
@given(events=histories(), profile=st.sampled_from(sorted(PROFILES)))
def test_I8_holds_whatever_happens(events: list[Event], profile: str) -> None:
    policy = PROFILES[profile]
    machine = Machine(policy)
    machine.feed(*events)
    machine.live()
    machine.wake(end_of(events) + days(60))
    assert_I8(machine.facts, policy)
    assert_every_close_is_stated(machine, events)
    assert machine.live() == {}, "a task that never ends"
    assert_commands_fit(machine, events)


@settings(max_examples=200, deadline=None)
@given(events=histories(life_only=True))
def test_R33_the_live_task_is_that_of_the_whole_history(events: list[Event]) -> None:
    machine = Machine()
    machine.feed(*events)
    live = machine.live()
    for ticket in {event.subject for event in events}:
        mine = [event for event in events if event.subject == ticket]
        owed = standing(mine, end_of(events))
        assert (ticket in live) == (owed is not None)
    assert_I8(machine.facts, CN)


@settings(max_examples=40, deadline=None)
@given(events=histories())
def test_I1_a_replay_and_the_runtime_write_the_same_bytes(events: list[Event]) -> None:
    machine, again = Machine(), Machine()
    until = end_of(events) + days(60)
    for each in (machine, again):
        each.feed(*events)
        each.wake(until)
    assert machine.written == again.written
    written: list[Written] = []
    driver = Driver([Callback()], BUNDLE, written.append)
    driver.run((_record(event, number) for number, event in enumerate(events)), until=until)
    assert driver.failures == []
    # Of several tickets, one may come before another of the same instant.
    assert sorted(each.value or b"" for each in written) == sorted(machine.written)


def _record(event: Event, offset: int) -> Record:
    assert event.recordedtime is not None
    key = (event.citizen or "").encode()
    return Record(TICKETS, 0, offset, key, to_bytes(event), to_ms(event.recordedtime))


def test_a_thousand_tickets_closed_in_one_minute_are_spread_over_calling_time() -> None:
    """Complaint 12: tickets are closed in bulk, at the end of the day."""
    log, machine = Log(), Machine()
    closed = at("2026-03-06 17:30")
    for number in range(1_000):
        log.citizen = f"c:{number}"
        machine.feed(log.received(f"T{number}", closed - days(1)), log.closed(f"T{number}", closed))
    due = [fact.data.due_at for fact in machine.facts]
    assert len(due) == 1_000
    for fact in machine.facts:
        assert_allowed(fact.data, CN)
    quarters = Counter(int(each.timestamp()) // 900 for each in due if each is not None)
    assert max(quarters.values()) <= 120, "a tenth of them in a quarter of an hour, and no more"
    assert len(quarters) >= 14
    last = max(each for each in due if each is not None)
    assert last - (closed + days(7)) < timedelta(hours=20), "the next morning at the latest"


def test_the_spread_is_the_same_at_every_replay() -> None:
    def due() -> datetime | None:
        log, machine = Log(), Machine()
        return machine.feed(log.closed("T1", START))[0].data.due_at

    assert due() == due()
