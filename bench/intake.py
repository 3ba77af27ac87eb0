"""What an event costs intake: ``python -m bench.intake [EVENTS] [--profile]``.

The pure step, its states and their encoding; no broker, no database. Run it before and after a
change of the rules. Two inboxes: receipts mostly (``bench.inbox``), and whole lives of tickets as
``hotline sample`` makes them.
"""

import argparse
import cProfile
import pstats
import time
from collections.abc import Sequence
from datetime import date
from itertools import islice

from bench import driving
from cli.sampling import generate
from policy.bundle import Bundle, load
from runtime.core import AnyPartition, Partition, collect_rarely
from runtime.processor import Record
from schemas.topics import INBOX

BATCH = 500
ROUNDS = 7
SEED = 7
DAY = date(2026, 3, 2)


def main() -> None:
    """Print the least CPU time an event took over some rounds, by inbox."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", nargs="?", type=int, default=10_000)
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    asked = parser.parse_args()
    bundle = load(driving.PROFILE)
    collect_rarely()
    for name, records in {
        "receipts mostly": list(driving.inbox_records(asked.events, bundle)),
        "whole lives": lives(asked.events),
    }.items():
        profiler = cProfile.Profile() if asked.profile else None
        least = min(_round(records, bundle, profiler) for _ in range(ROUNDS))
        print(f"{name}: {least / len(records) * 1e6:.1f} µs/event, {len(records):,} events")
        if profiler is not None:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def lives(count: int) -> list[Record]:
    """Records of a made-up city, bad ones among them."""
    found = islice(generate(SEED, count // 4, DAY), count)
    return [
        Record(INBOX, 0, offset, each.key, each.value, each.at * 1_000)
        for offset, each in enumerate(found)
    ]


def _round(records: Sequence[Record], bundle: Bundle, profiler: cProfile.Profile | None) -> float:
    part: AnyPartition = Partition(driving.intake(), bundle)
    started = time.process_time()
    if profiler is not None:
        profiler.enable()
    for first in range(0, len(records), BATCH):
        batch = part.begin()
        for record in records[first : first + BATCH]:
            batch.feed(record)
        batch.encode()
        part.apply(batch)
    if profiler is not None:
        profiler.disable()
    return time.process_time() - started


if __name__ == "__main__":
    main()
