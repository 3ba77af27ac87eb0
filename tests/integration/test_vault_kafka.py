"""The vault behind real intake: who is who, what is linked, and what erasure leaves (R12, R61)."""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from cli.citizen import citizen as group
from deploy.local.broker import Cluster
from policy.bundle import load
from runtime.driver import Driver, Written
from runtime.engine.clients import record_of
from schemas.topics import INBOX, REPEATS, TICKETS
from services.dedup.domain import Dedup
from tests.conftest import MakeTopics
from tests.kit.assertions import assert_eventually
from tests.kit.feed import New
from tests.kit.lab import Lab
from tests.kit.ledger import Records

PHONE, ACCOUNT, OTHER = "13912345678", "A-7718", "13800138000"
TEXT = "楼下的路灯不亮，请联系我"


@pytest.fixture
def lab(
    kafka: Cluster, topic_prefix: str, make_topics: MakeTopics, tmp_path: Path, dsn: str
) -> Iterator[Lab]:
    made = Lab(kafka.bootstrap, topic_prefix, tmp_path, partitions=2)
    make_topics(topic_prefix, partitions=2)
    made.environ["HOTLINE_POSTGRES_DSN"] = dsn
    try:
        yield made
    finally:
        made.kill_all()


def received(ticket: str, hours: int, **identities: str) -> New:
    at = datetime.now(UTC) - timedelta(hours=hours)
    document = {
        "specversion": "1.0",
        "id": f"{ticket}-received",
        "source": "platform",
        "type": "hotline.ticket.received.v1",
        "time": at.isoformat(),
        "subject": ticket,
        "data": {
            "request_type": "complaint",
            "leaf": "0101",
            "text": TEXT,
            "complainant": {
                "identities": [{"scheme": s, "value": v} for s, v in identities.items()]
            },
        },
    }
    return New(ticket.encode(), orjson.dumps(document))


def citizen(lab: Lab, *arguments: str, stdin: str | None = None) -> Any:
    found = CliRunner().invoke(group, arguments, input=stdin, env=dict(lab.environ))
    assert found.exit_code == 0, found.output
    assert PHONE not in found.output
    return json.loads(found.stdout) if "--json" in arguments else found.stdout


async def in_thread(work: Callable[[], Any]) -> Any:
    """Commands have a loop of their own."""
    return await asyncio.to_thread(work)


async def log_of(lab: Lab) -> dict[str, list[dict[str, Any]]]:
    """The log by ticket."""
    found: dict[str, list[dict[str, Any]]] = {}
    for records in (await lab.ledger.read(TICKETS)).values():
        for record in records:
            event = orjson.loads(record.value)
            found.setdefault(event["subject"], []).append(event)
    return found


def replayed(log: Records) -> list[bytes]:
    """What is said when the whole log is read again in the order of time, hand-overs included."""
    written: list[Written] = []
    driver = Driver([Dedup()], load("cn-12345"), written.append)
    records = [record for partition in log.values() for record in partition]
    records.sort(key=lambda record: record.timestamp)
    driver.run(record_of(TICKETS, record) for record in records)
    assert not driver.failures
    return [each.value for each in written if each.topic is REPEATS and each.value is not None]


def last_verdicts(facts: Iterable[bytes]) -> dict[str, Any]:
    """The verdict that holds of each ticket. When it was handed over is not part of it: the two
    partitions of a link are read in any order."""
    last: dict[str, Any] = {}
    for fact in map(orjson.loads, facts):
        before = last.get(fact["subject"])
        if before is None or before["data"]["revision"] <= fact["data"]["revision"]:
            last[fact["subject"]] = fact
    return {
        subject: [fact["data"].get(name) for name in ("verdict", "reason", "chain", "evidence")]
        for subject, fact in last.items()
    }


async def test_R61_joined_linked_and_erased_while_replay_gives_the_same(lab: Lab) -> None:
    worker = lab.worker("intake", "dedup").start()
    await worker.ready()
    await lab.publish(
        INBOX,
        [
            received("V1", 9, phone=PHONE),
            received("V2", 8, account=ACCOUNT, phone=PHONE),
            received("V3", 7, account=ACCOUNT),
            received("V4", 6, phone=OTHER),
        ],
    )
    await lab.drained("intake", INBOX)
    log = await log_of(lab)
    one, *same, other = (log[f"V{number}"][0]["citizen"] for number in range(1, 5))
    assert same == [one, one], "one citizen by telephone, account and both"
    assert other != one

    def told() -> Any:
        return citizen(lab, "show", "--phone", "-", "--json", stdin=f"{PHONE}\n")

    before = await in_thread(told)
    assert (before["citizen"], before["originals"]) == (one, 3)
    assert [each["scheme"] for each in before["aliases"]] == ["phone", "account"]

    await in_thread(lambda: citizen(lab, "link", one, other, "--ticket", "V4", "--by", "li.na"))

    async def linked() -> bool:
        return bool((await in_thread(told))["members"] == sorted([one, other]))

    await assert_eventually(linked, within=60, what="the vault knows of the link", every=0.3)
    await lab.drained("dedup", TICKETS)

    erased = await in_thread(
        lambda: citizen(lab, "erase", one, "--by", "wang", "--reason", "request", "--yes", "--json")
    )
    assert len(erased["members"]) == 2
    await lab.publish(INBOX, [received("V5", 1, phone=PHONE)])
    await lab.drained("intake", INBOX)
    await lab.drained("dedup", TICKETS)
    after = (await log_of(lab))["V5"][0]["citizen"]
    assert after not in (one, other), "who calls again is somebody new"
    gone = await in_thread(lambda: citizen(lab, "show", one, "--json"))
    assert (gone["aliases"], gone["originals"]) == ([], 0)
    assert gone["erased"] >= 4

    # Replay still works: the rules say the same of the log as it stands.
    facts = [r.value for records in (await lab.ledger.read(REPEATS)).values() for r in records]
    assert last_verdicts(replayed(await lab.ledger.read(TICKETS))) == last_verdicts(facts)
    worker.term()
    assert await worker.ended(30) == 0
    for plain in (PHONE, ACCOUNT, OTHER, TEXT):
        assert plain not in worker.log_text()
