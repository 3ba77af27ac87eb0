"""Which ticket's handling shows why the citizen came again, and who is charged (R22–R24)."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from policy.bundle import Policy
from rules.causes import Shown, root_cause
from rules.handling import Hands
from services.dedup.chain import find
from services.dedup.state import Ticket


class Found(Struct, frozen=True):
    """The root cause of a confirmed repeat."""

    shown: Shown
    basis: str
    """``first`` or ``previous``."""
    ticket: str
    """Id of the ticket whose handling shows it."""
    by: str
    """``rule`` or ``human``."""


def first_of(ticket: Ticket, tickets: Sequence[Ticket], heads: Iterable[Ticket]) -> Ticket | None:
    """The first ticket of the chain, when it is still kept."""
    wanted = ticket.link.first
    if ticket.link.by_name_alone:
        return None
    found = next((each for each in heads if each.id == wanted), None)
    if found is None:
        index = find(tickets, wanted)
        found = tickets[index] if index >= 0 else None
    return found


def hands_of(first: Ticket) -> Hands:
    """Who first handled it; while nobody has, the unit complained of."""
    hands = first.handling.charged_to
    if hands.department is None and first.matter.department:
        return Hands(first.matter.department, hands.team, hands.handler)
    return hands


def found_for(
    ticket: Ticket, tickets: Sequence[Ticket], heads: Iterable[Ticket], policy: Policy
) -> Found | None:
    """The root cause of a confirmed repeat; None of any other verdict."""
    if ticket.verdict != "confirmed":
        return None
    basis, shows = "first", first_of(ticket, tickets, heads)
    if shows is None or shows.id == ticket.id:
        known = ticket.link.before and not ticket.link.by_name_alone
        index = find(tickets, ticket.link.before) if known else -1
        basis, shows = ("previous", tickets[index]) if index >= 0 else ("first", None)
    by = "human" if ticket.named_cause else "rule"
    if ticket.named_cause:
        shown = Shown(ticket.named_cause, "human")
    elif shows is None:
        shown = Shown("unresolved_process", "nothing_else_known")
    else:
        shown = root_cause(shows.handling, shows.time, ticket.time, policy.repeat.causes)
    return Found(shown, basis, shows.id if shows else ticket.link.first, by)


def caused_by(
    ticket: Ticket, tickets: Sequence[Ticket], heads: Sequence[Ticket], policy: Policy
) -> str:
    """All that a revision is due for when it changes: the cause, what shows it, who is charged."""
    found = found_for(ticket, tickets, heads, policy)
    if found is None:
        return ""
    first = first_of(ticket, tickets, heads)
    hands = hands_of(first) if first else Hands()
    shown = found.shown
    parts = (
        *(found.by, shown.cause, shown.evidence, shown.outcome, ",".join(shown.lacking)),
        *(found.ticket, hands.department, hands.team, hands.handler),
    )
    return "|".join(part or "" for part in parts)
