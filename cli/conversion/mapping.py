"""A mapping file, read and checked: every mistake names the file, the key and the value."""

import codecs
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from cli.conversion.contract import resolve_type, unknown_fields
from cli.conversion.keywords import KeywordRules, Rule
from cli.conversion.values import (
    Conditions,
    Constant,
    Expression,
    Extract,
    Fields,
    FirstOf,
    Instant,
    Items,
    Number,
    Read,
    Slug,
    Step,
    Template,
    Translate,
    Truth,
    When,
    columns_of,
)

ENVELOPE_FIELDS = frozenset({"time", "data", "type", "kind", "when"})
TOP_KEYS = frozenset(
    {
        "source",
        "subject",
        "rows",
        "encoding",
        "delimiter",
        "nulls",
        "optional_columns",
        "time_zone",
        "time_format",
        "dst_gap",
        "keywords",
        "events",
        "description",
    }
)
OPERATORS = frozenset({"from", "first_of", "keywords"})
READ_KEYS = frozenset({"from", "when", "extract", "map", "default", "slug", "type", "time"})
CONDITION_KEYS = frozenset({"present", "is", "is_not", "matches", "changed", "was", "was_not"})
NO_FILE = "mapping"


class MappingError(Exception):
    """The mapping file is wrong. Operator action: correct the key that is named."""

    def __init__(self, file: str, key: str, value: object, problem: str) -> None:
        shown = "" if value is None else f" = {value!r}"
        super().__init__(f"{file}: {key}{shown}: {problem}")
        self.file = file
        self.key = key


@dataclass(frozen=True, slots=True)
class EventRule:
    """One kind of event that a row may make."""

    type: str
    """Full CloudEvents type."""
    kind: str
    """Its part of the event id."""
    when: Conditions
    time: Expression
    data: Expression
    key: str
    """Where it stands in the file, for messages."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """How the rows of a table become events."""

    name: str
    source: str
    subject: Expression
    events: tuple[EventRule, ...]
    log: bool
    """Rows are the successive states of a ticket, not tickets."""
    encoding: str
    delimiter: str
    nulls: frozenset[str]
    optional_columns: frozenset[str]

    @property
    def columns(self) -> frozenset[str]:
        """Every column that is named anywhere."""
        expressions = [e for rule in self.events for e in (rule.when, rule.time, rule.data)]
        return columns_of([self.subject, *expressions])

    def with_encoding(self, encoding: str) -> "Mapping":
        """The same for inputs in another encoding. Raises ``MappingError``."""
        _check_encoding(NO_FILE, "--encoding", encoding)
        return replace(self, encoding=encoding)


class _NoDoubleKeys(yaml.SafeLoader):
    """YAML keeps the last of two equal keys silently; here that is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen and key_node.value != "<<":
                raise yaml.MarkedYAMLError(
                    problem=f"key {key!r} is given twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Raises:
        MappingError: naming file, key and value.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_NoDoubleKeys)  # noqa: S506
    except OSError as error:
        raise MappingError(str(path), "file", None, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MappingError(str(path), "file", None, f"not UTF-8: {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark is not None else "file"
        raise MappingError(str(path), where, None, error.problem or "not YAML") from error
    except yaml.YAMLError as error:
        raise MappingError(str(path), "file", None, f"not YAML: {error}") from error
    return parse_mapping(document, name=path.stem, file=str(path))


def parse_mapping(document: object, *, name: str, file: str = NO_FILE) -> Mapping:
    """A mapping from what the YAML said."""
    return _Reader(file).mapping(document, name)


def _check_encoding(file: str, key: str, encoding: str) -> None:
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise MappingError(file, key, encoding, "no such encoding") from None


class _Reader:
    """Reads one file; carries what the whole file shares."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.zone: tzinfo | None = None
        self.time_format = "iso"
        self.gap_moves_on = False
        self.log = False
        self.keywords: dict[str, KeywordRules] = {}

    def error(self, key: str, value: object, problem: str) -> MappingError:
        return MappingError(self.file, key, value, problem)

    def mapping(self, document: object, name: str) -> Mapping:
        top = self.as_object("(top)", document)
        self.only(top, TOP_KEYS, "")
        self.zone = self.time_zone(top.get("time_zone"))
        self.time_format = self.as_text("time_format", top.get("time_format", "iso"))
        gap = self.choice("dst_gap", top.get("dst_gap", "reject"), ("reject", "move_on"))
        self.gap_moves_on = gap == "move_on"
        self.log = self.choice("rows", top.get("rows", "tickets"), ("tickets", "log")) == "log"
        for key, rules in self.as_object("keywords", top.get("keywords", {})).items():
            self.keywords[key] = self.keyword_rules(f"keywords.{key}", rules)
        items = self.as_list("events", top.get("events"))
        events = tuple(self.event(f"events[{i}]", item) for i, item in enumerate(items))
        if not events:
            raise self.error("events", [], "a mapping without events makes none; list at least one")
        kinds = [rule.kind for rule in events]
        if not self.log and len(set(kinds)) < len(kinds):
            raise self.error("events", kinds, "two events of one kind need a `kind` each")
        encoding = self.as_text("encoding", top.get("encoding", "utf-8-sig"))
        _check_encoding(self.file, "encoding", encoding)
        delimiter = self.as_text("delimiter", top.get("delimiter", ","))
        if len(delimiter) != 1:
            raise self.error("delimiter", delimiter, "must be one character")
        return Mapping(
            name=name,
            source=self.as_text("source", top.get("source")),
            subject=self.expression("subject", top.get("subject")),
            events=events,
            log=self.log,
            encoding=encoding,
            delimiter=delimiter,
            nulls=frozenset(self.as_texts("nulls", top.get("nulls", []))) | {""},
            optional_columns=frozenset(
                self.as_texts("optional_columns", top.get("optional_columns", []))
            ),
        )

    def event(self, key: str, item: object) -> EventRule:
        fields = self.as_object(key, item)
        self.only(fields, ENVELOPE_FIELDS, key)
        short = self.as_text(f"{key}.type", fields.get("type"))
        full = resolve_type(short)
        if full is None:
            raise self.error(f"{key}.type", short, "no such event in the contract (docs/)")
        if "time" not in fields:
            raise self.error(f"{key}.time", None, "missing; an event needs the time it happened at")
        data = fields.get("data", {})
        for path, unknown, known in unknown_fields(full, data, OPERATORS):
            raise self.error(
                f"{key}.data{path}",
                unknown,
                f"no such field of {short}; it has {', '.join(sorted(known))}",
            )
        return EventRule(
            type=full,
            kind=self.as_text(f"{key}.kind", fields.get("kind", short)),
            when=self.conditions(f"{key}.when", fields.get("when", {})),
            time=self.event_time(f"{key}.time", fields["time"]),
            data=self.fields(f"{key}.data", self.as_object(f"{key}.data", data), stays=True),
            key=key,
        )

    def event_time(self, key: str, item: object) -> Expression:
        """A plain ``"{column}"`` is read with the mapping's own time format."""
        if isinstance(item, str):
            return Read(self.template(key, item), (self.instant(key, True),))
        return self.expression(key, item)

    def expression(self, key: str, item: object) -> Expression:
        if item is None:
            raise self.error(key, None, 'empty; give a column like "{id}", a constant or fields')
        if isinstance(item, str):
            template = self.template(key, item)
            if template.columns:
                return template
            return Constant("".join(literal for literal, _ in template.parts))
        if isinstance(item, bool | int | float):
            return Constant(item)
        if isinstance(item, date | datetime):
            return Constant(item.isoformat())
        if isinstance(item, list):
            return Items(tuple(self.expression(f"{key}[{i}]", x) for i, x in enumerate(item)))
        fields = self.as_object(key, item)
        operator = OPERATORS & fields.keys()
        if not operator:
            return self.fields(key, fields)
        if "from" in operator:
            return self.read(key, fields)
        if len(fields) > 1:
            raise self.error(key, sorted(fields), "`first_of` and `keywords` stand alone")
        if "first_of" in operator:
            choices = self.as_list(f"{key}.first_of", fields["first_of"])
            return FirstOf(
                tuple(self.expression(f"{key}.first_of[{i}]", x) for i, x in enumerate(choices))
            )
        name = self.as_text(f"{key}.keywords", fields["keywords"])
        if name not in self.keywords:
            known = ", ".join(self.keywords) or "none"
            raise self.error(f"{key}.keywords", name, f"no such list in `keywords` (has: {known})")
        return self.keywords[name]

    def fields(self, key: str, fields: dict[str, object], *, stays: bool = False) -> Fields:
        return Fields(
            {name: self.expression(f"{key}.{name}", value) for name, value in fields.items()},
            stays,
        )

    def read(self, key: str, fields: dict[str, object]) -> Read:
        self.only(fields, READ_KEYS, key)
        source = self.template(f"{key}.from", self.as_text(f"{key}.from", fields["from"]))
        if not source.columns:
            raise self.error(f"{key}.from", fields["from"], 'names no column, like "{id}"')
        steps: list[Step] = []
        if "extract" in fields:
            pattern = self.pattern(f"{key}.extract", fields["extract"])
            if pattern.groups < 1:
                raise self.error(f"{key}.extract", pattern.pattern, "needs a (group) to take out")
            steps.append(Extract(pattern))
        if "default" in fields and "map" not in fields:
            raise self.error(f"{key}.default", fields["default"], "only beside a `map`")
        if "map" in fields:
            raw = self.as_object(f"{key}.map", fields["map"])
            table = {cell: self.scalar(f"{key}.map.{cell}", v) for cell, v in raw.items()}
            steps.append(
                Translate(table, self.scalar(f"{key}.default", fields["default"]))
                if "default" in fields
                else Translate(table)
            )
        if fields.get("slug"):
            steps.append(Slug())
        if "type" in fields:
            steps.append(self.conversion(f"{key}.type", fields["type"]))
        if "time" in fields:
            steps.append(self.instant(f"{key}.time", fields["time"]))
        return Read(source, tuple(steps), self.conditions(f"{key}.when", fields.get("when", {})))

    def conversion(self, key: str, item: object) -> Step:
        kind = self.choice(key, item, ("integer", "number", "boolean"))
        return Truth() if kind == "boolean" else Number(whole=kind == "integer")

    def instant(self, key: str, item: object) -> Instant:
        """``time: true`` is the mapping's own format, else a format of its own."""
        pattern = self.time_format if item is True else self.as_text(key, item)
        return Instant(pattern, self.zone, self.gap_moves_on)

    def conditions(self, key: str, item: object) -> Conditions:
        columns = self.as_object(key, item)
        return Conditions(
            tuple(self.condition(f"{key}.{column}", column, x) for column, x in columns.items())
        )

    def condition(self, key: str, column: str, item: object) -> When:
        if not isinstance(item, dict):
            return When(column, any_of=frozenset(self.as_texts(key, item)))
        fields = self.as_object(key, item)
        self.only(fields, CONDITION_KEYS, key)
        if {"changed", "was", "was_not"} & fields.keys() and not self.log:
            raise self.error(key, item, "`changed`, `was` and `was_not` need `rows: log`")

        def flag(name: str) -> bool | None:
            value = fields.get(name)
            if value is not None and not isinstance(value, bool):
                raise self.error(f"{key}.{name}", value, "must be true or false")
            return value

        def words(name: str) -> frozenset[str] | None:
            return (
                frozenset(self.as_texts(f"{key}.{name}", fields[name])) if name in fields else None
            )

        return When(
            column,
            present=flag("present"),
            any_of=words("is"),
            none_of=words("is_not"),
            matches=self.pattern(f"{key}.matches", fields["matches"])
            if "matches" in fields
            else None,
            changed=flag("changed"),
            was=words("was"),
            was_not=words("was_not"),
        )

    def keyword_rules(self, key: str, item: object) -> KeywordRules:
        fields = self.as_object(key, item)
        self.only(fields, frozenset({"texts", "default", "min_score", "rules"}), key)
        texts = self.as_object(f"{key}.texts", fields.get("texts"))
        weighted = []
        for template, weight in texts.items():
            where = f"{key}.texts.{template}"
            weighted.append((self.template(where, template), self.whole(where, weight)))
        rules = self.as_list(f"{key}.rules", fields.get("rules"))
        return KeywordRules(
            texts=tuple(weighted),
            rules=tuple(self.keyword_rule(f"{key}.rules[{i}]", x) for i, x in enumerate(rules)),
            default=self.as_text(f"{key}.default", fields.get("default")),
            min_score=self.whole(f"{key}.min_score", fields.get("min_score", 1)),
        )

    def keyword_rule(self, key: str, item: object) -> Rule:
        fields = self.as_object(key, item)
        self.only(fields, frozenset({"value", "any_of", "none_of"}), key)
        words = self.as_list(f"{key}.any_of", fields.get("any_of"))
        if not words:
            raise self.error(f"{key}.any_of", words, "a rule without keywords never matches")
        return Rule(
            value=self.as_text(f"{key}.value", fields.get("value")),
            any_of=tuple(
                tuple(word.casefold() for word in self.as_texts(f"{key}.any_of[{i}]", x))
                for i, x in enumerate(words)
            ),
            none_of=tuple(
                word.casefold()
                for word in self.as_texts(f"{key}.none_of", fields.get("none_of", []))
            ),
        )

    def template(self, key: str, item: str) -> Template:
        try:
            parsed = list(string.Formatter().parse(item))
        except ValueError as error:
            raise self.error(key, item, f"{error} (a literal brace is doubled)") from None
        parts: list[tuple[str, str | None]] = []
        for literal, column, form, conversion in parsed:
            if column == "" or form or conversion:
                raise self.error(key, item, 'a column stands alone in braces, like "{id}"')
            parts.append((literal, column))
        columns = tuple(column for _, column in parts if column is not None)
        return Template(tuple(parts) or (("", None),), columns)

    def time_zone(self, item: object) -> tzinfo | None:
        if item is None:
            return None
        name = self.as_text("time_zone", item)
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, KeyError):  # an unknown name is a KeyError
            raise self.error("time_zone", name, "no such time zone (IANA name)") from None

    def pattern(self, key: str, item: object) -> re.Pattern[str]:
        text = self.as_text(key, item)
        try:
            return re.compile(text)
        except re.error as error:
            raise self.error(key, text, f"not a regular expression: {error}") from None

    def as_object(self, key: str, item: object) -> dict[str, Any]:
        if not isinstance(item, dict):
            raise self.error(key, item, "must be an object (key: value)")
        for name in item:
            if not isinstance(name, str):
                raise self.error(key, name, "write this key in quotes: YAML reads it as no text")
        return item

    def as_list(self, key: str, item: object) -> list[Any]:
        if not isinstance(item, list):
            raise self.error(key, item, "must be a list")
        return item

    def as_text(self, key: str, item: object) -> str:
        if not isinstance(item, str) or not item:
            raise self.error(key, item, "must be text" if item is not None else "missing")
        return item

    def as_texts(self, key: str, item: object) -> tuple[str, ...]:
        """One text or several."""
        items: Iterable[object] = item if isinstance(item, list) else (item,)
        return tuple(self.cell_text(key, x) for x in items)

    def cell_text(self, key: str, item: object) -> str:
        if not isinstance(item, str):
            raise self.error(key, item, "write it in quotes: a cell is text")
        return item

    def scalar(self, key: str, item: object) -> object:
        if item is not None and not isinstance(item, str | int | float | bool):
            raise self.error(key, item, "must be a single value")
        return item

    def whole(self, key: str, item: object) -> int:
        if isinstance(item, bool) or not isinstance(item, int) or item < 1:
            raise self.error(key, item, "must be a whole number of at least 1")
        return item

    def choice(self, key: str, item: object, choices: tuple[str, ...]) -> str:
        if item not in choices:
            raise self.error(key, item, f"must be one of {', '.join(choices)}")
        return str(item)

    def only(self, fields: dict[str, object], known: frozenset[str], key: str) -> None:
        for name in fields:
            if name not in known:
                where = f"{key}.{name}" if key else name
                expected = ", ".join(sorted(known))
                raise self.error(where, fields[name], f"no such key; there is {expected}")


__all__ = ["EventRule", "Mapping", "MappingError", "load_mapping", "parse_mapping"]
