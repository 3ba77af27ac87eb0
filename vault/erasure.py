"""Forgetting a person for good: the key goes, and with it all that it sealed (R61).

The log keeps its pseudonyms and masked texts, so that replay gives the same verdicts; nothing is
left that says who they were. Whoever calls again under the same number is somebody new.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from runtime.database import Database
from schemas.ids import Citizen
from vault import audit, links


class Person(NamedTuple):
    """What the vault has of a person, without a single plain value."""

    citizen: Citizen
    """The pseudonym that goes on."""
    members: Sequence[Citizen]
    """All pseudonyms of theirs."""
    aliases: Sequence["Known"]
    originals: int
    """Events whose originals are kept and can be opened."""
    erased: int
    """Events whose originals nobody can open any more."""
    erased_at: datetime | None
    """When they were erased last, if they were."""


class Known(NamedTuple):
    """An alias, by its kind."""

    citizen: str
    scheme: str
    assigned_at: datetime
    shared_since: datetime | None


async def show(database: Database, citizen: str) -> Person:
    """What the vault has of the person with this pseudonym. Raises ``Unavailable``."""
    async with database.transaction() as connection:
        return await _person(connection, citizen)


async def erase(database: Database, citizen: str, *, who: str, reason: str) -> Person:
    """Erase the person with this pseudonym, all linked ones too; what there was of them.

    In the audit log it stands with name and reason, for each pseudonym. Again: nothing happens.
    Raises ``Unavailable``.
    """
    async with database.transaction() as connection:
        # Whoever assigns waits; all memories of aliases expire.
        await connection.execute("UPDATE vault.state SET generation = generation + 1")
        await connection.execute(links.LOCK)
        before = await _person(connection, citizen)
        for each in before.members:
            await audit.write(
                connection,
                who=who,
                action="erased",
                purpose=reason,
                citizen=each,
                detail=f"{len(before.aliases)} aliases, {before.originals} originals of "
                f"{len(before.members)} pseudonyms",
            )
        members = list(before.members)
        # What has not come to the vault yet must not make a new key: the row stays, empty.
        await connection.execute(
            "INSERT INTO vault.data_keys (citizen, key_version, wrapped, erased_at) "
            "SELECT citizen, 0, NULL, now() FROM unnest($1::text[]) AS gone (citizen) "
            "ON CONFLICT (citizen) DO UPDATE SET wrapped = NULL, "
            "erased_at = coalesce(data_keys.erased_at, excluded.erased_at)",
            members,
        )
        await connection.execute("DELETE FROM vault.aliases WHERE citizen = ANY($1)", members)
        return before


async def _person(connection: Any, citizen: str) -> Person:
    members = sorted(await links.members(connection, citizen))
    aliases = await connection.fetch(
        "SELECT citizen, scheme, assigned_at, shared_since FROM vault.aliases "
        "WHERE citizen = ANY($1) ORDER BY id",
        members,
    )
    counts = await connection.fetchrow(
        "SELECT count(*) FILTER (WHERE wrapped IS NOT NULL) AS kept, "
        "count(*) FILTER (WHERE wrapped IS NULL) AS erased "
        "FROM vault.originals JOIN vault.data_keys USING (citizen) WHERE citizen = ANY($1)",
        members,
    )
    erased_at = await connection.fetchval(
        "SELECT max(erased_at) FROM vault.data_keys WHERE citizen = ANY($1)", members
    )
    return Person(
        await links.canonical(connection, citizen),
        members,
        [Known(*row) for row in aliases],
        counts["kept"],
        counts["erased"],
        erased_at,
    )
