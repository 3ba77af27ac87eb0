"""Kafka as far as a task can tell: logs, transactions, fencing, offsets, and all that goes wrong.

Records of an open transaction hide everything behind them (last stable offset). A commit is decided
first and marked in each partition later; markers occupy offsets. A producer that starts anew with
the same id aborts or finishes what its predecessor left, and fences it.
"""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from runtime.engine.ports import Change, Fenced, OutcomeUnknown, Send, Unavailable
from runtime.processor import Headers
from schemas.topics import Topic, changelog

START_MS: Final = 1_795_212_000_000
"""The instant of virtual second 0; any instant would do."""


@dataclass(slots=True, eq=False)
class Txn:
    """A transaction and what it wrote."""

    owner: str
    state: str = "open"
    entries: list["Entry"] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)
    unmarked: list["Log"] = field(default_factory=list)
    number: int = -1
    """Place among all committed ones."""


@dataclass(slots=True, eq=False)
class Entry:
    """A record or (without a transaction) a control marker."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Headers
    txn: Txn | None


class Log:
    """One partition of a topic."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.end = 0
        self.open: dict[Txn, int] = {}

    @property
    def stable(self) -> int:
        """The last stable offset."""
        return min(self.open.values(), default=self.end)

    def append(self, send: Send, txn: Txn) -> None:
        entry = Entry(
            send.topic,
            send.partition,
            self.end,
            send.key,
            send.value,
            send.timestamp_ms,
            send.headers,
            txn,
        )
        self.entries.append(entry)
        txn.entries.append(entry)
        if txn not in self.open:
            self.open[txn] = self.end
            txn.unmarked.append(self)
        self.end += 1

    def mark(self, txn: Txn) -> None:
        """The control record that ends a transaction here."""
        del self.open[txn]
        self.entries.append(Entry("", 0, self.end, None, None, 0, (), None))
        self.end += 1

    def read(
        self, position: int, limit: int, end: int | None = None
    ) -> tuple[Sequence[Entry], int]:
        """Committed records from ``position`` on, and the position after them."""
        stop = self.stable if end is None else min(end, self.stable)
        found: list[Entry] = []
        for index in range(bisect_left(self.entries, position, key=_offset), len(self.entries)):
            entry = self.entries[index]
            if entry.offset >= stop:
                break
            if entry.txn is not None and entry.txn.state == "committed":
                if len(found) == limit:
                    return found, entry.offset
                found.append(entry)
        return found, max(position, stop)

    def committed(self) -> list[Entry]:
        return [each for each in self.entries if each.txn and each.txn.state == "committed"]

    def compact(self) -> None:
        """Drop what a later stable record of the same key replaces, aborted ones and markers."""
        stable = self.stable
        last = {
            each.key: each.offset
            for each in self.committed()
            if each.offset < stable and each.key is not None
        }
        self.entries = [
            each
            for each in self.entries
            if each.offset >= stable or (each.key and last.get(each.key) == each.offset)
        ]


def _offset(entry: Entry) -> int:
    return entry.offset


@dataclass(slots=True)
class _Producer:
    epoch: int = -1
    txn: Txn | None = None


class Broker:
    """The log and its coordinators. Synchronous: what happens between steps is the caller's."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.logs: dict[tuple[str, int], Log] = {}
        self.offsets: dict[str, int] = {}
        """Of the one group and partition that is simulated, by topic."""
        self.history: list[Txn] = []
        self.watch: Callable[[Txn], None] = lambda txn: None
        """Sees each transaction of which the commit is decided."""
        self.marker_delay_s = 0.0
        self._producers: dict[str, _Producer] = {}

    def log(self, topic: str, partition: int = 0) -> Log:
        return self.logs.setdefault((topic, partition), Log())

    def init(self, transactional_id: str) -> int:
        """InitProducerId: settles the predecessor's transaction and fences it."""
        producer = self._producers.setdefault(transactional_id, _Producer())
        self._settle(producer, abort=True)
        producer.epoch += 1
        return producer.epoch

    def join(self, transactional_id: str) -> int:
        """The present epoch, without fencing anybody: what no producer should be able to do."""
        return self._producers.setdefault(transactional_id, _Producer(0)).epoch

    def begin(self, transactional_id: str, epoch: int) -> Txn:
        producer = self._current(transactional_id, epoch)
        self._settle(producer, abort=False)
        producer.txn = Txn(transactional_id)
        return producer.txn

    def append(self, transactional_id: str, epoch: int, send: Send) -> int:
        """The offset of the record."""
        txn = self._current(transactional_id, epoch).txn
        assert txn is not None
        assert txn.state == "open"
        log = self.log(send.topic, send.partition)
        log.append(send, txn)
        return log.end - 1

    def send_offsets(self, transactional_id: str, epoch: int, offsets: Mapping[str, int]) -> None:
        """Input offsets that come into force with the transaction."""
        txn = self._current(transactional_id, epoch).txn
        assert txn is not None
        txn.offsets = dict(offsets)

    def end(self, transactional_id: str, epoch: int, txn: Txn, *, commit: bool = True) -> None:
        """EndTxn: the decision at once, the markers when they come."""
        producer = self._current(transactional_id, epoch)
        if producer.txn is not txn or txn.state != "open":
            raise Fenced(f"{transactional_id}: that transaction has ended")
        self._decide(txn, commit)
        if self.marker_delay_s:
            delay = self.rng.uniform(0, self.marker_delay_s)
            asyncio.get_running_loop().call_later(delay, self._mark, txn)
        else:
            self._mark(txn)

    def _current(self, transactional_id: str, epoch: int) -> _Producer:
        producer = self._producers[transactional_id]
        if producer.epoch != epoch:
            raise Fenced(f"{transactional_id}: epoch {epoch} is not {producer.epoch}")
        return producer

    def _settle(self, producer: _Producer, *, abort: bool) -> None:
        txn, producer.txn = producer.txn, None
        if txn is None:
            return
        if txn.state == "open":
            assert abort, "a transaction was begun within another"
            self._decide(txn, commit=False)
        self._mark(txn)

    def _decide(self, txn: Txn, commit: bool) -> None:
        txn.state = "committed" if commit else "aborted"
        if commit:
            txn.number = len(self.history)
            self.history.append(txn)
            self.watch(txn)

    def _mark(self, txn: Txn) -> None:
        if txn.state == "committed":
            self.offsets.update(txn.offsets)
        txn.offsets = {}
        for log in txn.unmarked:
            log.mark(txn)
        txn.unmarked = []


@dataclass(slots=True)
class Network:
    """How often what goes wrong; all zero is a calm day."""

    rng: Random
    delay_s: float = 0.02
    unsent: float = 0.0
    hanging: float = 0.0
    late: float = 0.0
    unanswered: float = 0.0
    fence: float = 0.0
    reading: float = 0.0
    silence: Callable[[], None] = lambda: None
    """Called when a time-out begins: chaos likes such moments."""

    async def hop(self) -> None:
        """A request or a response on its way."""
        if self.rng.random() < 0.7:
            await asyncio.sleep(self.rng.uniform(0, self.delay_s))

    async def timed_out(self, what: str) -> OutcomeUnknown:
        """Nobody answers for a while; meanwhile others may have taken over."""
        self.silence()
        await asyncio.sleep(self.rng.choice((0.0, 0.3, 1.0, 3.0)))
        return OutcomeUnknown(what)

    def fails(self, probability: float) -> bool:
        return probability > 0 and self.rng.random() < probability

    def calm(self) -> None:
        self.unsent = self.hanging = self.late = self.unanswered = self.fence = self.reading = 0.0


class SimulatedLog:
    """``TaskLog`` on the simulated broker."""

    def __init__(
        self, broker: Broker, network: Network, service: str, inputs: Sequence[Topic]
    ) -> None:
        self.broker = broker
        self.network = network
        self.inputs = tuple(inputs)
        self.id = f"{service}-0"
        self.changelog_name = changelog(service).name
        self.reading: dict[str, int] = {}
        self._epoch = -1

    async def fence(self) -> None:
        network = self.network
        await network.hop()
        if network.fails(network.fence):
            raise Unavailable("InitProducerId: request lost")
        self._epoch = self.broker.init(self.id)
        await network.hop()
        if network.fails(network.fence):
            raise Unavailable("InitProducerId: response lost")

    async def commit(
        self, *, outputs: Sequence[Send], changelog: Sequence[Send], offsets: Mapping[str, int]
    ) -> int:
        network, broker, epoch = self.network, self.broker, self._epoch
        await network.hop()
        if network.fails(network.unsent):
            raise await network.timed_out("request lost")
        txn = broker.begin(self.id, epoch)
        end = 0
        for index, send in enumerate((*outputs, *changelog)):
            if index % 8 == 0:
                await network.hop()
            end = broker.append(self.id, epoch, send) + 1
        if network.fails(network.hanging):
            raise await network.timed_out("response to Produce lost")
        await network.hop()
        broker.send_offsets(self.id, epoch, offsets)
        await network.hop()
        if network.fails(network.late):
            delay = network.rng.uniform(0, 0.5)
            asyncio.get_running_loop().call_later(delay, self._end_late, epoch, txn)
            raise await network.timed_out("EndTxn is still on its way")
        broker.end(self.id, epoch, txn)
        if network.fails(network.unanswered):
            raise await network.timed_out("response to EndTxn lost")
        await network.hop()
        return end

    def _end_late(self, epoch: int, txn: Txn) -> None:
        try:
            self.broker.end(self.id, epoch, txn)
        except Fenced:
            return

    async def changelog(self, start: int) -> AsyncIterator[Sequence[Change]]:
        network, log = self.network, self.broker.log(self.changelog_name)
        await network.hop()
        position, end = start, log.stable
        while position < end:
            await network.hop()
            if network.fails(network.reading):
                raise Unavailable("fetch of the changelog timed out")
            limit = network.rng.choice((1, 3, 1_000))
            entries, position = log.read(position, limit, end)
            if entries:
                yield [Change(each.key or b"", each.value, each.offset) for each in entries]

    async def committed(self) -> Mapping[str, int | None]:
        network = self.network
        await network.hop()
        if network.fails(network.reading):
            raise Unavailable("OffsetFetch timed out")
        found = {topic.name: self.broker.offsets.get(topic.name) for topic in self.inputs}
        await network.hop()
        return found

    async def beginning(self) -> Mapping[str, int]:
        await self.network.hop()
        return {topic.name: 0 for topic in self.inputs}

    def start_reading(self, positions: Mapping[str, int]) -> None:
        self.reading = dict(positions)

    async def close(self) -> None:
        """Leaves an open transaction to the successor."""
        self._epoch = -2
