"""What the citizen was told of the clocks of a ticket: kept in its state (R2, R9)."""

from msgspec import Struct


class Told(Struct, frozen=True, omit_defaults=True):
    """What the notices know; see ``services.sla.notices``."""

    revision: int = 0
    """Of the latest notice to the citizen; intake's at receipt is the first."""


NOTHING = Told()
