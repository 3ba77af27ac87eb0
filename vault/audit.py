"""Who looked at what of a citizen, or erased it, and to what purpose (R61). Only ever added to."""

from datetime import datetime
from typing import Any, Final, NamedTuple

LIMIT: Final = 1_000
"""Entries that are read at once."""


class Entry(NamedTuple):
    """One line of the log."""

    at: datetime
    who: str
    action: str
    citizen: str | None
    subject: str | None
    purpose: str
    detail: str


async def write(
    connection: Any,
    *,
    who: str,
    action: str,
    purpose: str,
    citizen: str | None = None,
    subject: str | None = None,
    detail: str = "",
) -> None:
    """Say that somebody did something; before they get to see it, or in the transaction that does.

    Args:
        who: a person or a token's name.
        action: a slug: ``disclosed``, ``erased``, ``shared``, …
        purpose: what for, in their words or as a code.
        detail: counts and the like. No plain values.
    """
    await connection.execute(
        "INSERT INTO vault.audit (who, action, purpose, citizen, subject, detail) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        who,
        action,
        purpose,
        citizen,
        subject,
        detail,
    )


async def read(
    connection: Any,
    *,
    citizen: str | None = None,
    subject: str | None = None,
    limit: int = LIMIT,
) -> list[Entry]:
    """The latest entries, the oldest of them first; of all citizens and subjects, or of one."""
    rows = await connection.fetch(
        "SELECT at, who, action, citizen, subject, purpose, detail FROM vault.audit "
        "WHERE ($1::text IS NULL OR citizen = $1) AND ($2::text IS NULL OR subject = $2) "
        "ORDER BY id DESC LIMIT $3",
        citizen,
        subject,
        min(limit, LIMIT),
    )
    return [Entry(*row) for row in reversed(rows)]
