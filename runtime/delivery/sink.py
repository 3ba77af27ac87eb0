"""What a service gives to have topics delivered into the database."""

from collections.abc import Sequence
from typing import Any, Protocol

from runtime.processor import Note, Record
from schemas.topics import Topic


class Sink(Protocol):
    """Turns records into rows. What decides stands in a pure function beside it (a fold)."""

    @property
    def name(self) -> str:
        """Of the service; names its consumer group and its positions."""

    @property
    def topics(self) -> tuple[Topic, ...]:
        """Co-partitioned: partition p of all of them is written by one worker, one batch after the
        other, so that rows keyed as the topics are need no locks."""

    async def write(
        self, connection: Any, topic: Topic, partition: int, records: Sequence[Record]
    ) -> Sequence[Note]:
        """Write the rows of consecutive records of one partition.

        Called within the transaction that moves the position, so it must not commit. A batch whose
        transaction failed comes again, perhaps cut otherwise.

        A record that cannot be decoded is the sink's own business: it puts it aside and returns.
        Whatever this raises (but for a database that does not answer) stops the partition at that
        record until a person resumes it or a corrected version runs.

        Args:
            connection: of asyncpg.

        Returns:
            What metrics should count once the transaction is committed.
        """

    async def clear(self, connection: Any) -> None:
        """Delete all of its rows, for a rebuild from the log; within a transaction."""
