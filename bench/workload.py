"""The workload «repeat»: the ticket, the rule, the verdict. Every Python engine runs this code.

Needs only pydantic and orjson, so that a peer's own environment can import it. State layout: one
state per citizen and leaf (``state_key``), the tickets of the last 90 days as [ticket, seconds].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict

WINDOW_SECONDS = 90 * 86_400

Chain = tuple[tuple[str, int], ...]
"""Tickets in the window, oldest first: (ticket id, epoch seconds)."""


class Ticket(BaseModel):
    """A ticket (工单) as the benchmark's input topic has it; validated once, from bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["ticket.received"]
    version: int
    event_id: str
    ticket_id: str
    citizen: str
    occurred_at: AwareDatetime
    channel: Literal["phone", "web", "app", "wechat"]
    leaf: str
    department: str
    grid: str
    text: str
    evidence: list[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an engine writes per ticket."""

    event_id: str
    ticket_id: str
    citizen: str
    verdict: Literal["new", "repeat"]
    chain_length: int
    first_ticket: str

    def to_bytes(self) -> bytes:
        return orjson.dumps(self)


parse = Ticket.model_validate_json


def state_key(ticket: Ticket) -> str:
    return f"{ticket.citizen}|{ticket.leaf}"


def advance(chain: Sequence[Any], ticket: Ticket) -> tuple[Chain, Verdict]:
    """The rule: drop what left the window, append this ticket, repeat if another was there.

    Args:
        chain: of a state; lists instead of tuples where JSON gave them back.
        ticket: later than all of the chain.
    """
    now = int(ticket.occurred_at.timestamp())
    horizon = now - WINDOW_SECONDS
    stale = 0
    for _, seconds in chain:
        if seconds > horizon:
            break
        stale += 1
    kept: Chain = (*chain[stale:], (ticket.ticket_id, now))
    verdict = Verdict(
        event_id=ticket.event_id,
        ticket_id=ticket.ticket_id,
        citizen=ticket.citizen,
        verdict="repeat" if len(kept) > 1 else "new",
        chain_length=len(kept),
        first_ticket=kept[0][0],
    )
    return kept, verdict
