"""100,000 deadlines at the same minute: the real SLA service on the real broker (I7, F18).

The log's clock is the harness's: a made-up working day whose 17:30 comes half a minute after the
start. The herd are tickets with a promised end at 17:30, which binds the answer, too: two deadlines
each. Beside them events of other tickets come at a steady rate, open loop, and are timed from their
instant to their first readable fact.
"""

import asyncio
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
import psutil
from aiokafka import AIOKafkaProducer

from bench import driving, inbox, kafka
from bench.http import running
from bench.machine import Machine, broker_processes, cpu_seconds, this_machine
from bench.report import Sheet
from bench.watching import Watcher
from deploy.local.process import free_port
from deploy.topics import LOCAL, create, declared
from policy import bundle as policy_bundle
from policy.bundle import Bundle
from runtime.driver import Driver, Written
from runtime.processor import Record
from schemas.clock import ClockRecord
from schemas.topics import CLOCK, INBOX, SLA, TICKETS

SERVICE: Final = "sla"
ZONE: Final = ZoneInfo("Asia/Shanghai")
RECEIVED: Final = datetime(2026, 9, 8, 9, 0, tzinfo=ZONE)
"""A working Tuesday; the herd's receipts come within five minutes."""
DUE: Final = datetime(2026, 9, 8, 17, 30, tzinfo=ZONE)
HERD_WITHIN: Final = timedelta(minutes=5)
LEAD_SECONDS: Final = 30.0
"""From the first timed event to 17:30: what «before» is measured on, but for the warm-up."""
WARM_SECONDS: Final = 5.0
TRAIL_SECONDS: Final = 5.0
"""Events still come this long after the target, in case the herd is over by then."""
TICK_SECONDS: Final = 0.05
"""How often events are sent and the log's clock moves; real intake's is a batch."""
LAST_WARNING: Final = 90
"""Percent: once each ticket of the herd has it, receipts and warnings are through."""
STALL_SECONDS: Final = 60.0
"""Without a new fact before that: the worker is in trouble."""
LIMIT_SECONDS: Final = 180.0
DUE_AT_ONCE: Final = ("resolve", "reply")
"""Clocks of a ticket of the herd that are due at 17:30."""
TARGET_SECONDS: Final = 15.0
TARGET_ADDED_MS: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is measured."""

    deadlines: int = 100_000
    rate: int = 100
    """Events of other tickets a second."""
    workers: int = 1

    @property
    def tickets(self) -> int:
        """Each has two: the end and the answer that were promised for 17:30."""
        return self.deadlines // len(DUE_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Outcome:
    machine: Machine
    load: Load
    seconds: float
    """From 17:30 on the log's clock to when the last breach was readable."""
    fired: int
    missing: int
    doubled: int
    early: int
    before_p50_ms: float
    before_p99_ms: float
    herd_p50_ms: float
    herd_p99_ms: float
    events_before: int
    events_herd: int
    events_lost: int
    worker_us: float
    """CPU of all workers per timer of the herd, events and all."""
    broker_us: float
    seed_seconds: float

    @property
    def added_p99_ms(self) -> float:
        return self.herd_p99_ms - self.before_p99_ms

    def to_dict(self) -> dict[str, object]:
        return {**asdict(self), "added_p99_ms": round(self.added_p99_ms, 1)}


@dataclass(frozen=True, slots=True)
class Arrived:
    """A readable fact."""

    at: float
    value: bytes


class _Watcher(Watcher):
    """Keeps each fact and when it became readable; they are read afterwards."""

    def __init__(self, bootstrap: str, topic: str, *, partitions: int) -> None:
        super().__init__(bootstrap, topic, self._arrive, partitions=partitions)
        self.arrived: list[Arrived] = []

    def _arrive(self, records: list[Any]) -> None:
        at = time.time()
        self.arrived.extend(Arrived(at, record.value) for record in records)


def herd(load: Load, bundle: Bundle) -> list[Written]:
    """What intake writes of the herd's receipts."""
    step = HERD_WITHIN / load.tickets
    leaves = driving.leaves(bundle)
    rng = random.Random(inbox.SEED)

    def records() -> Iterator[Record]:
        for number in range(load.tickets):
            data = inbox.content(rng, leaves) | {"due_at": DUE.isoformat()}
            yield _received(f"H{number:06d}", RECEIVED + number * step, data, number)

    return _decided(records(), bundle)


def others(load: Load, bundle: Bundle) -> list[Written]:
    """What intake writes of the steady events: the receipts of other tickets."""
    count = int(load.rate * (LEAD_SECONDS + LIMIT_SECONDS))
    begin = DUE - timedelta(seconds=LEAD_SECONDS)
    leaves = driving.leaves(bundle)
    rng = random.Random(inbox.SEED + 1)

    def records() -> Iterator[Record]:
        for number in range(count):
            at = begin + timedelta(seconds=number / load.rate)
            yield _received(f"S{number:06d}", at, inbox.content(rng, leaves), number)

    return _decided(records(), bundle)


def _received(ticket: str, at: datetime, data: dict[str, Any], offset: int) -> Record:
    event = inbox.published(ticket, "ticket.received", at.astimezone(UTC), data)
    return Record(INBOX, 0, offset, ticket.encode(), event.value, event.at_ms)


def _decided(records: Iterator[Record], bundle: Bundle) -> list[Written]:
    log: list[Written] = []

    def keep(written: Written) -> None:
        if written.topic == TICKETS:
            log.append(written)

    Driver([driving.intake()], bundle, keep).run(records)
    return log


async def run(
    load: Load,
    bootstrap: str,
    *,
    partitions: int,
    log_dir: Path,
    say: Callable[[str], None],
) -> Outcome:
    """Workers of the sla service, fed and timed by this process."""
    prefix = f"bench-{os.getpid()}-"
    layout = replace(LOCAL, partitions=partitions, prefix=prefix, history=True)
    await create(bootstrap, declared((SERVICE,)), layout)
    bundle = policy_bundle.load(driving.PROFILE)
    say(f"making {load.tickets:,} receipts with {len(DUE_AT_ONCE)} deadlines at 17:30 each")
    crowd, steady = herd(load, bundle), others(load, bundle)
    home = Path(tempfile.mkdtemp(prefix="hotline-bench-"))
    environ = {
        "HOTLINE_KAFKA_BOOTSTRAP": bootstrap,
        "HOTLINE_TOPIC_PREFIX": prefix,
        "HOTLINE_PARTITIONS": str(partitions),
        "HOTLINE_POLICY": driving.PROFILE,
        "HOTLINE_DATA_DIR": str(home),
        "HOTLINE_LOG_FORMAT": "json",
        **{name: value for name, value in os.environ.items() if name.startswith("HOTLINE_")},
    }
    sla = prefix + SLA.name
    try:
        async with _workers(load.workers, environ, home, log_dir) as workers:
            stage = _Stage(bootstrap, prefix, partitions)
            await stage.start()
            try:
                began = time.perf_counter()
                await kafka.fill(
                    bootstrap,
                    prefix + TICKETS.name,
                    [(each.key or b"", each.value or b"") for each in crowd],
                    partitions=partitions,
                    at_ms=lambda number: crowd[number].at_ms,
                )
                await stage.say(DUE - timedelta(minutes=5))
                watcher = _Watcher(bootstrap, sla, partitions=partitions)
                watcher.start()
                try:
                    facts = await _settled(watcher, load)
                    seeded = time.perf_counter() - began
                    say(f"{facts:,} facts of the receipts in {seeded:.0f} s; on to 17:30")
                    return await _herd(
                        load, stage, steady, watcher, workers, bootstrap, seeded, say
                    )
                finally:
                    watcher.stop()
            finally:
                await stage.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)
        await kafka.delete(bootstrap, containing=prefix)


@asynccontextmanager
async def _workers(
    count: int, environ: dict[str, str], home: Path, log_dir: Path
) -> AsyncIterator[list[psutil.Process]]:
    """So many workers, each with partitions."""
    async with AsyncExitStack() as stack:
        starting = []
        for number in range(count):
            port = free_port()
            own = {**environ, "HOTLINE_DATA_DIR": str(home / str(number))}
            words = ["worker", SERVICE, "--web-port", str(port)]
            context = running(words, own, log_dir / f"timers-{number}", port)
            starting.append(stack.enter_async_context(context))
        yield list(await asyncio.gather(*starting))


async def _settled(watcher: "_Watcher", load: Load) -> int:
    """How many facts there are once every ticket of the herd has had its last warning."""
    warned: set[str] = set()
    seen, moved = 0, time.monotonic()
    while len(warned) < load.tickets:
        await asyncio.sleep(0.5)
        fresh = watcher.arrived[seen:]
        if fresh:
            seen, moved = seen + len(fresh), time.monotonic()
        elif time.monotonic() - moved > STALL_SECONDS:
            raise TimeoutError(f"{len(warned):,} of {load.tickets:,} tickets came to 17:25")
        for each in fresh:
            if _WARNED in each.value and _RESOLVE in each.value and _LAST in each.value:
                warned.add(orjson.loads(each.value)["subject"])
    watcher.arrived.clear()
    return seen


class _Stage:
    """The harness as intake: it writes tickets and says how far it is."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int) -> None:
        self.partitions = partitions
        self._tickets, self._clock = prefix + TICKETS.name, prefix + CLOCK.name
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=0, acks="all")

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def say(self, instant: datetime) -> None:
        """«Every inbox partition is done up to here.»"""
        waits = [
            await self._producer.send(
                self._clock,
                ClockRecord(number, instant).to_bytes(),
                key=str(number).encode(),
                partition=0,
            )
            for number in range(self.partitions)
        ]
        await asyncio.gather(*waits)

    async def write(self, log: Sequence[Written]) -> None:
        """Returns once the broker has all of it."""
        waits = [
            await self._producer.send(
                self._tickets,
                each.value,
                key=each.key,
                partition=kafka.partition_of(each.key or b"", self.partitions),
                timestamp_ms=each.at_ms,
            )
            for each in log
        ]
        await asyncio.gather(*waits)


async def _herd(
    load: Load,
    stage: _Stage,
    steady: Sequence[Written],
    watcher: _Watcher,
    workers: Sequence[psutil.Process],
    bootstrap: str,
    seed_seconds: float,
    say: Callable[[str], None],
) -> Outcome:
    """The minute around 17:30, in real time."""
    begin = DUE - timedelta(seconds=LEAD_SECONDS)
    shift = time.time() + 1.0 - begin.timestamp()
    due_at = DUE.timestamp() + shift
    sent = 0
    cpu: list[tuple[float, float]] = []
    fired: set[str] = set()
    seen = 0
    last = due_at
    while True:
        now = time.time()
        log_now_ms = int((now - shift) * 1_000)
        upto = sent
        while upto < len(steady) and steady[upto].at_ms <= log_now_ms:
            upto += 1
        await stage.write(steady[sent:upto])
        sent = upto
        await stage.say(datetime.fromtimestamp(now - shift, UTC))
        if now >= due_at and not cpu:
            cpu.append(_cpu(workers, bootstrap))
        for arrived in watcher.arrived[seen:]:
            seen += 1
            deadline = _breached(arrived.value)
            if deadline is not None:
                fired.add(deadline)
                last = max(last, arrived.at)
        if len(fired) >= load.deadlines and len(cpu) == 1:
            cpu.append(_cpu(workers, bootstrap))
            say(f"all fired {last - due_at:.1f} s after 17:30")
        over = now > max(last, due_at) + TRAIL_SECONDS
        if (len(fired) >= load.deadlines and over) or now > due_at + LIMIT_SECONDS:
            break
        await asyncio.sleep(max(0.0, TICK_SECONDS - (time.time() - now)))
    await asyncio.sleep(TRAIL_SECONDS)
    if len(cpu) == 1:
        cpu.append(_cpu(workers, bootstrap))
    used = [(after - before) * 1e6 / load.deadlines for before, after in zip(*cpu, strict=True)]
    return judged(load, watcher.arrived, steady[:sent], shift, used, seed_seconds)


def _cpu(workers: Sequence[psutil.Process], bootstrap: str) -> tuple[float, float]:
    return cpu_seconds(list(workers)), cpu_seconds(broker_processes(bootstrap))


_BREACHED: Final = b'"hotline.sla.breached.v1"'
_WARNED: Final = b'"hotline.sla.warning.v1"'
_LAST: Final = b'"percent":%d' % LAST_WARNING
_RESOLVE: Final = b'"target":"resolve"'


def _breached(value: bytes) -> str | None:
    """The ticket and the clock that was missed at 17:30; None of any other fact."""
    if _BREACHED not in value:
        return None
    fact = orjson.loads(value)
    ticket, target = fact["subject"], fact["data"]["target"]
    return f"{ticket} {target}" if ticket[0] == "H" and target in DUE_AT_ONCE else None


def judged(
    load: Load,
    arrived: Sequence[Arrived],
    steady: Sequence[Written],
    shift: float,
    used: Sequence[float],
    seed_seconds: float,
) -> Outcome:
    due_at = DUE.timestamp() + shift
    breaches: Counter[str] = Counter()
    early, last = 0, due_at
    first: dict[str, float] = {}
    for each in arrived:
        deadline = _breached(each.value)
        if deadline is not None:
            breaches[deadline] += 1
            early += each.at < due_at
            last = max(last, each.at)
        elif b'"subject":"S' in each.value:
            first.setdefault(orjson.loads(each.value)["subject"], each.at)
    before: list[float] = []
    during: list[float] = []
    lost = 0
    for record in steady:
        ticket, at = orjson.loads(record.value or b"")["subject"], record.at_ms / 1_000 + shift
        if ticket not in first:
            lost += 1
        elif due_at <= at <= last:
            during.append((first[ticket] - at) * 1_000)
        elif due_at - LEAD_SECONDS + WARM_SECONDS <= at < due_at - 1:
            before.append((first[ticket] - at) * 1_000)
    cuts_before = quantiles(before, n=100, method="inclusive")
    cuts_herd = quantiles(during, n=100, method="inclusive")
    return Outcome(
        machine=this_machine(),
        load=load,
        seconds=round(last - due_at, 2),
        fired=len(breaches),
        missing=load.deadlines - len(breaches),
        doubled=sum(count > 1 for count in breaches.values()),
        early=early,
        before_p50_ms=round(cuts_before[49], 1),
        before_p99_ms=round(cuts_before[98], 1),
        herd_p50_ms=round(cuts_herd[49], 1),
        herd_p99_ms=round(cuts_herd[98], 1),
        events_before=len(before),
        events_herd=len(during),
        events_lost=lost,
        worker_us=round(used[0], 1),
        broker_us=round(used[1], 1),
        seed_seconds=round(seed_seconds, 1),
    )


def sheet(outcome: Outcome) -> Sheet:
    load = outcome.load
    return Sheet(
        title=f"{load.deadlines:,} deadlines at 17:30, exactly once",
        columns=(
            "deadlines",
            "workers",
            "other events/s",
            "all fired after s",
            "missing / doubled / early",
            "p50 / p99 ms before",
            "p50 / p99 ms in the herd",
            "added p99 ms",
            "worker CPU µs/timer",
            "broker µs/timer",
        ),
        rows=(
            (
                f"{outcome.fired:,}",
                str(load.workers),
                str(load.rate),
                f"{outcome.seconds:.1f}",
                f"{outcome.missing} / {outcome.doubled} / {outcome.early}",
                f"{outcome.before_p50_ms:.0f} / {outcome.before_p99_ms:.0f}",
                f"{outcome.herd_p50_ms:.0f} / {outcome.herd_p99_ms:.0f}",
                f"{outcome.added_p99_ms:.0f}",
                f"{outcome.worker_us:.0f}",
                f"{outcome.broker_us:.0f}",
            ),
        ),
        machine=outcome.machine,
        notes=(
            f"Target: all fired within {TARGET_SECONDS:.0f} s, added p99 below "
            f"{TARGET_ADDED_MS:.0f} ms. From 17:30 on the log's clock to when a read_committed "
            f"consumer has the last breach; an event counts from its instant to its first fact "
            f"({outcome.events_before:,} before, {outcome.events_herd:,} in the herd, "
            f"{outcome.events_lost} without a fact). Broker, workers and harness share the "
            "machine.",
        ),
        text_columns=0,
    )
