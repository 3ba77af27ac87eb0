"""A thread beside the event loop: if the loop itself hangs, nothing inside it can say so."""

import os
import threading
import time
from collections.abc import Callable
from typing import Final

from runtime import log
from runtime.errors import Stalled

LOOK_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 10.0
"""Above the watchdog inside the loop, which can name the partition and goes first."""
EXIT_STALLED: Final = 70


def watch_loop(
    service: str,
    *,
    limit_seconds: float,
    beat: Callable[[], float | None],
    over: Callable[[], bool],
) -> None:
    """End the process when its event loop gives no sign of life for longer than the limit.

    Args:
        limit_seconds: HOTLINE_WATCHDOG_SECONDS.
        beat: the monotonic time of the last sign; None while none is due yet.
        over: whether the service has ended, and the watch with it.
    """
    limit = limit_seconds + GRACE_SECONDS

    def watch() -> None:
        while not over():
            time.sleep(LOOK_SECONDS)
            last = beat()
            if last is not None and hangs(time.monotonic(), last, limit):
                error = Stalled(service, f"the event loop hangs, for {limit:.0f} s")
                log.get("hotline.engine").critical(
                    "worker.died", service=service, slug=error.slug, error=str(error)
                )
                os._exit(EXIT_STALLED)

    threading.Thread(target=watch, name=f"watchdog-{service}", daemon=True).start()


def hangs(now: float, beat: float, limit_seconds: float) -> bool:
    """Whether the event loop has given no sign of life for longer than the limit."""
    return now - beat > limit_seconds
