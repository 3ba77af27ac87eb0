"""``python -m schemas.export``: writes what is published of the contract, or checks that it is.

``schemas/published/<type>.json`` is one JSON Schema 2020-12 per event and fact,
``schemas/published/asyncapi.yaml`` the topics. ``published/previous/`` is what was published with
the last release; ``--release`` makes the present one that. ``--check`` fails when the files are not
what the code says, or when they break what was released.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from schemas import dead_letter, topics
from schemas.clock import ClockRecord
from schemas.compat import breaking_changes, removed_schemas
from schemas.envelope import Envelope
from schemas.events import EVENT_TYPES
from schemas.events.commands import COMMAND_TYPES
from schemas.facts import FACT_TYPES

PUBLISHED = Path(__file__).parent / "published"
PREVIOUS = "previous"
ASYNCAPI = "asyncapi.yaml"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
CONTENT_TYPE = "application/cloudevents+json"
CONTRACT_VERSION = "1.0.0"

ADDED_BY_INTAKE = (
    "citizen",
    "sequence",
    "recordedtime",
    "causationid",
    "policyversion",
    "anomaly",
    "leaf",
    "previousleaf",
)
"""Extensions that a publisher leaves out; what it sends there is overwritten."""

Document = dict[str, Any]


def type_of(model: type[Envelope]) -> str:
    """The CloudEvents type that a class is fixed to."""
    name: str = model.model_fields["type"].default
    return name


@cache
def json_schema(model: type[Envelope]) -> Document:
    """JSON Schema of one event or fact, as a publisher must write it. Shared: not to be changed.

    Stricter than the parser in one point: ``specversion`` and ``type``, which have a default in
    code, are required on the wire.
    """
    name = type_of(model)
    schema = model.model_json_schema()
    schema["required"] = ["specversion", *schema["required"], "type"]
    for extension in ADDED_BY_INTAKE:
        schema["properties"][extension]["readOnly"] = True
    return {"$schema": DIALECT, "$id": f"urn:{name.replace('.', ':')}", **schema}


def json_schemas(models: Iterable[type[Envelope]]) -> dict[str, Document]:
    """CloudEvents type -> JSON Schema."""
    return {type_of(model): json_schema(model) for model in models}


def topic_of_fact(fact_type: str) -> topics.Topic:
    """The topic of a fact: ``hotline.repeat.new.v1`` goes to ``hotline.repeats``.

    Raises:
        LookupError: no topic in ``topics.FACTS`` is named after the fact.
    """
    thing = fact_type.split(".")[1]
    for topic in topics.FACTS:
        # A task of callback is no ``callback``: that is what a platform publishes.
        if topic.name in (f"hotline.{thing}", f"hotline.{thing.removesuffix('_task')}s"):
            return topic
    raise LookupError(f"{fact_type}: no topic in schemas.topics.FACTS is named hotline.{thing}s")


def asyncapi(events: Sequence[type[Envelope]], facts: Sequence[type[Envelope]]) -> Document:
    """The AsyncAPI 3.0 document: every topic, its key, and which messages it carries."""
    messages: Document = {type_of(model): _message(model) for model in (*events, *facts)}
    messages["clock"] = {
        "name": "clock",
        "title": "ClockRecord",
        "summary": ClockRecord.__doc__,
        "contentType": "application/json",
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": _clock_schema()},
    }
    messages["dead-letter"] = {
        "name": "dead-letter",
        "title": "DeadLetter",
        "summary": topics.DEAD_LETTERS.doc,
        "contentType": "application/octet-stream",
        "headers": _dead_letter_headers(),
        "payload": {"description": "The original bytes, as they came."},
    }
    carried: dict[str, list[str]] = {topic.name: [] for topic in topics.ALL}
    carried[topics.INBOX.name] = [type_of(model) for model in events]
    carried[topics.TICKETS.name] = [type_of(model) for model in events]
    carried[topics.COMMANDS.name] = [type_of(model) for model in COMMAND_TYPES]
    carried[topics.CLOCK.name] = ["clock"]
    carried[topics.DEAD_LETTERS.name] = ["dead-letter"]
    for model in facts:
        carried[topic_of_fact(type_of(model)).name].append(type_of(model))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hotline pipeline",
            "version": CONTRACT_VERSION,
            "description": "Events of a government hotline (12345) and what the pipeline says of "
            "them. How to publish: docs/contracts/publishers-guide.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _channel(topic, carried[topic.name]) for topic in topics.ALL},
        "operations": {_operation_name(topic): _operation(topic) for topic in topics.ALL},
        "components": {"messages": messages},
    }


def _message(model: type[Envelope]) -> Document:
    name = type_of(model)
    return {
        "name": name,
        "title": model.__name__,
        "summary": " ".join((model.__doc__ or "").split()),
        "contentType": CONTENT_TYPE,
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"./{name}.json"}},
    }


def _clock_schema() -> Document:
    _, definitions = msgspec.json.schema_components([ClockRecord])
    schema: Document = definitions["ClockRecord"]
    return schema


def _dead_letter_headers() -> Document:
    always = (
        dead_letter.SERVICE,
        dead_letter.REASON,
        dead_letter.DETAIL,
        dead_letter.TOPIC,
        dead_letter.PARTITION,
        dead_letter.OFFSET,
        dead_letter.TIMESTAMP_MS,
        dead_letter.ATTEMPT,
        dead_letter.KIND,
        dead_letter.SOURCE,
    )
    sometimes = (
        dead_letter.KEY,
        dead_letter.NULL_VALUE,
        dead_letter.SUBJECT,
        dead_letter.BLOCKED_BY,
    )
    return {
        "type": "object",
        "description": f"The original's own headers follow, each with the prefix "
        f"{dead_letter.ORIGINAL!r}.",
        "required": list(always),
        "properties": {name: {"type": "string"} for name in (*always, *sometimes)},
    }


def _channel(topic: topics.Topic, messages: Sequence[str]) -> Document:
    configuration: Document = {
        "cleanup.policy": [topic.cleanup.value],
        "retention.ms": -1
        if topic.retention is None
        else int(topic.retention.total_seconds() * 1_000),
        "max.message.bytes": topic.max_message_bytes,
    }
    kafka: Document = {"topic": topic.name, "topicConfiguration": configuration}
    if topic.partitions is not None:
        kafka["partitions"] = topic.partitions
    return {
        "address": topic.name,
        "description": f"{topic.doc} Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"kafka": kafka},
    }


def _operation_name(topic: topics.Topic) -> str:
    return f"{_action(topic)}-{topic.name.removeprefix('hotline.')}"


def _operation(topic: topics.Topic) -> Document:
    return {
        "action": _action(topic),
        "summary": topic.doc,
        "channel": {"$ref": f"#/channels/{topic.name}"},
    }


def _action(topic: topics.Topic) -> str:
    """As AsyncAPI says it: what the pipeline does there."""
    return "receive" if topic is topics.INBOX else "send"


def files() -> dict[str, str]:
    """Every file of ``schemas/published`` with its text, from the code as it is."""
    events = tuple(EVENT_TYPES.values())
    texts = {
        f"{name}.json": _json_text(schema)
        for name, schema in json_schemas((*events, *FACT_TYPES)).items()
    }
    document = asyncapi(events, FACT_TYPES)
    texts[ASYNCAPI] = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=100)
    return texts


def differences(directory: Path = PUBLISHED) -> list[str]:
    """Files that are missing, outdated, or there though nothing says so."""
    wanted = files()
    there = {path.name for path in directory.glob("*") if path.is_file()}
    return [
        *(f"{name} is missing" for name in sorted(wanted.keys() - there)),
        *(f"{name} belongs to no event" for name in sorted(there - wanted.keys())),
        *(
            f"{name} is not what the code says"
            for name in sorted(wanted.keys() & there)
            if (directory / name).read_text(encoding="utf-8") != wanted[name]
        ),
    ]


def breaks(directory: Path = PUBLISHED) -> list[str]:
    """What the code as it is would break of what was published with the last release."""
    old = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((directory / PREVIOUS).glob("*.json"))
    }
    new = json_schemas((*EVENT_TYPES.values(), *FACT_TYPES))
    return [
        *removed_schemas(old, new),
        *(
            f"{name}: {change}"
            for name in old
            if name in new
            for change in breaking_changes(old[name], new[name])
        ),
    ]


def write(directory: Path = PUBLISHED) -> None:
    """Writes every file and removes those of events that are no more."""
    wanted = files()
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.glob("*"):
        if path.is_file() and path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (directory / name).write_text(text, encoding="utf-8")


def release(directory: Path = PUBLISHED) -> None:
    """Makes the schemas as they are the ones that later ones must not break."""
    previous = directory / PREVIOUS
    previous.mkdir(parents=True, exist_ok=True)
    wanted = {name: text for name, text in files().items() if name != ASYNCAPI}
    for path in previous.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (previous / name).write_text(text, encoding="utf-8")


def _json_text(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m schemas.export", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    parser.add_argument("--release", action="store_true", help="also become the previous version")
    options = parser.parse_args(arguments)
    broken = breaks()
    for change in broken:
        print(f"breaks what was published: {change}", file=sys.stderr)
    if options.check:
        outdated = differences()
        for difference in outdated:
            print(f"{difference}: run «python -m schemas.export»", file=sys.stderr)
        return 1 if outdated or broken else 0
    if broken:
        print("Nothing written. Make it a new version (.v2) instead.", file=sys.stderr)
        return 1
    write()
    if options.release:
        release()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
