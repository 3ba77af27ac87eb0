"""Events that come before the receipt of their ticket wait for it, a bounded time (contract.md).

They wait sealed in the ticket's state, in order, and go on right behind the receipt. When the time
is over, or there are too many, they go on as what they are then: facts of an unknown ticket.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import orjson

from policy.intake import IntakePolicy
from runtime.sealing import Sealer
from schemas.events import EVENT_TYPES
from services.intake.life_cycle import RECEIPTS, WITHOUT_TICKET
from services.intake.people import NOBODY, People
from services.intake.reading import Said

ABOUT: Final = "parked"
"""What the sealed bytes are; and the ticket."""
PARKED, RELEASED, EXPIRED, CROWDED = "parked", "released", "expired", "crowded"
"""What metrics count: it waits; its ticket was received; nobody received it; too many waited."""


class Parked(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event that waits."""

    sealed: bytes
    """The publisher's document."""
    people: People = NOBODY
    """Who is in it, as known when it came: nobody is asked again."""


def must_wait(kind: str, *, known: bool, heard_of: bool, parked: Sequence[Parked]) -> bool:
    """Whether an event of this kind waits for the receipt.

    A contact does not: it needs no ticket, and the citizen is on the line (R17, R18). Of a call
    nobody can say whether its subject is a ticket, unless something of that ticket waits already.

    Args:
        kind: as ``life_cycle.kind_of`` gives it.
        known: whether the ticket was received or imported.
        heard_of: whether something of it went on without a receipt; then waiting was in vain once.
        parked: what waits already.
    """
    if known or heard_of or kind in RECEIPTS:
        return False
    return kind not in WITHOUT_TICKET or (kind == "call.recorded" and bool(parked))


def has_room(parked: Sequence[Parked], more: Parked, policy: IntakePolicy) -> bool:
    """Whether one more may wait."""
    size = len(more.sealed) + sum(len(each.sealed) for each in parked)
    return len(parked) < policy.park_events and size <= policy.park_bytes


def park(said: Said, people: People, sealer: Sealer) -> Parked:
    """The event, sealed."""
    return Parked(sealer.seal(said.value, ABOUT, said.event.subject), people)


def reread(parked: Parked, ticket: str, sealer: Sealer) -> Said:
    """The event again. Raises ``CannotOpen``."""
    value = sealer.open(parked.sealed, ABOUT, ticket)
    document = orjson.loads(value)
    return Said(EVENT_TYPES[document["type"]].model_validate(document), document, value)
