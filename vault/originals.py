"""The vault of originals: events as they came, sealed under the key of their citizen (R61)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from runtime.database import Database
from runtime.keys import KeyRing
from schemas.events.parts import IdentityScheme
from vault import audit, links
from vault.deposits import Deposit, Link, Original
from vault.sealing import Seal, Wrapped


class Kept(NamedTuple):
    """An original, opened."""

    citizen: str
    subject: str
    event: str
    stored_at: datetime
    document: bytes


class Plain(NamedTuple):
    """An identity, opened, in its one spelling."""

    scheme: IdentityScheme
    source: str
    """Who numbers it; empty where everybody does."""
    value: str


class Disclosed(NamedTuple):
    """What the vault has for somebody who may see it, and whose look is logged."""

    identities: Sequence[Plain]
    """Of the citizen and of all pseudonyms linked with theirs."""
    originals: Sequence[Kept]
    """Of the ticket, in the order in which they were stored."""


class Vault:
    """Takes originals and links in; gives them out only with a name and a purpose."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        self._database = database
        self._wrapped = Wrapped(ring)

    async def deposit(self, items: Sequence[Deposit]) -> None:
        """Put all of it in its place, one after the other; what is there already is left alone.

        What is of a citizen who was erased meanwhile is dropped. Raises ``Unavailable``.
        """
        originals = [each for each in items if isinstance(each, Original)]
        made = [each for each in items if isinstance(each, Link)]
        async with self._database.connection() as connection:
            if originals:
                await self._store(connection, originals)
            for each in made:
                async with connection.transaction():
                    await links.link(connection, each)

    async def disclose(
        self, citizen: str, *, who: str, purpose: str, subject: str | None = None
    ) -> Disclosed:
        """Identities of a citizen, and the originals of one of their tickets.

        It is in the audit log before anybody sees it. Raises ``Unavailable``.
        """
        async with self._database.transaction() as connection:
            await audit.write(
                connection,
                who=who,
                action="disclosed",
                purpose=purpose,
                citizen=citizen,
                subject=subject,
            )
            persons = list(await links.members(connection, citizen))
            seals = await self._seals(connection, persons)
            identities = await connection.fetch(
                "SELECT citizen, sealed FROM vault.aliases JOIN vault.identities ON alias = id "
                "WHERE citizen = ANY($1) ORDER BY id",
                persons,
            )
            originals = await connection.fetch(
                "SELECT citizen, subject, event, stored_at, sealed FROM vault.originals "
                "WHERE subject = $1 AND citizen = ANY($2) ORDER BY stored_at, event",
                subject,
                [*persons, f"anon:{subject}"],
            )
            seals |= await self._seals(connection, {row["citizen"] for row in originals} - {*seals})
        return Disclosed(
            [_plain(seals[row["citizen"]].open(row["sealed"], row["citizen"]))
             for row in identities if row["citizen"] in seals],
            [_kept(seals[row["citizen"]], row) for row in originals if row["citizen"] in seals],
        )  # fmt: skip

    async def original(self, subject: str, *, who: str, purpose: str) -> list[Kept]:
        """The originals of a ticket, whosever it is; those of an erased citizen are missing.

        It is in the audit log before anybody sees it. Raises ``Unavailable``.
        """
        async with self._database.transaction() as connection:
            await audit.write(
                connection, who=who, action="disclosed", purpose=purpose, subject=subject
            )
            rows = await connection.fetch(
                "SELECT citizen, subject, event, stored_at, sealed FROM vault.originals "
                "WHERE subject = $1 ORDER BY stored_at, event",
                subject,
            )
            seals = await self._seals(connection, {row["citizen"] for row in rows})
        return [_kept(seals[row["citizen"]], row) for row in rows if row["citizen"] in seals]

    async def close(self) -> None:
        """Give the database's connections back."""
        await self._database.close()

    async def _store(self, connection: Any, originals: Sequence[Original]) -> None:
        # In one order, so that two workers do not wait for each other.
        citizens = sorted({each.citizen for each in originals})
        seals = await self._seals(connection, citizens)
        missing = [citizen for citizen in citizens if citizen not in seals]
        if missing:  # callers whom nobody knows, and who was erased: their row stays empty
            await connection.execute(
                "INSERT INTO vault.data_keys (citizen, key_version, wrapped) "
                "SELECT c, $3, w FROM unnest($1::text[], $2::bytea[]) AS new (c, w) "
                "ON CONFLICT DO NOTHING",
                missing,
                [self._wrapped.make(citizen, self._wrapped.version)[1] for citizen in missing],
                self._wrapped.version,
            )
            seals |= await self._seals(connection, missing)
        stored = [each for each in originals if each.citizen in seals]
        stored.sort(key=lambda each: (each.subject, each.event))
        await connection.execute(
            "INSERT INTO vault.originals (subject, event, citizen, sealed) "
            "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) "
            "ON CONFLICT DO NOTHING",
            [each.subject for each in stored],
            [each.event for each in stored],
            [each.citizen for each in stored],
            [
                seals[each.citizen].close(each.document, each.citizen, each.subject, each.event)
                for each in stored
            ],
        )

    async def _seals(self, connection: Any, citizens: Any) -> dict[str, Seal]:
        """Of those who have a key. Never kept: what is erased must be gone at once."""
        rows = await connection.fetch(
            "SELECT citizen, key_version, wrapped FROM vault.data_keys "
            "WHERE citizen = ANY($1) AND wrapped IS NOT NULL",
            list(citizens),
        )
        return {row["citizen"]: self._wrapped.open(*row) for row in rows}


def _kept(seal: Seal, row: Mapping[str, Any]) -> Kept:
    citizen, subject, event = row["citizen"], row["subject"], row["event"]
    document = seal.open(row["sealed"], citizen, subject, event)
    return Kept(citizen, subject, event, row["stored_at"], document)


def _plain(name: bytes) -> Plain:
    scheme, source, value = name.decode().split("\x1f", 2)
    return Plain(IdentityScheme(scheme), source, value)
