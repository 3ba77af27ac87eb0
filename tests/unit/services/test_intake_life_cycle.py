"""What fits the life of a ticket, and what is flagged (contract.md; nothing is dropped)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import EVENT_TYPES
from schemas.events.tickets import TicketState
from services.intake.life_cycle import (
    ENDED,
    IMPORTED_AS,
    OPEN,
    RECEIPTS,
    RULES,
    WITHOUT_TICKET,
    Phase,
    kind_of,
    step,
)

R, D, P, A, C, W, N = (
    Phase.RECEIVED,
    Phase.DISPATCHED,
    Phase.REPLIED,
    Phase.REOPENED,
    Phase.CLOSED,
    Phase.WITHDRAWN,
    Phase.NOT_ACCEPTED,
)


@pytest.mark.parametrize(
    ("history", "phases", "anomalies"),
    [
        (
            "ticket.received ticket.dispatched dispatch.accepted reply.submitted ticket.closed"
            " callback.answered ticket.reopened reply.submitted ticket.closed",
            [R, D, D, P, C, C, A, P, C],
            {},
        ),
        ("ticket.received reply.submitted ticket.closed", [R, P, C], {}),  # no dispatches told
        ("ticket.received ticket.not_accepted", [R, N], {}),
        ("ticket.received ticket.withdrawn ticket.reopened", [R, W, A], {}),
        ("ticket.received ticket.received", [R, R], {1: "received_twice"}),
        (
            "ticket.received ticket.closed reply.submitted",
            [R, C, C],
            {2: "reply_when_closed"},
        ),
        ("ticket.received ticket.closed ticket.closed", [R, C, C], {2: "closed_when_closed"}),
        ("ticket.received ticket.reopened", [R, A], {1: "reopened_when_received"}),
        ("ticket.received ticket.withdrawn ticket.closed", [R, W, C], {2: "closed_when_withdrawn"}),
        ("ticket.received dispatch.accepted", [R, R], {1: "accepted_when_received"}),
        (
            "ticket.received ticket.dispatched reply.submitted reply.rejected callback.answered",
            [R, D, P, D, D],
            {4: "callback_when_dispatched"},
        ),
        ("ticket.received ticket.closed citizen.chased evidence.added", [R, C, C, C], {}),
        (
            "ticket.closed ticket.reopened",
            [C, A],
            {0: "unknown_ticket", 1: "unknown_ticket"},
        ),
        (
            "ticket.dispatched ticket.received ticket.closed",
            [D, D, C],
            {0: "unknown_ticket", 1: "received_late"},
        ),
        ("contact.received call.recorded", [None, None], {}),
        ("contact.received ticket.received call.recorded", [None, R, R], {}),
    ],
)
def test_what_does_not_fit_is_flagged(
    history: str, phases: list[Phase | None], anomalies: dict[int, str]
) -> None:
    phase, known = None, False
    told: dict[int, str] = {}
    seen = []
    for index, kind in enumerate(history.split()):
        after = step(kind, phase=phase, known=known)
        phase, known = after.phase, after.known
        seen.append(phase)
        if after.anomaly is not None:
            told[index] = after.anomaly
    assert (seen, told) == (phases, anomalies)


@pytest.mark.parametrize("state", TicketState)
def test_an_imported_ticket_stands_where_the_platform_says(state: TicketState) -> None:
    after = step("ticket.imported", phase=None, known=False, imported_state=state)
    assert (after.phase, after.known, after.anomaly) == (IMPORTED_AS[state], True, None)


def test_an_import_without_a_state_is_a_receipt() -> None:
    assert step("ticket.imported", phase=None, known=False).phase == Phase.RECEIVED


def test_every_event_of_the_contract_has_a_rule() -> None:
    kinds = {kind_of(event_type) for event_type in EVENT_TYPES}
    assert kinds == RULES.keys() | RECEIPTS | WITHOUT_TICKET


def test_the_kind_of_an_event_is_its_type_without_prefix_and_version() -> None:
    assert kind_of("hotline.reply.submitted.v1") == "reply.submitted"


def test_every_rule_that_can_flag_has_a_word_for_it() -> None:
    assert [
        kind for kind, rule in RULES.items() if rule.fits != frozenset(Phase) and not rule.slug
    ] == []


@given(st.lists(st.sampled_from(sorted(RULES.keys() | RECEIPTS | WITHOUT_TICKET))))
def test_a_known_ticket_stays_known_and_has_a_phase(history: list[str]) -> None:
    phase, known = None, False
    for kind in history:
        after = step(kind, phase=phase, known=known)
        assert after.known >= known
        assert after.phase is not None or not after.known
        if kind == "ticket.closed":
            assert after.phase in ENDED
        if kind == "ticket.reopened":
            assert after.phase in OPEN
        phase, known = after.phase, after.known
