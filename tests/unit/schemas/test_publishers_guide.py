"""The publisher's guide is part of the contract: every example in it is a real event."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from policy.bundle import load, shipped
from schemas.binary import from_binary, is_binary
from schemas.envelope import Envelope
from schemas.events import EVENT_TYPES, parse_event

GUIDE = Path(__file__).resolve().parents[3] / "docs/contracts/publishers-guide.md"
TEXT = GUIDE.read_text(encoding="utf-8")
EXAMPLES: list[str] = re.findall(r"^```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
HEADINGS: list[str] = re.findall(r"^### `([a-z_.]+)` \S", TEXT, re.MULTILINE)


def _same_fields(given: Any, understood: Any, path: str) -> None:
    """Nothing in the example was ignored, which is what a misspelt field would be."""
    if isinstance(given, dict):
        assert set(given) == set(understood), path
        for name, value in given.items():
            _same_fields(value, understood[name], f"{path}.{name}")
    elif isinstance(given, list):
        assert len(given) == len(understood), path
        for index, value in enumerate(given):
            _same_fields(value, understood[index], f"{path}[{index}]")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: json.loads(text)["id"])
def test_an_example_is_an_event_without_unknown_fields(example: str) -> None:
    event = parse_event(example)
    understood = event.model_dump(mode="json", exclude_unset=True)
    _same_fields(json.loads(example), understood, event.type)


def test_every_event_has_an_example_and_a_heading() -> None:
    assert {parse_event(example).type for example in EXAMPLES} == set(EVENT_TYPES)
    assert {f"hotline.{name}.v1" for name in HEADINGS} == set(EVENT_TYPES)


def test_an_example_stands_under_its_own_heading() -> None:
    sections = re.split(r"^### `([a-z_.]+)`", TEXT, flags=re.MULTILINE)[1:]
    for name, section in zip(sections[::2], sections[1::2], strict=True):
        for example in re.findall(r"^```json\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            assert json.loads(example)["type"] == f"hotline.{name}.v1"


def test_the_examples_have_ids_of_their_own() -> None:
    identities = [parse_event(example).identity for example in EXAMPLES]
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize("profile", shipped())
def test_the_size_limit_is_that_of_the_policies_that_ship(profile: str) -> None:
    (kib,) = map(int, re.findall(r"more than (\d+) KiB", TEXT))
    limits = {each.policy.intake.max_event_bytes for each in load(profile).versions}
    assert limits == {kib * 1024}


def _data_fields(model: type[Envelope]) -> set[str]:
    data = model.model_fields["data"].annotation
    assert data is not None
    return set(data.model_fields)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_fullest_example_shows_every_field(event_type: str) -> None:
    shown: set[str] = set()
    for example in map(json.loads, EXAMPLES):
        if example["type"] == event_type:
            shown |= example["data"].keys()
    if event_type == "hotline.ticket.imported.v1":  # its content is that of ticket.received
        shown |= _data_fields(EVENT_TYPES["hotline.ticket.received.v1"])
        shown |= {"closed_at"}
    assert _data_fields(EVENT_TYPES[event_type]) <= shown


def test_the_binary_example_is_the_structured_one() -> None:
    block = re.search(r"^```text\n(key .*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert block is not None
    key = re.search(r"^key +(\S+)$", block[1], re.MULTILINE)
    value = re.search(r"^value +(.*)$", block[1], re.MULTILINE)
    assert key is not None
    assert value is not None
    headers = [
        (name, content.encode())
        for name, content in re.findall(r"(ce_[a-z]+|content-type): (.*)", block[1])
    ]
    assert is_binary(headers)
    event = parse_event(from_binary(headers, value[1].encode()))
    assert event.subject == key[1]
    (structured,) = (e for e in map(parse_event, EXAMPLES) if e.type == event.type)
    assert event == structured
