"""What the events of one decision do to their ticket: mostly one, or a receipt and what waited.

Each event goes to the log with its stamps, cleaned of personal data; what was lost by that goes to
the vault; whom it concerns is told.
"""

import re
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson
from msgspec.structs import replace

from policy.bundle import Policy
from runtime.processor import Decision, Effect, Note
from runtime.sealing import Sealer
from schemas.envelope import Envelope
from schemas.events import (
    CallRecorded,
    ContactAnswered,
    ContactReceived,
    IdentityLinked,
    TicketAmended,
    TicketImported,
    TicketMerged,
    TicketReceived,
    TicketSplit,
)
from schemas.events.citizens import Alias
from schemas.ids import Citizen
from schemas.topics import TICKETS
from services.intake import life_cycle, notices, parking
from services.intake.life_cycle import Step
from services.intake.masking import Masker
from services.intake.people import People
from services.intake.reading import Said
from services.intake.state import TicketState
from vault.deposits import Deposit, Link, Original
from vault.directory import Directory

PUBLISHERS: Final = frozenset(
    {
        *("specversion", "id", "source", "type", "time", "subject", "datacontenttype"),
        *("dataschema", "traceparent", "tracestate"),
    }
)
"""Attributes that go on as they came."""
OURS: Final = frozenset(
    {
        *("citizen", "sequence", "recordedtime", "policyversion", "causationid"),
        *("anomaly", "leaf", "previousleaf"),
    }
)
"""Attributes that only intake writes; a publisher's are dropped."""

_WITH_LEAF = (TicketReceived, TicketImported, ContactReceived, ContactAnswered)
_NAMING: Final = life_cycle.RECEIPTS | {"contact.received"}
_PSEUDONYM: Final = re.compile(r"c:[0-9a-f]{1,64}|anon:.+")
"""What a publisher may give back as our name of a citizen: it becomes a key on the log."""


class Tools(NamedTuple):
    """What intake works with."""

    directory: Directory
    masker: Masker
    sealer: Sealer


class Turn:
    """The state of one ticket in the course of a decision, and what the decision comes to."""

    __slots__ = (
        *("_deposits", "_effects", "_notes", "_now", "_policy", "_state", "_subject", "_tools"),
    )

    def __init__(
        self, subject: str, state: TicketState, now: datetime, policy: Policy, tools: Tools
    ) -> None:
        self._subject = subject
        self._state = state
        self._now = now
        self._policy = policy
        self._tools = tools
        self._effects: list[Effect] = []
        self._notes: list[Note] = []
        self._deposits: list[Deposit] = []

    @property
    def known(self) -> bool:
        """Whether the ticket was received or imported by now."""
        return self._state.known

    def decision(self) -> Decision[TicketState]:
        """All that follows."""
        return Decision(
            states={self._subject: self._state},
            effects=tuple(self._effects),
            notes=tuple(self._notes),
            deposits=tuple(self._deposits),
        )

    # -- parking -----------------------------------------------------------------------------------

    def park(self, said: Said, people: People) -> bool:
        """Let an event wait for the receipt, where there is room for one more."""
        state, policy = self._state, self._policy.intake
        parked = parking.park(said, people, self._tools.sealer)
        if not parking.has_room(state.parked, parked, policy):
            return False
        until = (
            state.wake_at if state.parked else self._now + timedelta(seconds=policy.park_seconds)
        )
        self._state = replace(state, parked=(*state.parked, parked), wake_at=until)
        self._parking(said.event.source, parking.PARKED)
        return True

    def release(self, why: str) -> None:
        """What waits goes on, in the order in which it came, as of now."""
        waited = self._state.parked
        if not waited:
            return
        self._state = replace(self._state, parked=())
        for each in waited:
            said = parking.reread(each, self._subject, self._tools.sealer)
            self.take(said, life_cycle.kind_of(said.event.type), each.people)
            self._parking(said.event.source, why)

    def _parking(self, source: str, outcome: str) -> None:
        self._notes.append(("intake_parked", (source, outcome)))

    # -- an event ----------------------------------------------------------------------------------

    def take(self, said: Said, kind: str, people: People) -> None:
        """The event goes on."""
        incoming, before = said.event, self._state
        life = life_cycle.step(
            kind,
            phase=before.phase,
            known=before.known,
            asked=before.asked,
            imported_state=incoming.data.state if isinstance(incoming, TicketImported) else None,
        )
        citizen, named = _whose(before, kind, people.whose(self._policy))
        forget_at = self._now + timedelta(days=self._policy.intake.forget_after_days)
        self._state = TicketState(
            citizen=citizen,
            sequence=before.sequence,
            named=named,
            known=life.known,
            phase=life.phase,
            leaf=_leaf_after(incoming, before.leaf),
            wake_at=before.wake_at if before.parked else forget_at,
            seen=before.seen,
            asked=life.asked,
            parked=before.parked,
            told=before.told,
        )
        document = _cleaned(said, self._tools.masker, people)
        if isinstance(incoming, IdentityLinked):
            self._link(said, incoming, document)
            return
        anomaly = life.anomaly
        if isinstance(incoming, TicketMerged | TicketSplit) and anomaly is None:
            anomaly = None if incoming.data.parent == self._subject else life_cycle.ANOTHER_PARENT
        self._write(document, citizen, before.leaf, anomaly)
        if lost_anything(said.document, document):
            self._deposit(said, Citizen(citizen))
        if type(incoming) in notices.TELLING:
            self._tell(incoming, before, life)

    def _write(
        self, document: dict[str, Any], citizen: str, leaf_before: str | None, anomaly: str | None
    ) -> None:
        """One record on the log, with its stamps."""
        state = self._state
        sequence = state.sequence + 1
        self._state = replace(state, sequence=sequence)
        stamped = {
            **document,
            "citizen": citizen,
            "sequence": sequence,
            "recordedtime": self._now,
            "policyversion": self._policy.version,
        }
        if state.leaf is not None:
            stamped["leaf"] = state.leaf
        if leaf_before is not None and leaf_before != state.leaf:
            stamped["previousleaf"] = leaf_before
        if anomaly is not None:
            stamped["anomaly"] = anomaly
            self._notes.append(("intake_anomalies", (document["source"], anomaly)))
        value = orjson.dumps(stamped, option=orjson.OPT_UTC_Z)
        self._effects.append(Effect(TICKETS, key=citizen, value=value))

    def _deposit(self, said: Said, citizen: Citizen) -> None:
        self._deposits.append(Original(citizen, self._subject, said.event.identity, said.value))

    def _tell(self, incoming: Envelope, before: TicketState, life: Step) -> None:
        outcome = notices.after(
            notices.Occasion(
                event=incoming,
                citizen=self._state.citizen,
                leaf=self._state.leaf,
                told=before.told or notices.NOTHING,
                first=life.known and not before.known,
                is_open=life.phase in life_cycle.OPEN,
                now=self._now,
                policy=self._policy,
            )
        )
        self._state = replace(self._state, told=outcome.told)
        self._effects += outcome.effects
        self._notes += outcome.notes

    # -- linked identities -------------------------------------------------------------------------

    def _link(self, said: Said, incoming: IdentityLinked, document: dict[str, Any]) -> None:
        """To the partition of each of the two, so that what is kept of both comes together.

        No alias moves: both pseudonyms stay, and the vault knows that they are one person.
        """
        leaf, data = self._state.leaf, document["data"]
        people: list[Citizen] = []
        for name in ("first", "second"):
            alias: Alias = getattr(incoming.data, name)
            data[name].pop("citizen", None)
            found = self._alias(alias, incoming.source)
            if found is not None:
                data[name]["citizen"] = found
                people.append(found)
        if len(people) < 2:
            owner = Citizen(self._state.citizen)
            self._write(document, owner, leaf, life_cycle.NOBODY_TO_LINK)
            self._deposit(said, owner)
            return
        first, second = people
        for citizen in dict.fromkeys(people):
            self._write(document, citizen, leaf, None)
        self._deposit(said, first)
        if first != second:
            by = data.get("by")
            self._deposits.append(
                Link(first, second, incoming.identity, by if type(by) is str else "", self._now)
            )

    def _alias(self, alias: Alias, source: str) -> Citizen | None:
        if alias.citizen is not None:
            return Citizen(alias.citizen) if _PSEUDONYM.fullmatch(alias.citizen) else None
        assert alias.identity is not None, "an alias names somebody"
        found = self._tools.directory.resolve((alias.identity,), source, self._now)
        return None if found is None else found.citizen


def lost_anything(document: dict[str, Any], cleaned: dict[str, Any]) -> bool:
    """Whether cleaning took more than a publisher's stamps: then the original goes to the vault."""
    return any(name not in OURS and value != cleaned.get(name) for name, value in document.items())


def _cleaned(said: Said, masker: Masker, people: People) -> dict[str, Any]:
    """The document as it may go on: unknown fields kept, personal data masked or withheld.

    Pseudonyms stand where the identities of a citizen and of a principal (委托人) stood.
    """
    said_more = {name: v for name, v in said.document.items() if name not in PUBLISHERS | OURS}
    result = {name: v for name, v in said.document.items() if name in PUBLISHERS}
    result |= masker.mask(said_more)
    incoming, data = said.event, result["data"]
    if people.citizen is not None or people.principal is not None:
        content = data["changes"] if isinstance(incoming, TicketAmended) else data
        party = content["caller" if isinstance(incoming, ContactReceived) else "complainant"]
        if people.citizen is not None:
            _name(party, people.citizen, people.shared)
        if people.principal is not None:
            _name(party["on_behalf_of"], people.principal, people.principal_shared)
    elif isinstance(incoming, CallRecorded):
        data.pop("number", None)
    return result


def _name(party: dict[str, Any], citizen: Citizen, shared: bool) -> None:
    party["citizen"] = citizen
    if shared:
        party["shared"] = True


def _whose(state: TicketState, kind: str, found: Citizen | None) -> tuple[str, bool]:
    """Whose ticket it is, and whether that is settled.

    A receipt settles it for life. What goes on before the receipt of its ticket lies under
    ``anon:<ticket>`` until the hand-over of linked identities.
    """
    if state.named:
        return state.citizen, True
    if found is not None and kind in _NAMING:
        return found, True
    return state.citizen, kind in life_cycle.RECEIPTS


def _leaf_after(incoming: Envelope, before: str | None) -> str | None:
    """The leaf in force after the event; an amendment may also empty it."""
    if isinstance(incoming, _WITH_LEAF):
        return incoming.data.leaf or before
    if isinstance(incoming, TicketAmended) and "leaf" in incoming.data.changed:
        return incoming.data.changes.leaf
    return before
