"""The local stack as a user starts it: the real command, real Kafka, real PostgreSQL."""

import asyncio
import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local.broker import Cluster
from deploy.local.stack import Part, Stack

HOTLINE = Path(sysconfig.get_path("scripts")) / "hotline"
PORTS = (
    *("--kafka-port", "0", "--postgres-port", "0"),
    *("--web-port", "0", "--http-port", "0"),
)
WORKER = "worker (intake, dedup, sla, callback, readmodel)"


@dataclass(frozen=True)
class Commands:
    """``hotline`` on a directory of the test's own."""

    directory: Path

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(HOTLINE), *arguments, "--dir", str(self.directory)],
            check=False,
            capture_output=True,
            text=True,
            timeout=200,
            env={**os.environ, **environ},
        )

    def ok(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return told

    def parts(self) -> list[Part]:
        return Stack(self.directory).parts()

    def pids(self) -> dict[str, int | None]:
        return {part.name: part.pid for part in self.parts()}

    def states(self) -> dict[str, str]:
        return {part.name: part.state for part in self.parts()}

    def kill(self, *names: str) -> None:
        """SIGKILL, and the end of what belonged to them."""
        for name in names:
            process = psutil.Process(self.pids()[name])
            children = process.children(recursive=True)
            process.kill()
            psutil.wait_procs([process, *children], timeout=30)


@pytest.fixture
def hotline(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path / "stack")
    yield commands
    commands.ok("down", "--wipe")
    assert not commands.directory.exists()


async def write(stack: Stack) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.cluster.bootstrap)
    await producer.start()
    await producer.send_and_wait("hotline.tickets", b"kept", partition=3)
    await producer.stop()
    connection = await asyncpg.connect(stack.postgres.dsn)
    await connection.execute("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('留下')")
    await connection.close()


async def read(stack: Stack) -> tuple[bytes | None, str]:
    consumer = AIOKafkaConsumer(
        "hotline.tickets", bootstrap_servers=stack.cluster.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    record = await asyncio.wait_for(consumer.getone(), timeout=30)
    await consumer.stop()
    connection = await asyncpg.connect(stack.postgres.dsn)
    word: str = await connection.fetchval("SELECT word FROM kept")
    await connection.close()
    return record.value, word


def assert_the_password_is_told_to_nobody(hotline: Commands, told: str) -> None:
    """Not by ``up`` or ``status``, in no log, in no line of ``ps``; the owner's files hold it."""
    stack = Stack(hotline.directory)
    word = stack.postgres.dsn.split(":")[2].split("@")[0]
    logs = [part.log.read_text() for part in hotline.parts()]
    lines = [" ".join(psutil.Process(pid).cmdline()) for pid in hotline.pids().values() if pid]
    for text in (told, json.dumps(hotline.status()), *logs, *lines):
        assert word not in text
    for name in ("environment", "keys.json", "postgres/password"):
        assert (hotline.directory / name).stat().st_mode & 0o077 == 0
    assert word in stack.environment_file.read_text()


def test_up_twice_a_killed_worker_down_and_up_again(hotline: Commands) -> None:
    told = hotline.ok("up", *PORTS)
    pids = hotline.pids()
    assert set(pids) == {"kafka-1", "postgres", WORKER, "http"}
    assert {part["state"] for part in hotline.status()["parts"]} == {"running"}
    assert "export HOTLINE_KAFKA_BOOTSTRAP=127.0.0.1:" in told
    assert_the_password_is_told_to_nobody(hotline, told)
    asyncio.run(write(Stack(hotline.directory)))

    hotline.ok("up")
    assert hotline.pids() == pids, "a second up is harmless"
    assert "Kafka Server started" in hotline.ok("logs", "kafka", "-n", "10000")
    assert "ready to accept connections" in hotline.ok("logs", "postgres")
    assert '"task.recovered"' in hotline.ok("logs", "dedup")
    assert '"lane.claimed"' in hotline.ok("logs", "readmodel", "-n", "1000")
    assert '"http.listening"' in hotline.ok("logs", "http", "-n", "1000")
    for log in ("dedup", "http"):
        assert '"variable.unknown"' not in hotline.ok("logs", log, "-n", "1000")

    hotline.kill(WORKER, "http")
    assert hotline.run("status").returncode == 1
    hotline.ok("up")
    again = hotline.pids()
    for name in (WORKER, "http"):
        assert again.pop(name) != pids.pop(name)
    assert again == pids, "what ran was left alone"

    hotline.ok("down")
    hotline.ok("down")
    assert not any(psutil.pid_exists(pid) for pid in again.values() if pid is not None)
    assert hotline.run("status").returncode == 1

    hotline.ok("up", "--no-services")
    assert hotline.status()["environ"]["HOTLINE_KAFKA_BOOTSTRAP"] in told, "the ports stay"
    assert asyncio.run(read(Stack(hotline.directory))) == (b"kept", "留下")


def test_what_cannot_start_shows_its_log_and_what_ran_is_left_alone(hotline: Commands) -> None:
    hotline.ok("up", *PORTS, "--no-services")
    asyncio.run(write(Stack(hotline.directory)))
    pids = hotline.pids()

    done = hotline.run("up", HOTLINE_BATCH_MAX_RECORDS="0")
    assert done.returncode == 1
    assert f"the {WORKER} ended while starting" in done.stderr
    assert "BATCH_MAX_RECORDS" in done.stderr
    stopped = {WORKER: "stopped", "http": "stopped"}
    assert hotline.states() == {"kafka-1": "running", "postgres": "running", **stopped}
    assert hotline.pids() == {**pids, WORKER: None, "http": None}

    # And killed, all of it, as by a power cut: nothing that was written is lost.
    hotline.kill("kafka-1", "postgres")
    assert hotline.states() == {"kafka-1": "died", "postgres": "died", **stopped}
    hotline.ok("up", "--no-services")
    assert asyncio.run(read(Stack(hotline.directory))) == (b"kept", "留下")


@pytest.mark.long
def test_three_brokers_lose_one_and_go_on(tmp_path: Path) -> None:
    cluster = Cluster.create(tmp_path, brokers=3)
    try:
        cluster.start()
        cluster.brokers[1].kill()
        assert [broker.running for broker in cluster.brokers] == [True, False, True]
        cluster.start_broker(cluster.brokers[1])
        cluster.brokers[2].pause()
        cluster.brokers[2].resume()
        assert cluster.running
    finally:
        cluster.kill()
    assert not cluster.running
