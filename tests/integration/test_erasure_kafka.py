"""Erasure end to end: a citizen's tickets through real workers, then the command, then a replay.

What they said and how to reach them is gone from every table; what was decided stays as it was,
also where the log is read again (R61).
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from deploy.local.broker import Cluster
from policy.access import AccessRole
from policy.bundle import load
from schemas.topics import INBOX, NOTICES, REPEATS, SERVICES, TICKETS
from services.dedup.domain import Dedup
from tests.conftest import MakeTopics
from tests.kit.assertions import assert_eventually
from tests.kit.desk import Desk, open_desk
from tests.kit.feed import New
from tests.kit.lab import Lab
from tests.kit.ledger import RING, fold
from tests.kit.worker import ROOT, SCRIPTS
from vault.sealing import CannotOpen, Wrapped

PHONE, NEIGHBOUR = "13912345678", "13800138000"
TEXT = f"楼下的路灯不亮，请打{PHONE}找王小明"
STREET = "street-east-01"
NOW = datetime.now(UTC)


@pytest.fixture
def lab(
    kafka: Cluster, topic_prefix: str, make_topics: MakeTopics, tmp_path: Path, dsn: str
) -> Iterator[Lab]:
    made = Lab(kafka.bootstrap, topic_prefix, tmp_path, partitions=2)
    make_topics(topic_prefix, partitions=2, services=SERVICES)
    made.environ["HOTLINE_POSTGRES_DSN"] = dsn
    try:
        yield made
    finally:
        made.kill_all()


def event(kind: str, ticket: str, hours: float, data: Mapping[str, Any]) -> New:
    document = {
        "specversion": "1.0",
        "id": f"{ticket}-{kind}",
        "source": "platform",
        "type": f"hotline.{kind}.v1",
        "time": (NOW - timedelta(hours=hours)).isoformat(),
        "subject": ticket,
        "data": data,
    }
    return New(ticket.encode(), orjson.dumps(document))


def received(ticket: str, hours: float, phone: str) -> New:
    data = {
        "request_type": "complaint",
        "leaf": "city.facilities.manhole",
        "text": TEXT.replace(PHONE, phone),
        "complainant": {
            "name": "王小明",
            "identities": [{"scheme": "phone", "value": phone}],
        },
    }
    return event("ticket.received", ticket, hours, data)


def dispatched(ticket: str, hours: float) -> New:
    data = {"dispatch_id": f"D-{ticket}", "department": STREET}
    return event("ticket.dispatched", ticket, hours, data)


async def hotline(lab: Lab, *arguments: str) -> str:
    """The command as a person runs it. It prints nothing plain."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HOTLINE_")}
    done = await asyncio.to_thread(
        subprocess.run,
        [str(SCRIPTS / "hotline"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**inherited, **lab.environ},
    )
    assert done.returncode == 0, done.stderr
    assert PHONE not in done.stdout + done.stderr
    return done.stdout


async def dump(dsn: str, *schemas: str) -> dict[str, list[str]]:
    """Every row of every table, as a dump of the database has them."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
            "WHERE schemaname = ANY($1)",
            list(schemas),
        )
        return {
            table["name"]: [
                row["line"]
                for row in await connection.fetch(
                    f"SELECT t::text AS line FROM {table['name']} AS t ORDER BY 1"  # noqa: S608
                )
            ]
            for table in tables
        }
    finally:
        await connection.close()


async def decided(dsn: str) -> dict[str, list[str]]:
    """What the read model tells: all of its tables but where it stands in the log."""
    found = await dump(dsn, "readmodel")
    kept = ("tickets", "events", "facts", "verdicts", "dispatches", "contacts", "links")
    return {name: found[f"readmodel.{name}"] for name in kept}


async def kept_keys(dsn: str, citizen: str) -> list[bytes]:
    """The wrapped key of a citizen, where there is one."""
    connection = await asyncpg.connect(dsn)
    try:
        query = "SELECT wrapped FROM vault.data_keys WHERE citizen = $1 AND wrapped IS NOT NULL"
        return [row["wrapped"] for row in await connection.fetch(query, citizen)]
    finally:
        await connection.close()


async def opened_by_any_key(dsn: str, citizen: str) -> tuple[int, int]:
    """How many originals of a citizen there are, and how many open with whatever key is left, by
    somebody who has the whole database and the key ring."""
    connection = await asyncpg.connect(dsn)
    try:
        keys = await connection.fetch(
            "SELECT citizen, key_version, wrapped FROM vault.data_keys WHERE wrapped IS NOT NULL"
        )
        rows = await connection.fetch(
            "SELECT subject, event, sealed FROM vault.originals WHERE citizen = $1", citizen
        )
    finally:
        await connection.close()
    seals = [Wrapped(RING).open(*key) for key in keys]
    opened = 0
    for row in rows:
        for seal in seals:
            try:
                seal.open(row["sealed"], citizen, row["subject"], row["event"])
            except CannotOpen:
                continue
            opened += 1
    return len(rows), opened


async def all_is_delivered(lab: Lab) -> None:
    await lab.drained("intake", INBOX)
    await lab.drained("dedup", TICKETS)
    await lab.drained("readmodel", TICKETS, REPEATS, NOTICES)

    async def told() -> bool:
        return bool(json.loads(await hotline(lab, "readmodel", "status", "--json"))["lag"] == 0)

    await assert_eventually(
        told, within=60, what="the tables hold all of the log", every=0.5, unless=lab.died
    )


async def look(desk: Desk, citizen: str, ticket: str) -> tuple[int, Any]:
    answer = await desk.contact(
        citizen, AccessRole.HANDLER, STREET, ticket=ticket, purpose="first_contact"
    )
    return answer.status_code, answer.json()


async def verdicts_of(lab: Lab) -> dict[str, list[bytes]]:
    """What repeat detection said of each citizen, in order."""
    said: dict[str, list[bytes]] = {}
    for records in (await lab.ledger.read(REPEATS)).values():
        for record in records:
            said.setdefault(record.key.decode(), []).append(record.value)
    return said


async def replayed(lab: Lab) -> dict[str, list[bytes]]:
    """What it says when it reads the log again, from the beginning."""
    written, _ = fold(Dedup, TICKETS, await lab.ledger.read(TICKETS), load("cn-12345"))
    said: dict[str, list[bytes]] = {}
    for each in written[REPEATS.name]:
        assert each.key is not None
        assert each.value is not None
        said.setdefault(each.key.decode(), []).append(each.value)
    return said


async def test_R61_erased_the_person_is_gone_and_every_verdict_stays(
    lab: Lab, dsn: str, tmp_path: Path
) -> None:
    worker = lab.worker("intake", "dedup", "readmodel").start()
    await lab.publish(
        INBOX,
        [
            *(received("E1", 30, PHONE), received("E2", 9, PHONE), dispatched("E2", 8)),
            *(received("N1", 7, NEIGHBOUR), dispatched("N1", 6)),
        ],
    )
    await all_is_delivered(lab)
    rows, verdicts = await decided(dsn), await verdicts_of(lab)
    (citizen,) = {key for key in verdicts if b'"E2"' in b"".join(verdicts[key])}
    (neighbour,) = verdicts.keys() - {citizen}
    last = orjson.loads(verdicts[citizen][-1])
    assert (last["subject"], last["data"]["verdict"]) == ("E2", "excluded")
    (wrapped,) = await kept_keys(dsn, citizen)
    assert await opened_by_any_key(dsn, citizen) == (2, 2)

    async with open_desk(dsn, tmp_path, NOW) as desk:
        status, told = await look(desk, citizen, "E2")
        assert (status, told["reach"][0]["value"]) == (200, PHONE)
        assert told["originals"][-1]["text"] == TEXT

        await hotline(
            *(lab, "citizen", "erase", citizen, "--by", "wang.fang", "--reason", "request 117"),
            "--yes",
        )
        assert (await look(desk, citizen, "E2"))[1]["reason"] == "erased"
        assert (await look(desk, citizen, "E2"))[0] == 410
        status, told = await look(desk, neighbour, "N1")
        assert (status, told["reach"][0]["value"]) == (200, NEIGHBOUR)

    # Who has the database and the key ring has no way left.
    assert await opened_by_any_key(dsn, citizen) == (2, 0)
    assert (await opened_by_any_key(dsn, neighbour))[1] == 1
    lines = [line for rows_of in (await dump(dsn, "vault", "intake")).values() for line in rows_of]
    for gone in (PHONE, "王小明", wrapped.hex()):
        assert not [line for line in lines if gone in line], gone
    entries = [
        json.loads(line)
        for line in (await hotline(lab, "citizen", "audit", citizen, "--json")).splitlines()
    ]
    (erased,) = [entry for entry in entries if entry["action"] == "erased"]
    assert (erased["who"], erased["purpose"]) == ("wang.fang", "request 117")

    # The log read again says the same; and so do the tables when they are filled anew.
    assert await replayed(lab) == verdicts
    await hotline(lab, "readmodel", "rebuild", "--yes")
    assert await decided(dsn) == rows
    worker.term()
    assert await worker.ended(30) == 0, worker.log_tail()
    assert PHONE not in worker.log_text()
