"""A close that comes too early is answered with what is missing (R30, R63)."""

from runtime.processor import Effect
from services.sla.facts import Occasion
from services.sla.state import State


def refusal(state: State, occasion: Occasion) -> tuple[Effect, ...]:
    """The command that refuses a close, on ``hotline.commands`` and back by the inbox; nothing
    where the event asks for no close, or nothing is missing.

    Args:
        state: after the event, its clocks as they are stated now.
    """
    return ()
