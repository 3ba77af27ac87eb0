"""``hotline convert``: any CSV to events by a mapping file."""

import gzip
import io
import json
import os
import sys
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.conversion import Converted, Converter, MappingError, Reject, load_mapping
from cli.conversion.converter import Counts
from cli.conversion.table import TableError, read_rows
from cli.conversion.values import Row

REJECTS_SHOWN = 20
"""Rejects told one by one on stderr; all of them are in ``--rejects``."""
PROGRESS_EVERY_ROWS = 500
"""Smaller costs time, larger makes the bar jump."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--mapping",
    "mapping_file",
    required=True,
    type=click.Path(path_type=Path),
    help="Which rows make which events (YAML).",
)
@click.option(
    "-o", "--output", default="-", show_default=True, help="Events, one a line; - is stdout."
)
@click.option("--rejects", type=click.Path(path_type=Path), help="What did not fit, one a line.")
@click.option(
    "--encoding", help="Of the inputs, instead of the mapping's (gb18030, utf-8-sig ...)."
)
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many rows.")
@click.option("--strict", is_flag=True, help="Exit with 1 if anything did not fit.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON on stderr.")
def convert(
    inputs: tuple[Path, ...],
    mapping_file: Path,
    output: str,
    rejects: Path | None,
    encoding: str | None,
    limit: int | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Turn CSV files (plain or .gz) into events, in the order of their time.

    A row that does not fit is told with its line, column, value and reason, and the rest goes on.

    \b
    Examples:
      hotline convert --mapping deploy/mappings/boston311.yaml 2011q3.csv.gz -o events.jsonl
      hotline convert --mapping deploy/mappings/complaints_zh.yaml posts.csv.gz replied.csv.gz \\
          -o events.jsonl --rejects rejects.jsonl
      hotline convert --mapping ours.yaml --encoding gb18030 --limit 100 export.csv | head

    The mapping language: deploy/mappings/README.md
    """
    console = Console(stderr=True)
    try:
        mapping = load_mapping(mapping_file)
        if encoding is not None:
            mapping = mapping.with_encoding(encoding)
        converter = Converter(mapping)
        with ExitStack() as stack:
            spool = stack.enter_context(_Spool.open(output))
            told = stack.enter_context(_Rejects.open(rejects, console))
            progress = stack.enter_context(_progress(inputs, console))
            for path in inputs:
                _convert_file(path, converter, spool, told, progress, limit)
            spool.finish()
    except (MappingError, TableError) as error:
        raise click.ClickException(str(error)) from error
    except (OSError, EOFError) as error:  # EOFError: a gzip file that was cut off
        name = getattr(error, "filename", None) or ", ".join(map(str, inputs))
        raise click.ClickException(
            f"{name}: {getattr(error, 'strerror', None) or error}"
        ) from error
    _summary(console, converter.counts, told.count, as_json)
    if strict and converter.counts.rejects:
        sys.exit(1)


def _convert_file(
    path: Path,
    converter: Converter,
    spool: "_Spool",
    told: "_Rejects",
    progress: "_Bar",
    limit: int | None,
) -> None:
    with open(path, "rb") as raw, _text(path, raw, converter.mapping.encoding) as text:
        for item in read_rows(text, converter.mapping, str(path)):
            if limit is not None and converter.counts.rows >= limit:
                break
            if isinstance(item, Row):
                for made in converter.convert(item):
                    if isinstance(made, Converted):
                        spool.add(made)
                    else:
                        told.add(path, made)
            else:
                told.add(path, converter.unreadable(*item))
            if converter.counts.rows % PROGRESS_EVERY_ROWS == 0:
                progress.update(raw.tell(), converter.counts)
        progress.next_file(path, converter.counts)


@contextmanager
def _text(path: Path, raw: BinaryIO, encoding: str) -> Iterator[IO[str]]:
    magic = raw.peek(2)[:2] if isinstance(raw, io.BufferedReader) else b""
    stream: IO[bytes] = raw
    if magic == b"\x1f\x8b":
        stream = io.BufferedReader(gzip.GzipFile(fileobj=raw))
    try:
        yield io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline="")
    except gzip.BadGzipFile as error:
        raise TableError(f"{path}: damaged gzip: {error}") from error
    except EOFError as error:
        raise TableError(f"{path}: the gzip file is cut off; fetch it again") from error


class _Spool:
    """Events on disk in the order of the rows; ``finish`` writes them in the order of time.

    Only 24 bytes an event stay in memory, so a table larger than memory can be sorted. Nothing
    appears under the output's name before it is whole.
    """

    def __init__(self, output: str, spool: IO[bytes]) -> None:
        self._output = output
        self._spool = spool
        self._at = array("q")
        self._offsets = array("q", [0])

    @classmethod
    @contextmanager
    def open(cls, output: str) -> Iterator["_Spool"]:
        folder = None if output == "-" else Path(output).absolute().parent
        try:
            file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed below)
        except OSError as error:
            if folder is None:
                raise
            # The folder that was asked for, not the name that was made up.
            raise OSError(error.errno, error.strerror, str(folder)) from error
        with file as spool:
            yield cls(output, spool)

    def add(self, made: Converted) -> None:
        line = orjson.dumps(made.document, option=orjson.OPT_APPEND_NEWLINE)
        self._spool.write(line)
        self._at.append(int((made.time - _EPOCH).total_seconds() * 1_000_000))
        self._offsets.append(self._offsets[-1] + len(line))

    def finish(self) -> None:
        order = sorted(range(len(self._at)), key=self._at.__getitem__)
        if self._output == "-":
            self._write(order, click.get_binary_stream("stdout"))
            return
        part = Path(f"{self._output}.part")
        try:
            with open(part, "wb") as target:
                self._write(order, target)
            os.replace(part, self._output)
        finally:
            part.unlink(missing_ok=True)

    def _write(self, order: list[int], target: IO[bytes]) -> None:
        for i in order:
            self._spool.seek(self._offsets[i])
            target.write(self._spool.read(self._offsets[i + 1] - self._offsets[i]))
        target.flush()


class _Rejects:
    """All to a file, the first ones to a person."""

    def __init__(self, target: IO[bytes] | None, console: Console) -> None:
        self._target = target
        self._console = console
        self.count = 0

    @classmethod
    @contextmanager
    def open(cls, path: Path | None, console: Console) -> Iterator["_Rejects"]:
        if path is None:
            yield cls(None, console)
            return
        with open(path, "wb") as target:
            yield cls(target, console)

    def add(self, path: Path, reject: Reject) -> None:
        self.count += 1
        if self._target is not None:
            line = {
                "file": str(path),
                "line": reject.line,
                "column": reject.column,
                "value": reject.value,
                "reason": reject.reason,
                "event": reject.event,
            }
            self._target.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        if self.count <= REJECTS_SHOWN:
            cell = f"{reject.column}={reject.value!r}: " if reject.column else ""
            left_out = reject.event or "row"
            self._say(f"{path.name}:{reject.line}: {cell}{reject.reason} ({left_out} left out)")
        elif self.count == REJECTS_SHOWN + 1:
            more = "see the --rejects file" if self._target is not None else "give --rejects FILE"
            self._say(f"... more rejects: {more}")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class _Bar:
    """Progress by the bytes read of the inputs: rate and time left."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total or None, rows=0, rate=0.0)
        self._done = 0

    def update(self, position: int, counts: Counts) -> None:
        elapsed = self._progress.tasks[0].elapsed or 0.0
        self._progress.update(
            self._task,
            completed=self._done + position,
            rows=counts.rows,
            rate=counts.rows / elapsed if elapsed else 0.0,
        )

    def next_file(self, path: Path, counts: Counts) -> None:
        self._done += path.stat().st_size
        self.update(0, counts)


@contextmanager
def _progress(inputs: tuple[Path, ...], console: Console) -> Iterator[_Bar]:
    progress = Progress(
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} rows/s, left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        yield _Bar(progress, sum(path.stat().st_size for path in inputs))


def _summary(console: Console, counts: Counts, rejects: int, as_json: bool) -> None:
    unknown = counts.unknown_share
    if as_json:
        summary = {
            "rows": counts.rows,
            "events": counts.events.total(),
            "events_by_type": dict(counts.events.most_common()),
            "rejected_rows": counts.rejected_rows,
            "rejects": rejects,
            "leaves": len(counts.leaves),
            "unknown_leaf_share": None if unknown is None else round(unknown, 4),
        }
        click.echo(json.dumps(summary, ensure_ascii=False), err=True)
        return
    table = Table("what", "count", box=None)
    table.columns[1].justify = "right"
    table.add_row("rows", f"{counts.rows:,}")
    for event_type, count in counts.events.most_common():
        table.add_row(event_type, f"{count:,}")
    table.add_row("events", f"{counts.events.total():,}")
    table.add_row("rows with something left out", f"{counts.rejected_rows:,}")
    table.add_row("rejects", f"{rejects:,}")
    if unknown is not None:
        table.add_row("leaves", f"{len(counts.leaves):,}")
        table.add_row("share of unknown leaf", f"{unknown:.1%}")
    console.print(table)
