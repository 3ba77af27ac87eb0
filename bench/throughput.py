"""One engine draining a whole backlog: events/s, CPU of engine and broker, memory."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import kafka, machine
from bench.contract import Orders
from bench.process import EngineProcess, now, running

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

    @property
    def events_per_second(self) -> float:
        return self.committed / self.seconds

    @property
    def cpu_us_per_event(self) -> float:
        return self.cpu_seconds / self.committed * 1e6

    @property
    def broker_us_per_event(self) -> float:
        return self.broker_cpu_seconds / self.committed * 1e6


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
    orders: Orders,
    events: int,
    *,
    limit_seconds: float,
    log_dir: Path,
    environ: Mapping[str, str] | None = None,
) -> Throughput:
    """Runs an engine until it has committed ``events`` records of its input.

    Raises:
        EngineFailed: it ended.
        TimeoutError: it took up nothing.
    """
    partitions = int(orders.partitions)
    brokers = machine.broker_processes(orders.bootstrap)
    async with (
        kafka.admin(orders.bootstrap) as client,
        running(name, command, orders, log_dir=log_dir, environ=environ) as engine,
    ):
        start = await _first_record(engine, brokers)
        assert engine.first_at is not None
        done, rss, end = 0, 0, start
        while done < events and end.at - engine.first_at < limit_seconds:
            await asyncio.sleep(POLL_SECONDS)
            engine.check_running()
            rss = max(rss, engine.rss_bytes())
            offsets = await kafka.committed(
                client, orders.group, orders.input, partitions=partitions
            )
            end = _Snapshot.of(engine, brokers)
            done = done if offsets is None else offsets
    own = (end.engine - start.engine) + (end.broker - start.broker)
    others = (end.machine - start.machine) - own - (end.harness - start.harness)
    return Throughput(
        engine=name,
        committed=max(done, 1),
        seconds=end.at - engine.first_at,
        cpu_seconds=end.engine - engine.first_cpu_seconds,
        rss_mib=rss // 2**20,
        broker_cpu_seconds=end.broker - start.broker,
        other_cores=max(0.0, others / max(end.at - start.at, POLL_SECONDS)),
        complete=done >= events,
    )


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
