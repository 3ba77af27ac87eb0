"""The demo's call: who rings, what the agent asks, what is published (R17, R53)."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from cli.demonstration.calling import Caller, caller, complaint, overturning, question
from cli.demonstration.ledger import Published
from schemas.events import TicketReceived, VerdictMarked, parse_event
from services.lookup.question import Question

NOW = datetime(2026, 3, 20, 9, 30, tzinfo=UTC)
PHONE = {"scheme": "phone", "value": "13000000001"}
RECEIPT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "12345.city.example",
    "type": "hotline.ticket.received.v1",
    "time": "2026-03-01T09:00:00+08:00",
    "subject": "T1",
    "data": {
        "leaf": "city.facilities.street_light",
        "text": "路灯不亮",
        "matter": {"object": "路灯"},
        "place": {"neighbourhood": "翠竹苑"},
        "department": "city-urban-management",
        "due_at": "2026-03-08T09:00:00+08:00",
        "contact_id": "C1",
        "complainant": {"identities": [{"scheme": "app", "value": "u1"}, PHONE]},
    },
}
WHO = Caller("T1", RECEIPT)


def fact(kind: str | None, reason: str) -> dict[str, Any]:
    return {
        "citizen": "c:1",
        "subject": "C9" if kind else "T9",
        "data": {"subject_kind": kind, "reason": reason, "rests_on": {"ticket": "T1"}},
    }


PUBLISHED = [
    Published(0, 0, b"not JSON, of hotline.ticket.received.v1"),
    Published(0, 1, orjson.dumps({**RECEIPT, "subject": "T0"})),
    Published(0, 2, orjson.dumps(RECEIPT)),
]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([fact("contact", "closed_no_new_evidence")], WHO),
        ([fact("contact", "closed_no_new_evidence"), fact(None, "in_progress")], None),
        ([fact(None, "closed_no_new_evidence")], None),
        ([fact("contact", "in_progress")], None),
        ([], None),
    ],
    ids=[
        "told the result",
        "and with a ticket since",
        "with a ticket",
        "told where it stands",
        "nobody",
    ],
)
def test_R17_who_was_told_the_result_rings_again(
    facts: list[dict[str, Any]], found: Caller | None
) -> None:
    assert caller(facts, PUBLISHED) == found


def test_R53_the_agent_asks_with_the_number_alone_and_what_is_said() -> None:
    asked = Question.model_validate(question(WHO))
    assert [each.value for each in asked.identities] == ["13000000001"]
    assert (asked.leaf, asked.has_text) == ("city.facilities.street_light", True)


def test_R17_the_ticket_brings_evidence_of_its_own_and_no_old_deadline() -> None:
    event = parse_event(orjson.dumps(complaint(WHO, NOW)))
    assert isinstance(event, TicketReceived)
    assert (event.subject, event.time) == ("T1-again", NOW)
    data = event.data
    assert (data.earlier_ticket, data.due_at, data.contact_id) == ("T1", None, None)
    assert [each.taken_at for each in data.attachments] == [None]


def test_R15_the_mark_is_on_that_ticket() -> None:
    event = parse_event(orjson.dumps(overturning(complaint(WHO, NOW), NOW)))
    assert isinstance(event, VerdictMarked)
    assert (event.subject, event.data.mark, event.data.earlier_ticket) == (
        "T1-again",
        "overturn",
        "T1",
    )
