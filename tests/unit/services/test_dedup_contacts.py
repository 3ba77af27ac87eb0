"""Ruling 4: a contact that no ticket was made of counts as a contact; raw and net add up (R16)."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import (
    ContactAnswered,
    ContactReceived,
    EvidenceAdded,
    ReplyApproved,
    TicketClosed,
)
from schemas.facts.repeats import RepeatFact
from tests.model.log import CN, HOLES, LAMPS, Log, Machine, at, days

JAN = at("2026-01-05 10:00")
HERE: dict[str, Any] = {"place": {"key": "k:幸福路12号"}}


def contact(
    log: Log, name: str, time: Any, leaf: str | None = LAMPS, *, answered: bool = False, **data: Any
) -> Any:
    model = ContactAnswered if answered else ContactReceived
    given = {"leaf": leaf, **data} if leaf else data
    return log.event(model, name, time, given, leaf=leaf)


def said(facts: list[RepeatFact]) -> list[tuple[str, str, str]]:
    return [(fact.subject, fact.data.verdict, fact.data.reason) for fact in facts]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (HERE, ("excluded", "in_progress")),
        ({"ticket": "A"}, ("excluded", "in_progress")),
        ({}, ("candidate", "same_citizen_and_leaf")),
        ({**HERE, "caller": {"shared": True}}, ("candidate", "shared_number")),
    ],
)
@pytest.mark.parametrize("answered", [False, True])
def test_R18_a_contact_about_a_ticket_in_progress(
    data: dict[str, Any], expected: tuple[str, str], answered: bool
) -> None:
    """«话务员应向其说明目前的进展情况»: no new ticket, but a contact."""
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE)])
    facts = machine.feed([contact(log, "C", JAN + days(2), **data)])
    if answered:
        machine.feed([contact(log, "C", JAN + days(2), answered=True)])
    assert said(facts) == [("C", *expected)]
    told = facts[0].data
    assert (told.subject_kind, told.counted, told.recontact) == ("contact", False, True)
    assert told.rests_on is not None
    assert told.rests_on.ticket == "A"
    assert (told.prompt_zh is not None) == (expected[0] == "excluded")
    assert len(machine.facts) == 2, "that it was answered changes nothing about it"


def test_R17_new_evidence_flips_an_excluded_contact_to_a_confirmed_repeat() -> None:
    log, machine = Log(), Machine()
    machine.feed(
        [
            log.received("A", JAN, **HERE),
            log.replied("A", JAN + days(1), text="已更换灯泡三只并检修线路"),
            log.event(ReplyApproved, "A", JAN + days(1.5), {}),
            log.closed("A", JAN + days(2)),
            log.called_back("A", JAN + days(3), contacted=True, resolved=True),
        ]
    )
    facts = machine.feed([contact(log, "C", JAN + days(5), ticket="A")])
    assert said(facts) == [("C", "excluded", "closed_no_new_evidence")]
    given_: Any = log.event(EvidenceAdded, "A", JAN + days(5.1), {"contact_id": "C"})
    facts = machine.feed([given_])
    assert said(facts) == [("C", "confirmed", "closed_new_evidence")]
    assert not facts[0].data.counted, "the ticket that follows counts"


def test_R17_a_contact_about_an_unresolved_ticket_stays_a_candidate() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE), log.closed("A", JAN + days(2))])
    facts = machine.feed([contact(log, "C", JAN + days(5), ticket="A")])
    assert said(facts) == [("C", "candidate", "answered_without_ticket")]


def test_a_first_contact_is_not_stated_until_an_earlier_ticket_is_known() -> None:
    log, machine = Log(), Machine()
    assert machine.feed([contact(log, "C", JAN + days(2), **HERE)]) == []
    late = log.received("A", JAN, recorded=JAN + days(3), **HERE)
    assert said(machine.feed([late])) == [
        ("A", "new", "first_contact"),
        ("C", "excluded", "in_progress"),
    ]


def test_R16_a_contact_that_became_a_ticket_does_not_count_twice() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE), contact(log, "C", JAN + days(2), **HERE)])
    facts = machine.feed([log.received("B", JAN + days(2), contact_id="C", **HERE)])
    assert said(facts) == [("C", "new", "became_ticket"), ("B", "excluded", "in_progress")]
    assert not facts[0].data.recontact
    assert facts[1].data.contact == "C"
    assert machine.feed([contact(log, "C", JAN + days(2.1), answered=True)]) == []
    assert machine.chain(f"c:1|{LAMPS}").contacts == ()


def test_R16_a_contact_that_comes_after_its_ticket_says_nothing() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE), log.received("B", JAN + days(2), contact_id="C")])
    assert machine.feed([contact(log, "C", JAN + days(2), **HERE)]) == []


def test_R18_a_contact_that_names_a_ticket_without_a_leaf() -> None:
    log, machine = Log(), Machine()
    facts = machine.feed([contact(log, "C", JAN, None, ticket="A"), contact(log, "D", JAN, None)])
    assert said(facts) == [("C", "candidate", "asked_about_ticket")]
    assert facts[0].data.recontact
    assert (facts[0].data.revision, machine.states) == (0, {})


def test_R19_a_human_marks_a_contact() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE), contact(log, "C", JAN + days(2), **HERE)])
    log._leaf["C"] = LAMPS
    facts = machine.feed(
        [log.marked("C", JAN + days(3), "exclude", reason="policy_expectation", clause="第3条")]
    )
    assert said(facts) == [("C", "excluded", "policy_expectation")]
    assert (facts[0].data.dimensions.clause, facts[0].data.recontact) == ("第3条", True)


def test_contacts_kept_are_bounded_and_forgotten() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE)])
    machine.feed([contact(log, f"C{n:03d}", JAN + days(n / 50), **HERE) for n in range(60)])
    chain = machine.chain(f"c:1|{LAMPS}")
    assert len(chain.contacts) == CN.repeat.keep_contacts
    machine.wake(at("2030-01-01"))
    assert not machine.states


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_R16_raw_and_net_add_up_over_the_last_facts(data: st.DataObject) -> None:
    """Against a plain count of who came again with what, whatever rule or human said of it."""
    log, machine = Log(), Machine()
    events: list[Any] = []
    plain: Counter[tuple[str, str]] = Counter()
    came_before: set[tuple[str, str]] = set()
    for number in range(data.draw(st.integers(1, 12))):
        time = JAN + days(number)
        citizen = data.draw(st.sampled_from(["c:1", "c:2"]))
        leaf = data.draw(st.sampled_from([LAMPS, HOLES]))
        kind = data.draw(st.sampled_from(["ticket", "ticket", "contact", "both"]))
        matter = HERE if data.draw(st.booleans()) else {}
        log.citizen = citizen
        again = (citizen, leaf) in came_before
        if kind in ("contact", "both"):
            events.append(contact(log, f"C{number}", time, leaf, **matter))
        if kind in ("ticket", "both"):
            more: dict[str, Any] = {"contact_id": f"C{number}"} if kind == "both" else {}
            events.append(log.received(f"T{number}", time, leaf, citizen=citizen, **more, **matter))
            plain["counted", leaf] += 1
            came_before.add((citizen, leaf))
            match data.draw(st.sampled_from(["", "close", "confirm", "exclude", "overturn"])):
                case "close":
                    closed: Any = log.event(TicketClosed, f"T{number}", time + days(0.1), {})
                    events.append(closed)
                case "":
                    pass
                case mark:
                    events.append(log.marked(f"T{number}", time + days(0.2), mark))
        plain["recontact", leaf] += again
    facts = machine.feed(events)
    found: Counter[tuple[str, str]] = Counter()
    for fact in machine.last().values():
        leaf = fact.data.dimensions.leaf or ""
        found["counted", leaf] += fact.data.counted
        found["recontact", leaf] += fact.data.recontact
        if fact.data.verdict in ("candidate", "confirmed") and fact.data.mark is None:
            assert fact.data.recontact, "by rule the net count is part of the raw one"
    assert +found == +plain
    assert len(facts) >= len(machine.last())
