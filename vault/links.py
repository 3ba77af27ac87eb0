"""Which pseudonyms are one person (``identity.linked``): a forest, each linked one below another.

Aliases stay with the pseudonym that they were given to; only here is it said that two are one.
"""

from typing import Any, Final

from schemas.ids import Citizen
from vault.deposits import Link

LOCK: Final = "SELECT pg_advisory_xact_lock(12345, 1)"
"""Held while a link is made: two at once could make a circle."""

_ROOT = """
    WITH RECURSIVE up (citizen) AS (
        SELECT $1::text UNION SELECT first FROM vault.links JOIN up ON second = citizen
    )
    SELECT citizen FROM up
    WHERE NOT EXISTS (SELECT FROM vault.links WHERE second = citizen)
"""
_BELOW = """
    WITH RECURSIVE down (citizen) AS (
        SELECT $1::text UNION SELECT second FROM vault.links JOIN down ON first = citizen
    )
    SELECT citizen FROM down
"""


async def canonical(connection: Any, citizen: str) -> Citizen:
    """The pseudonym that goes on; of one that is linked with none, itself."""
    return Citizen(await connection.fetchval(_ROOT, citizen))


async def members(connection: Any, citizen: str) -> frozenset[Citizen]:
    """All pseudonyms of the person, this one among them."""
    rows = await connection.fetch(_BELOW, await canonical(connection, citizen))
    return frozenset(Citizen(row["citizen"]) for row in rows)


async def link(connection: Any, made: Link) -> bool:
    """Make two persons one, within a transaction; False if they are one already."""
    await connection.execute(LOCK)
    first = await canonical(connection, made.first)
    second = await canonical(connection, made.second)
    if first == second:
        return False
    await connection.execute(
        "INSERT INTO vault.links (second, first, event, by, at) VALUES ($1, $2, $3, $4, $5)",
        second,
        first,
        made.event,
        made.by,
        made.at,
    )
    return True
