"""From a person's tickets and what they come with now to the likely verdict (R17–R21). Pure.

The same ``rules.repeats`` as repeat detection, on the same cases: what the agent says on the line
and what the verdict says later agree.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from policy.bundle import Policy
from rules.matter import NOTHING, UNKNOWN, Match, Matter, another, match
from rules.repeats import RESTS_ON_ANOTHER, Case, Concern, Judgement, judge, on
from rules.ticket import stages
from rules.ticket.brief import Brief
from services.lookup.store import Found

NAMED = Match(1.0, {"linked": 1.0})
"""The citizen names the ticket: no words need to be compared."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the citizen comes with, as the rules see it."""

    at: datetime
    leaf: str | None = None
    ticket: str | None = None
    channel: str | None = None
    matter: Matter = NOTHING
    has_text: bool = False
    shared: bool = False
    new_evidence: bool = False
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the rules make of it."""

    judgement: Judgement | None
    """None: without a leaf there is nothing to judge by."""
    leaf: str | None
    """In force."""
    leaf_by: str | None
    """``given``, ``ticket`` (the one named) or ``text``."""
    case: Found | None
    """The earlier ticket that it rests on."""


def opinion(asked: Asked, tickets: Sequence[Found], policy: Policy) -> Opinion:
    """The likely verdict on a contact now of a person with these tickets (the newest first)."""
    leaf, by = _leaf(asked, tickets, policy)
    if leaf is None:
        return Opinion(None, None, None, None)
    cases = [_case(each) for each in _of_leaf(leaf, tickets, policy)][: policy.repeat.keep_tickets]
    concern = Concern(
        time=asked.at,
        leaf=leaf,
        channel=asked.channel,
        matter=asked.matter,
        evidence_at=asked.at if asked.new_evidence else None,
        occurred_at=asked.occurred_at,
        shared=asked.shared,
    )
    found = _judged(concern, cases, asked.ticket, policy)
    case = next((each for each in tickets if each.brief.ticket == found.case), None)
    if case is not None and case.brief.shared and not concern.shared:
        # The earlier ticket's citizen is not sure either.
        concern = Concern(
            time=asked.at, leaf=leaf, channel=asked.channel, matter=asked.matter, shared=True
        )
        found = _judged(concern, cases, asked.ticket, policy)
    return Opinion(found, leaf, by, case)


def _judged(
    concern: Concern, cases: Sequence[Case], named: str | None, policy: Policy
) -> Judgement:
    case = next((each for each in cases if each.id == named), None)
    if case is None or another(case.matter, concern.matter):
        return judge(concern, cases, policy)
    window = policy.repeat.window(concern.leaf, concern.channel)
    if not window.contains(case.time, concern.time, policy.time_zone):
        return judge(concern, cases, policy)
    root = next((each for each in cases if case.rests_on and each.id == case.rests_on), None)
    return on(concern, case, NAMED, policy, root)


def _leaf(
    asked: Asked, tickets: Sequence[Found], policy: Policy
) -> tuple[str, str] | tuple[None, None]:
    if asked.leaf is not None:
        return in_force(asked.leaf, policy), "given"
    named = next((each for each in tickets if each.brief.ticket == asked.ticket), None)
    if named is not None and named.brief.leaf is not None:
        return in_force(named.brief.leaf, policy), "ticket"
    found = _by_text(asked, tickets, policy) if asked.has_text else None
    return (None, None) if found is None else (in_force(found, policy), "text")


def _by_text(asked: Asked, tickets: Sequence[Found], policy: Policy) -> str | None:
    """The leaf of the earlier ticket that is most surely of the same matter, if one is at all."""
    rule = policy.repeat.same_matter
    best, best_leaf = UNKNOWN, None
    for each in tickets:
        traits, leaf = each.brief.traits, each.brief.leaf
        if leaf is None or another(traits, asked.matter):
            continue
        this = match(traits, asked.matter, rule)
        if this.score >= rule.same_at and this.score > best.score:
            best, best_leaf = this, leaf
    return best_leaf


def in_force(leaf: str, policy: Policy) -> str:
    """What the code is called now (R14); after a split it keeps its name."""
    current = policy.categories.current(leaf)
    return current[0] if len(current) == 1 else leaf


def _of_leaf(leaf: str, tickets: Sequence[Found], policy: Policy) -> Iterator[Found]:
    """Tickets of the leaf that count, as repeat detection counts them."""
    same = frozenset((*policy.categories.predecessors(leaf), *policy.categories.current(leaf)))
    for each in tickets:
        brief = each.brief
        if brief.leaf is None or (brief.leaf not in same and in_force(brief.leaf, policy) != leaf):
            continue
        if counts(brief, policy):
            yield each


def counts(brief: Brief, policy: Policy) -> bool:
    """Whether a ticket can be repeated (R12, R16)."""
    if not brief.received or brief.received_at is None:
        return False
    if not policy.repeat.counts(brief.request_type):
        return False
    gone = brief.phase in (stages.WITHDRAWN, stages.NOT_ACCEPTED)
    return policy.repeat.withdrawn_counts or not gone


def _case(found: Found) -> Case:
    brief = found.brief
    assert brief.received_at is not None, "counted only with a receipt"
    rests_on = ""
    if found.verdict == "excluded" and found.reason in RESTS_ON_ANOTHER:
        rests_on = found.case or ""
    return Case(
        brief.ticket, brief.received_at, brief.traits, brief.handling, rests_on, brief.reasonable
    )
