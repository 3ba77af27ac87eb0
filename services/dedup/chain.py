"""Chains: which earlier ticket a ticket belongs to, and what verdict follows. Pure (R12–R15).

The verdict of a ticket depends on the tickets before it in the order (time, ticket id), never on
the order in which they became known. So a change somewhere re-judges what stands behind it.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec.structs import replace

from services.dedup.matter import another
from services.dedup.state import Chain, Link, Ticket

EMPTY = Chain(wake_at=None)


def is_compared(ticket: Ticket) -> bool:
    """Whether it counts, itself and as the earlier one of others."""
    return ticket.counts and not ticket.withdrawn and ticket.window is not None


def link(ticket: Ticket, tickets: Sequence[Ticket], index: int, gone: Collection[str] = ()) -> Link:
    """Where a ticket stands: behind the nearest earlier ticket of its matter in its window.

    A human's «it is a repeat of …» holds whatever the window or the matter say (R15).

    Args:
        ticket: the ticket to be judged.
        tickets: all that are known, oldest first.
        index: of the ticket among them.
        gone: ids of tickets that were moved to another leaf just now.
    """
    window = ticket.window
    if window is None or not is_compared(ticket):
        return Link(ticket.id, ticket.time, 0)
    mark = ticket.mark
    named = mark.earlier_ticket if mark and mark.verdict == "confirmed" else None
    if named == ticket.id:
        named = None
    if named:
        at = find(tickets, named)
        if 0 <= at < index and tickets[at].link.position:
            return _after(tickets[at])
        was_there = ticket.link.before == named and not ticket.link.by_name_alone
        if at < 0 and was_there and named not in gone:
            return ticket.link
    opens = window.opens
    other_matter = False
    for before in range(index - 1, -1, -1):
        each = tickets[before]
        if each.time < opens:
            break
        if is_compared(each) and sees(ticket, each):
            if not another(each.matter, ticket.matter):
                return _after(each)
            other_matter = True
    known = ticket.link.before
    is_known = bool(known) and not ticket.link.by_name_alone and known not in gone
    if is_known and find(tickets, known) < 0:
        return ticket.link  # the ticket before it has left the state; the link remains
    if named:  # of another leaf, or long gone: its id is all there is
        return Link(named, None, 2, named)
    return Link(ticket.id, ticket.time, 1, other_matter=other_matter)


def _after(before: Ticket) -> Link:
    known = before.link
    return Link(known.first, known.first_time, known.position + 1, before.id)


def verdict(ticket: Ticket, place: Link) -> tuple[str, str]:
    """The verdict and its reason. A human's word is above the rules (R15)."""
    mark = ticket.mark
    if mark is not None and mark.verdict:
        return mark.verdict, mark_reason(mark.verdict, mark.reason)
    if ticket.withdrawn:
        return "new", ticket.withdrawn
    if not ticket.counts:
        return "new", "request_type_not_counted"
    if ticket.window is None:
        return "new", "no_leaf"
    if place.position > 1:
        return "candidate", "same_citizen_and_leaf"
    if place.other_matter:
        return "new", "another_matter"
    return "new", "recorded_too_late" if ticket.late else "first_contact"


def mark_reason(verdict: str, reason: str | None) -> str:
    """The reason of a marked verdict: the exclusion's own (R17–R20), else that of the mark."""
    return reason if verdict == "excluded" and reason else f"marked_{verdict}"


def same_content(ticket: Ticket, place: Link, judged: tuple[str, str]) -> bool:
    """Whether a new revision would say nothing new (docs/decisions: revisions of a verdict)."""
    known = ticket.link
    return (
        (ticket.verdict, ticket.reason) == judged
        and known.first == place.first
        and known.position == place.position
    )


def position_of(tickets: Sequence[Ticket], ticket: Ticket) -> int:
    """Where a new ticket goes."""
    if not tickets or tickets[-1].order < ticket.order:
        return len(tickets)
    return bisect_left(tickets, ticket.order, key=lambda each: each.order)


def sees(ticket: Ticket, each: Ticket) -> bool:
    """Whether the two were of one leaf under the tree that ``ticket`` was judged by (R14).

    So a merge of leaves makes no repeats of what was right under the tree before.
    """
    former = ticket.former_leaf
    return not former or not each.former_leaf or each.former_leaf == former


def find(tickets: Sequence[Ticket], ticket_id: str) -> int:
    """Index of a ticket, newest first; -1 when it is not there."""
    for index in range(len(tickets) - 1, -1, -1):
        if tickets[index].id == ticket_id:
            return index
    return -1


def merged(one: Chain, two: Chain, former_leaf: str) -> Chain:
    """``two`` joins ``one``: its leaf was renamed or merged into that of ``one`` (R14)."""
    moved = (
        each if each.former_leaf else replace(each, former_leaf=former_leaf) for each in two.tickets
    )
    return Chain(
        wake_at=_latest(one.wake_at, two.wake_at),
        tickets=tuple(sorted((*one.tickets, *moved), key=lambda each: each.order)),
        heads=one.heads + two.heads,
        dropped=one.dropped + two.dropped,
        cut=max(one.cut, two.cut) if one.cut and two.cut else one.cut or two.cut,
    )


def closed(
    before: Chain,
    tickets: Sequence[Ticket],
    *,
    now: datetime,
    keep: int,
    related: Sequence[Ticket] = (),
) -> Chain | None:
    """The chain with these tickets, pruned to what can still be asked for; None when that is none.

    A ticket goes when no ticket that is in time can look back to it, or when ``keep`` newer ones
    are there. Its successors keep their links, and the first of each chain is kept for R22;
    it may be one of ``related``: of the leaf that this one was split from (R14).
    """
    kept = tuple(tickets)
    left: Sequence[Ticket] = ()
    wake_at = before.wake_at
    dropped = before.dropped
    if kept and (kept[0].until <= now or (wake_at is not None and wake_at <= now)):
        left = [each for each in kept if each.until <= now]
        kept = tuple(each for each in kept if each.until > now)
        wake_at = max((each.until for each in kept), default=None)
    if len(kept) > keep:
        left = (*left, *kept[:-keep])
        dropped += len(kept) - keep
        kept = kept[-keep:]
    if not kept:
        return None
    if wake_at is None or wake_at < kept[-1].until:
        wake_at = kept[-1].until
    heads = before.heads
    if related or not _same_heads(heads, left, kept):
        ids = {each.id for each in kept}
        wanted = {each.link.first for each in kept} - ids
        pool = {each.id: each for each in (*heads, *related, *left) if each.id in wanted}
        heads = tuple(sorted(pool.values(), key=lambda each: each.order))
    cut = before.cut
    for each in left:
        if cut is None or cut < each.order:
            cut = each.order
    return Chain(wake_at, kept, heads, dropped, cut)


def _same_heads(heads: Sequence[Ticket], left: Sequence[Ticket], kept: Sequence[Ticket]) -> bool:
    """The quick answer for a citizen with thousands of tickets: nothing to look for."""
    firsts = (kept[0].link.first, kept[-1].link.first)
    return all(each.link.first != each.id for each in left) and all(
        each.id in firsts for each in heads
    )


def _latest(one: datetime | None, two: datetime | None) -> datetime | None:
    return max(one, two) if one and two else one or two
