"""Which ids stand for which content: for both entrances, over all tickets (contract; R1).

A ticket's state knows its own latest ids; an id that is used again on another ticket is found here,
as long as ``KEEP``: the inbox keeps records for seven days, and nothing is put back after that.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from runtime.database import Database
from runtime.keys import KeyRing
from services.intake.reading import DIGESTS, hashed

KEEP: Final = timedelta(days=8)
PRUNE_EVERY_S: Final = 60.0
PRUNE_AT_ONCE: Final = 50_000
"""Rows, so that no statement takes long; a process keeps up with 800 events a second."""


_CLAIM: Final = """
    WITH new AS (
        INSERT INTO intake.seen_events (identity, digest, subject)
        SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[])
        ON CONFLICT DO NOTHING RETURNING identity
    )
    SELECT identity, NULL AS digest, NULL AS subject FROM new
    UNION ALL
    SELECT identity, digest, subject FROM intake.seen_events WHERE identity = ANY($1)
"""
"""What is there already (by HTTP nearly all, when intake asks) is read and not written."""


class Published(NamedTuple):
    """An event that somebody publishes."""

    source: str
    id: str
    digest: str
    """Of what it says (``reading``)."""
    subject: str

    @property
    def identity(self) -> bytes:
        """What no two events share, hashed."""
        return blake2b(f"{self.source}\x1f{self.id}".encode(), digest_size=16).digest()


class Claim(NamedTuple):
    """For what an id stands: for the event itself, or for one that came before."""

    digest: str
    """The event's own where it says the same, else one that is like no event's."""
    subject: str
    new: bool
    """Nobody had used the id yet."""

    def reused_by(self, event: Published) -> bool:
        """Whether the event uses the id for another content."""
        return event.digest != self.digest

    def elsewhere(self, event: Published) -> str | None:
        """The other ticket for which the id stands, if the event uses it for another content."""
        return self.subject if self.reused_by(event) and event.subject != self.subject else None


class SeenEvents:
    """The table ``intake.seen_events``."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        """Args:
        ring: without it nobody can guess what a digest in the table is of (R61).
        """
        self._database = database
        self._key = ring.derive(DIGESTS, ring.origin)
        self._pruned = time.monotonic()

    async def claim(self, events: Sequence[Published]) -> list[Claim]:
        """For what the id of each event stands; an unused one is theirs from now on.

        May be asked again with the same. Raises ``Unavailable``.
        """
        first: dict[bytes, Published] = {}
        identities = [event.identity for event in events]
        kept = [each._replace(digest=hashed(each.digest.encode(), self._key)) for each in events]
        for identity, event in zip(identities, kept, strict=True):
            first.setdefault(identity, event)
        if not first:
            return []
        # In one order, so that two workers do not wait for each other.
        ordered = sorted(first)
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _CLAIM,
                ordered,
                [first[identity].digest for identity in ordered],
                [first[identity].subject for identity in ordered],
            )
            stand = {}
            for identity, digest, subject in rows:
                mine = first[identity]
                stand[identity] = (
                    Claim(mine.digest, mine.subject, new=True)
                    if digest is None
                    else Claim(digest, subject, new=False)
                )
            others = [identity for identity in ordered if identity not in stand]
            if others:  # claimed by somebody else after the statement began
                stand |= await self._read(connection, others)
            await self._prune(connection)
        claims = []
        for identity, event, mine in zip(identities, events, kept, strict=True):
            # Pruned in this very moment: it is as good as new.
            claim = stand.get(identity) or Claim(mine.digest, mine.subject, new=True)
            if claim.digest == mine.digest:
                claim = claim._replace(digest=event.digest)
            claims.append(claim if mine is first[identity] else claim._replace(new=False))
        return claims

    async def all(self) -> dict[bytes, Claim]:
        """For what every id stands, by identity: to compute again what came of an inbox.

        Their digests are as kept, like no event's: only ``elsewhere`` can be asked of them. It
        needs no more, for the ticket is a part of the content.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT identity, digest, subject FROM intake.seen_events"
            )
        return {row["identity"]: Claim(row["digest"], row["subject"], new=False) for row in rows}

    async def _read(self, connection: Any, identities: Sequence[bytes]) -> dict[bytes, Claim]:
        rows = await connection.fetch(
            "SELECT identity, digest, subject FROM intake.seen_events WHERE identity = ANY($1)",
            identities,
        )
        return {row["identity"]: Claim(row["digest"], row["subject"], new=False) for row in rows}

    async def _prune(self, connection: Any) -> None:
        """Forget what is too old, now and then, some at a time."""
        if time.monotonic() - self._pruned < PRUNE_EVERY_S:
            return
        self._pruned = time.monotonic()
        await prune(connection)


async def prune(connection: Any, limit: int = PRUNE_AT_ONCE) -> int:
    """Forget up to ``limit`` ids that are older than ``KEEP``; how many it were."""
    done = await connection.execute(
        "DELETE FROM intake.seen_events WHERE identity IN (SELECT identity "
        "FROM intake.seen_events WHERE at < now() - $1::interval ORDER BY at LIMIT $2 "
        "FOR UPDATE SKIP LOCKED)",
        KEEP,
        limit,
    )
    return int(done.rpartition(" ")[2])
