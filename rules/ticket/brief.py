"""The few things of a ticket that are asked for while a citizen is on the line (R17, R18, R53)."""

from datetime import datetime

import msgspec
from msgspec import Struct

from rules.handling import UNHANDLED, Handling
from rules.matter import NOTHING, Matter
from rules.ticket.view import Callback, Closing, Reply, Step, TicketView


class Brief(Struct, frozen=True, omit_defaults=True):
    """A ticket without its story: small, so that fifty of them are read in milliseconds."""

    ticket: str
    citizen: str = ""
    shared: bool = False
    received: bool = False
    received_at: datetime | None = None
    phase: str | None = None
    step: Step | None = None
    title: str = ""
    leaf: str | None = None
    request_type: str | None = None
    channel: str | None = None
    due_at: datetime | None = None
    """Promised to the citizen."""
    reply: Reply | None = None
    """The last one."""
    callback: Callback | None = None
    """The last that reached the citizen, else the last."""
    closing: Closing | None = None
    reopens: int = 0
    chases: int = 0
    last_chase_at: datetime | None = None
    reasonable: bool | None = None
    """合理的处理结果 of the ticket before, as a human said when marking this one (ruling 10)."""
    traits: Matter = NOTHING
    handling: Handling = UNHANDLED

    def to_json(self) -> bytes:
        return _ENCODER.encode(self)

    @staticmethod
    def from_json(value: bytes | str) -> "Brief":
        """Raises ``msgspec.ValidationError``: the row is not of this code."""
        return _DECODER.decode(value)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Brief)


def brief_of(view: TicketView) -> Brief:
    """The brief of a ticket as it stands."""
    callbacks = view.callbacks
    reached = next((each for each in reversed(callbacks) if each.contacted), None)
    return Brief(
        ticket=view.ticket,
        citizen=view.citizen,
        shared=view.shared,
        received=view.received,
        received_at=view.received_at,
        phase=view.phase,
        step=view.step,
        title=view.title,
        leaf=view.leaf,
        request_type=view.request_type,
        channel=view.channel,
        due_at=view.due_at,
        reply=view.replies[-1] if view.replies else None,
        callback=reached or (callbacks[-1] if callbacks else None),
        closing=view.closing,
        reopens=view.counts.reopens,
        chases=view.counts.chases,
        last_chase_at=view.last_chase_at,
        reasonable=view.mark.earlier_result_reasonable if view.mark else None,
        traits=view.traits,
        handling=view.handling,
    )
