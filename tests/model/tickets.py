"""What intake must say of one ticket, in the plainest Python: no table, no state to encode.

Read contract.md beside it. It shares nothing with ``services/intake``; events of one ticket go in,
what stands on the log comes out.
"""

from dataclasses import dataclass, field

OPEN = ("received", "dispatched", "replied", "reopened")


@dataclass(frozen=True)
class Event:
    """An event of the ticket, or of a contact with the same id."""

    id: str
    at: int
    """Seconds; never falls."""
    kind: str
    state: str | None = None
    """Of an import."""
    citizen: str | None = None
    """Who is named in it."""


@dataclass(frozen=True)
class Logged:
    """A line of the log."""

    id: str
    sequence: int
    recorded: int
    anomaly: str | None
    citizen: str | None
    """None: a stand-in for somebody unknown."""


@dataclass
class Ticket:
    """One ticket, event by event."""

    park_seconds: int
    park_events: int
    log: list[Logged] = field(default_factory=list)
    waiting: list[Event] = field(default_factory=list)
    phase: str | None = None
    known: bool = False
    citizen: str | None = None
    settled: bool = False
    questions: list[str] = field(default_factory=list)
    """What was asked for and not answered."""
    ids: list[str] = field(default_factory=list)

    def come(self, event: Event) -> None:
        """The event arrives."""
        self.clock(event.at)
        if event.id in self.ids:
            return
        self.ids.append(event.id)
        if self._must_wait(event):
            if len(self.waiting) < self.park_events:
                self.waiting.append(event)
                return
            self._let_go(event.at)
        self._write(event, event.at)
        if self.known:
            self._let_go(event.at)

    def clock(self, now: int) -> None:
        """Time passes: before ``now``, not at it."""
        if self.waiting and self.waiting[0].at + self.park_seconds < now:
            self._let_go(self.waiting[0].at + self.park_seconds)

    def _must_wait(self, event: Event) -> bool:
        if self.park_seconds == 0 or self.known or self.phase is not None:
            return False
        if event.kind in ("ticket.received", "ticket.imported"):
            return False
        if event.kind in ("contact.received", "contact.answered"):
            return False
        if event.kind == "call.recorded":
            return len(self.waiting) > 0
        return True

    def _let_go(self, now: int) -> None:
        going, self.waiting = self.waiting, []
        for each in going:
            self._write(each, now)

    def _write(self, event: Event, now: int) -> None:
        anomaly = self._live(event)
        if not self.settled:
            naming = event.kind in ("ticket.received", "ticket.imported", "contact.received")
            if naming and event.citizen is not None:
                self.citizen, self.settled = event.citizen, True
            elif event.kind in ("ticket.received", "ticket.imported"):
                self.settled = True
        self.log.append(Logged(event.id, len(self.log) + 1, now, anomaly, self.citizen))

    def _live(self, event: Event) -> str | None:
        """What the event does to the ticket, and what is odd about it."""
        kind = event.kind
        if kind in ("contact.received", "contact.answered", "call.recorded"):
            return None
        if kind in ("ticket.received", "ticket.imported"):
            return self._receive(event)
        expected = self._was_expected(kind)
        if kind == "return.requested":
            self.questions.append("return")
        elif kind in ("return.approved", "return.refused"):
            self._answer("return")
        elif kind == "hold.started":
            self.questions.append("hold")
        elif kind == "hold.ended":
            self._answer("hold")
        elif kind == "extension.requested":
            self.questions.append("extension")
        elif kind in ("extension.granted", "extension.refused"):
            self._answer("extension")
        elif kind == "reply.submitted":
            self.questions.append("reply")
        before = self.phase
        if not self.known:
            # Nobody knows what came before: what it says of the ticket holds.
            self.phase = self._after(kind) or before or "received"
            return "unknown_ticket"
        assert before is not None
        fits = self._fits(kind, before)
        moves = kind in ("ticket.closed", "ticket.withdrawn", "ticket.reopened")
        if fits or moves:
            self.phase = self._after(kind) or before
        if before in OPEN and self.phase not in OPEN:
            self.questions = []
        if not fits:
            return f"{NAMES[kind]}_when_{before}"
        return None if expected else f"{NAMES[kind]}_unasked"

    def _receive(self, event: Event) -> str | None:
        stated = IMPORTED[event.state] if event.state is not None else self.phase
        if event.kind == "ticket.imported":
            self.questions = ["return", "hold", "extension", "reply"]
        odd = "received_twice" if self.known else "received_late" if self.phase else None
        self.known = True
        self.phase = stated or "received"
        return odd

    def _was_expected(self, kind: str) -> bool:
        if kind in ("return.approved", "return.refused"):
            return "return" in self.questions
        if kind == "hold.ended":
            return "hold" in self.questions
        if kind == "extension.refused":
            return "extension" in self.questions
        if kind in ("reply.approved", "reply.rejected"):
            return "reply" in self.questions
        return True

    def _answer(self, question: str) -> None:
        if question in self.questions:
            self.questions.remove(question)

    def _after(self, kind: str) -> str | None:
        """The phase that the event says."""
        if kind in ("ticket.dispatched", "reply.rejected"):
            return "dispatched"
        if kind == "reply.submitted":
            return "replied"
        if kind == "ticket.closed":
            return "closed"
        if kind == "ticket.withdrawn":
            return "withdrawn"
        if kind == "ticket.reopened":
            return "reopened"
        return None

    def _fits(self, kind: str, phase: str) -> bool:
        if kind == "ticket.reopened":
            return phase not in OPEN
        if kind in ("citizen.chased", "ticket.amended"):
            return True
        if kind == "callback.answered":
            return phase in ("replied", "reopened", "closed")
        if kind.startswith("return.") or kind in ("reply.approved", "reply.rejected"):
            return phase in ("dispatched", "replied", "reopened")
        return phase in OPEN


NAMES = {
    "ticket.dispatched": "dispatched",
    "ticket.closed": "closed",
    "ticket.withdrawn": "withdrawn",
    "ticket.reopened": "reopened",
    "return.requested": "return_requested",
    "return.approved": "return_approved",
    "return.refused": "return_refused",
    "hold.started": "hold_started",
    "hold.ended": "hold_ended",
    "extension.requested": "extension_requested",
    "extension.granted": "extension_granted",
    "extension.refused": "extension_refused",
    "reply.submitted": "reply",
    "reply.approved": "reply_approved",
    "reply.rejected": "reply_rejected",
    "callback.answered": "callback",
    "citizen.chased": "",
    "ticket.amended": "",
}
"""Kinds that need a ticket, and how an anomaly names them."""

IMPORTED = {
    "received": "received",
    "dispatched": "dispatched",
    "accepted": "dispatched",
    "return_requested": "dispatched",
    "on_hold": "dispatched",
    "replied": "replied",
    "close_requested": "replied",
    "closed": "closed",
    "reopened": "reopened",
}
