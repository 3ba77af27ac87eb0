"""The whole local stack of a directory: Kafka, PostgreSQL, tables, topics, workers, HTTP.

``stack.json`` in the directory says what was started, on which ports, as which processes (pid and
start time, so that a recycled pid is never taken for ours).
"""

import asyncio
import fcntl
import os
import shlex
import shutil
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import msgspec
import psutil

from deploy.database import migrate
from deploy.local.broker import HOST, Broker, Cluster
from deploy.local.errors import DiskFull, NotAsStarted, StackFileUnreadable
from deploy.local.postgres import Postgres
from deploy.local.process import Recorded, check_port, free_port, start_detached, wait_ready
from deploy.topics import Layout, create, declared
from policy.bundle import load, shipped
from schemas.topics import DELIVERIES, SERVICES

WORKERS: dict[str, tuple[str, ...]] = {"worker": (*SERVICES, *DELIVERIES)}
"""The worker processes and what each hosts; a small hotline needs no more than one."""
SERVER = "http"
"""The process that answers over HTTP (``hotline serve``)."""
KEY_FILE = "keys.json"
"""The keys of pseudonyms and vault, for all processes."""
TOKENS_FILE = "tokens.yaml"
"""Who may call over HTTP; a person's, so that no wipe deletes it."""
ENVIRONMENT_FILE = "environment"
"""For a shell of this user: what reaches the stack, the database's password included."""
OF_THE_SERVER = frozenset({"HOTLINE_HTTP_TOKENS_FILE"})
MASK = "***"
STATE_FILE = "stack.json"
STATE_VERSION = 2
LOCK_FILE = "lock"
MIN_FREE_BYTES = 512 * 1024 * 1024
"""With less, Kafka would stop in the middle of the day rather than at the start."""
WORKER_START_TIMEOUT_S = 90.0
"""A worker recovers its state before it is healthy."""
WORKER_STOP_TIMEOUT_S = 30.0
"""Longer than the drain (HOTLINE_DRAIN_SECONDS, 20 s), which finishes the batch in flight."""
KAFKA_PORT = 9092
POSTGRES_PORT = 5432
WEB_PORT = 6066
HTTP_PORT = 6080


def default_directory() -> Path:
    """``hotline`` in the user's state directory (XDG)."""
    base = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(base) / "hotline"


@dataclass(slots=True)
class BrokerState:
    node: int
    port: int
    controller_port: int
    process: Recorded | None = None


@dataclass(slots=True)
class PostgresState:
    port: int
    process: Recorded | None = None


@dataclass(slots=True)
class WorkerState:
    name: str
    services: tuple[str, ...]
    web_port: int
    process: Recorded | None = None


@dataclass(slots=True)
class ServerState:
    port: int
    process: Recorded | None = None


@dataclass(slots=True)
class State:
    """What ``stack.json`` holds."""

    partitions: int
    policy: str
    brokers: list[BrokerState]
    postgres: PostgresState
    workers: list[WorkerState]
    server: ServerState
    services: bool = True
    """Whether workers and HTTP were wanted (``--no-services``)."""
    version: int = STATE_VERSION


@dataclass(frozen=True, slots=True)
class Wish:
    """What ``up`` was told; None: as it was, or the default. Port 0: any free one."""

    brokers: int | None = None
    kafka_port: int | None = None
    postgres_port: int | None = None
    web_port: int | None = None
    http_port: int | None = None
    partitions: int | None = None
    policy: str | None = None
    services: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """A line of ``status``."""

    name: str
    state: str
    """``running``, ``stopped``, ``died`` or ``unhealthy``."""
    address: str
    pid: int | None
    rss_mb: float | None
    log: Path


class Stack:
    """The stack of a directory. Commands make one each; what it did is in ``stack.json``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.file = self.directory / STATE_FILE
        self.state = self._load()

    # --- what there is -------------------------------------------------------------------------

    @property
    def cluster(self) -> Cluster:
        """Kafka, as it was started; its processes may have ended since."""
        state = self._known()
        brokers = [
            Broker(
                node=each.node,
                directory=self.directory / f"kafka-{each.node}",
                port=each.port,
                controller_port=each.controller_port,
                process=each.process,
            )
            for each in state.brokers
        ]
        return Cluster(self.directory, tuple(brokers))

    @property
    def postgres(self) -> Postgres:
        state = self._known().postgres
        return Postgres(self.directory / "postgres", state.port, state.process)

    @property
    def layout(self) -> Layout:
        cluster = self.cluster
        return Layout(
            partitions=self._known().partitions,
            replication=cluster.replication_factor,
            min_insync_replicas=cluster.min_insync_replicas,
        )

    @property
    def environ(self) -> dict[str, str]:
        """What a command or worker needs to reach this stack; the DSN holds the password."""
        state = self._known()
        return {
            "HOTLINE_POSTGRES_DSN": self.postgres.dsn,
            "HOTLINE_KEY_FILE": str(self.directory / KEY_FILE),
            "HOTLINE_HTTP_TOKENS_FILE": str(self.directory / TOKENS_FILE),
            "HOTLINE_KAFKA_BOOTSTRAP": self.cluster.bootstrap,
            "HOTLINE_PARTITIONS": str(state.partitions),
            "HOTLINE_POLICY": state.policy,
            "HOTLINE_REPLICATION": str(self.layout.replication),
            "HOTLINE_MIN_INSYNC": str(self.layout.min_insync_replicas),
        }

    @property
    def told(self) -> dict[str, str]:
        """As ``environ``, for eyes and files of others: without the password."""
        environ = self.environ
        head, _, tail = environ["HOTLINE_POSTGRES_DSN"].rpartition("@")
        user = head.rpartition(":")[0]
        return environ | {"HOTLINE_POSTGRES_DSN": f"{user}:{MASK}@{tail}"}

    @property
    def environment_file(self) -> Path:
        """``environ`` as lines that a shell reads (``. FILE``); nobody else can read it."""
        return self.directory / ENVIRONMENT_FILE

    def log(self, name: str) -> Path:
        """The log of a part; a service's is that of the worker that hosts it. ``KeyError``."""
        for worker, services in WORKERS.items():
            if name == worker or name in services:
                return self.directory / worker / "worker.log"
        if name == SERVER:
            return self.directory / SERVER / "http.log"
        if name == "kafka":
            name = "kafka-1"
        logs = {broker.directory.name: broker.log for broker in self.cluster.brokers}
        return (logs | {"postgres": self.postgres.log})[name]

    @property
    def log_names(self) -> tuple[str, ...]:
        nodes = [broker.directory.name for broker in self.cluster.brokers]
        return (
            *(nodes if len(nodes) > 1 else ["kafka"]),
            "postgres",
            *WORKERS,
            SERVER,
            *SERVICES,
            *DELIVERIES,
        )

    def parts(self) -> list[Part]:
        """Everything with how it is; empty if nothing was ever started here."""
        if self.state is None:
            return []
        parts = [
            _part(broker.directory.name, broker.address, broker.process, broker.log)
            for broker in self.cluster.brokers
        ]
        postgres = self.postgres
        parts.append(_part("postgres", f"{HOST}:{postgres.port}", postgres.process, postgres.log))
        parts += [
            _part(
                f"{worker.name} ({', '.join(worker.services)})",
                f"http://{HOST}:{worker.web_port}",
                worker.process,
                self.log(worker.name),
                web_port=worker.web_port,
            )
            for worker in self.state.workers
            if self.state.services or worker.process is not None
        ]
        server = self.state.server
        if self.state.services or server.process is not None:
            address = f"http://{HOST}:{server.port}"
            log = self.log(SERVER)
            parts.append(_part(SERVER, address, server.process, log, web_port=server.port))
        return parts

    # --- up ------------------------------------------------------------------------------------

    def up(self, wish: Wish, say: Callable[[str], None] = lambda _: None) -> None:
        """Starts what does not run and waits until it serves; what runs is left alone.

        If something cannot be started, what this call started is stopped again.

        Raises:
            HotlineError: what is wrong and what to do.
            PolicyError: the policy bundle cannot be loaded.
        """
        if wish.policy is not None and wish.policy not in shipped():
            # A folder: the worker does not run where the command was given.
            wish = replace(wish, policy=str(Path(wish.policy).resolve()))
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._locked():
            self.state = self._load()
            _check_space(self.directory)
            self._agree(wish)
            self._known().services = wish.services
            load(self._known().policy)
            before = frozenset(each for each in self._recorded() if each.running)
            try:
                self._up(wish.services, say)
            except BaseException:
                self._stop(before, say)
                raise

    def _up(self, services: bool, say: Callable[[str], None]) -> None:
        state = self._known()
        cluster = self.cluster
        self._check_ports(services)
        if not cluster.running:
            say(f"starting Kafka ({len(cluster.brokers)} broker(s))")
            try:
                cluster.start()
            finally:
                for each, broker in zip(state.brokers, cluster.brokers, strict=True):
                    each.process = broker.process
                self._save()
        postgres = self.postgres
        if not postgres.running:
            say("starting PostgreSQL")
            try:
                postgres.start()
            finally:
                state.postgres.process = postgres.process
                self._save()
        before, after = asyncio.run(migrate(postgres.dsn))
        if before != after:
            say(f"made the database's tables ({after})")
        self._write_environment()
        made = asyncio.run(create(cluster.bootstrap, declared(), self.layout))
        if made:
            say(f"made {len(made)} topics")
        if services:
            for worker in state.workers:
                self._start_worker(worker, say)
            self._start_server(say)

    def _check_ports(self, services: bool) -> None:
        """Before anything is started, so that a port in use costs no wait."""
        state = self._known()
        wanted: list[tuple[Recorded | None, int, str, str]] = [
            (each.process, each.port, f"Kafka broker {each.node}", "--kafka-port")
            for each in state.brokers
        ]
        wanted.append(
            (state.postgres.process, state.postgres.port, "PostgreSQL", "--postgres-port")
        )
        if services:
            wanted += [
                (each.process, each.web_port, f"the {each.name}'s web server", "--web-port")
                for each in state.workers
            ]
            server = state.server
            wanted.append((server.process, server.port, "the HTTP server", "--http-port"))
        for process, port, name, option in wanted:
            if process is None or not process.running:
                check_port(port, name=name, option=option)

    def _start_worker(self, worker: WorkerState, say: Callable[[str], None]) -> None:
        if worker.process is None or not worker.process.running:
            say(f"starting {', '.join(worker.services)}")
            port = str(worker.web_port)
            worker.process = self._start(
                worker.name, ["worker", *worker.services, "--web-port", port]
            )
            self._save()
        wait_ready(
            lambda: _healthy(worker.web_port),
            worker.process,
            name=f"the {worker.name} ({', '.join(worker.services)})",
            log=self.log(worker.name),
            timeout_s=WORKER_START_TIMEOUT_S,
        )

    def _start_server(self, say: Callable[[str], None]) -> None:
        server = self._known().server
        if server.process is None or not server.process.running:
            say("starting HTTP")
            server.process = self._start(SERVER, ["serve", "--port", str(server.port)])
            self._save()
        wait_ready(
            lambda: _healthy(server.port),
            server.process,
            name="the HTTP server",
            log=self.log(SERVER),
            timeout_s=WORKER_START_TIMEOUT_S,
        )

    def _start(self, name: str, arguments: list[str]) -> Recorded:
        """A ``hotline`` command of its own directory; secrets by environment, never by argument."""
        home = self.directory / name
        home.mkdir(exist_ok=True)
        command = Path(sysconfig.get_path("scripts")) / "hotline"
        # A worker would warn of the server's variables: it reads none of them.
        others = frozenset() if name == SERVER else OF_THE_SERVER
        environ = {key: value for key, value in self.environ.items() if key not in others}
        return start_detached(
            [str(command), *arguments],
            log=self.log(name),
            environ={**environ, "HOTLINE_DATA_DIR": str(home)},
            cwd=home,
        )

    def _write_environment(self) -> None:
        fresh = self.environment_file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.environ.items()]
        fresh.write_text("\n".join(lines) + "\n")
        fresh.replace(self.environment_file)

    def _agree(self, wish: Wish) -> None:
        """Makes the state of a first start, or brings new wishes into that of an earlier one."""
        if self.state is None:
            count = wish.brokers or 1
            self.state = State(
                partitions=wish.partitions or 4,
                policy=wish.policy or "cn-12345",
                brokers=[
                    BrokerState(node=node, port=port, controller_port=free_port())
                    for node, port in enumerate(_ports(wish.kafka_port, KAFKA_PORT, count), start=1)
                ],
                postgres=PostgresState(_ports(wish.postgres_port, POSTGRES_PORT, 1)[0]),
                workers=[
                    WorkerState(name, services, port)
                    for (name, services), port in zip(
                        WORKERS.items(),
                        _ports(wish.web_port, WEB_PORT, len(WORKERS)),
                        strict=True,
                    )
                ],
                server=ServerState(_ports(wish.http_port, HTTP_PORT, 1)[0]),
            )
            return
        state = self.state
        for option, wanted, have in (
            ("--brokers", wish.brokers, len(state.brokers)),
            ("--partitions", wish.partitions, state.partitions),
        ):
            if wanted is not None and wanted != have:
                raise NotAsStarted(
                    f"the data in {self.directory} is of {option} {have}, not {wanted}",
                    f"leave {option} out, choose another directory with --dir, or begin anew "
                    "(hotline down --wipe).",
                )
        brokers_up = any(each.process and each.process.running for each in state.brokers)
        postgres_up = state.postgres.process is not None and state.postgres.process.running
        for worker in state.workers:
            running = worker.process is not None and worker.process.running
            if wish.policy is not None and wish.policy != state.policy and running:
                raise NotAsStarted(
                    f"the {worker.name} runs with --policy {state.policy}, not {wish.policy}",
                    "run hotline down first.",
                )
            worker.web_port = _moved(worker.web_port, wish.web_port, running, "--web-port")
            if not running:
                worker.services = WORKERS[worker.name]
        server = state.server
        server_up = server.process is not None and server.process.running
        server.port = _moved(server.port, wish.http_port, server_up, "--http-port")
        state.policy = wish.policy or state.policy
        state.postgres.port = _moved(
            state.postgres.port, wish.postgres_port, postgres_up, "--postgres-port"
        )
        first = _moved(state.brokers[0].port, wish.kafka_port, brokers_up, "--kafka-port")
        if first != state.brokers[0].port:
            ports = _ports(wish.kafka_port, KAFKA_PORT, len(state.brokers))
            for each, port in zip(state.brokers, ports, strict=True):
                each.port = port
        if not brokers_up:
            # Nobody but the brokers uses these, so they need not stay; they may be taken by now.
            for each in state.brokers:
                each.controller_port = free_port()

    # --- down ----------------------------------------------------------------------------------

    def down(self, *, wipe: bool = False, say: Callable[[str], None] = lambda _: None) -> None:
        """Stops everything in order; ``wipe`` deletes the data. Harmless when nothing runs."""
        if not self.directory.exists():
            return
        with self._locked():
            self.state = self._load()
            if self.state is not None:
                self._stop(frozenset(), say)
            if wipe:
                say(f"deleting the data in {self.directory}")
                self._wipe()

    def _stop(self, keep: frozenset[Recorded], say: Callable[[str], None]) -> None:
        """Stops what runs and is not in ``keep``: who publishes first, the broker last."""
        state = self._known()
        server = state.server
        if server.process is not None and server.process not in keep:
            say("stopping HTTP")
            server.process.stop(WORKER_STOP_TIMEOUT_S)
            server.process = None
            self._save()
        for worker in state.workers:
            if worker.process is not None and worker.process not in keep:
                say(f"stopping {', '.join(worker.services)}")
                worker.process.stop(WORKER_STOP_TIMEOUT_S)
                worker.process = None
                self._save()
        postgres = self.postgres
        if postgres.process is not None and postgres.process not in keep:
            say("stopping PostgreSQL")
            postgres.stop()
            state.postgres.process = None
            self._save()
        cluster = self.cluster
        ours = tuple(broker for broker in cluster.brokers if broker.process not in keep)
        if any(broker.process is not None for broker in ours):
            say("stopping Kafka")
            Cluster(self.directory, ours).stop()
            for each, broker in zip(state.brokers, cluster.brokers, strict=True):
                each.process = broker.process
            self._save()

    def _wipe(self) -> None:
        """Removes what this class made, and the directory if nothing else is in it."""
        for name in ("kafka-*", "postgres", *WORKERS, SERVER):
            for folder in self.directory.glob(name):
                shutil.rmtree(folder)
        for name in (KEY_FILE, ENVIRONMENT_FILE, STATE_FILE, LOCK_FILE):
            (self.directory / name).unlink(missing_ok=True)
        self.state = None
        if not any(self.directory.iterdir()):
            self.directory.rmdir()

    # --- the file ------------------------------------------------------------------------------

    def _known(self) -> State:
        assert self.state is not None, "nothing was started here"
        return self.state

    def _recorded(self) -> Iterator[Recorded]:
        state = self._known()
        parts: list[BrokerState | PostgresState | WorkerState | ServerState] = [
            *state.brokers,
            state.postgres,
            *state.workers,
            state.server,
        ]
        yield from (part.process for part in parts if part.process is not None)

    def _load(self) -> State | None:
        try:
            raw = msgspec.json.decode(self.file.read_bytes(), type=dict[str, Any])
            self._check_version(raw.get("version"))
            return msgspec.convert(_upgraded(raw), State)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise StackFileUnreadable(
                f"{self.file} cannot be read: {error}",
                "end what may still run by hand (ps), then remove that file and start again; the "
                "data beside it is kept.",
            ) from error

    def _check_version(self, found: object) -> None:
        if found not in range(1, STATE_VERSION + 1):
            raise StackFileUnreadable(
                f"{self.file} is of version {found}, this program writes {STATE_VERSION}",
                "run hotline down with the version that wrote it.",
            )

    def _save(self) -> None:
        """Beside and renamed: a crash leaves the old file or the new one."""
        fresh = self.file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(self._known())))
        fresh.replace(self.file)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One ``up`` or ``down`` at a time; the second waits for the first."""
        with (self.directory / LOCK_FILE).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _upgraded(raw: dict[str, Any]) -> dict[str, Any]:
    """A state file of an earlier version as this one writes it.

    1: without HTTP. What runs then hosts what it was started with; the next start, all.
    """
    if raw.get("version") == 1:
        return {**raw, "version": 2, "server": {"port": HTTP_PORT}}
    return raw


def _ports(wanted: int | None, default: int, count: int) -> list[int]:
    """``count`` ports from the wanted one upwards, or free ones for 0."""
    if wanted == 0:
        return [free_port() for _ in range(count)]
    first = default if wanted is None else wanted
    return list(range(first, first + count))


def _moved(have: int, wanted: int | None, running: bool, option: str) -> int:
    """The port of a part that was started before. Raises if it runs elsewhere than wanted."""
    if not wanted or wanted == have:
        return have  # Any free port was wanted: the one it has is as good.
    if running:
        raise NotAsStarted(
            f"{option} {wanted} was asked for, it runs on {have}",
            f"leave {option} out, or run hotline down first.",
        )
    return wanted


def _check_space(directory: Path) -> None:
    free = shutil.disk_usage(directory).free
    if free < MIN_FREE_BYTES:
        raise DiskFull(
            f"{directory} has {free / 1e6:.0f} MB free, {MIN_FREE_BYTES / 1e6:.0f} MB are needed",
            "free space there or choose another directory with --dir.",
        )


def _healthy(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _part(
    name: str,
    address: str,
    recorded: Recorded | None,
    log: Path,
    web_port: int | None = None,
) -> Part:
    process = None if recorded is None else recorded.process()
    if process is None:
        return Part(name, "stopped" if recorded is None else "died", address, None, None, log)
    try:
        rss = process.memory_info().rss / 1e6
    except psutil.NoSuchProcess:
        return Part(name, "died", address, None, None, log)
    state = "running" if web_port is None or _healthy(web_port) else "unhealthy"
    return Part(name, state, address, process.pid, round(rss, 1), log)
