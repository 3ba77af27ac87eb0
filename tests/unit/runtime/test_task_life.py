"""The life of a task (architecture 3, engine: design), on the simulated broker in virtual time."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import msgspec
import pytest

from runtime.core import NO_LIMIT, TASK_KEY, Partition, PoisonLimit
from runtime.engine import task as task_module
from runtime.engine.ports import Fenced, OutcomeUnknown, Send
from runtime.engine.task import COMMIT_TRIES, Mark, Task, TaskLimits, TaskRecord, TaskState
from runtime.errors import CommitUnknown, StateMismatch
from runtime.processor import Record
from runtime.stores.memory import MemoryStore
from schemas.topics import DEAD_LETTERS, changelog, redrive
from tests.kit.alarms import BUNDLE, LIMITS, at_ms, event
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT, Reminders
from tests.simulation.broker import Broker, Network, SimulatedLog
from tests.simulation.loop import run
from tests.simulation.world import Silent

REDRIVE = redrive(Reminders.name)
INPUTS = (ALARMS_IN, REDRIVE)
CHANGELOG = changelog(Reminders.name).name
BOTH = {ALARMS_IN.name: 0, REDRIVE.name: 0}
BOUND_S = 60.0


class Wire(SimulatedLog):
    """A calm broker, but for the answers to commits that a test takes away, in turn."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(broker, Network(Random(0), delay_s=0.0), Reminders.name, INPUTS)
        self.answers: list[str] = []
        """applied: in force, no answer. lost: not in force, no answer. Then all is well."""
        self.begins: Mapping[str, int] = BOTH
        self.meanwhile: Callable[[], object] = lambda: None
        self.recovered: list[Callable[[], object]] = []
        """What happens between the readings of the changelog and of the offsets, in turn."""

    async def commit(
        self, *, outputs: Sequence[Send], changelog: Sequence[Send], offsets: Mapping[str, int]
    ) -> int:
        answer = self.answers.pop(0) if self.answers else "fine"
        if answer != "lost":
            end = await super().commit(outputs=outputs, changelog=changelog, offsets=offsets)
        self.meanwhile()
        if answer != "fine":
            raise OutcomeUnknown(answer)
        return end

    async def committed(self) -> Mapping[str, int | None]:
        if self.recovered:
            self.recovered.pop(0)()
        return await super().committed()

    async def beginning(self) -> Mapping[str, int]:
        return self.begins


@dataclass
class Bench:
    """Tasks on one broker."""

    broker: Broker = field(default_factory=lambda: Broker(Random(0)))
    limits: TaskLimits = LIMITS
    poison: PoisonLimit = NO_LIMIT
    max_state_bytes: int = 1 << 20
    observer: Silent = field(default_factory=Silent)
    runs: list["asyncio.Task[None]"] = field(default_factory=list)

    def task(self, *, kept: Any = None) -> Task:
        part = kept or Partition(
            Reminders(),
            BUNDLE,
            store=MemoryStore(),
            max_state_bytes=self.max_state_bytes,
            poison=self.poison,
        )
        return Task(
            part,
            Wire(self.broker),
            partitions=2,
            inputs=INPUTS,
            limits=self.limits,
            observer=self.observer,
        )

    async def started(self, *, kept: Any = None) -> Task:
        """A task that runs."""
        task = self.task(kept=kept)
        self.runs.append(asyncio.get_running_loop().create_task(task.run()))
        await until(lambda: task.running or task.waiting or self.runs[-1].done())
        if self.runs[-1].done():
            self.runs[-1].result()
        return task

    async def stop(self, task: Task) -> None:
        task.close()
        await asyncio.wait_for(self.runs[-1], BOUND_S)

    def facts(self, topic: str = ALARMS_OUT.name) -> list[str]:
        """Values of what is committed on a topic of two partitions, by time of their instant."""
        entries = [
            entry for number in (0, 1) for entry in self.broker.log(topic, number).committed()
        ]
        entries.sort(key=lambda entry: entry.timestamp_ms)
        return [(entry.value or b"").decode() for entry in entries]

    def seen(self) -> list[str]:
        """Ids of the events that were decided, by their recorded time."""
        told = [msgspec.json.decode(fact) for fact in self.facts()]
        return [each["causationid"] for each in told if each["type"] == "test.alarm.seen.v1"]

    def rang(self) -> int:
        return sum("rang" in fact for fact in self.facts())

    def record(self) -> TaskRecord:
        """The last committed task record."""
        entries = self.broker.log(CHANGELOG).committed()
        value = [each.value for each in entries if each.key == TASK_KEY.encode()][-1]
        return msgspec.json.decode(value or b"", type=TaskRecord)

    def write(self, send: Send, *, offsets: Mapping[str, int] | None = None) -> None:
        """Somebody else's transaction under the task's own id."""
        epoch = self.broker.init("reminders-0")
        txn = self.broker.begin("reminders-0", epoch)
        self.broker.append("reminders-0", epoch, send)
        txn.offsets = dict(offsets or {})
        self.broker.end("reminders-0", epoch, txn)


async def until(holds: Callable[[], bool]) -> None:
    """The only wait, in virtual time."""
    async with asyncio.timeout(BOUND_S):
        while not holds():  # noqa: ASYNC110 - virtual time costs nothing
            await asyncio.sleep(0.01)


def live(story: Callable[[Bench], Any], bench: Bench | None = None) -> Bench:
    bench = bench or Bench()
    run(story(bench))
    return bench


def wire(task: Task) -> Wire:
    assert isinstance(task.log, Wire)
    return task.log


def marked(task: Task, clock_s: float, ends: Mapping[str, int] = BOTH) -> None:
    task.mark(Mark(at_ms(clock_s), ends))


# -- start ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "expected"),
    [(BOTH, BOTH), ({ALARMS_IN.name: 7, REDRIVE.name: 3}, {ALARMS_IN.name: 7, REDRIVE.name: 3})],
)
def test_the_first_start_is_from_the_beginning(
    begins: Mapping[str, int], expected: Mapping[str, int]
) -> None:
    async def story(bench: Bench) -> None:
        task = bench.task()
        wire(task).begins = begins
        job = asyncio.ensure_future(task.run())
        await until(lambda: task.running)
        assert wire(task).reading == expected
        task.close()
        await job

    live(story)


def test_a_restart_goes_on_where_the_last_batch_ended() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(n, "T1", n) for n in range(3)])
        await until(lambda: len(bench.seen()) == 3)
        await bench.stop(task)
        again = await bench.started()
        assert wire(again).reading == {ALARMS_IN.name: 3, REDRIVE.name: 0}
        again.push([event(2, "T1", 2), event(3, "T1", 3)])
        await until(lambda: len(bench.seen()) == 4)
        assert bench.record().batch == again.progress.batches + task.progress.batches

    assert live(story).seen() == ["e0", "e1", "e2", "e3"]


def test_positions_that_retention_has_passed_start_at_the_beginning() -> None:
    """A position stops before a control record; retention takes that as well, or real records."""

    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0)])
        await until(lambda: bench.seen() == ["e0"])
        await bench.stop(task)
        again = bench.task()
        wire(again).begins = {ALARMS_IN.name: 2, REDRIVE.name: 5}
        job = asyncio.ensure_future(again.run())
        await until(lambda: again.running)
        assert wire(again).reading == {ALARMS_IN.name: 2, REDRIVE.name: 5}
        assert bench.observer.counts["deleted_unread"] == 2, "it is said, not passed over"
        again.close()
        await job

    live(story)


def test_F20_a_lost_changelog_is_a_named_error() -> None:
    async def story(bench: Bench) -> None:
        bench.broker.offsets[ALARMS_IN.name] = 5
        with pytest.raises(StateMismatch, match="no task record"):
            await bench.started()

    live(story)


def test_offsets_that_somebody_reset_are_a_named_error() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0)])
        await until(lambda: bench.seen() == ["e0"])
        await bench.stop(task)
        bench.broker.offsets[ALARMS_IN.name] = 0
        with pytest.raises(StateMismatch, match=r"test\.alarms\.in"):
            await bench.started()

    live(story)


def test_F6_another_owner_that_writes_during_a_start_is_no_mismatch() -> None:
    async def story(bench: Bench) -> None:
        theirs = TaskRecord(1, 0, {ALARMS_IN.name: 4, REDRIVE.name: 0}, 1, owner="another")
        send = Send(CHANGELOG, 0, TASK_KEY.encode(), msgspec.json.encode(theirs), 0)
        task = bench.task()
        wire(task).recovered = [lambda: bench.write(send, offsets=theirs.positions)]
        job = asyncio.ensure_future(task.run())
        await until(lambda: task.running)
        assert wire(task).reading == theirs.positions
        task.close()
        await job

    live(story)


def test_offsets_that_expired_are_taken_from_the_task_record() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0)])
        await until(lambda: bench.seen() == ["e0"])
        await bench.stop(task)
        bench.broker.offsets.clear()
        again = await bench.started()
        assert wire(again).reading[ALARMS_IN.name] == 1

    live(story)


# -- commits of which the outcome is unknown --------------------------------------------------


@pytest.mark.parametrize(
    "answers", [["applied"], ["lost"], ["lost", "applied"], ["lost"] * (COMMIT_TRIES - 1)]
)
def test_F14_an_unknown_outcome_is_settled_both_ways(answers: list[str]) -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        wire(task).answers = list(answers)
        task.push([event(0, "T1", 0)])
        await until(lambda: task.progress.batches == 1)
        task.push([event(1, "T1", 1)])
        await until(lambda: task.progress.batches == 2)
        store = task.part.store
        assert store is not None
        assert store.get(TASK_KEY) == msgspec.json.encode(bench.record())
        assert bench.observer.counts["unknown"] == len(answers)

    bench = live(story)
    assert bench.seen() == ["e0", "e1"]
    assert bench.record().batch == 2


def test_F14_a_commit_that_never_gets_through_is_a_named_error() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        wire(task).answers = ["lost"] * COMMIT_TRIES
        task.push([event(0, "T1", 0)])
        with pytest.raises(CommitUnknown):
            await asyncio.wait_for(bench.runs[0], BOUND_S)

    assert live(story).seen() == []


def test_F4_a_successors_batch_of_the_same_number_is_not_ones_own() -> None:
    """The zombie's first commit is lost; meanwhile another has committed a first batch."""

    async def story(bench: Bench) -> None:
        zombie = await bench.started()
        wire(zombie).answers = ["lost"]
        theirs = TaskRecord(1, 0, {ALARMS_IN.name: 9, REDRIVE.name: 0}, 1, owner="another")
        key = TASK_KEY.encode()
        send = Send(CHANGELOG, 0, key, msgspec.json.encode(theirs), 0)
        wire(zombie).meanwhile = lambda: bench.write(send, offsets={ALARMS_IN.name: 9})
        zombie.push([event(0, "T1", 0)])
        await asyncio.wait_for(bench.runs[0], BOUND_S)
        assert zombie.fenced
        assert zombie.progress.batches == 0

    bench = live(story)
    assert bench.seen() == []
    assert bench.record().owner == "another"


def test_F4_a_fenced_task_ends_and_never_starts_a_producer_again() -> None:
    async def story(bench: Bench) -> None:
        zombie = await bench.started()
        owner = await bench.started()
        zombie.push([event(0, "T1", 0)])
        await asyncio.wait_for(bench.runs[0], BOUND_S)
        assert zombie.state is TaskState.FENCED
        owner.push([event(0, "T1", 0)])
        await until(lambda: owner.progress.batches == 1)

    assert live(story).seen() == ["e0"]


def test_a_closing_task_leaves_an_unknown_outcome_to_its_successor() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        wire(task).answers = ["applied"]
        wire(task).meanwhile = task.close
        task.push([event(0, "T1", 0)])
        await asyncio.wait_for(bench.runs[0], BOUND_S)
        assert task.progress.batches == 0
        again = await bench.started(kept=task.part)
        assert wire(again).reading[ALARMS_IN.name] == 1, "it had been applied"
        again.push([event(1, "T1", 1)])
        await until(lambda: len(bench.seen()) == 2)

    assert live(story).record().batch == 2


def test_the_state_is_untouched_until_the_commit() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        during: list[object] = []
        wire(task).meanwhile = lambda: during.append(task.part.load("T1"))
        task.push([event(0, "T1", 0)])
        await until(lambda: task.progress.batches == 1)
        assert during == [None]
        assert task.part.load("T1") is not None

    live(story)


# -- batches ----------------------------------------------------------------------------------


def other(offset: int, at_s: float) -> Record:
    """A record of the other input; not a letter, so it becomes one."""
    return Record(REDRIVE, 0, offset, None, None, at_ms(at_s))


def test_inputs_are_merged_by_time_and_each_keeps_its_order() -> None:
    """Timestamps within a topic need not rise: e0 is of a later instant than e1."""

    async def story(bench: Bench) -> None:
        task = await bench.started()
        decided: list[tuple[str, int]] = []
        alarms, redriven = ALARMS_IN.name, REDRIVE.name
        feed = task.part.begin

        def begin(*, careful: bool = False) -> Any:
            batch = feed(careful=careful)
            inner = batch.feed

            def noted(record: Record) -> None:
                decided.append((record.topic.name, record.offset))
                inner(record)

            batch.feed = noted  # type: ignore[method-assign]
            return batch

        task.part.begin = begin  # type: ignore[method-assign]
        task.push([event(0, "T1", 9), event(1, "T2", 3), event(2, "T3", 4)])
        task.push([other(0, 5), other(1, 20)])
        await until(lambda: task.progress.batches == 1)
        assert decided == [
            (redriven, 0),
            (alarms, 0),
            (alarms, 1),
            (alarms, 2),
            (redriven, 1),
        ]
        assert bench.record().positions == {ALARMS_IN.name: 3, REDRIVE.name: 2}

    live(story)


def test_I10_a_poison_stop_keeps_the_rest_in_order_also_when_a_state_is_too_large() -> None:
    """The batch is decided twice; what comes after the stop must not be put back twice."""

    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push(
            [
                event(0, "T0", 0, pad=400),
                event(1, "T1", 1, boom=True),
                event(2, "T2", 2, boom=True),
                event(3, "T3", 3),
                event(4, "T4", 4),
            ]
        )
        await until(lambda: task.waiting)
        assert bench.record().stopped is not None
        task.resume()
        await until(lambda: bench.record().positions[ALARMS_IN.name] == 5)
        await bench.stop(task)

    limits = PoisonLimit(window_records=100, minimum_letters=2, ratio=0.1)
    bench = live(story, Bench(poison=limits, max_state_bytes=300))
    assert bench.seen() == ["e3", "e4"]
    assert len(bench.facts(DEAD_LETTERS.name)) == 3


def test_I10_a_stop_outlives_a_restart_and_a_resume_does_too() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0, boom=True)])
        await until(lambda: task.waiting)
        await bench.stop(task)
        again = await bench.started()
        await until(lambda: again.waiting)
        assert again.full, "nothing is read meanwhile"
        again.resume()
        await until(lambda: bench.record().stopped is None)
        await bench.stop(again)
        third = await bench.started()
        await until(lambda: third.running)

    limits = PoisonLimit(window_records=100, minimum_letters=1, ratio=0.1)
    live(story, Bench(poison=limits))


def test_a_paused_task_takes_nothing_and_goes_on_after() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.pause()
        await until(lambda: task.waiting)
        task.push([event(0, "T1", 0)])
        await asyncio.sleep(5)
        assert bench.seen() == []
        task.resume()
        await until(lambda: bench.seen() == ["e0"])

    live(story)


def test_what_was_pushed_before_is_passed_over() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(n, "T1", n) for n in range(3)])
        task.push([event(n, "T1", n) for n in range(1, 5)])
        await until(lambda: len(bench.seen()) == 5)

    assert live(story).seen() == [f"e{n}" for n in range(5)]


# -- the clock --------------------------------------------------------------------------------


def test_I7_a_mark_counts_once_its_ends_are_passed_and_wakes_the_task_then() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0, wait_s=10)])
        await until(lambda: bench.seen() == ["e0"])
        marked(task, 60, {ALARMS_IN.name: 4, REDRIVE.name: 0})
        await asyncio.sleep(5)
        assert bench.rang() == 0, "two records and a marker before the end are not read yet"
        task.push([event(1, "T1", 5, cancel=True), event(2, "T2", 5, wait_s=1)])
        await until(lambda: len(bench.seen()) == 3)
        assert bench.rang() == 0
        task.note_fetched(ALARMS_IN.name, 4)
        await until(lambda: bench.rang() == 1)

    bench = live(story)
    assert '"T2"' in bench.facts()[-1]


def test_I7_in_a_backlog_the_clock_follows_what_is_decided() -> None:
    """Idle timers do not wait for the end of the backlog."""

    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0, wait_s=1)])
        await until(lambda: bench.seen() == ["e0"])
        marked(task, 50, {ALARMS_IN.name: 3, REDRIVE.name: 0})
        task.push([event(n, "T2", n) for n in range(1, 9)])
        backlog_at_ring: list[int] = []

        def look() -> None:
            if task.part.wake_ms == {} and not backlog_at_ring:
                backlog_at_ring.append(task.buffered)

        wire(task).meanwhile = look
        await until(lambda: len(bench.seen()) == 9)
        assert bench.rang() == 1
        assert backlog_at_ring[0] > 0

    live(story, Bench(limits=replace(LIMITS, batch_max_records=1)))


def test_a_dear_rule_gives_way_after_its_slice_and_no_timer_overtakes_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other partitions of a worker, and its heartbeats, have their turn in between."""
    monkeypatch.setattr(task_module, "SLICE_SECONDS", -1.0)
    monkeypatch.setattr(task_module, "LOOK_EVERY", 2)

    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0, wait_s=1), *(event(n, "T2", n) for n in range(1, 9))])
        task.note_fetched(ALARMS_IN.name, 9)
        marked(task, 50, {ALARMS_IN.name: 9, REDRIVE.name: 0})
        await until(lambda: len(bench.seen()) == 9)
        assert task.progress.batches >= 4
        assert bench.seen() == [f"e{n}" for n in range(9)]
        await until(lambda: bench.rang() == 1)

    live(story)


def test_a_batch_decided_twice_keeps_its_marks() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0, wait_s=1), event(1, "T2", 1, pad=400)])
        task.note_fetched(ALARMS_IN.name, 2)
        marked(task, 50, {ALARMS_IN.name: 2, REDRIVE.name: 0})
        await until(lambda: bench.rang() == 1)

    live(story, Bench(max_state_bytes=300))


def test_the_clock_is_carried_over_a_restart_and_never_goes_back() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0, wait_s=1)])
        task.note_fetched(ALARMS_IN.name, 1)
        marked(task, 50, {ALARMS_IN.name: 1, REDRIVE.name: 0})
        await until(lambda: bench.rang() == 1)
        await bench.stop(task)
        again = await bench.started()
        assert again.part.clock_ms == at_ms(50)
        marked(again, 20)
        again.push([event(1, "T1", 60)])
        await until(lambda: len(bench.seen()) == 2)
        assert bench.record().clock_ms == at_ms(50)

    live(story)


def test_more_marks_than_are_kept_leave_the_oldest_and_the_newest() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0, wait_s=1), event(1, "T2", 0, wait_s=500)])
        await until(lambda: len(bench.seen()) == 2)
        for second in range(600):
            end = 2 if second < 5 else 9
            marked(task, second, {ALARMS_IN.name: end, REDRIVE.name: 0})
        task.note_fetched(ALARMS_IN.name, 2)
        await until(lambda: bench.rang() == 1)
        task.note_fetched(ALARMS_IN.name, 9)
        await until(lambda: bench.rang() == 2)

    live(story)


def test_a_kept_partition_is_as_good_as_a_new_one_after_a_cancelled_commit() -> None:
    async def story(bench: Bench) -> None:
        task = await bench.started()
        task.push([event(0, "T1", 0, wait_s=1), event(1, "T2", 0, wait_s=5)])
        await until(lambda: len(bench.seen()) == 2)
        wire(task).meanwhile = bench.runs[0].cancel
        wire(task).answers = ["lost"]
        task.push([event(2, "T1", 0.5, cancel=True)])
        task.note_fetched(ALARMS_IN.name, 3)
        marked(task, 50, {ALARMS_IN.name: 3, REDRIVE.name: 0})
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(bench.runs[0], BOUND_S)
        again = await bench.started(kept=task.part)
        await asyncio.sleep(5)
        assert bench.rang() == 0, "not before the record that cancels has been decided again"
        again.push([event(2, "T1", 0.5, cancel=True)])
        again.note_fetched(ALARMS_IN.name, 3)
        marked(again, 50, {ALARMS_IN.name: 3, REDRIVE.name: 0})
        await until(lambda: bench.rang() == 1)
        await bench.stop(again)

    bench = live(story)
    assert "T2" in bench.facts()[-1]


def test_Fenced_is_what_a_stale_epoch_gets() -> None:
    broker = Broker(Random(0))
    old = broker.init("x")
    broker.init("x")
    with pytest.raises(Fenced, match="epoch 0 is not 1"):
        broker.begin("x", old)
