"""The entrance over HTTP with a real broker and a real database: R1, R61, F15, F23."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from aiokafka.structs import ConsumerRecord

from deploy.local.broker import Cluster
from schemas.binary import STRUCTURED
from schemas.topics import INBOX
from services.intake.entrance.body import BATCH
from tests.conftest import MakeTopics
from tests.kit import feed
from tests.kit.serving import SOURCE, Serving

LEAF = "city.facilities.manhole"
AT = datetime.now(UTC) - timedelta(hours=1)
PARTITIONS = 4


@pytest.fixture
async def serving(
    kafka: Cluster, dsn: str, topic_prefix: str, make_topics: MakeTopics, tmp_path: Path
) -> AsyncIterator[Serving]:
    make_topics(topic_prefix, services=())
    made = Serving(
        tmp_path,
        {
            "HOTLINE_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "HOTLINE_TOPIC_PREFIX": topic_prefix,
            "HOTLINE_POSTGRES_DSN": dsn,
            "HOTLINE_HTTP_BODY_SECONDS": "2",
        },
    )
    await made.start().ready()
    try:
        yield made
    finally:
        made.kill()


def event(ticket: str, **changed: Any) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(feed.receipt(ticket, 7, LEAF, AT).value or b"")
    return document | changed


async def inbox(kafka: Cluster, prefix: str) -> list[ConsumerRecord]:
    found = await feed.read_topic(kafka.bootstrap, prefix + INBOX.name)
    return [record for part in found.values() for record in part]


async def send(
    client: httpx.AsyncClient, content: Any, kind: str = STRUCTURED, **headers: str
) -> httpx.Response:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return await client.post("/v1/events", content=body, headers={"content-type": kind, **headers})


async def test_R1_one_event_lies_in_its_tickets_partition_when_202_is_said(
    serving: Serving, kafka: Cluster, topic_prefix: str
) -> None:
    async with serving.client() as client:
        answer = await send(client, event("T1"))
    assert (answer.status_code, answer.json()) == (202, {"id": "T1/ticket.received", "status": 202})
    (record,) = await inbox(kafka, topic_prefix)
    assert orjson.loads(record.value) == event("T1")
    assert record.key == b"T1"
    assert record.partition == feed.partition_of_text("T1", PARTITIONS)


async def test_R1_a_batch_has_an_answer_for_each(
    serving: Serving, kafka: Cluster, topic_prefix: str
) -> None:
    stranger = event("T3", source="another/city")
    batch = [event("T1"), {"id": "x", "data": 1}, event("T2"), stranger, event("T1")]
    async with serving.client() as client:
        answer = await send(client, batch, BATCH)
    assert answer.status_code == 207
    items = answer.json()["items"]
    assert [(item["id"], item["status"], item.get("reason")) for item in items] == [
        ("T1/ticket.received", 202, None),
        ("x", 400, "not_cloudevent"),
        ("T2/ticket.received", 202, None),
        ("T3/ticket.received", 403, "source_not_allowed"),
        ("T1/ticket.received", 202, None),
    ]
    assert items[4]["duplicate"] is True
    assert sorted(record.key for record in await inbox(kafka, topic_prefix)) == [b"T1", b"T2"]


async def test_R1_an_id_stands_for_one_content(serving: Serving) -> None:
    async with serving.client() as client:
        first = await send(client, event("T1"))
        again = await send(client, dict(reversed(event("T1").items())))
        other = await send(client, event("T1", time=AT.replace(year=2020).isoformat()))
        elsewhere = await send(client, event("T1", subject="T9"))
    assert "duplicate" not in first.json()
    assert (again.status_code, again.json()["duplicate"]) == (202, True)
    for reused in (other, elsewhere):
        assert (reused.status_code, reused.json()["reason"]) == (409, "id_reused")


async def test_R1_binary_mode_says_the_same(
    serving: Serving, kafka: Cluster, topic_prefix: str
) -> None:
    document = event("路灯 1")
    attributes = {
        f"ce-{name}": value if name != "subject" else "%E8%B7%AF%E7%81%AF%201"
        for name, value in document.items()
        if name not in ("data", "datacontenttype")
    }
    attributes["ce-id"] = "%E8%B7%AF%E7%81%AF%201/ticket.received"
    async with serving.client() as client:
        answer = await send(client, document["data"], "application/json", **attributes)
        again = await send(client, document)
    assert answer.status_code == 202, answer.text
    assert again.json()["duplicate"] is True
    records = await inbox(kafka, topic_prefix)
    assert {record.key.decode() for record in records} == {"路灯 1"}


async def test_F15_each_kind_of_poison_is_answered_and_its_neighbours_pass(
    serving: Serving, kafka: Cluster, topic_prefix: str
) -> None:
    """The kinds of tests/fault/test_fault_poison.py. Over HTTP the subject is the key."""
    keyless = {name: value for name, value in event("P6").items() if name != "subject"}
    two_megabytes = event("P3", data={"text": "x" * 2 * 1024 * 1024})
    single: list[tuple[bytes, int, str]] = [
        (b'{"specversion": "1.0", "id"', 400, "not_json"),
        (orjson.dumps(event("P2", type="hotline.ticket.received.v9")), 422, "unknown_version"),
        (orjson.dumps(two_megabytes), 413, "too_large"),
        (b"", 400, "not_json"),
        (b"null", 400, "not_cloudevent"),
        (orjson.dumps(keyless), 422, "invalid"),
        (orjson.dumps(event("P7") | {"subject": None}), 422, "invalid"),
        (orjson.dumps(event("P8")).replace(b'"P8"', b'"\xff\xfe"'), 400, "not_utf8"),
    ]
    async with serving.client() as client:
        for number, (content, status, reason) in enumerate(single):
            answer = await send(client, content)
            assert (answer.status_code, answer.json()["reason"]) == (status, reason)
            assert (await send(client, event(f"G{number}"))).status_code == 202
        # In a batch what can be read apart is refused apart.
        mixed = b"[%b]" % b",".join(
            [single[1][0], orjson.dumps(event("G8")), single[2][0], b"null", single[5][0]]
        )
        answer = await send(client, mixed, BATCH)
    assert answer.status_code == 207
    assert [item.get("reason", "") for item in answer.json()["items"]] == [
        *("unknown_version", "", "too_large", "not_cloudevent", "invalid"),
    ]
    taken = {(record.key or b"").decode() for record in await inbox(kafka, topic_prefix)}
    assert taken == {f"G{number}" for number in range(9)}
    assert serving.running


async def test_R61_who_may_not_publish_is_refused(serving: Serving) -> None:
    async with httpx.AsyncClient(base_url=serving.url) as client:
        answer = await send(client, event("T1"))
        assert (answer.status_code, answer.json()["reason"]) == (401, "unauthenticated")
    async with serving.client() as client:
        answer = await send(client, event("T1", source="another/city"))
    assert (answer.status_code, answer.json()["reason"]) == (403, "source_not_allowed")


async def test_R61_logs_say_nothing_of_events(serving: Serving) -> None:
    secret = event("T-geheim-7")
    async with serving.client() as client:
        await send(client, secret)
        await client.post("/v1/events?phone=13912345678", content=b"{", headers={})
    told = serving.log_text()
    assert "request.answered" in told
    for hidden in ("T-geheim-7", "13912345678", "13900000007", serving.token):
        assert hidden not in told


async def test_a_client_that_hangs_is_cut_off(serving: Serving) -> None:
    """Half a head; a whole head and half a body: neither holds a connection for long."""
    head = (
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/cloudevents+json\r\n"
        f"Authorization: Bearer {serving.token}\r\nContent-Length: 1000\r\n\r\n"
    )
    for sent, expected in ((head[:40], b""), (head + "{", b"HTTP/1.1 408")):
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        writer.write(sent.encode())
        answer = await asyncio.wait_for(reader.read(), 30)
        assert answer.startswith(expected)
        assert bool(answer) == bool(expected)
        writer.close()


async def test_SIGTERM_answers_what_is_in_work(
    serving: Serving, kafka: Cluster, topic_prefix: str
) -> None:
    rng = random.Random(5)
    events = [orjson.loads(new.value or b"") for new in feed.city(200, rng)]
    async with serving.client() as client:
        sending = asyncio.create_task(send(client, events, BATCH))
        await send(client, event("T1"))
        serving.term()
        answer = await sending
    assert answer.status_code == 202
    assert await serving.ended(within=30) == 0
    assert len(await inbox(kafka, topic_prefix)) > 100


async def test_the_page_and_the_description_are_there(serving: Serving) -> None:
    async with httpx.AsyncClient(base_url=serving.url) as client:
        page = await client.get("/docs")
        described = (await client.get("/openapi.json")).json()
        metrics = await client.get("/metrics")
    assert "POST /v1/events" in page.text
    operation = described["paths"]["/v1/events"]["post"]
    assert set(operation["requestBody"]["content"]) == {STRUCTURED, BATCH, "application/json"}
    assert {"202", "207", "409", "413", "429", "503"} <= set(operation["responses"])
    assert "hotline_entrance_events_in_flight 0.0" in metrics.text
    assert SOURCE not in metrics.text
