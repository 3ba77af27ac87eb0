"""Stopping aiokafka's clients, which may hang, or raise what is nobody's business."""

import asyncio
from typing import Final, Protocol

STOP_SECONDS: Final = 5.0
"""A client's stop may wait for ever on a lost broker or a lost cancellation; what it leaves behind
(an open transaction, a membership) the broker's own time-outs end."""


class Stoppable(Protocol):
    async def stop(self) -> None: ...


async def stop_client(client: Stoppable, seconds: float = STOP_SECONDS) -> None:
    """Stop a consumer or producer within a bound; whatever it raises is dropped."""
    task = asyncio.ensure_future(client.stop())
    await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        task.cancel()
    elif not task.cancelled():
        task.exception()
