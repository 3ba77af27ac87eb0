"""The processor against the reference model: the last verdicts are those of the whole history,
whatever the order in which the log brought it (R12)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policy.bundle import Policy, load
from policy.window import Window, WindowMode
from runtime.core import to_ms
from runtime.driver import Driver, Written, to_bytes
from runtime.processor import Record
from schemas.events import EVENT_TYPES, Event
from schemas.facts.repeats import RepeatFact
from schemas.topics import REPEATS, TICKETS
from services.dedup.domain import Dedup
from tests.model.log import CN, HOLES, LAMPS, Log, Machine, at, days, recorded
from tests.model.repeats import Verdict, last_verdicts

START = at("2026-01-20 09:00")
LATE = timedelta(days=CN.repeat.late_days)

POLICIES: dict[str, Policy] = {
    name: replace(CN, repeat=replace(CN.repeat, default=window, overrides=overrides))
    for name, window, overrides in (
        ("three months", Window(WindowMode.CALENDAR_MONTHS, 3), ()),
        ("one month", Window(WindowMode.CALENDAR_MONTHS, 1), ()),
        ("rolling", Window(WindowMode.ROLLING, 10), ()),
        (
            "by channel",
            Window(WindowMode.ROLLING, 4),
            ((None, "letter", Window(WindowMode.ROLLING, 40)),),
        ),
    )
}


def statement(fact: RepeatFact) -> Verdict:
    chain = fact.data.chain
    assert chain is not None
    rests_on, cause = fact.data.rests_on, fact.data.root_cause
    return Verdict(
        fact.data.verdict,
        fact.data.reason,
        chain.first_ticket,
        chain.position,
        rests_on.ticket if rests_on else "",
        f"{cause.cause} {cause.evidence}" if cause else "",
    )


PLACES: list[Any] = [
    *(None, None, {"division": "320106"}, {"division": "3201"}),
    *({"key": "k1"}, {"key": "k1"}, {"key": "k1"}, {"key": "k2"}),
]
HANDLED: dict[str, list[dict[str, Any]]] = {
    "reply.submitted": [
        {"text": "已维修"},
        {"text": "已更换灯泡三只并检修线路, 夜间试亮正常", "resolved": True},
        {"text": "已列入年度改造计划, 待资金到位后实施", "resolved": False},
    ],
    "reply.approved": [{}],
    "reply.rejected": [{}],
    "ticket.closed": [{}],
    "callback.answered": [
        {"contacted": True, "resolved": True},
        {"contacted": True, "resolved": False},
        {"contacted": True},
        {"contacted": False, "outcome": "no_answer"},
    ],
    "finding.recorded": [{"false_closure": True}, {"false_closure": False}],
    "evidence.added": [{"text": "照片"}],
    "extension.granted": [{}],
}
KINDS = (
    *("withdrawn", "not_accepted", "reopened", "leaf", "type", "confirm", "exclude", "overturn"),
    *("reasonable", "handled", "handled", "handled", "handled", "handled", "ticket.closed"),
    *HANDLED,
)


def _event(log: Log, kind: str, ticket: str, time: datetime, data: dict[str, Any]) -> Any:
    return log.event(EVENT_TYPES[f"hotline.{kind}.v1"], ticket, time, data)


def _handled(draw: st.DrawFn, log: Log, ticket: str, time: datetime, gap_hours: int) -> list[Any]:
    """A ticket handled to its end, as most are: without it a result would seldom be reasonable."""
    found = []
    for kind in ("reply.submitted", "reply.approved", "ticket.closed", "callback.answered"):
        if draw(st.integers(0, 5)):
            data = draw(st.sampled_from(HANDLED[kind]))
            found.append(_event(log, kind, ticket, time, data))
        time += timedelta(hours=draw(st.integers(1, gap_hours)))
    return found


@st.composite
def histories(
    draw: st.DrawFn, span: timedelta, *, named: bool = True, gap_hours: int = 90
) -> list[list[Event]]:
    """Of each ticket its events, in order, at most ``gap_hours`` apart.

    ``named``: marks may name an earlier ticket.
    """
    log = Log()
    tickets: list[list[Event]] = []
    hours = int(span / timedelta(hours=1))
    # Half of the histories are of one matter that is handled again and again: else verdicts that
    # rest on a result would be rare among those that something else decides first.
    one_matter = draw(st.booleans())
    count = draw(st.integers(2, 5) if one_matter else st.integers(1, 9))
    for number in range(count):
        ticket = f"T{number}"
        time = START + timedelta(hours=draw(st.integers(0, hours)))
        optional: dict[str, Any] = {
            "matter": draw(
                st.sampled_from([None, None, {"credit_code": "A"}, {"credit_code": "B"}])
            ),
            "place": draw(st.sampled_from(PLACES[-4:] if one_matter else PLACES)),
            "channel": draw(st.sampled_from(["phone", "letter"])),
            "request_type": draw(
                st.sampled_from(["complaint"] if one_matter else ["complaint"] * 6 + ["praise"])
            ),
            "complainant": draw(st.sampled_from([None] * 14 + [{"shared": True}])),
            "attachments": draw(st.sampled_from([None] * 4 + [[{"reference": "p"}]])),
            "earlier_ticket": draw(st.sampled_from([None] * 4 + ["T0", "T1"])),
        }
        if draw(st.booleans()):
            optional["due_at"] = (time + days(draw(st.integers(1, 9)))).isoformat()
        if draw(st.booleans()):
            optional["occurred_at"] = (time - timedelta(hours=draw(st.integers(0, 99)))).isoformat()
        leaf = draw(st.sampled_from([LAMPS] if one_matter else [LAMPS] * 4 + [HOLES, None]))
        events: list[Event] = [
            log.received(
                ticket,
                time,
                leaf,
                citizen="c:1" if one_matter else draw(st.sampled_from(["c:1", "c:1", "c:2"])),
                **{name: value for name, value in optional.items() if value},
            )
        ]
        kinds = ("reasonable", "handled", "handled", *HANDLED) if one_matter else KINDS
        for kind in draw(st.lists(st.sampled_from(kinds), max_size=6)):
            other = f"T{draw(st.integers(0, count - 1))}"
            later = events[-1].time + timedelta(hours=draw(st.integers(1, gap_hours)))
            match kind:
                case "withdrawn" | "not_accepted" | "reopened":
                    events.append(getattr(log, kind)(ticket, later))
                case "leaf":
                    target = draw(st.sampled_from([LAMPS, HOLES, None]))
                    events.append(log.amended(ticket, later, leaf=target))
                case "type":
                    events.append(log.amended(ticket, later, request_type="help"))
                case "confirm":
                    names = [{}, {}, {"root_cause": "step_missed"}]
                    if named:
                        names += [{"earlier_ticket": other}] * 2
                    events.append(
                        log.marked(ticket, later, "confirm", **draw(st.sampled_from(names)))
                    )
                case "exclude":
                    reason = draw(
                        st.sampled_from(
                            [
                                *(None, "in_progress", "policy_expectation"),
                                *("new_fault_same_kind", "closed_no_new_evidence"),
                            ]
                        )
                    )
                    events.append(log.marked(ticket, later, "exclude", reason=reason))
                case "overturn":
                    events.append(log.marked(ticket, later, "overturn"))
                case "reasonable":
                    told = draw(st.booleans())
                    events.append(
                        log.marked(ticket, later, "correct_cause", earlier_result_reasonable=told)
                    )
                case "handled":
                    events += _handled(draw, log, ticket, later, gap_hours)
                case _:
                    data = draw(st.sampled_from(HANDLED[kind]))
                    if kind == "extension.granted":
                        data = {"new_due_at": (later + days(draw(st.integers(1, 20)))).isoformat()}
                    events.append(_event(log, kind, ticket, later, data))
        tickets.append(events)
    return tickets


def shuffled(data: st.DataObject, tickets: list[list[Event]]) -> list[Event]:
    """Any order that keeps the events of each ticket in order."""
    order = data.draw(st.permutations([i for i, events in enumerate(tickets) for _ in events]))
    waiting = [list(events) for events in tickets]
    return [waiting[index].pop(0) for index in order]


@settings(max_examples=250, deadline=None)
@given(st.data(), st.sampled_from(sorted(POLICIES)))
def test_R12_any_order_within_the_lateness_gives_the_same_last_verdicts(
    data: st.DataObject, name: str
) -> None:
    policy = POLICIES[name]
    tickets = data.draw(histories(LATE - days(1)))
    when = START + LATE - days(1) + timedelta(hours=1)
    log = [
        recorded(event, when + timedelta(seconds=index))
        for index, event in enumerate(shuffled(data, tickets))
    ]
    machine = Machine(policy)
    machine.feed(log)
    found = {ticket: statement(fact) for ticket, fact in machine.last().items()}
    assert found == last_verdicts(log, policy)


@settings(max_examples=120, deadline=None)
@given(st.data(), st.sampled_from(sorted(POLICIES)))
def test_R12_each_event_may_be_late_by_up_to_the_lateness_over_a_long_time(
    data: st.DataObject, name: str
) -> None:
    """With pruning and timers: what is forgotten can no longer be asked for.

    But by a human, who may name any ticket: of one that is forgotten only the id is known; and what
    happens to a ticket after it was forgotten changes no verdict any more.
    """
    policy = POLICIES[name]
    tickets = data.draw(histories(days(250), named=False, gap_hours=1))
    log: list[Event] = []
    for events in tickets:
        delay = timedelta(hours=data.draw(st.integers(0, 24 * 31 - 1)))
        log += [recorded(event, event.time + delay) for event in events]
    log.sort(key=lambda event: event.recordedtime or event.time)
    machine = Machine(policy)
    machine.feed(log)
    found = {ticket: statement(fact) for ticket, fact in machine.last().items()}
    assert found == last_verdicts(log, policy)
    machine.wake(at("2030-01-01"))
    assert not machine.states


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_R12_feeding_the_log_twice_states_nothing_new(data: st.DataObject) -> None:
    tickets = data.draw(histories(days(20)))
    # A ticket that changed its leaf is not looked for under the old one (README: limits).
    log = [
        recorded(event, START + days(21))
        for events in tickets
        if len({each.leaf for each in events}) == 1
        for event in events
    ]
    machine = Machine()
    machine.feed(log)
    states = dict(machine.states)
    assert machine.feed(log) == []
    assert machine.states == states


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_the_driver_states_the_same_facts(data: st.DataObject) -> None:
    """With the runtime's own codec, timers and clock; both under the version of January."""
    tickets = data.draw(histories(days(100)))
    log = sorted((each for events in tickets for each in events), key=lambda each: each.time)
    written: list[Written] = []
    driver = Driver([Dedup()], load("cn-12345"), written.append)
    driver.run(
        Record(TICKETS, 0, offset, b"c:1", to_bytes(event), to_ms(event.time))
        for offset, event in enumerate(log)
    )
    assert not driver.failures
    facts = Machine().feed(log)
    assert len(written) == len(facts)
    for record, fact in zip(written, facts, strict=True):
        assert (record.topic, record.key) == (REPEATS, (fact.citizen or "").encode())
        assert type(fact).model_validate_json(record.value or b"") == fact


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_revisions_count_up_and_name_what_they_replace(data: st.DataObject) -> None:
    tickets = data.draw(histories(days(20)))
    log = [recorded(event, START + days(21)) for event in shuffled(data, tickets)]
    facts = Machine().feed(log)
    assert len({fact.id for fact in facts}) == len(facts)
    last: dict[str, RepeatFact] = {}
    for fact in facts:
        before = last.get(fact.subject)
        assert fact.data.revision == (before.data.revision + 1 if before else 1)
        assert fact.data.replaces == (before.id if before else None)
        assert fact.type == f"hotline.repeat.{fact.data.verdict}.v1"
        last[fact.subject] = fact


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=30, max_size=60), st.integers(2, 6))
def test_R12_a_long_chain_in_order_is_judged_as_if_nothing_was_dropped(
    gaps: list[int], keep: int
) -> None:
    policy = replace(CN, repeat=replace(CN.repeat, keep_tickets=keep))
    log, time = Log(), START
    events: list[Event] = []
    for number, gap in enumerate(gaps):
        time += days(gap)
        events.append(log.received(f"T{number:03d}", time))
    machine = Machine(policy)
    machine.feed(events)
    found = {ticket: statement(fact) for ticket, fact in machine.last().items()}
    assert found == last_verdicts(events, policy)
    assert all(len(machine.chain(key).tickets) <= keep for key in machine.states)
