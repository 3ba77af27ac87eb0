"""One engine at a steady rate: time from produce to the committed output, and the CPU it costs."""

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from bench import generator, kafka
from bench.contract import TOPIC_PREFIX
from bench.process import EngineProcess, new_orders, new_run_id, now, running
from bench.watching import Watcher

WARM_SECONDS = 5.0
"""Left out: JIT, caches, the first rebalance."""
TRAIL_SECONDS = 5.0
"""For the last outputs to come."""
POLL_SECONDS = 0.05
START_SECONDS = 45.0
"""For an engine to join its group: it is ready when the first of a few early records came out."""


@dataclass(frozen=True, slots=True)
class Latency:
    """At ``rate`` events/s, over ``measured`` events."""

    engine: str
    rate: int
    measured: int
    missing: int
    p50_ms: float
    p99_ms: float
    core_share: float
    """CPU of the engine's process, as a share of one core."""


class _Watcher(Watcher):
    """When each output became readable, by the event it is of."""

    def __init__(self, bootstrap: str, topic: str, *, partitions: int) -> None:
        super().__init__(bootstrap, topic, self._arrive, partitions=partitions)
        self.seen: dict[str, float] = {}

    def _arrive(self, records: list[Any]) -> None:
        at = now()
        for record in records:
            self.seen.setdefault(orjson.loads(record.value)["event_id"], at)


async def measure(
    name: str,
    command: Sequence[str],
    bootstrap: str,
    *,
    rate: int,
    seconds: float,
    partitions: int,
    log_dir: Path,
) -> Latency:
    """Feeds an engine of its own topics at a rate. Raises ``EngineFailed`` when it ends."""
    run_id = new_run_id()
    orders = new_orders(bootstrap, f"{TOPIC_PREFIX}{run_id}-in", run_id, partitions=partitions)
    await kafka.create(bootstrap, orders.input, orders.output, partitions=partitions)
    watcher = _Watcher(bootstrap, orders.output, partitions=partitions)
    watcher.start()
    try:
        async with running(name, command, orders, log_dir=log_dir) as engine:
            result = await _feed(engine, watcher, bootstrap, orders.input, rate, seconds)
    finally:
        watcher.stop()
        await kafka.delete(bootstrap, containing=run_id)
    return result


async def _feed(
    engine: EngineProcess,
    watcher: _Watcher,
    bootstrap: str,
    topic: str,
    rate: int,
    seconds: float,
) -> Latency:
    warm = int(rate * WARM_SECONDS)
    total = warm + int(rate * seconds)
    early = rate
    events = [
        (orjson.loads(value)["event_id"], key, value)
        for key, value in generator.tickets(early + total)
    ]
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=0, acks="all")
    await producer.start()
    try:
        # A first second's worth at once; the clock starts when all of it came out.
        for _, key, value in events[:early]:
            await producer.send(topic, key=key, value=value)
        ready = {event_id for event_id, _, _ in events[:early]}
        if not await _seen(engine, watcher, ready, START_SECONDS):
            raise TimeoutError(
                f"{engine.name} did not finish its first {early} events in {START_SECONDS:.0f} s; "
                f"see {engine.log}"
            )
        events = events[early:]
        sent: dict[str, float] = {}
        start = now()
        cpu_start, cpu_at = engine.cpu_seconds(), start
        for number, (event_id, key, value) in enumerate(events):
            wait = start + number / rate - now()
            if wait > 0:
                await asyncio.sleep(wait)
            if number == warm:
                cpu_start, cpu_at = engine.cpu_seconds(), now()
            sent[event_id] = now()
            await producer.send(topic, key=key, value=value)
        cpu_used, elapsed = engine.cpu_seconds() - cpu_start, now() - cpu_at
        await _seen(engine, watcher, sent.keys(), TRAIL_SECONDS)
        engine.check_running()
    finally:
        await producer.stop()
    measured = [event_id for event_id, _, _ in events[warm:]]
    delays_ms = [
        (watcher.seen[e] - sent[e]) * 1e3 for e in measured if e in watcher.seen and e in sent
    ]
    if len(delays_ms) < 2:
        raise TimeoutError(f"{engine.name} wrote no output at {rate} events/s; see {engine.log}")
    percentiles = quantiles(delays_ms, n=100, method="inclusive")
    return Latency(
        engine=engine.name,
        rate=rate,
        measured=len(delays_ms),
        missing=len(measured) - len(delays_ms),
        p50_ms=percentiles[49],
        p99_ms=percentiles[98],
        core_share=cpu_used / elapsed,
    )


async def _seen(engine: EngineProcess, watcher: _Watcher, ids: Set[str], seconds: float) -> bool:
    """Whether the outputs of all these events came within the time."""
    for _ in range(int(seconds / POLL_SECONDS)):
        if ids <= watcher.seen.keys():
            return True
        engine.check_running()
        await asyncio.sleep(POLL_SECONDS)
    return False
