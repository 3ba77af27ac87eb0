"""Engines in the test's own process, on a real broker."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from runtime.engine.service import Engine


@asynccontextmanager
async def running(engines: Sequence[Engine]) -> AsyncIterator[None]:
    """Start them in order; stop those that started, the last first, whatever happens."""
    started: list[Engine] = []
    try:
        for engine in engines:
            started.append(engine)
            await engine.start()
        yield
    finally:
        for engine in reversed(started):
            await engine.stop()


def crashed(engines: Sequence[Engine]) -> str | None:
    """Why one of them ended; for ``assert_eventually(unless=…)``."""
    for engine in engines:
        if engine.crash_reason is not None:
            return f"{engine.processor.name}: {engine.crash_reason!r}"
    return None
