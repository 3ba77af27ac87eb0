"""Where the next page of a list begins: the place of its last row, for the caller a word (cursor).

A list is read by the order it stands in, not by a count of rows: what comes in or goes out between
two pages makes none be read twice or be left out.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import orjson
from fastapi import Query

from runtime.http.problems import Problem

ROWS: Final = 100
ROWS_AT_MOST: Final = 500
Limit = Annotated[int, Query(ge=1, le=ROWS_AT_MOST)]
Cursor = Annotated[str | None, Query(max_length=2_000, description="`next` of the page before")]

_HIGHEST: Final = 2**31 - 1


def cursor_of(place: Sequence[object]) -> str:
    """The word for a place."""
    return base64.urlsafe_b64encode(orjson.dumps(list(place))).decode()


def place_of(cursor: str | None, start: tuple[Any, ...]) -> tuple[Any, ...]:
    """The place that a word stands for.

    Args:
        start: the place before the first row, for a list that begins; it says of what the places
            are made: numbers, instants (None: endless) and texts.

    Raises:
        Problem: 422, it is no word of ours.
    """
    if cursor is None:
        return start
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
        return tuple(_part(part, like) for part, like in zip(parts, start, strict=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise Problem(
            422, "invalid_cursor", "cursor: give what `next` of the page before said, or none"
        ) from error


def _part(part: object, like: object) -> object:
    """Raises ``TypeError`` or ``ValueError``: it is not what stands in that place."""
    if isinstance(like, datetime):
        if part is None:
            return None
        found = datetime.fromisoformat(str(part))
        if found.tzinfo is None:
            raise ValueError(part)
        return max(found.astimezone(UTC), like)
    if type(part) is not type(like) or "\x00" in str(part):
        raise TypeError(part)
    if isinstance(part, int) and abs(part) > _HIGHEST:
        raise ValueError(part)
    return part
