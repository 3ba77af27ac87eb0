"""``hotline mark`` against real workers: the verdict that follows, what a replay says, what is
refused (R15)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner

from cli.main import main
from deploy.local.broker import Cluster
from policy.bundle import load
from runtime.engine.task import partition_of
from schemas.topics import REPEATS, TICKETS
from services.dedup.domain import Dedup
from tests.conftest import MakeTopics, run
from tests.kit.ledger import Ledger, fold
from tests.kit.worker import Worker

PARTITIONS = 2


def received(ticket: str, at: datetime) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{ticket}-received",
        "source": "platform",
        "type": "hotline.ticket.received.v1",
        "time": at.isoformat(),
        "subject": ticket,
        "data": {
            "request_type": "complaint",
            "leaf": "0101",
            "complainant": {"identities": [{"scheme": "phone", "value": "13900001234"}]},
        },
    }


async def publish(bootstrap: str, topic: str, events: list[dict[str, Any]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for event in events:
            key = event["subject"].encode()
            await producer.send_and_wait(
                topic,
                key=key,
                value=orjson.dumps(event),
                partition=partition_of(key, PARTITIONS),
            )


def mark(environ: Mapping[str, str], *arguments: str) -> Any:
    return CliRunner().invoke(main, ["mark", *arguments], env=dict(environ))


def test_R15_a_mark_is_an_event_and_gives_the_next_verdict(
    kafka: Cluster, topic_prefix: str, make_topics: MakeTopics, tmp_path: Path
) -> None:
    make_topics(topic_prefix, partitions=PARTITIONS)
    environ = {
        "HOTLINE_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "HOTLINE_TOPIC_PREFIX": topic_prefix,
        "HOTLINE_PARTITIONS": str(PARTITIONS),
    }
    worker = Worker(("intake", "dedup"), tmp_path, environ, name="marked").start()
    try:
        run(worker.ready())
        now = datetime.now(UTC)
        tickets = [received("M1", now - timedelta(hours=2)), received("M2", now)]
        run(publish(kafka.bootstrap, f"{topic_prefix}hotline.inbox", tickets))
        found = mark(environ, "M2", "confirm", "--by", "li.na", "--wait", "60", "--json")
        assert found.exit_code == 0, found.output
        fact = orjson.loads(found.stdout)
        assert (fact["subject"], fact["data"]["verdict"]) == ("M2", "confirmed")
        assert fact["data"]["mark"]["by"] == "li.na"

        overturned = mark(environ, "M2", "overturn", "--by", "wang", "--wait", "60")
        assert overturned.exit_code == 0, overturned.output
        assert "M2: overturned (marked_overturned)" in overturned.output
        run(the_log_says_the_same_again(Ledger(kafka.bootstrap, topic_prefix, partitions=2)))
    finally:
        worker.kill()


async def the_log_says_the_same_again(ledger: Ledger) -> None:
    """A replay of the log: every verdict to the byte, the marked one last (R15). Without the marks
    the rule has its say, so it is they that survive."""
    log, said = await ledger.read(TICKETS), await ledger.read(REPEATS)
    written, _ = fold(Dedup, TICKETS, log, load("cn-12345"))
    (repeats,) = [records for records in said.values() if records]
    assert [each.value for each in written[REPEATS.name]] == [each.value for each in repeats]
    last = orjson.loads(written[REPEATS.name][-1].value or b"")
    assert (last["subject"], last["data"]["verdict"]) == ("M2", "overturned")
    assert last["data"]["mark"]["by"] == "wang"

    unmarked = {
        number: [record for record in records if b"verdict.marked" not in record.value]
        for number, records in log.items()
    }
    written, _ = fold(Dedup, TICKETS, unmarked, load("cn-12345"))
    last = orjson.loads(written[REPEATS.name][-1].value or b"")
    assert last["data"]["verdict"] not in ("overturned", "confirmed")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("exclude", "--by", "a"), "needs --reason"),
        (("exclude", "--by", "a", "--reason", "policy_expectation"), "needs --clause"),
        (("overturn", "--by", "a", "--reason", "in_progress"), "--reason is for exclude"),
        (("overturn", "--by", "a", "--cause", "false_reply"), "--cause is for confirm"),
        (("correct-cause", "--by", "a"), "needs --cause"),
        (("confirm",), "--by"),
    ],
)
def test_R19_an_incomplete_mark_is_refused_before_it_is_published(
    arguments: tuple[str, ...], told: str
) -> None:
    found = mark({}, "M2", *arguments)
    assert found.exit_code == 2
    assert told in found.output
