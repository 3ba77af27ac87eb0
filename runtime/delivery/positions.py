"""Where each lane of a sink stands, in the database: claimed, moved and reset under a fence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

REBUILD: Final = "rebuild"
"""Owner of a lane that a rebuild has reset: whoever is fenced by it may claim the lane anew."""

_CLAIM: Final = """
INSERT INTO readmodel.positions AS held (sink, topic, partition, owner, epoch, next_offset)
SELECT $1, topic, $2, $4, 1, 0 FROM unnest($3::text[]) AS topic ORDER BY topic
ON CONFLICT (sink, topic, partition) DO UPDATE
SET owner = excluded.owner, epoch = held.epoch + 1, at = now()
RETURNING *
"""
_MOVE: Final = """
UPDATE readmodel.positions AS held SET next_offset = moved.next_offset, at = now()
FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS moved (topic, epoch, start, next_offset)
WHERE held.sink = $1 AND held.partition = $2 AND held.topic = moved.topic
    AND held.epoch = moved.epoch AND held.next_offset = moved.start
RETURNING held.topic
"""
_LANE: Final = """
SELECT * FROM readmodel.positions WHERE sink = $1 AND partition = $2 AND topic = ANY($3::text[])
"""
_ALL: Final = "SELECT * FROM readmodel.positions WHERE sink = $1"
_LOCK: Final = "LOCK TABLE readmodel.positions IN SHARE ROW EXCLUSIVE MODE"
_RESET: Final = """
UPDATE readmodel.positions SET owner = $2, epoch = epoch + 1, next_offset = 0, at = now()
WHERE sink = $1
"""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a sink has written a topic partition, and under which claim."""

    topic: str
    """As the broker names it, with the deployment's prefix."""
    partition: int
    owner: str
    epoch: int
    next_offset: int
    at: datetime


def _read(rows: Sequence[Mapping[str, Any]]) -> tuple[Position, ...]:
    names = Position.__slots__
    return tuple(Position(**{name: row[name] for name in names}) for row in rows)


async def claim(
    connection: Any, sink: str, number: int, topics: Sequence[str], owner: str
) -> dict[str, Position]:
    """Take a lane over: raise the epochs of all its topics and learn the offsets, in one statement.

    Whoever held it before can move nothing from now on.
    """
    rows = await connection.fetch(_CLAIM, sink, number, list(topics), owner)
    return {position.topic: position for position in _read(rows)}


async def move(
    connection: Any, sink: str, number: int, held: Mapping[str, Position], to: Mapping[str, int]
) -> bool:
    """Move a lane to ``to``; topics that are not in it stay. Within the rows' transaction.

    All positions of the lane are compared and locked, so that its transactions follow one another.

    Returns:
        False: epoch or offset of one of them is not what we hold; nothing may be committed.
    """
    topics = list(held)
    moved = await connection.fetch(
        _MOVE,
        sink,
        number,
        topics,
        [held[topic].epoch for topic in topics],
        [held[topic].next_offset for topic in topics],
        [to.get(topic, held[topic].next_offset) for topic in topics],
    )
    return len(moved) == len(topics)


async def lane(
    connection: Any, sink: str, number: int, topics: Sequence[str]
) -> dict[str, Position]:
    """Where a lane stands, whoever holds it."""
    rows = await connection.fetch(_LANE, sink, number, list(topics))
    return {position.topic: position for position in _read(rows)}


async def every(connection: Any, sink: str) -> tuple[Position, ...]:
    """Where all lanes of a sink stand."""
    return _read(await connection.fetch(_ALL, sink))


async def reset(connection: Any, sink: str) -> None:
    """Put every lane back to the beginning and fence who holds one; within the rows' transaction.

    The whole table is locked: a worker that claims its first lane just now has no row yet that
    could be, and would write rows that the rebuild then deletes. Workers move their position before
    they write, so they stand behind this lock with nothing else in their hands.
    """
    await connection.execute(_LOCK)
    await connection.execute(_RESET, sink, REBUILD)
