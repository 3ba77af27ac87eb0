"""The entrance over HTTP at a steady rate, with the whole stack on the same machine.

Open loop: each batch has its instant, whether or not the one before was answered, and its time
counts from that instant. What waits in a queue counts too.
"""

import asyncio
import itertools
import os
import shutil
import signal
import sysconfig
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import quantiles

import httpx
import psutil

from bench import driving, inbox
from bench.machine import Machine, broker_processes, cpu_seconds, this_machine
from bench.process import LOG_TAIL_LINES, ROOT, STOP_SECONDS, EngineFailed
from bench.report import Sheet
from deploy.database import migrate
from deploy.local.postgres import Postgres
from deploy.local.process import free_port
from deploy.topics import LOCAL, create, declared
from policy import bundle as policy_bundle
from runtime.http import tokens
from services.intake.entrance.body import BATCH
from services.intake.entrance.routes import PATH

WARM_SECONDS = 5.0
"""Left out: connections, caches, the first rebalance."""
READY_SECONDS = 60.0
TARGET_P99_MS = 250.0
SERVICES = ("intake", "dedup")
TOPIC_SERVICES = SERVICES


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent."""

    rate: int = 2_000
    """Events a second."""
    batch: int = 100
    """Events in a request."""
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    machine: Machine
    load: Load
    batches: int
    """Measured, after the warm-up."""
    statuses: dict[int, int]
    p50_ms: float
    p99_ms: float
    longest_ms: float
    core_shares: dict[str, float]
    """CPU of each part, as a share of one core."""
    intake_lag: int
    """Records that intake had not taken when the last answer was there."""

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


@contextmanager
def database() -> Iterator[Postgres]:
    """A PostgreSQL of its own, with all tables; removed with its data. Call outside a loop."""
    directory = Path(tempfile.mkdtemp(prefix="hotline-bench-"))
    server = Postgres.create(directory)
    try:
        server.start()
        asyncio.run(migrate(server.dsn))
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)


async def run(
    load: Load,
    bootstrap: str,
    postgres: Postgres,
    *,
    partitions: int,
    log_dir: Path,
    say: Callable[[str], None],
) -> Outcome:
    """One worker of intake and dedup and one HTTP server, fed by this process."""
    prefix = f"bench-{os.getpid()}-"
    layout = replace(LOCAL, partitions=partitions, prefix=prefix)
    await create(bootstrap, declared(TOPIC_SERVICES), layout)
    home = Path(tempfile.mkdtemp(prefix="hotline-bench-"))
    token = tokens.make(home / "tokens.yaml", name="bench", sources=[inbox.SOURCE])
    web, http = free_port(), free_port()
    environ = {
        "HOTLINE_KAFKA_BOOTSTRAP": bootstrap,
        "HOTLINE_TOPIC_PREFIX": prefix,
        "HOTLINE_PARTITIONS": str(partitions),
        "HOTLINE_POLICY": driving.PROFILE,
        "HOTLINE_POSTGRES_DSN": postgres.dsn,
        "HOTLINE_DATA_DIR": str(home),
        "HOTLINE_LOG_FORMAT": "json",
        **{name: value for name, value in os.environ.items() if name.startswith("HOTLINE_")},
    }
    say(f"making {load.rate * (load.seconds + WARM_SECONDS):,.0f} events")
    bodies = list(_bodies(load))
    try:
        async with (
            running(["worker", *SERVICES, "--web-port", str(web)], environ, log_dir, web) as work,
            running(["serve", "--port", str(http)], environ, log_dir, http) as serving,
        ):
            say(f"sending {load.rate:,} events/s in batches of {load.batch} for {load.seconds:g} s")
            parts = {
                "serve": [serving],
                "worker": [work],
                "broker": broker_processes(bootstrap),
                "postgres": _family(postgres),
                "client": [psutil.Process()],
            }
            before: dict[str, float] = {}
            began = 0.0

            def warm() -> None:
                nonlocal began
                began = time.perf_counter()
                parts["postgres"] = _family(postgres)
                before.update({name: cpu_seconds(each) for name, each in parts.items()})

            answers = await _feed(load, bodies, http, token, warm)
            took = time.perf_counter() - began
            shares = {
                name: round((cpu_seconds(each) - before[name]) / took, 2)
                for name, each in parts.items()
            }
            lag = _lag(web)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    times = sorted(ms for _, ms in answers)
    cuts = quantiles(times, n=100, method="inclusive")
    return Outcome(
        machine=this_machine(),
        load=load,
        batches=len(answers),
        statuses=dict(Counter(status for status, _ in answers)),
        p50_ms=round(cuts[49], 1),
        p99_ms=round(cuts[98], 1),
        longest_ms=round(times[-1], 1),
        core_shares=shares,
        intake_lag=lag,
    )


def _bodies(load: Load) -> Iterator[bytes]:
    """One body a request, made before the clock runs."""
    leaves = driving.leaves(policy_bundle.load(driving.PROFILE))
    count = int(load.rate * (load.seconds + WARM_SECONDS))
    events = (event.value for event in inbox.events(count, leaves))
    while batch := list(itertools.islice(events, load.batch)):
        yield b"[" + b",".join(batch) + b"]"


async def _feed(
    load: Load, bodies: Sequence[bytes], port: int, token: str, warm: Callable[[], None]
) -> list[tuple[int, float]]:
    """Status of each batch after the warm-up, and milliseconds from its instant to its answer."""
    step = load.batch / load.rate
    warming = int(WARM_SECONDS / step)
    headers = {"authorization": f"Bearer {token}", "content-type": BATCH}
    answers: list[tuple[int, float]] = []
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60
    ) as client:

        async def send(number: int, due: float) -> None:
            try:
                status = (await client.post(PATH, content=bodies[number])).status_code
            except httpx.HTTPError:
                status = 0
            if number >= warming:
                answers.append((status, (time.perf_counter() - due) * 1_000))

        first = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(len(bodies)):
                due = first + number * step
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                if number == warming:
                    warm()
                group.create_task(send(number, due))
    return answers


@asynccontextmanager
async def running(
    words: Sequence[str], environ: dict[str, str], log_dir: Path, port: int
) -> AsyncIterator[psutil.Process]:
    """``hotline <words>`` for as long as the block, once its ``/health`` says that it is ready."""
    log_dir.mkdir(parents=True, exist_ok=True)
    log = log_dir / f"http-{words[0]}.log"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HOTLINE_")}
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            str(Path(sysconfig.get_path("scripts")) / "hotline"),
            *words,
            cwd=ROOT,
            env={**inherited, **environ},
            stdout=out,
            stderr=out,
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient(timeout=5) as client:
            while not await _ready(client, port):
                if process.returncode is not None or time.monotonic() > deadline:
                    tail = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
                    raise EngineFailed(
                        f"hotline {words[0]} is not ready; the end of {log}:\n" + "\n".join(tail)
                    )
                await asyncio.sleep(0.2)
        yield psutil.Process(process.pid)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        answer = await client.get(f"http://127.0.0.1:{port}/health")
    except httpx.HTTPError:
        return False
    services = answer.json().get("services", ())
    return answer.status_code == 200 and all(each["partitions"] for each in services)


def _family(postgres: Postgres) -> list[psutil.Process]:
    """The server and its backends of now."""
    process = None if postgres.process is None else postgres.process.process()
    return [] if process is None else [process, *process.children(recursive=True)]


def _lag(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    wanted = [line for line in lines if line.startswith("hotline_lag_records{")]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in wanted if '"intake"' in line))


def sheet(outcome: Outcome) -> Sheet:
    load, shares = outcome.load, outcome.core_shares
    return Sheet(
        title="POST /v1/events, the whole stack on one machine",
        columns=(
            "events/s",
            "batch",
            "requests",
            "answers",
            "p50 ms",
            "p99 ms",
            "longest ms",
            *(f"{name} % of a core" for name in shares),
            "intake's lag",
        ),
        rows=(
            (
                f"{load.rate:,}",
                str(load.batch),
                f"{outcome.batches:,}",
                ", ".join(f"{count:,} × {status}" for status, count in outcome.statuses.items()),
                f"{outcome.p50_ms:.0f}",
                f"{outcome.p99_ms:.0f}",
                f"{outcome.longest_ms:.0f}",
                *(f"{share:.0%}".removesuffix("%") for share in shares.values()),
                f"{outcome.intake_lag:,}",
            ),
        ),
        machine=outcome.machine,
        notes=(
            f"Target: p99 below {TARGET_P99_MS:.0f} ms at 2,000 events/s. Open loop over "
            f"{load.seconds:g} s after {WARM_SECONDS:g} s of warming up; broker, PostgreSQL, a "
            "worker of intake and dedup, the server and the client share the machine.",
        ),
    )
