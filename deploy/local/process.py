"""A process that outlives the command that started it, told apart from whoever reuses its pid."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.errors import PortInUse, StartFailed

POLL_S = 0.05
START_TOLERANCE_S = 2.0
"""The kernel's boot time, and with it a start time, may shift a little when the clock is set."""
TAIL_LINES = 15
LOG_LIMIT_BYTES = 16 * 1024 * 1024
FREE_PORTS = range(15_000, 32_000)
"""Below what systems hand to outgoing connections (Linux: from 32768): while a server is down, a
client's connection could otherwise take its port, and it could not start again."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A process by pid and start time: a recycled pid has another start time."""

    pid: int
    started: float
    """Seconds since the epoch, as the kernel says."""

    @staticmethod
    def of(pid: int) -> "Recorded":
        return Recorded(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process if it still runs (a zombie does not), never a stranger with its pid."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < START_TOLERANCE_S
            if not same or process.status() == psutil.STATUS_ZOMBIE:
                return None
        except psutil.NoSuchProcess:
            return None
        return process

    @property
    def running(self) -> bool:
        return self.process() is not None

    def send(self, number: signal.Signals) -> bool:
        """Whether there was a process to send the signal to."""
        process = self.process()
        if process is None:
            return False
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return False
        return True

    def wait(self, timeout_s: float) -> bool:
        """Whether it ended in time. Reaps it where it is a child of this process."""
        process = self.process()
        if process is not None:
            try:
                process.wait(timeout_s)
            except psutil.TimeoutExpired:
                return not self.running
        self._reap()
        return True

    def _reap(self) -> None:
        """Of a child that ended before anybody waited for it: until then its pid counts as alive,
        and a PostgreSQL that was killed would not start again."""
        with contextlib.suppress(ChildProcessError, psutil.NoSuchProcess):
            if abs(psutil.Process(self.pid).create_time() - self.started) < START_TOLERANCE_S:
                os.waitpid(self.pid, os.WNOHANG)

    def stop(self, timeout_s: float, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it by the signal, after ``timeout_s`` by SIGKILL. A paused process is woken."""
        if not self.send(number):
            return
        self.send(signal.SIGCONT)
        if not self.wait(timeout_s):
            self.kill()

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait(10.0)


def start_detached(
    command: Sequence[str],
    *,
    log: Path,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Recorded:
    """Starts a process in a session of its own, its output appended to ``log``.

    A log that has grown past ``LOG_LIMIT_BYTES`` is first moved to ``<log>.1``.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(log.name + ".1"))
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=None if environ is None else {**os.environ, **environ},
            cwd=cwd,
        )
    try:
        recorded = Recorded.of(child.pid)
    except psutil.NoSuchProcess:
        recorded = Recorded(child.pid, 0.0)
    # Stopping is by record, also from another command; the handle must not warn that it still runs.
    child.returncode = 0
    return recorded


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, indented, or a note that there are none."""
    if not log.exists():
        return f"  ({log} was not written)"
    text = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"  {line}" for line in text) or f"  ({log} is empty)"


def wait_ready(
    ready: Callable[[], bool], process: Recorded, *, name: str, log: Path, timeout_s: float
) -> None:
    """Returns once ``ready`` says so. Raises ``StartFailed`` with the end of the log."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if not process.running:
            raise StartFailed(
                f"{name} ended while starting; the end of {log}:\n{tail(log)}",
                f"read {log}, remove the cause, start again.",
            )
        if time.monotonic() > deadline:
            raise StartFailed(
                f"{name} runs (pid {process.pid}) but was not ready after {timeout_s:.0f} s; "
                f"the end of {log}:\n{tail(log)}",
                f"read {log}; on a slow machine start again, it continues where it was.",
            )
        time.sleep(POLL_S)


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody uses now and no outgoing connection will be given."""
    for port in random.sample(FREE_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise PortInUse(
        f"100 ports tried between {FREE_PORTS.start} and {FREE_PORTS.stop} are all in use",
        "look at what listens on this machine, or name the ports.",
    )


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, port)) == 0


def check_port(port: int, *, name: str, option: str, host: str = "127.0.0.1") -> None:
    """Raises ``PortInUse`` that names the port, who has it, and the option to change it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(
                f"port {port} on {host}, meant for {name}, is in use{_owner(port)}",
                f"stop that process or choose another port with {option} (0: any free one).",
            ) from error


def _owner(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and address and address.port == port:
                if connection.pid is None:
                    break
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass  # Other users' processes may not be looked at; the port number is said anyway.
    return ""
