"""Decides the same inbox again in memory, without a broker: what Kafka has must be the same bytes.

A worker that was killed and went on from its changelog may neither skip nor repeat: its log, its
facts and its state must be those of a run that nothing disturbed.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from cli.explaining.material import subject_of
from policy.bundle import Bundle
from runtime.core import SYSTEM, TASK_KEY, AnyProcessor
from runtime.database import Database
from runtime.driver import Driver, Written
from runtime.engine.task import TaskRecord
from runtime.processor import Record
from schemas.topics import Topic
from services.intake.app import processor as intake
from services.intake.outside import reader_knowing
from services.intake.seen import SeenEvents
from services.intake.settings import IntakeSettings
from vault.snapshot import Snapshot

Partitions = Mapping[int, Sequence[Any]]
"""Records of a topic by partition, as the Kafka client gives them."""


async def intake_as_it_was(settings: IntakeSettings) -> Callable[[], AnyProcessor]:
    """Intake that knows people and ids as the workers' database has them in the end."""
    if settings.postgres_dsn is None:
        return partial(intake, settings)
    database = Database(settings.postgres_dsn, application="hotline-demo", connections=1)
    try:
        directory = await Snapshot.load(database, settings.key_ring())
        reader = reader_knowing(await SeenEvents(database).all())
    finally:
        await database.close()
    return partial(intake, settings, directory, reader)


@dataclass(slots=True)
class Comparison:
    """How much of what Kafka has was computed again, and what was not."""

    outputs: int = 0
    states: int = 0
    different: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        return not self.different


def compare(
    make: Callable[[], AnyProcessor],
    bundle: Bundle,
    read: Topic,
    records: Partitions,
    written: Topic,
    output: Partitions,
    changes: Partitions,
) -> Comparison:
    """One service: its input partition by partition, its output by citizen and ticket, its states.

    Args:
        make: a new processor for each partition.
        read: the input, and its ``records``.
        written: the output, and what is there.
        changes: the service's changelog.
    """
    found = Comparison()
    # What one citizen's ticket says comes from one input partition, in order. A ticket alone would
    # not do: what was recorded before its receipt lies under another key, elsewhere.
    expected: dict[tuple[bytes, str], list[bytes]] = defaultdict(list)
    for number, partition in records.items():
        task, kept = _compacted(changes.get(number, ()))
        written_now: list[Written] = []
        driver = Driver([make()], bundle, written_now.append)
        for record in partition:
            if task is None or record.offset >= task.positions[read.name]:
                break
            driver.feed(
                Record(
                    read,
                    number,
                    record.offset,
                    record.key,
                    record.value,
                    record.timestamp,
                    record.headers,
                )
            )
        if task is not None:
            driver.advance_ms(task.clock_ms)
        for each in written_now:
            if each.topic.name == written.name and each.value is not None:
                expected[each.key or b"", subject_of(each.value)].append(each.value)
        (part,) = driver.parts
        states = {key: part.load(key) for key in list(part.keys())}
        mine = {key: part.codec.encode(state) for key, state in states.items() if state is not None}
        found.states += len(mine)
        found.different += [
            f"state of {part.processor.name} {key!r}"
            for key in sorted(mine.keys() | kept.keys())
            if mine.get(key) != kept.get(key)
        ]
    there: dict[tuple[bytes, str], list[bytes]] = defaultdict(list)
    for partition in output.values():
        for record in partition:
            there[record.key or b"", subject_of(record.value)].append(record.value)
            found.outputs += 1
    found.different += [
        f"{written.name} of {key[1]}"
        for key in sorted(expected.keys() | there.keys())
        if expected.get(key) != there.get(key)
    ]
    return found


def parked_in(changes: Partitions) -> dict[str, int]:
    """How many events of a ticket wait in intake's states, by its changelog."""
    found: dict[str, int] = {}
    for partition in changes.values():
        for ticket, raw in _compacted(partition)[1].items():
            state = msgspec.json.decode(raw)[2]
            if count := len(state.get("parked", ())):
                found[ticket] = count
    return found


def _compacted(changes: Sequence[Any]) -> tuple[TaskRecord | None, dict[str, bytes]]:
    """The last word of a changelog partition: the task's own record, and state by key."""
    task: TaskRecord | None = None
    kept: dict[str, bytes] = {}
    for change in changes:
        key = change.key.decode()
        if key == TASK_KEY:
            task = msgspec.json.decode(change.value, type=TaskRecord)
        elif key.startswith(SYSTEM):
            continue
        elif change.value is None:
            kept.pop(key, None)
        else:
            kept[key] = change.value
    return task, kept
