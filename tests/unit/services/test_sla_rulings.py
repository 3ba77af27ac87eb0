"""The rulings of requirements.md §1 and the complaints of its §4, by name, at the service."""

import shutil
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from policy.bundle import SHIPPED, Bundle, load
from tests.kit.ticket_life import TicketLife, happening, kind, local

CALENDAR = "calendars/2026.yaml"
UNIT, OTHER, STREET = "city-urban-management", "city-housing", "street-east-01"


def received(life: TicketLife, at: str = "03-02 09:00", **data: Any) -> None:
    life.event("ticket.received", at, channel="phone", request_type="complaint", **data)


def dispatched(life: TicketLife, at: str, id_: str = "D1", unit: str = UNIT, **data: Any) -> None:
    life.event("ticket.dispatched", at, dispatch_id=id_, department=unit, **data)


# --- ruling 6: two honest clocks ---


def test_ruling_6_the_units_clock_runs_from_the_dispatch_accepted_or_not() -> None:
    life = TicketLife()
    received(life)
    dispatched(life, "03-04 10:00")
    assert life.last("resolve")["started_at"] == local("03-02 09:00").isoformat()
    assert life.last("department:D1")["started_at"] == local("03-04 10:00").isoformat()
    life.until("03-20 09:00")
    assert "breached" in life.said("department:D1")
    assert "breached" in life.said("accept:D1")


def test_ruling_6_a_new_dispatch_has_time_of_its_own_and_the_citizens_clock_does_not_reset() -> (
    None
):
    """Complaint 8: re-assigning leaves a group no time."""
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    life.event("return.requested", "03-05 10:00", dispatch_id="D1")
    life.event("return.approved", "03-06 10:00", dispatch_id="D1")
    dispatched(life, "03-06 11:00", "D2", OTHER)
    assert life.last("department:D1")["reason"] == "returned"
    assert life.last("department:D2")["deadline"] == local("03-13 17:30").isoformat()
    assert life.clock("resolve").deadline == local("03-09 17:30")


def test_ruling_6_a_reopening_goes_on_with_start_and_deadline() -> None:
    """Complaint 10: a reopening must not give new time."""
    life = TicketLife()
    received(life)
    life.event("ticket.closed", "03-05 10:00")
    life.event("ticket.reopened", "03-06 10:00", cause="not_resolved")
    assert life.said("resolve") == ["started", "met", "resumed"]
    assert life.last("resolve")["deadline"] == local("03-09 17:30").isoformat()
    assert life.last("resolve")["started_at"] == local("03-02 09:00").isoformat()
    life.until("03-10 09:00")
    assert life.said("resolve")[-1] == "breached"


def test_ruling_6_reopened_after_its_deadline_it_is_breached_at_once() -> None:
    life = TicketLife()
    received(life)
    life.event("ticket.closed", "03-05 10:00")
    life.event("ticket.reopened", "03-12 10:00")
    assert life.said("resolve") == ["started", "met", "resumed", "breached"]
    assert life.last("resolve")["cause"] == "ticket_reopened"


def test_a_reopening_may_bring_a_deadline_of_its_own() -> None:
    life = TicketLife()
    received(life)
    life.event("ticket.closed", "03-05 10:00")
    life.event("ticket.reopened", "03-12 10:00", due_at=local("03-20 12:00"))
    assert life.said("resolve") == ["started", "met", "resumed"]
    assert life.last("resolve")["basis"] == "reopened"


# --- ruling 12: an extension moves, a hold pauses ---


def test_ruling_12_a_hold_pauses_and_gives_back_exactly_what_it_took() -> None:
    """Complaint 2: Friday noon to Monday noon are 7 working hours, not three days."""
    life = TicketLife()
    received(life)
    life.event("hold.started", "03-06 12:00", reason_code="court")
    paused = life.last("resolve")
    assert "deadline" not in paused
    life.event("hold.ended", "03-09 12:00")
    resumed = life.last("resolve")
    assert resumed["deadline"] == local("03-10 17:30").isoformat()
    assert resumed["paused_minutes"] == 7 * 60
    assert resumed["previous_deadline"] == local("03-09 17:30").isoformat()


def test_complaint_1_a_pause_outlives_another_urgency_and_owner() -> None:
    life = TicketLife()
    received(life)
    life.event("hold.started", "03-03 09:00", reason_code="court")
    life.event(
        "ticket.amended",
        "03-03 10:00",
        leaf="housing.demolition",
        changes={"leaf": "housing.demolition"},
    )
    dispatched(life, "03-03 11:00")
    assert life.clock("resolve").status == "paused"
    life.event("hold.ended", "03-04 09:00")
    resumed = life.last("resolve")
    assert resumed["terms"]["rule"] == "resolve.complex"
    assert resumed["paused_minutes"] == 7 * 60


def test_complaint_2_paused_and_closed_in_one_step() -> None:
    life = TicketLife()
    received(life)
    life.event("hold.started", "03-03 09:00", reason_code="court")
    life.event("ticket.closed", "06-03 09:00")
    assert life.said("resolve") == ["started", "paused", "met"]
    assert not life.last("resolve").get("late", False)


def test_ruling_12_which_clocks_a_reason_pauses_is_the_policys() -> None:
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    life.event("hold.started", "03-02 11:00", reason_code="awaiting-problem")
    state = life.state
    assert state is not None
    assert {each.id for each in state.clocks if each.status == "paused"} == {"department:D1"}


def test_ruling_12_a_hold_of_one_dispatch_leaves_the_citizens_clock_alone() -> None:
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    life.event("hold.started", "03-02 11:00", dispatch_id="D1")
    assert life.clock("department:D1").status == "paused"
    assert life.clock("resolve").status == "running"


def test_an_end_of_a_hold_that_nobody_began_says_nothing() -> None:
    life = TicketLife()
    received(life)
    said = len(life.facts)
    life.event("hold.ended", "03-03 09:00")
    assert len(life.facts) == said


def test_complaint_9_what_moves_a_deadline_during_a_hold_is_said_then() -> None:
    life = TicketLife()
    received(life)
    life.event("hold.started", "03-03 10:00", reason_code="awaiting-citizen")
    leaf = "housing.demolition"
    life.event("ticket.amended", "03-04 09:00", leaf=leaf, changes={"leaf": leaf})
    life.event("hold.ended", "03-05 10:00")
    assert life.said("resolve") == ["started", "paused", "paused", "resumed"]
    again = life.of("resolve")[-2]["data"]
    assert (again["cause"], again["terms"]["rule"]) == ("ticket_amended", "resolve.complex")
    assert "the ticket was amended" in again["reason_en"]


def test_ruling_12_an_extension_asked_in_time_moves_the_deadline_and_undoes_a_breach() -> None:
    life = TicketLife()
    received(life)
    life.event("extension.requested", "03-09 10:00")
    life.until("03-10 09:00")
    assert life.said("resolve")[-1] == "breached"
    life.event("extension.granted", "03-10 10:00", new_due_at=local("03-16 17:30"))
    assert life.said("resolve")[-2:] == ["withdrawn", "recomputed"]
    assert life.last("resolve")["basis"] == "extended"
    assert life.last("resolve")["previous_deadline"] == local("03-09 17:30").isoformat()


def test_ruling_12_an_extension_asked_too_late_moves_the_deadline_and_leaves_the_breach() -> None:
    life = TicketLife()
    received(life)
    life.event("extension.requested", "03-10 10:00")
    life.event("extension.granted", "03-10 11:00", new_due_at=local("03-16 17:30"))
    life.until("03-20 09:00")
    assert life.said("resolve").count("breached") == 1
    assert "withdrawn" not in life.said("resolve")
    assert life.clock("resolve").deadline == local("03-16 17:30")


def test_the_leads_extension_moves_the_citizens_deadline_a_supporting_ones_does_not() -> None:
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    dispatched(life, "03-02 10:30", "D2", OTHER, role="supporting")
    life.event(
        "extension.granted", "03-03 10:00", dispatch_id="D2", new_due_at=local("03-30 17:30")
    )
    assert life.clock("department:D2").deadline == local("03-30 17:30")
    assert life.clock("resolve").deadline == local("03-09 17:30")
    life.event(
        "extension.granted", "03-03 11:00", dispatch_id="D1", new_due_at=local("03-18 17:30")
    )
    assert life.clock("department:D1").deadline == local("03-18 17:30")
    assert life.clock("resolve").deadline == local("03-18 17:30")
    # Nobody can answer the citizen before the unit has answered.
    assert life.clock("reply").deadline == local("03-18 17:30")


# --- promised ---


def test_a_promised_deadline_wins_over_the_policy() -> None:
    life = TicketLife()
    received(life, due_at=local("03-04 12:00"))
    dispatched(
        life,
        "03-02 10:00",
        accept_due_at=local("03-02 12:00"),
        contact_due_at=local("03-02 17:00"),
        reply_due_at=local("03-03 17:30"),
    )
    wanted = {
        "resolve": "03-04 12:00",
        "accept:D1": "03-02 12:00",
        "first_contact:D1": "03-02 17:00",
        "department:D1": "03-03 17:30",
    }
    for clock, due in wanted.items():
        assert life.last(clock)["deadline"] == local(due).isoformat()
        assert life.last(clock)["basis"] == "promised"


# --- ruling 13, R29: returns and bounces ---


def test_ruling_13_a_return_that_is_refused_never_stopped_the_clock() -> None:
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    life.event("return.requested", "03-02 11:00", dispatch_id="D1")
    life.event("return.refused", "03-05 11:00", dispatch_id="D1")
    assert life.said("accept:D1")[-1] == "breached"
    assert life.clock("department:D1").deadline == local("03-09 17:30")


def test_R29_after_three_dispatches_the_arbiter_is_asked_once() -> None:
    life = TicketLife()
    received(life)
    for day, (id_, unit) in enumerate((("D1", UNIT), ("D2", OTHER), ("D3", "city-ecology")), 2):
        dispatched(life, f"03-0{day} 10:00", id_, unit)
        if id_ != "D3":
            life.event("return.approved", f"03-0{day} 15:00", dispatch_id=id_)
    asked = [each for each in life.facts if kind(each) == "arbitration_required"]
    assert len(asked) == 1
    assert asked[0]["data"]["dispatches"] == 3
    assert asked[0]["data"]["returns"] == 2
    assert asked[0]["data"]["units"] == [UNIT, OTHER, "city-ecology"]
    life.event("ticket.designated", "03-05 10:00", department=OTHER, due_at=local("03-11 12:00"))
    assert life.last("department:D3")["reason"] == "designated"
    dispatched(life, "03-05 11:00", "D4", OTHER)
    assert life.last("department:D4")["deadline"] == local("03-11 12:00").isoformat()
    assert life.last("department:D4")["basis"] == "designated"
    # The arbiter gives the unit time, not the citizen more of it to wait (ruling 6).
    assert life.said("resolve") == ["started"]
    assert len([each for each in life.facts if kind(each) == "arbitration_required"]) == 1


def test_R26_a_contact_owed_again_says_that_the_unit_below_gave_the_dispatch_back() -> None:
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    dispatched(life, "03-02 11:00", "D2", STREET, parent_dispatch_id="D1")
    life.event("return.approved", "03-02 15:00", dispatch_id="D2")
    assert life.said("first_contact:D1") == ["started", "cancelled", "resumed"]
    assert life.last("first_contact:D1")["reason"] == "return_approved"
    assert "gave it back" in life.last("first_contact:D1")["reason_en"]


def test_R29_passing_on_and_supporting_are_no_bounces() -> None:
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    dispatched(life, "03-02 11:00", "D2", STREET, parent_dispatch_id="D1")
    dispatched(life, "03-02 12:00", "D3", OTHER, role="supporting")
    assert not [each for each in life.facts if kind(each) == "arbitration_required"]


def test_R29_a_return_asked_for_too_late_is_counted() -> None:
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    life.event("return.requested", "03-05 11:00", dispatch_id="D1")
    assert life.driver.notes["sla_late_returns", (UNIT,)] == 1


# --- dispatch trees (R65) and joint tickets (R30) ---


def test_R65_passed_on_the_parent_waits_for_all_below_and_the_child_makes_contact() -> None:
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    dispatched(life, "03-02 11:00", "D2", STREET, parent_dispatch_id="D1")
    assert life.last("accept:D1")["reason"] == "passed_on"
    assert life.said("first_contact:D1")[-1] == "cancelled"
    assert life.said("first_contact:D2") == ["started"]
    life.event("reply.submitted", "03-05 10:00", dispatch_id="D2")
    assert life.last("department:D1")["reason"] == "passed_on_in"
    life.event("reply.rejected", "03-06 10:00", dispatch_id="D2")
    assert [life.said(f"department:{each}")[-1] for each in ("D1", "D2")] == ["resumed", "resumed"]


def test_R30_each_unit_has_a_clock_and_a_close_ends_what_is_open() -> None:
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    dispatched(life, "03-02 10:30", "D2", OTHER, role="supporting")
    life.event("ticket.closed", "03-05 10:00")
    assert kind(life.of("department:D1")[-1]) == "met"
    assert kind(life.of("department:D2")[-1]) == "cancelled"
    assert life.last("department:D2")["reason"] == "closed_before_in"
    assert not life.of("first_contact:D2")


def test_R47_a_rejection_makes_the_units_clock_run_on_with_its_new_deadline() -> None:
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    life.event("reply.submitted", "03-04 10:00", dispatch_id="D1", reply_id="R1")
    life.event("reply.rejected", "03-05 10:00", reply_id="R1", due_at=local("03-11 12:00"))
    assert life.last("department:D1")["basis"] == "rejected"
    assert life.last("department:D1")["deadline"] == local("03-11 12:00").isoformat()


def test_a_ticket_taken_back_or_not_accepted_owes_nothing() -> None:
    for ending in ("ticket.withdrawn", "ticket.not_accepted"):
        life = TicketLife()
        received(life)
        dispatched(life, "03-02 10:00")
        life.event(ending, "03-03 10:00")
        state = life.state
        assert state is not None
        assert {each.status for each in state.clocks} == {"cancelled"}


# --- ruling 17 ---


def test_ruling_17_a_question_to_a_department_has_its_own_clock() -> None:
    life = TicketLife()
    received(life)
    life.event("verification.requested", "03-02 10:00", verification_id="V1", department=UNIT)
    life.until("03-04 09:00")
    assert life.said("verification:V1")[-1] == "breached"
    assert life.last("verification:V1")["department"] == UNIT


# --- R9 ---


def test_R9_after_a_miss_the_next_news_are_owed_from_there() -> None:
    life = TicketLife()
    received(life)
    life.until("03-10 09:00")
    assert life.said("interim:1") == ["started", "breached"]
    assert life.said("interim:2") == ["started"]
    assert life.last("interim:2")["started_at"] == local("03-09 17:30").isoformat()


# --- complaint 8: another policy ---


def changed(tmp_path: Path, old: str, new: str, file: str) -> Bundle:
    """The bundle with a version more, from 5 March, in which one text is another."""
    folder = tmp_path / "bundle"
    shutil.copytree(SHIPPED / "cn-12345", folder)
    rules = folder / file
    text = rules.read_text(encoding="utf-8")
    assert old in text
    later = rules.with_name("later.yaml")
    later.write_text(
        text.replace(old, new, 1) if file == CALENDAR else text.replace(old, new), encoding="utf-8"
    )
    main = folder / "bundle.yaml"
    whole = main.read_text(encoding="utf-8")
    first = whole[whole.index("  - name: 2026-01") : whole.index("  - name: 2026-07")]
    made = first.replace("2026-01\n", "2026-03\n", 1).replace("2026-01-01T", "2026-03-05T")
    made = made.replace(file, f"{rules.parent.name}/later.yaml")
    main.write_text(whole.replace(first, first + made), encoding="utf-8")
    return load(folder)


def test_complaint_8_a_day_off_declared_late_moves_what_runs_and_withdraws_a_breach(
    tmp_path: Path,
) -> None:
    day = '{date: 2026-03-04, kind: holiday, name: {zh: 停工, en: Storm}, source: "OURS: a test"}'
    bundle = changed(tmp_path, "    overrides:\n", f"    overrides:\n      - {day}\n", CALENDAR)
    life = TicketLife(bundle)
    received(life, "03-02 09:00")
    life.event("verification.requested", "03-03 10:00", verification_id="V1")
    life.until("03-04 18:00")
    assert life.said("verification:V1")[-1] == "breached"
    life.until("03-05 12:00")
    assert life.said("verification:V1")[-2:] == ["withdrawn", "recomputed"]
    assert life.last("verification:V1")["cause"] == "calendar"
    assert life.last("verification:V1")["deadline"] == local("03-05 17:30").isoformat()
    assert life.said("resolve") == ["started"]


def test_a_new_version_of_the_rules_keeps_what_was_promised(tmp_path: Path) -> None:
    old = "value: {amount: 7, unit: calendar_days, calendar: cn-workdays, roll: true}"
    new = "value: {amount: 3, unit: calendar_days, calendar: cn-workdays, roll: true}"
    life = TicketLife(changed(tmp_path, old, new, "rules/2026-01.yaml"))
    received(life)
    life.until("03-06 09:00")
    assert life.said("resolve") == ["started"]
    assert life.clock("resolve").deadline == local("03-09 17:30")
    received(life, "03-06 10:00", ticket="T-2")
    assert life.last("resolve", "T-2")["deadline"] == local("03-09 17:30").isoformat()


# --- complaint 9, late events ---


def test_a_close_recorded_within_a_day_withdraws_the_breach() -> None:
    life = TicketLife()
    received(life)
    life.event("ticket.closed", "03-09 17:00", recorded="03-10 09:00")
    assert life.said("resolve")[-3:] == ["breached", "withdrawn", "met"]
    assert not life.last("resolve").get("late", False)


def test_a_close_recorded_later_leaves_the_breach() -> None:
    life = TicketLife()
    received(life)
    life.event("ticket.closed", "03-09 17:00", recorded="03-11 09:00")
    assert life.said("resolve")[-2:] == ["breached", "met"]
    assert life.last("resolve")["recorded_late"]
    assert life.last("resolve")["breach"]


def test_an_amended_urgency_chooses_terms_anew_and_leaves_the_time_that_they_give() -> None:
    life = TicketLife()
    received(life)
    life.event("ticket.amended", "03-02 10:00", changes={"urgency": "very_urgent"})
    last = life.last("resolve")
    assert last["terms"]["rule"] == "resolve.danger"
    assert last["started_at"] == local("03-02 09:00").isoformat()
    assert last["deadline"] == local("03-02 12:00").isoformat()
    assert last["cause"] == "ticket_amended"


# --- forgetting ---


def test_a_ticket_is_forgotten_and_a_reopening_after_that_says_that_it_begins_anew() -> None:
    life = TicketLife()
    received(life)
    life.event("ticket.closed", "03-05 10:00")
    life.until("09-01 10:01")
    assert life.state is None
    life.event("ticket.reopened", "09-02 10:00", sequence=3)
    assert life.last("resolve")["reason"] == "reopened_anew"
    assert life.last("resolve")["started_at"] == local("09-02 10:00").isoformat()


# --- imports ---


def test_an_import_takes_over_what_runs_and_says_nothing_of_what_is_past() -> None:
    life = TicketLife()
    life.event(
        "ticket.imported",
        "03-05 10:00",
        channel="phone",
        received_at=local("03-02 09:00"),
        state="accepted",
        dispatches=[
            {
                "dispatch_id": "D1",
                "department": UNIT,
                "dispatched_at": local("03-02 10:00").isoformat(),
                "accepted_at": local("03-02 11:00").isoformat(),
                "contacted_at": local("03-02 12:00").isoformat(),
            }
        ],
        clocks=[{"clock": "resolve", "due_at": local("03-12 12:00").isoformat()}],
    )
    assert {each["data"]["clock"] for each in life.facts} == {
        "resolve",
        "reply",
        "department:D1",
        "interim:1",
    }
    assert life.last("resolve")["basis"] == "imported"
    assert life.last("resolve")["deadline"] == local("03-12 12:00").isoformat()
    assert life.last("department:D1")["started_at"] == local("03-02 10:00").isoformat()


def test_R26_of_an_import_without_a_contact_nobody_is_said_not_to_have_tried() -> None:
    life = TicketLife()
    life.event(
        "ticket.imported",
        "03-05 10:00",
        channel="phone",
        received_at=local("03-02 09:00"),
        dispatches=[
            {
                "dispatch_id": "D1",
                "department": UNIT,
                "dispatched_at": local("03-02 10:00").isoformat(),
            }
        ],
    )
    assert life.last("first_contact:D1")["reason"] == "unknown_before_cut_over"


def test_ruling_6_a_deadline_set_at_a_reopening_is_that_of_the_reply_too() -> None:
    life = TicketLife()
    received(life)
    life.event("ticket.closed", "03-05 10:00")
    life.event("ticket.reopened", "03-20 10:00", due_at=local("03-25 17:30"))
    for clock in ("resolve", "reply"):
        assert life.clock(clock).deadline == local("03-25 17:30")
        assert life.said(clock)[:3] == ["started", "met", "resumed"]
        assert "breached" not in life.said(clock)


# --- an amendment that puts the deadline into the past ---


def test_I7_terms_that_came_while_it_was_closed_were_not_missed_before() -> None:
    """The work done under the earlier terms is not judged by the later ones."""
    life = TicketLife()
    received(life)
    life.event("ticket.closed", "03-03 10:00")
    life.event("ticket.amended", "03-04 10:00", changes={"urgency": "very_urgent"})
    life.event("ticket.reopened", "03-05 10:00", due_at=local("03-10 12:00").isoformat())
    for clock in ("resolve", "reply"):
        assert "breached" not in life.said(clock)
        assert life.clock(clock).deadline == local("03-10 12:00")
    life.until("03-11 09:00")
    assert life.said("reply").count("breached") == 1


def test_I7_a_reopening_without_a_date_falls_under_the_terms_of_the_amendment() -> None:
    life = TicketLife()
    received(life)
    life.event("ticket.closed", "03-03 10:00")
    life.event("ticket.amended", "03-04 10:00", changes={"urgency": "very_urgent"})
    life.event("ticket.reopened", "03-05 10:00")
    assert life.said("reply")[-1] == "breached"
    assert life.last("reply")["deadline"] == local("03-04 12:00").isoformat()


# --- a call under a contact, which counts its own events ---


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_call_under_a_contact_is_no_repetition_of_an_event_of_the_ticket(
    order: tuple[int, ...],
) -> None:
    """Both are the third of their subject, and so is a call under another contact."""
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    accepted = happening("dispatch.accepted", "03-02 11:00", sequence=3, recorded="03-02 13:00")
    said = {"direction": "outbound", "ticket": "T-1", "purpose": "first_contact"}
    busy, reached = (
        happening("call.recorded", at, sequence=3, recorded="03-02 13:00", outcome=outcome) | change
        for at, outcome, change in (
            ("03-02 11:30", "busy", {"subject": "contact-8", "id": "call-8"}),
            ("03-02 12:00", "answered", {"subject": "contact-9", "id": "call-9"}),
        )
    )
    for each in (busy, reached):
        each["data"] |= said
    events = [accepted, busy, reached]
    for number in order:
        life.feed(events[number])
    assert life.said("accept:D1")[-1] == "met"
    assert life.said("first_contact:D1")[-1] == "met"
    assert life.state is not None
    assert len(life.state.history.marks) == 5
    facts = len(life.facts)
    for number in order:
        life.feed(events[number])
    assert len(life.facts) == facts
    assert life.state is not None
    assert len(life.state.history.marks) == 5


# --- what the words of a fact may say ---


def test_R25_an_extension_asked_too_late_leaves_the_breach_in_the_words_of_the_end() -> None:
    life = TicketLife()
    received(life)
    life.until("03-10 09:00")
    life.event("extension.granted", "03-10 10:00", new_due_at=local("03-20 17:30"))
    life.event("ticket.closed", "03-11 10:00")
    met = life.last("resolve")
    assert (met["late"], "breach" in met) == (False, True)
    assert "in time, but the breach of Mon 2026-03-09 17:30 stands" in met["reason_en"]
    assert "2026-03-09 周一 17:30 的超时记录保留" in met["reason_zh"]


def test_R25_where_somebody_set_the_deadline_no_fact_names_the_rules_amount() -> None:
    life = TicketLife()
    received(life, due_at=local("03-05 19:37"))
    life.until("03-06 09:00")
    life.event("ticket.closed", "03-06 10:00")
    said = [each["data"] for each in life.of("resolve")]
    assert life.said("resolve") == ["started", "warning", "warning", "breached", "met"]
    for data in said:
        assert "resolve as promised by the platform (calendar cn-workdays)" in data["reason_en"]
        assert "calendar days" not in data["reason_en"]
        assert "个自然日" not in data["reason_zh"]


def test_R25_an_amendment_that_changes_the_level_alone_states_nothing() -> None:
    """«Still due 03-09 17:30» is no news; the new terms are kept all the same."""
    life = TicketLife()
    received(life)
    dispatched(life, "03-02 10:00")
    ids = ("accept:D1", "interim:1")
    before = [life.clock(each) for each in ids]
    changes = {"leaf": "housing.demolition"}
    life.event("ticket.amended", "03-02 11:00", leaf="housing.demolition", changes=changes)
    after = [life.clock(each) for each in ids]
    assert [each.terms.level for each in before] == [3, 3]
    assert [each.terms.level for each in after] == [4, 4]
    assert [each.deadline for each in after] == [each.deadline for each in before]
    assert [life.said(each) for each in ids] == [["started"], ["started"]]
    assert life.said("resolve")[-1] == "recomputed"
