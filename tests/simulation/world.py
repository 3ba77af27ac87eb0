"""A run: two workers, an upstream, an operator and chaos around one partition."""

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from cli.dead_lettering.planning import Filed, blockers, passes
from policy.bundle import Policy, load
from runtime.core import AnyPartition, Failure, Partition
from runtime.engine.ports import Send, Unavailable
from runtime.engine.task import Done, Mark, Task
from runtime.errors import CommitUnknown, StateMismatch
from runtime.processor import Decision, Record, Unreadable
from runtime.stores.memory import MemoryStore
from runtime.stores.rocks import RocksStore
from schemas.dead_letter import DeadLetter, LetterId, RedriveEnd, Redriven, read_redrive
from schemas.topics import DEAD_LETTERS, redrive
from tests.kit.reminders import ALARMS_IN, Alarm, Input, Reminders, Told
from tests.kit.sealing import SEALER
from tests.simulation.broker import START_MS, Broker, Entry, Log, Network, SimulatedLog, Txn
from tests.simulation.history import Plan

BUNDLE: Final = load("cn-12345")
REDRIVE: Final = redrive(Reminders.name)
INPUTS: Final = (ALARMS_IN, REDRIVE)
OUT_PARTITIONS: Final = 2
QUIET_SECONDS: Final = 600.0
"""Virtual. Nothing that heals takes longer; beyond it the run hangs (I11)."""
EXPECTED: Final = (Unavailable, CommitUnknown, StateMismatch)
"""What ends a worker in trouble, and the next start heals."""


class Broken(AssertionError):
    """An invariant does not hold."""


class Sim(Reminders):
    """Refuses an id that it has just seen, as intake does."""

    def decide(
        self, states: Mapping[str, Alarm | None], event: Input, now: datetime, policy: Policy
    ) -> Decision[Alarm]:
        before = states[event.subject]
        if before is not None and before.last == event.id:
            raise Unreadable("duplicate", event.id)
        return super().decide(states, event, now, policy)

    def _told(self, kind: str, key: str, cause: str, now: datetime, **data: Any) -> Told:
        """A redriven event may set an alarm for an instant that has rung before: not the same."""
        if kind == "test.alarm.rang.v1":
            cause = f"{cause} {data['seen']}"
        return super()._told(kind, key, cause, now, **data)


class Silent:
    """An observer that counts."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def batch_done(self, task: Task, done: Done) -> None:
        self.counts["batches"] += 1
        self.counts["records"] += done.records
        self.counts["timers"] += done.timers

    def rule_raised(self, task: Task, failure: Failure) -> None:
        self.counts["raised"] += 1

    def recovered(self, task: Task, records: int, seconds: float) -> None:
        self.counts["recoveries"] += 1

    def outcome_unknown(self, task: Task, error: Exception) -> None:
        self.counts["unknown"] += 1

    def deleted_unread(self, task: Task, topic: str, position: int, first: int) -> None:
        self.counts["deleted_unread"] += 1

    def stopped(self, task: Task, reason: str) -> None:
        self.counts["stopped"] += 1

    def wait_began(self, task: Task, reason: str) -> None:
        self.counts["wait_began"] += 1

    def wait_ended(self, task: Task, seconds: float) -> None:
        self.counts["wait_ended"] += 1


@dataclass
class Parts:
    """The classes under test; a test that the simulation finds bugs hands in broken ones."""

    partition: Callable[..., AnyPartition] = Partition
    task: Callable[..., Task] = Task
    log: Callable[..., SimulatedLog] = SimulatedLog


class Worker:
    """A process: at most one task, and the partition that it keeps over a rebalance."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.kept: AnyPartition | None = None
        self.task: Task | None = None
        self.log: SimulatedLog | None = None
        self.run: asyncio.Task[None] | None = None

    def start(self) -> None:
        world = self.world
        if self.task is not None:
            return
        if self.kept is None:
            self.kept = world.new_partition(self.name)
        self.log = world.parts.log(world.broker, world.network, Reminders.name, INPUTS)
        self.task = world.parts.task(
            self.kept,
            self.log,
            partitions=OUT_PARTITIONS,
            inputs=INPUTS,
            limits=world.plan.limits,
            observer=world.observer,
        )
        self.run = asyncio.get_running_loop().create_task(self._run(self.task))

    async def _run(self, task: Task) -> None:
        try:
            await task.run()
        except asyncio.CancelledError:
            raise
        except EXPECTED as error:
            self.world.observer.counts[type(error).__name__] += 1
            if self.task is task:
                self.world.later(self._restart, task)
            return
        except Exception as error:
            self.world.fail(error)
            return
        if task.fenced:
            self.world.observer.counts["fenced"] += 1
            if self.task is task:
                self.world.later(self._restart, task)

    def _restart(self, task: Task) -> None:
        if self.task is task:
            self.forget()
            if self.world.owner is self:
                self.start()

    def forget(self) -> None:
        """The process is gone, with all its memory."""
        if self.run is not None:
            self.run.cancel()
        if self.kept is not None and self.kept.store is not None:
            self.kept.store.close()
        self.kept = self.task = self.log = self.run = None

    async def close(self, *, keep: bool, patience_s: float | None = None) -> None:
        """As the engine at a revocation: half a session for the batch in flight."""
        if patience_s is None:
            patience_s = self.world.rng.choice((0.0, 0.02, 1.0))
        task, run, log = self.task, self.run, self.log
        self.task = self.run = self.log = None
        if task is not None and run is not None and log is not None:
            task.close()
            await asyncio.wait([run], timeout=patience_s)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            await log.close()
        if not keep:
            self.forget()

    async def poll(self) -> None:
        """The poll loop: what is there goes to the task that has room."""
        rng, broker = self.world.rng, self.world.broker
        while True:
            await asyncio.sleep(rng.uniform(0.005, 0.12))
            for topic in INPUTS:
                task, log = self.task, self.log
                if task is None or log is None or task.full:
                    break
                position = log.reading[topic.name]
                source = broker.log(topic.name)
                entries, after = source.read(position, rng.choice((1, 3, 10, 1_000)))
                log.reading[topic.name] = after
                if entries:
                    if rng.random() < 0.05:
                        again, _ = source.read(max(0, position - 3), 1_000)
                        entries = [each for each in again if each.offset < after]
                    task.push([_record(topic, each) for each in entries])
                else:
                    await asyncio.sleep(rng.choice((0.0, 0.01)))
                    if self.task is task and task.running:
                        task.note_fetched(topic.name, after)

    async def watch_clock(self) -> None:
        """Marks: the watermark, then the ends of the inputs, and late to the task."""
        rng, world = self.world.rng, self.world
        while True:
            await asyncio.sleep(rng.uniform(0.05, 1.0))
            task, watermark_ms = self.task, world.watermark_ms
            await asyncio.sleep(rng.choice((0.0, 0.05)))
            if task is None or not task.running:
                continue
            ends = {topic.name: world.broker.log(topic.name).end for topic in INPUTS}
            delay = rng.choice((0.0, 0.0, 0.02, 0.7))
            asyncio.get_running_loop().call_later(delay, task.mark, Mark(watermark_ms, ends))


def _record(topic: Any, entry: Entry) -> Record:
    return Record(topic, 0, entry.offset, entry.key, entry.value, entry.timestamp_ms, entry.headers)


@dataclass
class World:
    """Everything of one run."""

    plan: Plan
    parts: Parts = field(default_factory=Parts)

    def __post_init__(self) -> None:
        self.rng = Random(f"world {self.plan.seed}")
        self.broker = Broker(self.rng)
        self.broker.marker_delay_s = self.plan.marker_delay_s
        self.network = Network(self.rng, silence=self._silence)
        for name, probability in self.plan.faults.items():
            setattr(self.network, name, probability)
        self._struck = asyncio.Event()
        self.observer = Silent()
        self.processor = Sim()
        self.max_state_bytes = self.plan.max_state_bytes
        self.fixed = False
        self.done_up_to_ms = [START_MS, START_MS]
        self.workers = [Worker(self, "a"), Worker(self, "b")]
        self.owner: Worker = self.workers[0]
        self.quiet = False
        self.written = 0
        self.final_ms = 0
        self.where: dict[int, int] = {}
        """Offset in the input topic, to the number of the input."""
        self.directory: Path | None = None
        self._failed: asyncio.Future[None] | None = None
        self._jobs: list[asyncio.Task[None]] = []

    @property
    def now_ms(self) -> int:
        return START_MS + int(asyncio.get_running_loop().time() * 1_000)

    @property
    def watermark_ms(self) -> int:
        return min(self.done_up_to_ms)

    def fail(self, error: BaseException) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)

    def later(self, call: Callable[..., None], *args: Any) -> None:
        asyncio.get_running_loop().call_later(self.rng.uniform(0.01, 1.0), call, *args)

    def new_partition(self, worker: str) -> AnyPartition:
        if self.directory is not None:
            store: Any = RocksStore(self.directory / worker, now=lambda: self.now_ms / 1_000)
        else:
            store = MemoryStore()
        return self.parts.partition(
            self.processor,
            BUNDLE,
            store=store,
            max_state_bytes=self.max_state_bytes,
            poison=self.plan.poison,
            cached_keys=self.rng.choice((1, 100)),
            sealer=SEALER,
        )

    # -- the run ---------------------------------------------------------------------------------

    async def live(self) -> AnyPartition:
        """The whole run; returns the partition as it is in the end."""
        if self.plan.rocks:
            self.directory = Path(tempfile.mkdtemp(prefix="simulation-"))
        loop = asyncio.get_running_loop()
        self._failed = loop.create_future()
        story = loop.create_task(self._story())
        try:
            both: list[asyncio.Future[Any]] = [story, self._failed]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                self._failed.result()
            return await story
        finally:
            for job in (story, *self._jobs):
                job.cancel()
            if sys.exc_info()[0] is not None:
                self.clean_up()

    def clean_up(self) -> None:
        """Files are the only thing that outlives a run."""
        for worker in self.workers:
            worker.forget()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _job(self, work: Any) -> None:
        job = asyncio.get_running_loop().create_task(work)
        job.add_done_callback(self._job_done)
        self._jobs.append(job)

    def _job_done(self, job: "asyncio.Task[None]") -> None:
        if not job.cancelled() and job.exception() is not None:
            self.fail(job.exception() or RuntimeError())

    async def _story(self) -> AnyPartition:
        self.owner.start()
        for worker in self.workers:
            self._job(worker.poll())
            self._job(worker.watch_clock())
        for inbox in (0, 1):
            self._job(self._upstream(inbox))
        if self.plan.trouble:
            self._job(self._chaos())
        self._job(self._operator())
        await self._until(lambda: self.written == len(self.plan.inputs), "all is written")
        await asyncio.sleep(self.rng.uniform(0.0, 5.0))
        self.quiet = True
        self.network.calm()
        await self._until(lambda: self.chaos_done, "chaos ends")
        for worker in self.workers:
            if worker is not self.owner:
                worker.forget()
        if self.plan.fixed_at_s is not None:
            await self._fix()
            await self._until(lambda: not self.waiting, "all letters are put back and decided")
        self.final_ms = self.now_ms + (3_600_000 if self.plan.rings_out else 0)
        self.done_up_to_ms = [self.final_ms, self.final_ms]
        told_at = self.now_ms
        await self._until(lambda: self.now_ms > told_at + 4_000 and self._idle(), "all is decided")
        part = self.owner.kept
        assert part is not None
        await self.owner.close(keep=True, patience_s=60.0)
        return part

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + QUIET_SECONDS
        while not holds():
            if loop.time() > end:
                task = self.owner.task
                state = None if task is None else (task.state, task.positions, task.fetched)
                raise Broken(f"I11: it never came true that {what}; task: {state}")
            await asyncio.sleep(0.1)

    def _idle(self) -> bool:
        task = self.owner.task
        if task is None or not task.running or task.buffered or self.owner.log is None:
            return False
        for topic in INPUTS:
            log = self.broker.log(topic.name)
            if log.open or self.owner.log.reading[topic.name] < log.end:
                return False
            if self.broker.offsets.get(topic.name, 0) < _last(log):
                return False
        due_ms = task.part.next_due_ms
        return not task.part.overdue and (due_ms is None or due_ms >= self.final_ms)

    # -- the log ---------------------------------------------------------------------------------

    async def _upstream(self, inbox: int) -> None:
        """Intake: takes what was recorded in an inbox partition, writes it, says how far it is."""
        rng, broker, name = self.rng, self.broker, f"upstream-{inbox}"
        todo = [each for each in self.plan.inputs if each.inbox == inbox]
        calm = self.plan.trouble == 0
        while True:
            await asyncio.sleep(rng.choice((0.01, 0.1, 0.6)))
            if self.final_ms:
                return
            up_to_ms = self.now_ms
            taken = [each for each in todo if each.at_ms <= up_to_ms]
            if taken:
                epoch = broker.init(name)
                txn = broker.begin(name, epoch)
                offsets = {}
                for each in taken:
                    send = Send(ALARMS_IN.name, 0, each.key, each.value, each.at_ms)
                    offsets[broker.append(name, epoch, send)] = each.number
                    if rng.random() < 0.2:
                        await asyncio.sleep(rng.uniform(0, 0.1))
                if not calm and rng.random() < 0.15:
                    await asyncio.sleep(rng.uniform(0, 2.0))
                if not calm and rng.random() < 0.15:
                    broker.end(name, epoch, txn, commit=False)
                    continue
                broker.end(name, epoch, txn)
                self.where.update(offsets)
                todo = todo[len(taken) :]
                self.written += len(taken)
            self.done_up_to_ms[inbox] = max(self.done_up_to_ms[inbox], up_to_ms)

    # -- chaos -----------------------------------------------------------------------------------

    chaos_done = True

    async def _chaos(self) -> None:
        rng = self.rng
        while not self.quiet:
            with contextlib.suppress(TimeoutError):
                pause = rng.uniform(0.1, 2 * self.plan.chaos_every_s)
                await asyncio.wait_for(self._struck.wait(), pause)
            self._struck.clear()
            if self.quiet:
                return
            self.chaos_done = False
            try:
                await self._strike(rng.random())
            finally:
                self.chaos_done = True

    def _silence(self) -> None:
        if self.rng.random() < 0.3:
            self._struck.set()

    async def _strike(self, choice: float) -> None:
        rng, owner = self.rng, self.owner
        other = self.workers[1 - self.workers.index(owner)]
        if choice < 0.25:
            owner.forget()
            self._job(self._start_later(owner))
        elif choice < 0.4:
            await owner.close(keep=rng.random() < 0.8)
            await asyncio.sleep(rng.uniform(0, 0.3))
            owner.start()
        elif choice < 0.55:
            await owner.close(keep=rng.random() < 0.5)
            await self._hand_over(other)
        elif choice < 0.8:
            await self._hand_over(other)
            await asyncio.sleep(rng.uniform(0, 1.5))
            if rng.random() < 0.7:
                await owner.close(keep=rng.random() < 0.7)
            else:
                owner.forget()
        elif choice < 0.9:
            if owner.task is not None:
                owner.task.pause()
                await asyncio.sleep(rng.uniform(0, 1.0))
                if owner.task is not None:
                    owner.task.resume()
        else:
            self.broker.log("hotline.reminders.changelog").compact()

    async def _start_later(self, worker: Worker) -> None:
        await asyncio.sleep(self.rng.uniform(0.01, 0.5))
        if self.owner is worker and worker.task is None:
            worker.start()

    async def _hand_over(self, worker: Worker) -> None:
        self.owner = worker
        if worker.task is not None:
            await worker.close(keep=True)
        worker.start()

    # -- the operator ----------------------------------------------------------------------------

    async def _operator(self) -> None:
        """Resumes what stopped, corrects the rule, and puts dead letters back."""
        rng = self.rng
        while True:
            await asyncio.sleep(rng.uniform(0.2, 2.0))
            task = self.owner.task
            if task is not None and task.part.stopped:
                task.resume()
            fix_at = self.plan.fixed_at_s
            if fix_at is not None and self.now_ms - START_MS > fix_at * 1_000 and self.chaos_done:
                await self._fix()
            if self.fixed or (rng.random() < 0.2 and not self.final_ms):
                await self._put_back()

    async def _fix(self) -> None:
        """A new version of the rule is rolled out."""
        if self.fixed:
            return
        self.fixed, self.max_state_bytes = True, 1 << 20
        self.processor = Sim(fixed=True)
        for worker in self.workers:
            worker.forget()
        await asyncio.sleep(0.1)
        if self.owner.task is None:
            self.owner.start()

    def _taken(self) -> bool:
        log = self.broker.log(REDRIVE.name)
        return not log.open and self.broker.offsets.get(REDRIVE.name, 0) >= _last(log)

    def filed(self) -> list[Filed]:
        """All letters."""
        found = []
        for partition in range(OUT_PARTITIONS):
            for each in self.broker.log(DEAD_LETTERS.name, partition).committed():
                letter = DeadLetter.from_record(each.value, each.headers)
                found.append(Filed(LetterId(partition, each.offset), letter, each.timestamp_ms))
        return found

    def _back(self) -> set[LetterId]:
        back = set()
        for each in self.broker.log(REDRIVE.name).committed():
            read = read_redrive(each.key, each.value, each.headers)
            if isinstance(read, Redriven):
                back.add(read.letter)
        return back

    @property
    def waiting(self) -> bool:
        """Whether letters are left that were not put back."""
        back = self._back()
        return not self._taken() or any(one.waits and one.id not in back for one in self.filed())

    async def _put_back(self) -> None:
        """A pass of ``hotline dead-letters redrive`` for a ticket, when the last one is taken."""
        if not self._taken():
            return
        filed, back = self.filed(), self._back()
        subjects = sorted({one.letter.subject or "" for one in filed if one.waits})
        self.rng.shuffle(subjects)
        for subject in subjects:
            for blocker in blockers(filed, subject):
                planned = passes(filed, back, blocker)
                if not planned:
                    continue
                sends = [
                    Send(REDRIVE.name, 0, key, value, self.now_ms, headers)
                    for one in planned
                    for key, value, headers in (
                        *(
                            (back_.key, back_.value, back_.to_headers())
                            for each in one.letters
                            for back_ in (Redriven.of(each.letter, each.id),)
                        ),
                        (
                            None,
                            None,
                            RedriveEnd(subject=one.subject, letters=one.put_back).to_headers(),
                        ),
                    )
                ]
                await self._send(sends)
                return

    async def _send(self, sends: list[Send]) -> None:
        broker = self.broker
        epoch = broker.init("operator")
        txn: Txn = broker.begin("operator", epoch)
        for send in sends:
            broker.append("operator", epoch, send)
            if self.rng.random() < 0.2:
                await asyncio.sleep(0.02)
        commit = self.quiet or self.rng.random() < 0.9
        broker.end("operator", epoch, txn, commit=commit)


def _last(log: Log) -> int:
    """The position after the last committed record."""
    found = log.committed()
    return found[-1].offset + 1 if found else 0
