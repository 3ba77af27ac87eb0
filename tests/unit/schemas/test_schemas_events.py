"""Events as publishers send them: what is read, what is refused (contract.md)."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.envelope import Envelope
from schemas.events import (
    EVENT_TYPES,
    CallbackAnswered,
    Event,
    TicketAmended,
    TicketReceived,
    parse_event,
    parse_event_dict,
)

CONTRACT = [
    "contact.received",
    "contact.answered",
    "call.recorded",
    "ticket.received",
    "ticket.imported",
    "ticket.amended",
    "ticket.not_accepted",
    "ticket.withdrawn",
    "ticket.merged",
    "ticket.split",
    "ticket.dispatched",
    "dispatch.accepted",
    "return.requested",
    "return.approved",
    "return.refused",
    "ticket.designated",
    "extension.requested",
    "extension.granted",
    "extension.refused",
    "hold.started",
    "hold.ended",
    "ticket.progressed",
    "verification.requested",
    "verification.answered",
    "solution.proposed",
    "solution.agreed",
    "reply.submitted",
    "reply.approved",
    "reply.rejected",
    "close.requested",
    "ticket.closed",
    "ticket.reopened",
    "citizen.chased",
    "evidence.added",
    "callback.answered",
    "escalation.requested",
    "remedy.opened",
    "remedy.done",
    "escalation.acknowledged",
    "supervision.ordered",
    "supervision.answered",
    "verdict.marked",
    "finding.recorded",
    "enforcement.handed_over",
    "identity.linked",
    "command.reopen",
    "command.refuse_close",
    "command.applied",
    "command.refused",
    "notice.delivered",
    "notice.failed",
]

REQUIRED: dict[str, dict[str, Any]] = {
    "ticket.amended": {"changes": {}},
    "ticket.merged": {"parent": "T1", "children": ["T2"]},
    "ticket.split": {"parent": "T1", "children": ["T2"]},
    "ticket.designated": {"department": "D"},
    "extension.granted": {"new_due_at": "2026-03-17T18:00:00+08:00"},
    "callback.answered": {"contacted": False},
    "verdict.marked": {"mark": "confirm"},
    "finding.recorded": {"false_closure": True},
    "enforcement.handed_over": {"body": "城管执法大队"},
    "identity.linked": {"first": {"citizen": "c:1"}, "second": {"citizen": "c:2"}},
    "command.reopen": {"reason": "not_resolved", "cause": "not_resolved"},
    "command.refuse_close": {"reason": "lacking", "lacking": [{"what": "reply"}]},
    "command.applied": {"command_id": "1"},
    "command.refused": {"command_id": "1"},
    "notice.delivered": {"notice_id": "1"},
    "notice.failed": {"notice_id": "1"},
}
"""Data without which no rule could do anything; every other event needs none."""


def document(name: str, data: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e1",
        "source": "jiangcheng-12345",
        "type": f"hotline.{name}.v1",
        "time": "2026-03-05T22:46:31+08:00",
        "subject": "T1",
        "data": REQUIRED.get(name, {}) if data is None else data,
        **attributes,
    }


def parse(*arguments: Any, **attributes: Any) -> Event:
    return parse_event(json.dumps(document(*arguments, **attributes)))


def test_the_events_are_those_of_the_contract() -> None:
    assert sorted(EVENT_TYPES) == sorted(f"hotline.{name}.v1" for name in CONTRACT)


@pytest.mark.parametrize("name", CONTRACT)
def test_optional_means_optional(name: str) -> None:
    event = parse(name)
    assert type(event) is EVENT_TYPES[event.type]
    for field in REQUIRED.get(name, {}):
        rest = {key: value for key, value in REQUIRED[name].items() if key != field}
        with pytest.raises(ValidationError, match=rf"data\.{field}"):
            parse(name, rest)


@pytest.mark.parametrize("name", CONTRACT)
def test_an_event_is_documented_and_cites_nothing_empty(name: str) -> None:
    model = EVENT_TYPES[f"hotline.{name}.v1"]
    assert model.__doc__
    assert any("一" <= character <= "鿿" for character in model.__doc__)
    data = model.model_fields["data"].annotation
    assert data is not None
    undocumented = [field for field, info in data.model_fields.items() if not info.description]
    assert undocumented == []


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("specversion", "0.3"),
        ("id", ""),
        ("source", ""),
        ("subject", ""),
        ("time", "2026-03-05T22:46:31"),
        ("time", "gestern"),
        ("time", "2200-01-01T00:00:00Z"),
        ("datacontenttype", "application/xml"),
        ("data", None),
    ],
)
def test_R1_a_bad_envelope_is_refused_by_name(attribute: str, value: object) -> None:
    with pytest.raises(ValidationError, match=attribute):
        parse_event(json.dumps({**document("ticket.received"), attribute: value}))


@pytest.mark.parametrize("missing", ["id", "source", "type", "time", "subject", "data"])
def test_R1_an_incomplete_envelope_is_refused(missing: str) -> None:
    incomplete = document("ticket.received")
    del incomplete[missing]
    with pytest.raises(ValidationError, match=missing):
        parse_event_dict(incomplete)


@pytest.mark.parametrize(
    ("name", "data", "field"),
    [
        ("ticket.received", {"place": {"lat": 90.01}}, "place.lat"),
        ("ticket.received", {"place": {"lon": -180.01}}, "place.lon"),
        ("ticket.received", {"channel": "pigeon"}, "channel"),
        ("ticket.received", {"request_type": "投诉"}, "request_type"),
        ("ticket.received", {"leaf": ""}, "leaf"),
        ("ticket.received", {"due_at": "2026-03-12"}, "due_at"),
        ("ticket.received", {"due_at": "9999-12-31T23:59:59-05:00"}, "due_at"),
        ("ticket.received", {"due_at": "1899-12-31T00:00:00Z"}, "due_at"),
        ("call.recorded", {"attempt": 0}, "attempt"),
        ("ticket.received", {"text": "长" * 20_001}, "text"),
        (
            "ticket.received",
            {"complainant": {"identities": [{"scheme": "phone"}]}},
            "identities.0.value",
        ),
        ("callback.answered", {"contacted": True, "satisfied": 6}, "satisfied"),
        ("callback.answered", {"contacted": True, "satisfied": 0}, "satisfied"),
        ("ticket.merged", {"parent": "T1", "children": []}, "children"),
        ("identity.linked", {"first": {}, "second": {"citizen": "c:2"}}, "first"),
        ("verdict.marked", {"mark": "maybe"}, "mark"),
    ],
)
def test_R1_a_value_outside_its_limits_is_refused_by_name(
    name: str, data: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError, match=field.replace(".", r"\.")):
        parse(name, data)


def test_R1_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"hotline\.ticket\.exploded\.v1"):
        parse("ticket.exploded")


def test_a_newer_publisher_may_send_more() -> None:
    event = parse("ticket.received", {"text": "路灯不亮", "mood": 3}, comingsoon="x")
    assert isinstance(event, TicketReceived)
    assert event.data.text == "路灯不亮"


def test_R34_resolved_and_satisfied_are_separate_answers() -> None:
    event = parse("callback.answered", {"contacted": True, "resolved": True, "satisfied": 1})
    assert isinstance(event, CallbackAnswered)
    assert (event.data.resolved, event.data.satisfied) == (True, 1)


def test_R36_not_reached_says_nothing_of_satisfaction() -> None:
    event = parse("callback.answered", {"contacted": False, "outcome": "powered_off"})
    assert isinstance(event, CallbackAnswered)
    assert (event.data.resolved, event.data.satisfied) == (None, None)


def test_an_amendment_tells_a_field_emptied_from_a_field_untouched() -> None:
    event = parse("ticket.amended", {"changes": {"leaf": "ENV-NOISE", "due_at": None}})
    assert isinstance(event, TicketAmended)
    assert event.data.changed == {"leaf", "due_at"}


def test_events_cannot_be_changed() -> None:
    event = parse("ticket.received")
    with pytest.raises(ValidationError, match="frozen"):
        event.subject = "T2"  # type: ignore[misc]


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(
    name=st.sampled_from(CONTRACT),
    time=st.datetimes(
        min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2199, 12, 30),  # noqa: DTZ001
        timezones=OFFSETS,
    ),
    subject=st.text(min_size=1, max_size=256),
)
def test_what_is_written_is_what_is_read(name: str, time: datetime, subject: str) -> None:
    event = parse_event_dict(document(name, time=time.isoformat(), subject=subject))
    assert (event.time, event.subject) == (time, subject)
    assert parse_event(event.model_dump_json()) == event
    assert parse_event(event.model_dump_json(exclude_none=True)) == event


def test_both_parsers_read_the_same() -> None:
    for name in CONTRACT:
        given_document = document(name)
        assert parse_event_dict(given_document) == parse_event(json.dumps(given_document))


def test_the_union_is_discriminated() -> None:
    schema = TypeAdapter[Envelope](Event).json_schema()
    assert schema["discriminator"]["propertyName"] == "type"
    assert len(schema["oneOf"]) == len(EVENT_TYPES)
