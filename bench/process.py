"""An engine as a process: start it with its orders, hear its first record, watch it, stop it."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.contract import ANNOUNCEMENTS, FIRST, TOPIC_PREFIX, Orders
from bench.machine import cpu_seconds, rss_bytes

ROOT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 10.0
"""For an engine to leave by itself. The numbers are in by then; longer only delays the next run."""
LOG_TAIL_LINES = 15


class EngineFailed(Exception):
    """An engine ended before its work was done.

    Operator action: read the tail of its log in the message.
    """


@dataclass(slots=True)
class EngineProcess:
    """A running engine."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    first_cpu_seconds: float = 0.0
    heard: dict[str, float] = field(default_factory=dict)
    """Epoch seconds of everything that it announced (``bench.contract``)."""

    @property
    def ps(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    @property
    def first_at(self) -> float | None:
        """When it took up its first record; None before."""
        return self.heard.get(FIRST)

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    def cpu_seconds(self) -> float:
        return cpu_seconds([self.ps]) if self.running else 0.0

    def rss_bytes(self) -> int:
        return rss_bytes(self.ps) if self.running else 0

    def check_running(self) -> None:
        """Raises ``EngineFailed`` with the end of its log."""
        if not self.running:
            tail = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            raise EngineFailed(
                f"{self.name} ended with code {self.process.returncode}; the end of {self.log}:\n"
                + "\n".join(tail)
            )

    async def hear(self) -> None:
        """Reads what it prints, until it ends."""
        assert self.process.stdout is not None
        async for raw in self.process.stdout:
            word, _, at = raw.decode(errors="replace").strip().partition(" ")
            if word in ANNOUNCEMENTS and word not in self.heard:
                if word == FIRST:
                    self.first_cpu_seconds = self.cpu_seconds()
                self.heard[word] = float(at)

    async def stop(self) -> None:
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


@asynccontextmanager
async def running(
    name: str,
    command: Sequence[str],
    orders: Orders,
    *,
    log_dir: Path,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[EngineProcess]:
    """Runs an engine for as long as the block; its state directory goes with it."""
    log_dir.mkdir(parents=True, exist_ok=True)
    log = log_dir / f"{name}.log"
    env = {**os.environ, "PYTHONPATH": str(ROOT), **(environ or {}), **orders.environ()}
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE, stderr=stderr
        )
    engine = EngineProcess(name, process, log)
    ears = asyncio.create_task(engine.hear())
    try:
        yield engine
    finally:
        await engine.stop()
        await ears
        shutil.rmtree(orders.state_dir, ignore_errors=True)


def new_run_id() -> str:
    """Part of the name of everything that a run makes at the broker."""
    return f"r{uuid.uuid4().hex[:8]}"


def new_orders(bootstrap: str, input_topic: str, run_id: str, *, partitions: int) -> Orders:
    """Orders of a run of its own: fresh group, output topic and state directory."""
    return Orders(
        bootstrap=bootstrap,
        input=input_topic,
        output=f"{TOPIC_PREFIX}{run_id}-out",
        group=f"{TOPIC_PREFIX}{run_id}",
        state_dir=tempfile.mkdtemp(prefix=f"{TOPIC_PREFIX}{run_id}-"),
        partitions=str(partitions),
    )


def now() -> float:
    """Epoch seconds: the only clock that engine and harness share."""
    return time.time()
