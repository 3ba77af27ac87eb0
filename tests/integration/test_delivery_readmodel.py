"""The real read model behind real intake and dedup: its command, and a rebuild with and without
workers (I5)."""

import asyncio
import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local.broker import Cluster
from schemas.topics import INBOX, NOTICES, REPEATS, SERVICES, TICKETS
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.lab import Lab
from tests.kit.worker import ROOT, SCRIPTS

TABLES = ("events", "tickets", "facts", "verdicts")
TOTAL = 800
WITHIN = 90.0


@pytest.fixture
def lab(
    kafka: Cluster, topic_prefix: str, make_topics: Callable[..., tuple[str, ...]], tmp_path: Path
) -> Iterator[Lab]:
    made = Lab(kafka.bootstrap, topic_prefix, tmp_path)
    make_topics(topic_prefix, services=SERVICES)
    try:
        yield made
    finally:
        made.kill_all()


class Command:
    """``hotline readmodel`` as a person runs it."""

    def __init__(self, lab: Lab, dsn: str) -> None:
        self.environ = {**lab.environ, "HOTLINE_POSTGRES_DSN": dsn}

    async def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HOTLINE_")}
        return await asyncio.to_thread(
            subprocess.run,
            [str(SCRIPTS / "hotline"), "readmodel", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=ROOT,
            env={**inherited, **self.environ},
        )

    async def ok(self, *arguments: str) -> str:
        done = await self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(await self.ok("status", "--json"))
        return told


async def contents(dsn: str) -> dict[str, list[Any]]:
    """All rows of the tables, as they are compared."""
    connection = await asyncpg.connect(dsn)
    try:
        return {
            table: [
                row["line"]
                for row in await connection.fetch(
                    f"SELECT t::text AS line FROM readmodel.{table} AS t ORDER BY 1"  # noqa: S608
                )
            ]
            for table in TABLES
        }
    finally:
        await connection.close()


async def test_a_rebuild_gives_the_same_rows_with_workers_and_without(lab: Lab, dsn: str) -> None:
    command = Command(lab, dsn)
    await lab.publish(INBOX, feed.city(TOTAL, random.Random(3)))
    worker = lab.worker("intake", "dedup", "readmodel", HOTLINE_POSTGRES_DSN=dsn).start()
    await lab.drained("intake", INBOX)
    await lab.drained("dedup", TICKETS)
    await lab.drained("readmodel", TICKETS, REPEATS, NOTICES)

    async def settled() -> bool:
        return bool((await command.status())["lag"] == 0)

    await assert_eventually(settled, within=WITHIN, what="no lag", every=0.5, unless=lab.died)
    told = await command.status()
    assert {each["owner"] for each in told["positions"]} != {None}
    assert "the tables hold all of the log" in await command.ok("status")
    before = await contents(dsn)
    assert len(before["events"]) > TOTAL / 2
    assert before["tickets"]
    assert before["verdicts"]

    assert "filled again: " in await command.ok("rebuild", "--yes")
    assert await contents(dsn) == before, "with a worker"
    assert "emptied" in await command.ok("rebuild", "--yes", "--no-wait")
    await assert_eventually(settled, within=WITHIN, what="filled", every=0.5, unless=lab.died)
    assert await contents(dsn) == before, "without waiting"

    worker.term()
    assert await worker.ended(30) == 0, worker.log_tail()
    assert "filled again: " in await command.ok("rebuild", "--yes")
    assert await contents(dsn) == before, "by the command alone"


async def test_what_it_cannot_reach_is_named(lab: Lab, dsn: str) -> None:
    command = Command(lab, dsn)
    command.environ["HOTLINE_POSTGRES_DSN"] = "postgresql://hotline:hunter2@127.0.0.1:1/hotline"
    done = await command.run("status")
    assert done.returncode == 1
    assert "HOTLINE_POSTGRES_DSN" in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr
    del command.environ["HOTLINE_POSTGRES_DSN"]
    done = await command.run("rebuild", "--yes")
    assert done.returncode == 1
    assert "HOTLINE_POSTGRES_DSN is unset" in done.stderr
    command.environ |= {"HOTLINE_POSTGRES_DSN": dsn, "HOTLINE_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    done = await command.run("status")
    assert "no answer from HOTLINE_KAFKA_BOOTSTRAP" in done.stderr
