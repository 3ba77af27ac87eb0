"""``python -m tests.simulation --seeds 10000 --start 0``: the long run, or one seed again."""

import argparse
import sys
import time
from collections import Counter

from runtime import log
from tests.simulation.run import Found, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many")
    parser.add_argument("--start", type=int, default=0, help="the first")
    parser.add_argument("--rocks", action="store_true", help="RocksDB in every run (slower)")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first")
    given = parser.parse_args()
    log.configure("WARNING")
    started, broken, total = time.monotonic(), 0, Counter[str]()
    for seed in range(given.start, given.start + given.seeds):
        try:
            total += simulate(seed, rocks=True if given.rocks else None)
        except Found as found:
            broken += 1
            print(found, flush=True)
            if not given.keep_going:
                return 1
        done = seed - given.start + 1
        if done % 500 == 0 or done == given.seeds:
            seconds = time.monotonic() - started
            print(f"{done} seeds, {broken} broken, {seconds:.0f} s: {dict(total)}", flush=True)
    return 1 if broken else 0


sys.exit(main())
