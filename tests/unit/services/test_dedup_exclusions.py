"""R13, R15, R17–R21: what the rules confirm and what they exclude, each beside the sentence of the
source that it comes from (seed B 一.2, «以下情况不应该归入重复投诉»)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from policy.bundle import Policy
from schemas.events import EVENT_TYPES, Event
from schemas.facts.repeats import RepeatData
from tests.model.log import CN, LAMPS, Log, Machine, at, days

JAN = at("2026-01-05 10:00")
HERE: dict[str, Any] = {"place": {"key": "k:幸福路12号", "address": "幸福路***号"}}
NEAR: dict[str, Any] = {"place": {"neighbourhood": "幸福里"}}

Step = tuple[float, str, str, dict[str, Any]]
"""Days after the first ticket, ticket, event, data. ``received`` is made by the log."""

DISPATCHED: Step = (0.1, "A", "ticket.dispatched", {"department": "D1", "handler": "H1"})
REPLIED: Step = (3, "A", "reply.submitted", {"text": "已更换灯泡三只并检修线路, 夜间试亮正常。"})
APPROVED: Step = (3.5, "A", "reply.approved", {})
CLOSED: Step = (4, "A", "ticket.closed", {})
SAID_YES: Step = (6, "A", "callback.answered", {"contacted": True, "resolved": True})
SAID_NO: Step = (6, "A", "callback.answered", {"contacted": True, "resolved": False})
NOBODY_THERE: Step = (6, "A", "callback.answered", {"contacted": False, "outcome": "no_answer"})
REASONABLE = (DISPATCHED, REPLIED, APPROVED, CLOSED, SAID_YES)


def run(
    steps: tuple[Step, ...],
    again: float = 10,
    *,
    policy: Policy = CN,
    first: dict[str, Any] | None = None,
    second: dict[str, Any] | None = None,
) -> tuple[Machine, RepeatData]:
    """Ticket A, what happened, ticket B after ``again`` days; what is last said of B."""
    log, machine = Log(), Machine(policy)
    events: list[tuple[datetime, Event]] = [(JAN, log.received("A", JAN, **(first or HERE)))]
    told = sorted(steps, key=lambda step: step[0])
    before = [step for step in told if step[0] <= again or step[1] == "A"]
    came = JAN + days(again)
    for day, ticket, kind, data in before:
        if ticket == "A":
            events.append((JAN + days(day), happened(log, ticket, JAN + days(day), kind, data)))
    events.append((came, log.received("B", came, **(second or HERE))))
    for day, ticket, kind, data in told:
        if ticket == "B":
            events.append((JAN + days(day), happened(log, ticket, JAN + days(day), kind, data)))
    events.sort(key=lambda each: each[0])
    machine.feed([event for _, event in events])
    return machine, machine.last()["B"].data


def happened(log: Log, ticket: str, time: datetime, kind: str, data: dict[str, Any]) -> Any:
    return log.event(EVENT_TYPES[f"hotline.{kind}.v1"], ticket, time, data)


@dataclass(frozen=True)
class Case:
    """What happened to A, and what B is for that."""

    quote: str
    steps: tuple[Step, ...]
    verdict: str
    reason: str
    again: float = 10
    first: dict[str, Any] | None = None
    second: dict[str, Any] | None = None


R17 = "已经得到了合理的处理结果…再次来电投诉,且未提出新的证据"
R18 = "先前的同一投诉问题尚在处理流程中"
R20 = "上一次投诉问题已解决了,一定时限内又重新出现了相同类型的故障"
R12 = "同一个用户对同一个问题在X个自然月内再次投诉"
R13 = "一码归一码"

DUE: dict[str, Any] = {**HERE, "due_at": (JAN + days(8)).isoformat()}
OLD_PICTURE = {**HERE, "attachments": [{"reference": "p1", "taken_at": JAN.isoformat()}]}
NEW_PICTURE = {
    **HERE,
    "attachments": [{"reference": "p2", "taken_at": (JAN + days(9)).isoformat()}],
}
UNDATED = {**HERE, "attachments": [{"reference": "p3"}]}
NEW_RAIN = {**HERE, "occurred_at": (JAN + days(9)).isoformat()}
OLD_RAIN = {**HERE, "occurred_at": (JAN + days(1)).isoformat()}

CASES = {
    # R17, ruling 10
    "R17_reasonable_and_nothing_new": Case(
        R17, REASONABLE, "excluded", "closed_no_new_evidence"
    ),
    "R17_an_old_picture_is_no_new_evidence": Case(
        R17, REASONABLE, "excluded", "closed_no_new_evidence", second=OLD_PICTURE
    ),
    "R17_new_evidence_flips_it": Case(
        "且未提出新的证据",
        (*REASONABLE, (12, "B", "evidence.added", {"text": "新的录像"})),
        "confirmed",
        "closed_new_evidence",
    ),
    "R17_evidence_to_the_closed_ticket_flips_it": Case(
        "且未提出新的证据",
        (*REASONABLE, (9, "A", "evidence.added", {"text": "新的录像"})),
        "confirmed",
        "closed_new_evidence",
    ),
    "R17_evidence_given_before_the_end_is_not_new": Case(
        R17,
        (*REASONABLE, (2, "A", "evidence.added", {"text": "照片"})),
        "excluded",
        "closed_no_new_evidence",
    ),
    "R17_an_undated_picture_comes_with_the_ticket": Case(
        "且未提出新的证据", REASONABLE, "confirmed", "closed_new_evidence", second=UNDATED
    ),
    "R17_unapproved_is_not_known_to_be_reasonable": Case(
        "合理的处理结果",
        (DISPATCHED, REPLIED, CLOSED, SAID_YES),
        "candidate",
        "result_not_inspected",
    ),
    "R17_not_resolved_is_not_reasonable": Case(
        "合理的处理结果",
        (DISPATCHED, REPLIED, APPROVED, CLOSED, SAID_NO),
        "confirmed",
        "unresolved_before",
    ),
    "R17_nobody_reached_is_not_reasonable": Case(
        "合理的处理结果",
        (DISPATCHED, REPLIED, APPROVED, CLOSED, NOBODY_THERE),
        "confirmed",
        "unresolved_before",
    ),
    "R17_a_rejected_reply_is_not_reasonable": Case(
        "合理的处理结果",
        (DISPATCHED, REPLIED, APPROVED, (3.7, "A", "reply.rejected", {}), CLOSED, SAID_YES),
        "candidate",
        "result_not_inspected",
    ),
    "R17_a_false_reply_is_never_reasonable": Case(
        "虚假回单",
        (*REASONABLE, (7, "A", "finding.recorded", {"false_closure": True})),
        "confirmed",
        "unresolved_before",
    ),
    "R17_what_was_reopened_since_must_be_approved_again": Case(
        "合理的处理结果",
        (*REASONABLE, (7, "A", "ticket.reopened", {}), (8, "A", "ticket.closed", {})),
        "confirmed",
        "unresolved_before",
    ),
    "R17_a_human_says_that_it_was_reasonable": Case(
        "合理的处理结果",
        (
            REPLIED,
            CLOSED,
            (
                11,
                "B",
                "verdict.marked",
                {"mark": "correct_cause", "earlier_result_reasonable": True},
            ),
        ),
        "excluded",
        "closed_no_new_evidence",
    ),
    "R17_a_human_says_that_it_was_not": Case(
        "合理的处理结果",
        (
            *REASONABLE,
            (
                11,
                "B",
                "verdict.marked",
                {"mark": "correct_cause", "earlier_result_reasonable": False},
            ),
        ),
        "confirmed",
        "unresolved_before",
    ),
    # R18
    "R18_still_being_handled": Case(
        R18, (DISPATCHED,), "excluded", "in_progress", first=DUE, again=7
    ),
    "R18_past_its_deadline": Case(
        "说明目前的进展情况", (DISPATCHED,), "confirmed", "overdue_before", first=DUE
    ),
    "R18_an_extension_moves_the_deadline": Case(
        R18,
        (DISPATCHED, (5, "A", "extension.granted", {"new_due_at": (JAN + days(20)).isoformat()})),
        "excluded",
        "in_progress",
        first=DUE,
    ),
    "R18_an_extension_given_later_does_not": Case(
        "what the citizen met at that moment",
        (DISPATCHED, (11, "A", "extension.granted", {"new_due_at": (JAN + days(20)).isoformat()})),
        "confirmed",
        "overdue_before",
        first=DUE,
    ),
    "R18_without_a_deadline_that_of_the_policy": Case(
        R18, (DISPATCHED,), "excluded", "in_progress", again=14.9
    ),
    "R18_without_a_deadline_past_that_of_the_policy": Case(
        R18, (DISPATCHED,), "confirmed", "overdue_before", again=15.1
    ),
    "R18_the_deadline_of_the_dispatch_where_there_is_no_other": Case(
        R18,
        ((0.1, "A", "ticket.dispatched", {"reply_due_at": (JAN + days(5)).isoformat()}),),
        "confirmed",
        "overdue_before",
        again=6,
    ),
    "R18_reopened_it_is_handled_again": Case(
        R18, (REPLIED, CLOSED, (8, "A", "ticket.reopened", {})), "excluded", "in_progress"
    ),
    "R18_that_it_closed_later_changes_nothing": Case(
        "the exclusion is about that moment",
        (DISPATCHED, (11, "A", "reply.submitted", {}), (12, "A", "ticket.closed", {})),
        "excluded",
        "in_progress",
    ),
    # R20
    "R20_the_citizen_said_it_was_mended": Case(
        R20,
        (DISPATCHED, REPLIED, CLOSED, SAID_YES),
        "excluded",
        "new_fault_same_kind",
        second=NEW_RAIN,
    ),
    "R20_a_picture_of_today": Case(
        R20, REASONABLE, "excluded", "new_fault_same_kind", second=NEW_PICTURE
    ),
    "R20_an_inquiry_found_the_close_true": Case(
        R20,
        (REPLIED, CLOSED, (8, "A", "finding.recorded", {"false_closure": False})),
        "excluded",
        "new_fault_same_kind",
        second=NEW_RAIN,
    ),
    "R20_nothing_proves_the_fix": Case(
        R20, (REPLIED, CLOSED), "confirmed", "unresolved_before", second=NEW_RAIN
    ),
    "R20_it_happened_before_the_fix": Case(
        R20, REASONABLE, "excluded", "closed_no_new_evidence", second=OLD_RAIN
    ),
    # R12, R13: how sure
    "R12_closed_and_not_solved": Case(R12, (REPLIED, CLOSED), "confirmed", "unresolved_before"),
    "R13_only_probably_the_same": Case(
        "这就可能是重复投诉", (REPLIED, CLOSED), "candidate", "same_matter_likely",
        first=NEAR, second=NEAR,
    ),
    "R13_nothing_to_compare": Case(
        "这就可能是重复投诉", (REPLIED, CLOSED), "candidate", "same_citizen_and_leaf",
        second={"title": ""},
    ),
    "R13_another_place_in_words": Case(
        R13, (REPLIED, CLOSED), "candidate", "same_citizen_and_leaf",
        second={"place": {"key": "k:和平路3号", "address": "和平路***号"}},
    ),
    "R13_codes_contradict": Case(
        R13, (REPLIED, CLOSED), "new", "another_matter",
        first={"department": "城管局", **HERE}, second={"department": "住建局", **HERE},
    ),
    "R12_a_shared_number_is_never_confirmed": Case(
        "同一个用户", (REPLIED, CLOSED), "candidate", "shared_number",
        second={**HERE, "complainant": {"shared": True}},
    ),
    "R12_a_shared_number_is_never_excluded": Case(
        "同一个用户", (DISPATCHED,), "candidate", "shared_number",
        second={**HERE, "complainant": {"shared": True}}, again=2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_R12_R13_R17_R18_R20_verdict(name: str) -> None:
    case = CASES[name]
    _, data = run(case.steps, case.again, first=case.first, second=case.second)
    assert (data.verdict, data.reason) == (case.verdict, case.reason), case.quote
    if data.reason != "another_matter":
        assert data.rests_on is not None
        assert data.rests_on.ticket == "A"
        assert data.recontact, "the citizen came again, whatever the verdict (ruling 4)"
    assert (data.root_cause is not None) == (data.verdict == "confirmed")


def test_R18_a_policy_may_take_an_overdue_ticket_for_one_in_progress() -> None:
    policy = replace(CN, repeat=replace(CN.repeat, overdue_in_progress=True))
    _, data = run((DISPATCHED,), first=DUE, policy=policy)
    assert (data.verdict, data.reason) == ("excluded", "in_progress")


def test_R17_R18_R21_the_agent_is_told_what_to_say() -> None:
    """«应向用户解释清楚上次问题已解决,此次是新出现的故障», «说明目前的进展情况»."""
    _, data = run(REASONABLE, second=NEW_RAIN)
    assert data.prompt_zh is not None
    assert data.prompt_en is not None
    for words in ("已解决", "D1", "2026-01-09", "2026-01-11", "新出现的故障"):
        assert words in data.prompt_zh
    assert "D1" in data.prompt_en
    _, data = run((DISPATCHED,), again=7, first=DUE)
    assert data.prompt_zh is not None
    assert "D1" in data.prompt_zh
    assert "2026-01-13" in data.prompt_zh
    _, data = run(REASONABLE)
    assert data.prompt_zh is not None
    assert "不再生成工单" in data.prompt_zh
    assert data.rests_on is not None
    assert data.rests_on.reasonable
    _, data = run((REPLIED, CLOSED))
    assert data.prompt_zh is None


def test_R20_a_new_fault_begins_a_chain_of_its_own_and_names_what_it_repeats() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE)])
    for day, ticket, kind, data in REASONABLE:
        machine.feed([happened(log, ticket, JAN + days(day), kind, data)])
    machine.feed([log.received("B", JAN + days(10), **NEW_RAIN)])
    machine.feed([happened(log, "B", JAN + days(12), "ticket.closed", {})])
    machine.feed([log.received("C", JAN + days(20), **HERE)])
    last = machine.last()
    b, c = last["B"].data.chain, last["C"].data.chain
    assert b is not None
    assert (b.first_ticket, b.position, b.recurrence_of) == ("B", 1, "A")
    assert last["B"].data.recontact
    assert last["C"].data.verdict == "confirmed"
    assert c is not None
    assert (c.first_ticket, c.position, c.recurrence_of) == ("B", 2, None)


def test_R20_proof_that_comes_later_restates_those_behind() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE)])
    machine.feed([happened(log, "A", JAN + days(4), "ticket.closed", {})])
    machine.feed([log.received("B", JAN + days(10), **NEW_RAIN)])
    machine.feed([log.received("C", JAN + days(11), **HERE)])
    assert machine.last()["B"].data.verdict == "confirmed"
    facts = machine.feed(
        [
            happened(
                log, "A", JAN + days(12), "callback.answered", {"contacted": True, "resolved": True}
            )
        ]
    )
    assert [(f.subject, f.data.reason, f.data.cause) for f in facts] == [
        ("B", "new_fault_same_kind", "earlier_callback_answered"),
        ("C", "in_progress", "earlier_callback_answered"),
    ]
    chain = facts[1].data.chain
    assert chain is not None
    assert (chain.first_ticket, chain.position) == ("B", 2)


def test_R19_needs_a_clause_and_a_humans_mark() -> None:
    """«以个人认为应享受更高比例报销为由…医保政策是按照国家规定和相关标准执行的»."""
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE), log.received("B", JAN + days(1), **HERE)])
    assert machine.last()["B"].data.reason == "in_progress"
    without = machine.feed(
        [log.marked("B", JAN + days(2), "exclude", reason="policy_expectation", clause="  ")]
    )
    data = without[0].data
    assert (data.verdict, data.reason) == ("excluded", "in_progress"), "it changes nothing"
    assert data.mark is None
    assert data.refused_mark is not None
    assert data.refused_mark.refused == "clause_missing"
    clause = "基本医疗保险条例第12条"
    cited = machine.feed(
        [log.marked("B", JAN + days(3), "exclude", reason="policy_expectation", clause=clause)]
    )
    data = cited[0].data
    assert (data.verdict, data.reason, data.rule) == ("excluded", "policy_expectation", "R19")
    assert data.dimensions.clause == clause
    assert clause in data.reason_zh


def test_R15_overturning_the_rules_exclusion_makes_it_a_candidate() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE), log.received("B", JAN + days(1), **HERE)])
    facts = machine.feed([log.marked("B", JAN + days(2), "overturn", by="督办员")])
    assert (facts[0].data.verdict, facts[0].data.reason) == ("candidate", "exclusion_overturned")
    assert "督办员" in facts[0].data.reason_zh


def test_R17_R18_an_excluded_ticket_hands_on_to_what_it_rested_on() -> None:
    """The platform opened a ticket all the same and closed it at once: no result of its own."""
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE)])
    for day, ticket, kind, told in REASONABLE:
        machine.feed([happened(log, ticket, JAN + days(day), kind, told)])
    machine.feed([log.received("B", JAN + days(10), **HERE)])
    machine.feed([happened(log, "B", JAN + days(10.1), "ticket.closed", {})])
    machine.feed([log.received("C", JAN + days(12), **HERE)])
    data = machine.last()["C"].data
    assert (data.verdict, data.reason) == ("excluded", "closed_no_new_evidence")
    assert data.rests_on is not None
    assert data.rests_on.ticket == "A"


def test_R13_a_ticket_hangs_on_the_nearest_of_its_matter_not_on_the_nearest() -> None:
    log, machine = Log(), Machine()
    lamp: dict[str, Any] = {
        "title": "幸福路12号门前路灯不亮",
        "text": "幸福路12号门前的路灯坏了三天",
    }
    pole: dict[str, Any] = {"title": "人民广场东侧灯杆倾斜", "text": "人民广场东侧一根灯杆被车撞歪"}
    machine.feed(
        [
            log.received("L1", JAN, **lamp),
            log.received("P1", JAN + days(1), **pole),
            log.received("L2", JAN + days(2), **lamp),
            log.received("P2", JAN + days(3), **pole),
        ]
    )
    chains = {ticket: fact.data.chain for ticket, fact in machine.last().items()}
    assert {t: c.first_ticket for t, c in chains.items() if c} == {
        "L1": "L1", "P1": "L1", "L2": "L1", "P2": "P1",
    }  # fmt: skip
    data = machine.last()["P2"].data
    assert data.rests_on is not None
    assert (data.rests_on.ticket, data.rests_on.parts) == ("P1", {"text": 1.0})
    assert [(each.ticket, each.score) for each in data.earlier][:2] == [("L2", 0.0), ("P1", 0.9)]


def test_R13_an_agents_link_is_an_answer() -> None:
    """关联工单: whoever had the citizen on the line knows better than words."""
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN), log.received("X", JAN + days(1))])
    machine.feed([happened(log, "A", JAN + days(2), "ticket.closed", {})])
    facts = machine.feed([log.received("B", JAN + days(9), earlier_ticket="A")])
    data = facts[0].data
    assert (data.verdict, data.reason) == ("confirmed", "unresolved_before")
    assert data.rests_on is not None
    assert (data.rests_on.ticket, data.rests_on.parts) == ("A", {"linked": 1.0})


def test_R18_a_chase_is_counted_on_its_ticket() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE)])
    for count in (1, 2):
        facts = machine.feed([happened(log, "A", JAN + days(count), "citizen.chased", {})])
        assert [(f.subject, f.data.chases, f.data.cause) for f in facts] == [
            ("A", count, "citizen_chased")
        ]
        assert facts[0].data.verdict == "new", "a chase is no repeat"


def test_verdicts_are_restated_only_when_what_they_say_changes() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN, **HERE), log.received("B", JAN + days(20), **HERE)])
    for kind, data, said in (
        # By whom it is counted, and who is charged.
        (
            "ticket.dispatched",
            {"department": "D1"},
            [("A", "first_contact"), ("B", "overdue_before")],
        ),
        ("ticket.progressed", {"text": "在办"}, []),
        ("evidence.added", {"text": "照片"}, []),
        ("extension.granted", {"new_due_at": (JAN + days(40)).isoformat()}, []),
    ):
        facts = machine.feed([happened(log, "A", JAN + days(21), kind, data)])
        assert [(f.subject, f.data.reason) for f in facts] == said, kind


def test_the_order_of_arrival_does_not_matter_to_exclusions() -> None:
    log = Log()
    events = [log.received("A", JAN, **HERE)]
    events += [happened(log, t, JAN + days(d), k, v) for d, t, k, v in REASONABLE]
    other = Log()
    later = [other.received("B", JAN + days(10), **NEW_RAIN)]
    machines = []
    for order in (events + later, later + events, events[:3] + later + events[3:]):
        machine = Machine()
        machine.feed([e.model_copy(update={"recordedtime": JAN + days(11)}) for e in order])
        machines.append({t: (f.data.verdict, f.data.reason) for t, f in machine.last().items()})
    assert machines[0] == machines[1] == machines[2]
    assert machines[0]["B"] == ("excluded", "new_fault_same_kind")


def test_R12_who_had_thousands_of_tickets_is_judged_from_a_bounded_state() -> None:
    log, machine = Log(), Machine()
    start = JAN - days(60)
    for number in range(400):
        text: dict[str, Any] = {"text": f"第{number}次反映的事情{number * 7919 % 1000}号"}
        machine.feed([log.received(f"T{number:03d}", start + days(number / 8), **text)])
    chain = machine.chain(f"c:1|{LAMPS}")
    assert len(chain.tickets) == CN.repeat.keep_tickets
    facts = machine.feed([happened(log, "T399", JAN, "ticket.closed", {})])
    assert facts == []
