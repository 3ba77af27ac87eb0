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
