"""The machine below the numbers: hardware, CPU and memory of processes, who serves the broker."""

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench import generator, workload

CALIBRATION_TICKETS = 20_000


@dataclass(frozen=True, slots=True)
class Machine:
    """What a table of numbers is worth nothing without."""

    date: str
    cpu: str
    cores: int
    memory_gib: int
    system: str
    python: str
    validation_us: float
    """One pydantic validation of a ticket here and now: the speed of this machine at this hour."""

    def __str__(self) -> str:
        return (
            f"{self.date}, {self.cores} cores of {self.cpu}, {self.memory_gib} GiB, {self.system}, "
            f"Python {self.python}; one validation of a ticket takes {self.validation_us:.2f} µs"
        )

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def this_machine() -> Machine:
    return Machine(
        date=datetime.now(UTC).date().isoformat(),
        cpu=_cpu_name(),
        cores=os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / 2**30),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        validation_us=_calibrate(),
    )


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _calibrate() -> float:
    ((_, value),) = generator.tickets(1)
    start = time.process_time()
    for _ in range(CALIBRATION_TICKETS):
        workload.parse(value)
    return (time.process_time() - start) / CALIBRATION_TICKETS * 1e6


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """User and system time so far, of the processes that are still there."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def rss_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def broker_processes(bootstrap: str) -> list[psutil.Process]:
    """Processes of this machine that listen on the broker's ports; none when it runs elsewhere."""
    ports = {int(address.rsplit(":", 1)[1]) for address in bootstrap.split(",")}
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return []
    pids = {
        c.pid
        for c in connections
        if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port in ports and c.pid
    }
    return [psutil.Process(pid) for pid in sorted(pids)]


def busy_core_seconds() -> float:
    """CPU seconds that the whole machine has spent so far, stolen time included."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    return float(sum(times[:8]) - idle)
