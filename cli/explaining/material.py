"""What of the topics belongs to a ticket, taken in one pass over each. Pure."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any, Final

import orjson

NEAR_KEPT: Final = 200_000
"""Ticket ids remembered for a suggestion; more would cost memory, not help."""
_SUBJECT: Final = re.compile(rb'"subject"\s*:\s*"([^"\\]{1,256})"')
_CONTACTS: Final = (b'"hotline.contact.', b'"hotline.call.')

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A dead letter as far as a story needs it, from Kafka or from a replay's folder."""

    at: datetime
    """When the original was recorded; of a timer when it was due."""
    service: str
    reason: str
    detail: str
    position: str = ""
    """Of the original; empty where it is not known (a replay)."""
    subject: str | None = None
    blocked_by: str | None = None
    waits: bool = False
    """Whether it holds a place in the order of its ticket."""
    put_back: bool = False
    attempt: int = 1
    value: bytes = field(default=b"", repr=False)
    key: bytes | None = None

    def is_of(self, ticket: str) -> bool:
        """Whether the letter is about the ticket; of what nobody could read, by what it looks like.

        A refused event often still shows its subject; else its key is that of the inbox.
        """
        if self.subject is not None:
            return self.subject == ticket
        found = _SUBJECT.search(self.value)
        if found is not None:
            return found[1].decode(errors="replace") == ticket
        return self.key == ticket.encode()


@dataclass(slots=True)
class Material:
    """Feed every fact, then every event, then every letter; what belongs to the ticket is kept."""

    ticket: str
    facts: list[Document] = field(default_factory=list)
    """Verdicts."""
    clocks: list[Document] = field(default_factory=list)
    """Facts of clocks (R25)."""
    tasks: list[Document] = field(default_factory=list)
    """Facts of callback tasks (R33)."""
    notices: list[Document] = field(default_factory=list)
    events: list[Document] = field(default_factory=list)
    first_events: list[Document] = field(default_factory=list)
    """Of the first ticket of the chain."""
    letters: list[Seen] = field(default_factory=list)
    blockers: dict[str, Seen] = field(default_factory=dict)
    """Letters that began a block, by position: others wait behind them."""
    scanned: dict[str, int] = field(default_factory=dict)
    """Records by topic."""
    others: dict[str, None] = field(default_factory=dict)
    """Ids of other tickets, while this one has not been seen."""
    _contacts: dict[str, list[Document]] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        return bool(self.facts or self.events or self.letters)

    @property
    def first_ticket(self) -> str | None:
        """Of the chain by the verdict that holds; None when that is this ticket."""
        if not self.facts:
            return None
        first = (self.facts[-1]["data"].get("first") or {}).get("ticket")
        return None if first == self.ticket else first

    def take_fact(self, value: bytes) -> None:
        """A record of a topic of facts. Partitions come in any order, the story in that of time."""
        if subject_of(value) != self.ticket:
            return
        fact = orjson.loads(value)
        thing = fact["type"].split(".")[1]
        told = {"repeat": self.facts, "sla": self.clocks, "callback_task": self.tasks}
        found = told.get(thing, self.notices)
        found.append(fact)
        found.sort(key=_stated)

    def take_event(self, value: bytes) -> None:
        """A record of the log. Facts must be in: they tell the citizen and the first ticket."""
        subject = subject_of(value)
        if subject == self.ticket:
            self.events.append(orjson.loads(value))
            self.others.clear()
        elif subject == self.first_ticket:
            self.first_events.append(orjson.loads(value))
        elif any(mark in value for mark in _CONTACTS):
            self._take_contact(subject, value)
        elif not self.events and not self.facts and len(self.others) < NEAR_KEPT:
            self.others[subject] = None

    def take_letter(self, letter: Seen) -> None:
        if letter.waits and letter.blocked_by is None and letter.position:
            self.blockers[letter.position] = letter
        if letter.is_of(self.ticket):
            self.letters.append(letter)

    def contacts(self) -> list[Document]:
        """Contacts that led to the ticket, and calls about it, though their subject is another."""
        led = {(event.get("data") or {}).get("contact_id") for event in self.events}
        return [
            each
            for subject, found in self._contacts.items()
            for each in found
            if subject in led or (each.get("data") or {}).get("ticket") == self.ticket
        ]

    def near(self) -> list[str]:
        """Ids that look like that of an unknown ticket, the most alike first."""
        return near(self.ticket, self.others)

    def _take_contact(self, subject: str, value: bytes) -> None:
        """Kept if it names the ticket, or is of the citizen: the ticket may name the contact."""
        citizen = self.facts[-1].get("citizen") if self.facts else None
        if self.ticket.encode() in value or (citizen and f'"{citizen}"'.encode() in value):
            self._contacts.setdefault(subject, []).append(orjson.loads(value))


def _stated(fact: Document) -> tuple[datetime, int]:
    return datetime.fromisoformat(fact["time"]), fact["data"].get("revision", 0)


def subject_of(value: bytes) -> str:
    """Without decoding the whole document: most records are of other tickets."""
    found = _SUBJECT.search(value)
    if found is not None:
        return found[1].decode(errors="replace")
    document = orjson.loads(value)
    return str(document.get("subject", "")) if isinstance(document, Mapping) else ""


def near(ticket: str, known: Iterable[str]) -> list[str]:
    """At most three ids that resemble this one; of equals, those that begin like it."""
    alike = difflib.get_close_matches(ticket, list(known), n=50, cutoff=0.6)
    return sorted(alike, key=lambda each: -_same_beginning(ticket, each))[:3]


def _same_beginning(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
