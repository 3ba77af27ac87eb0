"""Why a document is no event, in words (R1)."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.events import parse_event
from schemas.refusal import SHOWN_PROBLEMS, describe

GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "s",
    "type": "hotline.ticket.received.v1",
    "time": "2026-03-05T22:46:31+08:00",
    "subject": "T1",
    "data": {},
}


def refusal(text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        parse_event(text)
    return describe(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "hotline.x.y.v1"}, "type is 'hotline.x.y.v1': no event has this type"),
        ({"time": "2026-03-05T08:00:00"}, "time is '2026-03-05T08:00:00': "),
        ({"data": {"place": {"lat": 99}}}, "data.place.lat is 99: "),
        ({"data": {"channel": "pigeon"}}, "data.channel is 'pigeon': "),
        ({"data": 7}, "data is 7: "),
    ],
)
def test_a_problem_names_field_and_value(change: dict[str, Any], words: str) -> None:
    assert refusal(json.dumps({**GOOD, **change})).startswith(words)


def test_missing_fields_are_named() -> None:
    without_time = {key: value for key, value in GOOD.items() if key != "time"}
    assert refusal(json.dumps(without_time)) == "time is missing: give it"
    without_type = {key: value for key, value in GOOD.items() if key != "type"}
    assert refusal(json.dumps(without_type)) == "type is missing: every event needs it"


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"x"', "null"])
def test_what_is_not_an_object_is_said_in_one_line(text: str) -> None:
    assert len(refusal(text).splitlines()) == 1


def test_every_problem_has_a_line_up_to_a_limit() -> None:
    bad = [{"reference": ""}] * (SHOWN_PROBLEMS + 5)
    lines = refusal(json.dumps({**GOOD, "data": {"attachments": bad}})).splitlines()
    assert len(lines) == SHOWN_PROBLEMS + 1
    assert lines[-1] == "and 5 more"


def test_a_long_value_is_cut() -> None:
    words = refusal(json.dumps({**GOOD, "data": {"text": "长" * 30_000}}))
    assert len(words) < 200
