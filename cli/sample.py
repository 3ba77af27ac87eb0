"""``hotline sample``: a made-up day of a hotline, from a seed."""

import os
import time
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import IO

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.sampling import BAD_KINDS, Kind, SampleRecord, generate

DEFAULT_DAY = "2026-03-02"
"""A Monday. Fixed, so that the same seed gives the same bytes next year."""
PROGRESS_EVERY_RECORDS = 5_000


@click.command()
@click.option("--seed", default=7, show_default=True, help="The same seed gives the same bytes.")
@click.option(
    "--tickets",
    default=300,
    show_default=True,
    type=click.IntRange(min=1),
    help="Calls within the days; half as many come before, as history.",
)
@click.option(
    "--day",
    default=DEFAULT_DAY,
    show_default=True,
    type=click.DateTime(formats=["%Y-%m-%d"]),
    help="The first day.",
)
@click.option("--days", default=1, show_default=True, type=click.IntRange(1, 366))
@click.option(
    "-o", "--output", default="-", show_default=True, help="Records, one a line; - is stdout."
)
def sample(seed: int, tickets: int, day: datetime, days: int, output: str) -> None:
    """Write a made-up sample day: all kinds of events, repeats, late, doubled and bad records.

    Records come in the order of arrival; an event that arrives later than it happened says when in
    `recordedtime`. Bad records stand there as they are, but for those that no line of text can hold
    (bytes that are not UTF-8, empty ones): their number is told.

    \b
    Examples:
      hotline sample -o day.jsonl
      hotline sample --seed 42 --tickets 100000 --days 7 -o week.jsonl
      hotline sample --tickets 50 | head -1
    """
    console = Console(stderr=True)
    started = time.perf_counter()
    if output == "-":
        kinds, left_out = _write(click.get_binary_stream("stdout"), seed, tickets, day.date(), days)
    else:
        part = Path(f"{output}.part")
        try:
            with open(part, "wb") as target:
                kinds, left_out = _write(target, seed, tickets, day.date(), days, console)
            os.replace(part, output)
        except OSError as error:
            raise click.ClickException(f"{output}: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
    _summary(console, kinds, left_out, time.perf_counter() - started)


def _write(
    target: IO[bytes],
    seed: int,
    tickets: int,
    day: date,
    days: int,
    console: Console | None = None,
) -> tuple[Counter[Kind], int]:
    """Write the records; how many of each kind, and how many no line can hold."""
    kinds: Counter[Kind] = Counter()
    left_out = 0
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:,} records"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=console is None or not console.is_terminal,
    )
    with progress:
        task = progress.add_task("", total=None)
        for number, record in enumerate(generate(seed, tickets, day, days=days), start=1):
            kinds[record.kind] += 1
            if is_line(record):
                target.write(record.value)
                target.write(b"\n")
            else:
                left_out += 1
            if number % PROGRESS_EVERY_RECORDS == 0:
                progress.update(task, completed=number)
    target.flush()
    return kinds, left_out


def is_line(record: SampleRecord) -> bool:
    """Whether one line of a text file can hold the record."""
    if not record.value or b"\n" in record.value or b"\r" in record.value:
        return False
    try:
        record.value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _summary(console: Console, kinds: Counter[Kind], left_out: int, seconds: float) -> None:
    table = Table("record", "count", "becomes", box=None)
    table.columns[1].justify = "right"
    for kind in Kind:
        if kinds[kind]:
            fate = "dead letter" if kind in BAD_KINDS else "event"
            table.add_row(kind, f"{kinds[kind]:,}", "dropped" if kind is Kind.DUPLICATE else fate)
    total = kinds.total()
    table.add_row("all", f"{total:,}", f"{total / seconds:,.0f} records/s")
    if left_out:
        table.add_row("left out", f"{left_out:,}", "no line of text can hold them")
    console.print(table)
