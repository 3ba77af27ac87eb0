"""One engine draining the whole backlog: events/s, CPU, memory, right or wrong."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import kafka, machine
from bench.oracle import Answer, Check, check
from bench.process import EngineProcess, new_orders, new_run_id, now, running

POLL_SECONDS = 0.05
"""How finely the end of a run is seen."""
START_SECONDS = 45.0
"""For an engine to take up its first record."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """From the first record taken up to the last committed; the process's start is left out."""

    engine: str
    committed: int
    seconds: float
    cpu_seconds: float
    rss_mib: int
    broker_cpu_seconds: float
    other_cores: float
    """Cores that neither engine, broker nor harness used: noise of the machine."""
    complete: bool
    """False: the time limit cut the run short; rates are of the part that was committed."""
    check: Check

    @property
    def events_per_second(self) -> float:
        return self.committed / self.seconds

    @property
    def cpu_us_per_event(self) -> float:
        return self.cpu_seconds / self.committed * 1e6

    @property
    def broker_us_per_event(self) -> float:
        return self.broker_cpu_seconds / self.committed * 1e6

    @property
    def verdict(self) -> str:
        """Whether the answers were right, in words."""
        if self.complete:
            return str(self.check)
        return "right so far" if self.check.sound else str(self.check)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    at: float
    engine: float
    broker: float
    harness: float
    machine: float

    @staticmethod
    def of(engine: EngineProcess, brokers: Sequence[psutil.Process]) -> "_Snapshot":
        return _Snapshot(
            at=now(),
            engine=engine.cpu_seconds(),
            broker=machine.cpu_seconds(brokers),
            harness=machine.cpu_seconds([psutil.Process()]),
            machine=machine.busy_core_seconds(),
        )


async def measure(
    name: str,
    command: Sequence[str],
    bootstrap: str,
    topic: str,
    expected: dict[str, Answer],
    *,
    partitions: int,
    limit_seconds: float,
    log_dir: Path,
) -> Throughput:
    """Runs an engine over a filled topic. Raises ``EngineFailed`` when it ends or never starts."""
    run_id = new_run_id()
    orders = new_orders(bootstrap, topic, run_id, partitions=partitions)
    await kafka.create(bootstrap, orders.output, partitions=partitions)
    brokers = machine.broker_processes(bootstrap)
    try:
        async with (
            kafka.admin(bootstrap) as client,
            running(name, command, orders, log_dir=log_dir) as engine,
        ):
            start = await _first_record(engine, brokers)
            assert engine.first_at is not None
            done, rss, end = 0, 0, start
            while done < len(expected) and end.at - engine.first_at < limit_seconds:
                await asyncio.sleep(POLL_SECONDS)
                engine.check_running()
                rss = max(rss, engine.rss_bytes())
                offsets = await kafka.committed(client, orders.group, topic, partitions=partitions)
                end = _Snapshot.of(engine, brokers)
                done = done if offsets is None else offsets
        seconds = end.at - engine.first_at
        own = (end.engine - start.engine) + (end.broker - start.broker)
        others = (end.machine - start.machine) - own - (end.harness - start.harness)
        outputs = kafka.drain(bootstrap, orders.output, partitions=partitions)
        result = Throughput(
            engine=name,
            committed=max(done, 1),
            seconds=seconds,
            cpu_seconds=end.engine - engine.first_cpu_seconds,
            rss_mib=rss // 2**20,
            broker_cpu_seconds=end.broker - start.broker,
            other_cores=max(0.0, others / max(end.at - start.at, POLL_SECONDS)),
            complete=done >= len(expected),
            check=await check(outputs, expected),
        )
    finally:
        await kafka.delete(bootstrap, containing=run_id)
    return result


async def _first_record(engine: EngineProcess, brokers: Sequence[psutil.Process]) -> _Snapshot:
    started = now()
    while engine.first_at is None:
        engine.check_running()
        if now() - started > START_SECONDS:
            raise TimeoutError(
                f"{engine.name} took up no record in {START_SECONDS:.0f} s; see {engine.log}"
            )
        await asyncio.sleep(0.01)
    return _Snapshot.of(engine, brokers)
