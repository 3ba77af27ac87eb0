"""Repeat detection, rule by rule: R12–R16, R22 and rulings 1–4, as tables."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from policy.bundle import Policy, load
from policy.window import Window, WindowMode
from schemas.events import ContactReceived, Event
from schemas.facts.repeats import RepeatFact
from tests.model.log import CN, HOLES, LAMPS, Log, Machine, at, days, recorded

JAN = at("2026-01-10 10:00")
MONTHS, ROLLING = WindowMode.CALENDAR_MONTHS, WindowMode.ROLLING


def with_window(
    mode: WindowMode, length: int, *overrides: tuple[str | None, str | None, Window]
) -> Policy:
    repeat = replace(CN.repeat, default=Window(mode, length), overrides=overrides, _resolved={})
    return replace(CN, repeat=repeat)


def said(facts: list[RepeatFact]) -> list[tuple[str, str, str]]:
    """Ticket, verdict, reason of each fact."""
    return [(fact.subject, fact.data.verdict, fact.data.reason) for fact in facts]


CANDIDATE = ("candidate", "same_citizen_and_leaf")
FIRST = ("new", "first_contact")
OTHER = ("new", "another_matter")
HANDLED = ("excluded", "in_progress")


# R12: the window


@pytest.mark.parametrize(
    ("mode", "length", "earlier", "later", "is_repeat"),
    [
        (MONTHS, 1, "2026-01-31 23:59", "2026-02-01 00:00", False),
        (MONTHS, 1, "2026-01-01 00:00", "2026-01-31 23:59", True),
        (MONTHS, 2, "2026-01-31 23:59", "2026-02-01 00:00", True),
        (MONTHS, 2, "2025-12-31 23:59", "2026-01-01 00:00", True),
        (MONTHS, 1, "2025-12-31 23:59", "2026-01-01 00:00", False),
        (MONTHS, 3, "2026-01-01 00:00", "2026-03-31 23:59", True),
        (MONTHS, 3, "2025-12-31 23:59", "2026-03-01 00:00", False),
        (MONTHS, 3, "2025-11-01 00:00", "2026-01-31 23:59", True),
        (MONTHS, 3, "2025-10-31 23:59", "2026-01-31 23:59", False),
        (MONTHS, 3, "2024-02-29 12:00", "2024-04-30 12:00", True),
        (ROLLING, 30, "2026-01-10 10:00", "2026-02-09 10:00", True),
        (ROLLING, 30, "2026-01-10 10:00", "2026-02-09 10:01", False),
        (ROLLING, 1, "2026-01-31 23:59", "2026-02-01 00:00", True),
    ],
)
def test_R12_window(
    mode: WindowMode, length: int, earlier: str, later: str, is_repeat: bool
) -> None:
    log, machine = Log(), Machine(with_window(mode, length))
    facts = machine.feed([log.received("A", at(earlier)), log.received("B", at(later))])
    assert said(facts) == [("A", *FIRST), ("B", *(CANDIDATE if is_repeat else FIRST))]


def test_R12_the_window_is_that_of_leaf_and_channel() -> None:
    policy = with_window(
        MONTHS,
        1,
        (LAMPS, None, Window(ROLLING, 60)),
        (None, "letter", Window(ROLLING, 90)),
    )
    log, machine = Log(), Machine(policy)
    may = at("2026-05-20")
    facts = machine.feed(
        [
            log.received("L1", may),
            log.received("H1", may, HOLES),
            log.received("L2", may + days(59)),
            log.received("H2", may + days(59), HOLES),
            log.received("H3", may + days(80), HOLES, channel="letter"),
        ]
    )
    assert said(facts)[2:] == [("L2", *CANDIDATE), ("H2", *FIRST), ("H3", *CANDIDATE)]
    window = facts[2].data.window
    assert window is not None
    assert (window.mode, window.length, window.opens) == ("rolling", 60, may - days(1))


def test_R12_the_verdict_carries_window_evidence_chain_policy_and_words() -> None:
    log, machine = Log(), Machine()
    facts = machine.feed([log.received(f"T{n}", JAN + days(n), channel="phone") for n in range(8)])
    fact = facts[-1]
    data = fact.data
    assert fact.policyversion == CN.version
    assert (fact.citizen, fact.source, fact.leaf) == ("c:1", "hotline/dedup", LAMPS)
    assert (fact.time, fact.recordedtime) == (JAN + days(7), JAN + days(7))
    assert fact.causationid == "platform T7-1"
    assert data.rule == "R12"
    assert data.cause == "ticket_received"
    assert data.window is not None
    assert data.window.opens == at("2025-11-01")
    assert (data.window.mode, data.window.length) == ("calendar_months", 3)
    assert data.chain is not None
    assert data.chain.model_dump(exclude_none=True) == {
        "first_ticket": "T0",
        "position": 8,
        "length": 8,
    }
    assert [each.ticket for each in data.earlier] == ["T6", "T5", "T4", "T3", "T2"]
    assert data.earlier[0].time == JAN + days(6)
    assert data.earlier[0].matched == ("citizen", "leaf")
    assert data.earlier_count == 7
    assert "T0" in data.reason_en
    assert "2025-11-01" in data.reason_en
    assert "可能是重复投诉" in data.reason_zh


def test_R12_X_times_or_more_counts_the_chain_not_the_window() -> None:
    """A chain goes on while each ticket is in the window of the next, however long it gets."""
    log, machine = Log(), Machine(with_window(ROLLING, 10))
    facts = machine.feed([log.received(f"T{n}", JAN + days(9 * n)) for n in range(5)])
    chains = [fact.data.chain for fact in facts]
    assert [chain and (chain.first_ticket, chain.position) for chain in chains] == [
        ("T0", n) for n in range(1, 6)
    ]


def test_R12_a_late_ticket_corrects_those_behind_it() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("B", JAN + days(1)), log.received("C", JAN + days(2))])
    facts = machine.feed([log.received("A", JAN, recorded=JAN + days(5))])
    assert said(facts) == [("A", *FIRST), ("B", *CANDIDATE), ("C", *CANDIDATE)]
    assert [fact.data.cause for fact in facts] == ["ticket_received", "late_ticket", "late_ticket"]
    assert [fact.data.revision for fact in facts] == [1, 2, 2]
    assert {fact.causationid for fact in facts} == {"platform A-1"}
    assert facts[1].data.replaces == machine.facts[0].id
    assert facts[0].data.chain is not None
    assert facts[0].data.chain.model_dump(exclude_none=True) == {
        "first_ticket": "A",
        "position": 1,
        "length": 1,
    }


def test_R12_a_late_ticket_revises_only_what_it_changes() -> None:
    log, machine = Log(), Machine(with_window(ROLLING, 10))
    machine.feed([log.received("A", JAN), log.received("Z", JAN + days(30))])
    assert said(machine.feed([log.received("B", JAN + days(5), recorded=JAN + days(30))])) == [
        ("B", *CANDIDATE)
    ]


def test_R12_recorded_later_than_the_policy_waits_for_is_said_so() -> None:
    log, machine = Log(), Machine()
    late = timedelta(days=CN.repeat.late_days)
    facts = machine.feed(
        [
            log.received("A", JAN, recorded=JAN + late),
            log.received("B", JAN, HOLES, recorded=JAN + late + timedelta(seconds=1)),
        ]
    )
    assert said(facts) == [("A", *FIRST), ("B", "new", "recorded_too_late")]


def test_R12_a_ticket_from_before_what_is_kept_changes_no_other() -> None:
    policy = replace(CN, repeat=replace(CN.repeat, keep_tickets=3))
    log, machine = Log(), Machine(policy)
    machine.feed([log.received(f"T{n}", JAN + timedelta(hours=n)) for n in range(10)])
    kept = dict(machine.states)
    late = JAN + days(1)
    facts = machine.feed(
        [
            log.received("inside", JAN + timedelta(hours=2.5), recorded=late),
            log.received("before", JAN - days(1), recorded=late),
        ]
    )
    assert said(facts) == [("inside", *CANDIDATE), ("before", "new", "recorded_too_late")]
    assert facts[0].data.chain is not None
    assert facts[0].data.chain.first_ticket == "T0"
    assert machine.states == kept


@pytest.mark.parametrize(
    ("leaf", "data", "reason"),
    [
        (LAMPS, {"request_type": "praise"}, "request_type_not_counted"),
        (LAMPS, {"request_type": "consultation"}, "request_type_not_counted"),
        (None, {}, "no_leaf"),
        ("unknown", {}, "no_leaf"),
    ],
)
def test_R12_tickets_that_are_not_compared_are_new_and_no_earlier_ones(
    leaf: str | None, data: dict[str, Any], reason: str
) -> None:
    log, machine = Log(), Machine()
    facts = machine.feed(
        [
            log.received("A", JAN, leaf, **data),
            log.received("B", JAN + days(1), leaf, **data),
            log.received("C", JAN + days(2)),
        ]
    )
    assert said(facts) == [("A", "new", reason), ("B", "new", reason), ("C", *FIRST)]
    assert facts[1].data.chain is not None
    assert facts[1].data.chain.position == 0


def test_R12_anonymous_callers_are_never_repeats_and_leave_no_state() -> None:
    log, machine = Log(), Machine()
    first = log.received("A", JAN, citizen="anon:A")
    facts = machine.feed([first, log.received("B", JAN + days(1), citizen="anon:B")])
    assert said(facts) == [("A", "new", "anonymous"), ("B", "new", "anonymous")]
    assert facts[0].data.counted
    assert machine.states == {}
    again = machine.feed([first])
    assert [fact.id for fact in again] == [facts[0].id], "the same fact, so nothing is doubled"
    assert machine.feed([log.amended("A", JAN + days(1), leaf=HOLES)]) == []
    withdrawn = machine.feed([log.withdrawn("A", JAN + days(2))])
    assert [(fact.data.revision, fact.data.counted) for fact in withdrawn] == [(0, False)]


def test_R12_an_anonymous_ticket_gets_one_verdict_whatever_comes_before_its_receipt() -> None:
    log, machine = Log(), Machine()
    log.dispatched("A", JAN, department="D1")
    receipt = log.received("A", JAN, citizen="anon:A")
    again = log.received("A", JAN + days(1), citizen="anon:A")
    twice = again.model_copy(update={"anomaly": "received_twice"})
    assert receipt.sequence == 2
    assert said(machine.feed([receipt, twice])) == [("A", "new", "anonymous")]


def test_R12_two_citizens_are_two() -> None:
    log, machine = Log(), Machine()
    facts = machine.feed(
        [log.received("A", JAN, citizen="c:1"), log.received("B", JAN, citizen="c:2")]
    )
    assert said(facts) == [("A", *FIRST), ("B", *FIRST)]


def test_R12_the_same_event_twice_states_nothing_twice() -> None:
    log, machine = Log(), Machine()
    events: list[Event] = [
        log.received("A", JAN),
        log.received("B", JAN + days(1)),
        log.marked("B", JAN + days(2), "confirm"),
        log.withdrawn("A", JAN + days(3)),
    ]
    machine.feed(events)
    states = dict(machine.states)
    assert machine.feed(recorded(event, JAN + days(4)) for event in events) == []
    assert machine.states == states


def test_R12_an_imported_ticket_counts_from_its_receipt() -> None:
    log, machine = Log(), Machine()
    facts = machine.feed(
        [
            log.imported(
                "OLD",
                at("2026-03-01"),
                received_at=at("2026-02-20"),
                closed_at=at("2026-02-25"),
                dispatches=[{"department": "D1", "handler": "H1"}],
            ),
            log.received("B", at("2026-03-02")),
        ]
    )
    assert said(facts) == [("OLD", *FIRST), ("B", *CANDIDATE)]
    first = facts[1].data.first
    assert first is not None
    assert (first.ticket, first.time) == ("OLD", at("2026-02-20"))
    assert (first.department, first.handler, first.closed_at) == ("D1", "H1", at("2026-02-25"))


# R13: one matter, one chain


@pytest.mark.parametrize(
    ("one", "two", "verdict", "matched", "differs"),
    [
        ({}, {}, CANDIDATE, (), ()),
        ({"place": {"division": "320106"}}, {}, CANDIDATE, (), ()),
        ({"place": {"division": "320106"}}, {"place": {"division": "320106"}}, CANDIDATE,
         ("place",), ()),
        ({"place": {"division": "320106"}}, {"place": {"division": "320106001"}}, CANDIDATE,
         ("place",), ()),
        ({"place": {"division": "320100"}}, {"place": {"division": "320106"}}, CANDIDATE,
         ("place",), ()),
        ({"place": {"division": "320106"}}, {"place": {"division": "320104"}}, OTHER,
         (), ("place",)),
        ({"place": {"division": "Ward 1"}}, {"place": {"division": "Ward 10"}}, OTHER,
         (), ("place",)),
        ({"place": {"address": "幸福路 12 号"}}, {"place": {"address": "幸福路１２号"}}, HANDLED,
         ("place",), ()),
        ({"place": {"address": "幸福路12号"}}, {"place": {"address": "和平路3号"}}, CANDIDATE,
         (), ("place",)),
        ({"matter": {"credit_code": "A"}}, {"matter": {"credit_code": "A"}}, HANDLED,
         ("object",), ()),
        ({"matter": {"credit_code": "A"}}, {"matter": {"credit_code": "B"}}, OTHER,
         (), ("object",)),
        ({"matter": {"object": "路灯"}}, {"matter": {"object": "路灯杆"}}, CANDIDATE,
         (), ("object",)),
        ({"department": "城管局"}, {"department": "城管局"}, CANDIDATE, ("department",), ()),
        ({"department": "城管局"}, {"department": "住建局"}, OTHER, (), ("department",)),
    ],
)  # fmt: skip
def test_R13_another_matter_is_never_a_repeat(
    one: dict[str, Any],
    two: dict[str, Any],
    verdict: tuple[str, str],
    matched: tuple[str, ...],
    differs: tuple[str, ...],
) -> None:
    log, machine = Log(), Machine()
    facts = machine.feed([log.received("A", JAN, **one), log.received("B", JAN + days(1), **two)])
    assert said(facts)[1] == ("B", *verdict)
    evidence = facts[1].data.earlier[0]
    assert evidence.matched == ("citizen", "leaf", *matched)
    assert evidence.differs == differs


def test_R13_a_citizen_may_hold_many_chains_at_once() -> None:
    log, machine = Log(), Machine()
    tickets: list[tuple[str, str, dict[str, Any]]] = [
        ("L1", LAMPS, {}),
        ("H1", HOLES, {"place": {"division": "320106"}}),
        ("H2", HOLES, {"place": {"division": "320104"}}),
        ("L2", LAMPS, {}),
        ("H3", HOLES, {"place": {"division": "320106"}}),
        ("H4", HOLES, {"place": {"division": "320104"}}),
    ]
    facts = machine.feed(
        [log.received(name, JAN + days(n), leaf, **data)
         for n, (name, leaf, data) in enumerate(tickets)]
    )  # fmt: skip
    assert {
        fact.subject: (fact.data.chain.first_ticket, fact.data.chain.position)
        for fact in facts
        if fact.data.chain
    } == {
        "L1": ("L1", 1), "H1": ("H1", 1), "H2": ("H2", 1),
        "L2": ("L1", 2), "H3": ("H1", 2), "H4": ("H2", 2),
    }  # fmt: skip


def test_R13_an_amended_leaf_moves_the_ticket_and_corrects_both_chains() -> None:
    log, machine = Log(), Machine()
    machine.feed(
        [
            log.received("A", JAN, LAMPS),
            log.received("B", JAN + days(1), LAMPS),
            log.received("H", JAN + days(2), HOLES),
        ]
    )
    facts = machine.feed([log.amended("A", JAN + days(3), leaf=HOLES)])
    assert sorted(said(facts)) == [("A", *FIRST), ("B", *FIRST), ("H", *CANDIDATE)]
    causes = {fact.subject: fact.data.cause for fact in facts}
    assert causes == {
        "A": "leaf_amended", "B": "earlier_leaf_amended", "H": "earlier_leaf_amended"
    }  # fmt: skip
    moved = next(fact for fact in facts if fact.subject == "A")
    assert (moved.data.dimensions.leaf, moved.data.revision) == (HOLES, 2)
    assert moved.data.replaces == machine.facts[0].id


def test_R13_a_ticket_gets_its_first_leaf_later() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, None), log.received("B", JAN + days(1))])
    facts = machine.feed([log.amended("A", JAN + days(2), leaf=LAMPS)])
    assert said(facts) == [("A", *FIRST), ("B", *CANDIDATE)]
    assert [fact.data.revision for fact in facts] == [2, 2]
    assert list(machine.states) == [f"c:1|{LAMPS}"]


# R14: the tree changes

OLD, NEW = (version.policy for version in load("cn-12345").versions[:2])
SMOKE, FUMES = "environment.air.cooking_smoke", "environment.air.catering_fumes"
ROAD, PAVEMENT = "transport.parking.carriageway", "transport.parking.pavement"
PARKING = "transport.parking.illegal"
MEDICAL = "social.insurance.medical"
PAID, REMOTE = "social.medical.reimbursement", "social.medical.remote_settlement"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param([SMOKE], FUMES, ("B", *CANDIDATE), id="renamed"),
        pytest.param([SMOKE], SMOKE, ("B", *CANDIDATE), id="renamed, the old code goes on"),
        pytest.param([ROAD], PARKING, ("B", *CANDIDATE), id="merged"),
        pytest.param([PAVEMENT, ROAD], PARKING, ("B", *CANDIDATE), id="merged from two"),
        pytest.param([ROAD], PAVEMENT, ("B", *CANDIDATE), id="merged, both by their old codes"),
        pytest.param([MEDICAL], PAID, ("B", *CANDIDATE), id="split, one half"),
        pytest.param([MEDICAL], REMOTE, ("B", *CANDIDATE), id="split, the other half"),
        pytest.param([MEDICAL], MEDICAL, ("B", *CANDIDATE), id="split, the old code goes on"),
        pytest.param([SMOKE], PARKING, ("B", *FIRST), id="another leaf stays another"),
    ],
)
def test_R14_tickets_are_compared_under_the_tree_in_force(
    before: list[str], after: str, expected: tuple[str, str, str]
) -> None:
    log, machine = Log(), Machine(OLD)
    start = at("2026-06-20")
    machine.feed([log.received(f"A{n}", start + days(n), leaf) for n, leaf in enumerate(before)])
    machine.policy = NEW
    facts = machine.feed([log.received("B", at("2026-07-05"), after)])
    assert said(facts) == [expected]
    if expected[1] == "candidate":
        assert facts[0].data.earlier[0].ticket == f"A{len(before) - 1}"


def test_R14_both_halves_of_a_split_leaf_look_back_at_it() -> None:
    log, machine = Log(), Machine(OLD)
    machine.feed([log.received("A", at("2026-06-20"), MEDICAL)])
    machine.policy = NEW
    facts = machine.feed(
        [
            log.received("P", at("2026-07-05"), PAID),
            log.received("R", at("2026-07-06"), REMOTE),
            log.received("P2", at("2026-07-07"), PAID),
        ]
    )
    assert [(f.subject, f.data.chain and (f.data.chain.first_ticket, f.data.chain.position))
            for f in facts] == [("P", ("A", 2)), ("R", ("A", 2)), ("P2", ("A", 3))]  # fmt: skip
    assert facts[0].data.first is not None
    assert facts[0].data.first.ticket == "A"
    withdrawn = machine.feed([log.withdrawn("A", at("2026-07-08"))])
    assert sorted(said(withdrawn)) == [
        ("A", "new", "withdrawn"), ("P", *FIRST), ("P2", *CANDIDATE), ("R", *FIRST)
    ]  # fmt: skip


def test_R14_a_renamed_leafs_tickets_move_when_touched_and_nothing_is_restated() -> None:
    log, machine = Log(), Machine(OLD)
    machine.feed([log.received("A", at("2026-06-20"), ROAD)])
    machine.feed([log.received("B", at("2026-06-21"), PAVEMENT)])
    machine.policy = NEW
    facts = machine.feed([log.received("C", at("2026-07-05"), PARKING)])
    assert said(facts) == [("C", *CANDIDATE)]
    assert [ticket.id for ticket in machine.chain(f"c:1|{PARKING}").tickets] == ["A", "B", "C"]
    assert list(machine.states) == [f"c:1|{PARKING}"]
    marked = machine.feed([log.marked("A", at("2026-07-06"), "confirm")])
    assert said(marked) == [("A", "confirmed", "marked_confirmed")]
    assert marked[0].data.revision == 2
    assert marked[0].data.dimensions.leaf == PARKING


# R15: a human's word


@pytest.mark.parametrize(
    ("marks", "verdict", "reason"),
    [
        (["confirm"], "confirmed", "marked_confirmed"),
        (["overturn"], "overturned", "marked_overturned"),
        (["exclude"], "excluded", "marked_excluded"),
        (["exclude:closed_no_new_evidence"], "excluded", "closed_no_new_evidence"),
        (["exclude:in_progress"], "excluded", "in_progress"),
        (["exclude:policy_expectation"], *CANDIDATE),
        (["exclude:policy_expectation:第12条"], "excluded", "policy_expectation"),
        (["exclude:new_fault_same_kind"], "excluded", "new_fault_same_kind"),
        (["confirm", "overturn"], "overturned", "marked_overturned"),
        (["confirm", "exclude:in_progress"], "excluded", "in_progress"),
        (["exclude:in_progress", "overturn"], *CANDIDATE),
        (["overturn", "overturn"], *CANDIDATE),
        (["overturn", "confirm"], "confirmed", "marked_confirmed"),
    ],
)
def test_R15_marks(marks: list[str], verdict: str, reason: str) -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN), log.received("B", JAN + days(1))])
    for number, each in enumerate(marks):
        mark, exclusion, clause = [*each.split(":"), "", ""][:3]
        data = {"reason": exclusion} if exclusion else {}
        if clause:
            data["clause"] = clause
        facts = machine.feed(
            [log.marked("B", JAN + days(2 + number), mark, by="inspector 7", **data)]
        )
    assert said(facts) == [("B", verdict, reason)]
    data_ = facts[0].data
    assert data_.cause == "human_mark"
    assert data_.revision == 1 + len(marks)
    assert data_.recontact, "raw re-contacts do not depend on marks (ruling 4)"
    mark_ = data_.mark or data_.refused_mark
    assert mark_ is not None
    assert (mark_.by, mark_.at) == ("inspector 7", JAN + days(1 + len(marks)))
    if verdict != "candidate":
        assert "inspector 7" in data_.reason_en


def test_R15_a_policy_expectation_cites_its_clause() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN), log.received("B", JAN + days(1))])
    facts = machine.feed(
        [log.marked("B", JAN + days(2), "exclude", reason="policy_expectation", clause="第12条")]
    )
    assert facts[0].data.rule == "R19"
    assert "第12条" in facts[0].data.reason_zh


def test_R15_a_mark_survives_a_late_ticket_and_a_move() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("B", JAN), log.received("C", JAN + days(1))])
    machine.feed([log.marked("C", JAN + days(2), "overturn")])
    facts = machine.feed([log.received("A", JAN - days(1), recorded=JAN + days(3))])
    assert said(facts)[-1] == ("C", "overturned", "marked_overturned")
    chain = facts[-1].data.chain
    assert chain is not None
    assert (chain.first_ticket, chain.position) == ("A", 3)
    moved = machine.feed([log.amended("C", JAN + days(4), leaf=HOLES)])
    assert said(moved) == [("C", "overturned", "marked_overturned")]


def test_R15_a_human_names_the_earlier_ticket() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN), log.received("C", at("2026-06-01"))])
    machine.feed([log.received("B", at("2026-06-02"))])
    facts = machine.feed([log.marked("C", at("2026-06-03"), "confirm", earlier_ticket="X9")])
    assert said(facts) == [("C", "confirmed", "marked_confirmed"), ("B", *CANDIDATE)]
    assert facts[0].data.first is not None
    assert (facts[0].data.first.ticket, facts[0].data.first.time) == ("X9", None)
    assert not facts[0].data.recontact
    assert facts[1].data.chain is not None
    assert (facts[1].data.chain.first_ticket, facts[1].data.chain.position) == ("X9", 3)


def test_R15_a_mark_on_a_ticket_that_is_no_longer_kept_is_stated_all_the_same() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN)])
    machine.wake(at("2027-01-01"))
    assert machine.states == {}
    facts = machine.feed([log.marked("A", at("2027-01-02"), "overturn", by="appeal board")])
    assert said(facts) == [("A", "overturned", "marked_overturned")]
    data = facts[0].data
    assert (data.revision, data.replaces, data.chain, data.window) == (0, None, None, None)
    assert data.mark is not None
    assert data.mark.by == "appeal board"
    assert machine.states == {}


def test_R15_correcting_a_cause_leaves_the_verdict() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN)])
    event = log.marked("A", JAN + days(1), "correct_cause", root_cause="step_missed")
    assert machine.feed([event]) == []


# R16: what the numbers are made of


@pytest.mark.parametrize("take_back", ["withdrawn", "not_accepted"])
def test_R16_a_ticket_taken_back_does_not_count_and_is_no_earlier_one(take_back: str) -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN), log.received("B", JAN + days(1))])
    make = log.withdrawn if take_back == "withdrawn" else log.not_accepted
    facts = machine.feed([make("A", JAN + days(2))])
    assert said(facts) == [("A", "new", take_back), ("B", *FIRST)]
    assert [fact.data.counted for fact in facts] == [False, True]
    assert facts[1].data.cause == f"earlier_{take_back}"
    again = machine.feed([log.reopened("A", JAN + days(3))])
    assert said(again) == [("A", *FIRST), ("B", *CANDIDATE)]


def test_R16_where_the_policy_counts_withdrawn_tickets_nothing_changes() -> None:
    policy = replace(CN, repeat=replace(CN.repeat, withdrawn_counts=True))
    log, machine = Log(), Machine(policy)
    machine.feed([log.received("A", JAN), log.received("B", JAN + days(1))])
    assert machine.feed([log.withdrawn("A", JAN + days(2))]) == []


def test_R16_numerator_and_denominator_add_up_from_the_last_facts() -> None:
    log, machine = Log(), Machine()
    feb = at("2026-02-10")
    here: dict[str, Any] = {"place": {"division": "320106"}}
    there: dict[str, Any] = {"place": {"division": "320104"}}
    machine.feed(
        [
            log.received("A", JAN, department="D1", **here),
            log.received("B", feb, department="D1", **here),
            log.received("C", feb + days(1), department="D1", **here),
            log.received("D", feb + days(2), department="D1", **here),
            log.received("E", feb, HOLES, **there),
            log.received("F", feb, HOLES, request_type="praise", **there),
            log.received("G", feb + days(1), HOLES, citizen="anon:G", **there),
            log.marked("C", feb + days(3), "exclude", reason="in_progress"),
            log.withdrawn("E", feb + days(3)),
        ]
    )
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("all", "net", "raw")}
    for fact in machine.last().values():
        data, by = fact.data, fact.data.dimensions
        for value in ("total", by.month, by.leaf, by.area, by.department):
            if data.counted and value:
                counts["all"][value] += 1
                counts["net"][value] += data.verdict in ("candidate", "confirmed")
                counts["raw"][value] += data.recontact
    assert counts == {
        "all": {
            "total": 5, "2026-01": 1, "2026-02": 4, LAMPS: 4, HOLES: 1,
            "320106": 4, "320104": 1, "D1": 4,
        },
        "net": {
            "total": 2, "2026-01": 0, "2026-02": 2, LAMPS: 2, HOLES: 0,
            "320106": 2, "320104": 0, "D1": 2,
        },
        "raw": {
            "total": 3, "2026-01": 0, "2026-02": 3, LAMPS: 3, HOLES: 0,
            "320106": 3, "320104": 0, "D1": 3,
        },
    }  # fmt: skip


def test_R16_the_dimensions_of_a_ticket() -> None:
    log, machine = Log(), Machine()
    event = log.received(
        "A",
        at("2026-02-01 00:30"),
        channel="web",
        department="城管局",
        request_type="report",
        place={"division": "320106001000"},
    )
    dimensions = machine.feed([event])[0].data.dimensions
    assert dimensions.model_dump(exclude={"clause"}) == {
        "department": "城管局", "team": None, "handler": None, "leaf": LAMPS,
        "area": "320106001000", "channel": "web", "month": "2026-02", "request_type": "report",
    }  # fmt: skip


def test_R16_a_ticket_is_counted_under_whoever_handles_it_now() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, department="城管局")])
    steps = (
        (log.dispatched("A", JAN + days(1), department="D1"), ("D1", None, None)),
        (log.dispatched("A", JAN + days(2), department="D1", team="T1"), ("D1", "T1", None)),
        (log.dispatched("A", JAN + days(3), department="D2", handler="H2"), ("D2", None, "H2")),
    )
    for event, counted_by in steps:
        (fact,) = machine.feed([event])
        found = fact.data.dimensions
        assert (found.department, found.team, found.handler) == counted_by
        assert (fact.data.verdict, fact.data.cause) == ("new", "ticket_dispatched")
    assert machine.feed([log.closed("A", JAN + days(4))]) == []


@pytest.mark.parametrize(
    ("changes", "restated"),
    [
        ({"place": {"division": "320104"}}, True),
        ({"department": "D2"}, True),
        ({"request_type": "help"}, True),
        ({"request_type": "praise"}, True),
        ({"place": {"division": "320106", "address": "somewhere"}}, False),
        ({"title": "other words", "urgency": "urgent"}, False),
    ],
)
def test_R16_an_amendment_is_restated_when_it_changes_what_is_counted(
    changes: dict[str, Any], restated: bool
) -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, place={"division": "320106"}, department="D1")])
    facts = machine.feed([log.amended("A", JAN + days(1), **changes)])
    assert [fact.data.cause for fact in facts] == ["ticket_amended"] * restated


# R22: the first ticket's handling


def test_R22_a_repeat_points_to_the_first_ticket_and_how_it_was_handled() -> None:
    log, machine = Log(), Machine()
    quiet = machine.feed(
        [
            log.received("A", JAN, department="城管局"),
            log.dispatched("A", JAN + days(1), department="D1", team="T1", handler="H1"),
            log.dispatched("A", JAN + days(1), department="D9", role="supporting"),
            log.replied("A", JAN + days(2), department="D1", resolved=True),
            log.closed("A", JAN + days(3)),
            log.called_back("A", JAN + days(10), contacted=True, resolved=False, satisfied=2),
            log.called_back("A", JAN + days(11), contacted=False),
        ]
    )
    assert said(quiet) == [("A", *FIRST)] * 2, "handling alone makes no verdict, but a dispatch"
    facts = machine.feed([log.received("B", JAN + days(20))])
    first = facts[0].data.first
    assert first is not None
    assert first.model_dump() == {
        "ticket": "A",
        "time": JAN,
        "department": "D1",
        "team": "T1",
        "handler": "H1",
        "replied_at": JAN + days(2),
        "reply_resolved": True,
        "closed_at": JAN + days(3),
        "called_back_at": JAN + days(10),
        "contacted": True,
        "resolved": False,
        "satisfied": 2,
    }


def test_R22_another_department_brings_its_own_handler() -> None:
    log, machine = Log(), Machine()
    machine.feed(
        [
            log.received("A", JAN),
            log.dispatched("A", JAN + days(1), department="D1", team="T1", handler="H1"),
            log.dispatched("A", JAN + days(2), department="D2"),
        ]
    )
    first = machine.feed([log.received("B", JAN + days(3))])[0].data.first
    assert first is not None
    assert (first.department, first.team, first.handler) == ("D2", None, None)


def test_R22_the_first_ticket_is_remembered_beyond_the_limit_of_the_chain() -> None:
    policy = replace(CN, repeat=replace(CN.repeat, keep_tickets=5))
    log, machine = Log(), Machine(policy)
    machine.feed([log.received(f"T{n:02d}", JAN + timedelta(hours=n)) for n in range(30)])
    machine.feed([log.replied("T00", JAN + days(2), handler="H1", resolved=True)])
    fact = machine.feed([log.received("last", JAN + days(3))])[0]
    assert fact.data.first is not None
    assert (fact.data.first.ticket, fact.data.first.handler) == ("T00", "H1")
    assert fact.data.chain is not None
    assert fact.data.chain.position == 31
    state = machine.chain(f"c:1|{LAMPS}")
    assert (len(state.tickets), len(state.heads), state.dropped) == (5, 1, 26)


# State and the processor's edges


def test_state_is_forgotten_when_no_ticket_in_time_can_look_back() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN)])
    closes = at("2026-04-01") + timedelta(days=CN.repeat.late_days)
    wake_at = machine.chain(f"c:1|{LAMPS}").wake_at
    assert wake_at is not None
    assert closes <= wake_at < closes + days(1)
    machine.wake(wake_at)
    assert machine.states
    machine.wake(wake_at + timedelta(microseconds=1))
    assert not machine.states


def test_states_of_a_month_are_not_forgotten_in_one_instant() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received(f"T{n}", JAN, citizen=f"c:{n}") for n in range(100)])
    assert len({machine.chain(key).wake_at for key in machine.states}) > 90


def test_the_size_of_the_state_of_a_hot_citizen_is_bounded() -> None:
    log, machine = Log(), Machine()
    start, key = JAN, f"c:1|{LAMPS}"
    machine.feed([log.received(f"T{n:05d}", start + timedelta(minutes=n)) for n in range(150)])
    size = len(machine.states[key])
    machine.feed(
        [log.received(f"U{n:05d}", start + timedelta(days=1, minutes=n)) for n in range(150)]
    )
    assert len(machine.states[key]) < size * 1.1
    assert machine.chain(key).tickets[-1].link.position == 300


def test_events_of_no_interest_have_no_keys() -> None:
    event = Log().event(ContactReceived, "C1", JAN, {"channel": "phone"})
    assert Machine().processor.keys(event, CN) == ()


def test_a_mark_on_a_ticket_that_nobody_has_seen_is_kept_as_said() -> None:
    log, machine = Log(), Machine()
    facts = machine.feed([log.marked("nobody", JAN, "confirm")])
    assert said(facts) == [("nobody", "confirmed", "marked_confirmed")]
    assert facts[0].data.revision == 0
