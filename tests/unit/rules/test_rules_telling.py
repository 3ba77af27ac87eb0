"""Whom a notice can reach, and how deadlines are worded (R2): one rule for intake and sla."""

from datetime import UTC, datetime
from typing import Any

import pytest

from policy.bundle import load
from rules import telling
from rules.telling import NOBODY, Reader
from schemas.events.tickets import TicketAmendedData, TicketReceivedData

POLICY = load("cn-12345").at(datetime(2026, 3, 2, tzinfo=UTC))
PHONE = {"identities": [{"scheme": "phone", "value": "13812345678"}]}


@pytest.mark.parametrize(
    ("receipt", "told"),
    [
        ({"complainant": PHONE}, True),
        # As on the log: the pseudonym, or that there was a number.
        ({"complainant": {"citizen": "c:1"}}, True),
        ({"complainant": {"reachable": True}}, True),
        ({"complainant": {"kind": "person"}}, False),
        ({}, False),
        *(({"channel": each}, True) for each in ("web", "wechat", "app", "sms", "email")),
        *(({"channel": each}, False) for each in ("phone", "letter", "visit", "other_agency")),
        ({"channel": "letter", "reply_by": "sms"}, True),
        ({"channel": "app", "reply_by": "phone"}, True),
        ({"complainant": PHONE, "reply_wanted": False}, False),
    ],
)
def test_R2_who_can_be_told_and_wants_to_be(receipt: dict[str, Any], told: bool) -> None:
    reader = telling.received(NOBODY, TicketReceivedData.model_validate(receipt), POLICY)
    assert reader.told == told


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        (Reader("phone", False), {"complainant": PHONE}, Reader("phone", True)),
        # A way back is not lost: what an amendment does not say stays.
        (Reader("phone", True), {"complainant": None}, Reader("phone", True)),
        (Reader("app", True), {"reply_wanted": False}, Reader("app", True, False)),
        (Reader("app", True, False), {"reply_wanted": None}, Reader("app", True)),
        (Reader("app", True, False), {"title": "路灯"}, Reader("app", True, False)),
        (Reader("phone", False), {"reply_by": "wechat"}, Reader("wechat", True)),
    ],
)
def test_R2_an_amendment_changes_who_is_told(
    before: Reader, changes: dict[str, Any], after: Reader
) -> None:
    data = TicketAmendedData.model_validate({"changes": changes})
    assert telling.amended(before, data, POLICY) == after


@pytest.mark.parametrize(
    ("at", "paused", "zh"),
    [
        ({}, (), "时间节点确定后另行告知"),
        (
            {"resolve": "2026-03-09T09:30Z", "first_contact": "2026-03-03T09:30Z"},
            (),
            "首次联系时限：2026-03-03 17:30；承诺办结时限：2026-03-09 17:30",
        ),
        ({"resolve": "2026-03-09T16:00Z"}, (), "承诺办结时限：2026-03-09 24:00"),
        ({"resolve": "2026-03-01T09:30Z"}, (), "承诺办结时限 2026-03-01 17:30 已过，仍在办理"),
        (
            {"reply": "2026-03-09T09:30Z"},
            ("resolve",),
            "答复时限：2026-03-09 17:30；因挂起，办结计时暂停，恢复后另行告知时限",
        ),
    ],
)
def test_R2_deadlines_are_worded_as_local_times_the_earliest_first(
    at: dict[str, str], paused: tuple[str, ...], zh: str
) -> None:
    instants = {clock: datetime.fromisoformat(when) for clock, when in at.items()}
    now = datetime(2026, 3, 2, 1, tzinfo=UTC)
    assert telling.worded(instants, POLICY, now=now, paused=paused).zh == zh
    local = [each["at"] for each in telling.listed(instants, POLICY)]
    assert local == sorted(instants.values())
    assert {each.utcoffset() for each in local} <= {POLICY.time_zone.utcoffset(now)}


@pytest.mark.parametrize("profile", ["cn-12345", "us-311", "uk-council"])
def test_R9_of_a_missed_deadline_only_what_is_so_is_said(profile: str) -> None:
    """That somebody urges the unit is for whoever urges it to say (R27)."""
    for version in load(profile).versions:
        overdue = version.policy.notices.overdue
        assert overdue.keys() >= {"resolve", "first_contact", "reply", "accept"}
        for words in overdue.values():
            assert "督促" not in words.zh
            assert "已过" in words.zh
            assert "urge" not in words.en
            assert "has passed" in words.en
