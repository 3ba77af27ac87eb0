"""Letters on a terminal, and as JSON."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.dead_lettering.planning import Filed
from schemas.dead_letter import LetterId


def as_json(filed: Filed, *, put_back: bool | None = None) -> dict[str, Any]:
    """All that is known of a letter but the original bytes."""
    letter = filed.letter
    return {
        "id": str(filed.id),
        "written": iso(filed.at_ms),
        "service": letter.service,
        "reason": letter.reason,
        "detail": letter.detail,
        "ticket": letter.subject,
        "waits": filed.waits,
        "put_back": put_back,
        "blocked_by": letter.blocked_by,
        "attempt": letter.attempt,
        "kind": letter.kind,
        "source": letter.source,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "recorded": iso(letter.timestamp_ms),
        "sealed": letter.sealed,
        "key": None if letter.key is None else letter.key.decode(errors="backslashreplace"),
        "value_bytes": None if letter.value is None or letter.sealed else len(letter.value),
        "headers": {
            name: content.decode(errors="backslashreplace") for name, content in letter.headers
        },
    }


Back = dict[str, set[LetterId]]
"""What went back, by service."""


def is_back(one: Filed, back: Back) -> bool:
    """Whether the letter went back to its service."""
    return one.id in back.get(one.letter.service, ())


def show_reasons(letters: Sequence[Filed], json_wanted: bool) -> None:
    """How many letters there are by service and reason, the most first."""
    counts: dict[tuple[str, str], int] = {}
    for one in letters:
        named = (one.letter.service, one.letter.reason)
        counts[named] = counts.get(named, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if json_wanted:
        for (service, reason), count in ranked:
            click.echo(json.dumps({"service": service, "reason": reason, "letters": count}))
        return
    table = Table("letters", "service", "reason", box=None)
    for (service, reason), count in ranked:
        table.add_row(str(count), escape(service), escape(reason))
    Console().print(table if ranked else "no dead letters")


def show_table(letters: Sequence[Filed], back: Back, *, hidden: int) -> None:
    """A row a letter; ``hidden`` is how many older ones were left out."""
    console = Console()
    if not letters:
        console.print("no dead letters")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("id", "written", "service", "reason", "ticket", "state"):
        table.add_column(column, no_wrap=True)
    table.add_column("detail", overflow="fold")
    for one in letters:
        letter = one.letter
        state = "put back" if is_back(one, back) else "waits" if one.waits else "refused"
        cells = (
            str(one.id),
            local(one.at_ms),
            letter.service,
            letter.reason if letter.attempt == 1 else f"{letter.reason} ({letter.attempt})",
            letter.subject or "",
            state,
            letter.detail,
        )
        table.add_row(*map(escape, cells))
    console.print(table)
    if hidden:
        console.print(f"and {hidden} older ones (--limit)", style="dim")


def show_letter(told: dict[str, Any]) -> None:
    """All of ``as_json`` that there is of a letter, a row each."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, content in told.items():
        if content not in (None, "", {}):
            told_as = content if isinstance(content, str) else json.dumps(content)
            table.add_row(name, escape(told_as))
    console = Console()
    console.print(table)
    if told["sealed"] is None:
        console.print("--value prints the original bytes; they may be personal", style="dim")


def iso(milliseconds: int) -> str:
    """In UTC, for machines."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def local(milliseconds: int) -> str:
    """In the zone of this machine, for eyes."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime("%m-%d %H:%M:%S")
