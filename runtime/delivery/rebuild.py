"""Filling a sink's tables anew from the log, and how far it is; workers may run meanwhile."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from runtime.database import Database
from runtime.delivery import positions
from runtime.delivery.sink import Sink
from runtime.engine import preflight
from runtime.engine.clients import stop_client
from runtime.errors import BrokerUnreachable
from runtime.settings import EngineSettings


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one topic partition is delivered."""

    topic: str
    """As the sink names it, without the deployment's prefix."""
    partition: int
    next_offset: int
    end: int
    """The last stable offset: what lies in open transactions is nobody's lag."""
    owner: str | None
    """Who claimed it last; None before the first claim, ``rebuild`` after a reset."""
    epoch: int
    at: datetime | None
    """When the position last moved."""

    @property
    def lag(self) -> int:
        """Records (and markers of transactions) that are not in the tables."""
        return max(0, self.end - self.next_offset)


async def reset(database: Database, sink: Sink) -> None:
    """Delete the sink's rows and put all its positions back, in one transaction.

    Workers that run find themselves fenced by it, claim anew and fill the tables again.

    Raises:
        Unavailable: the database does not answer, or was not migrated; nothing was changed.
    """
    async with database.transaction() as connection:
        await positions.reset(connection, sink.name)
        await sink.clear(connection)


class Standings:
    """Looks at the positions and at the ends of the topics."""

    def __init__(self, sink: Sink, settings: EngineSettings, database: Database) -> None:
        self.sink = sink
        self.settings = settings
        self._database = database
        self._consumer: AIOKafkaConsumer | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Standings"]:
        """Connect to the brokers.

        Raises:
            BrokerUnreachable: none answers.
            TopicMissing, WrongPartitionCount: the topics are not those that are delivered.
        """
        await preflight.at_start(self.sink.topics, self.settings)
        consumer = AIOKafkaConsumer(
            **self.settings.kafka_client_kwargs(),
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        try:
            await consumer.start()
            self._consumer = consumer
            yield self
        except (KafkaError, OSError) as error:
            raise BrokerUnreachable(self.settings.kafka_bootstrap, repr(error)) from error
        finally:
            self._consumer = None
            await stop_client(consumer)

    async def ends(self) -> dict[tuple[str, int], int]:
        """The last stable offsets by topic and partition."""
        return {key: end for key, (_, end) in (await self._bounds()).items()}

    async def _bounds(self) -> dict[tuple[str, int], tuple[int, int]]:
        assert self._consumer is not None, "within open()"
        tps = {
            (topic.name, number): TopicPartition(self.settings.topic(topic), number)
            for topic in self.sink.topics
            for number in range(topic.partitions or self.settings.partitions)
        }
        firsts = await self._consumer.beginning_offsets(list(tps.values()))
        ends = await self._consumer.end_offsets(list(tps.values()))
        return {key: (firsts[tp], ends[tp]) for key, tp in tps.items()}

    async def now(self) -> Sequence[Standing]:
        """Every topic partition, in the order of the sink's topics.

        Raises:
            Unavailable: the database does not answer, or was not migrated.
        """
        bounds = await self._bounds()
        async with self._database.connection() as connection:
            found = {
                (position.topic, position.partition): position
                for position in await positions.every(connection, self.sink.name)
            }
        standings = []
        for (topic, number), (first, end) in bounds.items():
            position = found.get((self.settings.topic(topic), number))
            standings.append(
                Standing(
                    topic=topic,
                    partition=number,
                    next_offset=max(first, position.next_offset if position else 0),
                    end=end,
                    owner=position.owner if position else None,
                    epoch=position.epoch if position else 0,
                    at=position.at if position else None,
                )
            )
        return standings


def left(standings: Sequence[Standing], until: Mapping[tuple[str, int], int]) -> int:
    """Records that are still to be written up to the ends of some earlier moment."""
    return sum(
        max(0, until[each.topic, each.partition] - each.next_offset)
        for each in standings
        if (each.topic, each.partition) in until
    )


async def anybody_runs(sink: Sink, settings: EngineSettings) -> bool:
    """Whether the sink's group has a member (one that was killed counts for a session)."""
    admin = AIOKafkaAdminClient(**settings.kafka_client_kwargs())
    try:
        await admin.start()
        group = settings.group_id(sink.name)
        for response in await admin.describe_consumer_groups([group]):
            for _error, _group, _state, _kind, _protocol, members, *_ in response.groups:
                if members:
                    return True
    finally:
        await admin.close()
    return False
