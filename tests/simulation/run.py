"""One seed, from plan to checks."""

from collections import Counter

from tests.simulation import loop
from tests.simulation.checks import Watch, check
from tests.simulation.history import plan
from tests.simulation.world import Parts, World


class Found(AssertionError):
    """A seed that breaks something, and how to see it again."""

    def __init__(self, seed: int, error: BaseException) -> None:
        super().__init__(
            f"seed {seed}: {type(error).__name__}: {error}\n"
            f"again: python -m tests.simulation --start {seed} --seeds 1"
        )
        self.seed = seed


def simulate(seed: int, *, rocks: bool | None = None, parts: Parts | None = None) -> Counter[str]:
    """Run a seed and check it; returns what happened. Raises ``Found``."""
    world = World(plan(seed, rocks=rocks), parts or Parts())
    world.broker.watch = watch = Watch()

    async def live() -> None:
        part = await world.live()
        try:
            check(world, part)
        finally:
            world.clean_up()

    try:
        loop.run(live())
    except Exception as error:
        found = watch.broken or error
        raise Found(seed, found) from found
    if watch.broken is not None:
        raise Found(seed, watch.broken) from watch.broken
    return world.observer.counts
