"""A close that comes too early is answered with what is missing (R30, R63).

Each is a story through the real intake and sla services, commands coming back by the inbox.
"""

import dataclasses
from typing import Any

import pytest

from policy.bundle import Bundle, load
from tests.kit.told_city import ToldCity

CN = load("cn-12345")
LEAD = {"dispatch_id": "D1", "department": "市城市管理局"}
SUPPORTING = {"dispatch_id": "D2", "department": "市水务集团", "role": "supporting"}
SECOND_LEAD = {"dispatch_id": "D3", "department": "东城区"}
BELOW = {"dispatch_id": "D4", "department": "东城区滨河街道", "parent_dispatch_id": "D3"}
QUESTION = {"verification_id": "V1", "department": "市交通运输局", "question": "是否施工?"}

Events = list[tuple[str, dict[str, Any]]]


def asked_to_close(
    *events: tuple[str, dict[str, Any]], bundle: Bundle | None = None, asks: str | None = None
) -> ToldCity:
    """A ticket of Monday, what happened to it hour by hour, and a close asked for on Tuesday."""
    city = ToldCity(bundle)
    city.received("03-02 08:30")
    for hour, (kind, data) in enumerate(events, start=9):
        city.put(kind, f"03-02 {hour:02}:00", data)
    city.put("close.requested", "03-03 09:00", {} if asks is None else {"dispatch_id": asks})
    return city


def lacking(city: ToldCity) -> list[str]:
    """``["reply_of_dispatch D2"]`` of the last command; [] where there is none."""
    commands = city.commands
    if not commands:
        return []
    return [
        " ".join(filter(None, (each["what"], each.get("dispatch_id"))))
        for each in commands[-1]["data"]["lacking"]
    ]


def dispatched(*terms: dict[str, Any]) -> Events:
    return [("ticket.dispatched", each) for each in terms]


def replied(*dispatches: str) -> Events:
    return [("reply.submitted", {"dispatch_id": each, "reply_id": each}) for each in dispatches]


D1, D2, D3, D4 = (f"reply_of_dispatch D{number}" for number in range(1, 5))


@pytest.mark.parametrize(
    ("events", "asks", "missing"),
    [
        # Nobody has it, so nobody has a part in it.
        ([], None, []),
        (dispatched(LEAD), "D1", [D1]),
        ([*dispatched(LEAD), *replied("D1")], "D1", []),
        # The lead closes only when all are in.
        ([*dispatched(LEAD, SUPPORTING), *replied("D1")], "D1", [D2]),
        ([*dispatched(LEAD, SUPPORTING), *replied("D1")], None, [D2]),
        ([*dispatched(LEAD, SUPPORTING), *replied("D1", "D2")], "D1", []),
        ([*dispatched(LEAD, SUPPORTING, SECOND_LEAD), *replied("D1")], "D1", [D2, D3]),
        # A reply that was rejected is not in.
        (
            [
                *dispatched(LEAD, SUPPORTING),
                *replied("D1", "D2"),
                ("reply.rejected", {"dispatch_id": "D2", "reply_id": "D2"}),
            ],
            "D1",
            [D2],
        ),
        # What was returned is not theirs any more.
        (
            [
                *dispatched(LEAD, SUPPORTING),
                *replied("D1"),
                ("return.requested", {"dispatch_id": "D2"}),
                ("return.approved", {"dispatch_id": "D2"}),
            ],
            "D1",
            [],
        ),
        # What was passed on is in when those that it went to are in (R65).
        ([*dispatched(LEAD, SECOND_LEAD, BELOW), *replied("D1")], "D1", [D4]),
        ([*dispatched(LEAD, SECOND_LEAD, BELOW), *replied("D1", "D4")], "D1", []),
        ([*dispatched(LEAD, SECOND_LEAD, BELOW), *replied("D1", "D3")], "D1", []),
        # An open question counts too (R63).
        (
            [*dispatched(LEAD), *replied("D1"), ("verification.requested", QUESTION)],
            "D1",
            ["verification"],
        ),
        (
            [
                *dispatched(LEAD),
                *replied("D1"),
                ("verification.requested", QUESTION),
                ("verification.answered", {"verification_id": "V1"}),
            ],
            "D1",
            [],
        ),
        # The leader's question (督办) does not hold it up.
        (
            [
                *dispatched(LEAD),
                *replied("D1"),
                ("supervision.ordered", {"due_at": "2026-03-09T17:30:00+08:00"}),
            ],
            "D1",
            [],
        ),
        # It is closed already.
        ([*dispatched(LEAD), ("ticket.closed", {})], "D1", []),
    ],
)
def test_R30_a_close_is_refused_while_something_is_missing(
    events: Events, asks: str | None, missing: list[str]
) -> None:
    city = asked_to_close(*events, asks=asks)
    assert lacking(city) == missing
    assert len(city.commands) == bool(missing)


def test_R30_the_command_names_unit_and_due_date_in_both_languages() -> None:
    due = {**SUPPORTING, "reply_due_at": "2026-03-05T17:30:00+08:00"}
    city = asked_to_close(
        *dispatched(LEAD, due),
        *replied("D1"),
        ("verification.requested", {**QUESTION, "due_at": "2026-03-04T12:00:00+08:00"}),
        asks="D1",
    )
    (command,) = city.commands
    data = command["data"]
    assert (command["source"], command["subject"], command["time"]) == (
        *("hotline/sla", "T1", "2026-03-03T01:00:00Z"),
    )
    assert (data["reason"], data["dispatch_id"], data["round"]) == ("not_all_in", "D1", 1)
    assert data["lacking"] == [
        {
            "what": "reply_of_dispatch",
            "dispatch_id": "D2",
            "department": "市水务集团",
            "due_at": "2026-03-05T17:30:00+08:00",
        },
        {
            "what": "verification",
            "department": "市交通运输局",
            "due_at": "2026-03-04T12:00:00+08:00",
        },
    ]
    assert data["reason_zh"] == (
        "工单 T1 暂不予办结，尚缺：协办单位市水务集团 D2 的回单（时限 2026-03-05 周四 17:30）；"
        "市交通运输局对核实请求 V1 的答复（时限 2026-03-04 周三 12:00）。"
    )
    assert data["reason_en"] == (
        "The close of T1 is refused; still missing: the reply of the supporting unit 市水务集团 D2 "
        "(due Thu 2026-03-05 17:30); the answer of 市交通运输局 to question V1 "
        "(due Wed 2026-03-04 12:00)."
    )


def test_R30_the_command_takes_its_place_in_the_history_of_the_ticket() -> None:
    city = asked_to_close(*dispatched(LEAD), asks="D1")
    (command,) = city.commands
    *_, asked, refused = city.log
    assert (asked["type"], refused["type"]) == (
        *("hotline.close.requested.v1", "hotline.command.refuse_close.v1"),
    )
    assert refused["id"] == command["id"]
    assert refused["sequence"] == asked["sequence"] + 1
    assert refused["data"]["lacking"] == command["data"]["lacking"]
    assert "anomaly" not in refused


def test_R30_each_close_that_is_asked_for_is_answered_once() -> None:
    city = asked_to_close(*dispatched(LEAD, SUPPORTING), asks="D1")
    city.put("close.requested", "03-03 10:00", {"dispatch_id": "D1"})
    city.until("03-04 10:00")
    rounds = [each["data"]["round"] for each in city.commands]
    assert rounds == [1, 2]
    assert len({each["id"] for each in city.commands}) == 2
    for dispatch in ("D1", "D2"):
        city.put("reply.submitted", "03-04 11:00", {"dispatch_id": dispatch})
    city.put("close.requested", "03-04 12:00", {"dispatch_id": "D1"})
    assert len(city.commands) == 2


@pytest.mark.parametrize(
    ("needs", "missing"),
    [
        ({"own_reply", "other_leads", "supporting", "verification"}, [D1, D2, D3, "verification"]),
        ({"other_leads"}, [D3]),
        ({"supporting", "verification"}, [D2, "verification"]),
        (set(), []),
    ],
)
def test_R30_the_policy_says_what_a_close_waits_for(needs: set[str], missing: list[str]) -> None:
    versions = tuple(
        dataclasses.replace(
            each,
            policy=dataclasses.replace(
                each.policy,
                sla=dataclasses.replace(each.policy.sla, close_needs=frozenset(needs)),
            ),
        )
        for each in CN.versions
    )
    city = asked_to_close(
        *dispatched(LEAD, SUPPORTING, SECOND_LEAD),
        ("verification.requested", QUESTION),
        bundle=dataclasses.replace(CN, versions=versions),
        asks="D1",
    )
    assert lacking(city) == missing


@pytest.mark.parametrize("profile", ["cn-12345", "us-311", "uk-council"])
def test_R30_every_profile_waits_for_all_that_have_a_part(profile: str) -> None:
    for version in load(profile).versions:
        needs = version.policy.sla.close_needs
        assert {"other_leads", "supporting", "verification"} <= needs


def test_R30_of_a_dispatch_without_an_id_the_unit_is_named() -> None:
    city = asked_to_close(*dispatched({"department": "市城市管理局"}))
    (command,) = city.commands
    (missing,) = command["data"]["lacking"]
    assert "dispatch_id" not in missing
    assert missing["department"] == "市城市管理局"
    assert "主办单位市城市管理局的回单" in command["data"]["reason_zh"]
