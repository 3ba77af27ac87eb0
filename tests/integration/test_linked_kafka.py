"""Linked identities through real workers: from partition to partition, exactly once (R12)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local.broker import Cluster
from runtime.engine.task import partition_of
from tests.conftest import MakeTopics
from tests.kit.assertions import assert_eventually
from tests.kit.worker import Worker

PARTITIONS = 4
PEOPLE = 8
"""Telephones, each linked to the next: whatever their pseudonyms, partitions are crossed."""
NOW = datetime.now(UTC)


def event(kind: str, number: int, subject: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{subject}-{kind}",
        "source": "platform",
        "type": f"hotline.{kind}.v1",
        "time": (NOW - timedelta(hours=PEOPLE - number)).isoformat(),
        "subject": subject,
        "data": data,
    }


def identity(number: int) -> dict[str, str]:
    return {"scheme": "phone", "value": f"1390000{number:04d}"}


async def test_R12_eight_telephones_of_one_person_make_one_chain(
    kafka: Cluster, topic_prefix: str, make_topics: MakeTopics, tmp_path: Path
) -> None:
    make_topics(topic_prefix, partitions=PARTITIONS)
    environ = {
        "HOTLINE_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "HOTLINE_TOPIC_PREFIX": topic_prefix,
        "HOTLINE_PARTITIONS": str(PARTITIONS),
    }
    worker = await Worker(("intake", "dedup"), tmp_path, environ, name="linked").start().ready()
    last: dict[str, dict[str, Any]] = {}
    try:
        async with (
            AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer,
            AIOKafkaConsumer(
                f"{topic_prefix}hotline.repeats",
                bootstrap_servers=kafka.bootstrap,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
            ) as consumer,
        ):

            async def publish(*events: dict[str, Any]) -> None:
                for each in events:
                    key = each["subject"].encode()
                    await producer.send_and_wait(
                        f"{topic_prefix}hotline.inbox",
                        key=key,
                        value=orjson.dumps(each),
                        partition=partition_of(key, PARTITIONS),
                    )

            async def chain(length: int) -> None:
                """Returns once the last verdicts are one chain of so many tickets."""

                async def one() -> bool:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        for record in records:
                            fact = orjson.loads(record.value)
                            before = last.get(fact["subject"])
                            if before is None or _revision(before) < _revision(fact):
                                last[fact["subject"]] = fact
                    found = sorted(
                        (fact["data"]["chain"]["position"], fact["data"]["chain"]["first_ticket"])
                        for fact in last.values()
                    )
                    return found == [(position + 1, "L0") for position in range(length)]

                await assert_eventually(
                    one, within=60, what=f"{length} tickets in a chain", unless=worker.died
                )

            tickets = [
                event(
                    "ticket.received",
                    number,
                    f"L{number}",
                    {
                        "request_type": "complaint",
                        "leaf": "city.facilities.street_light",
                        "complainant": {"identities": [identity(number)]},
                    },
                )
                for number in range(PEOPLE)
            ]
            links = [
                event(
                    "identity.linked",
                    number,
                    f"K{number}",
                    {
                        "first": {"identity": identity(number)},
                        "second": {"identity": identity(number + 1)},
                    },
                )
                for number in range(PEOPLE - 1)
            ]
            await publish(*tickets, *links)
            await chain(PEOPLE)
            citizens = {fact["citizen"] for fact in last.values()}
            # What comes now under any of the eight is the next of that chain.
            late = event("ticket.received", PEOPLE, f"L{PEOPLE}", tickets[PEOPLE - 1]["data"])
            await publish(late)
            await chain(PEOPLE + 1)
            assert last[f"L{PEOPLE}"]["citizen"] == min(citizens)
    finally:
        worker.kill()


def _revision(fact: dict[str, Any]) -> int:
    revision: int = fact["data"]["revision"]
    return revision
