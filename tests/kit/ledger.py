"""Reads what a run left on the topics, and checks it against a plain fold of the input (I1–I7).

Nothing here asks the engine what it did. What must be there follows from the input records alone;
what is there is read committed, to the high-water mark.
"""

import asyncio
import contextlib
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

import msgspec
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from policy.bundle import Bundle, load
from runtime.core import TASK_KEY, AnyProcessor
from runtime.driver import Driver, Written
from runtime.engine.task import TaskRecord
from runtime.keys import KeyRing
from runtime.processor import Record
from runtime.sealing import Sealer
from schemas.clock import ClockRecord
from schemas.dead_letter import DeadLetter
from schemas.topics import CLOCK, DEAD_LETTERS, INBOX, REPEATS, TICKETS, Topic, changelog, redrive
from services.dedup.domain import Dedup
from services.intake.domain import TICK_HEADER, Intake
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT, Alarm
from vault.directory import Directory, KeyedPseudonyms

Records = dict[int, list[ConsumerRecord]]
RING = KeyRing({1: bytes(range(32))})
KEYS = '{"1": "' + bytes(range(32)).hex() + '"}'
"""The same as a setting."""
"""Of the tests' intake: the fold must name the citizens as the worker does."""
SAMPLE_SECONDS = 0.05
PROMPT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Committed offsets, and the ends of the output read *after* them (I4)."""

    committed: Mapping[tuple[str, int], int]
    ends: Mapping[int, int]


@dataclass
class Watcher:
    """Looks from outside while the workers run: how far they are, and what is durable by then."""

    group: str
    input: str
    output: str
    samples: list[Sample] = field(default_factory=list)
    latest: Mapping[tuple[str, int], int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """Records of the input that are committed, over all partitions."""
        return sum(offset for (topic, _), offset in self.latest.items() if topic == self.input)

    async def reaches(self, count: float, *, within: float = 90) -> None:
        """Returns as soon as so many records are committed."""
        await assert_eventually(
            lambda: self.done >= count,
            within=within,
            what=f"{count:.0f} records of {self.input} are committed",
            every=0.02,
        )

    def check(self, effects: Mapping[tuple[int, int], tuple[int, int]]) -> None:
        """I4: below each committed offset, every effect was durable by then.

        Args:
            effects: where the effect of an input (partition, offset) lies (partition, offset).
        """
        by_input: dict[int, list[int]] = defaultdict(list)
        highest: dict[int, list[dict[int, int]]] = defaultdict(list)
        for (number, offset), (out, at) in sorted(effects.items()):
            so_far = dict(highest[number][-1]) if highest[number] else {}
            so_far[out] = max(so_far.get(out, -1), at)
            by_input[number].append(offset)
            highest[number].append(so_far)
        assert self.samples, "the watcher saw nothing"
        for sample in self.samples:
            for (topic, number), offset in sample.committed.items():
                below = bisect_left(by_input[number], offset)
                if topic != self.input or not below:
                    continue
                for out, at in highest[number][below - 1].items():
                    assert at < sample.ends[out], (
                        f"I4: {topic}-{number} was committed up to {offset} when its effect at "
                        f"{self.output}-{out} offset {at} was not yet written (end "
                        f"{sample.ends[out]})"
                    )


class Ledger:
    """The topics of one deployment, by its prefix."""

    def __init__(self, bootstrap: str, prefix: str, *, partitions: int = 4) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.partitions = partitions
        self._last: dict[tuple[str, int], int] = {}

    def group(self, service: str) -> str:
        return f"{self.prefix}hotline-{service}"

    def name(self, topic: Topic) -> str:
        return self.prefix + topic.name

    async def read(self, topic: Topic) -> Records:
        """Committed records to the end."""
        return await feed.read_topic(
            self.bootstrap, self.name(topic), partitions=topic.partitions or self.partitions
        )

    async def letters(self) -> list[DeadLetter]:
        """Every dead letter, by partition and offset."""
        return [
            DeadLetter.from_record(record.value, record.headers).opened(Sealer(RING))
            for records in (await self.read(DEAD_LETTERS)).values()
            for record in records
        ]

    async def committed(self, service: str) -> dict[tuple[str, int], int]:
        return await feed.committed(self.bootstrap, self.group(service))

    @asynccontextmanager
    async def watching(self, service: str, read: Topic, written: Topic) -> AsyncIterator[Watcher]:
        """A watcher that runs beside the body."""
        watcher = Watcher(self.group(service), self.name(read), self.name(written))
        task = asyncio.create_task(self._watch(watcher))
        try:
            yield watcher
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self, watcher: Watcher) -> None:
        while True:
            try:
                async with (
                    feed.administrating(self.bootstrap) as admin,
                    feed.consuming(self.bootstrap, "read_uncommitted") as looker,
                ):
                    tps = feed.partitions_of(watcher.output, self.partitions)
                    prompt = True
                    while True:
                        asked = time.monotonic()
                        async with asyncio.timeout(10):
                            offsets = await feed.committed_by(admin, watcher.group)
                            ends = await looker.end_offsets(tps)
                        watcher.latest = offsets or watcher.latest
                        # After a pause a broker that was deposed meanwhile may answer once more.
                        was_prompt, prompt = prompt, time.monotonic() - asked < PROMPT_SECONDS
                        if prompt and was_prompt:
                            found = {tp.partition: end for tp, end in ends.items()}
                            watcher.samples.append(Sample(offsets, found))
                        await asyncio.sleep(SAMPLE_SECONDS)
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(SAMPLE_SECONDS)

    async def drained(self, service: str, *inputs: Topic) -> bool:
        """Whether a service has committed all that its inputs hold (ticks do not count)."""
        committed = await self.committed(service)
        for topic in inputs:
            name = self.name(topic)
            numbers = range(topic.partitions or self.partitions)
            after = {number: self._last.get((name, number), -1) + 1 for number in numbers}
            fresh = await feed.read_topic(
                self.bootstrap, name, partitions=len(numbers), after=after
            )
            for number, records in fresh.items():
                for record in records:
                    if not is_tick(record):
                        self._last[name, number] = record.offset
                if committed.get((name, number), 0) <= self._last.get((name, number), -1):
                    return False
        return True

    # -- checks -----------------------------------------------------------------------------------

    async def check_tasks(self, service: str, *inputs: Topic) -> dict[str, bytes]:
        """Batches follow each other, clocks and positions only rise, and positions = committed =
        the end of the input. Returns the changelog, compacted, without the runtime's own keys.
        """
        committed = await self.committed(service)
        every = (*inputs, redrive(service))
        records = {topic.name: await self.read(topic) for topic in every}
        compacted: dict[str, bytes] = {}
        for number, changes in (await self.read(changelog(service))).items():
            last: TaskRecord | None = None
            for change in changes:
                key = change.key.decode()
                if key == TASK_KEY:
                    last = self._follows(service, number, last, change.value)
                elif change.value is None:
                    compacted.pop(key, None)
                else:
                    compacted[key] = change.value
            for topic in every:
                there = committed.get((self.name(topic), number))
                mine = None if last is None else last.positions[topic.name]
                assert mine == there, f"{service}-{number}: task at {mine}, committed {there}"
                settled = [r.offset for r in records[topic.name][number] if not is_tick(r)]
                if settled:
                    assert there is not None, f"{self.name(topic)}-{number} was never committed"
                    assert there > settled[-1], (
                        f"I1: {self.name(topic)}-{number} ends at {settled[-1]}, committed {there}"
                    )
        return {key: value for key, value in compacted.items() if not key.startswith("__")}

    def _follows(
        self, service: str, number: int, last: TaskRecord | None, value: bytes
    ) -> TaskRecord:
        this = msgspec.json.decode(value, type=TaskRecord)
        if last is None:
            assert this.batch == 1, f"{service}-{number} begins with batch {this.batch}"
            return this
        assert this.batch == last.batch + 1, (
            f"I2: {service}-{number}: batch {this.batch} follows {last.batch}"
        )
        assert this.clock_ms >= last.clock_ms, f"{service}-{number}: the clock ran backwards"
        for topic, position in last.positions.items():
            assert this.positions[topic] >= position, f"{service}-{number}: {topic} went back"
        return this

    async def check_clock(self) -> int:
        """``hotline.clock`` never runs backwards; returns how many records it has."""
        newest: dict[int, datetime] = {}
        (records,) = (await self.read(CLOCK)).values()
        for record in records:
            clock = ClockRecord.from_bytes(record.value)
            before = newest.get(clock.partition)
            assert before is None or clock.done_up_to >= before, (
                f"the clock of inbox partition {clock.partition} ran back from {before} to "
                f"{clock.done_up_to}"
            )
            newest[clock.partition] = clock.done_up_to
        return len(records)

    async def check_reminders(
        self, *, clock: datetime | None = None, source: Topic = ALARMS_IN
    ) -> "Folded":
        """All of it, for the tests' processor.

        Args:
            clock: how far ``hotline.clock`` was moved in the end.
            source: the input topic.
        """
        folded = fold_reminders(await self.read(source), clock)
        told = await self.read(ALARMS_OUT)
        heard: dict[str, list[tuple[str, str]]] = defaultdict(list)
        ids: Counter[str] = Counter()
        for number, records in told.items():
            for record in records:
                fact = msgspec.json.decode(record.value)
                ids[fact["id"]] += 1
                kind = "seen" if fact["type"] == "test.alarm.seen.v1" else "rang"
                heard[fact["subject"]].append((kind, fact["causationid"]))
                if kind == "seen":
                    folded.effects[folded.inputs[fact["causationid"]]] = (number, record.offset)
        twice = [one for one, count in ids.items() if count > 1]
        assert not twice, f"I2: {len(twice)} effects are there more than once, such as {twice[:3]}"
        same(heard, folded.outputs, "I1, I3, I7: outputs")
        compacted = await self.check_tasks("reminders", source)
        states = {
            key: msgspec.convert(msgspec.json.decode(raw)[2], Alarm)
            for key, raw in compacted.items()
        }
        same(states, folded.states, "I5: states")
        await self.check_clock()
        return folded

    async def check_city(
        self, bundle: Bundle | None = None, *, directory: Directory | None = None
    ) -> "City":
        """All of it, for real intake and dedup; ``directory``: as the workers knew people."""
        bundle = bundle or load("cn-12345")
        inbox, log = await self.read(INBOX), await self.read(TICKETS)
        directory = directory or KeyedPseudonyms.of(RING)
        city = City()

        def intake() -> AnyProcessor:
            return Intake(directory=directory, ring=RING, partitions=self.partitions)

        wanted, states = fold(intake, INBOX, inbox, bundle)
        expected: dict[str, list[bytes]] = defaultdict(list)
        for written in wanted[TICKETS.name]:
            assert written.value is not None
            expected[msgspec.json.decode(written.value)["subject"]].append(written.value)
        found: dict[str, list[bytes]] = defaultdict(list)
        at: dict[tuple[str, str], tuple[int, int]] = {}
        for number, records in log.items():
            for record in records:
                event = msgspec.json.decode(record.value)
                found[event["subject"]].append(record.value)
                where = at.setdefault((event["subject"], event["id"]), (number, record.offset))
                assert where == (number, record.offset), f"I2: {event['id']} is there twice"
        same(found, expected, "I1, I3: the log, by ticket")
        for ticket, values in found.items():
            sequence = [msgspec.json.decode(value)["sequence"] for value in values]
            assert sequence == list(range(1, len(values) + 1)), f"I3: {ticket}: {sequence}"
        for number, records in inbox.items():
            for record in records:
                if not is_tick(record):
                    event = msgspec.json.decode(record.value)
                    city.effects[number, record.offset] = at[event["subject"], event["id"]]
        same(await self.check_tasks("intake", INBOX), states, "I5: states of intake")

        wanted, states = fold(Dedup, TICKETS, log, bundle)
        facts = await self.read(REPEATS)
        values = [record.value for records in facts.values() for record in records]
        ids = Counter(msgspec.json.decode(value)["id"] for value in values)
        assert max(ids.values(), default=0) == 1, f"I2: {ids.most_common(1)}"
        by_citizen: dict[str, list[bytes]] = defaultdict(list)
        for records in facts.values():
            for record in records:
                by_citizen[record.key.decode()].append(record.value)
        verdicts: dict[str, list[bytes]] = defaultdict(list)
        for written in wanted[REPEATS.name]:
            assert written.key is not None
            assert written.value is not None
            verdicts[written.key.decode()].append(written.value)
        same(by_citizen, verdicts, "I1, I3: verdicts, by citizen")
        same(await self.check_tasks("dedup", TICKETS), states, "I5: states of dedup")
        city.events, city.verdicts = sum(map(len, found.values())), len(values)
        await self.check_clock()
        assert not await self.letters()
        return city


@dataclass
class City:
    """What a run of intake and dedup left."""

    events: int = 0
    verdicts: int = 0
    effects: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)


@dataclass
class Folded:
    """What must be there, of the tests' processor."""

    outputs: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    states: dict[str, Alarm] = field(default_factory=dict)
    inputs: dict[str, tuple[int, int]] = field(default_factory=dict)
    homes: dict[str, int] = field(default_factory=dict)
    effects: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """Where the output of each input lies; filled in by the check."""

    def home(self, subject: str) -> int:
        """The partition in which a subject's events came."""
        return self.homes[subject]

    def urgency(self, subject: str) -> int:
        """Of a subject in the end."""
        return self.states[subject].urgency

    @property
    def rang(self) -> int:
        return sum(kind == "rang" for told in self.outputs.values() for kind, _ in told)


def fold_reminders(records: Records, clock: datetime | None) -> Folded:
    """The rule of ``tests.kit.reminders`` written again, without runtime or processor."""
    folded = Folded()
    for number, partition in records.items():
        for record in partition:
            try:
                event = msgspec.json.decode(record.value)
                identity, subject, data = event["id"], event["subject"], event["data"]
                now = datetime.fromisoformat(event["recordedtime"])
            except (msgspec.MsgspecError, TypeError, KeyError, ValueError):
                continue
            before = _ring(folded, subject, now)
            wake_at = before.wake_at
            if "wait_s" in data:
                wake_at = now + timedelta(seconds=data["wait_s"])
            if data.get("cancel"):
                wake_at = None
            folded.states[subject] = replace(
                before,
                seen=before.seen + 1,
                last=identity,
                wake_at=wake_at,
                urgency=data.get("rank", data.get("urgency", before.urgency)),
                pad=before.pad + "x" * data.get("pad", 0),
                boom_at_wake=data.get("boom_at_wake", before.boom_at_wake),
            )
            folded.outputs[subject].append(("seen", identity))
            folded.homes[subject] = number
            folded.inputs[identity] = (number, record.offset)
    if clock is not None:
        for subject in folded.states:
            _ring(folded, subject, clock)
    return folded


def _ring(folded: Folded, subject: str, now: datetime) -> Alarm:
    state = folded.states.get(subject, Alarm())
    if state.wake_at is not None and state.wake_at < now:
        folded.outputs[subject].append(("rang", state.wake_at.isoformat()))
        state = folded.states[subject] = replace(state, wake_at=None)
    return state


def fold(
    processor: Callable[[], AnyProcessor], topic: Topic, records: Records, bundle: Bundle
) -> tuple[dict[str, list[Written]], dict[str, bytes]]:
    """What a processor says to each partition by itself, without batches, restarts or a broker."""
    written: dict[str, list[Written]] = defaultdict(list)
    states: dict[str, bytes] = {}
    for number, partition in records.items():
        driver = Driver([processor()], bundle, lambda each: written[each.topic.name].append(each))
        for record in partition:
            driver.feed(
                Record(
                    topic,
                    number,
                    record.offset,
                    record.key,
                    record.value,
                    record.timestamp,
                    record.headers,
                )
            )
        (part,) = driver.parts
        for key in list(part.keys()):
            state = part.load(key)
            assert state is not None
            states[key] = part.codec.encode(state)
    return written, states


def same(found: Mapping[str, Any], expected: Mapping[str, Any], what: str) -> None:
    """Equal, or the first keys that differ."""
    wrong = [key for key in sorted({*found, *expected}) if found.get(key) != expected.get(key)]
    shown = "\n".join(
        f"  {key}:\n    {_difference(found.get(key), expected.get(key))}" for key in wrong[:3]
    )
    assert not wrong, f"{what}: {len(wrong)} of {len(expected)} keys differ:\n{shown}"


def _difference(found: Any, expected: Any) -> str:
    """Both, or of two lists the first items that differ."""
    if isinstance(found, list) and isinstance(expected, list):
        pairs = zip_longest(found, expected)
        at, (found, expected) = next((n, two) for n, two in enumerate(pairs) if two[0] != two[1])
        return f"item {at}: found    {found!r:.1500}\n            expected {expected!r:.1500}"
    return f"found    {found!r:.1500}\n    expected {expected!r:.1500}"


def is_tick(record: ConsumerRecord) -> bool:
    """Whether a record of the inbox only moves its clock."""
    return any(name == TICK_HEADER for name, _ in record.headers)


def facts(records: Sequence[ConsumerRecord]) -> list[dict[str, Any]]:
    """Facts of records, decoded."""
    return [msgspec.json.decode(record.value) for record in records]
