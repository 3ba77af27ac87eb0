"""Where a field's value comes from: the expressions of the mapping language, each a small class."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Protocol

MAX_SHOWN = 200
"""Characters of a cell that a message shows; a longer cell would bury the reason."""

SLUG_BREAK = re.compile(r"[^0-9a-z]+")


class Misfit(Exception):
    """A cell that does not fit: the row is reported and left out, the rest goes on."""

    def __init__(self, column: str, value: str | None, reason: str) -> None:
        super().__init__(f"{column}={value!r}: {reason}")
        self.column = column
        self.value = value if value is None else value[:MAX_SHOWN]
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table; cells that mean nothing (``nulls``) are absent."""

    line: int
    """Where it starts in the file, from 1 (the header is line 1)."""
    cells: Mapping[str, str]
    previous: Mapping[str, str] | None = None
    """The ticket's row before this one; None for its first row, and without ``rows: log``."""


class Expression(Protocol):
    """What a value in the mapping means. ``read`` gives None for «leave the field out»."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    def read(self, row: Row) -> object: ...


@dataclass(frozen=True, slots=True)
class Constant:
    value: object
    columns: tuple[str, ...] = ()

    def read(self, row: Row) -> object:
        return self.value


@dataclass(frozen=True, slots=True)
class Template:
    """``"{street} {number}"``: text with columns in it; None if all its columns are empty."""

    parts: tuple[tuple[str, str | None], ...]
    """Literal text and the column after it."""
    columns: tuple[str, ...]

    def read(self, row: Row) -> str | None:
        cells = row.cells
        if len(self.parts) == 1 and not self.parts[0][0]:
            return cells.get(self.columns[0])
        if not any(column in cells for column in self.columns):
            return None
        text = "".join(
            literal + (cells.get(column, "") if column is not None else "")
            for literal, column in self.parts
        )
        return text.strip() or None


class Condition(Protocol):
    @property
    def columns(self) -> tuple[str, ...]: ...

    def holds(self, row: Row) -> bool: ...


@dataclass(frozen=True, slots=True)
class When:
    """What a column must be, now and in the ticket's previous row. All that is given must hold."""

    column: str
    present: bool | None = None
    any_of: frozenset[str] | None = None
    none_of: frozenset[str] | None = None
    matches: re.Pattern[str] | None = None
    changed: bool | None = None
    was: frozenset[str] | None = None
    was_not: frozenset[str] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def holds(self, row: Row) -> bool:
        now = row.cells.get(self.column)
        before = row.previous.get(self.column) if row.previous is not None else None
        return not (
            (self.present is not None and (now is not None) is not self.present)
            or (self.any_of is not None and now not in self.any_of)
            or (self.none_of is not None and now in self.none_of)
            or (self.matches is not None and (now is None or not self.matches.search(now)))
            or (self.changed is not None and (now != before) is not self.changed)
            or (self.was is not None and before not in self.was)
            or (self.was_not is not None and before in self.was_not)
        )


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of them must hold."""

    all: tuple[When, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(condition.column for condition in self.all)

    def holds(self, row: Row) -> bool:
        return all(condition.holds(row) for condition in self.all)


class Step(Protocol):
    """One turn of a text into another value; raises ``ValueError`` with the reason."""

    def apply(self, text: str) -> object: ...


@dataclass(frozen=True, slots=True)
class Extract:
    """The first group of a pattern; nothing if it does not match."""

    pattern: re.Pattern[str]

    def apply(self, text: str) -> str | None:
        found = self.pattern.search(text)
        return (found.group(1) or "").strip() or None if found else None


_NO_DEFAULT = object()


@dataclass(frozen=True, slots=True)
class Translate:
    """A table of values; without a default, a value that is not in it is a misfit."""

    table: Mapping[str, object]
    default: object = _NO_DEFAULT

    def apply(self, text: str) -> object:
        value = self.table.get(text, self.default)
        if value is _NO_DEFAULT:
            raise ValueError("not in the mapping's `map` (add it there, or a `default`)")
        return value


@dataclass(frozen=True, slots=True)
class Slug:
    """Lower case, and a hyphen for whatever is not a letter or digit."""

    def apply(self, text: str) -> str | None:
        return SLUG_BREAK.sub("-", text.lower()).strip("-") or None


@dataclass(frozen=True, slots=True)
class Number:
    whole: bool

    def apply(self, text: str) -> float | int:
        try:
            return int(text) if self.whole else float(text)
        except ValueError:
            raise ValueError(f"not {'a whole number' if self.whole else 'a number'}") from None


TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}


@dataclass(frozen=True, slots=True)
class Truth:
    def apply(self, text: str) -> bool:
        value = TRUTH.get(text.lower())
        if value is None:
            raise ValueError("neither true nor false")
        return value


@dataclass(frozen=True, slots=True)
class Instant:
    """A time with its offset, RFC 3339. A time without one is local to ``zone``.

    Daylight saving: a time that the clocks skipped is a misfit (``gap_moves_on`` False) or read
    with the offset before the change, so an hour later on the wall; of a time that came twice the
    first is taken.
    """

    format: str
    """strptime's, or ``iso``."""
    zone: tzinfo | None
    gap_moves_on: bool = False

    def apply(self, text: str) -> str:
        try:
            at = (
                datetime.fromisoformat(text)
                if self.format == "iso"
                else datetime.strptime(text, self.format)  # noqa: DTZ007 - its zone comes below
            )
        except ValueError:
            raise ValueError(f"not a time of the form {self.format}") from None
        if at.tzinfo is not None:
            return at.isoformat()
        if self.zone is None:
            raise ValueError("a time without an offset; give the mapping a `time_zone`")
        local = at.replace(tzinfo=self.zone)
        if local.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) == at:
            return local.isoformat()
        if not self.gap_moves_on:
            raise ValueError(f"a time that the clocks of {self.zone} skipped (see `dst_gap`)")
        return local.astimezone(UTC).astimezone(self.zone).isoformat()


@dataclass(frozen=True, slots=True)
class Read:
    """A template taken through steps, if its condition holds."""

    source: Template
    steps: tuple[Step, ...]
    when: Conditions = Conditions()

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.source.columns, *self.when.columns)

    def read(self, row: Row) -> object:
        if not self.when.holds(row):
            return None
        value: object = self.source.read(row)
        for step in self.steps:
            if value is None:
                return None
            try:
                value = step.apply(str(value))
            except ValueError as misfit:
                raise Misfit(",".join(self.source.columns), str(value), str(misfit)) from None
        return value


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The first that gives something."""

    choices: tuple[Expression, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for choice in self.choices for column in choice.columns)

    def read(self, row: Row) -> object:
        for choice in self.choices:
            value = choice.read(row)
            if value is not None:
                return value
        return None


@dataclass(frozen=True, slots=True)
class Fields:
    """An object; fields that give nothing are left out.

    An object is left out when none of its columns gives anything: constants alone («scheme:
    account») say nothing. The event's ``data`` itself stays.
    """

    fields: Mapping[str, Expression]
    stays: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for field in self.fields.values() for column in field.columns)

    def read(self, row: Row) -> dict[str, object] | None:
        read: dict[str, object] = {}
        said = self.stays or not self.columns
        for name, field in self.fields.items():
            value = field.read(row)
            if value is not None:
                read[name] = value
                said = said or bool(field.columns)
        return read if said else None


@dataclass(frozen=True, slots=True)
class Items:
    """A list; items that give nothing are left out."""

    items: tuple[Expression, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for item in self.items for column in item.columns)

    def read(self, row: Row) -> list[object] | None:
        values = (item.read(row) for item in self.items)
        return [value for value in values if value is not None] or None


def columns_of(expressions: Sequence[Expression | Condition]) -> frozenset[str]:
    return frozenset(column for expression in expressions for column in expression.columns)
