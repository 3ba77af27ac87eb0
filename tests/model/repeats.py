"""The rules of repeat detection over a whole history at once, as plainly as they can be said.

No state, no pruning, no revisions, no speed: what the last verdict on each ticket must be, written
from the requirements (R12–R24). It shares nothing with ``services/dedup`` and ``rules`` but the
policy's windows and numbers and the events. Of evidence it knows what can be weighed in words: the
same address is sure, the same enterprise is likely, all else is weak.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policy.bundle import Policy
from schemas.events import (
    CallbackAnswered,
    Event,
    EvidenceAdded,
    ExtensionGranted,
    FindingRecorded,
    ReplyApproved,
    ReplyRejected,
    ReplySubmitted,
    TicketAmended,
    TicketClosed,
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
    place_key: str | None
    due_at: datetime | None
    occurred_at: datetime | None
    evidence_at: datetime | None
    shared: bool
    linked: str | None
    withdrawn: str = ""
    marks: list[VerdictMarked] = field(default_factory=list)
    handled: list[Event] = field(default_factory=list)
    """Replies, closes, callbacks, … in order."""


@dataclass(frozen=True)
class Verdict:
    verdict: str
    reason: str
    first_ticket: str
    position: int
    rests_on: str = ""
    cause: str = ""
    """Root cause and what shows it, of a confirmed repeat."""
    sure: bool = field(default=False, compare=False)
    before: str = field(default="", compare=False)


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


_HANDLED = (
    *(ReplySubmitted, ReplyApproved, ReplyRejected, TicketClosed, CallbackAnswered),
    *(FindingRecorded, ExtensionGranted),
)


def _fold(events: list[Event]) -> dict[str, Known]:
    tickets: dict[str, Known] = {}
    for event in events:
        ticket = tickets.get(event.subject)
        if isinstance(event, TicketReceived) and ticket is None:
            data = event.data
            assert event.citizen is not None
            tickets[event.subject] = Known(
                event.subject,
                event.time,
                event.citizen,
                event.leaf or "",
                data.channel,
                data.request_type,
                data.matter.credit_code if data.matter else None,
                data.place.division if data.place else None,
                data.department,
                data.place.key if data.place else None,
                data.due_at,
                data.occurred_at,
                event.time if data.attachments else None,
                bool(data.complainant and data.complainant.shared),
                data.earlier_ticket,
            )
        elif ticket is None:
            continue
        elif isinstance(event, TicketAmended):
            ticket.leaf = event.leaf or ""
            if "request_type" in event.data.changed:
                ticket.request_type = event.data.changes.request_type
        elif isinstance(event, TicketWithdrawn):
            ticket.withdrawn = "withdrawn"
        elif isinstance(event, TicketNotAccepted):
            ticket.withdrawn = "not_accepted"
        elif isinstance(event, TicketReopened):
            if ticket.withdrawn:
                ticket.withdrawn = ""
            else:
                ticket.handled.append(event)
        elif isinstance(event, VerdictMarked):
            ticket.marks.append(event)
        elif isinstance(event, EvidenceAdded):
            ticket.evidence_at = max(ticket.evidence_at or event.time, event.time)
        elif isinstance(event, _HANDLED):
            ticket.handled.append(event)
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


def _alike(one: Known, two: Known) -> str:
    if one.place_key and one.place_key == two.place_key:
        return "sure"
    if one.credit_code and one.credit_code == two.credit_code:
        return "likely"
    return "weak"


def _judge(
    ticket: Known, earlier: list[Known], verdicts: dict[str, Verdict], policy: Policy
) -> Verdict:
    marked, exclusion, named = _mark(ticket)
    before: Known | None = None
    alike, in_window = "weak", []
    by_name_alone = False
    if _counts(ticket, policy):
        window = policy.repeat.window(ticket.leaf, ticket.channel)
        in_window = [
            each
            for each in earlier
            if _counts(each, policy) and window.contains(each.time, ticket.time, policy.time_zone)
        ]
        same = [each for each in in_window if not _another_matter(each, ticket)]
        by_human = [
            each
            for each in earlier
            if marked == "confirmed" and each.id == named and verdicts[each.id].position
        ]
        by_agent = [each for each in same if each.id == ticket.linked]
        surely = [each for each in same if _alike(each, ticket) != "weak"]
        if by_human:
            before, alike = by_human[0], "sure"
        elif by_agent:
            before, alike = by_agent[0], "sure"
        elif surely:
            before, alike = surely[-1], _alike(surely[-1], ticket)
            if before.id == ticket.linked:
                alike = "sure"
        elif same:
            before = same[-1]
        elif marked == "confirmed" and named is not None:
            by_name_alone = True
    if before is not None:
        verdict, reason, rests_on = _by_rule(ticket, before, alike, in_window, verdicts, policy)
        first, position = _place(before, verdicts[before.id], alike != "weak")
    elif by_name_alone:
        assert named is not None
        verdict, reason, rests_on = "candidate", "same_citizen_and_leaf", named
        first, position = named, 2
    else:
        verdict, reason, rests_on = "new", _why_new(ticket, bool(in_window), policy), ""
        first, position = ticket.id, int(_counts(ticket, policy))
    if marked == "overturned" and verdict == "excluded":
        verdict, reason = "candidate", "exclusion_overturned"
    elif marked:
        verdict, reason = marked, exclusion or f"marked_{marked}"
    if reason == "new_fault_same_kind" and before is not None:
        first, position = ticket.id, 1
    cause = ""
    if verdict == "confirmed":
        cause = _root_cause(ticket, first, before, [*earlier], policy)
    return Verdict(
        verdict,
        reason,
        first,
        position,
        rests_on,
        cause,
        sure=alike != "weak",
        before=before.id if before else named if by_name_alone and named else "",
    )


def _why_new(ticket: Known, other_matter: bool, policy: Policy) -> str:
    if ticket.withdrawn and not policy.repeat.withdrawn_counts:
        return ticket.withdrawn
    if not policy.repeat.counts(ticket.request_type):
        return "request_type_not_counted"
    if not policy.repeat.compares(ticket.leaf):
        return "no_leaf"
    return "another_matter" if other_matter else "first_contact"


def _place(before: Known, known: Verdict, sure: bool) -> tuple[str, int]:
    """A chain of one matter does not go on where only perhaps it is one."""
    only_perhaps = bool(known.before) and not known.sure and known.verdict != "confirmed"
    if sure and only_perhaps:
        return before.id, 2
    return known.first_ticket, known.position + 1


# R17, R18, R20


def _by_rule(
    ticket: Known,
    before: Known,
    alike: str,
    in_window: list[Known],
    verdicts: dict[str, Verdict],
    policy: Policy,
) -> tuple[str, str, str]:
    if ticket.shared or before.shared:
        return "candidate", "shared_number", before.id
    if alike == "weak":
        return "candidate", "same_citizen_and_leaf", before.id
    is_open, due = _stood(before, ticket.time, policy)
    if is_open and ticket.time <= due:
        return "excluded", "in_progress", before.id
    human = _reasonable_by_human(ticket)
    case, known = before, verdicts[before.id]
    roots = [each for each in in_window if each.id == known.rests_on]
    handed_on = known.verdict == "excluded" and known.reason in (
        "in_progress",
        "closed_no_new_evidence",
    )
    if handed_on and roots and not _own_result(before):
        if human is None:
            human = _reasonable_by_human(before)
        case = roots[0]
        is_open, due = _stood(case, ticket.time, policy)
        if is_open and ticket.time <= due:
            return "excluded", "in_progress", case.id
    return (*_unresolved(ticket, case, alike, is_open, human), case.id)


def _unresolved(
    ticket: Known, case: Known, alike: str, is_open: bool, human: bool | None
) -> tuple[str, str]:
    believed = "confirmed" if alike == "sure" else "candidate"
    if is_open:
        return believed, "overdue_before" if alike == "sure" else "same_matter_likely"
    ended = _ended_at(case, ticket.time)
    approved, fixed = _result(case)
    if human is not False:
        if fixed and ticket.occurred_at is not None and ticket.occurred_at > ended:
            return "excluded", "new_fault_same_kind"
        if human or approved:
            given = [at for at in (ticket.evidence_at, case.evidence_at) if at is not None]
            if not any(at > ended for at in given):
                return "excluded", "closed_no_new_evidence"
            return believed, "closed_new_evidence" if alike == "sure" else "same_matter_likely"
        if fixed:
            return "candidate", "result_not_inspected"
    return believed, "unresolved_before" if alike == "sure" else "same_matter_likely"


def _stood(case: Known, at: datetime, policy: Policy) -> tuple[bool, datetime]:
    """Open at that moment, and until when it was due, as known by then."""
    is_open, since, due = True, case.time, case.due_at
    for event in case.handled:
        if event.time > at:
            continue
        if isinstance(event, TicketClosed):
            is_open, since = False, event.time
        elif isinstance(event, TicketReopened):
            is_open, since, due = True, event.time, None
        elif isinstance(event, ExtensionGranted):
            due = event.data.new_due_at
    return is_open, due or since + timedelta(days=policy.repeat.assumed_due_days)


def _ended_at(case: Known, at: datetime) -> datetime:
    return [
        each.time for each in case.handled if isinstance(each, TicketClosed) and each.time <= at
    ][-1]


def _own_result(case: Known) -> bool:
    return any(
        isinstance(each, ReplySubmitted)
        or (isinstance(each, CallbackAnswered) and each.data.contacted)
        for each in case.handled
    )


def _result(case: Known) -> tuple[bool, bool]:
    """Reasonable (ruling 10), and mended (R20), as known now."""
    approved = False
    reopened_after_approval = reopened_after_call = False
    answer: bool | None = None
    asked = False
    finding: bool | None = None
    for event in case.handled:
        if isinstance(event, ReplySubmitted | ReplyRejected):
            approved = False
        elif isinstance(event, ReplyApproved):
            approved, reopened_after_approval = True, False
        elif isinstance(event, TicketReopened):
            reopened_after_approval = reopened_after_call = True
        elif isinstance(event, FindingRecorded):
            finding = event.data.false_closure
        elif isinstance(event, CallbackAnswered) and event.data.contacted:
            asked, answer, reopened_after_call = True, event.data.resolved, False
    says_yes = asked and answer is True and not reopened_after_call
    fixed = says_yes if finding is None else not finding and answer is not False
    reasonable = approved and not reopened_after_approval and says_yes and not finding
    return reasonable, fixed


# R23, R24


def _root_cause(
    ticket: Known, first: str, before: Known | None, earlier: list[Known], policy: Policy
) -> str:
    by_human = [mark.data.root_cause for mark in ticket.marks if mark.data.root_cause]
    if by_human:
        return f"{by_human[-1]} human"
    shows = next((each for each in earlier if each.id == first), before)
    if shows is None:
        return "unresolved_process nothing_else_known"
    rule = policy.repeat.causes
    happened = shows.handled
    findings = [each for each in happened if isinstance(each, FindingRecorded)]
    replies = [each for each in happened if isinstance(each, ReplySubmitted)]
    calls = [each for each in happened if isinstance(each, CallbackAnswered)]
    closes = [each for each in happened if isinstance(each, TicketClosed)]
    if findings and findings[-1].data.false_closure:
        return "false_reply finding"
    by_then = [each for each in calls if each.time <= ticket.time]
    if by_then and not any(each.data.contacted for each in by_then):
        return "not_contacted nobody_reached"
    reached = [each.time for each in by_then if each.data.contacted]
    in_handling = not closes or (bool(reached) and reached[0] <= closes[0].time)
    in_time = shows.time + timedelta(days=rule.contact_within_days)
    if reached and in_handling and reached[0] > in_time:
        return "not_contacted reached_late"
    claimed = any(each.data.resolved for each in replies)
    denied = any(each.data.contacted and each.data.resolved is False for each in calls)
    if claimed and denied:
        return "unresolved_perfunctory citizen_denies"
    first_close = happened.index(closes[0]) if closes else len(happened)
    record = [each for each in happened[:first_close] if isinstance(each, ReplySubmitted)]
    said = (record[-1].data.text or "") if record else ""
    if replies and len(said) < rule.traceable_chars:
        return "record_untraceable says_nothing"
    if closes and closes[0].time <= ticket.time:
        if not replies:
            return "step_missed no_reply"
        until = closes[0].time + timedelta(days=rule.callback_within_days)
        if until < ticket.time and not by_then:
            return "step_missed no_callback"
    if denied or (replies and replies[-1].data.resolved is False):
        return "unresolved_process not_resolved"
    if _stood(shows, ticket.time, policy)[0]:
        return "unresolved_process still_open"
    return "unresolved_process nothing_else_known"


# R15


def _mark(ticket: Known) -> tuple[str, str | None, str | None]:
    """Verdict, exclusion reason and named earlier ticket by the marks, one after another."""
    verdict: str = ""
    exclusion = named = None
    for mark in ticket.marks:
        data = mark.data
        if data.mark == "correct_cause":
            continue
        if data.reason == "policy_expectation" and not data.clause:
            continue  # R19: without a clause it changes nothing
        exclusion = named = None
        if data.mark == "confirm":
            verdict, named = "confirmed", data.earlier_ticket
        elif data.mark == "exclude":
            verdict, exclusion = "excluded", data.reason
        elif data.mark == "overturn":
            verdict = "" if verdict in ("excluded", "overturned") else "overturned"
    return verdict, exclusion, None if named == ticket.id else named


def _reasonable_by_human(ticket: Known) -> bool | None:
    said = [mark.data.earlier_result_reasonable for mark in ticket.marks]
    return next((each for each in reversed(said) if each is not None), None)
