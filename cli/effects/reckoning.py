"""The dry run: every key is woken once under the new version, and nothing is kept."""

from collections.abc import Callable
from datetime import datetime

from cli.effects.tally import Tally
from policy.bundle import Bundle
from runtime.core import AnyPartition, to_ms
from runtime.driver import TIMERS_AT_ONCE, to_bytes
from schemas.topics import SLA

PROGRESS_EVERY_KEYS = 1_000


def advance(part: AnyPartition, at: datetime, progress: Callable[[int], None]) -> None:
    """Let fire, under the bundle of today, what comes due before ``at``: none of it is an effect of
    the new version."""
    while True:
        batch = part.begin()
        fired = batch.advance(to_ms(at), TIMERS_AT_ONCE)
        part.apply(batch)
        progress(fired)
        if not fired:
            return


def effect(
    part: AnyPartition, bundle: Bundle, at: datetime, tally: Tally, progress: Callable[[int], None]
) -> int:
    """Count what would be said as of ``at`` under another bundle; how many states were asked.

    The states stay as they are. It is the processor's own ``wake`` that is asked, as the runtime
    does when the version comes into force.
    """
    policy = bundle.at(at)
    asked = 0
    for number, key in enumerate(part.keys(), start=1):
        state = part.load(key)
        if state is not None and state.policy and state.policy != policy.version:
            asked += 1
            for each in part.processor.wake(key, state, at, policy).effects:
                if each.topic.name == SLA.name:
                    tally.take(to_bytes(each.value))
        if number % PROGRESS_EVERY_KEYS == 0:
            progress(PROGRESS_EVERY_KEYS)
    return asked
