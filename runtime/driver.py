"""The same processors without a broker, in virtual time: for replay, backtests, simulation, tests.

Records come in the order of their recorded time. Before each, the clock moves to it and what is due
before fires; so the facts are those of Kafka for the same recorded log. ``hotline.clock`` is not
written: here the driver is the clock.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from policy.bundle import Bundle
from runtime.core import AnyPartition, AnyProcessor, Batch, Failure, Partition, to_ms
from runtime.processor import Effect, Record
from schemas.dead_letter import DeadLetter, Sealer
from schemas.envelope import Envelope
from schemas.topics import DEAD_LETTERS, Topic

RECORDS_AT_ONCE: Final = 256
"""Of a chunk: enough to spread what a batch costs, few enough to keep memory small."""
TIMERS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Written:
    """A record that a processor wrote."""

    topic: Topic
    key: bytes | None
    value: bytes | None
    at_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()


def to_bytes(value: Envelope | bytes) -> bytes:
    """A fact's JSON, without what is absent."""
    if isinstance(value, bytes):
        return value
    return value.__pydantic_serializer__.to_json(value, exclude_none=True)


class Driver:
    """Runs processors in one process, one partition each; outputs go to ``sink``."""

    def __init__(
        self,
        processors: Sequence[AnyProcessor],
        bundle: Bundle,
        sink: Callable[[Written], None],
        *,
        sealer: Sealer | None = None,
    ) -> None:
        """
        Args:
            sink: takes all that is written, dead letters too.
            sealer: of the dead letters; None leaves their originals in clear, which suits where
                they stay in memory, or where the input lies in clear beside them (replay).
        """
        self.sealer = sealer
        self.parts = [Partition(processor, bundle, sealer=sealer) for processor in processors]
        self.sink = sink
        self.notes: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.failures: list[Failure] = []
        self._inputs = [
            (part, {topic.name for topic in (*part.processor.inputs, part.redrive_topic)})
            for part in self.parts
        ]
        self._read = frozenset().union(*(topics for _, topics in self._inputs))
        self._offsets: Counter[str] = Counter()
        self._queue: list[Record] = []
        self._clock_ms = 0
        self._last_ms = 0

    def feed(self, record: Record) -> None:
        """Take one record of an input topic; its timestamp is the clock."""
        self.feed_all((record,))

    def feed_all(self, records: Sequence[Record]) -> None:
        """Take records in the order of their timestamps.

        The clock moves to the first of them; timers of a record's own keys fire before it, so what
        comes out for a ticket does not depend on how many are handed over at once.
        """
        if records:
            self.advance_ms(records[0].timestamp_ms)
            self._queue.extend(records)
            self._drain()

    def advance(self, until: datetime) -> None:
        """Move the clock on with no record: what is due before ``until`` fires."""
        self.advance_ms(to_ms(until))

    def advance_ms(self, clock_ms: int) -> None:
        """As ``advance``, in milliseconds since 1970 UTC."""
        if clock_ms <= self._clock_ms:
            return
        self._clock_ms = clock_ms
        for part in self.parts:
            due_ms = part.next_due_ms
            while part.overdue or (due_ms is not None and due_ms < clock_ms):
                batch = part.begin()
                batch.advance(clock_ms, TIMERS_AT_ONCE)
                self._finish(part, batch)
                self._drain()
                due_ms = part.next_due_ms
            part.clock_ms = max(part.clock_ms, clock_ms)

    def run(self, records: Iterable[Record], *, until: datetime | None = None) -> None:
        """Feed all records (in the order of their timestamps), then move the clock to ``until``."""
        rest = iter(records)
        while chunk := list(islice(rest, RECORDS_AT_ONCE)):
            self.feed_all(chunk)
            self._last_ms = chunk[-1].timestamp_ms
        self.advance_ms(self._last_ms)
        if until is not None:
            self.advance(until)

    def _drain(self) -> None:
        """Each processor in turn takes what is queued for it; what it writes is queued again."""
        while self._queue:
            records, self._queue = self._queue, []
            for part, topics in self._inputs:
                mine = [record for record in records if record.topic.name in topics]
                if mine:
                    batch = part.begin()
                    for record in mine:
                        batch.feed(record)
                    self._finish(part, batch)

    def _finish(self, part: AnyPartition, batch: Batch[Any, Any]) -> None:
        for output in batch.outputs:
            self._write(output.effect, output.at_ms)
        for letter in batch.letters:
            self._write_letter(letter)
        self.notes.update(batch.notes)
        self.failures.extend(batch.failures)
        part.apply(batch)

    def _write(self, effect: Effect, at_ms: int) -> None:
        topic, value = effect.topic, to_bytes(effect.value)
        key = effect.key.encode()
        self.sink(Written(topic, key, value, at_ms, effect.headers))
        if topic.name in self._read:
            offset = self._offsets[topic.name]
            self._offsets[topic.name] += 1
            self._queue.append(Record(topic, 0, offset, key, value, at_ms, effect.headers))

    def _write_letter(self, letter: DeadLetter) -> None:
        key, value, headers = letter.to_record(self.sealer)
        self.sink(Written(DEAD_LETTERS, key, value, letter.timestamp_ms, headers))
