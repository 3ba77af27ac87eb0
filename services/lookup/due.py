"""Until when what is owed next is owed: what sla says of it, else the platform. Pure.

``rules.ticket`` knows only what the platform promised; here the clocks of the policy are put over
it, with pauses and extensions counted in.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from rules.stated.clocks import CITIZENS, OF_DISPATCH, PAUSED, RUNNING, Standing
from rules.ticket.view import Step, TicketView


def with_due(view: TicketView, clocks: Iterable[Standing]) -> TicketView:
    """The ticket with the deadline of its open step as sla keeps it."""
    step = view.step
    if step is None:
        return view
    mine = [each for each in clocks if _is_of(each, step)]
    running = [each.deadline for each in mine if each.status == RUNNING and each.deadline]
    paused = any(each.status == PAUSED for each in mine)
    due_at = earliest(min(running, default=None), step.due_at, paused=paused)
    return replace(view, step=replace(step, due_at=due_at))


def earliest(
    running: datetime | None, promised: datetime | None, *, paused: bool
) -> datetime | None:
    """The deadline to name.

    Args:
        running: the earliest of the clocks that run.
        promised: what the platform said; it counts where sla keeps no clock (and is known to sla
            where it does, so it is not lost).
        paused: whether a clock stands still: until it goes on there is no deadline.
    """
    if running is not None:
        return running
    return None if paused else promised


def _is_of(clock: Standing, step: Step) -> bool:
    """Whether the step is not done until the clock is met: the citizen's own, and those of the
    dispatch that leads."""
    if clock.target in CITIZENS:
        return True
    if clock.target not in OF_DISPATCH or step.owner is None or step.owner.unit is None:
        return False
    if step.dispatch is not None:
        return clock.dispatch == step.dispatch
    return clock.department == step.owner.unit
