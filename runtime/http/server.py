"""The server: uvicorn on uvloop, bounded against clients that hang, drained at SIGTERM."""

import asyncio
import contextlib
import signal
import ssl
from collections.abc import Iterator
from typing import Any, Final

import h11
import uvicorn
import uvloop
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from runtime import log
from runtime.errors import SettingsInvalid
from runtime.http.settings import HttpSettings

HEAD_BYTES: Final = 32 * 1024
"""Of a request's line and headers."""


class _Server(uvicorn.Server):
    """Ends quietly at SIGTERM and SIGINT: what is in work is answered first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self._leave)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def _leave(self) -> None:
        self.should_exit = True
        log.get("hotline.http").info("http.draining", requests=len(self.server_state.tasks))

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for each in server.sockets or ():
                host, port = each.getsockname()[:2]
                log.get("hotline.http").info("http.listening", host=host, port=port)


def serve(app: FastAPI, settings: HttpSettings) -> None:
    """Answers requests until SIGTERM, then those in work, then returns.

    Raises:
        SettingsInvalid: certificate or key cannot be used.
    """
    uvloop.run(server(app, settings).serve())


def server(app: FastAPI, settings: HttpSettings) -> uvicorn.Server:
    """The server, for a loop of one's own."""
    if settings.tls_certfile is not None:
        _tls(settings)  # now, not at the first connection
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=_protocol(settings),
        ws="none",
        lifespan="on",
        log_config=None,  # ours is set
        access_log=False,  # it would log paths and queries
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=int(settings.drain_seconds),
        h11_max_incomplete_event_size=HEAD_BYTES,
        ssl_certfile=settings.tls_certfile,  # only says that there is TLS; the factory makes it
        ssl_context_factory=None
        if settings.tls_certfile is None
        else lambda _config, _default: _tls(settings),
    )
    return _Server(config)


def _tls(settings: HttpSettings) -> ssl.SSLContext:
    assert settings.tls_certfile is not None
    password = settings.tls_key_password
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(
            settings.tls_certfile,
            settings.tls_keyfile,
            # A function: without one, OpenSSL would ask for it on the terminal.
            password=lambda: "" if password is None else password.get_secret_value(),
        )
    except OSError as wrong:
        raise SettingsInvalid(
            f"HOTLINE_HTTP_TLS_CERTFILE={settings.tls_certfile}, "
            f"HOTLINE_HTTP_TLS_KEYFILE={settings.tls_keyfile}: {wrong}"
        ) from wrong
    return context


def _protocol(settings: HttpSettings) -> type[asyncio.Protocol]:
    """uvicorn's own, with a limit on connections and on the time that a request's head may take.

    Without it, a client that sends half a head holds a connection for ever.
    """

    class Bounded(H11Protocol):
        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > settings.max_connections:
                transport.abort()
                return
            self._await_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget_timer()
            super().connection_lost(exc)

        def _await_head(self) -> None:
            if self.conn.their_state is not h11.IDLE:
                self._forget_timer()
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(settings.body_seconds, self._hung)

        def _hung(self) -> None:
            self._head_timer = None
            if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
                self.transport.abort()

        def _forget_timer(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

    return Bounded
