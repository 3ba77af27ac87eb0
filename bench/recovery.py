"""Recovery: a worker with nothing on disk takes over a state of many keys from the changelog."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from bench import generator, kafka, throughput
from bench.contract import ASSIGNED, READY, TOPIC_PREFIX, Orders
from bench.engines.registry import module_command
from bench.machine import Machine, this_machine
from bench.process import new_orders, new_run_id, now, running
from bench.report import Sheet

TARGET_SECONDS = 30.0
"""For a million keys."""
LIMIT_SECONDS = 300.0
POLL_SECONDS = 0.02
PROBES = 1_000
"""Second tickets of known keys, written while nobody runs: each must come out as a repeat."""
COMMAND = module_command("bench.engines.hotline_repeat")


@dataclass(frozen=True, slots=True)
class Recovery:
    machine: Machine
    keys: int
    store: str
    seconds: float
    """From the assignment of the partitions until all of them run."""
    start_seconds: float
    """From the start of the process until then."""
    rss_mib: int
    remembered: int
    """Of ``PROBES``, how many were judged with the state from before."""

    def to_dict(self) -> dict[str, object]:
        return {**asdict(self), "machine": self.machine.to_dict()}


def distinct(keys: int, *, again: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """A ticket per citizen and leaf, each pair once; ``again``: their second ones, a day later."""
    ((_, value),) = generator.tickets(1)
    ticket = orjson.loads(value)
    at = generator.START.replace(day=2 if again else 1).isoformat()
    for number in range(keys):
        citizen = f"c{number:07d}"
        ticket |= {
            "event_id": f"{'probe' if again else 'event'}-{number}",
            "ticket_id": f"{'P' if again else 'T'}{number:09d}",
            "citizen": citizen,
            "occurred_at": at,
        }
        yield citizen.encode(), orjson.dumps(ticket)


async def run(
    keys: int,
    bootstrap: str,
    *,
    store: str,
    partitions: int,
    log_dir: Path,
    say: Callable[[str], None],
) -> Recovery:
    """Builds the state by a worker's own hand, then starts another with an empty disk."""
    run_id = new_run_id()
    orders = new_orders(bootstrap, f"{TOPIC_PREFIX}{run_id}-in", run_id, partitions=partitions)
    environ = {"HOTLINE_STORE": store}
    await kafka.create(bootstrap, orders.input, orders.output, partitions=partitions)
    try:
        say(f"writing {keys:,} tickets, then their states by a worker")
        await kafka.fill(bootstrap, orders.input, distinct(keys), partitions=partitions)
        built = await throughput.measure(
            "recovery-build",
            COMMAND,
            orders,
            keys,
            limit_seconds=LIMIT_SECONDS,
            log_dir=log_dir,
            environ=environ,
        )
        if not built.complete:
            raise TimeoutError(
                f"only {built.committed:,} of {keys:,} keys in {LIMIT_SECONDS:.0f} s; use --keys"
            )
        seconds, start_seconds, rss_mib = await _recover(orders, environ, log_dir)
        say(f"{keys:,} keys recovered in {seconds:.1f} s")
        remembered = await _probe(orders, min(PROBES, keys), environ, log_dir)
    finally:
        await kafka.delete(bootstrap, containing=run_id)
    return Recovery(this_machine(), keys, store, seconds, start_seconds, rss_mib, remembered)


async def _recover(
    orders: Orders, environ: dict[str, str], log_dir: Path
) -> tuple[float, float, int]:
    """Seconds from assignment and from start until a worker is ready, and its memory (MiB) then."""
    start = now()
    async with running("recovery", COMMAND, orders, log_dir=log_dir, environ=environ) as engine:
        for _ in range(int(LIMIT_SECONDS / POLL_SECONDS)):
            if READY in engine.heard:
                ready_at = engine.heard[READY]
                rss_mib = engine.rss_bytes() // 2**20
                return ready_at - engine.heard[ASSIGNED], ready_at - start, rss_mib
            engine.check_running()
            await asyncio.sleep(POLL_SECONDS)
    raise TimeoutError(f"not ready after {LIMIT_SECONDS:.0f} s; see {engine.log}")


async def _probe(orders: Orders, probes: int, environ: dict[str, str], log_dir: Path) -> int:
    """How many second tickets a recovered worker calls repeats of the first."""
    partitions = int(orders.partitions)
    await kafka.fill(
        orders.bootstrap, orders.input, distinct(probes, again=True), partitions=partitions
    )
    total = await kafka.end(orders.bootstrap, orders.input, partitions=partitions)
    await throughput.measure(
        "recovery-probe",
        COMMAND,
        orders,
        total,
        limit_seconds=LIMIT_SECONDS,
        log_dir=log_dir,
        environ=environ,
    )
    remembered = 0
    async for _, value in kafka.drain(orders.bootstrap, orders.output, partitions=partitions):
        if value.startswith(b'{"event_id":"probe-'):
            verdict = orjson.loads(value)
            remembered += verdict["first_ticket"] == f"T{verdict['ticket_id'][1:]}"
    return remembered


def sheet(outcome: Recovery) -> Sheet:
    probes = min(PROBES, outcome.keys)
    return Sheet(
        title="Recovery from the changelog, one worker, all partitions, nothing on disk",
        columns=(
            "keys",
            "store",
            "seconds",
            "from the start of the process",
            "RSS MiB",
            "probes remembered",
        ),
        rows=(
            (
                f"{outcome.keys:,}",
                outcome.store,
                f"{outcome.seconds:.1f}",
                f"{outcome.start_seconds:.1f}",
                f"{outcome.rss_mib:,}",
                f"{outcome.remembered:,} of {probes:,}",
            ),
        ),
        machine=outcome.machine,
        notes=(f"Target: 1,000,000 keys in under {TARGET_SECONDS:.0f} s.",),
    )
