"""Each target of requirements.md §3 in front of the service: start, warnings, breach, met, late."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.kit.ticket_life import TicketLife, kind, local

# 2026-03-02 is a Monday; offices work 08:30-12:00 and 14:00-17:30.
Event = tuple[str, str, dict[str, Any]]


def ev(type_: str, at: str, **data: Any) -> Event:
    return type_, at, data


RECEIVED = ev("ticket.received", "03-02 09:00", channel="phone", request_type="complaint")
DISPATCHED = ev(
    "ticket.dispatched", "03-02 10:00", dispatch_id="D1", department="city-urban-management"
)


@dataclass(frozen=True)
class Target:
    """One clock, from its start to a breach, and what meets it."""

    clock: str
    before: tuple[Event, ...]
    deadline: str
    warnings: tuple[str, ...]
    met_by: Event
    met_why: str
    leaf: str = "city.order.stall"
    rule: str = "normal"
    breach_reason: str = "deadline_passed"


TARGETS = (
    Target(
        clock="accept:D1",
        before=(RECEIVED, DISPATCHED),
        deadline="03-03 17:30",
        warnings=("03-03 15:45", "03-03 16:48"),
        met_by=ev("dispatch.accepted", "03-03 11:00", dispatch_id="D1"),
        met_why="accepted",
    ),
    Target(
        clock="accept:D1",
        before=(RECEIVED, DISPATCHED),
        deadline="03-02 10:30",
        warnings=("03-02 10:22:30", "03-02 10:27"),
        met_by=ev("reply.submitted", "03-02 10:20", dispatch_id="D1"),
        met_why="replied",
        leaf="utilities.water.outage",
        rule="utilities",
    ),
    Target(
        clock="first_contact:D1",
        before=(RECEIVED, DISPATCHED),
        deadline="03-03 17:30",
        warnings=("03-03 15:45", "03-03 16:48"),
        met_by=ev(
            "call.recorded",
            "03-03 10:00",
            purpose="first_contact",
            direction="outbound",
            outcome="answered",
            dispatch_id="D1",
        ),
        met_why="contacted",
        breach_reason="nobody_tried",
    ),
    Target(
        clock="first_contact:D1",
        before=(RECEIVED, DISPATCHED),
        deadline="03-03 17:30",
        warnings=("03-03 15:45", "03-03 16:48"),
        met_by=ev(
            "reply.submitted",
            "03-03 10:00",
            dispatch_id="D1",
            contacted_at=local("03-02 16:00"),
        ),
        met_why="contacted",
        breach_reason="nobody_tried",
    ),
    Target(
        clock="interim:1",
        before=(RECEIVED,),
        deadline="03-09 17:30",
        warnings=(),
        met_by=ev("ticket.progressed", "03-05 10:00", text="已派员"),
        met_why="progress",
        breach_reason="no_news",
    ),
    Target(
        clock="resolve",
        before=(RECEIVED,),
        # 7 natural days from the day after: Monday the 9th, to the end of business.
        deadline="03-09 17:30",
        warnings=("03-06 15:45", "03-09 12:00"),
        met_by=ev("ticket.closed", "03-06 10:00"),
        met_why="closed",
    ),
    Target(
        clock="resolve",
        before=(RECEIVED,),
        deadline="03-03 09:00",
        warnings=("03-03 03:00", "03-03 06:36"),
        met_by=ev("ticket.closed", "03-03 02:00"),
        met_why="closed",
        leaf="utilities.water.outage",
        rule="utilities",
    ),
    Target(
        clock="reply",
        before=(RECEIVED, DISPATCHED, ev("reply.submitted", "03-03 10:00", dispatch_id="D1")),
        deadline="03-09 17:30",
        warnings=("03-06 15:45", "03-09 12:00"),
        met_by=ev("reply.approved", "03-04 10:00", dispatch_id="D1"),
        met_why="replied",
    ),
    Target(
        clock="department:D1",
        before=(RECEIVED, DISPATCHED),
        deadline="03-09 17:30",
        warnings=("03-06 15:45", "03-09 12:00"),
        met_by=ev("reply.submitted", "03-05 10:00", dispatch_id="D1"),
        met_why="replied",
    ),
    Target(
        clock="verification:V1",
        before=(RECEIVED, ev("verification.requested", "03-02 11:00", verification_id="V1")),
        deadline="03-03 17:30",
        warnings=("03-03 15:45", "03-03 16:48"),
        met_by=ev("verification.answered", "03-03 09:00", verification_id="V1"),
        met_why="answered",
    ),
    Target(
        clock="supervision:S1",
        before=(
            RECEIVED,
            ev(
                "supervision.ordered",
                "03-02 11:00",
                supervision_id="S1",
                due_at=local("03-03 11:00"),
            ),
        ),
        deadline="03-03 11:00",
        warnings=("03-03 09:15", "03-03 10:18"),
        met_by=ev("supervision.answered", "03-03 09:00", supervision_id="S1"),
        met_why="answered",
        rule="promised",
    ),
)
IDS = [f"{each.clock}-{each.rule}-{each.met_by[0]}" for each in TARGETS]


def life_of(target: Target) -> TicketLife:
    life = TicketLife()
    for type_, at, data in target.before:
        life.event(type_, at, leaf=target.leaf, **data)
    return life


@pytest.mark.parametrize("target", TARGETS, ids=IDS)
def test_R25_a_clock_starts_warns_and_is_breached_once(target: Target) -> None:
    life = life_of(target)
    first = life.of(target.clock)[0]
    assert kind(first) == "started"
    assert first["data"]["deadline"] == local(target.deadline).isoformat()
    assert first["data"]["terms"]["rule"].endswith(target.rule)
    life.until("03-20 09:00")
    facts = life.of(target.clock)
    warned = [each["time"] for each in facts if kind(each) == "warning"]
    assert [local(at) for at in target.warnings] == [local(each[:19] + "+00:00") for each in warned]
    assert [kind(each) for each in facts].count("breached") == 1
    breach = next(each for each in facts if kind(each) == "breached")
    assert local(breach["time"][:19] + "+00:00") == local(target.deadline)
    assert breach["data"]["deadline"] == local(target.deadline).isoformat()
    assert breach["data"]["reason"] == target.breach_reason
    assert breach["data"]["cause"] == "deadline"


@pytest.mark.parametrize("target", TARGETS, ids=IDS)
def test_R25_a_clock_that_is_met_in_time_is_not_breached(target: Target) -> None:
    life = life_of(target)
    type_, at, data = target.met_by
    life.event(type_, at, leaf=target.leaf, **data)
    life.until("03-20 09:00")
    last = life.of(target.clock)[-1]
    assert kind(last) == "met"
    assert last["data"]["reason"] == target.met_why
    assert not last["data"].get("late", False)
    assert "breached" not in life.said(target.clock)


@pytest.mark.parametrize("target", TARGETS, ids=IDS)
def test_I7_what_comes_at_the_deadline_itself_is_in_time(target: Target) -> None:
    life = life_of(target)
    type_, _, data = target.met_by
    life.event(type_, target.deadline, leaf=target.leaf, **data)
    life.until("03-20 09:00")
    assert life.said(target.clock)[-1] == "met"
    assert "breached" not in life.said(target.clock)


@pytest.mark.parametrize(
    "target", [each for each in TARGETS if not each.clock.startswith("interim")]
)
def test_R25_met_late_says_so_and_names_the_breach(target: Target) -> None:
    life = life_of(target)
    type_, _, data = target.met_by
    data = {name: value for name, value in data.items() if name != "contacted_at"}
    if target.clock.startswith("first_contact") and type_ == "reply.submitted":
        data["contacted_at"] = local("03-12 09:00")
    life.event(type_, "03-12 10:00", leaf=target.leaf, **data)
    last = life.of(target.clock)[-1]
    breach = next(each for each in life.of(target.clock) if kind(each) == "breached")
    assert kind(last) == "met"
    assert last["data"]["late"]
    assert last["data"]["breach"] == breach["id"]
    assert last["data"]["remaining_minutes"] < 0


def test_R25_every_fact_says_rule_amount_calendar_and_deadline_in_words() -> None:
    life = TicketLife()
    life.event(RECEIVED[0], RECEIVED[1], **RECEIVED[2])
    said = life.of("resolve")[0]["data"]
    for part in ("7 calendar days", "resolve.normal", "cn-workdays", "Mon 2026-03-09 17:30"):
        assert part in said["reason_en"]
    for part in ("7 个自然日", "cn-workdays", "2026-03-09 周一 17:30"):
        assert part in said["reason_zh"]
    assert said["terms"]["calendar_version"].startswith("cn-workdays+")


def test_R25_of_warnings_that_have_gone_by_only_the_highest_is_said() -> None:
    life = TicketLife()
    life.event(RECEIVED[0], "03-09 16:00", recorded="03-09 16:00", channel="phone")
    life.event(
        "ticket.dispatched",
        "03-02 10:00",
        recorded="03-09 17:00",
        dispatch_id="D1",
        department="city-urban-management",
    )
    assert life.said("department:D1") == ["started", "warning"]
    assert life.last("department:D1")["percent"] == 90


def test_R26_a_missed_contact_names_its_reason() -> None:
    life = life_of(TARGETS[2])
    for at, outcome in (
        ("03-02 15:00", "powered_off"),
        ("03-03 09:00", "no_answer"),
        ("03-03 15:00", "powered_off"),
    ):
        life.event(
            "call.recorded",
            at,
            purpose="first_contact",
            direction="outbound",
            outcome=outcome,
            dispatch_id="D1",
        )
    life.until("03-04 09:00")
    breach = life.last("first_contact:D1")
    assert breach["reason"] == "not_reached"
    assert breach["contact"] == {
        "tries": 3,
        "last_at": "2026-03-03T07:00:00Z",
        "last_outcome": "powered_off",
        "outcomes": {"powered_off": 2, "no_answer": 1},
    }
    assert "关机 2 次" in breach["reason_zh"]


@pytest.mark.parametrize("given", [{"citizen": None}, {"reply_wanted": False}])
def test_nobody_is_owed_contact_news_or_a_reply_who_cannot_or_will_not_hear(
    given: dict[str, Any],
) -> None:
    life = TicketLife()
    citizen = given.get("citizen", "c:ab")
    life.event(RECEIVED[0], RECEIVED[1], **RECEIVED[2], **given)
    life.event(DISPATCHED[0], DISPATCHED[1], **DISPATCHED[2], citizen=citizen)
    clocks = {each["data"]["clock"] for each in life.facts}
    assert clocks == {"resolve", "accept:D1", "department:D1"}


def test_confidential_is_no_obstacle() -> None:
    life = TicketLife()
    life.event(RECEIVED[0], RECEIVED[1], **RECEIVED[2], confidential=True)
    assert {each["data"]["clock"] for each in life.facts} == {"resolve", "reply", "interim:1"}


def test_who_later_wants_no_reply_ends_those_clocks() -> None:
    life = TicketLife()
    life.event(RECEIVED[0], RECEIVED[1], **RECEIVED[2])
    life.event("ticket.amended", "03-03 09:00", changes={"reply_wanted": False})
    assert [life.said(each)[-1] for each in ("reply", "interim:1", "resolve")] == [
        "cancelled",
        "cancelled",
        "started",
    ]
    assert life.last("reply")["reason"] == "no_reply_wanted"


def test_a_clock_without_a_known_calendar_year_says_so() -> None:
    life = TicketLife()
    life.event(RECEIVED[0], "2040-03-02 09:00", **RECEIVED[2])
    said = life.last("resolve")
    assert "deadline" not in said
    assert "cn-workdays" in said["undetermined"]
    assert life.driver.notes["sla_undetermined", ("cn-workdays",)] == 3


def test_what_an_import_had_left_beyond_the_known_years_says_so_and_misses_nothing() -> None:
    life = TicketLife()
    clock = {"clock": "resolve", "started_at": "2027-12-20T09:00:00+08:00", "elapsed_seconds": 0}
    life.event(
        "ticket.imported",
        "2027-12-30 09:00",
        channel="phone",
        state="received",
        received_at="2027-12-20T09:00:00+08:00",
        clocks=[clock],
    )
    assert life.said("resolve") == ["started"]
    assert "deadline" not in life.last("resolve")
    assert "2028" in life.last("resolve")["undetermined"]


def test_a_promise_in_an_unknown_calendar_year_stands_and_can_be_missed() -> None:
    life = TicketLife()
    due = local("2040-03-05 12:00")
    life.event(RECEIVED[0], "2040-03-02 09:00", **RECEIVED[2], due_at=due.isoformat())
    said = life.last("resolve")
    assert (said["deadline"], said["basis"]) == (due.isoformat(), "promised")
    assert "cn-workdays" in said["undetermined"]
    assert "remaining_minutes" not in said
    life.until("2040-03-05 12:00")
    assert life.said("resolve") == ["started"]
    life.until("2040-03-05 12:01")
    assert life.said("resolve") == ["started", "breached"]
    life.event("ticket.closed", "2040-03-06 09:00")
    assert life.said("resolve")[-1] == "met"
    assert life.last("resolve")["late"] is True


def test_a_second_stage_is_what_the_platform_sets_at_the_reopening() -> None:
    """uk-council: 20 working days, then 20 more; the policy has stage 1 alone."""
    life = TicketLife("uk-council")
    life.event("ticket.received", "2026-06-01T10:00+01:00", channel="phone", leaf=None)
    assert life.last("resolve")["deadline"] == "2026-06-15T17:00:00+01:00"
    life.event("ticket.closed", "2026-06-12T10:00+01:00", leaf=None)
    second, extended = "2026-07-14T17:00:00+01:00", "2026-08-11T17:00:00+01:00"
    life.event("ticket.reopened", "2026-06-16T10:00+01:00", leaf=None, due_at=second)
    for clock in ("resolve", "reply"):
        assert (life.last(clock)["deadline"], life.last(clock)["basis"]) == (second, "reopened")
        assert "breached" not in life.said(clock)
    life.event("extension.granted", "2026-07-10T10:00+01:00", leaf=None, new_due_at=extended)
    assert life.last("resolve")["deadline"] == extended
    life.until("2026-08-11T17:01:00+01:00")
    assert life.said("resolve")[-1] == "breached"
