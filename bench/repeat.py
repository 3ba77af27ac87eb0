"""«repeat»: the project's engine beside its peers, on the same input, on the same broker."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench import generator, kafka, latency, throughput
from bench.contract import TOPIC_PREFIX
from bench.engines.registry import ENGINES, Engine, Unavailable
from bench.latency import Latency
from bench.machine import Machine, this_machine
from bench.oracle import Answer, Check, answers, check
from bench.process import EngineFailed, new_orders, new_run_id
from bench.report import Sheet, spread
from bench.throughput import Throughput

INPUT = f"{TOPIC_PREFIX}in"
NOISY_CORES = 0.3
"""Of others' work during a run; above it a number says more about them than about the engine."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    events: int = 200_000
    runs: int = 3
    rate: int = 500
    seconds: float = 20.0
    limit_seconds: float = 60.0
    partitions: int = 4
    engines: tuple[str, ...] = tuple(ENGINES)


@dataclass(frozen=True, slots=True)
class Drained:
    """A run over the backlog, and whether its answers were right."""

    run: Throughput
    check: Check

    @property
    def engine(self) -> str:
        return self.run.engine

    @property
    def answers(self) -> str:
        """In words."""
        if self.run.complete:
            return str(self.check)
        return "right so far" if self.check.sound else str(self.check)


@dataclass(slots=True)
class Outcome:
    """What came of a plan."""

    plan: Plan
    machine: Machine
    throughput: list[Drained] = field(default_factory=list)
    latency: list[Latency] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        return {
            "plan": asdict(self.plan),
            "machine": self.machine.to_dict(),
            "throughput": [
                {
                    **asdict(t.run),
                    "events_per_second": round(t.run.events_per_second),
                    "check": asdict(t.check),
                }
                for t in self.throughput
            ],
            "latency": [asdict(each) for each in self.latency],
            "skipped": self.skipped,
        }


def turns(engines: Sequence[str], runs: int) -> list[str]:
    """Who runs when: forth and back, so that a drift of the machine favours nobody."""
    order: list[str] = []
    for run in range(runs):
        order += engines if run % 2 == 0 else list(reversed(engines))
    return order


async def run(plan: Plan, bootstrap: str, *, log_dir: Path, say: Callable[[str], None]) -> Outcome:
    """Measures every engine of the plan; one that cannot run is named and left out."""
    outcome = Outcome(plan=plan, machine=this_machine())
    commands: dict[str, list[str]] = {}
    for name in plan.engines:
        say(f"preparing {ENGINES[name].title}")
        try:
            commands[name] = await asyncio.to_thread(ENGINES[name].prepare)
        except Unavailable as missing:
            _skip(outcome, ENGINES[name], str(missing), say)

    say(f"making {plan.events:,} tickets and the right answers")
    tickets = list(generator.tickets(plan.events))
    expected = answers(tickets)
    await kafka.create(bootstrap, INPUT, partitions=plan.partitions)
    try:
        await kafka.fill(bootstrap, INPUT, tickets, partitions=plan.partitions)
        del tickets
        for name in turns(list(commands), plan.runs):
            if name not in commands:
                continue
            try:
                result = await _drain(name, commands[name], bootstrap, expected, plan, log_dir)
            except (EngineFailed, TimeoutError) as error:
                _skip(outcome, ENGINES[name], str(error), say)
                del commands[name]
                continue
            outcome.throughput.append(result)
            say(
                f"{ENGINES[name].title}: {result.run.events_per_second:,.0f} events/s, "
                f"{result.run.cpu_us_per_event:.0f} µs CPU per event, {result.answers}"
            )
    finally:
        await kafka.delete(bootstrap, containing=INPUT)

    for name, command in commands.items() if plan.rate else ():
        try:
            delay = await latency.measure(
                name,
                command,
                bootstrap,
                rate=plan.rate,
                seconds=plan.seconds,
                partitions=plan.partitions,
                log_dir=log_dir,
            )
        except (EngineFailed, TimeoutError) as error:
            _skip(outcome, ENGINES[name], str(error), say)
            continue
        outcome.latency.append(delay)
        say(
            f"{ENGINES[name].title}: p50 {delay.p50_ms:.0f} ms, p99 {delay.p99_ms:.0f} ms, "
            f"{delay.core_share:.0%} of a core at {plan.rate} events/s"
        )
    return outcome


async def _drain(
    name: str,
    command: Sequence[str],
    bootstrap: str,
    expected: dict[str, Answer],
    plan: Plan,
    log_dir: Path,
) -> Drained:
    run_id = new_run_id()
    orders = new_orders(bootstrap, INPUT, run_id, partitions=plan.partitions)
    await kafka.create(bootstrap, orders.output, partitions=plan.partitions)
    try:
        run = await throughput.measure(
            name,
            command,
            orders,
            len(expected),
            limit_seconds=plan.limit_seconds,
            log_dir=log_dir,
        )
        outputs = kafka.drain(bootstrap, orders.output, partitions=plan.partitions)
        return Drained(run, await check((value async for _, value in outputs), expected))
    finally:
        await kafka.delete(bootstrap, containing=run_id)


def _skip(outcome: Outcome, engine: Engine, why: str, say: Callable[[str], None]) -> None:
    say(f"{engine.title} left out: {why}")
    outcome.skipped.append(f"{engine.title} left out: {why.splitlines()[0]}.")


def sheet(outcome: Outcome) -> Sheet:
    """One row an engine; several runs as lowest–highest."""
    plan = outcome.plan
    rows = []
    for name in plan.engines:
        drained = [t for t in outcome.throughput if t.engine == name]
        runs = [t.run for t in drained]
        delays = [each for each in outcome.latency if each.engine == name]
        if not runs and not delays:
            continue
        engine = ENGINES[name]
        rows.append(
            (
                engine.title,
                engine.guarantee,
                engine.layout,
                spread([t.events_per_second for t in runs]),
                spread([t.cpu_us_per_event for t in runs]),
                spread([t.broker_us_per_event for t in runs]),
                spread([t.rss_mib for t in runs]),
                " / ".join(f"{each.p50_ms:.0f} / {each.p99_ms:.0f}" for each in delays) or "–",
                spread([each.core_share * 100 for each in delays]),
                "; ".join(dict.fromkeys(t.answers for t in drained)) or "–",
            )
        )
    return Sheet(
        title=f"Workload «repeat»: {plan.events:,} tickets, {plan.partitions} partitions, "
        f"{plan.runs} runs",
        columns=(
            "engine, one process",
            "guarantee",
            "state",
            "events/s",
            "CPU µs/event",
            "broker µs/event",
            "RSS MiB",
            f"p50 / p99 ms at {plan.rate}/s",
            f"% of a core at {plan.rate}/s",
            "answers",
        ),
        rows=tuple(rows),
        machine=outcome.machine,
        notes=_notes(outcome),
        text_columns=3,
    )


def _notes(outcome: Outcome) -> tuple[str, ...]:
    notes = []
    runs = [t.run for t in outcome.throughput]
    short = [run for run in runs if not run.complete]
    for name in dict.fromkeys(t.engine for t in short):
        done = spread([t.committed for t in short if t.engine == name])
        notes.append(
            f"{ENGINES[name].title}: cut off after {outcome.plan.limit_seconds:.0f} s with {done} "
            "committed; its numbers are of that part, the easier one."
        )
    noisy = [run.other_cores for run in runs if run.other_cores > NOISY_CORES]
    if noisy:
        notes.append(
            f"Other work on this machine took {spread(noisy, 1)} cores during {len(noisy)} of "
            f"{len(runs)} runs: take differences below a factor of 2 as noise."
        )
    return (*notes, *outcome.skipped)
