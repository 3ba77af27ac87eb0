"""Facts of clocks that a policy or a calendar caused, counted: pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappush, heapreplace
from itertools import count
from typing import Any, Final

import msgspec

CAUSES: Final = frozenset(("policy", "calendar"))
"""``data.cause`` of what no event led to."""
CITIZEN: Final = "(citizen)"
"""Whose clock it is where it is no department's (ruling 6)."""
ZERO: Final = timedelta(0)
COLUMNS: Final = ("later", "earlier", "set", "undetermined", "withdrawn", "breached")
"""later, earlier: deadlines that moved. set: there was none before. undetermined: there is none
now, for the calendar does not know the year. withdrawn, breached: breaches."""


class _Data(msgspec.Struct, frozen=True):
    cause: str
    target: str = ""
    clock: str = ""
    department: str | None = None
    deadline: datetime | None = None
    previous_deadline: datetime | None = None
    undetermined: str | None = None


class _Fact(msgspec.Struct, frozen=True):
    """What of a fact is counted."""

    type: str
    subject: str
    causationid: str | None = None
    policyversion: str | None = None
    data: _Data | None = None


class _Head(msgspec.Struct, frozen=True):
    """Enough to pass over what is not asked for."""

    type: str
    policyversion: str | None = None


_heads = msgspec.json.Decoder(_Head)
_facts = msgspec.json.Decoder(_Fact)
_COUNTED: Final = {
    f"hotline.sla.{kind}.v1": kind for kind in ("recomputed", "withdrawn", "breached")
}


@dataclass(frozen=True, slots=True)
class Move:
    """A deadline that moved."""

    ticket: str
    clock: str
    department: str | None
    before: datetime
    after: datetime

    @property
    def by(self) -> timedelta:
        """Above 0: later."""
        return self.after - self.before


@dataclass(slots=True)
class Tally:
    """What was counted so far."""

    largest_kept: int = 10
    versions: Counter[str] = field(default_factory=Counter)
    """Facts by the version that they were stated under."""
    targets: dict[str, Counter[str]] = field(default_factory=dict)
    departments: dict[str, Counter[str]] = field(default_factory=dict)
    total: Counter[str] = field(default_factory=Counter)
    tickets: set[str] = field(default_factory=set)
    """Tickets of which anything changed."""
    _largest: list[tuple[timedelta, int, Move]] = field(default_factory=list)
    _order: Any = field(default_factory=count)
    _restated: set[tuple[str, str | None, str]] = field(default_factory=set)
    """Ticket, cause and clock of what was recomputed: a breach in the same step follows from it."""

    @property
    def moved(self) -> int:
        """Deadlines that are at another instant now."""
        return self.total["later"] + self.total["earlier"]

    @property
    def largest(self) -> list[Move]:
        """The moves by most time, the largest first."""
        return [
            move for _, _, move in sorted(self._largest, key=lambda each: each[:2], reverse=True)
        ]

    def take(self, value: bytes, *, version: str | None = None) -> None:
        """Count a fact, where a policy or a calendar caused it.

        Args:
            version: count what was stated under this one alone, by its whole name
                (``cn-12345@2026-07+1a2b3c4d5e6f``) or the name in the bundle (``2026-07``).
        """
        head = _heads.decode(value)
        if head.type not in _COUNTED or not _is(version, head.policyversion):
            return
        fact = _facts.decode(value)
        data, kind = fact.data, _COUNTED[fact.type]
        assert data is not None, "a fact of a clock has data"
        step = fact.subject, fact.causationid, data.clock
        if data.cause not in CAUSES and (kind != "breached" or step not in self._restated):
            return
        if kind == "recomputed":
            self._restated.add(step)
            self._count(fact, data, self._moved(fact, data))
        else:
            self._count(fact, data, kind)

    def take_all(self, values: Iterable[bytes]) -> None:
        """``take`` each."""
        for value in values:
            self.take(value)

    def _moved(self, fact: _Fact, data: _Data) -> str | None:
        before, after = data.previous_deadline, data.deadline
        if after is None:
            return "undetermined" if data.undetermined else None
        if before is None:
            return "set"
        if before == after:
            return None
        move = Move(fact.subject, data.clock, data.department, before, after)
        # Of equal ones the first stays: the order of what is read is that of the log.
        entry = abs(move.by), -next(self._order), move
        if len(self._largest) < self.largest_kept:
            heappush(self._largest, entry)
        elif self._largest and entry[:2] > self._largest[0][:2]:
            heapreplace(self._largest, entry)
        return "later" if move.by > ZERO else "earlier"

    def _count(self, fact: _Fact, data: _Data, column: str | None) -> None:
        if column is None:
            return
        self.total[column] += 1
        self.versions[fact.policyversion or ""] += 1
        self.tickets.add(fact.subject)
        self.targets.setdefault(data.target, Counter())[column] += 1
        self.departments.setdefault(data.department or CITIZEN, Counter())[column] += 1


def _is(wanted: str | None, version: str | None) -> bool:
    if wanted is None or wanted == version:
        return True
    return wanted == (version or "").partition("@")[2].partition("+")[0]
