"""Events of the tests' processor, and a partition of it that commits to two lists."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from policy.bundle import load
from runtime.core import Batch, Partition, to_ms
from runtime.engine.task import TaskLimits
from runtime.processor import Headers, Record
from runtime.stores.memory import MemoryStore
from schemas.dead_letter import DeadLetter, LetterId, RedriveEnd, Redriven
from tests.kit.reminders import ALARMS_IN, Alarm, Input, Reminders, Told
from tests.kit.sealing import SEALER

BUNDLE: Final = load("cn-12345")
LIMITS: Final = TaskLimits(
    batch_max_records=1_000,
    buffer_max_records=4_000,
    timers_per_batch=1_000,
    linger_min_ms=5,
    linger_max_ms=40,
)
START: Final = datetime(2026, 11, 21, 8, tzinfo=UTC)
START_MS: Final = to_ms(START)


def at_ms(seconds: float) -> int:
    """Milliseconds since 1970 of so many seconds after the start."""
    return START_MS + round(seconds * 1_000)


def event(offset: int, ticket: str, at_s: float, /, **data: Any) -> Record:
    """Event ``e<offset>`` of a ticket, recorded so many seconds after the start."""
    value = {
        "id": f"e{offset}",
        "subject": ticket,
        "recordedtime": START + timedelta(seconds=at_s),
        "data": data,
    }
    return Record(ALARMS_IN, 0, offset, ticket.encode(), msgspec.json.encode(value), at_ms(at_s))


def said(batch: Batch[Any, Any]) -> list[tuple[str, str, str | float]]:
    """Its outputs: («seen», ticket, event) and («rang», ticket, seconds after the start)."""
    found: list[tuple[str, str, str | float]] = []
    for output in batch.outputs:
        told = output.effect.value
        assert isinstance(told, Told)
        if told.type == "test.alarm.seen.v1":
            found.append(("seen", told.subject, told.causationid or ""))
        else:
            found.append(("rang", told.subject, (output.at_ms - START_MS) / 1_000))
    return found


@dataclass
class Rig:
    """A partition with a store, its facts and its letters."""

    processor: Reminders = field(default_factory=Reminders)
    settings: dict[str, Any] = field(default_factory=dict)
    store: MemoryStore = field(default_factory=MemoryStore)
    facts: list[tuple[str, str, str | float]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.part: Partition[Alarm, Input] = Partition(
            self.processor, BUNDLE, store=self.store, **{"sealer": SEALER, **self.settings}
        )
        self.part.index()

    def decide(
        self,
        *records: Record,
        clock_s: float | None = None,
        limit: int = 1_000,
        careful: bool = False,
    ) -> Batch[Alarm, Input]:
        """A batch that is not committed."""
        batch = self.part.begin(careful=careful)
        for record in records:
            batch.feed(record)
        if clock_s is not None:
            batch.advance(at_ms(clock_s), limit)
        return batch

    def commit(self, batch: Batch[Alarm, Input]) -> list[tuple[str, str, str | float]]:
        """Take a batch over; returns what it says."""
        self.part.apply(batch, batch.encode(), (self.store.offset or 0) + 1)
        new = said(batch)
        self.facts.extend(new)
        self.letters.extend(batch.letters)
        return new

    def run(self, *records: Record, **how: Any) -> list[tuple[str, str, str | float]]:
        """Decide and commit."""
        return self.commit(self.decide(*records, **how))

    def restarted(self, processor: Reminders | None = None) -> "Rig":
        """The same store and lists, another partition: all that was in memory is gone."""
        return Rig(processor or self.processor, self.settings, self.store, self.facts, self.letters)

    def back(self, *letters: DeadLetter) -> list[Record]:
        """Letters on the redrive topic, sealed, without an end marker."""
        sealed = [Redriven.of(one.closed(SEALER), LetterId(0, n)) for n, one in enumerate(letters)]
        return [self._redrive(one.key, one.value, one.to_headers()) for one in sealed]

    def end(self, subject: str, letters: int) -> Record:
        """The end marker of a pass."""
        return self._redrive(None, None, RedriveEnd(subject=subject, letters=letters).to_headers())

    def _redrive(self, key: bytes | None, value: bytes | None, headers: Headers) -> Record:
        return Record(self.part.redrive_topic, 0, 0, key, value, 0, headers)


def reasons(letters: Sequence[DeadLetter]) -> list[tuple[str | None, str]]:
    """Subject and reason of each."""
    return [(letter.subject, letter.reason) for letter in letters]
