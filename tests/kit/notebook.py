"""A sink of the tests' own: a line per record, and how often each subject was seen.

Neither forgives a record that is written twice: the lines have no key, and a subject's count is
raised. ``data.boom`` makes it raise, as a defect would, while ``NOTEBOOK_FIXED`` is unset.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from aiokafka.structs import ConsumerRecord

from runtime.processor import Note, Record, Unreadable
from schemas.topics import Topic
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT, read_input

Line = tuple[str, int, int, str]
"""Topic, partition, offset, id of the event."""
UNREADABLE = "unreadable"


class Notebook:
    """The ``Sink``."""

    name = "notebook"
    topics: tuple[Topic, ...] = (ALARMS_IN, ALARMS_OUT)

    def __init__(self, *, fixed: bool = False) -> None:
        self.fixed = fixed or bool(os.environ.get("NOTEBOOK_FIXED"))

    async def write(
        self, connection: Any, topic: Topic, partition: int, records: Sequence[Record]
    ) -> Sequence[Note]:
        lines: list[Line] = []
        seen: Counter[str] = Counter()
        for record in records:
            try:
                event = read_input(record)
            except Unreadable:
                lines.append((topic.name, partition, record.offset, UNREADABLE))
                continue
            if event.data.get("boom") and not self.fixed:
                raise ValueError(f"boom at {event.id}")
            lines.append((topic.name, partition, record.offset, event.id))
            seen[event.subject] += 1
        await connection.executemany("INSERT INTO notebook.lines VALUES ($1, $2, $3, $4)", lines)
        await connection.executemany(
            "INSERT INTO notebook.subjects AS old VALUES ($1, $2) "
            "ON CONFLICT (subject) DO UPDATE SET seen = old.seen + excluded.seen",
            sorted(seen.items()),
        )
        return ()

    async def clear(self, connection: Any) -> None:
        await connection.execute("TRUNCATE notebook.lines, notebook.subjects")


async def make_tables(dsn: str) -> None:
    """The tables, which no migration knows."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            """
            CREATE SCHEMA notebook;
            CREATE TABLE notebook.lines (topic text, partition int, "offset" bigint, id text);
            CREATE TABLE notebook.subjects (subject text PRIMARY KEY, seen bigint NOT NULL);
            """
        )
    finally:
        await connection.close()


async def written(dsn: str) -> tuple[list[Line], dict[str, int]]:
    """What the tables hold, in order."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read"):
            lines = await connection.fetch("SELECT * FROM notebook.lines ORDER BY 1, 2, 3")
            subjects = await connection.fetch("SELECT * FROM notebook.subjects")
    finally:
        await connection.close()
    return [tuple(line) for line in lines], dict(map(tuple, subjects))


async def positions(dsn: str, sink: str = Notebook.name) -> dict[tuple[str, int], int]:
    """The next offsets, by topic at the broker and partition."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT topic, partition, next_offset FROM readmodel.positions WHERE sink = $1", sink
        )
    finally:
        await connection.close()
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


def folded(
    topics: Mapping[str, Mapping[int, Sequence[ConsumerRecord]]],
    below: Mapping[tuple[str, int], int] | None = None,
) -> tuple[list[Line], dict[str, int]]:
    """What the tables must hold: the plain fold of the committed records (I5).

    Args:
        topics: records by the sink's name of the topic and partition.
        below: only those below these offsets, by the same; None: all.
    """
    lines: list[Line] = []
    seen: Counter[str] = Counter()
    for topic, partitions in topics.items():
        for number, records in partitions.items():
            for each in records:
                if below is not None and each.offset >= below.get((topic, number), 0):
                    continue
                record = Record(
                    ALARMS_IN, number, each.offset, each.key, each.value, each.timestamp, ()
                )
                try:
                    event = read_input(record)
                except Unreadable:
                    lines.append((topic, number, each.offset, UNREADABLE))
                    continue
                lines.append((topic, number, each.offset, event.id))
                seen[event.subject] += 1
    return sorted(lines), dict(seen)
