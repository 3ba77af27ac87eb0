"""What may change between two published versions of a schema, and what may not."""

from typing import Any

import pytest

from schemas.compat import breaking_changes, removed_schemas

NAME = {"type": "string", "minLength": 1, "maxLength": 256}
OPTIONAL_NAME = {"anyOf": [NAME, {"type": "null"}], "default": None}


def thing(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), **more}


def enum(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


COMPATIBLE = {
    "the same": (thing({"a": NAME}, "a"), thing({"a": NAME}, "a")),
    "a new optional field": (thing({"a": NAME}), thing({"a": NAME, "b": OPTIONAL_NAME})),
    "a field no longer required": (thing({"a": NAME}, "a"), thing({"a": NAME})),
    "a field that may now be null": (thing({"a": NAME}), thing({"a": OPTIONAL_NAME})),
    "a new value": (enum("phone", "web"), enum("phone", "web", "app")),
    "an enumeration opened": (enum("phone"), {"type": "string"}),
    "a constant become one of several": ({"const": "a"}, enum("a", "b")),
    "a wider limit": ({"type": "integer", "maximum": 5}, {"type": "integer", "maximum": 9}),
    "a limit lifted": ({"type": "string", "maxLength": 5}, {"type": "string"}),
    "integers become numbers": ({"type": "integer"}, {"type": "number"}),
    "a further type": ({"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    "a format lifted": ({"type": "string", "format": "date-time"}, {"type": "string"}),
    "another description": ({"type": "string", "title": "A"}, {"type": "string", "title": "B"}),
    "a definition renamed": (
        {"$ref": "#/$defs/A", "$defs": {"A": NAME}},
        {"$ref": "#/$defs/B", "$defs": {"B": NAME}},
    ),
}

BREAKING = {
    "a field removed": (thing({"a": NAME, "b": NAME}), thing({"a": NAME}), "b: removed"),
    "a field newly required": (thing({"a": NAME}), thing({"a": NAME}, "a"), "a: now required"),
    "a new field required": (
        thing({"a": NAME}),
        thing({"a": NAME, "b": NAME}, "b"),
        "b: now required",
    ),
    "null no longer accepted": (
        thing({"a": {"anyOf": [NAME, {"type": "null"}]}}),
        thing({"a": NAME}),
        "a: null is no longer accepted",
    ),
    "another type": (
        thing({"a": {"type": "string"}}),
        thing({"a": {"type": "integer"}}),
        "a: type was string, is now integer",
    ),
    "numbers become integers": (
        {"type": "number"},
        {"type": "integer"},
        "document: type was integer or number, is now integer",
    ),
    "anything become something": (
        {},
        {"type": "string"},
        "document: type was anything, is now string",
    ),
    "a value removed": (
        thing({"a": enum("phone", "fax")}),
        thing({"a": enum("phone")}),
        "a: 'fax' is no longer accepted",
    ),
    "an enumeration closed": (
        {"type": "string"},
        enum("phone"),
        "document: only 'phone' are accepted now",
    ),
    "another constant": (
        {"const": "v1", "type": "string"},
        {"const": "v2", "type": "string"},
        "document: 'v1' is no longer accepted",
    ),
    "a tighter upper limit": (
        {"type": "integer", "maximum": 5},
        {"type": "integer", "maximum": 4},
        "document: maximum was 5, is now 4",
    ),
    "a new lower limit": (
        {"type": "string"},
        {"type": "string", "minLength": 1},
        "document: minLength was open, is now 1",
    ),
    "a new pattern": (
        {"type": "string"},
        {"type": "string", "pattern": "^T"},
        "document: pattern was open, is now ^T",
    ),
    "items narrowed": (
        {"type": "array", "items": {"type": "string"}},
        {"type": "array", "items": {"type": "integer"}},
        "[]: type was string, is now integer",
    ),
    "items newly restricted": (
        {"type": "array"},
        {"type": "array", "items": {"type": "string"}},
        "document: items are now restricted",
    ),
    "further fields shut out": (
        thing({}),
        thing({}, additionalProperties=False),
        "document: further fields are no longer accepted",
    ),
    "further fields newly restricted": (
        {"type": "object", "additionalProperties": True},
        {"type": "object", "additionalProperties": NAME},
        "document: further fields are now restricted",
    ),
    "further fields narrowed": (
        thing({"m": {"type": "object", "additionalProperties": {"type": "string"}}}),
        thing({"m": {"type": "object", "additionalProperties": NAME}}),
        "m.*: minLength was open, is now 1",
    ),
    "names of further fields narrowed": (
        thing({"m": {"type": "object", "propertyNames": {"maxLength": 9}}}),
        thing({"m": {"type": "object", "propertyNames": {"maxLength": 8}}}),
        "m (names): maxLength was 9, is now 8",
    ),
    "another default": (
        thing({"a": {"type": "boolean", "default": False}}),
        thing({"a": {"type": "boolean", "default": True}}),
        "a: default was False, is now True",
    ),
    "deep inside a definition": (
        thing({"p": {"$ref": "#/$defs/P"}}, **{"$defs": {"P": thing({"lat": NAME})}}),
        thing({"p": {"$ref": "#/$defs/P"}}, **{"$defs": {"P": thing({"lat": NAME}, "lat")}}),
        "p.lat: now required",
    ),
}


@pytest.mark.parametrize(("old", "new"), COMPATIBLE.values(), ids=COMPATIBLE)
def test_a_compatible_change(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert breaking_changes(old, new) == []


@pytest.mark.parametrize(("old", "new", "words"), BREAKING.values(), ids=BREAKING)
def test_a_breaking_change_is_named(old: dict[str, Any], new: dict[str, Any], words: str) -> None:
    assert words in breaking_changes(old, new)


def test_a_recursive_definition_is_compared_once() -> None:
    def node(limit: int) -> dict[str, Any]:
        inner = thing({"children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}})
        inner["properties"]["depth"] = {"type": "integer", "maximum": limit}
        return {"$ref": "#/$defs/Node", "$defs": {"Node": inner}}

    assert breaking_changes(node(3), node(3)) == []
    assert breaking_changes(node(3), node(2)) == ["depth: maximum was 3, is now 2"]


@pytest.mark.parametrize("keyword", ["oneOf", "allOf", "patternProperties", "prefixItems"])
def test_a_keyword_without_a_rule_is_an_error_not_a_pass(keyword: str) -> None:
    with pytest.raises(ValueError, match=keyword):
        breaking_changes(thing({"a": {keyword: []}}), thing({"a": {}}))


def test_a_reference_elsewhere_cannot_be_followed() -> None:
    with pytest.raises(ValueError, match=r"other\.json"):
        breaking_changes({"$ref": "other.json"}, {"type": "string"})


def test_an_event_that_is_no_more_is_named() -> None:
    assert removed_schemas({"a": {}, "b": {}}, {"a": {}, "c": {}}) == [
        "b: the whole schema was removed"
    ]
