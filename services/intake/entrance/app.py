"""Composition root of the entrance: what it keeps open, and what health says of it."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi import FastAPI

from policy import bundle
from runtime.database import Database
from runtime.errors import SettingsInvalid
from runtime.metrics import METRICS, Metrics
from services.intake.entrance.desk import Desk
from services.intake.entrance.inbox import Inbox
from services.intake.entrance.routes import events_router
from services.intake.entrance.settings import EntranceSettings
from services.intake.seen import SeenEvents


class Entrance:
    """The router and what stands behind it."""

    def __init__(self, settings: EntranceSettings, *, metrics: Metrics = METRICS) -> None:
        """Opens nothing yet. Raises ``SettingsInvalid``."""
        if settings.postgres_dsn is None:
            raise SettingsInvalid("HOTLINE_POSTGRES_DSN is not set: publishing by HTTP needs it")
        self._database = Database(settings.postgres_dsn, application="hotline-entrance")
        self._inbox = Inbox(settings)
        desk = Desk(
            settings,
            policy=bundle.load(settings.policy),
            inbox=self._inbox,
            seen=SeenEvents(self._database),
            metrics=metrics,
        )
        self.router = events_router(
            desk, max_batch_events=settings.max_batch_events, lifespan=self._opened
        )

    def check(self) -> Mapping[str, Any]:
        """For ``/health``. PostgreSQL is asked with each request, not here."""
        return {"ready": self._inbox.ready, "kafka": self._inbox.ready}

    @contextlib.asynccontextmanager
    async def _opened(self, _: FastAPI) -> AsyncIterator[None]:
        async with self._inbox.open():
            try:
                yield
            finally:
                await self._database.close()
