"""Intake: from what platforms publish to the log (contract.md; R1, R6, R12, R14, R61).

Pure: a record comes in, what follows comes out. Ordering by ticket is the inbox's partitions',
monotony of the clock and the ticks are the runtime's. What one event does to its ticket is in
``turn``.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final

from aiokafka.partitioner import murmur2
from msgspec.structs import replace

from policy.bundle import Policy
from runtime.keys import KeyRing
from runtime.processor import Decision, Effect, Processor, Record
from runtime.sealing import Sealer
from schemas.clock import ClockRecord
from schemas.topics import CLOCK, INBOX, NOTICES, TICKETS, Topic
from services.intake import life_cycle, parking
from services.intake.masking import Masker
from services.intake.people import people_in
from services.intake.reading import (
    DIGESTS,
    MAX_EVENT_BYTES,
    InboxEvent,
    Refused,
    Tick,
    appended_at,
    hashed,
    read,
    refuse_absurd,
)
from services.intake.state import TicketState
from services.intake.turn import Tools, Turn
from vault.directory import Directory, anonymous

TICK_HEADER = "hotline-tick"
"""On a record without an event: it only moves its inbox partition's clock."""
HOP_HEADER = "hotline-hop"
"""On an event that intake passed to the partition of its subject; it is passed on once."""

PLACES: Final = "places"
"""What the key of places' keys is derived for; of the ring's first version, for they must stay."""


class Intake(Processor[TicketState, InboxEvent | Tick]):
    """Validates, orders, drops duplicates, names citizens, masks, and flags what does not fit."""

    name: ClassVar[str] = "intake"
    inputs: ClassVar[tuple[Topic, ...]] = (INBOX,)
    outputs: ClassVar[tuple[Topic, ...]] = (TICKETS, NOTICES, INBOX, CLOCK)
    own_clock: ClassVar[bool] = True
    state_type = TicketState

    def __init__(
        self,
        *,
        directory: Directory,
        ring: KeyRing,
        partitions: int,
        forward: bool = True,
        max_event_bytes: int = MAX_EVENT_BYTES,
        reader: Callable[[Record, int], InboxEvent] = read,
    ) -> None:
        """Args:
        directory: gives citizens their pseudonyms.
        ring: seals what waits, and makes the keys of places.
        partitions: of the inbox.
        forward: whether an event in the wrong partition is passed on; off where the inbox is
            keyed by something else on purpose (replay keys it by citizen).
        max_event_bytes: of a record that is parsed at all; ``policy.intake`` may say less.
        reader: gives the event of a record and of so many bytes at most; raises ``Unreadable``.
            One that has read the records before may know more of them (``elsewhere``).
        """
        masker = Masker(ring.derive(PLACES, ring.origin))
        self._tools = Tools(directory, masker, Sealer(ring))
        self._digest_key = ring.derive(DIGESTS, ring.origin)
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
        digest = hashed(event.digest.encode(), self._digest_key)
        if known_digest == digest:
            return Decision(notes=(("intake_duplicates", (incoming.source,)),))
        if known_digest is not None:
            raise _reused(event, "with another content")
        if event.elsewhere is not None:
            raise _reused(event, f"on {event.elsewhere!r}")
        if state is None:
            state = TicketState(anonymous(incoming.subject))
        seen = _remembered(state.seen, identity, digest, policy.intake.seen_ids)
        return self._taken(replace(state, seen=seen), event, now, policy)

    def wake(
        self, key: str, state: TicketState, due: datetime, policy: Policy
    ) -> Decision[TicketState]:
        """What is parked goes on, or the ticket is forgotten; of an open one only the ids.

        Of Boston's tickets of 2011, three in a hundred were closed more than 400 days after they
        came: the close must still find citizen, leaf and sequence.
        """
        if state.parked:
            turn = Turn(key, state, due, policy, self._tools)
            turn.release(parking.EXPIRED)
            return turn.decision()
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
        self, state: TicketState, event: InboxEvent, now: datetime, policy: Policy
    ) -> Decision[TicketState]:
        """It goes on, or waits for the receipt of its ticket; a receipt takes along what waited."""
        incoming = event.event
        kind = life_cycle.kind_of(incoming.type)
        people = people_in(incoming, self._tools.directory, now)
        turn = Turn(incoming.subject, state, now, policy, self._tools)
        if policy.intake.park_seconds and parking.must_wait(
            kind, known=state.known, heard_of=state.phase is not None, parked=state.parked
        ):
            if turn.park(event, people):
                return turn.decision()
            turn.release(parking.CROWDED)
        turn.take(event, kind, people)
        if turn.known:
            turn.release(parking.RELEASED)
        return turn.decision()


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


def _reused(event: InboxEvent, how: str) -> Refused:
    incoming = event.event
    return Refused(
        "id_reused",
        f"id {incoming.id!r} of source {incoming.source!r} came before {how}:"
        " give each event an id of its own",
        source=incoming.source,
    )


def _remembered(seen: Mapping[str, str], identity: str, digest: str, limit: int) -> dict[str, str]:
    result = {**seen, identity: digest}
    while len(result) > limit:
        del result[next(iter(result))]
    return result
