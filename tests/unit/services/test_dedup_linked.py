"""身份归并: two who are one are judged as one, whenever that comes to light (R12 «同一个用户»)."""

from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Event, IdentityLinked
from schemas.facts.repeats import RepeatFact
from tests.model.log import HOLES, LAMPS, Log, Machine, at, days, recorded
from tests.unit.services.test_dedup_model import START, histories, shuffled, statement

MAY = at("2026-05-04 09:00")


def linked(log: Log, first: str, second: str, when: Any) -> list[IdentityLinked]:
    """As intake writes it: once into each one's partition."""
    data = {"first": {"citizen": first}, "second": {"citizen": second}}
    event = log.event(IdentityLinked, "call-1", when, data)
    return [event.model_copy(update={"citizen": each}) for each in (first, second)]


def said(facts: Iterable[RepeatFact]) -> list[tuple[str, str, str]]:
    return [(fact.subject, fact.data.verdict, fact.data.cause) for fact in facts]


def test_R12_a_link_makes_a_repeat_of_what_were_two_citizens() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", MAY, citizen="c:2")])
    machine.feed([log.received("B", MAY + days(3), citizen="c:1")])
    facts = machine.feed(linked(log, "c:1", "c:2", MAY + days(4)))
    assert said(facts) == [("B", "candidate", "identity_linked")]
    chain = facts[0].data.chain
    assert chain is not None
    assert (chain.first_ticket, chain.position) == ("A", 2)
    assert facts[0].citizen == "c:1"
    assert set(machine.states) == {f"c:1|{LAMPS}"}, "nothing is left with the other pseudonym"


def test_R12_whatever_leaf_and_however_the_two_are_named() -> None:
    log, machine = Log(), Machine()
    for leaf, (one, other) in ((LAMPS, ("A", "B")), (HOLES, ("C", "D"))):
        machine.feed([log.received(one, MAY, leaf, citizen="c:1")])
        machine.feed([log.received(other, MAY + days(1), leaf, citizen="c:2")])
    facts = machine.feed(linked(log, "c:2", "c:1", MAY + days(2)))
    assert sorted(said(facts)) == [
        ("B", "candidate", "identity_linked"),
        ("D", "candidate", "identity_linked"),
    ]


def test_R12_a_later_ticket_of_the_second_pseudonym_is_a_repeat_at_once() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", MAY, citizen="c:1")])
    machine.feed(linked(log, "c:1", "c:2", MAY + days(1)))
    facts = machine.feed([log.received("B", MAY + days(2), citizen="c:2")])
    assert said(facts) == [("B", "candidate", "ticket_received")]


def test_R22_what_happens_to_a_ticket_that_was_handed_over_is_known_there() -> None:
    log, machine = Log(), Machine(eager=False)
    machine.feed([log.received("A", MAY, citizen="c:2")])
    machine.feed(linked(log, "c:1", "c:2", MAY + days(1)))
    # The chain is still on its way.
    machine.feed([log.dispatched("A", MAY + days(1), department="roads", handler="li")])
    machine.settle()
    machine.feed([log.received("B", MAY + days(2), citizen="c:1")])
    first = machine.last()["B"].data.first
    assert first is not None
    assert (first.ticket, first.department, first.handler) == ("A", "roads", "li")


def test_R12_links_in_a_row_and_in_a_circle_end_at_one_citizen() -> None:
    log, machine = Log(), Machine()
    for number in (3, 1, 2):
        received = log.received(f"T{number}", MAY + days(number), citizen=f"c:{number}")
        machine.feed([received])
    for one, other in (("c:2", "c:3"), ("c:3", "c:1"), ("c:1", "c:2"), ("c:1", "c:2")):
        machine.feed(linked(log, one, other, MAY + days(9)))
    chains = {ticket: fact.data.chain for ticket, fact in machine.last().items()}
    assert {
        ticket: (chain.first_ticket, chain.position) for ticket, chain in chains.items() if chain
    } == {"T1": ("T1", 1), "T2": ("T1", 2), "T3": ("T1", 3)}
    assert set(machine.states) == {f"c:1|{LAMPS}"}


def test_R12_nobody_is_linked_to_an_anonymous_caller() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", MAY, citizen="c:1")])
    assert machine.feed(linked(log, "c:1", "anon:X", MAY + days(1))) == []
    assert set(machine.states) == {f"c:1|{LAMPS}"}


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_R12_linked_in_the_middle_is_as_if_it_had_been_known_from_the_start(
    data: st.DataObject,
) -> None:
    tickets = data.draw(histories(days(20)))
    events: list[Event] = shuffled(data, tickets)
    log = Log()
    for _ in range(data.draw(st.integers(1, 2))):
        one, other = data.draw(st.sampled_from([("c:1", "c:2"), ("c:2", "c:1")]))
        where = data.draw(st.integers(0, len(events)))
        events[where:where] = linked(log, one, other, START)
    when = START + days(21)
    events = [recorded(event, when) for event in events]
    machine = Machine(eager=False)
    for event in events:
        machine.feed([event])
        machine.settle(data.draw(st.integers(0, 3)))
    machine.settle()
    known = Machine()
    known.feed(
        [
            event.model_copy(update={"citizen": "c:1"})
            for event in events
            if not isinstance(event, IdentityLinked)
        ]
    )
    found = {ticket: statement(fact) for ticket, fact in machine.last().items()}
    assert found == {ticket: statement(fact) for ticket, fact in known.last().items()}
