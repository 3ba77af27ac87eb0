"""The directory as it stands, in memory: to compute again what intake made of its inbox.

The answer for an event follows from the final table (``joining``), so this finds what the workers
found, but for people who were erased since.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from runtime.database import Database
from runtime.keys import KeyRing
from schemas.events.parts import Identity
from schemas.ids import Citizen
from vault.aliases import Hashes
from vault.directory import Found
from vault.identities import ranked
from vault.joining import Alias, settle


class Snapshot:
    """A ``Directory`` that assigns nothing."""

    def __init__(self, hashes: Hashes, aliases: Mapping[bytes, Alias]) -> None:
        """
        Args:
            aliases: by hash.
        """
        self._hashes = hashes
        self._aliases = aliases

    @staticmethod
    async def load(database: Database, ring: KeyRing) -> "Snapshot":
        """All aliases of the database. Raises ``Unavailable``."""
        async with database.connection() as connection:
            rows = await connection.fetch(
                "SELECT hash, citizen, shared_since, id FROM vault.aliases"
            )
        aliases = {
            row["hash"]: Alias(Citizen(row["citizen"]), row["shared_since"], row["id"])
            for row in rows
        }
        return Snapshot(Hashes(ring), aliases)

    def resolve(self, identities: Sequence[Identity], source: str, at: datetime) -> Found | None:
        """As ``Directory.resolve``; None for people who are not in the table."""
        found = (
            self._aliases.get(digest)
            for each in ranked(identities, source)
            for digest in self._hashes.under_all([each.name])
        )
        return settle((alias for alias in found if alias is not None), at)
