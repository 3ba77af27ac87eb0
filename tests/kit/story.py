"""Tickets through the real services in memory, then into a database by the real sink."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import orjson

from policy.bundle import Bundle, load
from runtime.core import AnyProcessor, to_ms
from runtime.database import Database
from runtime.driver import Driver, Written
from runtime.engine.task import partition_of
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.topics import CALLBACKS, INBOX, NOTICES, REPEATS, SLA, TICKETS
from services.dedup.domain import Dedup
from services.intake.domain import Intake
from services.intake.outside import IntakeOutside, Readings
from services.intake.reading import MAX_EVENT_BYTES
from services.intake.seen import SeenEvents
from services.readmodel.sink import ReadModel
from vault.aliases import DatabaseDirectory
from vault.directory import Directory, KeyedPseudonyms
from vault.originals import Vault

RING = KeyRing({1: bytes(range(32))})
PLATFORM = "cn.test.platform"
PARTITIONS = 4
DELIVERED = (TICKETS, REPEATS, SLA, CALLBACKS, NOTICES)


def instant(text: str) -> datetime:
    """``"2026-03-02 09:00"`` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class _Collecting(Driver):
    """A driver that keeps what would go into the vault."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.deposits: list[Any] = []

    def _finish(self, part: Any, batch: Any) -> None:
        self.deposits.extend(batch.deposits)
        super()._finish(part, batch)


class Line:
    """Publishes to a real intake and dedup; keeps what they wrote, as records of its topics."""

    def __init__(
        self,
        database: Database | None = None,
        bundle: Bundle | None = None,
        beside: Sequence[AnyProcessor] = (),
    ) -> None:
        """Args:
        beside: services that read the log, too.
        database: with it intake has its directory, vault and table of ids, and events wait for
            ``flush``; without it citizens go by keyed pseudonyms, and events are decided at once.
        """
        self.bundle = bundle or load("cn-12345")
        self.records: list[Record] = []
        self._ends: dict[tuple[str, int], int] = {}
        self._published = 0
        self._waiting: list[Record] = []
        self._outside: IntakeOutside | None = None
        directory: Directory = KeyedPseudonyms.of(RING)
        readings = Readings(MAX_EVENT_BYTES)
        if database is not None:
            directory = found = DatabaseDirectory(database, RING, self.bundle)
            self._outside = IntakeOutside(
                readings, SeenEvents(database, RING), found, Vault(database, RING)
            )
        intake = Intake(
            directory=directory,
            ring=RING,
            partitions=PARTITIONS,
            forward=False,
            reader=readings.take,
        )
        self._driver = _Collecting([intake, Dedup(), *beside], self.bundle, self._written)

    def publish(
        self, kind: str, subject: str, at: datetime, data: dict[str, Any]
    ) -> dict[str, Any]:
        """An event of the platform, recorded the minute it happened; returned as published."""
        document = {
            "specversion": "1.0",
            "id": f"e{self._published + 1}",
            "source": PLATFORM,
            "type": f"hotline.{kind}.v1",
            "time": at.isoformat(),
            "subject": subject,
            "data": data,
        }
        self.feed([(subject.encode(), orjson.dumps(document), to_ms(at))])
        return document

    def feed(self, records: Iterable[tuple[bytes | None, bytes, int]]) -> None:
        """Records of the inbox: key, value, milliseconds since 1970."""
        for key, value, at_ms in records:
            self._published += 1
            record = Record(INBOX, 0, self._published, key, value, at_ms)
            if self._outside is None:
                self._decide(record)
            else:
                self._waiting.append(record)

    async def flush(self) -> None:
        """Decide what waits, with the database around it as in production."""
        assert self._outside is not None, "there is a database"
        for record in self._waiting:
            await self._outside.prepare([record])
            self._decide(record)
            await self._outside.deposit(self._driver.deposits)
            self._driver.deposits.clear()
        self._waiting.clear()

    def advance(self, until: datetime) -> None:
        """Nothing happens until then but what is due."""
        self._driver.advance(until)

    def _decide(self, record: Record) -> None:
        self._driver.feed(record)
        assert not self._driver.failures, self._driver.failures

    def received(self, ticket: str, at: datetime, phone: str | None, **data: Any) -> dict[str, Any]:
        """受理 of a ticket of whoever has the number; None: anonymous."""
        content: dict[str, Any] = {"request_type": "complaint", "channel": "phone", **data}
        if phone is not None:
            identities = [{"scheme": "phone", "value": phone}]
            content["complainant"] = {**content.get("complainant", {}), "identities": identities}
        return self.publish("ticket.received", ticket, at, content)

    def citizen(self, ticket: str) -> str:
        """Whose the ticket is, by the log."""
        for record in self.records:
            if record.topic.name == TICKETS.name and record.value is not None:
                document = orjson.loads(record.value)
                if document["subject"] == ticket:
                    found: str = document["citizen"]
        return found

    def _written(self, written: Written) -> None:
        if written.topic.name not in {topic.name for topic in DELIVERED}:
            return
        assert written.key is not None
        number = partition_of(written.key, PARTITIONS)
        place = (written.topic.name, number)
        offset = self._ends.get(place, 0)
        self._ends[place] = offset + 1
        self.records.append(
            Record(written.topic, number, offset, written.key, written.value, written.at_ms)
        )


def batches(records: Sequence[Record], random: Random | None = None) -> Iterator[list[Record]]:
    """Batches of one partition number each, every partition in order.

    Args:
        random: mixes the partitions and cuts them anyhow; without it, one batch a partition.
    """
    waiting: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        waiting.setdefault((record.topic.name, record.partition), []).append(record)
    while waiting:
        place = random.choice(sorted(waiting)) if random else next(iter(waiting))
        mine = waiting[place]
        size = random.randint(1, min(7, len(mine))) if random else len(mine)
        yield mine[:size]
        waiting[place] = mine[size:]
        if not waiting[place]:
            del waiting[place]


async def deliver(
    dsn: str,
    records: Sequence[Record],
    *,
    random: Random | None = None,
    sink: ReadModel | None = None,
) -> list[Any]:
    """Write the records, a transaction a batch; returns the notes."""
    sink = sink or ReadModel()
    notes: list[Any] = []
    connection = await asyncpg.connect(dsn)
    try:
        for batch in batches(records, random):
            async with connection.transaction():
                topic, number = batch[0].topic, batch[0].partition
                notes += await sink.write(connection, topic, number, batch)
    finally:
        await connection.close()
    return notes


def later(at: datetime, **by: float) -> datetime:
    """``later(at, days=1)``."""
    return at + timedelta(**by)
