"""The life of a ticket, as far as intake must know it: to flag what does not fit (contract.md).

The platform is the authority on its tickets: nothing is dropped or changed here. A fact that does
not fit what was known gets an ``anomaly``, and the state follows the platform all the same where
the fact says how the ticket stands (closed is closed), or stays where it only reports work.
"""

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
ANOTHER_PARENT = "another_parent"
"""``ticket.merged`` or ``.split`` on a ticket that it does not name as the parent."""
NOBODY_TO_LINK = "nobody_to_link"
"""``identity.linked`` where one of the two cannot be told."""


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
    asks: str = ""
    """What it leaves open until another event answers it."""
    answers: str = ""
    """What it ends; where nothing of that was open, that is an anomaly."""
    keeps: bool = False
    """Whether what it answers stays open: two people may look at one reply."""
    unasked: bool = False
    """Whether it may also come of itself."""


RETURN, EXTENSION, HOLD, VERIFICATION, REPLY, REMEDY, SUPERVISION = (
    *("return", "extension", "hold", "verification", "reply", "remedy", "supervision"),
)
"""What one event asks for and another answers."""

RULES: dict[str, Rule] = {
    "ticket.not_accepted": Rule(OPEN, Phase.NOT_ACCEPTED, True, "not_accepted"),
    "ticket.withdrawn": Rule(OPEN, Phase.WITHDRAWN, True, "withdrawn"),
    "ticket.closed": Rule(OPEN, Phase.CLOSED, True, "closed"),
    "ticket.reopened": Rule(ENDED, Phase.REOPENED, True, "reopened"),
    # A child (并单, 拆单) tells of itself: its close, its receipt. The parent goes on.
    "ticket.merged": Rule(OPEN, slug="merged"),
    "ticket.split": Rule(OPEN, slug="split"),
    "ticket.progressed": Rule(OPEN, slug="progressed"),
    "ticket.dispatched": Rule(OPEN, Phase.DISPATCHED, slug="dispatched"),
    "ticket.designated": Rule(OPEN, Phase.DISPATCHED, slug="designated"),
    "dispatch.accepted": Rule(WITH_DEPARTMENT, slug="accepted"),
    "return.requested": Rule(WITH_DEPARTMENT, slug="return_requested", asks=RETURN),
    "return.approved": Rule(WITH_DEPARTMENT, slug="return_approved", answers=RETURN),
    "return.refused": Rule(WITH_DEPARTMENT, slug="return_refused", answers=RETURN),
    "extension.requested": Rule(OPEN, slug="extension_requested", asks=EXTENSION),
    "extension.granted": Rule(OPEN, slug="extension_granted", answers=EXTENSION, unasked=True),
    "extension.refused": Rule(OPEN, slug="extension_refused", answers=EXTENSION),
    "hold.started": Rule(OPEN, slug="hold_started", asks=HOLD),
    "hold.ended": Rule(OPEN, slug="hold_ended", answers=HOLD),
    "verification.requested": Rule(OPEN, slug="verification_requested", asks=VERIFICATION),
    "verification.answered": Rule(OPEN, slug="verification_answered", answers=VERIFICATION),
    "solution.proposed": Rule(OPEN, slug="solution_proposed"),
    # The citizen may have had the idea.
    "solution.agreed": Rule(OPEN, slug="solution_agreed"),
    # A platform that publishes five kinds of event has no dispatch to reply to.
    "reply.submitted": Rule(OPEN, Phase.REPLIED, slug="reply", asks=REPLY),
    "reply.approved": Rule(WITH_DEPARTMENT, slug="reply_approved", answers=REPLY, keeps=True),
    "reply.rejected": Rule(
        WITH_DEPARTMENT, Phase.DISPATCHED, slug="reply_rejected", answers=REPLY, keeps=True
    ),
    "close.requested": Rule(OPEN, slug="close_requested"),
    # Some platforms ask the citizen before they close.
    "callback.answered": Rule(
        frozenset({Phase.REPLIED, Phase.REOPENED, Phase.CLOSED}), slug="callback"
    ),
    "ticket.amended": Rule(),
    "citizen.chased": Rule(),
    "evidence.added": Rule(),
    "escalation.requested": Rule(),
    # Of an escalation fact of ours, too, which intake does not see.
    "escalation.acknowledged": Rule(),
    "remedy.opened": Rule(slug="remedy_opened", asks=REMEDY),
    "remedy.done": Rule(slug="remedy_done", answers=REMEDY),
    "supervision.ordered": Rule(slug="supervision_ordered", asks=SUPERVISION),
    "supervision.answered": Rule(slug="supervision_answered", answers=SUPERVISION),
    "enforcement.handed_over": Rule(),
    "verdict.marked": Rule(),
    "finding.recorded": Rule(),
    # Asked for, not done: the platform says what becomes of it.
    "command.reopen": Rule(),
    "command.refuse_close": Rule(),
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

COMMANDS = frozenset({"command.reopen", "command.refuse_close"})
"""Of our own services: they ask, and say nothing of how the ticket stands."""

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


ENDS_WITH_TICKET = frozenset({RETURN, EXTENSION, HOLD, VERIFICATION, REPLY})
"""What nobody waits for once the ticket has ended; it is asked anew after a reopening."""
MAYBE_OPEN: dict[str, int] = dict.fromkeys(
    (RETURN, EXTENSION, HOLD, VERIFICATION, REPLY, REMEDY, SUPERVISION), 1
)
"""Of an imported ticket: what was asked before cut-over may be answered after it."""
NOTHING_OPEN: dict[str, int] = {}


class Step(NamedTuple):
    """What an event did to the life of its ticket."""

    phase: Phase | None
    known: bool
    anomaly: str | None
    asked: dict[str, int]
    """How often each thing was asked for and not answered; not to be changed."""


@cache
def kind_of(event_type: str) -> str:
    """``ticket.received`` of ``hotline.ticket.received.v1``."""
    return event_type.removeprefix("hotline.").rpartition(".v")[0]


def step(
    kind: str,
    *,
    phase: Phase | None,
    known: bool,
    asked: dict[str, int] = NOTHING_OPEN,
    imported_state: str | None = None,
) -> Step:
    """What follows from an event of this kind.

    Args:
        kind: as ``kind_of`` gives it.
        phase: before the event; None if nothing told it yet.
        known: whether the ticket was received or imported before.
        asked: what is open before the event.
        imported_state: of ``ticket.imported``, how it stood at cut-over.
    """
    if kind in WITHOUT_TICKET:
        return Step(phase, known, None, asked)
    if kind in RECEIPTS:
        stated = IMPORTED_AS.get(imported_state or "") or phase
        if kind == "ticket.imported":
            asked = MAYBE_OPEN
        if known:
            return Step(stated, True, RECEIVED_TWICE, asked)
        if phase is not None:
            return Step(stated, True, RECEIVED_LATE, asked)
        return Step(stated or Phase.RECEIVED, True, None, asked)
    rule = RULES[kind]
    waited = not rule.answers or rule.answers in asked or rule.unasked
    if rule.asks or rule.answers:
        asked = _after(rule, asked)
    if not known:
        if kind in COMMANDS:
            return Step(phase, False, UNKNOWN_TICKET, asked)
        return Step(rule.then or phase or Phase.RECEIVED, False, UNKNOWN_TICKET, asked)
    assert phase is not None, "a known ticket has a phase"
    fits = phase in rule.fits
    then = rule.then if rule.then and (fits or rule.always) else phase
    if asked and then in ENDED and phase not in ENDED:
        asked = {each: count for each, count in asked.items() if each not in ENDS_WITH_TICKET}
    if not fits:
        return Step(then, True, f"{rule.slug}_when_{phase}", asked)
    return Step(then, True, None if waited else f"{rule.slug}_unasked", asked)


def _after(rule: Rule, asked: dict[str, int]) -> dict[str, int]:
    """What is open after an event of that rule."""
    if rule.asks:
        return {**asked, rule.asks: asked.get(rule.asks, 0) + 1}
    open_ = asked.get(rule.answers, 0)
    if rule.keeps or not open_:
        return asked
    if open_ > 1:
        return {**asked, rule.answers: open_ - 1}
    return {each: count for each, count in asked.items() if each != rule.answers}
