"""Engines with one thing wrong each. A simulation that does not find them proves nothing."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from runtime.core import TASK_KEY, Batch, Partition
from runtime.engine.ports import Change
from runtime.engine.task import Task, TaskRecord, TaskState
from runtime.processor import Record
from tests.simulation.broker import SimulatedLog
from tests.simulation.world import INPUTS, Parts


class AppliesFirst(Task):
    """The state is applied before the commit."""

    async def _deliver(self, batch: Batch[Any, Any]) -> None:
        store = self.part.store
        assert store is not None
        self.part.apply(batch, self._encoded, store.offset or 0)
        await super()._deliver(batch)


class SeeksFirst(Task):
    """The positions are read before the predecessor is fenced and the state recovered."""

    async def _open(self) -> None:
        committed = await self.log.committed()
        await self.log.fence()
        await self._recover()
        self.positions = {topic.name: committed.get(topic.name) or 0 for topic in INPUTS}
        self.fetched = dict(self.positions)
        self._expected = dict(self.positions)
        self.log.start_reading(self.positions)
        self.state = TaskState.RUNNING


class IgnoresEnds(Task):
    """The clock is the watermark, however far the task has read."""

    def _passed_clock(self) -> tuple[int, int]:
        marks = [mark.watermark_ms for mark in self._marks]
        return max([self.part.clock_ms, *marks]), len(marks)


class Sorts(Task):
    """A batch is sorted by time, also within an input."""

    def _take(self) -> list[Record]:
        return sorted(super()._take(), key=lambda record: record.timestamp_ms)


class TrustsNumbers(Task):
    """A batch of the right number in the changelog is taken for one's own."""

    async def _settled(self, number: int) -> int | None:
        store = self.part.store
        assert store is not None
        last, end = self._batch_number, store.offset or 0
        async for chunk in self.log.changelog(end):
            for change in chunk:
                end = change.offset + 1
                if change.key == TASK_KEY.encode():
                    last = msgspec.json.decode(change.value or b"", type=TaskRecord).batch
        return end if last == number else None


class Retries(Task):
    """An unknown outcome counts as a failure: the batch is written again."""

    async def _settled(self, number: int) -> int | None:
        return None


class _Loses(Batch[Any, Any]):
    def discard(self) -> None:
        """Forgets what it took."""


class Loses(Partition[Any, Any]):
    """Timers of a batch that was not committed are gone."""

    def begin(self, *, careful: bool = False) -> Batch[Any, Any]:
        return _Loses(self, careful=careful)


class _Lazy(Batch[Any, Any]):
    def _wake_before(self, keys: Sequence[str], at_ms: int) -> None:
        """Leaves all timers to the clock."""


class Lazy(Partition[Any, Any]):
    """Timers fire by the clock alone, not before the next record of their key."""

    def begin(self, *, careful: bool = False) -> Batch[Any, Any]:
        return _Lazy(self, careful=careful)


class NeverFences(SimulatedLog):
    """A new owner goes on with the epoch of the one before."""

    async def fence(self) -> None:
        self._epoch = self.broker.join(self.id)
        await self.network.hop()


class ReadsUncommitted(SimulatedLog):
    """Recovery takes what an aborted transaction left in the changelog."""

    async def changelog(self, start: int) -> AsyncIterator[Sequence[Change]]:
        log = self.broker.log(self.changelog_name)
        found = [each for each in log.entries if each.offset >= start and each.txn is not None]
        await self.network.hop()
        if found:
            yield [Change(each.key or b"", each.value, each.offset) for each in found]


class ForgetsOffsets(SimulatedLog):
    """The input offsets are not part of the transaction."""

    async def commit(self, *, offsets: Mapping[str, int], **sends: Any) -> int:
        return await super().commit(offsets={}, **sends)


BROKEN: dict[str, Parts] = {
    "applies before the commit": Parts(task=AppliesFirst),
    "seeks before the fence": Parts(task=SeeksFirst),
    "moves the clock without looking at positions": Parts(task=IgnoresEnds),
    "sorts within an input": Parts(task=Sorts),
    "takes a successor's batch for its own": Parts(task=TrustsNumbers),
    "writes again when the outcome is unknown": Parts(task=Retries),
    "loses the timers of a discarded batch": Parts(partition=Loses),
    "leaves timers to the clock": Parts(partition=Lazy),
    "never fences": Parts(log=NeverFences),
    "recovers from aborted transactions": Parts(log=ReadsUncommitted),
    "commits no offsets": Parts(log=ForgetsOffsets),
}
