"""Repeat detection knows what to do with every event of the contract, be it nothing."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from policy.bundle import load
from runtime.core import Batch, Partition, to_ms
from runtime.driver import to_bytes
from runtime.processor import Record
from schemas.envelope import Envelope
from schemas.events import EVENT_TYPES, Event, parse_event
from schemas.topics import TICKETS
from services.dedup.domain import Dedup, Handed
from services.dedup.state import Chain
from tests.model.log import CN, LAMPS, Log, at, days

JAN = at("2026-01-10 10:00")
GUIDE = Path(__file__).resolve().parents[3] / "docs/contracts/publishers-guide.md"
EXAMPLES: dict[str, dict[str, Any]] = {
    document["type"]: document["data"]
    for text in re.findall(r"^```json\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)
    for document in [orjson.loads(text)]
}

HEEDED = frozenset(
    {
        *("ticket.received", "ticket.imported", "ticket.amended", "ticket.reopened"),
        *("ticket.withdrawn", "ticket.not_accepted", "ticket.closed", "verdict.marked"),
        *("ticket.dispatched", "ticket.designated", "dispatch.accepted", "reply.submitted"),
        *("callback.answered", "call.recorded", "reply.approved", "reply.rejected"),
        *("finding.recorded", "evidence.added", "extension.granted", "citizen.chased"),
        *("contact.received", "contact.answered", "identity.linked"),
    }
)
PASSED_OVER = frozenset(
    {
        *("ticket.merged", "ticket.split", "ticket.progressed", "close.requested"),
        *("return.requested", "return.approved", "return.refused"),
        *("extension.requested", "extension.refused", "hold.started", "hold.ended"),
        *("verification.requested", "verification.answered", "solution.proposed"),
        *("solution.agreed", "escalation.requested"),
        *("escalation.acknowledged", "remedy.opened", "remedy.done", "supervision.ordered"),
        *("supervision.answered", "enforcement.handed_over", "command.applied"),
        *("command.reopen", "command.refuse_close"),
        *("command.refused", "notice.delivered", "notice.failed"),
    }
)
"""Of no interest to a verdict: no state is even read for them."""


def _type(kind: str) -> str:
    return f"hotline.{kind}.v1"


def _fed(
    part: Partition[Chain, Event | Handed], events: list[Envelope]
) -> Batch[Chain, Event | Handed]:
    batch = part.begin()
    for offset, event in enumerate(events):
        assert event.recordedtime is not None
        key = str(event.citizen).encode()
        at_ms = to_ms(event.recordedtime)
        batch.feed(Record(TICKETS, 0, offset, key, to_bytes(event), at_ms))
    return batch


def test_every_event_of_the_contract_is_either_heeded_or_passed_over() -> None:
    assert HEEDED.isdisjoint(PASSED_OVER)
    assert {_type(kind) for kind in HEEDED | PASSED_OVER} == set(EVENT_TYPES)


@pytest.mark.parametrize("kind", sorted(HEEDED | PASSED_OVER))
def test_R12_every_event_of_a_known_ticket_is_taken(kind: str) -> None:
    event_type = _type(kind)
    log, part = Log(), Partition(Dedup(), load("cn-12345"))
    first = log.received("A", JAN)
    event = log.event(EVENT_TYPES[event_type], "A", JAN + days(1), EXAMPLES[event_type])

    part.apply(_fed(part, [first]))
    assert part.load(f"c:1|{LAMPS}") is not None
    batch = _fed(part, [event])

    assert (batch.failures, batch.letters, batch.records) == ([], [], 1)
    assert bool(part.processor.keys(parse_event(to_bytes(event)), CN)) == (kind in HEEDED)
    if kind in PASSED_OVER:
        assert (batch.states, batch.outputs) == ({}, [])
