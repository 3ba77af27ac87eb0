"""What a measured engine and the harness agree on. Standard library only: peers import it too.

An engine is a process. It finds its orders in the environment, commits the offsets of its input to
the group, prints ``FIRST <epoch seconds>`` when it takes up its first record, and leaves on
SIGTERM. Everything else (when it was done, CPU, memory, whether it was right) the harness finds
out from outside.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields

PREFIX = "BENCH_"
FIRST = "FIRST"
ASSIGNED = "ASSIGNED"
"""Printed by the project's engines when they were given their partitions: recovery begins."""
READY = "READY"
"""Printed by the project's engines when every partition runs: recovery is over."""
ANNOUNCEMENTS = frozenset({FIRST, ASSIGNED, READY})
TOPIC_PREFIX = "bench-"
"""Of every topic and group of the benchmarks."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Where an engine reads, writes and keeps its state in one run."""

    bootstrap: str
    input: str
    output: str
    group: str
    """Consumer group; also the application id, and thus the prefix of the engine's own topics."""
    state_dir: str
    """An empty directory of this run."""
    partitions: str = "4"

    def environ(self) -> dict[str, str]:
        return {PREFIX + f.name.upper(): getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Orders":
        """Raises ``KeyError`` naming the variable that is missing."""
        return cls(**{f.name: environ[PREFIX + f.name.upper()] for f in fields(cls)})


_announced: set[str] = set()


def announce(what: str = FIRST) -> None:
    """Call at each record; prints once. All that an engine does for the harness."""
    if what not in _announced:
        _announced.add(what)
        # The descriptor itself: Faust turns what is printed into log lines.
        os.write(1, f"{what} {time.time()}\n".encode())
