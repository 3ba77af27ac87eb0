"""What a role is shown of an event, a fact, a view: the log's masked words, and less (R8). Pure."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec
import orjson

from policy.access import Grant
from rules.stated import clocks, tasks
from rules.ticket.view import TicketView
from schemas.envelope import Envelope
from schemas.events import EVENT_TYPES

Document = Mapping[str, Any]

HEAD: Final = ("sequence", "type", "time", "recordedtime", "source", "id", "anomaly", "leaf")
"""Of an event, for everybody who sees the ticket."""
_CITIZENS: Final = frozenset(
    {"citizen", "on_behalf_of", "complainant", "caller", "first", "second"}
)
"""Where a pseudonym stands; not shown where a citizen asked to stay unnamed (保密)."""
_CONTACTS: Final = ("hotline.contact.", "hotline.call.")
_VERDICT_ALWAYS: Final = (
    *("verdict", "reason", "rule", "reason_zh", "reason_en", "revision", "replaces", "cause"),
    *("counted", "recontact"),
)
"""Of a repeat verdict, without what it rests on."""
_WORDS: Final = frozenset({"text", "title", "words", "clause"})
"""Of a view: what people wrote."""


def event(document: Document, grant: Grant, *, unnamed: bool) -> dict[str, Any]:
    """An event as the role sees it.

    Args:
        unnamed: whether the citizen asked to stay so and the role may not know them.
    """
    shown = {name: document[name] for name in HEAD if name in document}
    shown["subject"] = document.get("subject")
    kind: str = document.get("type", "")
    if not grant.story or (kind.startswith(_CONTACTS) and not grant.contacts):
        return shown
    data = document.get("data")
    if isinstance(data, dict):
        if not grant.text:
            data = _declared(data, _said_by(kind))
        shown["data"] = _without(data, _CITIZENS) if unnamed else data
    if not unnamed and "citizen" in document:
        shown["citizen"] = document["citizen"]
    return shown


def fact(document: Document, grant: Grant, *, unnamed: bool) -> dict[str, Any]:
    """A fact of ours as the role sees it: a verdict always with its reason (R15)."""
    shown = {
        name: document[name]
        for name in ("id", "type", "time", "recordedtime", "causationid", "policyversion")
        if name in document
    }
    data = document.get("data")
    if isinstance(data, dict):
        is_verdict = "verdict" in data
        if is_verdict and not grant.evidence:
            data = {name: data[name] for name in _VERDICT_ALWAYS if name in data}
        elif not is_verdict and not grant.story:
            data = {}
        elif not is_verdict and not grant.text:
            data = {name: value for name, value in data.items() if not _is_text(name, value)}
        shown["data"] = _without(data, _CITIZENS) if unnamed else data
    return shown


def view(ticket: TicketView, grant: Grant) -> dict[str, Any]:
    """The ticket as it stands, as the role sees it."""
    document: dict[str, Any] = orjson.loads(ticket.to_json())
    # Kept for the rules, not for people.
    for name in ("traits", "handling"):
        document.pop(name, None)
    if not grant.text:
        document = _without(document, _WORDS)
        document.pop("place", None)
    if not grant.contacts:
        for name in ("calls", "contact_id"):
            document.pop(name, None)
    if not grant.story:
        for name in ("replies", "callbacks", "tasks", "dispatches"):
            document.pop(name, None)
    if is_unnamed(ticket, grant):
        document = _without(document, _CITIZENS)
    place = document.get("place")
    if isinstance(place, dict):
        place.pop("key", None)
    return document


def clock(standing: clocks.Standing, grant: Grant) -> dict[str, Any]:
    """A clock as it stands: rule, deadline, status, and why in words."""
    document: dict[str, Any] = msgspec.to_builtins(standing)
    if not grant.contacts:
        document.pop("contact", None)
    return document


def task(standing: tasks.Standing, grant: Grant) -> dict[str, Any]:
    """A callback task as it stands."""
    document: dict[str, Any] = msgspec.to_builtins(standing)
    said: dict[str, Any] = document.pop("said")
    if not grant.contacts:
        for name in ("outcome", "outcomes", "tried_at", "choice"):
            said.pop(name, None)
    return {**document, "live": standing.live, **said}


def is_unnamed(ticket: TicketView, grant: Grant) -> bool:
    """Whether the citizen stays unnamed for the role (保密)."""
    return ticket.confidential and not grant.confidential


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(item, names) for name, item in value.items() if name not in names}
    if isinstance(value, list):
        return [_without(item, names) for item in value]
    return value


def _is_text(name: str, value: Any) -> bool:
    return isinstance(value, str) and name.startswith(("text", "title"))


def _declared(value: Any, said: tuple[frozenset[str], frozenset[str]]) -> Any:
    """Fields of the contract that are no free words; what a publisher added may be words."""
    declared, words = said
    if isinstance(value, dict):
        return {
            name: _declared(item, said)
            for name, item in value.items()
            if name in declared and name not in words
        }
    if isinstance(value, list):
        return [_declared(item, said) for item in value]
    return value


@cache
def _said_by(event_type: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the fields that the contract declares for the type, and of those with free words."""
    model: type[Envelope] | None = EVENT_TYPES.get(event_type)
    if model is None:
        return frozenset(), frozenset()
    declared: set[str] = set()
    words: set[str] = set()
    for name, schema in _properties(model.model_json_schema()):
        declared.add(name)
        if '"x-privacy"' in orjson.dumps(schema).decode():
            words.add(name)
    return frozenset(declared), frozenset(words)


def _properties(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        for name, item in schema.items():
            if name == "properties" and isinstance(item, dict):
                yield from item.items()
            yield from _properties(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from _properties(item)
