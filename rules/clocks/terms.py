"""Which rule sets a clock: the first row of the policy that fits the ticket (R25)."""

from msgspec import Struct

from policy.bundle import Policy
from policy.sla import TargetRule

PROMISED = "promised"
"""Name of the row where nobody's rule asked and somebody promised an instant."""


class Content(Struct, frozen=True):
    """What rows ask of a ticket. A value that no row names fits the rows that do not ask for it."""

    leaf: str | None = None
    urgency: str | None = None
    request_type: str | None = None
    channel: str | None = None


class Terms(Struct, frozen=True):
    """What a clock was given; kept with it, whatever the policy says later (decision 0022)."""

    target: str
    rule: str
    """``<target>.<row>``."""
    amount: int | None
    unit: str | None
    """``minutes``, ``hours``, ``working_days`` or ``calendar_days``; None with ``amount`` where
    only a promise sets the deadline."""
    calendar: str
    roll: bool
    """Of calendar days: whether a deadline on a day off moves on to the next working day."""
    warnings: tuple[int, ...]
    """Percent of the working time, rising."""
    version: str
    """Policy version whose rule it is."""
    level: int | None = None
    """Level of handling (分级办理)."""


def choose(
    target: str, content: Content, policy: Policy, department: str | None = None
) -> Terms | None:
    """What the policy in force gives a clock of ``target``; None where it asks for none.

    Args:
        target: ``accept``, ``first_contact``, ``interim``, ``resolve``, ``reply``, ``department``,
            ``verification``, ``supervision``; or ``return``, the time within which a unit may ask
            to return a dispatch (退单).
        department: unit whose calendar ``calendar: unit`` means; None: the organisation's own.
    """
    sla = policy.sla
    rule, level = sla.rule(
        target, content.leaf, content.urgency, content.request_type, content.channel
    )
    return None if rule is None else _terms(target, rule, level, policy, department)


def promised(target: str, content: Content, policy: Policy, department: str | None = None) -> Terms:
    """As ``choose``; where the policy asks for nothing, what a promised instant is counted by:
    the calendar of the unit and the warnings of the target."""
    chosen = choose(target, content, policy, department)
    if chosen is not None:
        return chosen
    sla = policy.sla
    return Terms(
        target=target,
        rule=PROMISED,
        amount=None,
        unit=None,
        calendar=unit_calendar(policy, department),
        roll=False,
        warnings=sla.warnings.get(target, ()),
        version=policy.version,
        level=sla.level(content.leaf, content.urgency, content.request_type, content.channel),
    )


def unit_calendar(policy: Policy, department: str | None) -> str:
    """Name of the working calendar of a unit; of one that the directory does not know, and without
    one, the organisation's own."""
    directory = policy.organisation
    unit = directory.find(department) if department else None
    return directory.calendar if unit is None else unit.calendar


def _terms(
    target: str, rule: TargetRule, level: int | None, policy: Policy, department: str | None
) -> Terms:
    return Terms(
        target,
        rule.name,
        rule.amount,
        rule.unit,
        rule.calendar or unit_calendar(policy, department),
        rule.roll,
        policy.sla.warnings.get(target, ()),
        policy.version,
        level,
    )
