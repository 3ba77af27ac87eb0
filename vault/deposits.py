"""What intake gives into the vault beside what goes on to the log (``Decision.deposits``)."""

from datetime import datetime

import msgspec

from schemas.ids import Citizen


class Original(msgspec.Struct, frozen=True):
    """An event as it came, before anything was masked (R61). Put in once, however often given."""

    citizen: Citizen
    """Whose it is: erased with them. ``anon:<ticket>`` for a caller whom nobody knows."""
    subject: str
    """The ticket or contact."""
    event: str
    """Identity of the event (``source`` and ``id``), or a hash of it."""
    document: bytes
    """The publisher's JSON."""


class Link(msgspec.Struct, frozen=True):
    """Two pseudonyms are one person (``identity.linked``). No alias moves by it."""

    first: Citizen
    """The one that goes on."""
    second: Citizen
    event: str
    """Identity of the event that says so."""
    by: str
    """Who established it."""
    at: datetime
    """On the log's clock."""


Deposit = Original | Link
