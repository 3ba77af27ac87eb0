"""Is it a repeat (重复投诉), by rule: the nearest earlier ticket of the matter, and how it stands.

The repeat processor and the agent's look-up ask the same ``judge``, so that what the agent says on
the line and what the verdict says later agree (R12–R21, rulings 3 and 10). Marks of humans stand
above it and are not its business.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from policy.bundle import Policy
from policy.matter import SameMatter
from rules.handling import UNHANDLED, Handling, Standing, standing
from rules.matter import NOTHING, UNKNOWN, Match, Matter, another, match

RESTS_ON_ANOTHER: Final = frozenset(("in_progress", "closed_no_new_evidence"))
"""Exclusions whose ticket has no handling of its own: the earlier one's is asked for instead."""


class Case(Struct, frozen=True):
    """An earlier ticket, as the rules see it."""

    id: str
    time: datetime
    """When the citizen came."""
    matter: Matter = NOTHING
    handling: Handling = UNHANDLED
    rests_on: str = ""
    """Id of the ticket on which it was itself excluded (R17, R18); else empty."""
    reasonable: bool | None = None
    """What a human said then of that one's result (ruling 10)."""


class Concern(Struct, frozen=True):
    """What the citizen comes with now: a ticket, or a contact without one."""

    time: datetime
    leaf: str = ""
    channel: str | None = None
    matter: Matter = NOTHING
    evidence_at: datetime | None = None
    """When the newest of the material was given that comes with it, undated; None without any."""
    occurred_at: datetime | None = None
    """When it happened by the citizen's word, or by the newest picture's own date."""
    shared: bool = False
    """Known by a number that several people use: never surely the same citizen."""
    reasonable: bool | None = None
    """合理的处理结果 by a human (ruling 10)."""


class Judgement(Struct, frozen=True):
    """The rule's verdict and what it rests on."""

    verdict: str
    """``new``, ``candidate``, ``confirmed`` or ``excluded``."""
    reason: str
    """A slug of ``rules.words.REASONS``."""
    case: str = ""
    """Id of the earlier ticket that it rests on; empty when there is none."""
    match: Match = UNKNOWN
    state: str = ""
    """How that ticket stood when the citizen came: ``open``, ``overdue`` or ``closed``."""
    since: datetime | None = None
    """Since when."""
    due: datetime | None = None
    """Its deadline then: that of the platform, else the one the policy assumes."""


def judge(concern: Concern, cases: Sequence[Case], policy: Policy) -> Judgement:
    """The verdict on a concern of a citizen, given that citizen's tickets of the same leaf.

    Args:
        concern: what the citizen comes with.
        cases: tickets of the citizen on that leaf that count, in any order; those after the concern
            or outside its window are passed over.
        policy: the version in force.
    """
    if not policy.repeat.compares(concern.leaf):
        return Judgement("new", "no_leaf")
    window = policy.repeat.window(concern.leaf, concern.channel)
    opens = window.opens(concern.time, policy.time_zone)
    earlier = [each for each in cases if opens <= each.time <= concern.time]
    earlier.sort(key=lambda each: (each.time, each.id), reverse=True)
    case, how, other_matter = nearest(concern.matter, earlier, policy.repeat.same_matter)
    if case is None:
        return Judgement("new", "another_matter" if other_matter else "first_contact")
    root = next((each for each in earlier if case.rests_on and each.id == case.rests_on), None)
    return on(concern, case, how, policy, root)


class _OfAMatter(Protocol):
    @property
    def matter(self) -> Matter: ...


M = TypeVar("M", bound=_OfAMatter)


def nearest(matter: Matter, earlier: Iterable[M], rule: SameMatter) -> tuple[M | None, Match, bool]:
    """The ticket to hang on: the nearest of the same matter, else the nearest that may be (R13).

    Args:
        matter: of the ticket in question.
        earlier: tickets before it, the nearest first.
        rule: what makes the same matter.

    Returns:
        The ticket or None, how surely it is of the matter, and whether others were passed over
        because their codes contradict.
    """
    found: M | None = None
    how = UNKNOWN
    other_matter = False
    compared = 0
    says_nothing = matter == NOTHING
    for each in earlier:
        if another(each.matter, matter):
            other_matter = True
            continue
        if says_nothing:
            return each, UNKNOWN, other_matter
        compared += 1
        this = match(each.matter, matter, rule)
        if this.score >= rule.same_at:
            return each, this, other_matter
        if found is None:
            found, how = each, this
        if compared >= rule.compared:
            break
    return found, how, other_matter


def on(
    concern: Concern, case: Case, how: Match, policy: Policy, root: Case | None = None
) -> Judgement:
    """The verdict on a concern that hangs on ``case``.

    Args:
        root: the ticket that ``case.rests_on``, when it is known and inside the window.
    """
    rule = policy.repeat.same_matter
    stand, state, due = _standing(case, concern.time, policy)
    if concern.shared:
        return Judgement("candidate", "shared_number", case.id, how, state, stand.since, due)
    if how.score < rule.same_at:
        return Judgement(
            "candidate", "same_citizen_and_leaf", case.id, how, state, stand.since, due
        )
    if root is not None and state != "open" and not case.handling.answered:
        if concern.reasonable is None and case.reasonable is not None:
            concern = replace(concern, reasonable=case.reasonable)
        case = root
        stand, state, due = _standing(case, concern.time, policy)
    verdict, reason = _verdict(concern, case, how, stand, state, policy)
    return Judgement(verdict, reason, case.id, how, state, stand.since, due)


def _standing(case: Case, at: datetime, policy: Policy) -> tuple[Standing, str, datetime]:
    stand = standing(case.handling, case.time, at)
    due = stand.due or stand.since + timedelta(days=policy.repeat.assumed_due_days)
    if not stand.is_open:
        return stand, "closed", due
    if at > due and not policy.repeat.overdue_in_progress:
        return stand, "overdue", due
    return stand, "open", due


def _verdict(
    concern: Concern, case: Case, how: Match, stand: Standing, state: str, policy: Policy
) -> tuple[str, str]:
    """Of the same matter, by a citizen who is surely the same."""
    if state == "open":
        return "excluded", "in_progress"
    handling = case.handling
    ended = stand.ended_at
    if ended is not None and concern.reasonable is not False:
        occurred = concern.occurred_at
        if handling.fixed and occurred is not None and occurred > ended:
            return "excluded", "new_fault_same_kind"
        if concern.reasonable or handling.reasonable:
            if not has_new_evidence(concern, case, ended):
                return "excluded", "closed_no_new_evidence"
            return _believed(how, "closed_new_evidence", policy)
        if handling.fixed:
            return "candidate", "result_not_inspected"
    return _believed(how, "overdue_before" if ended is None else "unresolved_before", policy)


def has_new_evidence(concern: Concern, case: Case, ended: datetime) -> bool:
    """新的证据: given with the concern or to the earlier ticket, after that had ended (R17)."""
    return any(
        at is not None and at > ended for at in (concern.evidence_at, case.handling.evidence_at)
    )


def _believed(how: Match, reason: str, policy: Policy) -> tuple[str, str]:
    """A rule confirms only what it is sure of (ruling 3)."""
    if how.score >= policy.repeat.same_matter.confirm_at:
        return "confirmed", reason
    return "candidate", "same_matter_likely"
