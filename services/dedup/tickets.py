"""From an event to what is kept of a ticket, a contact and a mark. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zlib import crc32

from msgspec.structs import replace

from policy.bundle import Policy
from rules.handling import UNHANDLED, received, utc
from rules.matter import matter_of
from schemas.events import (
    ContactAnswered,
    ContactReceived,
    TicketImported,
    TicketReceived,
    VerdictMarked,
)
from schemas.events import verdicts as marks
from schemas.events.parts import Attachment, Complainant
from schemas.events.tickets import TicketContent
from services.dedup.state import MARK_CHARS, Link, Mark, Opened, Ticket


def new_ticket(
    event: TicketReceived | TicketImported, leaf: str, now: datetime, policy: Policy
) -> Ticket:
    data = event.data
    time = event.time
    if isinstance(event, TicketImported):
        time = event.data.received_at or time
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
        handling=received(event, time),
        occurred_at=occurred(data.occurred_at, data.attachments),
        shared=is_shared(data.complainant),
        linked=data.earlier_ticket or "",
        contact=data.contact_id or "",
        sequence=event.sequence or 0,
    )


def new_contact(
    event: ContactReceived | ContactAnswered,
    leaf: str,
    now: datetime,
    policy: Policy,
    before: Ticket | None,
) -> Ticket:
    """A contact that no ticket is known of; ``before``: what was known of it already."""
    data = event.data
    answered = isinstance(event, ContactAnswered)
    time = before.time if before else event.time.astimezone(UTC)
    channel = before.channel if before else None
    contact = Ticket(
        id=event.subject,
        time=time,
        window=window_of(leaf, channel, time, policy),
        until=until_of(event.subject, leaf, time, policy),
        link=Link(event.subject, time, 0),
        counts=policy.repeat.counts(data.request_type),
        late=now - time > timedelta(days=policy.repeat.late_days),
        is_contact=True,
    )
    if before is not None:
        contact = replace(before, window=contact.window, until=contact.until)
    if data.request_type:
        contact = replace(
            contact,
            request_type=data.request_type.value,
            counts=policy.repeat.counts(data.request_type),
        )
    if not answered and isinstance(event, ContactReceived):
        told = event.data
        given = TicketContent(text=told.text, matter=told.matter, place=told.place)
        undated = any(each.taken_at is None for each in told.attachments)
        contact = replace(
            contact,
            channel=told.channel.value if told.channel else None,
            window=window_of(leaf, told.channel, time, policy),
            matter=matter_of(given, contact.matter),
            area=told.place.division if told.place else None,
            occurred_at=occurred(None, told.attachments),
            handling=replace(UNHANDLED, evidence_at=time) if undated else contact.handling,
            shared=is_shared(told.caller),
        )
    return replace(
        contact, linked=data.ticket or contact.linked, sequence=event.sequence or contact.sequence
    )


def occurred(at: datetime | None, attachments: Iterable[Attachment]) -> datetime | None:
    """When it happened: as said, else by the newest picture's own date (R20)."""
    if at is not None:
        return utc(at)
    taken = [each.taken_at for each in attachments if each.taken_at is not None]
    return utc(max(taken)) if taken else None


def is_shared(complainant: Complainant | None) -> bool:
    return bool(complainant and complainant.shared)


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


def marked(ticket: Ticket, event: VerdictMarked) -> Ticket:
    """The ticket with a human's word on it (R15, R19, R23, ruling 10)."""
    data = event.data
    if data.root_cause is not None and data.mark in (marks.Mark.CONFIRM, marks.Mark.CORRECT_CAUSE):
        ticket = replace(ticket, named_cause=data.root_cause.value, named_by=data.by or "")
    if data.earlier_result_reasonable is not None:
        ticket = replace(ticket, reasonable=data.earlier_result_reasonable)
    if data.mark is marks.Mark.CORRECT_CAUSE:
        return ticket
    mark = mark_of(event, ticket.mark)
    return replace(ticket, refused=mark) if mark.refused else replace(ticket, mark=mark)


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
    clause = (data.clause or "").strip()[:MARK_CHARS]
    needs_clause = (
        data.mark is marks.Mark.EXCLUDE
        and data.reason is marks.ExclusionReason.POLICY_EXPECTATION
        and not clause
    )
    return Mark(
        mark=data.mark.value,
        verdict=verdict,
        at=event.time,
        by=data.by,
        reason=data.reason.value if data.reason else None,
        clause=clause or None,
        earlier_ticket=data.earlier_ticket,
        text=(data.text or "")[:MARK_CHARS] or None,
        reasonable=data.earlier_result_reasonable,
        refused="clause_missing" if needs_clause else None,
    )


def amended(ticket: Ticket, content: TicketContent, policy: Policy) -> Ticket:
    """The ticket with the fields that ``content`` sets; its leaf is on the envelope."""
    given = content.model_fields_set
    area, request_type, counts = ticket.area, ticket.request_type, ticket.counts
    occurred_at, shared = ticket.occurred_at, ticket.shared
    if "place" in given:
        area = content.place.division if content.place else None
    if "request_type" in given:
        request_type = content.request_type.value if content.request_type else None
        counts = policy.repeat.counts(request_type)
    if "occurred_at" in given or "attachments" in given:
        said = content.occurred_at if "occurred_at" in given else None
        occurred_at = occurred(said, content.attachments) or (
            None if "occurred_at" in given else occurred_at
        )
    if "complainant" in given:
        shared = is_shared(content.complainant)
    return replace(
        ticket,
        matter=matter_of(content, ticket.matter),
        area=area,
        request_type=request_type,
        counts=counts,
        occurred_at=occurred_at,
        shared=shared,
    )
