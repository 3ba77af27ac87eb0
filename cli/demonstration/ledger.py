"""Accounts for a run: every record published, every ticket judged, every fact stated once. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson

from schemas.dead_letter import DeadLetter
from schemas.topics import INBOX

LINKED = "hotline.identity.linked.v1"
RECEIPTS = frozenset({"hotline.ticket.received.v1", "hotline.ticket.imported.v1"})


@dataclass(frozen=True, slots=True)
class Published:
    """A record as the broker took it."""

    partition: int
    offset: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where the published records are: each in one place, exactly (I1)."""

    published: int
    events: int
    """On the log."""
    duplicates: int
    """Same source and id, same content: dropped, for they are on the log already."""
    letters: Mapping[str, int]
    """Dead letters of intake by reason."""
    lost: Sequence[str] = ()
    """Published, and neither on the log nor in the dead letters."""
    doubled: Sequence[str] = ()
    """On the log twice, or in the dead letters twice."""
    unknown: Sequence[str] = ()
    """On the log, and never published."""
    parked: int = 0
    """Waiting in intake's states for the receipt of their ticket."""
    copies: int = 0
    """Links on the log: each stands there once more, under the other of the two."""

    @property
    def balanced(self) -> bool:
        found = self.events + self.duplicates + sum(self.letters.values()) + self.parked
        return found == self.published and not (self.lost or self.doubled or self.unknown)


def settle(
    published: Sequence[Published],
    log: Iterable[Mapping[str, Any]],
    letters: Iterable[DeadLetter],
    parked: Mapping[str, int] = MappingProxyType({}),
) -> Ledger:
    """Look for each published record where it may have ended.

    Args:
        parked: how many events of a ticket wait for its receipt.
    """
    # A link is written once for each of the two whom it makes one.
    copies = Counter(
        (f"{event['source']} {event['id']}", event["citizen"] if event["type"] == LINKED else "")
        for event in log
    )
    on_log = {name for name, _ in copies}
    waiting = Counter(parked)
    refused: dict[tuple[int, int], list[str]] = defaultdict(list)
    for letter in letters:
        if letter.topic == INBOX.name and letter.kind == "record":
            refused[letter.partition, letter.offset].append(letter.reason)
    reasons: Counter[str] = Counter()
    taken: set[str] = set()
    duplicates = 0
    lost, doubled = [], [name for (name, _), count in copies.items() if count > 1]
    for record in sorted(published, key=lambda each: (each.partition, each.offset)):
        where = f"{INBOX.name}-{record.partition}-{record.offset}"
        found = refused.get((record.partition, record.offset))
        if found:
            reasons[found[0]] += 1
            if len(found) > 1:
                doubled.append(where)
            continue
        identity = identity_of(record.value)
        if identity is None or identity not in on_log:
            ticket = subject_in(record.value)
            if waiting[ticket]:
                waiting[ticket] -= 1
            else:
                lost.append(where)
        elif identity in taken:
            duplicates += 1
        else:
            taken.add(identity)
    return Ledger(
        published=len(published),
        events=len(taken),
        duplicates=duplicates,
        letters=dict(sorted(reasons.items())),
        lost=tuple(lost),
        doubled=tuple(doubled),
        unknown=tuple(sorted(on_log - taken)),
        parked=sum(parked.values()) - waiting.total(),
        copies=len(copies) - len(on_log),
    )


def subject_in(value: bytes) -> str:
    """The ticket of an event; empty for bytes that are none."""
    subject = _document(value).get("subject")
    return subject if isinstance(subject, str) else ""


def _document(value: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def identity_of(value: bytes) -> str | None:
    """``source`` and ``id`` of an event; None for bytes that are none."""
    document = _document(value)
    source, name = document.get("source"), document.get("id")
    if not (isinstance(source, str) and isinstance(name, str)):
        return None
    return f"{source} {name}"


@dataclass(slots=True)
class Verdicts:
    """What was stated of the tickets on the log."""

    tickets: int = 0
    """Received or imported."""
    holding: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The last fact of each ticket."""
    revisions: int = 0
    """Facts that restate an earlier one."""
    unjudged: list[str] = field(default_factory=list)
    """Tickets without a verdict."""
    doubled: list[str] = field(default_factory=list)
    """Ids of facts, or revisions of a ticket, that are there more than once."""
    gaps: list[str] = field(default_factory=list)
    """Tickets whose revisions do not count 1, 2, …, each naming the one before."""

    @property
    def balanced(self) -> bool:
        return not (self.unjudged or self.doubled or self.gaps)

    @property
    def by_verdict(self) -> dict[str, int]:
        return dict(Counter(fact["data"]["verdict"] for fact in self.holding.values()))


def judged(log: Iterable[Mapping[str, Any]], facts: Sequence[Mapping[str, Any]]) -> Verdicts:
    """Check that each ticket has its verdict, each revision once, no fact twice (I2)."""
    found = Verdicts()
    tickets = {event["subject"] for event in log if event["type"] in RECEIPTS}
    found.tickets = len(tickets)
    ids = Counter(fact["id"] for fact in facts)
    found.doubled = [name for name, count in ids.items() if count > 1]
    of_ticket: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for fact in facts:
        found.holding[fact["subject"]] = fact
        if fact["data"]["revision"]:  # 0: of a ticket whose receipt is not kept, counted by nobody
            of_ticket[fact["subject"]].append(fact)
    for ticket, mine in of_ticket.items():
        # Of a ticket that was handed over some lie in another partition.
        mine.sort(key=lambda fact: fact["data"]["revision"])
        found.holding[ticket] = mine[-1]
        revisions = [fact["data"]["revision"] for fact in mine]
        if len(set(revisions)) < len(revisions):
            found.doubled.append(f"{ticket} revisions {revisions}")
        before = [None, *(fact["id"] for fact in mine[:-1])]
        named = [fact["data"].get("replaces") for fact in mine]
        if revisions != list(range(1, len(mine) + 1)) or named != before:
            found.gaps.append(f"{ticket} revisions {revisions}")
        found.revisions += len(mine) - 1
    found.unjudged = sorted(tickets - of_ticket.keys())
    return found
