"""What intake does in the database around its pure step: who citizens are, which ids were used
before, and where originals go (R12, R61, F23)."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from runtime.processor import Record, Unreadable
from schemas.envelope import Envelope
from schemas.events import IdentityLinked
from schemas.events.parts import Identity
from services.intake.domain import TICK_HEADER
from services.intake.people import party_in
from services.intake.reading import InboxEvent, appended_at, read
from services.intake.seen import Claim, Published
from vault.aliases import Ask
from vault.deposits import Deposit


class Claims(Protocol):
    """As ``seen.SeenEvents``."""

    async def claim(self, events: Sequence[Published]) -> Sequence[Claim]:
        """For what the id of each event stands."""


class Prefetched(Protocol):
    """As ``vault.aliases.DatabaseDirectory``."""

    async def prefetch(self, asked: Sequence[Ask]) -> None:
        """Learn who all of these are."""


class Deposits(Protocol):
    """As ``vault.originals.Vault``."""

    async def deposit(self, items: Sequence[Deposit]) -> None:
        """Put all of it in its place."""

    async def close(self) -> None:
        """Give the database's connections back."""


class Readings:
    """Records that were read before they are decided: each is read once.

    One batch of each partition: the next one takes its place.
    """

    def __init__(self, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._batches: dict[int, dict[tuple[str, int], InboxEvent | Unreadable]] = {}

    def put(self, batch: Mapping[Record, InboxEvent | Unreadable]) -> None:
        """What became of the records of a batch."""
        for partition in {record.partition for record in batch}:
            self._batches[partition] = {}
        for record, result in batch.items():
            self._batches[record.partition][record.topic.name, record.offset] = result

    def take(self, record: Record, max_event_bytes: int) -> InboxEvent:
        """For ``Intake(reader=…)``: the event in a record. Raises ``Unreadable``."""
        batch = self._batches.get(record.partition, {})
        result = batch.pop((record.topic.name, record.offset), None)
        if result is None:
            return read(record, max_event_bytes)
        if isinstance(result, Unreadable):
            raise result
        return result

    def read(self, record: Record) -> InboxEvent | Unreadable:
        """The event in a record, or what is wrong with it."""
        try:
            return read(record, self._max_event_bytes)
        except Unreadable as refused:
            return refused


class IntakeOutside:
    """Intake's ``Outside``: reads a batch, asks the database about it, deposits what follows."""

    def __init__(
        self, readings: Readings, seen: Claims, directory: Prefetched, vault: Deposits
    ) -> None:
        self._readings = readings
        self._seen = seen
        self._directory = directory
        self._vault = vault

    async def prepare(self, records: Sequence[Record]) -> None:
        """Read all, find out about ids and people. Raises ``Unavailable``."""
        batch = {
            record: self._readings.read(record)
            for record in records
            if not any(name == TICK_HEADER for name, _ in record.headers)
        }
        events = {
            record: result for record, result in batch.items() if isinstance(result, InboxEvent)
        }
        if events:
            await self._recognise(batch, events)
        self._readings.put(batch)

    async def deposit(self, items: Sequence[Deposit]) -> None:
        """Originals and links. Raises ``Unavailable``."""
        await self._vault.deposit(items)

    async def close(self) -> None:
        """With the engine."""
        await self._vault.close()

    async def _recognise(
        self,
        batch: dict[Record, InboxEvent | Unreadable],
        events: Mapping[Record, InboxEvent],
    ) -> None:
        published = [published_as(event) for event in events.values()]
        asked = [
            Ask(identities, event.event.source, appended_at(event.record))
            for event in events.values()
            for identities in people_in(event.event)
        ]
        # Neither needs the other's answer; both are awaited, so that nothing goes on unseen.
        claims, people = await asyncio.gather(
            self._seen.claim(published), self._directory.prefetch(asked), return_exceptions=True
        )
        if isinstance(people, BaseException):
            raise people
        if isinstance(claims, BaseException):
            raise claims
        for record, mine, claim in zip(events, published, claims, strict=True):
            other = claim.elsewhere(mine)
            if other is not None:
                batch[record] = msgspec.structs.replace(events[record], elsewhere=other)


def reader_knowing(claims: Mapping[bytes, Claim]) -> Callable[[Record, int], InboxEvent]:
    """For ``Intake(reader=…)``: reads records, and knows for what each id stands in the end."""

    def take(record: Record, max_event_bytes: int) -> InboxEvent:
        event = read(record, max_event_bytes)
        mine = published_as(event)
        claim = claims.get(mine.identity)
        other = None if claim is None else claim.elsewhere(mine)
        return event if other is None else msgspec.structs.replace(event, elsewhere=other)

    return take


def published_as(event: InboxEvent) -> Published:
    """What the table of ids knows an event by."""
    incoming = event.event
    return Published(incoming.source, incoming.id, event.digest, incoming.subject)


def people_in(incoming: Envelope) -> Iterator[Sequence[Identity]]:
    """The identities of each person whom intake will ask the directory for."""
    if isinstance(incoming, IdentityLinked):
        for alias in (incoming.data.first, incoming.data.second):
            if alias.identity is not None and alias.citizen is None:
                yield (alias.identity,)
        return
    party = party_in(incoming)
    for each in (party, party and party.on_behalf_of):
        if each is not None and each.identities:
            yield each.identities
