"""R22–R24: why the citizen came again, and who is charged, beside the sentences of seed B 二."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from policy.bundle import Policy
from schemas.events import EVENT_TYPES
from schemas.facts.repeats import RepeatData
from tests.model.log import CN, Log, Machine, at, days

JAN = at("2026-01-05 10:00")
HERE: dict[str, Any] = {"place": {"key": "k:幸福路12号"}}
FULL: dict[str, Any] = {
    "cause": "灯泡老化, 部分线路接触不良",
    "findings": "12号至18号门前三盏路灯闪烁",
    "handling": "更换灯泡三只, 重接线路两处",
    "reply_method": "phone",
    "contacted_at": (JAN + days(1)).isoformat(),
    "citizen_response": "已电话告知, 市民表示知晓",
    "resolved": True,
    "satisfied": True,
}
Step = tuple[float, str, dict[str, Any]]

DISPATCHED: Step = (0.1, "ticket.dispatched", {"department": "D1", "team": "T1", "handler": "H1"})
REPLIED: Step = (3, "reply.submitted", FULL)
CLOSED: Step = (4, "ticket.closed", {})
SAID_NO: Step = (6, "callback.answered", {"contacted": True, "resolved": False})
CALLED: Step = (6, "callback.answered", {"contacted": True})


def lacking(*names: str) -> Step:
    return (3, "reply.submitted", {k: v for k, v in FULL.items() if k not in names})


@dataclass(frozen=True)
class Case:
    """How the first ticket was handled, and the cause that shows."""

    quote: str
    steps: tuple[Step, ...]
    cause: str
    evidence: str
    again: float = 20


PROCESS = "在这些瑕疵与缺陷未得到切实整改、优化之前,市民所面临的问题难以得到根本性的有效解决"
PERFUNCTORY = "存在敷衍塞责的情况…看似已被处理,实则问题依然存在"
FALSE = "甚至出现虚假回单的不良现象"
STEP = "且未按照流程在规定时间内回访市民了解噪音问题是否再次出现"
CONTACT = "用户不方便接电话、不接听陌生来电、区域信号差、关机等原因导致未在规定时限内与市民取得联系"
RECORD = "仅仅记录了“已维修”这一简单信息…由于首次工单记录信息的缺失"

CASES = {
    "R23_false_reply": Case(
        FALSE,
        (DISPATCHED, REPLIED, CLOSED, SAID_NO, (15, "finding.recorded", {"false_closure": True})),
        "false_reply", "finding",
    ),
    "R23_false_reply_only_by_a_finding": Case(
        "虚假回单…一旦查实",
        (DISPATCHED, REPLIED, CLOSED, SAID_NO, (15, "finding.recorded", {"false_closure": False})),
        "unresolved_perfunctory", "citizen_denies",
    ),
    "R23_not_contacted_by_calls": Case(
        CONTACT,
        (
            DISPATCHED,
            (1, "call.recorded", {"purpose": "first_contact", "outcome": "no_answer"}),
            (2, "call.recorded", {"purpose": "first_contact", "outcome": "powered_off"}),
            lacking("contacted_at", "citizen_response"), CLOSED,
        ),
        "not_contacted", "nobody_reached",
    ),
    "R23_not_contacted_at_callback": Case(
        CONTACT,
        (DISPATCHED, lacking("contacted_at"), CLOSED,
         (6, "callback.answered", {"contacted": False, "outcome": "powered_off"})),
        "not_contacted", "nobody_reached",
    ),
    "R23_not_contacted_in_time": Case(
        "按照规定,投诉处理人员需要在一定时限内联系投诉市民",
        (DISPATCHED, (3.5, "call.recorded", {"purpose": "first_contact", "outcome": "answered"}),
         (3.6, "reply.submitted", FULL), CLOSED, CALLED),
        "not_contacted", "reached_late",
    ),
    "R23_contacted_by_the_time_of_the_dispatch": Case(
        "按照规定,投诉处理人员需要在一定时限内联系投诉市民",
        ((0.1, "ticket.dispatched", {"contact_due_at": (JAN + days(5)).isoformat()}),
         (3.5, "call.recorded", {"purpose": "first_contact", "outcome": "answered"}),
         REPLIED, CLOSED, CALLED),
        "unresolved_process", "nothing_else_known",
    ),
    "R23_an_inbound_call_is_no_contact": Case(
        CONTACT,
        (DISPATCHED, (0.5, "call.recorded", {"direction": "inbound", "outcome": "answered"}),
         (1, "call.recorded", {"direction": "outbound", "outcome": "poor_signal"}),
         lacking("contacted_at"), CLOSED),
        "not_contacted", "nobody_reached",
    ),
    "R23_unresolved_perfunctory_the_citizen_denies": Case(
        PERFUNCTORY, (DISPATCHED, REPLIED, CLOSED, SAID_NO),
        "unresolved_perfunctory", "citizen_denies",
    ),
    "R23_unresolved_perfunctory_for_forms_sake": Case(
        "只是随意填写处理结果反馈",
        (DISPATCHED, (3, "reply.submitted",
                      {**FULL, "cause": "无", "findings": "属实", "handling": "已处理"}),
         CLOSED, CALLED),
        "unresolved_perfunctory", "for_forms_sake",
    ),
    "R24_record_untraceable_says_nothing": Case(
        RECORD, (DISPATCHED, (3, "reply.submitted", {"text": "已维修"}), CLOSED),
        "record_untraceable", "says_nothing",
    ),
    "R24_record_untraceable_an_element_lacks": Case(
        "完整、详细记录处理和回复信息",
        (DISPATCHED, lacking("satisfied"), CLOSED, CALLED),
        "record_untraceable", "elements_lacking",
    ),
    "R24_one_text_for_all_needs_an_inspection": Case(
        RECORD,
        (DISPATCHED, (3, "reply.submitted", {"text": "经查灯泡老化, 已更换三只, 夜间试亮正常"}),
         CLOSED, CALLED),
        "unresolved_process", "nothing_else_known",
    ),
    "R24_what_is_recorded_after_the_first_close_comes_too_late": Case(
        RECORD,
        (DISPATCHED, (3, "reply.submitted", {"text": "已维修"}), CLOSED,
         (5, "ticket.reopened", {}), (6, "reply.submitted", FULL), (7, "ticket.closed", {})),
        "record_untraceable", "says_nothing",
    ),
    "R23_step_missed_no_callback": Case(
        STEP, (DISPATCHED, REPLIED, CLOSED), "step_missed", "no_callback",
    ),
    "R23_step_missed_not_yet": Case(
        STEP, (DISPATCHED, REPLIED, CLOSED), "unresolved_process", "nothing_else_known", again=11,
    ),
    "R23_step_missed_a_callback_after_the_repeat_is_too_late": Case(
        STEP, (DISPATCHED, REPLIED, CLOSED, (21, "callback.answered", {"contacted": True})),
        "step_missed", "no_callback",
    ),
    "R23_step_missed_no_reply": Case(
        "缺失了关键步骤", (DISPATCHED, CLOSED), "step_missed", "no_reply",
    ),
    "R23_step_missed_not_told": Case(
        "市民因未得到任何反馈,以为问题没有得到处理",
        (DISPATCHED, (3, "reply.submitted", {**FULL, "reply_method": "not_told"}), CLOSED, CALLED),
        "step_missed", "not_told",
    ),
    "R23_unresolved_process_by_the_departments_own_word": Case(
        PROCESS,
        (DISPATCHED, (3, "reply.submitted", {**FULL, "resolved": False}), CLOSED, CALLED),
        "unresolved_process", "not_resolved",
    ),
    "R23_unresolved_process_still_open": Case(
        PROCESS, (DISPATCHED,), "unresolved_process", "still_open",
    ),
}  # fmt: skip


def run(case: Case, policy: Policy = CN) -> tuple[Log, Machine, RepeatData]:
    log, machine = Log(), Machine(policy)
    machine.feed([log.received("A", JAN, **HERE)])
    late = [step for step in case.steps if step[0] > case.again]
    for day, kind, data in (step for step in case.steps if step not in late):
        machine.feed([log.event(EVENT_TYPES[f"hotline.{kind}.v1"], "A", JAN + days(day), data)])  # type: ignore[list-item]
    machine.feed([log.received("B", JAN + days(case.again), **HERE)])
    for day, kind, data in late:
        machine.feed([log.event(EVENT_TYPES[f"hotline.{kind}.v1"], "A", JAN + days(day), data)])  # type: ignore[list-item]
    return log, machine, machine.last()["B"].data


@pytest.mark.parametrize("name", CASES)
def test_R23_R24_root_cause(name: str) -> None:
    case = CASES[name]
    _, _, data = run(case)
    assert data.verdict == "confirmed"
    found = data.root_cause
    assert found is not None
    assert (found.cause, found.evidence) == (case.cause, case.evidence), case.quote
    assert (found.by, found.basis, found.ticket) == ("rule", "first", "A")
    assert found.evidence_zh
    assert found.evidence_en
    assert "{" not in found.evidence_en + found.evidence_zh


def test_R26_not_contacted_names_its_reason() -> None:
    _, _, data = run(CASES["R23_not_contacted_by_calls"])
    assert data.root_cause is not None
    assert data.root_cause.outcome == "powered_off"
    assert "关机" in data.root_cause.evidence_zh


def test_R24_the_record_names_what_it_lacks() -> None:
    _, _, data = run(CASES["R24_record_untraceable_an_element_lacks"])
    assert data.root_cause is not None
    assert data.root_cause.lacking == ("satisfied",)
    assert "市民是否满意" in data.root_cause.evidence_zh


def test_R22_a_repeat_is_charged_to_who_first_handled_it() -> None:
    """«重复投诉与首次投诉处理情况紧密关联»; a later department is not charged for the first."""
    reopened: Step = (5, "ticket.reopened", {"department": "D2"})
    again: Step = (5.1, "ticket.dispatched", {"department": "D2", "handler": "H2"})
    case = Case(
        "", (DISPATCHED, REPLIED, CLOSED, reopened, again, (6, "ticket.closed", {})), "", ""
    )
    _, _, data = run(case)
    charged = data.charged_to
    assert charged is not None
    assert (charged.ticket, charged.department, charged.team, charged.handler) == (
        "A", "D1", "T1", "H1",
    )  # fmt: skip
    assert data.first is not None
    assert data.first.department == "D2", "who has it now"


def test_R22_a_third_ticket_is_charged_to_the_first_not_to_the_second() -> None:
    log, machine, _ = run(CASES["R23_step_missed_no_callback"])
    dispatched = EVENT_TYPES["hotline.ticket.dispatched.v1"]
    closed = EVENT_TYPES["hotline.ticket.closed.v1"]
    events: list[Any] = [
        log.event(dispatched, "B", JAN + days(21), {"department": "D9", "handler": "H9"}),
        log.event(closed, "B", JAN + days(22), {}),
        log.received("C", JAN + days(40), **HERE),
    ]
    machine.feed(events)
    data = machine.last()["C"].data
    assert data.verdict == "confirmed"
    assert data.charged_to is not None
    assert (data.charged_to.ticket, data.charged_to.department) == ("A", "D1")
    assert data.root_cause is not None
    assert data.root_cause.ticket == "A"


def test_R23_a_finding_restates_the_cause_of_the_repeats_behind() -> None:
    log, machine, data = run(CASES["R23_unresolved_perfunctory_the_citizen_denies"])
    finding = EVENT_TYPES["hotline.finding.recorded.v1"]
    event: Any = log.event(finding, "A", JAN + days(30), {"false_closure": True})
    facts = machine.feed([event])
    assert [(fact.subject, fact.data.cause) for fact in facts] == [
        ("B", "earlier_finding_recorded")
    ]
    assert facts[0].data.root_cause is not None
    assert facts[0].data.root_cause.cause == "false_reply"
    assert facts[0].data.replaces is not None
    assert data.root_cause is not None
    assert data.root_cause.cause == "unresolved_perfunctory"


@pytest.mark.parametrize("mark", ["correct_cause", "confirm"])
def test_R23_a_human_corrects_the_cause_and_it_stays(mark: str) -> None:
    log, machine, _ = run(CASES["R23_step_missed_no_callback"])
    facts = machine.feed(
        [log.marked("B", JAN + days(21), mark, root_cause="unresolved_process", by="质检员")]
    )
    found = facts[0].data.root_cause
    assert facts[0].data.verdict == "confirmed"
    assert found is not None
    assert (found.cause, found.by) == ("unresolved_process", "human")
    assert "质检员" in found.evidence_zh
    finding = EVENT_TYPES["hotline.finding.recorded.v1"]
    late: Any = log.event(finding, "A", JAN + days(30), {"false_closure": True})
    machine.feed([late])
    found = machine.last()["B"].data.root_cause
    assert found is not None
    assert found.cause == "unresolved_process"


def test_R23_the_order_of_causes_is_policy() -> None:
    causes = replace(
        CN.repeat.causes,
        order=(
            *("step_missed", "record_untraceable", "false_reply", "not_contacted"),
            *("unresolved_perfunctory", "unresolved_process"),
        ),
    )
    policy = replace(CN, repeat=replace(CN.repeat, causes=causes))
    steps = (DISPATCHED, (3.0, "reply.submitted", {"text": "已维修"}), CLOSED)
    case = Case(RECORD, steps, "", "")
    _, _, by_default = run(case)
    _, _, data = run(case, policy)
    assert by_default.root_cause is not None
    assert data.root_cause is not None
    assert (by_default.root_cause.cause, data.root_cause.cause) == (
        "record_untraceable", "step_missed",
    )  # fmt: skip


def test_R23_a_repeat_that_a_human_confirmed_has_a_cause_too() -> None:
    log, machine = Log(), Machine()
    machine.feed([log.received("A", JAN), log.received("B", JAN + days(30))])
    facts = machine.feed([log.marked("B", JAN + days(31), "confirm", earlier_ticket="A")])
    found = facts[0].data.root_cause
    assert found is not None
    assert (found.cause, found.evidence) == ("unresolved_process", "still_open")


def test_R23_of_an_imported_first_ticket_no_missing_step_is_claimed() -> None:
    log, machine = Log(), Machine()
    machine.feed(
        [
            log.imported(
                "A", JAN + days(5), received_at=JAN, closed_at=JAN + days(4), state="closed", **HERE
            ),
            log.received("B", JAN + days(30), **HERE),
        ]
    )
    data = machine.last()["B"].data
    assert (data.verdict, data.reason) == ("confirmed", "unresolved_before")
    assert data.root_cause is not None
    assert data.root_cause.evidence == "nothing_else_known"
