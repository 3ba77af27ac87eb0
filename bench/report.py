"""Tables for a terminal and for a README, and the numbers behind them as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table

from bench.machine import Machine


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with where and when it was measured below it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    machine: Machine
    notes: tuple[str, ...] = ()
    text_columns: int = 1
    """How many columns on the left are words; the others are numbers."""

    @property
    def caption(self) -> str:
        return "\n".join((f"Measured {self.machine}.", *self.notes))

    def rich(self) -> Table:
        table = Table(title=self.title, caption=self.caption, caption_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number < self.text_columns else "right")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        lines = [
            f"### {self.title}",
            "",
            _line(self.columns),
            _line(
                "---" if number < self.text_columns else "---:"
                for number in range(len(self.columns))
            ),
            *(_line(row) for row in self.rows),
            "",
            f"Measured {self.machine}.",
            *self.notes,
        ]
        return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def spread(values: Sequence[float], digits: int = 0) -> str:
    """One number, or lowest–highest of several; – for none."""
    if not values:
        return "–"
    low, high = (f"{value:,.{digits}f}" for value in (min(values), max(values)))
    return low if low == high else f"{low}–{high}"
