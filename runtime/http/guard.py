"""Around every request: its name in the log, its limits, its measures, and no bare exception.

Plain ASGI: what stands between the server and the routes must not buffer, nor start tasks.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Final

import structlog
from fastapi import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime import log
from runtime.http.problems import Problem, answer, busy, of_http
from runtime.http.settings import HttpSettings
from runtime.metrics import HTTP_IN_FLIGHT, HTTP_REQUESTS, HTTP_SECONDS, Metrics

NO_ROUTE: Final = "(none)"
"""In metrics and log, where no route fits: what was asked for may be anything."""
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
_ALWAYS: Final = frozenset({"/health", "/metrics"})
"""Answered however much is in work: whoever asks must not take a busy server for a dead one."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")


class Guard:
    """The middleware; one for an application."""

    def __init__(self, app: ASGIApp, settings: HttpSettings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._requests = 0
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _Request(self, scope, receive, send).run()
        else:
            await self._app(scope, receive, send)


class _Request:
    """One request on its way through."""

    def __init__(self, guard: Guard, scope: Scope, receive: Receive, send: Send) -> None:
        self.guard = guard
        self.scope = scope
        self.settings = guard._settings
        self._receive = receive
        self._send = send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.id = self._named()
        self.trace_id = self._traced()
        self.status: int | None = None
        self.body_bytes = 0
        self.whole = False
        self.deadline: float | None = None

    async def run(self) -> None:
        guard, metrics = self.guard, self.guard._metrics
        self.scope.setdefault("state", {})["request_id"] = self.id
        began = time.perf_counter()
        guard._requests += 1
        metrics.set(HTTP_IN_FLIGHT, guard._requests)
        with structlog.contextvars.bound_contextvars(request_id=self.id, trace_id=self.trace_id):
            try:
                await self._answered()
            finally:
                guard._requests -= 1
                guard._bytes -= self.body_bytes
                metrics.set(HTTP_IN_FLIGHT, guard._requests)
                self._tell(time.perf_counter() - began)

    async def _answered(self) -> None:
        try:
            self._admit()
            await self.guard._app(self.scope, self.receive, self.send)
        except ClientDisconnect:
            return  # nobody is there to be told; 499 in log and metrics
        except HTTPException as refused:  # before the routes, or on the way to them
            await self._refuse(of_http(refused))
        except Exception:
            log.get("hotline.http").exception("request.failed")
            await self._refuse(
                Problem(500, "internal", "an error of ours; the log has it under the instance")
            )

    def _admit(self) -> None:
        if self.scope["path"] in _ALWAYS:
            return
        if self.guard._requests > self.settings.max_requests:
            raise busy("too_many_requests_in_work", "too much is in work: try again", seconds=1)
        declared = self.headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.settings.max_body_bytes:
            raise self._too_large()

    async def _refuse(self, problem: Problem) -> None:
        if self.status is None:
            await answer(problem, self.id)(self.scope, self.receive, self.send)

    async def receive(self) -> Message:
        """The next part of the body, within the limits of size and time."""
        if self.deadline is None:
            self.deadline = time.monotonic() + self.settings.body_seconds
        if self.whole:  # what is waited for now is the client's leaving
            return await self._receive()
        try:
            async with asyncio.timeout(self.deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            raise Problem(
                408,
                "body_too_slow",
                f"the body was not there after {self.settings.body_seconds:g} s: send it at once",
                headers={"Connection": "close"},
            ) from None
        self.whole = not message.get("more_body", False)
        size = len(message.get("body", b""))
        self.body_bytes += size
        self.guard._bytes += size
        if self.body_bytes > self.settings.max_body_bytes:
            raise self._too_large()
        if self.guard._bytes > self.settings.max_bodies_bytes:
            raise busy("too_many_bytes_in_work", "too much is in work: try again", seconds=1)
        return message

    def _too_large(self) -> Problem:
        return Problem(
            413,
            "body_too_large",
            f"the body is larger than {self.settings.max_body_bytes} bytes: send less at once",
            headers={"Connection": "close"},
        )

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._added(message["headers"])]
        await self._send(message)

    def _added(self, present: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        names = {name.lower() for name, _ in present}
        added = [pair for pair in _SECURITY if pair[0] not in names]
        if self.settings.tls_certfile is not None:
            added.append(_HSTS)
        added.append((b"x-request-id", self.id.encode()))
        return added

    def _tell(self, seconds: float) -> None:
        """One line a request: no query, no path (ids stand in it), no body (R61)."""
        route = getattr(self.scope.get("route"), "path", NO_ROUTE)
        method = self.scope["method"] if self.scope["method"] in _METHODS else "(other)"
        # Nothing was answered: the client went, or the process is going.
        status = 499 if self.status is None else self.status
        metrics = self.guard._metrics
        metrics.add(HTTP_REQUESTS, method=method, route=route, status=str(status))
        metrics.observe(HTTP_SECONDS, seconds, route=route)
        principal = self.scope["state"].get("principal")
        log.get("hotline.http").info(
            "request.answered",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1_000, 1),
            caller=None if principal is None else principal.name,
            body_bytes=self.body_bytes,
        )

    def _named(self) -> str:
        """The caller's own id where it is a plain one, else one of ours."""
        given = self.headers.get(b"x-request-id", b"").decode("latin-1")
        return given if _GIVEN_ID.fullmatch(given) else token_hex(16)

    def _traced(self) -> str | None:
        match = _TRACEPARENT.fullmatch(self.headers.get(b"traceparent", b"").decode("latin-1"))
        return match[1] if match else None


def request_id(scope: Mapping[str, Any]) -> str:
    """What the guard called a request."""
    found: str = scope["state"]["request_id"]
    return found
