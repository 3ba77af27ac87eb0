"""Rows to events: the mapping applied, each event checked against the contract."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cli.conversion.contract import Invalid, check
from cli.conversion.mapping import EventRule
from cli.conversion.mapping import Mapping as TableMapping
from cli.conversion.values import Constant, Expression, Fields, Items, Misfit, Row

UNKNOWN_LEAF = "unknown"


@dataclass(frozen=True, slots=True)
class Converted:
    """An event that the contract accepts."""

    time: datetime
    document: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reject:
    """What does not fit, for a person: where, what, why."""

    line: int
    column: str
    """Empty where no single column is to blame."""
    value: str | None
    reason: str
    event: str = ""
    """The event that could not be made; empty if the whole row is left out."""


@dataclass(slots=True)
class Counts:
    rows: int = 0
    events: Counter[str] = field(default_factory=Counter)
    rejected_rows: int = 0
    rejects: int = 0
    leaves: Counter[str] = field(default_factory=Counter)
    """Tickets received per leaf."""

    @property
    def unknown_share(self) -> float | None:
        """Of tickets with a leaf; None if no ticket has one."""
        total = self.leaves.total()
        return self.leaves[UNKNOWN_LEAF] / total if total else None


class Converter:
    """Applies a mapping to rows; remembers ids, and with ``rows: log`` each ticket's last row."""

    def __init__(
        self,
        mapping: TableMapping,
        check: Callable[[dict[str, object]], datetime] = check,
    ) -> None:
        self.mapping = mapping
        self.counts = Counts()
        self._check = check
        self._first_line: dict[str, int] = {}
        self._last_row: dict[str, Mapping[str, str]] = {}
        self._made: Counter[tuple[str, str]] = Counter()

    def unreadable(self, line: int, misfit: Misfit) -> Reject:
        """A row that the table reader could not read."""
        self.counts.rows += 1
        return self._row_reject(line, misfit)

    def convert(self, row: Row) -> Iterator[Converted | Reject]:
        """The events of a row. One that does not fit is a reject; the row's others are kept."""
        self.counts.rows += 1
        try:
            subject = self._subject(row)
        except Misfit as misfit:
            yield self._row_reject(row.line, misfit)
            return
        if self.mapping.log:
            row = Row(row.line, row.cells, self._last_row.get(subject))
            self._last_row[subject] = row.cells
        rejected = False
        for rule in self.mapping.events:
            try:
                converted = self._event(rule, subject, row)
            except Misfit as misfit:
                self.counts.rejects += 1
                rejected = True
                yield Reject(row.line, misfit.column, misfit.value, misfit.reason, rule.type)
            else:
                if converted is not None:
                    yield converted
        self.counts.rejected_rows += rejected

    def _row_reject(self, line: int, misfit: Misfit) -> Reject:
        self.counts.rejects += 1
        self.counts.rejected_rows += 1
        return Reject(line, misfit.column, misfit.value, misfit.reason)

    def _subject(self, row: Row) -> str:
        expression = self.mapping.subject
        value = expression.read(row)
        columns = ",".join(expression.columns)
        if value is None:
            raise Misfit(columns, None, "empty, so the row has no ticket id")
        subject = str(value)
        if not self.mapping.log:
            first = self._first_line.setdefault(subject, row.line)
            if first != row.line:
                raise Misfit(columns, subject, f"the ticket id of line {first} again")
        return subject

    def _event(self, rule: EventRule, subject: str, row: Row) -> Converted | None:
        if not rule.when.holds(row):
            return None
        time = rule.time.read(row)
        if time is None:
            columns = ",".join(rule.time.columns)
            raise Misfit(columns, None, "empty, so nobody knows when it happened")
        count = self._made[subject, rule.kind] + 1
        document: dict[str, object] = {
            "specversion": "1.0",
            "id": f"{subject}:{rule.kind}" + (f":{count}" if count > 1 else ""),
            "source": self.mapping.source,
            "type": rule.type,
            "time": time,
            "subject": subject,
            "datacontenttype": "application/json",
            "data": rule.data.read(row) or {},
        }
        try:
            at = self._check(document)
        except Invalid as invalid:
            blame = _columns_at(rule, invalid.path, self.mapping.subject)
            blamed = next((c for c in blame if c in row.cells), "")
            raise Misfit(
                ",".join(blame), row.cells.get(blamed), f"{invalid.field}: {invalid.problem}"
            ) from None
        self._made[subject, rule.kind] = count
        self._count(document, rule.type)
        return Converted(at, document)

    def _count(self, document: Mapping[str, object], event_type: str) -> None:
        self.counts.events[event_type] += 1
        data = document["data"]
        if event_type == "hotline.ticket.received.v1" and isinstance(data, dict):
            leaf = data.get("leaf")
            if isinstance(leaf, str):
                self.counts.leaves[leaf] += 1


def _columns_at(
    rule: EventRule, path: tuple[str | int, ...], subject: Expression
) -> tuple[str, ...]:
    """The columns that the field at ``path`` of the document comes from."""
    if not path:
        return ()
    if path[0] in ("id", "subject"):
        return subject.columns
    expression: Expression = rule.time if path[0] == "time" else rule.data
    for part in path[1:]:
        if isinstance(expression, Fields) and part in expression.fields:
            expression = expression.fields[str(part)]
        elif isinstance(expression, Items) and isinstance(part, int):
            if part >= len(expression.items):
                break
            expression = expression.items[part]
        elif isinstance(expression, Fields):
            return ()  # a field that the mapping does not give
        else:
            break
    return () if isinstance(expression, Constant) else expression.columns
