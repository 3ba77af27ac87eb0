"""The frame of every request: errors as problems, limits, callers, log, pages (R61)."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel

from policy.access import AccessRole
from runtime import log
from runtime.http import tokens
from runtime.http.app import make_app
from runtime.http.callers import require_role, require_source
from runtime.http.problems import MEDIA_TYPE
from runtime.http.settings import HttpSettings
from runtime.http.tokens import Principal, Tokens
from runtime.metrics import HTTP_IN_FLIGHT, HTTP_REQUESTS, Metrics
from tests.kit.assertions import assert_eventually

PHONE = "13812345678"
MAX_BODY = 2_048


class Question(BaseModel):
    number: int


class Rooms:
    """Routes of every kind, and a gate that holds one up."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.entered = asyncio.Event()
        self.router = APIRouter()
        router = self.router

        @router.post("/ask")
        async def ask(
            question: Question,
            caller: Annotated[Principal, Depends(require_role(AccessRole.AGENT))],
        ) -> dict[str, Any]:
            return {"number": question.number, "unit": caller.unit}

        @router.get("/any-role")
        async def any_role(caller: Annotated[Principal, Depends(require_role())]) -> str:
            return caller.name

        @router.post("/publish")
        async def publish(
            request: Request, caller: Annotated[Principal, Depends(require_source)]
        ) -> dict[str, int]:
            return {"bytes": len(await request.body())}

        @router.get("/tickets/{ticket}")
        async def fail(ticket: str) -> None:
            raise ValueError(f"{ticket} of {PHONE}")

        @router.get("/slow")
        async def slow() -> None:
            self.entered.set()
            await self.gate.wait()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """As a server logs; the client's own lines, which have addresses, are not the server's."""
    root, httpx_logger = logging.getLogger(), logging.getLogger("httpx")
    handlers, level = root.handlers[:], root.level
    log.configure("INFO", json=True)
    httpx_logger.disabled = True
    page = io.StringIO()
    for handler in root.handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(page)
    yield page
    httpx_logger.disabled = False
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "tokens.yaml"
    return {
        "agent": tokens.make(path, name="desk-07", role=AccessRole.AGENT, unit="320100"),
        "handler": tokens.make(path, name="wang", role=AccessRole.HANDLER, unit="320106"),
        "publisher": tokens.make(path, name="jiangcheng", sources=["jiangcheng-12345"]),
    }


@pytest.fixture
def app(rooms: Rooms, metrics: Metrics, keys: dict[str, str], tmp_path: Path) -> FastAPI:
    return make_app(
        "test",
        [rooms.router],
        settings=HttpSettings(max_body_bytes=MAX_BODY, max_requests=2, body_seconds=0.05),
        tokens=Tokens(tmp_path / "tokens.yaml"),
        checks={"sink": lambda: {"ready": True, "lag": 3}},
        metrics=metrics,
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hotline") as made:
        yield made


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def problem(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == MEDIA_TYPE
    told: dict[str, Any] = response.json()
    assert told["status"] == response.status_code
    assert told["type"] == f"urn:hotline:problem:{told['reason']}"
    assert told["instance"] == response.headers["x-request-id"]
    assert told["title"]
    assert told["detail"]
    return told


@pytest.mark.parametrize(
    ("method", "path", "who", "content", "status", "reason"),
    [
        ("POST", "/ask", None, b'{"number":1}', 401, "unauthenticated"),
        ("POST", "/ask", "nobody", b'{"number":1}', 401, "unauthenticated"),
        ("POST", "/ask", "handler", b'{"number":1}', 403, "role_not_allowed"),
        ("POST", "/ask", "publisher", b'{"number":1}', 403, "role_not_allowed"),
        ("GET", "/any-role", "publisher", b"", 403, "role_not_allowed"),
        ("POST", "/publish", "agent", b"", 403, "not_a_publisher"),
        ("POST", "/ask", "agent", b'{"number":"x"}', 422, "invalid"),
        ("POST", "/ask", "agent", b"{", 422, "invalid"),
        ("POST", "/ask", "agent", b"\xff", 400, "bad_request"),
        ("POST", "/ask", "agent", b"", 422, "invalid"),
        ("GET", "/nowhere", None, b"", 404, "not_found"),
        ("PUT", "/ask", None, b"", 405, "method_not_allowed"),
        ("POST", "/publish", "publisher", b"x" * (MAX_BODY + 1), 413, "body_too_large"),
        ("GET", "/tickets/T1", None, b"", 500, "internal"),
    ],
)
async def test_every_error_is_a_problem(
    client: httpx.AsyncClient,
    keys: dict[str, str],
    method: str,
    path: str,
    who: str | None,
    content: bytes,
    status: int,
    reason: str,
) -> None:
    headers = {"content-type": "application/json"}
    if who is not None:
        headers |= bearer(keys.get(who, "hlt_none"))
    told = problem(await client.request(method, path, content=content, headers=headers))
    assert (told["status"], told["reason"]) == (status, reason)


async def test_who_may_is_let_through(client: httpx.AsyncClient, keys: dict[str, str]) -> None:
    asked = await client.post("/ask", json={"number": 7}, headers=bearer(keys["agent"]))
    assert asked.json() == {"number": 7, "unit": "320100"}
    for who, name in (("agent", "desk-07"), ("handler", "wang")):
        assert (await client.get("/any-role", headers=bearer(keys[who]))).json() == name
    sent = await client.post("/publish", content=b"x" * MAX_BODY, headers=bearer(keys["publisher"]))
    assert sent.json() == {"bytes": MAX_BODY}


async def test_an_unauthenticated_caller_is_told_how(client: httpx.AsyncClient) -> None:
    response = await client.get("/any-role")
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_a_body_without_a_length_is_counted_as_it_comes(
    client: httpx.AsyncClient, keys: dict[str, str]
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 512

    response = await client.post("/publish", content=endless(), headers=bearer(keys["publisher"]))
    assert problem(response)["reason"] == "body_too_large"


async def test_a_body_that_does_not_come_ends_the_request(
    client: httpx.AsyncClient, keys: dict[str, str]
) -> None:
    never = asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        yield b"x"
        await never.wait()

    response = await client.post("/publish", content=hanging(), headers=bearer(keys["publisher"]))
    assert (response.status_code, problem(response)["reason"]) == (408, "body_too_slow")


async def test_what_is_too_much_at_once_comes_again_later(
    client: httpx.AsyncClient, rooms: Rooms, metrics: Metrics
) -> None:
    waiting = [asyncio.create_task(client.get("/slow")) for _ in range(2)]
    await rooms.entered.wait()
    await assert_eventually(
        lambda: metrics.read(HTTP_IN_FLIGHT) == 2, within=10, what="both are in work"
    )
    response = await client.get("/openapi.json")
    assert problem(response)["reason"] == "too_many_requests_in_work"
    assert (await client.get("/health")).status_code == 200
    assert response.headers["retry-after"] == "1"
    rooms.gate.set()
    assert [(await each).status_code for each in waiting] == [200, 200]
    assert (await client.get("/openapi.json")).status_code == 200


async def test_R61_what_failed_is_logged_without_what_it_was_about(
    logged: io.StringIO, client: httpx.AsyncClient, metrics: Metrics
) -> None:
    response = await client.get(f"/tickets/{PHONE}?phone={PHONE}")
    told = logged.getvalue()
    assert "request.failed" in told
    assert PHONE not in told
    assert '"route": "/tickets/{ticket}"' in told
    assert response.headers["x-request-id"] in told
    assert PHONE not in response.text
    read = metrics.read(HTTP_REQUESTS, route="/tickets/{ticket}", method="GET", status="500")
    assert read == 1


async def test_a_request_keeps_its_name_and_its_trace(
    logged: io.StringIO, client: httpx.AsyncClient
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"x-request-id": "abc-12345678", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    response = await client.get("/health", headers=headers)
    assert response.headers["x-request-id"] == "abc-12345678"
    assert f'"trace_id": "{trace}"' in logged.getvalue()


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "a b c d e f g", "<script>12345"])
async def test_a_name_that_is_none_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    response = await client.get("/health", headers={"x-request-id": given})
    assert len(response.headers["x-request-id"]) == 32


async def test_answers_carry_what_keeps_browsers_safe(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/nowhere", "/docs"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'")


async def test_the_pages_need_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "POST /ask" in page.text
    assert "http" not in page.text.replace("http-equiv", "")
    assert "<script" not in page.text
    described = (await client.get("/openapi.json")).json()
    assert "/ask" in described["paths"]
    assert (await client.get("/metrics")).text.startswith("# HELP hotline_")


async def test_health_says_what_each_part_says(client: httpx.AsyncClient) -> None:
    told = (await client.get("/health")).json()
    assert told == {"ready": True, "parts": {"sink": {"ready": True, "lag": 3}}}


async def test_health_is_503_while_a_part_is_not_ready(metrics: Metrics, tmp_path: Path) -> None:
    app = make_app(
        "test",
        [],
        settings=HttpSettings(),
        tokens=Tokens(tmp_path / "none.yaml"),
        checks={"a": lambda: {"ready": True}, "b": lambda: {"ready": False}},
        metrics=metrics,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hotline") as client:
        response = await client.get("/health")
    assert (response.status_code, response.json()["ready"]) == (503, False)
