"""Chains: which earlier ticket a ticket belongs to, and what verdict follows. Pure (R12–R15).

The verdict of a ticket depends on the tickets before it in the order (time, ticket id), never on
the order in which they became known. So a change somewhere re-judges what stands behind it.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from policy.bundle import Policy
from policy.matter import SameMatter
from rules.matter import Match, another, match
from rules.repeats import RESTS_ON_ANOTHER, Case, Concern, nearest, on
from services.dedup.state import Chain, Link, Ruled, Ticket

EMPTY = Chain(wake_at=None)

LINKED: Final = Match(1.0, {"linked": 1.0})
"""An agent linked the two, or the citizen named the ticket."""


def is_compared(ticket: Ticket) -> bool:
    """Whether it counts, itself and as the earlier one of others."""
    return ticket.counts and not ticket.withdrawn and ticket.window is not None


def link(
    ticket: Ticket,
    tickets: Sequence[Ticket],
    index: int,
    same: SameMatter,
    gone: Collection[str] = (),
) -> Link:
    """Where a ticket stands: behind the nearest earlier ticket of its matter in its window.

    A human's «it is a repeat of …» holds whatever the window or the matter say (R15); an agent's
    link (关联工单) holds whatever the words say.

    Args:
        ticket: the ticket to be judged.
        tickets: all that are known, oldest first; those before it are judged already.
        index: of the ticket among them (of a contact: of the first one after it).
        same: what makes the same matter.
        gone: ids of tickets that were moved to another leaf just now.
    """
    window = ticket.window
    if window is None or not is_compared(ticket):
        return Link(ticket.id, ticket.time, 0)
    named = named_by_human(ticket)
    if named:
        at = find(tickets, named)
        if 0 <= at < index and tickets[at].link.position:
            return after(tickets[at], sure=True)
        was_there = ticket.link.before == named and not ticket.link.by_name_alone
        if at < 0 and was_there and named not in gone:
            return ticket.link
    each, sure, other_matter = _nearest(ticket, tickets, index, window.opens, same)
    if each is not None:
        return after(each, sure=sure)
    known = ticket.link.before
    is_known = bool(known) and not ticket.link.by_name_alone and known not in gone
    if is_known and find(tickets, known) < 0:
        return ticket.link  # the ticket before it has left the state; the link remains
    if named:  # of another leaf, or long gone: its id is all there is
        return Link(named, None, 2, named)
    return Link(ticket.id, ticket.time, 1, other_matter=other_matter)


def named_by_human(ticket: Ticket) -> str | None:
    """The earlier ticket of «it is a repeat of …» (R15)."""
    mark = ticket.mark
    named = mark.earlier_ticket if mark and mark.verdict == "confirmed" else None
    return None if named == ticket.id else named


def _nearest(
    ticket: Ticket, tickets: Sequence[Ticket], index: int, opens: datetime, same: SameMatter
) -> tuple[Ticket | None, bool, bool]:
    def earlier() -> Iterator[Ticket]:
        for before in range(index - 1, -1, -1):
            each = tickets[before]
            if each.time < opens:
                return
            if is_compared(each) and sees(ticket, each):
                yield each

    if ticket.linked:
        for each in earlier():
            if each.id == ticket.linked and not another(each.matter, ticket.matter):
                return each, True, False
    found, how, other_matter = nearest(ticket.matter, earlier(), same)
    return found, found is not None and how.score >= same.same_at, other_matter


def after(before: Ticket, *, sure: bool) -> Link:
    """Behind ``before``, in its chain.

    What is surely its matter does not go on in a chain that it itself only may belong to: then the
    first ticket is ``before`` (R22: who first handled this matter, not perhaps another one).
    """
    known = before.link
    if sure and known.before and not known.sure and before.verdict != "confirmed":
        return Link(before.id, before.time, 2, before.id, sure=True)
    return Link(known.first, known.first_time, known.position + 1, before.id, sure=sure)


def started_anew(ticket: Ticket, place: Link) -> Link:
    """A new fault of the same kind begins a chain of its own, and says of what it is one (R20)."""
    return replace(place, first=ticket.id, first_time=ticket.time, position=1, recurrence=True)


def how_alike(ticket: Ticket, before: Ticket, same: SameMatter) -> Match:
    if ticket.linked == before.id or named_by_human(ticket) == before.id:
        return LINKED
    return match(before.matter, ticket.matter, same)


def ruled(ticket: Ticket, place: Link, tickets: Sequence[Ticket], policy: Policy) -> Ruled:
    """What the rules say, marks apart."""
    if ticket.withdrawn:
        return Ruled("new", ticket.withdrawn)
    if not ticket.counts:
        return Ruled("new", "request_type_not_counted")
    if ticket.window is None:
        return Ruled("new", "no_leaf")
    if not place.before:
        if place.other_matter:
            return Ruled("new", "another_matter")
        return Ruled("new", "recorded_too_late" if ticket.late else "first_contact")
    at = find(tickets, place.before)
    if at < 0:  # its evidence is gone, what it led to stays
        known = ticket.ruled
        if known is not None and known.case and not place.by_name_alone:
            return known
        return Ruled("candidate", "same_citizen_and_leaf", place.before)
    before = tickets[at]
    case, root = case_of(before), None
    if case.rests_on:
        at = find(tickets, case.rests_on)
        if at >= 0 and tickets[at].time >= ticket.window.opens:
            root = case_of(tickets[at])
    concern = Concern(
        time=ticket.time,
        evidence_at=ticket.handling.evidence_at,
        occurred_at=ticket.occurred_at,
        shared=ticket.shared or before.shared,
        reasonable=ticket.reasonable,
    )
    same = policy.repeat.same_matter
    said = on(concern, case, how_alike(ticket, before, same), policy, root)
    verdict, reason = said.verdict, said.reason
    if ticket.is_contact and verdict == "confirmed" and reason != "closed_new_evidence":
        verdict, reason = "candidate", "answered_without_ticket"  # only a ticket is a repeat
    return Ruled(verdict, reason, said.case, said.match.score, said.state, said.since, said.due)


def case_of(ticket: Ticket) -> Case:
    """An earlier ticket as the rules see it."""
    rests_on = ""
    if ticket.verdict == "excluded" and ticket.reason in RESTS_ON_ANOTHER and ticket.ruled:
        rests_on = ticket.ruled.case
    return Case(ticket.id, ticket.time, ticket.matter, ticket.handling, rests_on, ticket.reasonable)


def verdict(ticket: Ticket, by_rule: Ruled) -> tuple[str, str]:
    """The verdict and its reason. A human's word is above the rules (R15).

    But to overturn what a rule excluded is not to say that it is no repeat: then it may be one.
    """
    mark = ticket.mark
    if mark is None or not mark.verdict:
        return by_rule.verdict, by_rule.reason
    if mark.verdict == "overturned" and by_rule.verdict == "excluded":
        return "candidate", "exclusion_overturned"
    return mark.verdict, mark_reason(mark.verdict, mark.reason)


def mark_reason(verdict: str, reason: str | None) -> str:
    """The reason of a marked verdict: the exclusion's own (R17–R20), else that of the mark."""
    return reason if verdict == "excluded" and reason else f"marked_{verdict}"


def same_content(ticket: Ticket, other: Ticket) -> bool:
    """Whether a new revision would say nothing new (docs/decisions: revisions of a verdict)."""
    one, two = ticket.link, other.link
    return (
        ticket.verdict == other.verdict
        and ticket.reason == other.reason
        and one.first == two.first
        and one.position == two.position
        and one.recurrence == two.recurrence
        and ticket.caused == other.caused
        and _case(ticket) == _case(other)
    )


def _case(ticket: Ticket) -> str:
    return ticket.ruled.case if ticket.ruled else ""


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
        contacts=tuple(sorted((*one.contacts, *two.contacts), key=lambda each: each.order)),
    )


def closed(
    before: Chain,
    tickets: Sequence[Ticket],
    *,
    now: datetime,
    keep: int,
    related: Sequence[Ticket] = (),
    contacts: Sequence[Ticket] = (),
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
        wake_at = max((each.until for each in (*kept, *contacts)), default=None)
    if len(kept) > keep:
        left = (*left, *kept[:-keep])
        dropped += len(kept) - keep
        kept = kept[-keep:]
    beside = tuple(contacts)
    if beside:
        beside = tuple(each for each in beside if each.until > now)
    if not kept and not beside:
        return None
    for newest in (*kept[-1:], *beside[-1:]):
        if wake_at is None or wake_at < newest.until:
            wake_at = newest.until
    heads = before.heads
    if related or (kept and not _same_heads(heads, left, kept)) or not kept:
        ids = {each.id for each in kept}
        wanted = {each.link.first for each in kept} - ids
        pool = {each.id: each for each in (*heads, *related, *left) if each.id in wanted}
        heads = tuple(sorted(pool.values(), key=lambda each: each.order))
    cut = before.cut
    for each in left:
        if cut is None or cut < each.order:
            cut = each.order
    return Chain(wake_at, kept, heads, dropped, cut, beside)


def _same_heads(heads: Sequence[Ticket], left: Sequence[Ticket], kept: Sequence[Ticket]) -> bool:
    """The quick answer for a citizen with thousands of tickets: nothing to look for."""
    firsts = (kept[0].link.first, kept[-1].link.first)
    return all(each.link.first != each.id for each in left) and all(
        each.id in firsts for each in heads
    )


def _latest(one: datetime | None, two: datetime | None) -> datetime | None:
    return max(one, two) if one and two else one or two
