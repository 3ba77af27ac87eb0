"""A tally in a sentence, in tables, for programs."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rich.markup import escape
from rich.table import Table

from cli.effects.tally import COLUMNS, Move, Tally


def sentence(tally: Tally) -> str:
    """«312 deadlines moved (280 later, 32 earlier), 4 breaches withdrawn, 1 new breach»."""
    total = tally.total
    said = _counted(tally.moved, "deadline moved", "deadlines moved")
    if tally.moved:
        said += f" ({total['later']:,} later, {total['earlier']:,} earlier)"
    parts = [
        said,
        _counted(total["withdrawn"], "breach withdrawn", "breaches withdrawn"),
        _counted(total["breached"], "new breach", "new breaches"),
    ]
    if total["set"]:
        parts.append(_counted(total["set"], "deadline set", "deadlines set"))
    if total["undetermined"]:
        parts.append(
            _counted(total["undetermined"], "deadline", "deadlines") + " can no longer be reckoned"
        )
    return ", ".join(parts)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def document(tally: Tally) -> dict[str, Any]:
    """For programs."""
    return {
        "said": sentence(tally),
        "moved": tally.moved,
        **{column: tally.total[column] for column in COLUMNS},
        "tickets": len(tally.tickets),
        "versions": dict(sorted(tally.versions.items())),
        "by_target": _rows(tally.targets),
        "by_department": _rows(tally.departments),
        "largest": [
            {
                "ticket": move.ticket,
                "clock": move.clock,
                "department": move.department,
                "before": move.before.isoformat(),
                "after": move.after.isoformat(),
                "minutes": round(move.by / timedelta(minutes=1), 3),
            }
            for move in tally.largest
        ],
    }


def _rows(counted: Mapping[str, Counter[str]]) -> dict[str, dict[str, int]]:
    return {
        name: {column: counts[column] for column in COLUMNS}
        for name, counts in sorted(counted.items(), key=lambda row: (-row[1].total(), row[0]))
    }


def tables(tally: Tally, names: Mapping[str, str]) -> list[Table]:
    """For people. ``names``: what departments are called."""
    found = []
    for title, counted in (("target", tally.targets), ("department", tally.departments)):
        if not counted:
            continue
        table = Table(box=None, pad_edge=False)
        table.add_column(title)
        used = [column for column in COLUMNS if tally.total[column]]
        for column in used:
            table.add_column(column, justify="right")
        for name, row in _rows(counted).items():
            shown = f"{name} {names[name]}" if name in names else name
            table.add_row(escape(shown), *(f"{row[column]:,}" for column in used))
        found.append(table)
    if tally.largest:
        table = Table(box=None, pad_edge=False, title="largest moves", title_justify="left")
        for column in ("ticket", "clock", "before", "after", "by"):
            table.add_column(column, justify="right" if column == "by" else "left")
        for move in tally.largest:
            table.add_row(*map(escape, _row(move)))
        found.append(table)
    return found


def _row(move: Move) -> tuple[str, ...]:
    return (
        move.ticket,
        move.clock,
        move.before.strftime("%Y-%m-%d %H:%M"),
        move.after.strftime("%Y-%m-%d %H:%M"),
        _by(move.by),
    )


def _by(delta: timedelta) -> str:
    """«+2 d 03:30»."""
    sign = "-" if delta < timedelta(0) else "+"
    minutes = round(abs(delta) / timedelta(minutes=1))
    days, rest = divmod(minutes, 24 * 60)
    return f"{sign}{f'{days} d ' if days else ''}{rest // 60:02}:{rest % 60:02}"
