"""The real dedup service end to end: a ticket log in Kafka, repeat verdicts out, exactly once."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson

from bench import driving, kafka, throughput
from bench.contract import TOPIC_PREFIX
from bench.engines.registry import module_command
from bench.machine import Machine, this_machine
from bench.process import new_orders, new_run_id
from bench.report import Sheet, spread
from bench.throughput import Throughput
from policy import bundle as policy_bundle
from runtime.driver import Driver, Written
from runtime.processor import Record
from schemas.topics import REPEATS, TICKETS
from services.dedup.domain import Dedup

TARGET_TICKETS_PER_SECOND = 8_000
LIMIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class DedupRun:
    """One worker over the whole log."""

    run: Throughput
    tickets: int
    """``ticket.received`` among the records; the rest are replies and closes."""
    facts: int
    """Verdicts that a consumer sees."""
    same_facts: bool
    """Whether their ids are those that the driver gives for the same log, each once."""

    @property
    def tickets_per_second(self) -> float:
        return self.tickets / self.run.seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    machine: Machine
    runs: tuple[DedupRun, ...]

    def to_dict(self) -> dict[str, object]:
        runs = [{**asdict(r), "tickets_per_second": round(r.tickets_per_second)} for r in self.runs]
        return {"machine": self.machine.to_dict(), "runs": runs}


async def run(
    events: int,
    runs: int,
    bootstrap: str,
    *,
    partitions: int,
    log_dir: Path,
    say: Callable[[str], None],
) -> Outcome:
    """Each run has its own copy of the log, group and changelog."""
    say(f"making the ticket log of {events:,} inbox events")
    bundle = policy_bundle.load(driving.PROFILE)
    log = driving.ticket_log(events, bundle)
    expected: list[str] = []

    def keep(written: Written) -> None:
        if written.topic == REPEATS and written.value is not None:
            expected.append(orjson.loads(written.value)["id"])

    Driver([Dedup()], bundle, keep).run(
        Record(TICKETS, 0, offset, w.key, w.value, w.at_ms) for offset, w in enumerate(log)
    )
    records = [(w.key or b"", w.value or b"") for w in log]
    tickets = sum(b'"type":"hotline.ticket.received.v1"' in value for _, value in records)
    results = []
    for _ in range(runs):
        run_id = new_run_id()
        prefix = f"{TOPIC_PREFIX}{run_id}-"
        orders = replace(
            new_orders(bootstrap, f"{prefix}{TICKETS.name}", run_id, partitions=partitions),
            output=f"{prefix}{REPEATS.name}",
            group=f"{prefix}{Dedup.name}",
        )
        await kafka.create(bootstrap, orders.input, orders.output, partitions=partitions)
        try:
            await kafka.fill(
                bootstrap,
                orders.input,
                records,
                partitions=partitions,
                at_ms=lambda number: log[number].at_ms,
            )
            drained = await throughput.measure(
                "dedup",
                module_command("bench.engines.hotline_dedup"),
                orders,
                len(records),
                limit_seconds=LIMIT_SECONDS,
                log_dir=log_dir,
            )
            facts = [
                orjson.loads(value)["id"]
                async for _, value in kafka.drain(bootstrap, orders.output, partitions=partitions)
            ]
        finally:
            await kafka.delete(bootstrap, containing=run_id)
        result = DedupRun(drained, tickets, len(facts), sorted(facts) == sorted(expected))
        results.append(result)
        say(
            f"dedup: {result.tickets_per_second:,.0f} tickets/s, "
            f"{drained.cpu_us_per_event:.0f} µs CPU per record, "
            f"facts {'equal' if result.same_facts else 'differ from'} the driver's"
        )
    return Outcome(this_machine(), tuple(results))


def sheet(outcome: Outcome) -> Sheet:
    runs = [each.run for each in outcome.runs]
    first = outcome.runs[0]
    return Sheet(
        title="The dedup service end to end, one worker, exactly once",
        columns=(
            "runs",
            "records",
            "tickets",
            "verdicts",
            "tickets/s",
            "records/s",
            "CPU µs/record",
            "broker µs/record",
            "RSS MiB",
            "facts",
        ),
        rows=(
            (
                str(len(runs)),
                f"{first.run.committed:,}",
                f"{first.tickets:,}",
                f"{first.facts:,}",
                spread([each.tickets_per_second for each in outcome.runs]),
                spread([each.events_per_second for each in runs]),
                spread([each.cpu_us_per_event for each in runs]),
                spread([each.broker_us_per_event for each in runs]),
                spread([each.rss_mib for each in runs]),
                "as the driver's" if all(e.same_facts for e in outcome.runs) else "DIFFER",
            ),
        ),
        machine=outcome.machine,
        notes=(
            f"Target: {TARGET_TICKETS_PER_SECOND:,} tickets/s. One in four tickets has a reply and "
            "a close as well, which dedup takes up too.",
        ),
    )
