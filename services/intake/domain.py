"""Intake: from what platforms publish to the log (contract.md; R1, R6, R12, R14, R61).

Pure: a record comes in, what follows comes out. Ordering by ticket is the inbox's partitions',
monotony of the clock and the ticks are the runtime's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple

import orjson
from aiokafka.partitioner import murmur2

from policy.bundle import Policy
from runtime.processor import Decision, Effect, Note, Processor, Record
from schemas.clock import ClockRecord
from schemas.envelope import Envelope
from schemas.events import (
    CallRecorded,
    ContactAnswered,
    ContactReceived,
    IdentityLinked,
    TicketAmended,
    TicketImported,
    TicketReceived,
)
from schemas.events.citizens import Alias
from schemas.events.parts import Party
from schemas.ids import Citizen
from schemas.topics import CLOCK, INBOX, TICKETS, Topic
from services.intake import life_cycle
from services.intake.life_cycle import Phase
from services.intake.masking import mask
from services.intake.reading import (
    MAX_EVENT_BYTES,
    InboxEvent,
    Refused,
    Tick,
    appended_at,
    hashed,
    read,
    refuse_absurd,
)
from vault.directory import Directory, anonymous

TICK_HEADER = "hotline-tick"
"""On a record without an event: it only moves its inbox partition's clock."""
HOP_HEADER = "hotline-hop"
"""On an event that intake passed to the partition of its subject; it is passed on once."""

PUBLISHERS = frozenset(
    {
        *("specversion", "id", "source", "type", "time", "subject", "datacontenttype"),
        *("dataschema", "traceparent", "tracestate"),
    }
)
"""Attributes that go on as they came."""
OURS = frozenset(
    {
        *("citizen", "sequence", "recordedtime", "policyversion", "causationid"),
        *("anomaly", "leaf", "previousleaf"),
    }
)
"""Attributes that only intake writes; a publisher's are dropped."""


@dataclass(frozen=True, slots=True)
class TicketState:
    """What intake keeps of a ticket (or of a contact that led to none)."""

    citizen: str
    """Its key on the log."""
    named: bool
    """Whether its receipt settled the citizen, for life."""
    known: bool
    """Whether it was received or imported."""
    phase: Phase | None
    sequence: int
    leaf: str | None
    wake_at: datetime | None
    """When it is forgotten, or ``seen`` is if it is still open; None: open, and quiet for long."""
    seen: dict[str, str] = field(default_factory=dict)
    """Identity (hashed) of each event to its digest, the latest last."""


class _People(NamedTuple):
    """The citizens in an event."""

    citizen: Citizen | None = None
    principal: Citizen | None = None
    """委托人, when the citizen speaks for another."""

    def whose(self, policy: Policy) -> Citizen | None:
        """Whose case it is (同人): the principal's where the policy says so and one is known."""
        if self.principal is not None and policy.repeat.same_person == "principal":
            return self.principal
        return self.citizen


_NOBODY = _People()
_RECEIPTS = (TicketReceived, TicketImported)
_WITH_LEAF = (TicketReceived, TicketImported, ContactReceived, ContactAnswered)
_NAMING = life_cycle.RECEIPTS | {"contact.received"}


class Intake(Processor[TicketState, InboxEvent | Tick]):
    """Validates, orders, drops duplicates, names citizens, masks, and flags what does not fit."""

    name: ClassVar[str] = "intake"
    inputs: ClassVar[tuple[Topic, ...]] = (INBOX,)
    outputs: ClassVar[tuple[Topic, ...]] = (TICKETS, INBOX, CLOCK)
    own_clock: ClassVar[bool] = True
    state_type = TicketState

    def __init__(
        self,
        *,
        directory: Directory,
        partitions: int,
        forward: bool = True,
        max_event_bytes: int = MAX_EVENT_BYTES,
        reader: Callable[[Record, int], InboxEvent] = read,
    ) -> None:
        """Args:
        directory: gives citizens their pseudonyms.
        partitions: of the inbox.
        forward: whether an event in the wrong partition is passed on; off where the inbox is
            keyed by something else on purpose (replay keys it by citizen).
        max_event_bytes: of a record that is parsed at all; ``policy.intake`` may say less.
        """
        self._directory = directory
        self._partitions = partitions
        self._forward = forward
        self._max_event_bytes = max_event_bytes
        self._read = reader

    def decode(self, record: Record) -> InboxEvent | Tick:
        """The event in a record of the inbox, structured or binary. Raises ``Unreadable``."""
        if any(name == TICK_HEADER for name, _ in record.headers):
            return Tick()
        return self._read(record, self._max_event_bytes)

    def recorded_at(self, event: InboxEvent | Tick, record: Record) -> datetime:
        """When the broker appended it."""
        return appended_at(record)

    def subject(self, event: InboxEvent | Tick) -> str:
        """The ticket; of a tick nothing."""
        return "" if isinstance(event, Tick) else event.event.subject

    def source(self, event: InboxEvent | Tick) -> str:
        """The publisher, whose poison is counted by itself."""
        return "" if isinstance(event, Tick) else event.event.source

    def keys(self, event: InboxEvent | Tick, policy: Policy) -> tuple[str, ...]:
        """The ticket; none for a tick."""
        return () if isinstance(event, Tick) else (event.event.subject,)

    def decide(
        self,
        states: Mapping[str, TicketState | None],
        event: InboxEvent | Tick,
        now: datetime,
        policy: Policy,
    ) -> Decision[TicketState]:
        """What goes on to the log. Raises ``Refused`` for what must not."""
        if isinstance(event, Tick):
            return Decision()
        if self._forward and self._is_elsewhere(event):
            return _passed_on(event)
        incoming = event.event
        refuse_absurd(event, policy)
        state = states[incoming.subject]
        identity = hashed(f"{incoming.source}\x1f{incoming.id}".encode())
        known_digest = None if state is None else state.seen.get(identity)
        if known_digest == event.digest:
            return Decision(notes=(("intake_duplicates", (incoming.source,)),))
        if known_digest is not None:
            raise Refused(
                "id_reused",
                f"id {incoming.id!r} of source {incoming.source!r} came before with another"
                " content: give each event an id of its own",
                source=incoming.source,
            )
        if event.elsewhere is not None:
            raise Refused(
                "id_reused",
                f"id {incoming.id!r} of source {incoming.source!r} came before on"
                f" {event.elsewhere!r}: give each event an id of its own",
                source=incoming.source,
            )
        return self._taken(state, event, identity, now, policy)

    def wake(
        self, key: str, state: TicketState, due: datetime, policy: Policy
    ) -> Decision[TicketState]:
        """Forgets a ticket of which nothing was heard for long; of an open one only the ids.

        Of Boston's tickets of 2011, three in a hundred were closed more than 400 days after they
        came: the close must still find citizen, leaf and sequence.
        """
        if state.phase in life_cycle.OPEN:
            return Decision(states={key: replace(state, seen={}, wake_at=None)})
        return Decision(states={key: None})

    def at_commit(self, partition: int, clock: datetime) -> Sequence[Effect]:
        """«This inbox partition is done up to the clock», for every worker's watermark."""
        done = ClockRecord(partition, clock)
        return (Effect(CLOCK, key=str(partition), value=done.to_bytes()),)

    def _is_elsewhere(self, event: InboxEvent) -> bool:
        if any(name == HOP_HEADER for name, _ in event.record.headers):
            return False
        home = (murmur2(event.event.subject.encode()) & 0x7FFFFFFF) % self._partitions
        return bool(home != event.record.partition)

    def _taken(
        self,
        state: TicketState | None,
        event: InboxEvent,
        identity: str,
        now: datetime,
        policy: Policy,
    ) -> Decision[TicketState]:
        incoming = event.event
        kind = life_cycle.kind_of(incoming.type)
        people = self._people(incoming, now)
        citizen, named = _citizen(state, incoming, kind, people.whose(policy))
        life = life_cycle.step(
            kind,
            phase=state.phase if state else None,
            known=state.known if state else False,
            imported_state=incoming.data.state if isinstance(incoming, TicketImported) else None,
        )
        leaf_before = state.leaf if state else None
        leaf = _leaf_after(incoming, leaf_before)
        after = TicketState(
            citizen=citizen,
            named=named,
            known=life.known,
            phase=life.phase,
            sequence=state.sequence + 1 if state else 1,
            leaf=leaf,
            wake_at=now + timedelta(days=policy.intake.forget_after_days),
            seen=_remembered(state, identity, event.digest, policy.intake.seen_ids),
        )
        document = self._cleaned(event, people, now)
        document["citizen"] = citizen
        document["sequence"] = after.sequence
        document["recordedtime"] = now
        document["policyversion"] = policy.version
        if leaf is not None:
            document["leaf"] = leaf
        if leaf_before is not None and leaf_before != leaf:
            document["previousleaf"] = leaf_before
        notes: tuple[Note, ...] = ()
        if life.anomaly is not None:
            document["anomaly"] = life.anomaly
            notes = (("intake_anomalies", (incoming.source, life.anomaly)),)
        value = orjson.dumps(document, option=orjson.OPT_UTC_Z)
        return Decision(
            states={incoming.subject: after},
            effects=(Effect(TICKETS, key=citizen, value=value),),
            notes=notes,
        )

    def _people(self, incoming: Envelope, now: datetime) -> _People:
        if isinstance(incoming, _RECEIPTS):
            party, named = incoming.data.complainant, not incoming.data.anonymous
        elif isinstance(incoming, TicketAmended):
            party, named = incoming.data.changes.complainant, not incoming.data.changes.anonymous
        elif isinstance(incoming, ContactReceived):
            party, named = incoming.data.caller, True
        else:
            return _NOBODY
        if party is None or not named:
            return _NOBODY
        return _People(
            self._pseudonym(party, incoming.source, now),
            self._pseudonym(party.on_behalf_of, incoming.source, now),
        )

    def _pseudonym(self, party: Party | None, source: str, now: datetime) -> Citizen | None:
        if party is None or not party.identities:
            return None
        found = self._directory.resolve(party.identities, source, now)
        return None if found is None else found.citizen

    def _cleaned(self, event: InboxEvent, people: _People, now: datetime) -> dict[str, Any]:
        """The document as it may go on: unknown fields kept, personal data masked or withheld.

        Pseudonyms stand where the identities of a citizen and of a principal (委托人) stood.
        """
        result = {
            name: value if name in PUBLISHERS else mask(value)
            for name, value in event.document.items()
            if name not in OURS
        }
        incoming, data = event.event, result["data"]
        if people is not _NOBODY:
            content = data["changes"] if isinstance(incoming, TicketAmended) else data
            name = "caller" if isinstance(incoming, ContactReceived) else "complainant"
            if people.citizen is not None:
                content[name]["citizen"] = people.citizen
            if people.principal is not None:
                content[name]["on_behalf_of"]["citizen"] = people.principal
        elif isinstance(incoming, CallRecorded):
            data.pop("number", None)
        elif isinstance(incoming, IdentityLinked):
            for name in ("first", "second"):
                alias: Alias = getattr(incoming.data, name)
                if alias.identity is not None and alias.citizen is None:
                    found = self._directory.resolve((alias.identity,), incoming.source, now)
                    data[name]["citizen"] = found.citizen if found else anonymous(incoming.subject)
        return result


def _citizen(
    state: TicketState | None, incoming: Envelope, kind: str, found: Citizen | None
) -> tuple[str, bool]:
    """Whose ticket it is, and whether that is settled.

    A receipt settles it for life. What comes before the receipt of its ticket lies under
    ``anon:<ticket>`` until the hand-over of linked identities.
    """
    if state is not None and state.named:
        return state.citizen, True
    if found is not None and kind in _NAMING:
        return found, True
    before = state.citizen if state else anonymous(incoming.subject)
    return before, kind in life_cycle.RECEIPTS


def _passed_on(event: InboxEvent) -> Decision[TicketState]:
    record = event.record
    assert record.value is not None, "what was decoded has a value"
    passed = Effect(
        INBOX,
        key=event.event.subject,
        value=record.value,
        headers=(*record.headers, (HOP_HEADER, b"1")),
    )
    return Decision(effects=(passed,), notes=(("intake_forwarded", (str(record.partition),)),))


def _leaf_after(incoming: Envelope, before: str | None) -> str | None:
    """The leaf in force after the event; an amendment may also empty it."""
    if isinstance(incoming, _WITH_LEAF):
        return incoming.data.leaf or before
    if isinstance(incoming, TicketAmended) and "leaf" in incoming.data.changed:
        return incoming.data.changes.leaf
    return before


def _remembered(
    state: TicketState | None, identity: str, digest: str, limit: int
) -> dict[str, str]:
    seen = dict(state.seen) if state else {}
    seen[identity] = digest
    while len(seen) > limit:
        del seen[next(iter(seen))]
    return seen
