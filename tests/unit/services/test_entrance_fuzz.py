"""F15 on the entrance over HTTP: whatever comes is answered, with the reason that the inbox would
give it; no 5xx, nothing that may not pass is published.

The ordinary run tries about 1,500 malformed requests, the long one 10,000.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from runtime.http.problems import MEDIA_TYPE
from runtime.processor import Record, Unreadable
from schemas.binary import STRUCTURED
from schemas.topics import INBOX
from services.intake.entrance.body import BATCH, BINARY
from services.intake.entrance.judging import STATUS
from services.intake.entrance.settings import EntranceSettings
from services.intake.reading import InboxEvent, read, refuse_absurd
from tests.kit import feed
from tests.kit.entrances import SOURCE, MemoryEntrance
from tests.kit.mangling import damaged, documents, dumped

Send = Callable[..., httpx.Response]

SEEDS = [orjson.loads(each.value or b"") for each in feed.city(40, random.Random(12345))]
mangled_documents = documents(SEEDS, fewest=1).map(dumped)
twice = mangled_documents.map(lambda value: value.replace(b"{", b'{"id":1,"id":2,', 1))
mangled = st.one_of(
    mangled_documents, mangled_documents, damaged(SEEDS), twice, st.binary(max_size=60)
)


@pytest.fixture
def entrance(tmp_path: Path) -> MemoryEntrance:
    limits = EntranceSettings(rate_events=10_000_000, max_batch_events=20)
    return MemoryEntrance(tmp_path, limits)


@pytest.fixture
def send(entrance: MemoryEntrance) -> Iterator[Send]:
    """Posts on one loop for the whole test."""
    transport = httpx.ASGITransport(entrance.app)
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(
            transport=transport, base_url="http://hotline", headers=entrance.headers
        )

        def post(content: bytes, kind: str, **headers: bytes) -> httpx.Response:
            named = [(b"content-type", kind.encode("latin-1"))]
            named += [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
            return runner.run(client.post("/v1/events", content=content, headers=named))

        yield post
        runner.run(client.aclose())


def verdict(entrance: MemoryEntrance, value: bytes, *headers: tuple[str, bytes]) -> str:
    """What intake says of such a record of the inbox; empty: it would be taken."""
    now = datetime.now(UTC)
    stamp = int(now.timestamp() * 1_000)
    try:
        event: InboxEvent = read(Record(INBOX, 0, 0, None, value, stamp, headers), 1_048_576)
        refuse_absurd(event, entrance.policy.at(now))
    except Unreadable as refused:
        return refused.reason
    return "" if event.event.source == SOURCE else "source_not_allowed"


def check_one(response: httpx.Response, expected: str) -> None:
    told = response.json()
    if response.status_code == 202:
        assert expected == ""
        return
    assert response.headers["content-type"] == MEDIA_TYPE
    # The same id with another content: mangling leaves ids as they are.
    assert told["reason"] == expected or (told["reason"] == "id_reused" and expected == "")
    assert response.status_code == STATUS[told["reason"]]
    assert told["detail"]


def no_more_than(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def single(entrance: MemoryEntrance, send: Send, examples: int) -> None:
    @no_more_than(examples)
    @given(mangled)
    def attempt(value: bytes) -> None:
        check_one(send(value, STRUCTURED), verdict(entrance, value))

    attempt()


def batches(entrance: MemoryEntrance, send: Send, examples: int) -> None:
    @no_more_than(examples)
    @given(st.lists(mangled, max_size=6), st.sampled_from([b",", b" ,\n", b",,", b""]))
    def attempt(values: list[bytes], comma: bytes) -> None:
        response = send(b"[" + comma.join(values) + b"]", BATCH)
        if response.status_code == 400:
            assert response.json()["reason"] in ("not_json", "too_deep")
            assert comma in (b",,", b"") or any(_is_no_json(value) for value in values)
            return
        if response.status_code == 413:
            assert response.json()["reason"] == "too_many_events"
            return
        items = response.json()["items"]
        assert response.status_code == (
            202 if all(item["status"] == 202 for item in items) else 207
        )
        for item in items:
            assert item["status"] == (STATUS[item["reason"]] if "reason" in item else 202)
        if len(items) == len(values) and not any(_is_no_json(value) for value in values):
            for item, value in zip(items, values, strict=True):
                assert item.get("reason", "") in (verdict(entrance, value.strip()), "id_reused")

    attempt()


def binary(entrance: MemoryEntrance, send: Send, examples: int) -> None:
    names = st.sampled_from(
        ["specversion", "id", "source", "type", "time", "subject", "data", "sequence", "x", ""]
    )
    header_bytes = st.binary(max_size=20).map(
        lambda given: bytes(each for each in given if each >= 32 and each != 127).strip()
    )

    @no_more_than(examples)
    @given(st.sampled_from(SEEDS), st.dictionaries(names, header_bytes, max_size=3), mangled)
    def attempt(seed: dict[str, Any], changes: dict[str, bytes], value: bytes) -> None:
        attributes = {
            name: text.encode()
            for name, text in seed.items()
            if name not in ("data", "datacontenttype")
        }
        attributes |= {name: given for name, given in changes.items() if b"%" not in given}
        headers = tuple((f"ce_{name}", given) for name, given in attributes.items())
        sent = {f"ce-{name}": given for name, given in attributes.items()}
        expected = verdict(entrance, value, *headers, ("content-type", BINARY.encode()))
        check_one(send(value, BINARY, **sent), expected)

    attempt()


def envelopes(entrance: MemoryEntrance, send: Send, examples: int) -> None:
    """Headers that are not what they should be: 415, or the event's own verdict."""
    printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
    kinds = printable.map(str.strip) | st.sampled_from(
        [STRUCTURED.upper(), f"{STRUCTURED}; charset=gbk", "application/cloudevents+xml", BINARY]
    )
    encodings = st.sampled_from(["", "identity", "Identity", "gzip", "br"]) | printable

    @no_more_than(examples)
    @given(st.sampled_from(SEEDS), kinds, encodings.map(str.strip))
    def attempt(seed: dict[str, Any], kind: str, encoding: str) -> None:
        response = send(orjson.dumps(seed), kind, content_encoding=encoding.encode())
        plain = encoding.lower() in ("", "identity")
        if plain and kind.lower().partition(";")[0].strip() == STRUCTURED:
            assert response.status_code == 202
        else:
            assert response.status_code == 415
            assert response.json()["reason"].startswith("unsupported_")

    attempt()


def from_the_description(entrance: MemoryEntrance, send: Send, examples: int) -> None:
    """What schemathesis makes of our own OpenAPI, right and wrong."""
    described = schemathesis.openapi.from_asgi("/openapi.json", entrance.app)
    operation = described["/v1/events"]["POST"]
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @no_more_than(examples // 2)
        @given(operation.as_strategy(generation_mode=mode))
        def attempt(case: Case[Any]) -> None:
            response = case.call(headers=entrance.headers)
            case.validate_response(response, checks=checks)

        attempt()


def _is_no_json(value: bytes) -> bool:
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return True
    return False


KINDS = {
    single: (500, 4_300),
    batches: (300, 2_000),
    binary: (300, 2_000),
    envelopes: (100, 500),
    from_the_description: (300, 1_200),
}
"""Requests of each kind: in the ordinary run, in the long one."""


def check_what_was_published(entrance: MemoryEntrance) -> None:
    for each in entrance.inbox.published:
        assert verdict(entrance, each.value) == ""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_F15_whatever_comes_is_answered_with_its_reason(
    kind: Callable[..., None], entrance: MemoryEntrance, send: Send
) -> None:
    kind(entrance, send, KINDS[kind][0])
    check_what_was_published(entrance)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_F15_ten_thousand_malformed_requests_are_answered_with_their_reasons(
    kind: Callable[..., None], entrance: MemoryEntrance, send: Send
) -> None:
    assert sum(many for _, many in KINDS.values()) >= 10_000
    kind(entrance, send, KINDS[kind][1])
    check_what_was_published(entrance)
