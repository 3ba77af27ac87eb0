"""What fits the life of a ticket, and what is flagged (contract.md; nothing is dropped)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import EVENT_TYPES
from schemas.events.tickets import TicketState
from services.intake.life_cycle import (
    ENDED,
    IMPORTED_AS,
    MAYBE_OPEN,
    NOTHING_OPEN,
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


def _lived(history: str) -> tuple[list[Phase | None], dict[int, str]]:
    """Phases after each event, and anomalies by the number of the event."""
    phase: Phase | None = None
    known, asked = False, NOTHING_OPEN
    told: dict[int, str] = {}
    seen: list[Phase | None] = []
    for index, kind in enumerate(history.split()):
        after = step(kind, phase=phase, known=known, asked=asked)
        phase, known, asked = after.phase, after.known, after.asked
        seen.append(phase)
        if after.anomaly is not None:
            told[index] = after.anomaly
    return seen, told


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
    assert _lived(history) == (phases, anomalies)


OPENED = "ticket.received ticket.dispatched "


@pytest.mark.parametrize(
    ("history", "anomalies"),
    [
        ("return.requested return.approved", {}),
        ("return.requested return.refused return.requested return.approved", {}),
        ("return.approved", {0: "return_approved_unasked"}),
        ("return.requested return.refused return.approved", {2: "return_approved_unasked"}),
        ("return.requested return.requested return.refused return.approved", {}),
        ("hold.started hold.ended", {}),
        ("hold.ended", {0: "hold_ended_unasked"}),
        ("hold.started hold.ended hold.ended", {2: "hold_ended_unasked"}),
        ("extension.requested extension.granted", {}),
        # Often granted in one step.
        ("extension.granted", {}),
        ("extension.refused", {0: "extension_refused_unasked"}),
        (
            "extension.requested extension.granted extension.refused",
            {2: "extension_refused_unasked"},
        ),
        ("verification.requested verification.answered", {}),
        ("verification.answered", {0: "verification_answered_unasked"}),
        ("reply.submitted reply.approved", {}),
        # Looked at by two people.
        ("reply.submitted reply.approved reply.approved reply.rejected", {}),
        ("reply.approved", {0: "reply_approved_unasked"}),
        ("reply.rejected", {0: "reply_rejected_unasked"}),
        ("solution.agreed", {}),
        ("remedy.opened remedy.done", {}),
        ("remedy.done", {0: "remedy_done_unasked"}),
        ("supervision.ordered ticket.closed supervision.answered", {}),
        ("supervision.answered", {0: "supervision_answered_unasked"}),
        ("escalation.acknowledged", {}),
        # With the ticket ends what was asked of its department.
        (
            "hold.started ticket.closed hold.ended ticket.reopened hold.ended",
            {2: "hold_ended_when_closed", 4: "hold_ended_unasked"},
        ),
        (
            "reply.submitted ticket.closed ticket.reopened reply.approved",
            {3: "reply_approved_unasked"},
        ),
    ],
)
def test_an_answer_that_nobody_asked_for_is_flagged(
    history: str, anomalies: dict[int, str]
) -> None:
    _, told = _lived(OPENED + history)
    assert {index - 2: anomaly for index, anomaly in told.items()} == anomalies


@pytest.mark.parametrize("state", TicketState)
def test_an_imported_ticket_stands_where_the_platform_says(state: TicketState) -> None:
    after = step("ticket.imported", phase=None, known=False, imported_state=state)
    assert (after.phase, after.known, after.anomaly) == (IMPORTED_AS[state], True, None)


@pytest.mark.parametrize("answer", [kind for kind, rule in RULES.items() if rule.answers])
def test_what_was_asked_before_cut_over_may_be_answered_after_it(answer: str) -> None:
    """An import says how a ticket stands, not every question that is open."""
    after = step("ticket.imported", phase=None, known=False, imported_state="replied")
    for anomaly in (None, f"{RULES[answer].slug}_unasked"):
        after = step(answer, phase=Phase.REPLIED, known=True, asked=after.asked)
        if not RULES[answer].keeps and not RULES[answer].unasked:
            assert after.anomaly == anomaly
        else:
            assert after.anomaly is None


def test_every_answer_has_a_question() -> None:
    asked = {rule.asks for rule in RULES.values() if rule.asks}
    assert {rule.answers for rule in RULES.values() if rule.answers} == asked
    assert asked == MAYBE_OPEN.keys()


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
    phase, known, asked = None, False, NOTHING_OPEN
    for kind in history:
        after = step(kind, phase=phase, known=known, asked=asked)
        assert all(count > 0 for count in after.asked.values())
        assert after.known >= known
        assert after.phase is not None or not after.known
        if kind == "ticket.closed":
            assert after.phase in ENDED
        if kind == "ticket.reopened":
            assert after.phase in OPEN
        phase, known, asked = after.phase, after.known, after.asked
