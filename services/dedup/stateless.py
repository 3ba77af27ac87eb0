"""What is said of tickets that leave no state: of anonymous callers, and those long forgotten."""

from msgspec.structs import replace

from rules.words import REASONS
from runtime.processor import Effect
from schemas.events import (
    TicketImported,
    TicketNotAccepted,
    TicketReceived,
    TicketWithdrawn,
    VerdictMarked,
)
from schemas.events import verdicts as marks
from schemas.topics import REPEATS
from services.dedup.chain import mark_reason
from services.dedup.facts import Occasion, data_of, mark_data
from services.dedup.keys import in_force, key_of
from services.dedup.state import Mark
from services.dedup.tickets import mark_of, new_ticket

RECEIVED_TWICE = "received_twice"
"""Intake's anomaly on another receipt of a ticket: the verdict is out already."""


def of_anonymous(occasion: Occasion) -> tuple[Effect, ...]:
    """An anonymous ticket: «new», once; nothing to keep (R12)."""
    event, policy = occasion.event, occasion.policy
    leaf = in_force(event.leaf or "", policy)
    if not isinstance(event, TicketReceived | TicketImported):
        if isinstance(event, VerdictMarked) or not policy.repeat.withdrawn_counts:
            return of_unknown(occasion, leaf)
        return ()
    if event.anomaly == RECEIVED_TWICE:
        return ()
    ticket = replace(
        new_ticket(event, leaf, occasion.now, policy), window=None, verdict="new", revision=1
    )
    ticket = replace(ticket, reason="anonymous" if ticket.counts else "request_type_not_counted")
    data = data_of(
        ticket,
        0,
        (ticket,),
        (),
        leaf=leaf,
        cause="ticket_imported" if isinstance(event, TicketImported) else "ticket_received",
        replaces="",
        policy=policy,
    )
    fact_id = occasion.fact_id("new", ticket.id, 1, key_of(occasion.citizen, leaf))
    fact = occasion.fact(fact_id, ticket.id, data)
    return (Effect(REPEATS, occasion.citizen, fact),)


def of_unknown(occasion: Occasion, leaf: str) -> tuple[Effect, ...]:
    """A human's mark, or a withdrawal, of a ticket whose receipt is not kept (any more)."""
    event = occasion.event
    mark: Mark | None = None
    counted = True
    if isinstance(event, VerdictMarked):
        if event.data.mark is marks.Mark.CORRECT_CAUSE:
            return ()
        mark = mark_of(event, None)
        if mark.refused:
            return ()
        verdict, cause = mark.verdict, "human_mark"
        reason = mark_reason(verdict, mark.reason)
    elif isinstance(event, TicketWithdrawn | TicketNotAccepted):
        cause = "withdrawn" if isinstance(event, TicketWithdrawn) else "not_accepted"
        verdict, reason, counted = "new", cause, False
    else:
        return ()
    words = {
        "by": (mark.by if mark else None) or "?",
        "clause": (mark.clause if mark else None) or "?",
    }
    data = {
        "verdict": verdict,
        "reason": reason,
        "rule": REASONS[reason].rule,
        "reason_en": REASONS[reason].en.format_map(words),
        "reason_zh": REASONS[reason].zh.format_map(words),
        "dimensions": {"leaf": leaf or None},
        "counted": counted,
        "recontact": False,
        "mark": mark_data(mark) if mark else None,
        "revision": 0,
        "cause": cause,
    }
    fact_id = occasion.fact_id(verdict, event.subject, 0, key_of(occasion.citizen, leaf))
    fact = occasion.fact(fact_id, event.subject, data)
    return (Effect(REPEATS, occasion.citizen, fact),)
