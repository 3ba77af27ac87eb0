"""Deadlines that would contradict each other, or that nobody ever had: the service makes none."""

from typing import Any

import pytest

from tests.kit.ticket_life import TicketLife, local

UNIT = "city-urban-management"
DUE = local("03-05 12:00")


def received(life: TicketLife, at: str = "03-02 10:00", **data: Any) -> None:
    life.event("ticket.received", at, channel="phone", request_type="complaint", **data)


# --- what the platform promises (承诺办结时限) binds the answer too ---


@pytest.mark.parametrize(
    ("given", "changes", "deadline", "basis"),
    [
        ({}, [], "03-09 17:30", "policy"),
        ({"due_at": DUE}, [], "03-05 12:00", "promised"),
        # Also where it gives more time than the policy.
        ({"due_at": local("03-20 12:00")}, [], "03-20 12:00", "promised"),
        ({}, [{"due_at": DUE.isoformat()}], "03-05 12:00", "promised"),
        (
            {"due_at": DUE},
            [{"due_at": local("03-12 12:00").isoformat()}],
            "03-12 12:00",
            "promised",
        ),
        # Taken back, the policy's counts again, of both.
        ({"due_at": DUE}, [{"due_at": None}], "03-09 17:30", "policy"),
    ],
)
def test_R2_a_promise_binds_the_answer_as_it_binds_the_end(
    given: dict[str, Any], changes: list[dict[str, Any]], deadline: str, basis: str
) -> None:
    life = TicketLife()
    received(life, **given)
    for day, change in enumerate(changes, start=3):
        life.event("ticket.amended", f"03-{day:02d} 09:00", changes=change)
    for clock in ("resolve", "reply"):
        assert life.clock(clock).deadline == local(deadline)
        assert life.last(clock)["basis"] == basis


def test_R2_a_promise_taken_over_at_cut_over_binds_both() -> None:
    life = TicketLife()
    life.event(
        "ticket.imported",
        "03-03 10:00",
        channel="phone",
        received_at=local("03-02 10:00"),
        due_at=DUE,
    )
    assert life.clock("resolve").deadline == life.clock("reply").deadline == DUE
    life.until("03-06 09:00")
    assert life.said("resolve")[-1] == life.said("reply")[-1] == "breached"


# --- a unit owes nothing while the ticket is closed; the citizen waits all the same ---


def dispatched(life: TicketLife, at: str = "03-02 10:00", **data: Any) -> None:
    life.event("ticket.dispatched", at, dispatch_id="D1", department=UNIT, **data)


def closed(life: TicketLife, at: str, until: str) -> None:
    life.event("ticket.closed", at)
    life.event("ticket.reopened", until)


@pytest.mark.parametrize(
    ("clock", "deadline", "close", "reopening", "again"),
    [
        # Due at the end of Tuesday; closed at 16:30 there was one hour left, all of it in office
        # hours: Thursday 09:00 and an hour.
        ("accept:D1", "03-03 17:30", "03-03 16:30", "03-05 09:00", "03-05 10:00"),
        ("first_contact:D1", "03-03 17:30", "03-03 16:30", "03-05 09:00", "03-05 10:00"),
        # Reopened before its deadline: what the close took is given back all the same.
        ("accept:D1", "03-03 17:30", "03-03 09:00", "03-03 11:00", "03-04 10:30"),
        # Closed and reopened by night: no working time went by.
        ("accept:D1", "03-03 17:30", "03-02 18:00", "03-03 08:00", "03-03 17:30"),
        # Seven days, until Monday the 9th; closed with an hour left, over ten days.
        ("department:D1", "03-09 17:30", "03-09 16:30", "03-19 09:00", "03-19 10:00"),
        # The deadline had gone before the close: nothing was left.
        ("accept:D1", "03-03 17:30", "03-04 09:00", "03-05 09:00", "03-03 17:30"),
    ],
)
def test_R30_closed_time_is_no_time_of_the_unit(
    clock: str, deadline: str, close: str, reopening: str, again: str
) -> None:
    life = TicketLife()
    received(life)
    dispatched(life)
    assert life.clock(clock).deadline == local(deadline)
    closed(life, close, reopening)
    assert life.clock(clock).deadline == local(again)
    resumed = next(each for each in life.of(clock) if each["type"].endswith("resumed.v1"))
    assert "what was left at the close" in resumed["data"]["reason_en"]
    assert ("breached" in life.said(clock)) == (close > deadline)
    life.until("04-20 09:00")
    assert life.said(clock).count("breached") == 1
    breach = next(each for each in life.of(clock) if each["type"].endswith("breached.v1"))
    assert breach["data"]["deadline"] == local(again).isoformat()


def test_R30_the_citizens_clocks_count_the_time_in_which_it_was_closed() -> None:
    life = TicketLife()
    received(life)
    dispatched(life)
    closed(life, "03-05 10:00", "03-12 10:00")
    for clock in ("resolve", "reply"):
        assert life.said(clock)[-1] == "breached"
        assert life.last(clock)["deadline"] == local("03-09 17:30").isoformat()
    assert "breached" not in life.said("department:D1")


def test_R30_withdrawn_by_mistake_is_closed_time_too() -> None:
    life = TicketLife()
    received(life)
    dispatched(life)
    life.event("ticket.withdrawn", "03-03 16:30")
    life.event("ticket.reopened", "03-05 09:00")
    assert life.clock("accept:D1").deadline == local("03-05 10:00")


def test_R47_a_reply_sent_back_after_a_reopening_has_what_was_left_at_the_close() -> None:
    life = TicketLife()
    received(life)
    dispatched(life)
    life.event("reply.submitted", "03-06 10:00", dispatch_id="D1")
    closed(life, "03-09 15:30", "03-16 09:00")
    assert life.clock("department:D1").status == "met"
    life.event("reply.rejected", "03-16 10:00", dispatch_id="D1")
    assert life.clock("department:D1").deadline == local("03-16 11:00")
    assert "breached" not in life.said("department:D1")


def test_R30_accepted_and_answered_stay_so_over_a_reopening() -> None:
    life = TicketLife()
    received(life)
    dispatched(life)
    life.event("dispatch.accepted", "03-02 11:00", dispatch_id="D1")
    life.event("reply.submitted", "03-03 10:00", dispatch_id="D1")
    closed(life, "03-04 10:00", "03-12 10:00")
    for clock, at in (("accept:D1", "03-02 11:00"), ("department:D1", "03-03 10:00")):
        assert life.clock(clock).status == "met"
        assert life.clock(clock).ended_at == local(at)


def test_R30_a_close_recorded_late_pauses_as_one_in_time() -> None:
    life = TicketLife()
    received(life)
    dispatched(life)
    life.until("03-04 08:00")
    assert life.said("accept:D1")[-1] == "breached"
    life.event("ticket.closed", "03-03 16:30", recorded="03-04 09:00")
    life.event("ticket.reopened", "03-05 09:00")
    assert life.clock("accept:D1").deadline == local("03-05 10:00")
    assert (
        life.said("accept:D1").count("breached") == life.said("accept:D1").count("withdrawn") == 1
    )


# --- amended: no deadline is missed that nobody ever had ---


def amended(life: TicketLife, at: str, **changes: Any) -> None:
    """Event and change, as intake writes them."""
    more = {name: value for name, value in changes.items() if name == "leaf"}
    life.event("ticket.amended", at, changes=changes, **more)


@pytest.mark.parametrize(
    ("urgency", "amendments", "deadline"),
    [
        # Seven days until the 9th; two hours of the 2nd are gone: two hours from the amendment.
        ("normal", [("03-05 09:00", "very_urgent")], "03-05 11:00"),
        # Counted from the start they still lie ahead fairly? No: half an hour is not two.
        ("normal", [("03-02 11:30", "very_urgent")], "03-02 13:30"),
        # At the start itself nothing was before.
        ("normal", [("03-02 10:00", "very_urgent")], "03-02 12:00"),
        # Never later than the deadline that was.
        ("normal", [("03-09 16:30", "very_urgent")], "03-09 17:30"),
        # What was missed stays missed; no second deadline behind it.
        ("normal", [("03-10 09:00", "very_urgent")], "03-09 17:30"),
        # Looser: from the start, as if it had always been so.
        ("very_urgent", [("03-02 11:00", "normal")], "03-09 17:30"),
        # Twice the same says nothing new; and there and back again.
        ("normal", [("03-05 09:00", "very_urgent"), ("03-05 10:00", "very_urgent")], "03-05 11:00"),
        ("normal", [("03-05 09:00", "very_urgent"), ("03-05 10:00", "normal")], "03-09 17:30"),
    ],
)
def test_I7_stricter_terms_leave_as_much_time_as_they_give(
    urgency: str, amendments: list[tuple[str, str]], deadline: str
) -> None:
    life = TicketLife()
    received(life, urgency=urgency)
    for at, changed in amendments:
        amended(life, at, urgency=changed)
    for clock in ("resolve", "reply"):
        assert life.clock(clock).deadline == local(deadline)
    life.until("03-20 09:00")
    for clock in ("resolve", "reply"):
        missed = [each for each in life.of(clock) if each["type"].endswith("breached.v1")]
        assert [each["data"]["deadline"] for each in missed] == [local(deadline).isoformat()]


def test_I7_stricter_terms_in_days_count_from_the_day_after_the_amendment() -> None:
    life = TicketLife()
    received(life, leaf="labour.wages")
    amended(life, "03-03 09:00", leaf="city.order.stall")
    # Fifteen days until the 17th; seven end on the 9th from the 2nd, on the 10th from the 3rd.
    assert life.clock("resolve").deadline == local("03-10 17:30")


def test_complaint_1_a_pause_outlives_stricter_terms() -> None:
    life = TicketLife()
    received(life)
    life.event("hold.started", "03-05 08:00", reason_code="court")
    amended(life, "03-05 09:00", urgency="very_urgent")
    assert life.clock("resolve").status == "paused"
    life.event("hold.ended", "03-06 10:00")
    assert life.clock("resolve").deadline == local("03-06 12:00")


def test_I7_an_amendment_while_it_stands_still_takes_no_time_of_before() -> None:
    life = TicketLife()
    received(life)
    life.event("hold.started", "03-03 10:00", reason_code="court")
    life.event("hold.ended", "03-04 10:00")
    amended(life, "03-05 09:00", urgency="very_urgent")
    assert life.clock("resolve").deadline == local("03-05 11:00")


def test_R2_the_moved_deadline_is_stated_with_the_one_before() -> None:
    """Whereupon the citizen is told (test_sla_notices)."""
    life = TicketLife()
    received(life)
    amended(life, "03-05 09:00", urgency="very_urgent")
    (said,) = [
        each["data"] for each in life.of("resolve") if each["type"].endswith("recomputed.v1")
    ]
    assert said["previous_deadline"] == local("03-09 17:30").isoformat()
    assert said["deadline"] == local("03-05 11:00").isoformat()
    assert said["cause"] == "ticket_amended"


@pytest.mark.parametrize("clock", ["accept:D1", "first_contact:D1", "department:D1"])
def test_I7_the_units_clocks_too_have_the_time_of_their_new_terms(clock: str) -> None:
    life = TicketLife()
    received(life, leaf="labour.wages")
    dispatched(life, "03-02 11:00")
    amended(life, "03-03 16:00", leaf="utilities.water.outage", urgency="very_urgent")
    deadline = life.clock(clock).deadline
    assert deadline is not None
    assert local("03-03 16:00") < deadline <= local("03-03 18:00")
    life.until("03-20 09:00")
    assert life.said(clock).count("breached") == 1


def test_I7_promised_deadlines_do_not_follow_the_terms() -> None:
    life = TicketLife()
    received(life, due_at=DUE)
    amended(life, "03-04 09:00", urgency="very_urgent")
    assert life.clock("resolve").deadline == DUE


def test_I7_of_a_ticket_taken_over_with_its_elapsed_time_too() -> None:
    life = TicketLife()
    life.event(
        "ticket.imported",
        "03-03 10:00",
        channel="phone",
        received_at=local("03-02 10:00"),
        clocks=[{"clock": "resolve", "elapsed_seconds": 6 * 3600}],
    )
    amended(life, "03-05 09:00", urgency="very_urgent")
    assert life.clock("resolve").deadline == local("03-05 11:00")
    assert "breached" not in life.said("resolve")
