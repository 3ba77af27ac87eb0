"""A ticket's events to its view: steps and who answers for them, dispatches, contacts (R5, R6)."""

import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.ticket import stages
from rules.ticket.brief import Brief, brief_of
from rules.ticket.fold import fold, step
from rules.ticket.view import KEPT, TicketView
from schemas.events import EVENT_TYPES, Event, parse_event_dict
from services.readmodel.rows import dispatch_rows, ticket_row
from tests.kit.story import instant

BEGIN = instant("2026-03-02 01:00")
GUIDE = Path(__file__).resolve().parents[3] / "docs/contracts/publishers-guide.md"
EXAMPLES: dict[str, dict[str, Any]] = {
    document["type"]: document["data"]
    for text in re.findall(r"^```json\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)
    for document in [orjson.loads(text)]
}

Told = tuple[str, dict[str, Any]]


def events(told: Iterable[Told], subject: str = "T1") -> list[Event]:
    """One an hour, as intake writes them."""
    return [
        parse_event_dict(
            {
                "id": f"e{number}",
                "source": "platform",
                "type": f"hotline.{kind}.v1",
                "time": BEGIN + timedelta(hours=number),
                "recordedtime": BEGIN + timedelta(hours=number),
                "subject": subject,
                "sequence": number + 1,
                "citizen": "c:1",
                "data": data,
            }
        )
        for number, (kind, data) in enumerate(told)
    ]


def view_of(*told: Told) -> TicketView:
    found = fold(events(told))
    assert found is not None
    return found


RECEIVED: Told = ("ticket.received", {"agent": "1001", "due_at": "2026-03-09T00:00:00Z"})
TO_A: Told = ("ticket.dispatched", {"dispatch_id": "D1", "department": "A", "by": "1002"})
TO_B_BELOW: Told = (
    "ticket.dispatched",
    {"dispatch_id": "D2", "parent_dispatch_id": "D1", "department": "B", "handler": "7"},
)
BESIDE: Told = (
    "ticket.dispatched",
    {"dispatch_id": "D3", "department": "C", "role": "supporting"},
)
ACCEPTED: Told = ("dispatch.accepted", {"dispatch_id": "D1", "handler": "5"})
ASKS_BACK: Told = ("return.requested", {"dispatch_id": "D1", "reason": "不属于我单位"})
RETURNED: Told = ("return.approved", {"dispatch_id": "D1", "by": "1003"})
KEPT_BY_A: Told = ("return.refused", {"dispatch_id": "D1", "by": "1003"})
REPLIED: Told = ("reply.submitted", {"dispatch_id": "D1", "handling": "已修"})
APPROVED: Told = ("reply.approved", {"by": "1004"})
REJECTED: Told = ("reply.rejected", {"by": "1004", "due_at": "2026-03-04T00:00:00Z"})
CLOSED: Told = ("ticket.closed", {"by": "1004"})

DESIGNATED_UNTIL: Told = (
    "ticket.designated",
    {"department": "A", "due_at": "2026-03-05T00:00:00Z"},
)

STEPS: list[tuple[str, tuple[Told, ...], str | None, str | None]] = [
    ("received", (RECEIVED,), "dispatch", "1001"),
    ("received by nobody", (("ticket.received", {}),), "dispatch", None),
    ("dispatched", (RECEIVED, TO_A), "accept", "A"),
    ("dispatched to nobody", (RECEIVED, ("ticket.dispatched", {})), "accept", None),
    ("accepted", (RECEIVED, TO_A, ACCEPTED), "handle", "A"),
    ("passed down", (RECEIVED, TO_A, ACCEPTED, TO_B_BELOW), "accept", "B"),
    ("a supporting unit leads nothing", (RECEIVED, TO_A, ACCEPTED, BESIDE), "handle", "A"),
    ("ruling 13: it asks to return it", (RECEIVED, TO_A, ACCEPTED, ASKS_BACK), "return", "A"),
    ("returned", (RECEIVED, TO_A, ASKS_BACK, RETURNED), "dispatch", "1003"),
    ("return refused", (RECEIVED, TO_A, ACCEPTED, ASKS_BACK, KEPT_BY_A), "handle", "A"),
    ("on hold", (RECEIVED, TO_A, ACCEPTED, ("hold.started", {})), "hold", "A"),
    (
        "hold over",
        (RECEIVED, TO_A, ACCEPTED, ("hold.started", {}), ("hold.ended", {})),
        "handle",
        "A",
    ),
    ("replied", (RECEIVED, TO_A, ACCEPTED, REPLIED), "review", "1002"),
    ("approved", (RECEIVED, TO_A, ACCEPTED, REPLIED, APPROVED), "close", "1004"),
    ("rejected", (RECEIVED, TO_A, ACCEPTED, REPLIED, REJECTED), "handle", "A"),
    ("close asked for", (RECEIVED, TO_A, REPLIED, ("close.requested", {})), "close", "1002"),
    ("closed", (RECEIVED, TO_A, REPLIED, APPROVED, CLOSED), None, None),
    ("withdrawn", (RECEIVED, TO_A, ("ticket.withdrawn", {})), None, None),
    ("not accepted", (RECEIVED, ("ticket.not_accepted", {"clause": "第5条"})), None, None),
    (
        "reopened: back to who had it",
        (RECEIVED, TO_A, ACCEPTED, REPLIED, CLOSED, ("ticket.reopened", {})),
        "handle",
        "A",
    ),
    (
        "reopened for another",
        (RECEIVED, TO_A, REPLIED, CLOSED, ("ticket.reopened", {"department": "Z"})),
        "accept",
        "Z",
    ),
    (
        "designated by the arbiter",
        (RECEIVED, TO_A, ASKS_BACK, ("ticket.designated", {"department": "Z"})),
        "accept",
        "Z",
    ),
    (
        "designated to who has it",
        (RECEIVED, TO_A, ACCEPTED, ASKS_BACK, ("ticket.designated", {"department": "A"})),
        "handle",
        "A",
    ),
    ("dispatched after its close", (RECEIVED, TO_A, REPLIED, CLOSED, TO_B_BELOW), None, None),
    ("known by a reply alone", (("reply.submitted", {"department": "A"}),), "review", None),
    (
        "known by an acceptance alone",
        (RECEIVED, ("dispatch.accepted", {"department": "A"})),
        "handle",
        "A",
    ),
    ("two that name each other as parent", (
        RECEIVED,
        ("ticket.dispatched", {"dispatch_id": "X", "parent_dispatch_id": "Y", "department": "A"}),
        ("ticket.dispatched", {"dispatch_id": "Y", "parent_dispatch_id": "X", "department": "B"}),
    ), "accept", "B"),
    ("a contact has no step", (("contact.received", {}),), None, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "name", "whose"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS]
)
def test_R5_every_open_step_has_one_owner_or_says_that_it_has_none(
    told: tuple[Told, ...], name: str | None, whose: str | None
) -> None:
    found = view_of(*told).step
    owner = found.owner if found is not None else None
    assert (found.name if found else None) == name
    assert ((owner.unit or owner.person) if owner else None) == whose
    assert name is None or name in stages.STEPS


DUE = [
    # what happened, the next deadline of the step (day of March)
    ((RECEIVED, TO_A), 9),
    ((RECEIVED, TO_A, ("extension.granted", {"new_due_at": "2026-03-20T00:00:00Z"})), 20),
    (
        (
            RECEIVED,
            TO_A,
            ("extension.granted", {"dispatch_id": "D1", "new_due_at": "2026-03-06T00:00:00Z"}),
        ),
        6,
    ),
    ((RECEIVED, TO_A, REPLIED, REJECTED), 4),
    ((("ticket.received", {}), TO_A), None),
    ((RECEIVED, TO_A, DESIGNATED_UNTIL), 5),
    ((RECEIVED, ("ticket.amended", {"changes": {"due_at": None}})), None),
    (
        (
            RECEIVED,
            (
                "ticket.dispatched",
                {
                    "dispatch_id": "D1",
                    "department": "A",
                    "accept_due_at": "2026-03-03T00:00:00Z",
                    "contact_due_at": "2026-03-04T00:00:00Z",
                },
            ),
            ACCEPTED,
        ),
        4,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("told", "day"), DUE)
def test_R18_the_next_deadline_is_the_earliest_that_is_not_met(
    told: tuple[Told, ...], day: int | None
) -> None:
    found = view_of(*told).step
    assert found is not None
    assert (found.due_at.day if found.due_at else None) == day


def test_R6_dispatches_say_what_became_of_them() -> None:
    view = view_of(RECEIVED, TO_A, BESIDE, ASKS_BACK, RETURNED, TO_B_BELOW)
    assert [(each.department, each.state) for each in view.dispatches] == [
        ("A", "returned"),
        ("C", "live"),
        ("B", "live"),
    ]
    assert (view.counts.dispatches, view.counts.returns) == (3, 1)
    assert [row[3] for row in dispatch_rows(view)] == ["C", "B"]
    closed = fold(events([RECEIVED, TO_A, BESIDE, ASKS_BACK, RETURNED, TO_B_BELOW, CLOSED]))
    assert closed is not None
    assert dispatch_rows(closed) == []


def test_R6_an_imported_ticket_stands_where_the_platform_left_it() -> None:
    imported = {
        "received_at": "2026-02-01T00:00:00Z",
        "state": "accepted",
        "reopened_count": 2,
        "dispatches": [
            {"dispatch_id": "D0", "department": "A", "returned_at": "2026-02-02T00:00:00Z"},
            {"dispatch_id": "D1", "department": "B", "accepted_at": "2026-02-03T00:00:00Z"},
        ],
    }
    view = view_of(("ticket.imported", imported))
    assert view.received_at is not None
    assert (view.received_at.month, view.phase, view.counts.reopens) == (2, "dispatched", 2)
    assert view.step is not None
    assert view.step.owner is not None
    assert (view.step.name, view.step.owner.unit) == ("handle", "B")


def test_R6_calls_callbacks_chases_and_evidence_are_counted_and_kept() -> None:
    call = {"purpose": "first_contact", "outcome": "answered", "dispatch_id": "D1"}
    told: list[Told] = [RECEIVED, TO_A, ("call.recorded", call), ("citizen.chased", {})]
    told += [("evidence.added", {}), ("callback.answered", {"contacted": False})]
    view = view_of(*told)
    assert view.dispatches[0].contacted_at is not None
    assert (len(view.calls), len(view.callbacks)) == (1, 1)
    assert (view.counts.chases, view.counts.evidence) == (1, 1)
    assert view.last_chase_at is not None
    assert view.handling.chases == 1, "the rules' own fold sees the same"


def test_R12_a_ticket_says_whether_its_citizen_is_sure() -> None:
    party = {"citizen": "c:1", "shared": True}
    view = view_of(("ticket.received", {"complainant": party}))
    assert (view.shared, brief_of(view).shared) == (True, True)
    amended = {"changes": {"complainant": {"citizen": "c:1"}}}
    sure = view_of(("ticket.received", {"complainant": party}), ("ticket.amended", amended))
    assert not sure.shared


def test_a_ticket_with_thousands_of_events_stays_small() -> None:
    many: list[Told] = [RECEIVED, *[("call.recorded", {"outcome": "no_answer"})] * (KEPT * 3)]
    view = view_of(*many)
    assert len(view.calls) == KEPT
    assert view.counts.events == KEPT * 3 + 1


def test_R6_the_citizen_stays_who_the_receipt_named() -> None:
    told = events([("ticket.progressed", {}), RECEIVED, CLOSED])
    before = told[0].model_copy(update={"citizen": "anon:T1"})
    view = fold([before, *told[1:]])
    assert view is not None
    assert view.citizen == "c:1"


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_R6_every_event_of_the_contract_is_folded(kind: str) -> None:
    name = kind.removeprefix("hotline.").removesuffix(".v1")
    view = view_of(RECEIVED, TO_A, (name, EXAMPLES[kind]))
    assert view.sequence == view.counts.events == 3
    assert TicketView.from_json(view.to_json()) == view
    assert Brief.from_json(brief_of(view).to_json()) == brief_of(view)
    assert len(ticket_row(view)) == 19
    alone = view_of((name, EXAMPLES[kind]))
    about_a_ticket = not kind.startswith(("hotline.contact.", "hotline.call.", "hotline.identity."))
    assert (alone.kind == "ticket") == about_a_ticket


ANY = st.sampled_from(
    [
        *(RECEIVED, TO_A, TO_B_BELOW, BESIDE, ACCEPTED, ASKS_BACK, RETURNED, KEPT_BY_A),
        *(REPLIED, APPROVED, REJECTED, CLOSED, ("ticket.reopened", {}), ("hold.started", {})),
        *(("hold.ended", {}), ("ticket.designated", {"department": "B"})),
        *(("ticket.withdrawn", {}), ("close.requested", {}), ("call.recorded", {})),
    ]
)


@settings(max_examples=300, deadline=None)
@given(told=st.lists(ANY, min_size=1, max_size=25))
def test_I5_any_life_at_all_has_one_step_or_none_and_adds_up(told: list[Told]) -> None:
    view: TicketView | None = None
    for event in events(told):
        view = step(view, event)
        # What is kept between two batches is all that the next event needs.
        view = TicketView.from_json(view.to_json())
    assert view == fold(events(told))
    assert view is not None
    is_open = view.phase in stages.OPEN and view.kind == "ticket"
    assert (view.step is not None) == is_open
    if not is_open:
        assert not any(each.live for each in view.dispatches)
    if view.step is not None and view.step.name in ("accept", "handle", "return", "hold"):
        assert stages.leading(view.dispatches) is not None
