"""Replay in memory on several cores: citizens share nothing, so each core takes some of them."""

import heapq
import multiprocessing
import pickle
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Final
from zlib import crc32

from cli.replaying import memory
from cli.replaying.output import WRITTEN, Counts, Output
from cli.replaying.source import Recorded
from policy.bundle import Bundle
from runtime.core import AnyProcessor, collect_rarely
from runtime.errors import HotlineError

POLL_SECONDS: Final = 0.1
COUNTS: Final = "counts.pickle"


class ReplayFailed(HotlineError):
    """A process of a replay ended with an error, which stands above.

    Operator action: run again with ``--jobs 1`` to see it alone.
    """

    def __init__(self, exit_code: int | None) -> None:
        super().__init__("replay_failed", f"a process of the replay ended with code {exit_code}")


def replay(
    events: Sequence[Recorded],
    keys: dict[str, str],
    make: Callable[[], Sequence[AnyProcessor]],
    bundle: Bundle,
    *,
    until: datetime,
    output: Output,
    progress: Callable[[int], None],
    jobs: int,
) -> None:
    """As ``memory.replay``; the lines of a topic come in the order of their recorded time.

    Args:
        keys: ticket to citizen; all events of a citizen go to one process.
        make: the processors, anew in each process.
    """
    if jobs == 1:
        memory.replay(events, make(), bundle, until=until, sink=output.write, progress=progress)
        return
    shards: list[list[Recorded]] = [[] for _ in range(jobs)]
    for event in events:
        key = keys.get(event.subject, event.subject)
        shards[crc32(key.encode()) % jobs].append(event)
    # Forked, so that the events are not copied; nothing else runs in this process yet.
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory(prefix="hotline-replay-") as scratch:
        folders = [Path(scratch) / str(number) for number in range(jobs)]
        done = [context.Value("q", 0) for _ in range(jobs)]
        workers = [
            context.Process(target=_work, args=(shard, make, bundle, until, folder, count))
            for shard, folder, count in zip(shards, folders, done, strict=True)
        ]
        for worker in workers:
            worker.start()
        try:
            told = 0
            while any(worker.is_alive() for worker in workers):
                time.sleep(POLL_SECONDS)
                now = sum(count.value for count in done)
                progress(now - told)
                told = now
        finally:
            for worker in workers:
                if worker.is_alive():
                    worker.terminate()
                worker.join()
        failed = next((worker for worker in workers if worker.exitcode), None)
        if failed is not None:
            raise ReplayFailed(failed.exitcode)
        _merge(folders, output)


def _work(
    events: Sequence[Recorded],
    make: Callable[[], Sequence[AnyProcessor]],
    bundle: Bundle,
    until: datetime,
    folder: Path,
    done: "Synchronized[int]",
) -> None:
    def progress(count: int) -> None:
        done.value += count

    collect_rarely()
    with Output(folder, stamped=True) as output:
        memory.replay(events, make(), bundle, until=until, sink=output.write, progress=progress)
        output.publish()
    (folder / COUNTS).write_bytes(pickle.dumps(output.counts))


def _merge(folders: Sequence[Path], output: Output) -> None:
    for folder in folders:
        counts = pickle.loads((folder / COUNTS).read_bytes())  # noqa: S301 (written above)
        assert isinstance(counts, Counts)
        output.counts.add(counts)
    for topic in WRITTEN:
        streams = [_stamped(folder / f"{topic.name}.jsonl") for folder in folders]
        for _, line in heapq.merge(*streams, key=lambda stamped: stamped[0]):
            output.write_line(topic.name, line)


def _stamped(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for text in file:
            at_ms, _, line = text.partition(b"\t")
            yield int(at_ms), line
