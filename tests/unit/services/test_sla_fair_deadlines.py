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
