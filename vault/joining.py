"""Which citizen an event belongs to, and whom an alias is given to: pure (R12 «同一个用户»).

An alias is assigned once and never moves, and from when it counts as shared is an instant of the
log. So the answer for an event follows from the final table of aliases, however the log was cut
into batches and whichever worker came first: a check may compute it again afterwards.
"""

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.events.parts import IdentityScheme
from schemas.ids import Citizen
from vault.directory import Found
from vault.identities import Named

PERSONAL = frozenset({IdentityScheme.ACCOUNT, IdentityScheme.ID_CARD})
"""What one person has for themselves: many of them seen with one number make the number shared."""


class Alias(NamedTuple):
    """An alias as the table has it."""

    citizen: Citizen
    shared_since: datetime | None = None
    id: int = 0
    """Of its row; 0 for one that has none yet."""

    def joins(self, at: datetime) -> bool:
        """Whether it tells people apart at that instant."""
        return self.shared_since is None or at < self.shared_since


class Asked(NamedTuple):
    """A person in an event."""

    named: Sequence[Named]
    """What they go by, the strongest first."""
    at: datetime


class Assigned(NamedTuple):
    """An alias that was unknown, and now is somebody's."""

    named: Named
    citizen: Citizen
    at: datetime
    new: bool
    """Whether the citizen is new with it."""


def settle(known: Iterable[Alias], at: datetime) -> Found | None:
    """The citizen with these aliases, the strongest first; None if there are none.

    The strongest that tells people apart; if all are shared, the strongest, and that is said.
    """
    first: Alias | None = None
    for alias in known:
        if alias.joins(at):
            return Found(alias.citizen)
        first = first or alias
    return None if first is None else Found(first.citizen, shared=True)


def assign(
    asked: Iterable[Asked],
    table: MutableMapping[bytes, Alias],
    carded: set[Citizen],
    make: Callable[[], Citizen],
) -> list[Assigned]:
    """Give each unknown alias to the strongest known citizen that it came with, else to a new one.

    A person has one ID card: a second one does not join by something weaker, such as a family's
    telephone; it is somebody else's.

    Args:
        asked: in the order of the log.
        table: what is known of the aliases asked for, by name; what is assigned is put in.
        carded: citizens who have an ID card, as far as they are in the table; likewise.
        make: a new citizen.
    """
    result: list[Assigned] = []
    for named, at in asked:
        unknown = [each for each in named if each.name not in table]
        if not unknown:
            continue
        citizen: Citizen | None = None
        card = False
        for each in named:
            alias = table.get(each.name)
            if alias is None:
                card = card or each.scheme is IdentityScheme.ID_CARD
            elif alias.joins(at):
                citizen = None if card and alias.citizen in carded else alias.citizen
                break
        new = citizen is None
        if citizen is None:
            citizen = make()
        for each in unknown:
            table[each.name] = Alias(citizen)
            result.append(Assigned(each, citizen, at, new))
            if each.scheme is IdentityScheme.ID_CARD:
                carded.add(citizen)
            new = False
    return result
