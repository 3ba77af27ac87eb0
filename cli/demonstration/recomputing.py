"""Decides the same inbox again in memory, without a broker: what Kafka has must be the same bytes.

A worker that was killed and went on from its changelog may neither skip nor repeat: its log, its
facts and its state must be those of a run that nothing disturbed. Of citizens whose identities were
linked on the way only the last verdicts must be.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import msgspec
import orjson

from cli.explaining.material import subject_of
from policy.bundle import Bundle
from runtime.core import SYSTEM, TASK_KEY, AnyProcessor
from runtime.database import Database
from runtime.driver import Driver, Written
from runtime.engine.clients import record_of
from runtime.engine.task import TaskRecord
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
        ring = settings.key_ring()
        directory = await Snapshot.load(database, ring)
        reader = reader_knowing(await SeenEvents(database, ring).all())
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
    written: Mapping[Topic, Partitions],
    changes: Partitions,
    linked: Set[str] = frozenset(),
    *,
    timed: bool = False,
) -> Comparison:
    """One service: its input partition by partition, its output by citizen and ticket, its states.

    Args:
        make: a new processor for each partition.
        read: the input, and its ``records``.
        written: the outputs, and what is there.
        changes: the service's changelog.
        linked: citizens left out of it, for ``compare_linked``.
        timed: whether timers write to the partition of their input; what they wrote after the
            changelog was read is left out.
    """
    found = Comparison()
    clocks: dict[int, int] = {}
    topics = {topic.name for topic in written}
    # What one citizen's ticket says comes from one input partition, in order. A ticket alone would
    # not do: what was recorded before its receipt lies under another key, elsewhere.
    expected: dict[tuple[str, bytes, str], list[bytes]] = defaultdict(list)
    for number, partition in records.items():
        task, kept = _compacted(changes.get(number, ()))
        written_now: list[Written] = []
        driver = Driver([make()], bundle, written_now.append)
        for record in partition:
            if task is None or record.offset >= task.positions[read.name]:
                break
            driver.feed(record_of(read, record))
        if task is not None:
            clocks[number] = task.clock_ms
            driver.advance_ms(task.clock_ms)
        for each in written_now:
            if each.topic.name in topics and each.value is not None:
                key = each.key or b""
                expected[each.topic.name, key, subject_of(each.value)].append(each.value)
        (part,) = driver.parts
        states = {key: part.load(key) for key in list(part.keys())}
        mine = {key: part.codec.encode(state) for key, state in states.items() if state is not None}
        names = [
            key for key in sorted(mine.keys() | kept.keys()) if key.partition("|")[0] not in linked
        ]
        found.states += len(names)
        found.different += [
            f"state of {part.processor.name} {key!r}"
            for key in names
            if mine.get(key) != kept.get(key)
        ]
    there: dict[tuple[str, bytes, str], list[bytes]] = defaultdict(list)
    for topic, output in written.items():
        for number, partition in output.items():
            for record in partition:
                where = (topic.name, record.key or b"", subject_of(record.value))
                after = timed and record.timestamp >= clocks.get(number, 0)
                if after and len(there[where]) >= len(expected.get(where, ())):
                    continue
                there[where].append(record.value)
    for where in sorted(expected.keys() | there.keys()):
        if where[1].decode() in linked:
            continue
        found.outputs += len(there.get(where, ()))
        if expected.get(where, []) != there.get(where, []):
            found.different.append(f"{where[0]} of {where[2]}")
    return found


def of_source(records: Partitions, source: str) -> Partitions:
    """What one service wrote to a topic that several write to."""
    said = f'"source":"{source}"'.encode()
    return {
        number: [record for record in partition if said in (record.value or b"")]
        for number, partition in records.items()
    }


def linked_in(log: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Citizens of whom the log says that they are one with another (身份归并)."""
    found = set()
    for event in log:
        if event["type"] == "hotline.identity.linked.v1":
            aliases = (event["data"]["first"], event["data"]["second"])
            found |= {alias["citizen"] for alias in aliases if alias.get("citizen")}
    return frozenset(found)


def compare_linked(
    make: Callable[[], AnyProcessor],
    bundle: Bundle,
    read: Topic,
    records: Partitions,
    written: Topic,
    output: Partitions,
    linked: Set[str],
) -> Comparison:
    """The last verdict on each ticket of those who are linked.

    Their tickets go from one partition to another, and which of two partitions is ahead no log
    says; so revisions may differ. What holds in the end may not.
    """
    found = Comparison()
    facts: list[Written] = []
    driver = Driver([make()], bundle, facts.append)
    log = [
        (record.timestamp, number, record)
        for number, partition in records.items()
        for record in partition
        if (record.key or b"").decode() in linked
    ]
    for _, _, record in sorted(log, key=lambda each: each[:2]):
        driver.feed(record_of(read, record))
    expected = _last(each.value for each in facts if each.topic.name == written.name)
    there = _last(
        record.value
        for partition in output.values()
        for record in partition
        if (record.key or b"").decode() in linked
    )
    found.outputs = len(there)
    for ticket in sorted(expected.keys() | there.keys()):
        mine, theirs = expected.get(ticket, {}), there.get(ticket, {})
        fields = [name for name in HELD if mine.get(name) != theirs.get(name)]
        if fields:
            found.different.append(f"last verdict on {ticket} ({', '.join(fields)})")
    return found


HOLDS: Final = ("verdict", "reason", "counted", "recontact", "mark")
HELD: Final = (*HOLDS, "leaf", "first_ticket", "position", "cause", "rests_on")
"""Of a verdict: what does not depend on when it was stated."""


def _last(facts: Iterable[bytes | None]) -> dict[str, dict[str, Any]]:
    """What holds of each ticket, whatever way it came to that: the highest revision."""
    newest: dict[str, tuple[int, dict[str, Any]]] = {}
    for fact in facts:
        document = orjson.loads(fact or b"null")
        data, ticket = document["data"], document["subject"]
        if ticket not in newest or data["revision"] >= newest[ticket][0]:
            newest[ticket] = data["revision"], data
    return {ticket: what_holds(data) for ticket, (_, data) in newest.items()}


def what_holds(data: Mapping[str, Any]) -> dict[str, Any]:
    """A verdict without what depends on when it was stated: revision, ids, how far the ticket and
    those before it were handled by then."""
    held = {name: data.get(name) for name in HOLDS}
    chain, cause = data.get("chain") or {}, data.get("root_cause") or {}
    return held | {
        "leaf": data["dimensions"].get("leaf"),
        "first_ticket": chain.get("first_ticket"),
        "position": chain.get("position"),
        "cause": cause.get("cause"),
        "rests_on": (data.get("rests_on") or {}).get("ticket"),
    }


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
