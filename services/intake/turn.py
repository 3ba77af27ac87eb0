"""What the events of one decision do to their ticket: mostly one, or a receipt and what waited.

Each event goes to the log with its stamps, cleaned of personal data; what was lost by that goes to
the vault; whom it concerns is told.
"""

import re
from datetime import datetime, timedelta
from functools import cache
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
from schemas.events.tickets import TicketContent
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

_WITH_LEAF: Final = frozenset({TicketReceived, TicketImported, ContactReceived, ContactAnswered})
_ARRIVING: Final = frozenset({TicketReceived, ContactReceived})
"""What shows that a channel is open (R1); an import comes through none."""
_WITH_PARENT: Final = frozenset({TicketMerged, TicketSplit})
_TELLABLE: Final = frozenset({TicketReceived, TicketImported, TicketAmended})
"""What says how the citizen can be told."""
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
            imported_state=incoming.data.state if type(incoming) is TicketImported else None,
        )
        citizen, named = _whose(before, kind, people.whose(self._policy))
        leaf = _leaf_after(incoming, before.leaf)
        document, lost = _cleaned(said, self._tools.masker, people)
        told = before.told
        if type(incoming) is IdentityLinked:
            written = self._link(said, incoming, document, citizen, leaf)
        else:
            anomaly = life.anomaly
            if type(incoming) in _WITH_PARENT and anomaly is None:
                anomaly = self._parentage(incoming)
            self._write(document, citizen, before.sequence + 1, leaf, before.leaf, anomaly)
            written = 1
            if lost:
                self._deposit(said, Citizen(citizen))
            if type(incoming) in _ARRIVING:
                self._notes.append(("intake_received", (incoming.source, _channel_of(incoming))))
            if type(incoming) in notices.TELLING:
                told = self._tell(incoming, Citizen(citizen), leaf, before, life)
        forget_at = self._now + _days(self._policy.intake.forget_after_days)
        self._state = TicketState(
            citizen=citizen,
            sequence=before.sequence + written,
            named=named,
            known=life.known,
            phase=life.phase,
            leaf=leaf,
            wake_at=before.wake_at if before.parked else forget_at,
            seen=before.seen,
            asked=life.asked,
            parked=before.parked,
            told=told,
        )

    def _write(
        self,
        document: dict[str, Any],
        citizen: str,
        sequence: int,
        leaf: str | None,
        leaf_before: str | None,
        anomaly: str | None,
    ) -> None:
        """One record on the log: the stamps go onto the document."""
        document["citizen"] = citizen
        document["sequence"] = sequence
        document["recordedtime"] = self._now
        document["policyversion"] = self._policy.version
        if leaf is not None:
            document["leaf"] = leaf
        if leaf_before is not None and leaf_before != leaf:
            document["previousleaf"] = leaf_before
        if anomaly is not None:
            document["anomaly"] = anomaly
            self._notes.append(("intake_anomalies", (document["source"], anomaly)))
        value = orjson.dumps(document, option=orjson.OPT_UTC_Z)
        self._effects.append(Effect(TICKETS, key=citizen, value=value))

    def _parentage(self, incoming: Envelope) -> str | None:
        assert isinstance(incoming, TicketMerged | TicketSplit), "only these have a parent"
        return None if incoming.data.parent == self._subject else life_cycle.ANOTHER_PARENT

    def _deposit(self, said: Said, citizen: Citizen) -> None:
        self._deposits.append(Original(citizen, self._subject, said.event.identity, said.value))

    def _tell(
        self,
        incoming: Envelope,
        citizen: Citizen,
        leaf: str | None,
        before: TicketState,
        life: Step,
    ) -> notices.Told:
        outcome = notices.after(
            notices.Occasion(
                event=incoming,
                citizen=citizen,
                leaf=leaf,
                told=before.told or notices.NOTHING,
                first=life.known and not before.known,
                is_open=life.phase in life_cycle.OPEN,
                now=self._now,
                policy=self._policy,
            )
        )
        self._effects += outcome.effects
        self._notes += outcome.notes
        return outcome.told

    # -- linked identities -------------------------------------------------------------------------

    def _link(
        self,
        said: Said,
        incoming: IdentityLinked,
        document: dict[str, Any],
        owner: str,
        leaf: str | None,
    ) -> int:
        """To the partition of each of the two, so that what is kept of both comes together.

        No alias moves: both pseudonyms stay, and the vault knows that they are one person. Returns
        how many records it made.
        """
        sequence, leaf_before = self._state.sequence, self._state.leaf
        data = document["data"]
        people: list[Citizen] = []
        for name in ("first", "second"):
            alias: Alias = getattr(incoming.data, name)
            data[name].pop("citizen", None)
            found = self._alias(alias, incoming.source)
            if found is not None:
                data[name]["citizen"] = found
                people.append(found)
        if len(people) < 2:
            odd = life_cycle.NOBODY_TO_LINK
            self._write(document, owner, sequence + 1, leaf, leaf_before, odd)
            self._deposit(said, Citizen(owner))
            return 1
        first, second = people
        both = dict.fromkeys(people)
        for number, citizen in enumerate(both, start=1):
            self._write(document, citizen, sequence + number, leaf, leaf_before, None)
        self._deposit(said, first)
        if first != second:
            by = data.get("by")
            self._deposits.append(
                Link(first, second, incoming.identity, by if type(by) is str else "", self._now)
            )
        return len(both)

    def _alias(self, alias: Alias, source: str) -> Citizen | None:
        if alias.citizen is not None:
            return Citizen(alias.citizen) if _PSEUDONYM.fullmatch(alias.citizen) else None
        assert alias.identity is not None, "an alias names somebody"
        found = self._tools.directory.resolve((alias.identity,), source, self._now)
        return None if found is None else found.citizen


@cache
def _days(count: int) -> timedelta:
    return timedelta(days=count)


def _cleaned(said: Said, masker: Masker, people: People) -> tuple[dict[str, Any], bool]:
    """The document as it may go on, and whether anything was lost: then the original is kept.

    Unknown fields are kept, personal data is masked or withheld. Pseudonyms stand where the
    identities of a citizen and of a principal (委托人) stood.
    """
    result: dict[str, Any] = {}
    said_more: dict[str, Any] = {}
    for name, value in said.document.items():
        if name in PUBLISHERS:
            result[name] = value
        elif name not in OURS:
            said_more[name] = value
    cleaned = masker.mask(said_more)
    lost = cleaned != said_more
    result.update(cleaned)
    incoming, data = said.event, result["data"]
    if people.citizen is not None or people.principal is not None:
        content = data["changes"] if type(incoming) is TicketAmended else data
        party = content["caller" if type(incoming) is ContactReceived else "complainant"]
        if people.citizen is not None:
            _name(party, people.citizen, people.shared)
        if people.principal is not None:
            _name(party["on_behalf_of"], people.principal, people.principal_shared)
    elif type(incoming) is CallRecorded:
        lost = data.pop("number", None) is not None or lost
    if people.citizen is None and type(incoming) in _TELLABLE:
        _reach(incoming, data)
    return result, lost


def _reach(incoming: Any, data: dict[str, Any]) -> None:
    """Of somebody without a pseudonym (匿名): that there is a number at the platform, not which."""
    amended = type(incoming) is TicketAmended
    content: TicketContent = incoming.data.changes if amended else incoming.data
    if content.complainant is not None and content.complainant.identities:
        (data["changes"] if amended else data)["complainant"]["reachable"] = True


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


def _channel_of(incoming: Envelope) -> str:
    assert isinstance(incoming, TicketReceived | ContactReceived), "only these say how they came"
    channel = incoming.data.channel
    return "unknown" if channel is None else channel.value


def _leaf_after(incoming: Envelope, before: str | None) -> str | None:
    """The leaf in force after the event; an amendment may also empty it."""
    if type(incoming) is TicketAmended:
        data = incoming.data
        return data.changes.leaf if "leaf" in data.changes.model_fields_set else before
    if type(incoming) in _WITH_LEAF:
        leaf: str | None = incoming.data.leaf  # type: ignore[attr-defined]
        return leaf or before
    return before
