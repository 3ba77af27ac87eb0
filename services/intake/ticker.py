"""Moves the clock of inbox partitions where nothing happens (architecture: time)."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from mode import Service

from runtime import log
from runtime.engine.clients import stop_client
from runtime.engine.service import Engine
from schemas.topics import INBOX
from services.intake.domain import TICK_HEADER

TICK_SECONDS = 1.0
"""Timers are at least this late where no record comes; each tick is one small transaction."""


class Ticker(Service):
    """Puts a tick into each inbox partition that this worker owns; the broker stamps it."""

    def __init__(self, engine: Engine, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.engine = engine
        self._producer: AIOKafkaProducer | None = None
        self._log = log.get("hotline.ticker")

    async def on_start(self) -> None:
        settings = self.engine.settings
        self._producer = AIOKafkaProducer(**settings.kafka_client_kwargs(), acks="all")
        await self._producer.start()

    async def on_stop(self) -> None:
        if self._producer is not None:
            await stop_client(self._producer)

    @Service.timer(TICK_SECONDS)
    async def _tick(self) -> None:
        producer, settings = self._producer, self.engine.settings
        assert producer is not None
        numbers = [number for number, task in self.engine.tasks.items() if task.running]
        try:
            async with asyncio.timeout(settings.commit_timeout_s):
                await asyncio.gather(
                    *[
                        await producer.send(
                            settings.topic(INBOX),
                            value=b"",
                            partition=number,
                            headers=[(TICK_HEADER, b"1")],
                        )
                        for number in numbers
                    ]
                )
        except (KafkaError, TimeoutError) as error:
            self._log.warning("tick.failed", error=repr(error))
