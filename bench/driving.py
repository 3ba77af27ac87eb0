"""The driver: how long a replay of a long log takes without a broker."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import orjson

from bench import generator, inbox
from bench.engines.repeat_processor import repeat
from bench.machine import Machine
from bench.report import Sheet
from policy import bundle as policy_bundle
from policy.bundle import Bundle
from runtime.core import AnyProcessor
from runtime.driver import Driver, Written
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.topics import INBOX, TICKETS
from services.dedup.domain import Dedup
from services.intake.domain import Intake
from vault.directory import KeyedPseudonyms

PROFILE = "cn-12345"
RING = KeyRing({1: b"benchmark: the city is made up!!"})
CHUNK = 20_000
"""Events that are made ahead; the making is not part of the time."""
TARGET_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Replay:
    """A log through processors in virtual time."""

    services: str
    events: int
    seconds: float
    cpu_seconds: float
    written: dict[str, int]
    """Records by topic."""
    failures: int
    """Rules that raised; more than none and the numbers are worthless."""

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    machine: Machine
    replays: tuple[Replay, ...]

    def to_dict(self) -> dict[str, object]:
        replays = [
            {**asdict(r), "events_per_second": round(r.events_per_second)} for r in self.replays
        ]
        return {"machine": self.machine.to_dict(), "replays": replays}


def leaves(bundle: Bundle) -> list[str]:
    """Codes of the category tree in force when the log begins."""
    return [node.code for node in bundle.at(inbox.START).categories.leaves()]


def inbox_records(count: int, bundle: Bundle) -> Iterator[Record]:
    """The inbox as the broker would deliver it."""
    for offset, event in enumerate(inbox.events(count, leaves(bundle))):
        yield Record(INBOX, 0, offset, event.ticket.encode(), event.value, event.at_ms)


def intake() -> Intake:
    """Intake of one partition, with a key that is no secret."""
    return Intake(directory=KeyedPseudonyms.of(RING), ring=RING, partitions=1, forward=False)


def ticket_log(count: int, bundle: Bundle) -> list[Written]:
    """What intake writes to ``hotline.tickets`` for ``count`` events of the inbox."""
    log: list[Written] = []

    def keep(written: Written) -> None:
        if written.topic == TICKETS:
            log.append(written)

    Driver([intake()], bundle, keep).run(inbox_records(count, bundle))
    return log


def replay(
    services: str, processors: Sequence[AnyProcessor], records: Iterator[Record], events: int
) -> Replay:
    """Feeds a made log to processors and times the driver alone."""
    written: Counter[str] = Counter()
    bundle = policy_bundle.load(PROFILE)
    driver = Driver(processors, bundle, lambda record: written.update((record.topic.name,)))
    source = iter(records)
    seconds = cpu_seconds = 0.0
    while chunk := list(islice(source, CHUNK)):
        start, cpu_start = time.perf_counter(), time.process_time()
        driver.run(chunk)
        seconds += time.perf_counter() - start
        cpu_seconds += time.process_time() - cpu_start
    return Replay(services, events, seconds, cpu_seconds, dict(written), len(driver.failures))


def run(events: int, say: Callable[[str], None]) -> list[Replay]:
    """What ``hotline replay`` runs, and the driver's own part of it."""
    bundle = policy_bundle.load(PROFILE)
    plain = repeat(name="bench", input_topic="bench-in", output_topic="bench-out")
    cases: list[tuple[str, list[AnyProcessor], Iterator[Record]]] = [
        ("intake, dedup", [intake(), Dedup()], inbox_records(events, bundle)),
        ("workload «repeat»", [plain], repeat_records(plain, events)),
    ]
    replays = []
    for services, processors, records in cases:
        replays.append(replay(services, processors, records, events))
        say(f"{services}: {events:,} events in {replays[-1].seconds:.1f} s")
    replays.append(command(events, bundle))
    say(f"{replays[-1].services}: {events:,} events in {replays[-1].seconds:.1f} s")
    return replays


def command(events: int, bundle: Bundle) -> Replay:
    """``hotline replay`` of a file as a user runs it, on all cores; from reading to the summary."""
    with tempfile.TemporaryDirectory(prefix="hotline-bench-") as scratch:
        log = Path(scratch) / "events.jsonl"
        with log.open("wb") as file:
            file.writelines(
                (record.value or b"") + b"\n" for record in inbox_records(events, bundle)
            )
        arguments = ("replay", str(log), "--policy", PROFILE, "--out", f"{scratch}/out", "--json")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", "from cli.main import main; main()", *arguments],
            env={**os.environ, "HOTLINE_DATA_DIR": scratch},
            stdout=subprocess.PIPE,
            check=True,
        )
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    written = orjson.loads(done.stdout)["records"]
    cores = os.cpu_count()
    return Replay(f"`hotline replay`, {cores} processes", events, seconds, cpu_seconds, written, 0)


def repeat_records(processor: AnyProcessor, count: int) -> Iterator[Record]:
    """The tickets of «repeat», as the broker would deliver them."""
    (topic,) = processor.inputs
    for offset, (key, value) in enumerate(generator.tickets(count)):
        yield Record(topic, 0, offset, key, value, generator.at_ms(offset))


def sheet(outcome: Outcome) -> Sheet:
    return Sheet(
        title="Driver: replay in virtual time, no broker",
        columns=(
            "services",
            "events",
            "seconds",
            "CPU µs/event",
            "events/s",
            "written",
            "rules that raised",
        ),
        rows=tuple(
            (
                each.services,
                f"{each.events:,}",
                f"{each.seconds:.1f}",
                f"{each.cpu_seconds / each.events * 1e6:.0f}",
                f"{each.events_per_second:,.0f}",
                ", ".join(f"{name} {count:,}" for name, count in sorted(each.written.items())),
                str(each.failures),
            )
            for each in outcome.replays
        ),
        machine=outcome.machine,
        notes=(f"Target: 1,000,000 events in under {TARGET_SECONDS:.0f} s.",),
    )
