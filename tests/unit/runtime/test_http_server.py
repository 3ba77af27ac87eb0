"""The server itself: bounded against clients that hang, drained at its end, TLS (R61)."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import APIRouter, Request

from deploy.local.process import free_port
from runtime.errors import SettingsInvalid
from runtime.http.app import make_app
from runtime.http.server import server
from runtime.http.settings import HttpSettings
from runtime.http.tokens import Tokens
from runtime.metrics import HTTP_REQUESTS, Metrics
from tests.kit.assertions import assert_eventually

HOST = "127.0.0.1"
PASSWORD = "of this test"  # noqa: S105


class Room:
    """A route that waits until it is let go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.router = APIRouter()

        @self.router.get("/slow")
        async def slow() -> str:
            self.entered.set()
            await self.gate.wait()
            return "done"

        @self.router.post("/body")
        async def body(request: Request) -> int:
            self.entered.set()
            return len(await request.body())


@asynccontextmanager
async def serving(
    tmp_path: Path, room: Room | None = None, *, metrics: Metrics | None = None, **given: Any
) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    settings = HttpSettings(port=free_port(), **given)
    counted = Metrics() if metrics is None else metrics
    app = make_app(
        "test",
        [] if room is None else [room.router],
        settings=settings,
        tokens=Tokens(tmp_path / "none.yaml"),
        metrics=counted,
    )
    made = server(app, settings)
    running = asyncio.create_task(made.serve())
    await assert_eventually(lambda: made.started, within=20, what="the server listens")
    try:
        yield made, settings.port
    finally:
        made.should_exit = True
        await asyncio.wait_for(running, 30)


async def test_half_a_head_does_not_hold_a_connection(tmp_path: Path) -> None:
    async with serving(tmp_path, body_seconds=0.1) as (_, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /health HTTP/1.1\r\nHo")
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()


async def test_nor_does_a_connection_that_says_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, body_seconds=0.1) as (_, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()


async def test_a_slow_answer_is_no_slow_head(tmp_path: Path) -> None:
    room = Room()
    async with serving(tmp_path, room, body_seconds=0.05) as (_, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await room.entered.wait()
        # A second connection is cut off meanwhile: the time of a head has passed for the first too.
        other, closing = await asyncio.open_connection(HOST, port)
        assert await asyncio.wait_for(other.read(), 20) == b""
        room.gate.set()
        answer = await asyncio.wait_for(reader.readuntil(b'"done"'), 20)
        assert answer.startswith(b"HTTP/1.1 200")
        writer.close()
        closing.close()


async def test_a_client_that_leaves_is_no_error_of_ours(tmp_path: Path) -> None:
    room, metrics = Room(), Metrics()
    async with serving(tmp_path, room, metrics=metrics) as (_, port):
        _, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        await room.entered.wait()
        writer.close()
        await assert_eventually(
            lambda: metrics.read(HTTP_REQUESTS, route="/body", method="POST", status="499") == 1,
            within=20,
            what="it is counted as gone",
        )


async def test_connections_beyond_the_limit_are_closed(tmp_path: Path) -> None:
    async with serving(tmp_path, max_connections=1) as (_, port), httpx.AsyncClient() as client:
        assert (await client.get(f"http://{HOST}:{port}/health")).status_code == 200
        reader, writer = await asyncio.open_connection(HOST, port)
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        assert (await client.get(f"http://{HOST}:{port}/health")).status_code == 200


async def test_a_head_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /health HTTP/1.1\r\nX: " + b"x" * 40_000)
        assert (await asyncio.wait_for(reader.read(), 20)).startswith(b"HTTP/1.1 400")
        writer.close()


async def test_what_is_in_work_is_answered_before_the_server_goes(tmp_path: Path) -> None:
    room = Room()
    async with serving(tmp_path, room) as (made, port), httpx.AsyncClient() as client:
        asking = asyncio.create_task(client.get(f"http://{HOST}:{port}/slow"))
        await room.entered.wait()
        made.should_exit = True
        await assert_eventually(
            lambda: not any(each.is_serving() for each in made.servers),
            within=20,
            what="nothing new is taken",
        )
        assert not asking.done()
        room.gate.set()
        assert (await asking).json() == "done"


def certificate(directory: Path) -> tuple[Path, Path]:
    """Of this host, for a day; its key has a password."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = directory / "chain.pem", directory / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(PASSWORD.encode()),
        )
    )
    return chain, private


async def test_R61_with_a_certificate_it_speaks_tls_alone(tmp_path: Path) -> None:
    chain, private = certificate(tmp_path)
    tls: dict[str, Any] = {
        "tls_certfile": chain,
        "tls_keyfile": private,
        "tls_key_password": PASSWORD,
    }
    trusting = ssl.create_default_context(cafile=str(chain))
    async with (
        serving(tmp_path, **tls) as (_, port),
        httpx.AsyncClient(verify=trusting) as client,
    ):
        answer = await client.get(f"https://localhost:{port}/health")
        assert answer.status_code == 200
        assert "strict-transport-security" in answer.headers
        with pytest.raises(httpx.TransportError):
            await client.get(f"http://localhost:{port}/health")


@pytest.mark.parametrize("password", ["another", None])
def test_R61_a_key_that_does_not_open_is_said_at_the_start(
    tmp_path: Path, password: str | None
) -> None:
    chain, private = certificate(tmp_path)
    settings = HttpSettings(
        tls_certfile=chain,
        tls_keyfile=private,
        tls_key_password=password,
    )
    app = make_app("test", [], settings=settings, tokens=Tokens(tmp_path / "none.yaml"))
    with pytest.raises(SettingsInvalid, match="HOTLINE_HTTP_TLS_KEYFILE"):
        server(app, settings)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tls_certfile": Path("a")}, "HOTLINE_HTTP_TLS_CERTFILE and HOTLINE_HTTP_TLS_KEYFILE"),
        ({"max_body_bytes": 4_096, "max_bodies_bytes": 2_048}, "HOTLINE_HTTP_MAX_BODY_BYTES"),
    ],
)
def test_settings_that_contradict_each_other(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsInvalid, match=told):
        HttpSettings.for_service("http", **given)
