"""Which tickets a unit sees: those that it or one below it works on or is complained of (R8, R65).

Pure. A ticket out of scope does not exist for whoever asks: 404, so that nothing is learnt of it.
"""

from collections.abc import Iterable, Iterator

from policy.access import Grant, Scope
from policy.organisation import Organisation
from rules.ticket.view import TicketView


def names_of(organisation: Organisation, unit: str) -> frozenset[str]:
    """How the unit may be written on a dispatch: code or name; an unknown one as it is."""
    known = organisation.unit(unit)
    return frozenset((unit,) if known is None else (unit, known.name))


def subtree_of(organisation: Organisation, unit: str) -> frozenset[str]:
    """The same of the unit and all below it."""
    below = organisation.subtree(unit)
    return frozenset((unit, *(name for each in below for name in (each.code, each.name))))


def sees(grant: Grant, organisation: Organisation, unit: str, view: TicketView) -> bool:
    """Whether the ticket is in the scope of the unit."""
    if grant.scope is Scope.ALL:
        return True
    own = subtree_of(organisation, unit)
    return any(name in own for name in _concerned(view))


def works_on(organisation: Organisation, unit: str, departments: Iterable[str | None]) -> bool:
    """Whether one of the dispatches is the unit's own; to see plain data, above is not enough."""
    own = names_of(organisation, unit)
    return any(department in own for department in departments)


def _concerned(view: TicketView) -> Iterator[str]:
    """Every unit that the ticket was dispatched to, is about, or was asked something of."""
    for each in view.dispatches:
        if each.department:
            yield each.department
    for task in view.tasks:
        if task.department:
            yield task.department
    if view.department:
        yield view.department
