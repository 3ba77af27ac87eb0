"""The life of a ticket, as far as intake must know it: to flag what does not fit (contract.md).

The platform is the authority on its tickets: nothing is dropped or changed here. A fact that does
not fit what was known gets an ``anomaly``, and the state follows the platform all the same where
the fact says how the ticket stands (closed is closed), or stays where it only reports work.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import NamedTuple


class Phase(StrEnum):
    """Where a ticket stands."""

    RECEIVED = "received"
    """受理."""
    DISPATCHED = "dispatched"
    """派单: with a department."""
    REPLIED = "replied"
    """回单: answered, not yet closed."""
    REOPENED = "reopened"
    """重办."""
    CLOSED = "closed"
    """结案."""
    WITHDRAWN = "withdrawn"
    """撤单."""
    NOT_ACCEPTED = "not_accepted"
    """不予受理."""


OPEN = frozenset({Phase.RECEIVED, Phase.DISPATCHED, Phase.REPLIED, Phase.REOPENED})
WITH_DEPARTMENT = OPEN - {Phase.RECEIVED}
ENDED = frozenset(Phase) - OPEN
ANY = frozenset(Phase)

UNKNOWN_TICKET = "unknown_ticket"
"""Neither ``ticket.received`` nor ``ticket.imported`` came before."""
RECEIVED_LATE = "received_late"
"""The receipt, after other facts of the ticket: those lie under another citizen key."""
RECEIVED_TWICE = "received_twice"


class Rule(NamedTuple):
    """What one kind of event expects and does."""

    fits: frozenset[Phase] = ANY
    """Phases in which nobody is surprised."""
    then: Phase | None = None
    """Phase after it; None: as before."""
    always: bool = False
    """Whether ``then`` holds even where the event did not fit."""
    slug: str = ""
    """Start of the anomaly, which goes on «_when_<phase>»."""


RULES: dict[str, Rule] = {
    "ticket.not_accepted": Rule(OPEN, Phase.NOT_ACCEPTED, True, "not_accepted"),
    "ticket.withdrawn": Rule(OPEN, Phase.WITHDRAWN, True, "withdrawn"),
    "ticket.closed": Rule(OPEN, Phase.CLOSED, True, "closed"),
    "ticket.reopened": Rule(ENDED, Phase.REOPENED, True, "reopened"),
    "ticket.merged": Rule(OPEN, slug="merged"),
    "ticket.split": Rule(OPEN, slug="split"),
    "ticket.progressed": Rule(OPEN, slug="progressed"),
    "ticket.dispatched": Rule(OPEN, Phase.DISPATCHED, slug="dispatched"),
    "ticket.designated": Rule(OPEN, Phase.DISPATCHED, slug="designated"),
    "dispatch.accepted": Rule(WITH_DEPARTMENT, slug="accepted"),
    "return.requested": Rule(WITH_DEPARTMENT, slug="return_requested"),
    "return.approved": Rule(WITH_DEPARTMENT, slug="return_approved"),
    "return.refused": Rule(WITH_DEPARTMENT, slug="return_refused"),
    "extension.requested": Rule(OPEN, slug="extension_requested"),
    "extension.granted": Rule(OPEN, slug="extension_granted"),
    "extension.refused": Rule(OPEN, slug="extension_refused"),
    "hold.started": Rule(OPEN, slug="hold_started"),
    "hold.ended": Rule(OPEN, slug="hold_ended"),
    "verification.requested": Rule(OPEN, slug="verification_requested"),
    "verification.answered": Rule(OPEN, slug="verification_answered"),
    "solution.proposed": Rule(OPEN, slug="solution_proposed"),
    "solution.agreed": Rule(OPEN, slug="solution_agreed"),
    # A platform that publishes five kinds of event has no dispatch to reply to.
    "reply.submitted": Rule(OPEN, Phase.REPLIED, slug="reply"),
    "reply.approved": Rule(WITH_DEPARTMENT, slug="reply_approved"),
    "reply.rejected": Rule(WITH_DEPARTMENT, Phase.DISPATCHED, slug="reply_rejected"),
    "close.requested": Rule(OPEN, slug="close_requested"),
    # Some platforms ask the citizen before they close.
    "callback.answered": Rule(
        frozenset({Phase.REPLIED, Phase.REOPENED, Phase.CLOSED}), slug="callback"
    ),
    "ticket.amended": Rule(),
    "citizen.chased": Rule(),
    "evidence.added": Rule(),
    "escalation.requested": Rule(),
    "escalation.acknowledged": Rule(),
    "remedy.opened": Rule(),
    "remedy.done": Rule(),
    "supervision.ordered": Rule(),
    "supervision.answered": Rule(),
    "enforcement.handed_over": Rule(),
    "verdict.marked": Rule(),
    "finding.recorded": Rule(),
    "command.applied": Rule(),
    "command.refused": Rule(),
    "notice.delivered": Rule(),
    "notice.failed": Rule(),
}
"""By kind: the type without ``hotline.`` and version."""

RECEIPTS = frozenset({"ticket.received", "ticket.imported"})
"""What makes a ticket known."""
WITHOUT_TICKET = frozenset(
    {"contact.received", "contact.answered", "call.recorded", "identity.linked"}
)
"""``subject`` may be a contact: there is no life to fit into."""

IMPORTED_AS: dict[str, Phase] = {
    "received": Phase.RECEIVED,
    "dispatched": Phase.DISPATCHED,
    "accepted": Phase.DISPATCHED,
    "return_requested": Phase.DISPATCHED,
    "on_hold": Phase.DISPATCHED,
    "replied": Phase.REPLIED,
    "close_requested": Phase.REPLIED,
    "closed": Phase.CLOSED,
    "reopened": Phase.REOPENED,
}
"""Phase of an imported ticket by its ``state`` at cut-over."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an event did to the life of its ticket."""

    phase: Phase | None
    known: bool
    anomaly: str | None = None


@cache
def kind_of(event_type: str) -> str:
    """``ticket.received`` of ``hotline.ticket.received.v1``."""
    return event_type.removeprefix("hotline.").rpartition(".v")[0]


def step(kind: str, *, phase: Phase | None, known: bool, imported_state: str | None = None) -> Step:
    """What follows from an event of this kind.

    Args:
        kind: as ``kind_of`` gives it.
        phase: before the event; None if nothing told it yet.
        known: whether the ticket was received or imported before.
        imported_state: of ``ticket.imported``, how it stood at cut-over.
    """
    if kind in WITHOUT_TICKET:
        return Step(phase, known)
    if kind in RECEIPTS:
        stated = IMPORTED_AS.get(imported_state or "") or phase
        if known:
            return Step(stated, True, RECEIVED_TWICE)
        if phase is not None:
            return Step(stated, True, RECEIVED_LATE)
        return Step(stated or Phase.RECEIVED, True)
    rule = RULES[kind]
    if not known:
        return Step(rule.then or phase or Phase.RECEIVED, False, UNKNOWN_TICKET)
    assert phase is not None, "a known ticket has a phase"
    if phase in rule.fits:
        return Step(rule.then or phase, True)
    then = rule.then if rule.always and rule.then else phase
    return Step(then, True, f"{rule.slug}_when_{phase}")
