"""Deadlines that are known at once: told to the citizen at receipt, to the liaison at dispatch.

Intake says them before the sla service has reckoned anything (R2, R3); both reckon by the same
rules, so what was told is what runs.
"""

from datetime import datetime
from typing import Final

from policy.bundle import Policy
from rules.clocks.reckoning import reckon
from rules.clocks.terms import Content, choose

TOLD_AT_RECEIPT: Final = ("resolve", "reply")
TOLD_AT_DISPATCH: Final = ("accept", "first_contact", "department")


def at_receipt(
    content: Content,
    received_at: datetime,
    policy: Policy,
    *,
    due_at: datetime | None = None,
    reply_owed: bool = True,
) -> dict[str, datetime]:
    """The citizen's deadlines by target, UTC; one that nobody set or that no calendar reaches is
    left out.

    Args:
        due_at: 承诺办结时限 of the platform, which wins over the policy; the answer is due by then
            too, where the policy asks for one.
        reply_owed: False where nobody can or wants to be answered (anonymous, reply not wanted).
    """
    given = {"resolve": due_at}
    if due_at is not None and choose("reply", content, policy) is not None:
        given["reply"] = due_at
    targets = TOLD_AT_RECEIPT if reply_owed else TOLD_AT_RECEIPT[:1]
    return _deadlines(targets, content, received_at, policy, None, given)


def at_dispatch(
    content: Content,
    dispatched_at: datetime,
    policy: Policy,
    department: str | None,
    *,
    given: dict[str, datetime | None] | None = None,
    targets: tuple[str, ...] = TOLD_AT_DISPATCH,
) -> dict[str, datetime]:
    """The same of a dispatch: ``accept``, ``first_contact``, ``department``.

    Args:
        given: what the platform set, by target; it wins over the policy.
        targets: of these, those that are asked for.
    """
    return _deadlines(targets, content, dispatched_at, policy, department, given or {})


def _deadlines(
    targets: tuple[str, ...],
    content: Content,
    start: datetime,
    policy: Policy,
    department: str | None,
    given: dict[str, datetime | None],
) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for target in targets:
        due = given.get(target)
        if due is not None:
            found[target] = due
            continue
        terms = choose(target, content, policy, department)
        if terms is None:
            continue
        clock = reckon(start, terms, policy.calendars[terms.calendar], until=start)
        if clock.deadline is not None:
            found[target] = clock.deadline
    return found
