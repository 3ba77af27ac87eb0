"""From an event to what is kept of a ticket, its handling and its mark. Pure."""

from datetime import UTC, datetime, timedelta
from zlib import crc32

from msgspec.structs import replace

from policy.bundle import Policy
from schemas.events import TicketImported, TicketReceived, VerdictMarked
from schemas.events import verdicts as marks
from schemas.events.dispatches import DispatchRole, DispatchTerms
from schemas.events.tickets import TicketContent
from services.dedup.matter import matter_of
from services.dedup.state import MARK_CHARS, Handling, Link, Mark, Opened, Ticket

UNHANDLED = Handling()


def new_ticket(
    event: TicketReceived | TicketImported, leaf: str, now: datetime, policy: Policy
) -> Ticket:
    data = event.data
    time = event.time
    handling = UNHANDLED
    if isinstance(event, TicketImported):
        time = event.data.received_at or time
        for dispatch in event.data.dispatches:
            if dispatch.role is not DispatchRole.SUPPORTING and dispatch.returned_at is None:
                handling = replace(by_dispatch(handling, dispatch), replied_at=dispatch.replied_at)
        handling = replace(handling, closed_at=event.data.closed_at)
    time = time.astimezone(UTC)  # one zone: comparing instants of two is five times slower
    return Ticket(
        id=event.subject,
        time=time,
        window=window_of(leaf, data.channel, time, policy),
        until=until_of(event.subject, leaf, time, policy),
        link=Link(event.subject, time, 0),
        matter=matter_of(data),
        channel=data.channel.value if data.channel else None,
        request_type=data.request_type.value if data.request_type else None,
        area=data.place.division if data.place else None,
        counts=policy.repeat.counts(data.request_type),
        late=now - time > timedelta(days=policy.repeat.late_days),
        handling=handling,
        sequence=event.sequence or 0,
    )


def window_of(leaf: str, channel: str | None, at: datetime, policy: Policy) -> Opened | None:
    if not policy.repeat.compares(leaf):
        return None
    window = policy.repeat.window(leaf, channel)
    return Opened(window.mode.value, window.length, window.opens(at, policy.time_zone))


def until_of(ticket_id: str, leaf: str, at: datetime, policy: Policy) -> datetime:
    """When no ticket that is in time can look back to ``at``: the longest window of any channel.

    Windows of months all close at one midnight: a day's spread keeps the states of a month from
    being forgotten all at once.
    """
    repeat = policy.repeat
    longest = repeat.window(leaf, None).closes(at, policy.time_zone)
    for channel in {channel for _, channel, _ in repeat.overrides if channel is not None}:
        longest = max(longest, repeat.window(leaf, channel).closes(at, policy.time_zone))
    spread = timedelta(seconds=crc32(ticket_id.encode()) % 86_400)
    return longest + timedelta(days=repeat.late_days) + spread


def mark_of(event: VerdictMarked, before: Mark | None) -> Mark:
    """An overturned exclusion, or an overturned overturning, gives the rule its right back."""
    data = event.data
    verdict = {
        marks.Mark.CONFIRM: "confirmed",
        marks.Mark.EXCLUDE: "excluded",
        marks.Mark.OVERTURN: "overturned",
    }[data.mark]
    if verdict == "overturned" and before and before.verdict in ("excluded", "overturned"):
        verdict = ""
    return Mark(
        mark=data.mark.value,
        verdict=verdict,
        at=event.time,
        by=data.by,
        reason=data.reason.value if data.reason else None,
        clause=(data.clause or "")[:MARK_CHARS] or None,
        earlier_ticket=data.earlier_ticket,
        text=(data.text or "")[:MARK_CHARS] or None,
    )


def by_dispatch(known: Handling, terms: DispatchTerms) -> Handling:
    """A new department brings its own team and handler, or none."""
    if terms.department and terms.department != known.department:
        return replace(known, department=terms.department, team=terms.team, handler=terms.handler)
    return replace(known, team=terms.team or known.team, handler=terms.handler or known.handler)


def amended(ticket: Ticket, content: TicketContent, policy: Policy) -> Ticket:
    """The ticket with the fields that ``content`` sets; its leaf is on the envelope."""
    given = content.model_fields_set
    area, request_type, counts = ticket.area, ticket.request_type, ticket.counts
    if "place" in given:
        area = content.place.division if content.place else None
    if "request_type" in given:
        request_type = content.request_type.value if content.request_type else None
        counts = policy.repeat.counts(request_type)
    return replace(
        ticket,
        matter=matter_of(content, ticket.matter),
        area=area,
        request_type=request_type,
        counts=counts,
    )
