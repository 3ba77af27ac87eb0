"""Composition root of the entrance: what it keeps open, and what health says of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from fastapi import FastAPI

from policy import bundle
from runtime import log
from runtime.database import Database
from runtime.engine.ports import Unavailable
from runtime.errors import SettingsInvalid
from runtime.metrics import METRICS, Metrics
from services.intake.entrance.desk import Desk
from services.intake.entrance.inbox import Inbox
from services.intake.entrance.routes import events_router
from services.intake.entrance.settings import EntranceSettings
from services.intake.seen import SeenEvents

LOOK_EVERY_S: Final = 2.0
"""Between looks at the database. Larger: health says later that it is gone, or back."""


class Entrance:
    """The router and what stands behind it."""

    def __init__(self, settings: EntranceSettings, *, metrics: Metrics = METRICS) -> None:
        """Opens nothing yet. Raises ``SettingsInvalid``."""
        if settings.postgres_dsn is None:
            raise SettingsInvalid("HOTLINE_POSTGRES_DSN is not set: publishing by HTTP needs it")
        self._database = Database(settings.postgres_dsn, application="hotline-entrance")
        self._reached = False
        self._inbox = Inbox(settings)
        desk = Desk(
            settings,
            policy=bundle.load(settings.policy),
            inbox=self._inbox,
            seen=SeenEvents(self._database, settings.key_ring()),
            metrics=metrics,
        )
        self.router = events_router(
            desk, max_batch_events=settings.max_batch_events, lifespan=self._opened
        )

    def check(self) -> Mapping[str, Any]:
        """For ``/health``: whether Kafka and PostgreSQL can be reached."""
        kafka, postgres = self._inbox.ready, self._reached
        return {"ready": kafka and postgres, "kafka": kafka, "postgres": postgres}

    @contextlib.asynccontextmanager
    async def _opened(self, _: FastAPI) -> AsyncIterator[None]:
        async with self._inbox.open():
            looking = asyncio.create_task(self._look())
            try:
                yield
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
                await self._database.close()

    async def _look(self) -> None:
        """By requests alone nobody would learn that it is back: balancers send none meanwhile."""
        while True:
            try:
                async with self._database.connection() as connection:
                    await connection.execute("SELECT 1")
                self._reached = True
            except Unavailable as error:
                if self._reached:
                    log.get("hotline.entrance").warning(
                        "entrance.postgres_unavailable", error=str(error)
                    )
                self._reached = False
            await asyncio.sleep(LOOK_EVERY_S)
