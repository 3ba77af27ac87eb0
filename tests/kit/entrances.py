"""The entrance over HTTP without a broker or a database: what stands behind it is in memory."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI

from policy import bundle
from runtime.engine.ports import Unavailable
from runtime.http import tokens
from runtime.http.app import make_app
from runtime.http.tokens import Tokens
from runtime.metrics import Metrics
from services.intake.entrance.desk import Desk
from services.intake.entrance.judging import Admitted
from services.intake.entrance.routes import events_router
from services.intake.entrance.settings import EntranceSettings
from services.intake.seen import Claim, Published

SOURCE = "test/city"
"""Of ``tests.kit.feed``."""


class MemoryInbox:
    """Acknowledges at once; or when its gate is opened; or not at all while it is down."""

    def __init__(self) -> None:
        self.published: list[Admitted] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.down = False

    async def publish(self, events: Sequence[Admitted]) -> None:
        self.asked.set()
        await self.gate.wait()
        if self.down:
            raise Unavailable("Kafka: down")
        self.published += events


class MemorySeen:
    """As the table of ids."""

    def __init__(self) -> None:
        self.known: dict[bytes, Published] = {}
        self.down = False

    async def claim(self, events: Sequence[Published]) -> Sequence[Claim]:
        if self.down:
            raise Unavailable("PostgreSQL: down")
        claims = []
        for event in events:
            new = event.identity not in self.known
            first = self.known.setdefault(event.identity, event)
            claims.append(Claim(first.digest, first.subject, new))
        return claims


class MemoryEntrance:
    """An application of the one route, and whom it knows."""

    def __init__(self, directory: Path, settings: EntranceSettings | None = None) -> None:
        self.settings = EntranceSettings() if settings is None else settings
        self.inbox = MemoryInbox()
        self.seen = MemorySeen()
        self.metrics = Metrics()
        self.policy = bundle.load(self.settings.policy)
        self.desk = Desk(
            self.settings,
            policy=self.policy,
            inbox=self.inbox,
            seen=self.seen,
            metrics=self.metrics,
        )
        path = directory / "tokens.yaml"
        self.token = tokens.make(path, name="city", sources=[SOURCE])
        self.app: FastAPI = make_app(
            "test",
            [events_router(self.desk, max_batch_events=self.settings.max_batch_events)],
            settings=self.settings,
            tokens=Tokens(path),
            metrics=self.metrics,
        )

    @property
    def headers(self) -> dict[str, str]:
        """With its token."""
        return {"Authorization": f"Bearer {self.token}"}
