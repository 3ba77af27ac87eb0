"""What a request to the entrance is answered, and when (R1, R61, F23)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from runtime.errors import SettingsInvalid
from runtime.http import tokens
from runtime.http.problems import MEDIA_TYPE
from runtime.metrics import ENTRANCE_EVENTS, ENTRANCE_IN_FLIGHT
from schemas.binary import STRUCTURED
from services.intake.entrance.body import BATCH
from services.intake.entrance.settings import EntranceSettings
from tests.kit import feed
from tests.kit.assertions import assert_eventually
from tests.kit.entrances import MemoryEntrance

LEAF = "city.facilities.manhole"
AT = datetime.now(UTC) - timedelta(hours=1)


def made(tmp_path: Path, **given: Any) -> MemoryEntrance:
    settings = EntranceSettings(
        max_batch_events=3,
        max_events=4,
        rate_events=20,
        rate_seconds=3_600,
        **given,
    )
    return MemoryEntrance(tmp_path, settings)


@pytest.fixture
def entrance(tmp_path: Path) -> MemoryEntrance:
    return made(tmp_path)


def calling(entrance: MemoryEntrance) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(entrance.app)
    return httpx.AsyncClient(
        transport=transport, base_url="http://hotline", headers=entrance.headers
    )


@pytest.fixture
async def client(entrance: MemoryEntrance) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(entrance) as opened:
        yield opened


def command(source: str) -> dict[str, Any]:
    data = {"reason": "not_resolved", "cause": "not_resolved"}
    return event("T1", type="hotline.command.reopen.v1", source=source, data=data)


def event(ticket: str, **changed: Any) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(feed.receipt(ticket, 7, LEAF, AT).value or b"")
    return document | changed


async def send(
    client: httpx.AsyncClient, content: Any, kind: str = STRUCTURED, **headers: str
) -> httpx.Response:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return await client.post("/v1/events", content=body, headers={"content-type": kind, **headers})


async def test_R1_202_waits_for_the_acknowledgement(
    entrance: MemoryEntrance, client: httpx.AsyncClient
) -> None:
    entrance.inbox.gate.clear()
    sending = asyncio.create_task(send(client, event("T1")))
    await entrance.inbox.asked.wait()
    assert not sending.done()
    assert entrance.metrics.read(ENTRANCE_IN_FLIGHT) == 1
    entrance.inbox.gate.set()
    assert (await sending).status_code == 202
    assert entrance.metrics.read(ENTRANCE_IN_FLIGHT) == 0
    assert entrance.metrics.read(ENTRANCE_EVENTS, caller="city", status="202") == 1


async def test_R1_what_was_claimed_and_not_published_is_published_when_it_comes_again(
    entrance: MemoryEntrance, client: httpx.AsyncClient
) -> None:
    """Else a crash between the two would make a lost event look like a duplicate."""
    entrance.inbox.down = True
    assert (await send(client, event("T1"))).status_code == 503
    entrance.inbox.down = False
    answer = await send(client, event("T1"))
    assert (answer.status_code, answer.json()["duplicate"]) == (202, True)
    assert [each.event.subject for each in entrance.inbox.published] == ["T1"]


@pytest.mark.parametrize(
    "fall", [lambda e: setattr(e.inbox, "down", True), lambda e: setattr(e.seen, "down", True)]
)
@pytest.mark.parametrize("batch", [False, True])
async def test_F23_nothing_is_acknowledged_while_kafka_or_postgresql_is_down(
    entrance: MemoryEntrance,
    client: httpx.AsyncClient,
    fall: Callable[[MemoryEntrance], None],
    batch: bool,
) -> None:
    fall(entrance)
    answer = await send(
        client, [event("T1")] if batch else event("T1"), BATCH if batch else STRUCTURED
    )
    assert (answer.status_code, answer.json()["reason"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert entrance.inbox.published == []


async def test_an_answer_that_does_not_come_is_503(tmp_path: Path) -> None:
    entrance = made(tmp_path, answer_seconds=0.01)
    entrance.inbox.gate.clear()
    async with calling(entrance) as client:
        answer = await send(client, event("T1"))
    assert (answer.status_code, answer.json()["reason"]) == (503, "unavailable")
    assert entrance.metrics.read(ENTRANCE_IN_FLIGHT) == 0


async def test_too_many_events_in_work_come_again_later(
    entrance: MemoryEntrance, client: httpx.AsyncClient
) -> None:
    entrance.inbox.gate.clear()
    first = asyncio.create_task(send(client, [event(f"T{n}") for n in range(3)], BATCH))
    await assert_eventually(
        lambda: entrance.metrics.read(ENTRANCE_IN_FLIGHT) == 3, within=10, what="three in work"
    )
    answer = await send(client, [event("T8"), event("T9")], BATCH)
    assert (answer.status_code, answer.json()["reason"]) == (503, "too_many_events_in_work")
    assert answer.headers["retry-after"] == "1"
    entrance.inbox.gate.set()
    assert (await first).status_code == 202


async def test_R61_a_publisher_that_sends_too_much_is_told_when_to_go_on(
    entrance: MemoryEntrance, client: httpx.AsyncClient
) -> None:
    for number in range(entrance.settings.rate_events):
        assert (await send(client, event(f"T{number}"))).status_code == 202
    answer = await send(client, event("T99"))
    assert (answer.status_code, answer.json()["reason"]) == (429, "too_many_events")
    assert 1 <= int(answer.headers["retry-after"]) <= 3_600
    assert len(entrance.inbox.published) == entrance.settings.rate_events


async def test_too_many_events_in_one_request(client: httpx.AsyncClient) -> None:
    answer = await send(client, [event(f"T{n}") for n in range(4)], BATCH)
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_many_events")


async def test_an_empty_batch_is_taken(client: httpx.AsyncClient) -> None:
    answer = await send(client, [], BATCH)
    assert (answer.status_code, answer.json()) == (202, {"items": []})


@pytest.mark.parametrize(
    ("content", "kind", "headers", "status", "reason"),
    [
        (b"{}", "text/plain", {}, 415, "unsupported_media_type"),
        (b"{}", "", {}, 415, "unsupported_media_type"),
        (b"{}", "application/json", {}, 415, "unsupported_media_type"),
        (b"{}", STRUCTURED, {"content-encoding": "gzip"}, 415, "unsupported_encoding"),
        (b"", STRUCTURED, {}, 400, "not_json"),
        (b"{", STRUCTURED, {}, 400, "not_json"),
        (b"\xff", STRUCTURED, {}, 400, "not_utf8"),
        (b"{}", BATCH, {}, 400, "not_json"),
        (b"[1,", BATCH, {}, 400, "not_json"),
        (b"[" * 100_000, BATCH, {}, 400, "too_deep"),
        (b"{}", STRUCTURED, {}, 400, "not_cloudevent"),
        (orjson.dumps(event("T1", type="x")), STRUCTURED, {}, 422, "unknown_type"),
        (
            orjson.dumps(event("T1", type="hotline.ticket.received.v9")),
            STRUCTURED,
            {},
            422,
            "unknown_version",
        ),
        (orjson.dumps(event("T1", time="soon")), STRUCTURED, {}, 422, "invalid"),
        (
            orjson.dumps(event("T1", time="2099-01-01T00:00:00Z")),
            STRUCTURED,
            {},
            422,
            "time_in_future",
        ),
        (orjson.dumps(event("T1", source="b")), STRUCTURED, {}, 403, "source_not_allowed"),
        (orjson.dumps(command(source="b")), STRUCTURED, {}, 403, "command_not_ours"),
        (
            orjson.dumps(event("T1", x="x" * 1_000_000)),
            STRUCTURED,
            {},
            413,
            "too_large",
        ),
        (b"\xff", "application/json", {"ce-specversion": "1.0"}, 400, "binary_malformed"),
        (b"{}", "application/json", {"ce-specversion": "%ff"}, 400, "binary_malformed"),
        (b'{"a":1,"a":1}', "application/json", {"ce-specversion": "1.0"}, 400, "not_cloudevent"),
    ],
)
async def test_R1_what_may_not_pass_is_refused_by_reason(
    entrance: MemoryEntrance,
    client: httpx.AsyncClient,
    content: bytes,
    kind: str,
    headers: dict[str, str],
    status: int,
    reason: str,
) -> None:
    answer = await send(client, content, kind, **headers)
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert entrance.inbox.published == []


async def test_R1_the_same_rules_hold_for_what_stands_in_a_batch(
    entrance: MemoryEntrance, client: httpx.AsyncClient
) -> None:
    twice = orjson.dumps(event("T1"))[:-1] + b',"id":"other"}'
    body = b"[" + b" , ".join([twice, orjson.dumps(event("T2")), b"17"]) + b"]"
    answer = await send(client, body, BATCH)
    assert answer.status_code == 207
    told = [(i["id"], i["status"], i.get("reason")) for i in answer.json()["items"]]
    assert told == [
        ("other", 400, "repeated_name"),
        ("T2/ticket.received", 202, None),
        (None, 400, "not_cloudevent"),
    ]
    assert [each.event.subject for each in entrance.inbox.published] == ["T2"]


async def test_R1_an_id_that_stands_for_two_contents_in_one_batch(
    entrance: MemoryEntrance, client: httpx.AsyncClient
) -> None:
    batch = [event("T1"), event("T1"), event("T1", subject="T2")]
    items = (await send(client, batch, BATCH)).json()["items"]
    assert [(i["status"], i.get("duplicate", False)) for i in items] == [
        (202, False),
        (202, True),
        (409, False),
    ]
    assert len(entrance.inbox.published) == 1


async def test_R34_no_token_lets_anybody_command_over_http(tmp_path: Path) -> None:
    service = "hotline/callback"
    token = tokens.make(tmp_path / "tokens.yaml", name="posing", sources=[service])
    entrance = made(tmp_path)
    async with calling(entrance) as client:
        client.headers["authorization"] = f"Bearer {token}"
        answer = await send(client, command(source=service))
    assert (answer.status_code, answer.json()["reason"]) == (403, "command_not_ours")
    assert entrance.inbox.published == []


async def test_the_bytes_go_on_as_they_came(
    entrance: MemoryEntrance, client: httpx.AsyncClient
) -> None:
    written = orjson.dumps(event("T1", extension="x"), option=orjson.OPT_INDENT_2)
    await send(client, written)
    await send(client, b"[" + orjson.dumps(event("T2", extension="y")) + b" ]", BATCH)
    first, second = entrance.inbox.published
    assert first.value == written
    assert second.value == orjson.dumps(event("T2", extension="y"))


async def test_R61_a_refusal_does_not_say_what_describes_a_citizen(
    client: httpx.AsyncClient,
) -> None:
    document = event("T1")
    document["data"]["complainant"]["identities"][0]["value"] = 13812345678
    document["data"]["channel"] = "13812345678"
    answer = await send(client, document)
    assert answer.status_code == 422
    assert "13812345678" not in answer.text


@pytest.mark.parametrize("name", ["max_events", "rate_events"])
def test_limits_that_no_full_batch_could_pass_are_refused(name: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"HOTLINE_HTTP_{name.upper()}"):
        EntranceSettings.for_service("http", max_batch_events=10, **{name: 9})
