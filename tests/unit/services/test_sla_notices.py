"""What the citizen hears after the receipt: dates that move, steps, silence, results (R2, R4, R9).

Each is a story through the real intake and sla services; 2 March 2026 is a Monday.
"""

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.bundle import Bundle, load
from policy.notices import Quiet, Words
from schemas.facts.notices import NoticeRequested
from tests.kit.ticket_life import local
from tests.kit.told_city import ZHANG, ToldCity, brief, day

CN = load("cn-12345")
D1 = {"dispatch_id": "D1", "department": "市城市管理局"}
SUPPORTING = {"dispatch_id": "D2", "department": "交通局", "role": "supporting"}


def changed(**notices: Any) -> Bundle:
    """The bundle with something else in its section ``notices``."""
    versions = tuple(
        dataclasses.replace(
            each,
            policy=dataclasses.replace(
                each.policy, notices=dataclasses.replace(each.policy.notices, **notices)
            ),
        )
        for each in CN.versions
    )
    return dataclasses.replace(CN, versions=versions)


def dispatched(bundle: Bundle | None = None, **data: Any) -> ToldCity:
    """A ticket of Monday 09:00 that is with the water bureau since 10:00."""
    city = ToldCity(bundle)
    city.received(**data)
    city.put("ticket.dispatched", "03-02 10:00", D1)
    return city


def only(notices: list[NoticeRequested]) -> NoticeRequested:
    (notice,) = notices
    return notice


# --- Deadlines (R2) -----------------------------------------------------------------------------


def test_R2_what_intake_told_at_the_receipt_is_what_runs() -> None:
    city = ToldCity()
    told = only(city.received())
    assert (told.source, told.data.notice) == ("hotline/intake", "citizen.acknowledged")
    stated = {
        each["data"]["target"]: each["data"]["deadline"]
        for each in city.facts
        if each["type"] == "hotline.sla.started.v1"
    }
    said = {each.clock.value: each.at.isoformat() for each in told.data.deadlines}
    assert said.keys() == {"resolve", "reply"}
    assert said.items() <= stated.items()


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        (
            "extension.granted",
            {"new_due_at": "2026-03-20T17:30:00+08:00"},
            {"resolve": "03-20 17:30", "reply": "03-20 17:30"},
        ),
        (
            "ticket.amended",
            {"changes": {"due_at": "2026-03-06T12:00:00+08:00"}},
            {"resolve": "03-06 12:00", "reply": "03-06 12:00"},
        ),
        # Level 1: two hours, and it is ten o'clock.
        (
            "ticket.amended",
            {"changes": {"urgency": "very_urgent"}},
            {"resolve": "03-02 12:00", "reply": "03-02 12:00"},
        ),
        # Nothing moved.
        ("ticket.amended", {"changes": {"title": "路灯"}}, None),
        ("extension.requested", {"new_due_at": "2026-03-20T17:30:00+08:00"}, None),
        ("extension.refused", {}, None),
        ("ticket.received", {}, None),
        ("citizen.chased", {}, None),
        ("call.recorded", {"direction": "inbound"}, None),
    ],
)
def test_R2_a_deadline_that_moves_is_told_and_only_that(
    kind: str, data: dict[str, Any], told: dict[str, str] | None
) -> None:
    city = ToldCity()
    city.received()
    notices = city.put(kind, "03-02 10:00", data)
    if told is None:
        assert notices == []
        return
    notice = only(notices)
    assert (notice.source, notice.data.notice) == ("hotline/sla", "citizen.deadline_changed")
    assert (notice.data.revision, notice.data.channel) == (2, "phone")
    assert told.items() <= day(notice).items()
    for at in told.values():
        assert f"2026-{at}" in notice.data.text_zh
        assert f"2026-{at}" in notice.data.text_en
    # What did not move stands in the data, and is not worded again.
    for clock in set(day(notice)) - set(told):
        assert day(notice)[clock] not in notice.data.text_zh


def test_R2_one_event_that_moves_several_clocks_is_one_notice() -> None:
    city = ToldCity()
    city.received()
    notice = only(city.put("ticket.dispatched", "03-02 10:00", D1))
    assert (notice.data.notice, notice.data.stage) == ("citizen.progressed", "dispatched")
    assert day(notice)["first_contact"] == "03-03 17:30"
    assert "首次联系时限：2026-03-03 17:30" in notice.data.text_zh
    assert "承诺办结时限" not in notice.data.text_zh


def test_R2_a_deadline_that_was_never_told_has_not_changed() -> None:
    city = ToldCity(changed(stages={}))
    city.received()
    first = only(city.put("ticket.dispatched", "03-02 10:00", D1))
    assert first.data.notice == "citizen.deadline_changed"
    assert "时间节点已确定。首次联系时限：2026-03-03 17:30" in first.data.text_zh
    assert "has been set" in first.data.text_en
    later = {"new_due_at": "2026-03-20T17:30:00+08:00"}
    moved = only(city.put("extension.granted", "03-02 11:00", later))
    assert "时间节点有变化" in moved.data.text_zh
    # What stood still was told before: it changes when it runs on.
    city.put("hold.started", "03-02 12:00", {"reason": "waiting_for_citizen"})
    again = only(city.put("hold.ended", "03-03 12:00", {}))
    assert "时间节点有变化" in again.data.text_zh


@pytest.mark.parametrize(
    ("receipt", "asked"),
    [({}, True), ({"request_type": "praise"}, False), ({"request_type": "help"}, True)],
)
def test_R33_a_close_announces_a_callback_only_where_one_follows(
    receipt: dict[str, Any], asked: bool
) -> None:
    city = dispatched(**receipt)
    notice = only(city.put("ticket.closed", "03-04 10:00", {}))
    assert (notice.data.notice, notice.data.stage) == ("citizen.progressed", "closed")
    assert "已办结" in notice.data.text_zh
    assert ("回访" in notice.data.text_zh) == asked
    assert ("We will ask you" in notice.data.text_en) == asked


def test_R33_a_close_that_became_known_too_late_announces_no_callback() -> None:
    city = dispatched()
    notice = city.put("ticket.closed", "03-04 10:00", {}, recorded="11-04 10:00")[-1]
    assert "已办结" in notice.data.text_zh
    assert "回访" not in notice.data.text_zh


def test_R33_a_close_that_was_reopened_since_announces_no_callback() -> None:
    """The reopening became known first."""
    city = dispatched()
    city.put("ticket.reopened", "03-05 10:00", {})
    told = city.put("ticket.closed", "03-04 10:00", {}, recorded="03-05 11:00")
    assert "回访" not in "".join(each.data.text_zh for each in told)


def test_R2_the_end_of_a_day_is_its_24_00() -> None:
    """A bureau that works around the clock has until midnight of the next day to call."""
    city = ToldCity()
    city.received()
    water = {"dispatch_id": "D1", "department": "city-water"}
    told = only(city.put("ticket.dispatched", "03-02 10:00", water))
    assert day(told)["first_contact"] == "03-04 00:00"
    assert "首次联系时限：2026-03-03 24:00" in told.data.text_zh


def test_R2_a_hold_is_told_and_so_is_its_end() -> None:
    city = dispatched()
    held = only(city.put("hold.started", "03-04 11:00", {}))
    assert held.data.notice == "citizen.deadline_changed"
    assert {each.value for each in held.data.paused} == {"resolve", "reply"}
    assert "暂停" in held.data.text_zh
    assert "stands still" in held.data.text_en
    resumed = only(city.put("hold.ended", "03-05 11:00", {}))
    assert (resumed.data.paused, resumed.data.notice) == ((), "citizen.deadline_changed")
    assert day(resumed)["resolve"] == "03-10 17:30"
    assert "2026-03-10 17:30" in resumed.data.text_zh


def test_R2_a_deadline_that_has_passed_is_not_promised() -> None:
    city = ToldCity()
    city.received()
    due = {"changes": {"due_at": "2026-03-02T09:30:00+08:00"}}
    assert brief(city.put("ticket.amended", "03-02 10:00", due)) == []


def test_R9_a_deadline_missed_in_this_minute_is_not_promised_any_more() -> None:
    """The news and the answer are both due on 9 March at 17:30."""
    city = ToldCity()
    city.received("03-02 09:00")
    told = only(city.until("03-09 18:00"))
    assert told.data.notice == "citizen.no_news"
    assert "答复时限 2026-03-09 17:30 已过" in told.data.text_zh
    assert "时限：2026-03-09" not in told.data.text_zh


def test_R4_what_a_unit_wrote_without_a_full_stop_does_not_run_into_the_next_sentence() -> None:
    city = dispatched()
    city.put("reply.submitted", "03-03 09:00", {"dispatch_id": "D1", "text": "已拆除"})
    told = only(city.put("ticket.closed", "03-03 10:00"))
    assert "已拆除。您的工单" in told.data.text_zh
    assert "已拆除. Your ticket" in told.data.text_en


def test_R4_the_parts_of_a_reply_are_told_with_one_mark_between_them() -> None:
    city = dispatched()
    parts = {"cause": "电缆老化。", "findings": "故障点在路口", "handling": "已更换。"}
    city.put("reply.submitted", "03-03 09:00", {"dispatch_id": "D1", **parts})
    told = only(city.put("reply.approved", "03-03 10:00", {"dispatch_id": "D1"}))
    assert told.data.words == "电缆老化；故障点在路口；已更换。"


def test_R2_what_came_before_the_receipt_is_told_behind_it() -> None:
    """The dispatch waits at intake for the receipt; each is recorded with it."""
    city = ToldCity()
    assert city.put("ticket.dispatched", "03-02 09:00", D1) == []
    told = city.received("03-02 09:01")
    assert brief(told) == ["acknowledged", "progressed dispatched"]
    assert [each.data.revision for each in told] == [1, 2]


def test_R2_what_was_told_and_did_not_move_is_not_told_again() -> None:
    city = dispatched()
    later = {"new_due_at": "2026-03-20T17:30:00+08:00"}
    assert len(city.put("extension.granted", "03-03 09:00", later)) == 1
    assert city.put("extension.granted", "03-03 10:00", later) == []


def test_R2_a_version_of_the_rules_that_moves_a_deadline_is_told_once() -> None:
    """From 1 July ten calendar days instead of seven, for what runs already too."""
    first, second = CN.versions
    sla = second.policy.sla
    longer = {
        target: tuple(
            dataclasses.replace(row, amount=10) if row.amount == 7 else row for row in rows
        )
        for target, rows in sla.rules.items()
    }
    sla = dataclasses.replace(sla, rules=longer, new_version_targets="recompute", _found={})
    other = dataclasses.replace(second, policy=dataclasses.replace(second.policy, sla=sla))
    city = ToldCity(dataclasses.replace(CN, versions=(first, other)))
    assert day(only(city.received("06-29 09:00")))["resolve"] == "07-06 17:30"
    told = only(city.until("07-01 12:00"))
    assert told.data.notice == "citizen.deadline_changed"
    assert day(told) == {"resolve": "07-09 17:30", "reply": "07-09 17:30"}
    assert told.policyversion == other.policy.version
    assert city.until("07-02 12:00") == []


# --- Steps (R9) ---------------------------------------------------------------------------------


def test_R9_every_step_that_the_policy_tells_is_told_once() -> None:
    city = ToldCity()
    told = [brief(city.received())]
    for at, kind, data in (
        ("03-02 10:00", "ticket.dispatched", D1),
        ("03-02 10:05", "ticket.dispatched", D1),
        ("03-02 11:00", "dispatch.accepted", {"dispatch_id": "D1"}),
        ("03-02 11:01", "dispatch.accepted", {"department": "市城市管理局"}),
        ("03-02 14:00", "return.requested", {"dispatch_id": "D1"}),
        ("03-02 15:00", "return.approved", {"dispatch_id": "D1"}),
        ("03-02 15:01", "return.approved", {"dispatch_id": "D1"}),
        ("03-02 16:00", "ticket.dispatched", {"dispatch_id": "D3", "department": "交通局"}),
        ("03-03 09:00", "dispatch.accepted", {"dispatch_id": "D3"}),
        ("03-03 10:00", "ticket.progressed", {"dispatch_id": "D3", "text": "已到现场"}),
        ("03-03 10:01", "ticket.progressed", {"dispatch_id": "D3", "text": "已到现场"}),
        ("03-03 11:00", "ticket.progressed", {"dispatch_id": "D3", "text": "正在抢修"}),
        ("03-03 15:00", "reply.submitted", {"dispatch_id": "D3", "reply_id": "R1", "text": "好了"}),
        ("03-03 15:10", "reply.rejected", {"dispatch_id": "D3", "reply_id": "R1"}),
        ("03-03 16:00", "reply.submitted", {"dispatch_id": "D3", "reply_id": "R2", "text": "修好"}),
        ("03-03 16:10", "reply.approved", {"dispatch_id": "D3", "reply_id": "R2"}),
        ("03-03 16:20", "ticket.closed", {}),
        ("03-03 16:21", "ticket.closed", {}),
        ("03-04 09:00", "ticket.reopened", {"cause": "not_resolved"}),
        ("03-04 09:30", "ticket.dispatched", {"dispatch_id": "D4", "department": "交通局"}),
        ("03-04 10:00", "ticket.withdrawn", {"withdrawn_by": "citizen"}),
    ):
        told.append(brief(city.put(kind, at, data)))
    assert told == [
        ["acknowledged"],
        *(["progressed dispatched"], [], ["progressed accepted"], []),
        *([], ["progressed returned"], []),
        *(["progressed dispatched"], ["progressed accepted"]),
        *(["progressed progressed"], [], ["progressed progressed"]),
        # That the first try was rejected is between units; the second is the same step again.
        *(["progressed replied"], [], [], ["result"]),
        *(["progressed closed"], []),
        *(["progressed reopened"], ["progressed dispatched"], ["progressed withdrawn"]),
    ]


def test_R9_a_step_names_the_unit_and_the_words() -> None:
    city = dispatched()
    told = only(city.put("ticket.progressed", "03-02 11:00", {**D1, "text": "找到{漏点}"}))
    assert (told.data.unit_name, told.data.words) == ("市城市管理局", "找到{漏点}")
    assert told.data.text_zh == "您的工单 T1 有新进展（市城市管理局）：找到{漏点}"
    nobody = only(city.put("ticket.progressed", "03-02 12:00", {"dispatch_id": "D1"}))
    assert nobody.data.words is None
    assert "详情" in nobody.data.text_zh


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("ticket.dispatched", SUPPORTING),
        ("ticket.dispatched", {"dispatch_id": "D3", "parent_dispatch_id": "D1", "role": "lead"}),
        ("dispatch.accepted", {"dispatch_id": "D2"}),
        ("reply.submitted", {"dispatch_id": "D2", "text": "已配合"}),
        ("return.approved", {"dispatch_id": "D2"}),
        ("verification.requested", {}),
        ("supervision.ordered", {}),
    ],
)
def test_R9_what_units_do_among_themselves_is_not_told(kind: str, data: dict[str, Any]) -> None:
    city = dispatched()
    city.put("ticket.dispatched", "03-02 10:10", SUPPORTING)
    assert "progressed" not in " ".join(brief(city.put(kind, "03-02 10:20", data)))


def test_R9_the_policy_says_which_steps_are_told() -> None:
    notices = CN.versions[0].policy.notices
    stages = {name: words for name, words in notices.stages.items() if name != "accepted"}
    stages["passed_on"] = Words("{ticket}转至{unit}", "{ticket} with {unit}")
    city = dispatched(changed(stages=stages))
    assert city.put("dispatch.accepted", "03-02 11:00", {"dispatch_id": "D1"}) == []
    below = {"dispatch_id": "D3", "parent_dispatch_id": "D1", "department": "东片区"}
    told = only(city.put("ticket.dispatched", "03-02 11:10", below))
    assert told.data.stage == "passed_on"
    assert told.data.text_zh.startswith("T1转至东片区")


def test_R9_that_it_is_not_taken_is_told_with_its_clause() -> None:
    city = ToldCity()
    city.received()
    refused = {"clause": "第十二条", "reason": "属诉讼事项"}
    told = only(city.put("ticket.not_accepted", "03-02 10:00", refused))
    assert told.data.text_zh == "您的诉求 T1 不予受理：第十二条 属诉讼事项"


def test_R9_the_end_is_the_end() -> None:
    city = dispatched()
    city.put("ticket.closed", "03-02 11:00")
    for at, kind, data in (
        ("03-02 11:01", "dispatch.accepted", {"dispatch_id": "D1"}),
        ("03-02 11:02", "ticket.dispatched", {"dispatch_id": "D5", "department": "交通局"}),
        ("03-02 11:03", "ticket.amended", {"changes": {"due_at": "2026-03-06T12:00:00+08:00"}}),
    ):
        assert brief(city.put(kind, at, data)) == []


# --- No news (R9) -------------------------------------------------------------------------------


def test_R9_no_news_is_told_with_where_it_stands_and_the_next_date() -> None:
    city = dispatched(due_at="2026-04-20T17:30:00+08:00")
    city.put("dispatch.accepted", "03-02 11:00", {"dispatch_id": "D1"})
    first, second = city.until("03-17 09:00")
    assert brief([first, second]) == ["no_news accepted", "no_news accepted"]
    assert "市城市管理局正在办理" in first.data.text_zh
    # Five working days from the dispatch… and from there five more.
    assert day(first)["interim_news"] == "03-16 17:30"
    assert "最迟于 2026-03-16 17:30 再告知您进展" in first.data.text_zh
    assert second.time.isoformat() == "2026-03-16T09:30:00+00:00"
    assert first.causationid is not None
    assert first.causationid.startswith("timer ")


def test_R9_news_begin_the_wait_anew() -> None:
    city = dispatched(due_at="2026-04-20T17:30:00+08:00")
    assert brief(city.until("03-10 09:00")) == ["no_news dispatched"]
    city = dispatched(due_at="2026-04-20T17:30:00+08:00")
    city.put("ticket.progressed", "03-04 16:00", {"dispatch_id": "D1", "text": "正在抢修"})
    assert city.until("03-10 09:00") == []
    assert brief(city.until("03-12 09:00")) == ["no_news dispatched"]


def test_R9_a_deadline_that_was_missed_is_not_kept_from_the_citizen() -> None:
    city = dispatched(due_at="2026-03-03T12:00:00+08:00")
    told = city.until("03-12 09:00")
    assert told
    assert "承诺办结时限 2026-03-03 12:00 已过" in told[0].data.text_zh
    assert "has passed" in told[0].data.text_en


def test_R9_nothing_is_missed_while_it_is_closed() -> None:
    city = dispatched()
    city.put("ticket.closed", "03-02 11:00")
    assert city.until("04-02 11:00") == []


# --- The result (R4) ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"text": "漏点已修好"}, "漏点已修好"),
        ({"cause": "管道老化", "findings": " ", "handling": "已更换"}, "管道老化；已更换"),
        ({"text": "长" * 2_000}, "长" * 999 + "…"),
        # Masked, as on the log.
        ({"text": "已联系张先生 13812345678"}, None),
        ({}, ""),
    ],
)
def test_R4_the_result_is_told_when_the_reply_passed_inspection(
    reply: dict[str, Any], words: str | None
) -> None:
    city = dispatched()
    city.put("reply.submitted", "03-04 10:00", {"dispatch_id": "D1", **reply})
    approved = {"dispatch_id": "D1"}
    told = only(city.put("reply.approved", "03-04 11:00", approved, recorded="03-04 11:00:07"))
    assert (told.data.notice, told.data.latency_seconds) == ("citizen.result", 7.0)
    assert told.data.unit_name == "市城市管理局"
    assert "13812345678" not in told.model_dump_json()
    if words is not None:
        assert (told.data.words or "") == words
        assert (words or "详情") in told.data.text_zh
    assert city.driver.notes["sla_results", ("1m",)] == 1


def test_R4_a_reply_that_nobody_inspected_is_the_result_once_it_is_closed_with() -> None:
    city = dispatched()
    city.put("reply.submitted", "03-04 10:00", {"dispatch_id": "D1", "text": "已修好"})
    told = only(city.put("ticket.closed", "03-04 11:00"))
    assert brief([told]) == ["result closed"]
    assert "已修好" in told.data.text_zh
    assert "已办结" in told.data.text_zh
    assert brief(city.put("reply.approved", "03-04 12:00", {"dispatch_id": "D1"})) == []


def test_R4_an_approval_that_comes_before_its_reply_waits_for_it() -> None:
    city = dispatched()
    reply = {"dispatch_id": "D1", "reply_id": "R1"}
    approved = city.put("reply.approved", "03-04 11:00", reply)
    assert brief(approved) == []
    late = {**reply, "text": "已修好"}
    told = only(city.put("reply.submitted", "03-04 10:00", late, recorded="03-04 11:00:30"))
    assert brief([told]) == ["result replied"]
    assert told.data.latency_seconds == 30.0


def test_R4_a_rejected_reply_and_that_of_a_supporting_unit_are_no_result() -> None:
    city = dispatched()
    city.put("ticket.dispatched", "03-02 10:10", SUPPORTING)
    told = [
        brief(city.put(kind, f"03-04 1{hour}:00", data))
        for hour, (kind, data) in enumerate(
            [
                ("reply.submitted", {"dispatch_id": "D2", "reply_id": "R2", "text": "已配合"}),
                ("reply.approved", {"dispatch_id": "D2", "reply_id": "R2"}),
                ("reply.submitted", {"dispatch_id": "D1", "reply_id": "R1", "text": "没修"}),
                ("reply.rejected", {"dispatch_id": "D1", "reply_id": "R1"}),
                ("ticket.closed", {}),
            ]
        )
    ]
    assert told == [[], [], ["progressed replied"], [], ["progressed closed"]]


def test_R4_two_who_approve_one_reply_are_one_result() -> None:
    city = dispatched()
    city.put("reply.submitted", "03-04 10:00", {"dispatch_id": "D1", "text": "已修好"})
    approved = {"dispatch_id": "D1"}
    assert brief(city.put("reply.approved", "03-04 11:00", approved)) == ["result"]
    assert brief(city.put("reply.approved", "03-04 11:10", approved)) == []


def test_R4_the_result_names_the_unit_whose_reply_it_is() -> None:
    """Two units lead; what the one did meanwhile does not put its name to the other's result."""
    city = dispatched()
    city.put("ticket.dispatched", "03-02 11:00", {"dispatch_id": "D2", "department": "东城区"})
    city.put("reply.submitted", "03-03 10:00", {"dispatch_id": "D1", "text": "已修好"})
    city.put("dispatch.accepted", "03-03 11:00", {"dispatch_id": "D2"})
    told = only(city.put("reply.approved", "03-03 12:00", {"dispatch_id": "D1"}))
    assert (told.data.unit_name, told.data.words) == ("市城市管理局", "已修好")


def test_R4_where_no_inspection_is_asked_for_the_reply_is_the_result() -> None:
    versions = tuple(
        dataclasses.replace(
            each,
            policy=dataclasses.replace(
                each.policy,
                sla=dataclasses.replace(each.policy.sla, reply_in_force="submitted"),
            ),
        )
        for each in CN.versions
    )
    city = dispatched(dataclasses.replace(CN, versions=versions))
    reply = {"dispatch_id": "D1", "text": "已修好"}
    told = only(city.put("reply.submitted", "03-04 10:00", reply, recorded="03-04 10:00:30"))
    assert brief([told]) == ["result replied"]
    assert told.data.latency_seconds == 30.0
    assert brief(city.put("ticket.closed", "03-04 11:00")) == ["progressed closed"]


def test_R9_where_it_stands_after_a_rejected_reply() -> None:
    city = dispatched(due_at="2026-04-20T17:30:00+08:00")
    reply = {"dispatch_id": "D1", "reply_id": "R1", "text": "没修"}
    city.put("reply.submitted", "03-03 10:00", reply)
    city.put("reply.rejected", "03-03 11:00", {"dispatch_id": "D1", "reply_id": "R1"})
    assert city.until("03-10 09:00")[-1].data.stage == "accepted"
    city.put("reply.submitted", "03-10 10:00", {**reply, "reply_id": "R2"})
    assert city.until("03-20 09:00")[-1].data.stage == "replied"


def test_R4_after_a_reopening_the_next_reply_is_a_result_again() -> None:
    city = dispatched()
    for number, at in enumerate(("03-04", "03-06"), start=1):
        reply = {"dispatch_id": f"D{number}", "text": f"第{number}次"}
        city.put("reply.submitted", f"{at} 10:00", reply)
        told = city.put("reply.approved", f"{at} 11:00", {"dispatch_id": f"D{number}"})
        assert f"第{number}次" in only(told).data.text_zh
        city.put("ticket.closed", f"{at} 12:00")
        city.put("ticket.reopened", f"{at} 13:00")
        city.put("ticket.dispatched", f"{at} 14:00", {**D1, "dispatch_id": f"D{number + 1}"})


# --- Whom ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("receipt", "told"),
    [
        ({"complainant": ZHANG}, True),
        ({"complainant": None}, False),
        ({"complainant": {"name": "张三"}, "channel": "visit"}, False),
        ({"complainant": None, "channel": "app"}, True),
        ({"complainant": ZHANG, "anonymous": True}, True),
        ({"complainant": {"kind": "person"}, "anonymous": True}, False),
        ({"complainant": ZHANG, "reply_wanted": False}, False),
        ({"complainant": ZHANG, "confidential": True}, True),
        # By letter, and to be answered by WeChat (希望的答复方式).
        ({"complainant": None, "channel": "letter", "reply_by": "wechat"}, True),
    ],
)
def test_whoever_heard_of_the_receipt_hears_of_what_follows_and_nobody_else(
    receipt: dict[str, Any], told: bool
) -> None:
    city = ToldCity()
    given = {name: value for name, value in receipt.items() if value is not None}
    first = city.put("ticket.received", "03-02 09:00", {"channel": "phone", **given})
    rest = [
        *city.put("ticket.dispatched", "03-02 10:00", {"dispatch_id": "D1"}),
        *city.put("reply.submitted", "03-02 11:00", {"dispatch_id": "D1", "text": "好了"}),
        *city.put("reply.approved", "03-02 12:00", {"dispatch_id": "D1"}),
        *city.put("ticket.closed", "03-02 13:00"),
    ]
    assert bool(brief(first)) is bool(brief(rest)) is told
    if told:
        channel = given.get("reply_by") or given.get("channel", "phone")
        assert {each.data.channel for each in rest} == {channel}
        assert [each.data.revision for each in (*first, *rest)] == [1, 2, 3, 4, 5]


def test_who_wants_no_answer_any_more_hears_no_more_and_who_wants_one_again_hears_what_moved() -> (
    None
):
    city = dispatched()
    assert city.put("ticket.amended", "03-02 11:00", {"changes": {"reply_wanted": False}}) == []
    later = {"new_due_at": "2026-03-20T17:30:00+08:00"}
    assert city.put("extension.granted", "03-02 12:00", later) == []
    told = only(city.put("ticket.amended", "03-02 13:00", {"changes": {"reply_wanted": True}}))
    assert (told.data.notice, day(told)["resolve"]) == ("citizen.deadline_changed", "03-20 17:30")


def test_R2_whose_number_comes_later_is_told_of_the_receipt_then() -> None:
    city = ToldCity()
    assert city.put("ticket.received", "03-02 09:00", {"channel": "phone"}) == []
    assert brief(city.put("ticket.dispatched", "03-02 10:00", D1)) == []
    changes = {"complainant": ZHANG}
    told = only(city.put("ticket.amended", "03-02 11:00", {"changes": changes}))
    assert (told.data.notice, told.data.stage) == ("citizen.progressed", "received")
    assert (told.data.revision, "已受理，工单编号 T1" in told.data.text_zh) == (1, True)
    assert told.data.steps[0].step == "received"
    assert "承诺办结时限：2026-03-09 17:30" in told.data.text_zh
    assert brief(city.put("ticket.amended", "03-02 12:00", {"changes": changes})) == []


def test_R38_who_wants_to_be_answered_in_another_way_is() -> None:
    city = dispatched()
    assert city.put("ticket.amended", "03-02 11:00", {"changes": {"reply_by": "wechat"}}) == []
    told = only(city.put("dispatch.accepted", "03-02 12:00", {"dispatch_id": "D1"}))
    assert told.data.channel == "wechat"


def test_of_an_import_only_what_changes_after_it_is_told() -> None:
    city = ToldCity()
    imported = {
        "complainant": ZHANG,
        "channel": "phone",
        "state": "accepted",
        "received_at": "2026-02-26T09:00:00+08:00",
        "due_at": "2026-03-20T17:30:00+08:00",
        "dispatches": [{**D1, "dispatched_at": "2026-02-26T10:00:00+08:00"}],
    }
    assert brief(city.put("ticket.imported", "03-02 09:00", imported)) == []
    later = {"new_due_at": "2026-03-27T17:30:00+08:00"}
    told = only(city.put("extension.granted", "03-02 10:00", later))
    assert (told.data.notice, told.data.revision) == ("citizen.deadline_changed", 1)
    quiet = city.until("03-10 09:00")
    assert "市城市管理局正在办理" in quiet[0].data.text_zh


# --- When (requirements.md §4.4) ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "not_before"),
    [
        ("03-02 20:59", None),
        ("03-02 21:00", "2026-03-03T08:00:00+08:00"),
        ("03-02 23:59", "2026-03-03T08:00:00+08:00"),
        ("03-03 00:00", "2026-03-03T08:00:00+08:00"),
        ("03-03 07:59", "2026-03-03T08:00:00+08:00"),
        ("03-03 08:00", None),
    ],
)
def test_notices_of_mere_progress_wait_for_the_morning(at: str, not_before: str | None) -> None:
    told = only(dispatched().put("ticket.progressed", at, {**D1, "text": "正在抢修"}))
    said = told.data.not_before
    assert (said and said.isoformat()) == not_before


def test_what_is_urgent_does_not_wait_nor_does_a_receipt() -> None:
    city = ToldCity()
    assert only(city.received("03-02 22:00")).data.not_before is None
    assert only(city.put("ticket.dispatched", "03-02 22:10", D1)).data.not_before is not None
    city.put("reply.submitted", "03-02 22:20", {"dispatch_id": "D1", "text": "好了"})
    result = only(city.put("reply.approved", "03-02 22:30", {"dispatch_id": "D1"}))
    assert (result.data.notice, result.data.latency_seconds) == ("citizen.result", 0.0)
    assert result.data.not_before is not None  # R4 is how soon it is asked for, not delivered
    assert result.data.not_before.isoformat() == "2026-03-03T08:00:00+08:00"
    urgent = ToldCity()
    urgent.received("03-02 22:00", urgency="very_urgent")
    assert only(urgent.put("ticket.dispatched", "03-02 22:10", D1)).data.not_before is None
    urgent.put("reply.submitted", "03-02 22:20", {"dispatch_id": "D1", "text": "好了"})
    result = only(urgent.put("reply.approved", "03-02 22:30", {"dispatch_id": "D1"}))
    assert (result.data.notice, result.data.not_before) == ("citizen.result", None)


def test_quiet_hours_within_a_day() -> None:
    quiet = CN.versions[0].policy.notices.quiet
    noon = Quiet(quiet.start.replace(hour=12), quiet.end.replace(hour=14), quiet.kinds)
    city = dispatched(changed(quiet=noon))
    told = only(city.put("ticket.progressed", "03-02 13:00", {**D1, "text": "一"}))
    assert told.data.not_before is not None
    assert told.data.not_before.isoformat() == "2026-03-02T14:00:00+08:00"
    after = only(city.put("ticket.progressed", "03-02 14:00", {**D1, "text": "二"}))
    assert after.data.not_before is None


# --- Ids (I2) -----------------------------------------------------------------------------------


def test_I2_the_same_log_tells_the_same_and_each_notice_has_an_id_of_its_own() -> None:
    def story() -> list[str]:
        city = dispatched()
        told = [
            *city.put("hold.started", "03-04 11:00", {}),
            *city.put("hold.ended", "03-05 11:00", {}),
            *city.until("03-30 11:00"),
        ]
        return [each.id for each in told]

    once = story()
    assert len(once) > 3
    assert len(set(once)) == len(once)
    assert story() == once


# --- Whatever happens ---------------------------------------------------------------------------

HAPPENING = st.sampled_from(
    [
        ("ticket.dispatched", D1),
        ("ticket.dispatched", SUPPORTING),
        ("ticket.dispatched", {"dispatch_id": "D3", "department": "东城区"}),
        ("ticket.dispatched", {"dispatch_id": "D4", "parent_dispatch_id": "D1"}),
        ("dispatch.accepted", {"dispatch_id": "D1"}),
        ("dispatch.accepted", {"dispatch_id": "D3"}),
        ("return.approved", {"dispatch_id": "D1"}),
        ("ticket.progressed", {"dispatch_id": "D1", "text": "一"}),
        ("hold.started", {}),
        ("hold.ended", {}),
        ("extension.granted", {"new_due_at": "2026-03-30T17:30:00+08:00"}),
        ("ticket.amended", {"changes": {"urgency": "very_urgent"}}),
        ("ticket.amended", {"changes": {"urgency": None}}),
        ("ticket.amended", {"changes": {"reply_wanted": False}}),
        ("ticket.amended", {"changes": {"reply_wanted": True}}),
        ("reply.submitted", {"dispatch_id": "D1", "text": "好"}),
        ("reply.rejected", {"dispatch_id": "D1"}),
        ("reply.approved", {"dispatch_id": "D1"}),
        ("ticket.closed", {}),
        ("ticket.reopened", {}),
        ("close.requested", {}),
    ]
)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(HAPPENING, st.integers(1, 40)), max_size=8))
def test_what_the_citizen_was_told_is_what_holds_whatever_happens(
    history: list[tuple[tuple[str, dict[str, Any]], int]],
) -> None:
    """A citizen who reads all notices knows every date to come; no event is two notices."""
    city = ToldCity(CN)
    at = local("03-02 09:00")
    told = city.received("03-02 09:00")
    for (kind, data), hours in history:
        at += timedelta(hours=hours)
        told += city.put(kind, at.isoformat(), data)
        state = city.state
        if not state.told.reader.told or state.told.stage in ("closed", "withdrawn"):
            continue
        running: dict[str, datetime] = {}
        for clock in state.clocks:
            if clock.target in ("resolve", "reply", "first_contact") and clock.deadline:
                first = running.get(clock.target, clock.deadline)
                if clock.status == "running":
                    running[clock.target] = min(first, clock.deadline)
        coming = {clock: when for clock, when in running.items() if when > at}
        assert coming.items() <= state.told.deadlines.items()
    told += city.until((at + timedelta(days=20)).isoformat())
    assert [each.data.revision for each in told] == list(range(1, len(told) + 1))
    causes = [each.causationid for each in told]
    assert len(set(causes)) == len(causes)
