"""Workers as processes, to be killed, stopped and asked: by the pid recorded at their start."""

import json
import os
import signal
import subprocess
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import psutil

from deploy.local.process import free_port
from tests.kit.assertions import assert_eventually

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
START_S = 60.0
ASK_S = 2.0
OWN = ("reminders", "notebook", "assessor")
"""Services of the tests' own; each runs alone in its worker."""


def command(*services: str, by_faust: bool = False) -> list[str]:
    """What starts a worker of these services; some are the tests' own."""
    app = f"tests.kit.{services[0]}_app" if services[0] in OWN else ""
    if by_faust:
        (service,) = services
        app = f"services.{service}.app"
    if app:
        return [str(SCRIPTS / "faust"), "-A", app, "worker", "-l", "info"]
    return [str(SCRIPTS / "hotline"), "worker", *services]


class Worker:
    """One worker with its own environment, data directory, web port and log."""

    def __init__(
        self, services: Sequence[str], directory: Path, environ: Mapping[str, str], *, name: str
    ) -> None:
        self.services = tuple(services)
        self.name = name
        self.directory = directory / name
        self.environ = dict(environ)
        self.log = directory / f"{name}.log"
        self.by_faust = False
        """Start it as a user of Faust does, not by ``hotline worker``."""
        self.starts = 0
        self.ended_on_purpose = False
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def _command(self) -> list[str]:
        return [*command(*self.services, by_faust=self.by_faust), "--web-port", str(self._port)]

    def _next_port(self) -> int:
        return free_port()

    def start(self, **environ: str) -> Self:
        """Start it (again); ``environ`` holds for this time only."""
        assert not self.running, f"{self.name} runs already"
        self.directory.mkdir(parents=True, exist_ok=True)
        self._port = self._next_port()
        self.starts += 1
        self.ended_on_purpose = False
        given = {
            "HOTLINE_DATA_DIR": str(self.directory),
            "HOTLINE_LOG_FORMAT": "json",
            **self.environ,
            **environ,
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HOTLINE_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=ROOT,
                env={**inherited, **given},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def frozen(self) -> bool:
        """Whether it is stopped (by a failpoint, or by ``stop``)."""
        return self.running and psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()

    # -- signals: to the pid recorded at the start, while it is ours and unreaped -----------------

    def _send(self, number: signal.Signals) -> None:
        if self.running:
            self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.ended_on_purpose = True
        self._send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)

    def stop(self) -> None:
        """SIGSTOP: it freezes as a virtual machine does in a migration."""
        self._send(signal.SIGSTOP)

    def cont(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)

    def term(self) -> None:
        """SIGTERM: what a supervisor sends first."""
        self.ended_on_purpose = True
        self._send(signal.SIGTERM)

    # -- asking -----------------------------------------------------------------------------------

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self._port}{path}", timeout=ASK_S
        ) as answer:
            body: bytes = answer.read()
        return body

    def health(self) -> dict[str, Any]:
        """What it says of itself; empty while it does not answer."""
        try:
            body = self._get("/health")
        except urllib.error.HTTPError as not_ready:
            body = not_ready.read()
        except OSError:
            return {}
        try:
            told: dict[str, Any] = json.loads(body)
        except ValueError:
            return {}
        return told

    def healthy(self) -> bool:
        """Whether ``/health`` answers 200: all that a supervisor or a balancer looks at."""
        try:
            self._get("/health")
        except OSError:
            return False
        return True

    def post(self, path: str, token: str) -> dict[str, Any]:
        """``POST`` to a control endpoint."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}",
            method="POST",
            headers={"Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=ASK_S) as answer:  # noqa: S310
            told: dict[str, Any] = json.loads(answer.read())
        return told

    def partitions(self, service: str) -> dict[int, dict[str, Any]]:
        """Its tasks of a service, by partition."""
        for told in self.health().get("services", ()):
            if told["service"] == service:
                return {int(number): task for number, task in told["partitions"].items()}
        return {}

    def metric(self, name: str, **labels: str) -> float | None:
        """The sum of a metric's samples that have these labels; None if there is none."""
        try:
            text = self._get("/metrics").decode()
        except OSError:
            return None
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        found = [
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.startswith((f"{name}{{", f"{name} ")) and all(each in line for each in wanted)
        ]
        return sum(found) if found else None

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, characters: int = 3_000) -> str:
        return self.log_text()[-characters:]

    # -- waiting ----------------------------------------------------------------------------------

    def died(self) -> str | None:
        """For ``assert_eventually(unless=…)``."""
        if self.running:
            return None
        return f"{self.name} ended with {self.exit_code}; the end of its log:\n{self.log_tail()}"

    async def ready(self, within: float = START_S) -> "Worker":
        """Returns once it has partitions, and all of them run."""

        def owns() -> bool:
            told = self.health()
            services = told.get("services", ())
            return bool(told.get("ready")) and all(each["partitions"] for each in services)

        await assert_eventually(owns, within=within, what=f"{self.name} is ready", unless=self.died)
        return self

    async def ended(self, within: float) -> int:
        """Its exit code (negative: the signal)."""
        await assert_eventually(
            lambda: not self.running, within=within, what=f"{self.name} has ended"
        )
        self.ended_on_purpose = True
        code = self.exit_code
        assert code is not None
        return code
