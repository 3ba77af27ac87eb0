"""Rows out of CSV text, each with its line number; what is no row is a reject, not the end."""

import csv
from collections.abc import Iterable, Iterator

from cli.conversion.mapping import Mapping
from cli.conversion.values import MAX_SHOWN, Misfit, Row

MAX_CELL_CHARS = 1_000_000
"""A quote that is never closed would otherwise swallow the rest of the file as one cell."""

_CONTROL = frozenset(map(chr, range(32))) - set("\t\r\n")


class TableError(Exception):
    """The table as a whole does not fit the mapping. Operator action: check which belongs to it."""


def read_rows(
    lines: Iterable[str], mapping: Mapping, file: str
) -> Iterator[Row | tuple[int, Misfit]]:
    """Rows in the order of the file; a misfit comes with its line.

    Args:
        lines: decoded with ``errors="surrogateescape"``, so that a broken byte costs its row only.

    Raises:
        TableError: no header, no text, or a header without the mapping's columns.
    """
    csv.field_size_limit(MAX_CELL_CHARS)
    reader = csv.reader(lines, delimiter=mapping.delimiter)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise TableError(f"{file}: line 1 is not CSV: {error}") from error
    _check_header(header, mapping, file)
    wanted = mapping.columns
    columns = [(i, name) for i, name in enumerate(header) if name in wanted]
    nulls = mapping.nulls
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Misfit("", None, f"not CSV: {error}")
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            shown = mapping.delimiter.join(cells)[:MAX_SHOWN]
            problem = f"{len(cells)} cells where the header has {len(header)}"
            yield line, Misfit("", _printable(shown), problem)
            continue
        row = {}
        broken: Misfit | None = None
        for i, name in columns:
            cell = cells[i].strip()
            if cell in nulls:
                continue
            if not _is_text(cell):
                broken = Misfit(name, _printable(cell), f"bytes that are not {mapping.encoding}")
                break
            row[name] = cell
        yield (line, broken) if broken is not None else Row(line, row)


def _check_header(header: list[str], mapping: Mapping, file: str) -> None:
    if not header:
        raise TableError(f"{file}: empty; the first line must name the columns")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise TableError(f"{file}: line 1 names {', '.join(twice)} more than once")
    missing = sorted(mapping.columns - mapping.optional_columns - set(header))
    if missing and not all(_is_text(name) and _CONTROL.isdisjoint(name) for name in header):
        raise TableError(
            f"{file}: line 1 is not text in {mapping.encoding}; give the right --encoding, or "
            "unpack the file if it is an archive"
        )
    if missing:
        raise TableError(
            f"{file}: mapping {mapping.name} reads column {', '.join(missing)}, which line 1 does "
            f"not have (it has {', '.join(_printable(name) for name in header)}); is it the right "
            "mapping and `encoding`? A column that some files lack goes to `optional_columns`"
        )


def _is_text(cell: str) -> bool:
    if cell.isascii():
        return True
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _printable(cell: str) -> str:
    return cell.encode("utf-8", "backslashreplace").decode("utf-8")
