"""The rules of repeat detection over a whole history at once, as plainly as they can be said.

No state, no pruning, no revisions, no speed: what the last verdict on each ticket must be. It
shares nothing with ``services/dedup`` but the policy's windows and the events.
"""

from dataclasses import dataclass, field
from datetime import datetime

from policy.bundle import Policy
from schemas.events import (
    Event,
    TicketAmended,
    TicketNotAccepted,
    TicketReceived,
    TicketReopened,
    TicketWithdrawn,
    VerdictMarked,
)


@dataclass
class Known:
    """What all events of one ticket together say about it."""

    id: str
    time: datetime
    citizen: str
    leaf: str
    channel: str | None
    request_type: str | None
    credit_code: str | None
    division: str | None
    department: str | None
    withdrawn: str = ""
    marks: list[VerdictMarked] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    verdict: str
    reason: str
    first_ticket: str
    position: int


def last_verdicts(events: list[Event], policy: Policy) -> dict[str, Verdict]:
    """Ticket id -> verdict. Of one ticket the events must be in order; of several in any."""
    tickets = _fold(events)
    found: dict[str, Verdict] = {}
    for citizen, leaf in {(each.citizen, each.leaf) for each in tickets.values()}:
        group = [each for each in tickets.values() if (each.citizen, each.leaf) == (citizen, leaf)]
        group.sort(key=lambda each: (each.time, each.id))
        for index, ticket in enumerate(group):
            found[ticket.id] = _judge(ticket, group[:index], found, policy)
    return found


def _fold(events: list[Event]) -> dict[str, Known]:
    tickets: dict[str, Known] = {}
    for event in events:
        ticket = tickets.get(event.subject)
        if isinstance(event, TicketReceived) and ticket is None:
            matter, place = event.data.matter, event.data.place
            assert event.citizen is not None
            tickets[event.subject] = Known(
                event.subject,
                event.time,
                event.citizen,
                event.leaf or "",
                event.data.channel,
                event.data.request_type,
                matter.credit_code if matter else None,
                place.division if place else None,
                event.data.department,
            )
        elif ticket is None:
            continue
        elif isinstance(event, TicketAmended):
            ticket.leaf = event.leaf or ""
            if "request_type" in event.data.changed:
                ticket.request_type = event.data.changes.request_type
            if "place" in event.data.changed:
                place = event.data.changes.place
                ticket.division = place.division if place else None
        elif isinstance(event, TicketWithdrawn):
            ticket.withdrawn = "withdrawn"
        elif isinstance(event, TicketNotAccepted):
            ticket.withdrawn = "not_accepted"
        elif isinstance(event, TicketReopened):
            ticket.withdrawn = ""
        elif isinstance(event, VerdictMarked):
            ticket.marks.append(event)
    return tickets


def _counts(ticket: Known, policy: Policy) -> bool:
    if ticket.withdrawn and not policy.repeat.withdrawn_counts:
        return False
    return policy.repeat.counts(ticket.request_type) and policy.repeat.compares(ticket.leaf)


def _another_matter(one: Known, two: Known) -> bool:
    for a, b in ((one.credit_code, two.credit_code), (one.department, two.department)):
        if a and b and a != b:
            return True
    if not one.division or not two.division:
        return False
    a, b = sorted((one.division, two.division), key=len)
    return not b.startswith(a)


def _judge(
    ticket: Known, earlier: list[Known], verdicts: dict[str, Verdict], policy: Policy
) -> Verdict:
    marked, exclusion, named = _mark(ticket)
    first, position = ticket.id, 0
    other_matter = False
    if _counts(ticket, policy):
        position = 1
        window = policy.repeat.window(ticket.leaf, ticket.channel)
        in_window = [
            each
            for each in earlier
            if _counts(each, policy) and window.contains(each.time, ticket.time, policy.time_zone)
        ]
        same = [each for each in in_window if not _another_matter(each, ticket)]
        other_matter = bool(in_window) and not same
        before = same[-1].id if same else None
        if marked == "confirmed" and named is not None:
            if any(each.id == named and verdicts[each.id].position for each in earlier):
                before = named
            elif before is None:
                first, position = named, 2
        if before is not None:
            first, position = verdicts[before].first_ticket, verdicts[before].position + 1
    if marked:
        return Verdict(marked, exclusion or f"marked_{marked}", first, position)
    if ticket.withdrawn and not policy.repeat.withdrawn_counts:
        return Verdict("new", ticket.withdrawn, first, position)
    if not policy.repeat.counts(ticket.request_type):
        return Verdict("new", "request_type_not_counted", first, position)
    if not policy.repeat.compares(ticket.leaf):
        return Verdict("new", "no_leaf", first, position)
    if position > 1:
        return Verdict("candidate", "same_citizen_and_leaf", first, position)
    reason = "another_matter" if other_matter else "first_contact"
    return Verdict("new", reason, first, position)


def _mark(ticket: Known) -> tuple[str, str | None, str | None]:
    """Verdict, exclusion reason and named earlier ticket by the marks, one after another."""
    verdict: str = ""
    exclusion = named = None
    for mark in ticket.marks:
        exclusion = named = None
        if mark.data.mark == "confirm":
            verdict, named = "confirmed", mark.data.earlier_ticket
        elif mark.data.mark == "exclude":
            verdict, exclusion = "excluded", mark.data.reason
        elif mark.data.mark == "overturn":
            verdict = "" if verdict in ("excluded", "overturned") else "overturned"
    return verdict, exclusion, None if named == ticket.id else named
