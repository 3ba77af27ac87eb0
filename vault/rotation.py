"""Bringing all of the vault under the newest key version; nobody's pseudonym changes (R61).

First add the version to the key ring everywhere: from the moment rotation starts, a worker without
the new key waits. Aliases are hashed anew from the identities in the vault, data
keys are wrapped anew; originals are not touched. It may be stopped and started again at any time.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from runtime.database import Database
from runtime.keys import KeyRing
from vault import audit, keys
from vault.aliases import Hashes
from vault.sealing import Wrapped

AT_ONCE: Final = 1_000
"""Rows in a transaction. Larger: look-ups of these people wait for longer."""


class Rotated(NamedTuple):
    """What was brought under the newest version."""

    version: int
    aliases: int
    data_keys: int


async def rotate(
    database: Database,
    ring: KeyRing,
    *,
    who: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Rotated:
    """Rotate all that is under an older version.

    Raises ``Unavailable``, ``WrongKeys``, ``CannotOpen``.

    Args:
        progress: told how many rows are done, of how many.
    """
    wrapped, hashes = Wrapped(ring), Hashes(ring)
    async with database.connection() as connection:
        await keys.agree(connection, ring)
        await connection.execute(
            "UPDATE vault.state SET key_version = greatest(key_version, $1)", ring.current
        )
        total = await connection.fetchval(
            "SELECT (SELECT count(*) FROM vault.aliases WHERE key_version < $1) + "
            "(SELECT count(*) FROM vault.data_keys WHERE key_version < $1 AND wrapped IS NOT NULL)",
            ring.current,
        )
        counts: list[int] = []
        for step in (_aliases, _data_keys):
            done = 0
            while count := await step(connection, wrapped, hashes, ring.current):
                done += count
                progress(sum(counts) + done, total)
            counts.append(done)
        rotated = Rotated(ring.current, *counts)
        await audit.write(
            connection,
            who=who,
            action="rotated",
            purpose=f"key version {ring.current}",
            detail=f"{rotated.aliases} aliases, {rotated.data_keys} data keys",
        )
    return rotated


async def _aliases(connection: Any, wrapped: Wrapped, hashes: Hashes, version: int) -> int:
    async with connection.transaction():
        rows = await connection.fetch(
            "SELECT alias.id, alias.citizen, data.key_version, data.wrapped, identity.sealed "
            "FROM vault.aliases alias JOIN vault.identities identity ON identity.alias = alias.id "
            "JOIN vault.data_keys data ON data.citizen = alias.citizen "
            "WHERE alias.key_version < $1 ORDER BY alias.id LIMIT $2 FOR UPDATE OF alias",
            version,
            AT_ONCE,
        )
        await connection.execute(
            "UPDATE vault.aliases SET hash = h, key_version = $3 "
            "FROM unnest($1::bigint[], $2::bytea[]) AS new (i, h) WHERE id = i",
            [row["id"] for row in rows],
            [hashes.of(_name(wrapped, row)) for row in rows],
            version,
        )
    return len(rows)


def _name(wrapped: Wrapped, row: Any) -> bytes:
    seal = wrapped.open(row["citizen"], row["key_version"], row["wrapped"])
    return seal.open(row["sealed"], row["citizen"])


async def _data_keys(connection: Any, wrapped: Wrapped, hashes: Hashes, version: int) -> int:
    async with connection.transaction():
        rows = await connection.fetch(
            "SELECT citizen, key_version, wrapped FROM vault.data_keys "
            "WHERE key_version < $1 AND wrapped IS NOT NULL ORDER BY citizen LIMIT $2 FOR UPDATE",
            version,
            AT_ONCE,
        )
        await connection.execute(
            "UPDATE vault.data_keys SET wrapped = w, key_version = $3 "
            "FROM unnest($1::text[], $2::bytea[]) AS new (c, w) WHERE citizen = c",
            [row["citizen"] for row in rows],
            [wrapped.wrap(row["citizen"], wrapped.unwrap(*row), version) for row in rows],
            version,
        )
    return len(rows)
