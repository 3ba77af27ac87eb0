"""What is published of the contract is what the code says, and breaks nobody."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas import export, topics
from schemas.events import EVENT_TYPES
from schemas.facts import FACT_TYPES

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (export.PUBLISHED / export.ASYNCAPI).read_text(encoding="utf-8")
)


def test_the_published_files_are_current() -> None:
    assert export.differences() == [], "run «python -m schemas.export»"


def test_nothing_that_was_published_is_broken() -> None:
    assert export.breaks() == []


def test_every_schema_is_compared_with_a_previous_one() -> None:
    previous = (export.PUBLISHED / export.PREVIOUS).glob("*.json")
    current = {path.name for path in export.PUBLISHED.glob("*.json")}
    assert current - {path.name for path in previous} == set(), (
        "a new schema: run «python -m schemas.export --release»"
    )


def test_there_is_a_schema_for_each_event_and_fact() -> None:
    wanted = {*EVENT_TYPES, *map(export.type_of, FACT_TYPES)}
    assert {path.stem for path in export.PUBLISHED.glob("*.json")} == wanted


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_schema_says_what_a_publisher_must_write(event_type: str) -> None:
    schema = export.json_schema(EVENT_TYPES[event_type])
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"specversion", "id", "source", "type", "time", "subject", "data"} == set(
        schema["required"]
    )
    assert schema["properties"]["type"]["const"] == event_type
    assert schema["properties"]["sequence"]["readOnly"] is True
    assert schema["description"]


def test_personal_fields_are_marked() -> None:
    schema = export.json_schema(EVENT_TYPES["hotline.ticket.received.v1"])
    assert schema["$defs"]["Identity"]["properties"]["value"]["x-privacy"] == "withheld"
    text = schema["$defs"]["TicketReceivedData"]["properties"]["text"]
    assert text["anyOf"][0]["x-privacy"] == "masked"


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    references = list(_references(DOCUMENT))
    assert references
    for reference in references:
        if reference.startswith("#/"):
            node: Any = DOCUMENT
            for part in reference.removeprefix("#/").split("/"):
                node = node[part]
        else:
            assert (export.PUBLISHED / reference).is_file(), reference


def test_the_asyncapi_document_has_every_topic_and_its_messages() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    channels = DOCUMENT["channels"]
    assert set(channels) == {topic.name for topic in topics.ALL}
    assert set(channels["hotline.inbox"]["messages"]) == set(EVENT_TYPES)
    assert set(channels["hotline.tickets"]["messages"]) == set(EVENT_TYPES)
    for fact in map(export.type_of, FACT_TYPES):
        assert fact in channels[export.topic_of_fact(fact).name]["messages"]
    inbox = channels["hotline.inbox"]["bindings"]["kafka"]["topicConfiguration"]
    assert inbox == {
        "cleanup.policy": ["delete"],
        "retention.ms": 7 * 24 * 3_600 * 1_000,
        "max.message.bytes": 3 * 1024 * 1024,
    }


def test_a_fact_without_a_topic_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"hotline\.weathers"):
        export.topic_of_fact("hotline.weather.changed.v1")


def test_an_outdated_a_missing_and_a_needless_file_are_named(tmp_path: Path) -> None:
    export.write(tmp_path)
    assert export.differences(tmp_path) == []
    (tmp_path / "hotline.ticket.closed.v1.json").write_text("{}", encoding="utf-8")
    (tmp_path / "hotline.ticket.split.v1.json").unlink()
    (tmp_path / "hotline.ticket.lost.v1.json").write_text("{}", encoding="utf-8")
    assert export.differences(tmp_path) == [
        "hotline.ticket.split.v1.json is missing",
        "hotline.ticket.lost.v1.json belongs to no event",
        "hotline.ticket.closed.v1.json is not what the code says",
    ]
    export.write(tmp_path)
    assert export.differences(tmp_path) == []


def test_what_a_release_promised_is_kept(tmp_path: Path) -> None:
    export.release(tmp_path)
    assert export.breaks(tmp_path) == []
    released = tmp_path / export.PREVIOUS / "hotline.ticket.closed.v1.json"
    schema = json.loads(released.read_text(encoding="utf-8"))
    schema["$defs"]["TicketClosedData"]["properties"]["mood"] = {"type": "string"}
    released.write_text(json.dumps(schema), encoding="utf-8")
    (tmp_path / export.PREVIOUS / "hotline.ticket.lost.v1.json").write_text("{}", encoding="utf-8")
    assert export.breaks(tmp_path) == [
        "hotline.ticket.lost.v1: the whole schema was removed",
        "hotline.ticket.closed.v1: data.mood: removed",
    ]


def test_the_check_command_passes() -> None:
    assert export.main(["--check"]) == 0
