"""Whether a published schema may follow another: every old document must still be readable.

Structural, on what our exporter writes (JSON Schema 2020-12: ``$ref`` into ``$defs``, ``anyOf``,
``enum``, ``const``, ``properties``, ``items``, ``additionalProperties``, limits). The rules: no
field removed, no type or enumeration narrowed, no limit tightened, no field newly required, no
default changed. A new optional field and a new enumeration value are compatible.
"""

import math
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

LOWER_LIMITS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_LIMITS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
SYNTAX = (
    "pattern",
    "format",
    "formatMinimum",
    "formatExclusiveMaximum",
    "multipleOf",
    "uniqueItems",
)
UNKNOWN = ("oneOf", "allOf", "not", "if", "prefixItems", "patternProperties", "dependentRequired")
"""Keywords that our exporter does not write, and that would need rules of their own here."""

_DEFINITIONS = "#/$defs/"


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What a publisher or reader of ``old`` would trip over in ``new``, one sentence each."""
    return _Comparison(old, new).compare(old, new, "")


def removed_schemas(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[str]:
    """Event types that were published and are no more."""
    return [f"{name}: the whole schema was removed" for name in sorted(old.keys() - new.keys())]


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._open: set[tuple[int, int]] = set()

    def compare(self, old: Schema, new: Schema, path: str) -> list[str]:
        old, new = _resolve(old, self._old), _resolve(new, self._new)
        pair = (id(old), id(new))
        if pair in self._open:  # a recursive definition: already being compared further up
            return []
        self._open.add(pair)
        try:
            return self._branches(old, new, path)
        finally:
            self._open.discard(pair)

    def _branches(self, old: Schema, new: Schema, path: str) -> list[str]:
        if "anyOf" not in old and "anyOf" not in new:
            return self._plain(old, new, path)
        changes: list[str] = []
        candidates = [_resolve(branch, self._new) for branch in new.get("anyOf", [new])]
        for branch in old.get("anyOf", [old]):
            branch = _resolve(branch, self._old)
            same_kind = [c for c in candidates if _types(branch) <= _types(c)]
            if not same_kind:
                changes.append(f"{path or 'document'}: {_named(branch)} is no longer accepted")
                continue
            found = (self.compare(branch, candidate, path) for candidate in same_kind)
            fewest: list[str] = min(found, key=_how_many)
            changes += fewest
        return changes

    def _plain(self, old: Schema, new: Schema, path: str) -> list[str]:
        here = path or "document"
        for keyword in UNKNOWN:
            if keyword in old or keyword in new:
                raise ValueError(f"{here}: {keyword!r} cannot be compared; teach schemas/compat.py")
        if not _types(old) <= _types(new):
            return [f"{here}: type was {_named(old)}, is now {_named(new)}"]
        return [
            *_values(old, new, here),
            *_limits(old, new, here),
            *self._object(old, new, path),
            *self._array(old, new, path),
        ]

    def _object(self, old: Schema, new: Schema, path: str) -> list[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        changes = [f"{_join(path, name)}: removed" for name in before if name not in after]
        newly = set(new.get("required", ())) - set(old.get("required", ()))
        changes += [f"{_join(path, name)}: now required" for name in sorted(newly)]
        for name in before:
            if name in after:
                inner = _join(path, name)
                changes += _default(before[name], after[name], inner)
                changes += self.compare(before[name], after[name], inner)
        was, now = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if now is False and was is not False:
            changes.append(f"{path or 'document'}: further fields are no longer accepted")
        elif isinstance(now, Mapping):
            if was is True:
                changes.append(f"{path or 'document'}: further fields are now restricted")
            elif isinstance(was, Mapping):
                changes += self.compare(was, now, _join(path, "*"))
        if "propertyNames" in new:
            names = {"type": "string", **old.get("propertyNames", {})}
            changes += self.compare(
                names, {"type": "string", **new["propertyNames"]}, f"{path} (names)"
            )
        return changes

    def _array(self, old: Schema, new: Schema, path: str) -> list[str]:
        if "items" not in new:
            return []
        if "items" not in old:
            return [f"{path or 'document'}: items are now restricted"]
        return self.compare(old["items"], new["items"], f"{path}[]")


def _how_many(changes: list[str]) -> int:
    return len(changes)


def _resolve(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        reference = schema["$ref"]
        if not reference.startswith(_DEFINITIONS):
            raise ValueError(f"$ref is {reference!r}: only {_DEFINITIONS}… can be followed")
        schema = root["$defs"][reference.removeprefix(_DEFINITIONS)]
    return schema


_ANY = frozenset({"null", "boolean", "object", "array", "string", "integer", "number"})
_JSON_TYPES = {bool: "boolean", str: "string", int: "integer", float: "number", type(None): "null"}


def _types(schema: Schema) -> frozenset[str]:
    """JSON types that the schema admits; a number admits integers."""
    if "anyOf" in schema:
        return _ANY
    if "type" in schema:
        given = schema["type"]
        types = frozenset([given] if isinstance(given, str) else given)
    elif "const" in schema:
        types = frozenset({_JSON_TYPES[type(schema["const"])]})
    elif "enum" in schema:
        types = frozenset(_JSON_TYPES[type(value)] for value in schema["enum"])
    else:
        return _ANY
    return types | {"integer"} if "number" in types else types


def _named(schema: Schema) -> str:
    types = _types(schema)
    return "anything" if types == _ANY else " or ".join(sorted(types))


def _values(old: Schema, new: Schema, here: str) -> list[str]:
    after = _enumerated(new)
    if after is None:
        return []
    before = _enumerated(old)
    if before is None:
        return [f"{here}: only {', '.join(map(repr, after))} are accepted now"]
    gone = [value for value in before if value not in after]
    return [f"{here}: {value!r} is no longer accepted" for value in gone]


def _enumerated(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def _limits(old: Schema, new: Schema, here: str) -> list[str]:
    tightened = [
        *(name for name in LOWER_LIMITS if name in new and new[name] > old.get(name, -math.inf)),
        *(name for name in UPPER_LIMITS if name in new and new[name] < old.get(name, math.inf)),
        *(name for name in SYNTAX if name in new and new[name] != old.get(name)),
    ]
    return [f"{here}: {name} was {old.get(name, 'open')}, is now {new[name]}" for name in tightened]


def _default(old: Schema, new: Schema, here: str) -> list[str]:
    if "default" in old and old["default"] != new.get("default", old["default"]):
        return [f"{here}: default was {old['default']!r}, is now {new['default']!r}"]
    return []


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
