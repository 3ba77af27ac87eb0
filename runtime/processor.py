"""What a service gives the runtime: a pure, synchronous function of (states, event, now, policy).

The same object runs in Kafka's transactions, in the driver and in tests. No clock, no I/O, no
logging and no randomness inside; time comes from the log.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from policy.bundle import Policy
from schemas.envelope import Envelope
from schemas.topics import Topic

Headers = tuple[tuple[str, bytes], ...]


class Record(msgspec.Struct, frozen=True):
    """A record as the broker delivered it.

    A struct, as is all that is made per record: a frozen dataclass takes ten times as long to make.
    """

    topic: Topic
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: Headers = ()


class State(Protocol):
    """What a processor keeps of a key: a frozen slots dataclass that says when to wake it.

    An optional field ``urgency: int`` (0 first) orders timers that are overdue together (F18). An
    optional field ``policy: str | None`` says under which ``Policy.version`` the state was
    reckoned: where another is in force the key is woken once, spread over the time that the bundle
    gives, and the new state must name the version that ``wake`` was given (``runtime.restating``).
    None or "": no version matters to it any more.
    """

    @property
    def wake_at(self) -> datetime | None:
        """When ``wake`` is to be called if nothing happens before; None for never."""


S = TypeVar("S", bound=State)
E = TypeVar("E")


class Effect(msgspec.Struct, frozen=True):
    """A record to write. Facts are models; bytes only where an original is passed on."""

    topic: Topic
    key: str
    value: Envelope | bytes
    headers: Headers = ()
    partition: int | None = None
    """None: the partition of the key (murmur2, as the Java client)."""


Note = tuple[str, tuple[str, ...]]
"""A metric's name in ``runtime.metrics`` and its label values: counted once, after the commit."""


class Decision(msgspec.Struct, Generic[S], frozen=True):
    """What follows from an event or a timer: the changed states and the effects, in order."""

    states: Mapping[str, S | None] = msgspec.field(default_factory=dict)
    """Only keys that were handed in; None forgets the key."""
    effects: Sequence[Effect] = ()
    notes: Sequence[Note] = ()
    """What metrics should count."""
    deposits: Sequence[Any] = ()
    """What ``Outside.deposit`` must have put in its place before the commit."""


class Outside(Protocol):
    """What a service does outside Kafka around the pure step (intake: the database).

    Both may raise ``runtime.engine.ports.Unavailable``: the task then waits and asks again, says so
    in health and metrics, and loses nothing. Any other error ends the worker. Both may be called
    again with the same, also by another worker: a batch that could not be committed is decided
    anew, and what was deposited for it is there already.

    One serves all tasks of an engine, whose calls overlap. It may have ``async close()``, which the
    engine calls when its tasks have ended.
    """

    async def prepare(self, records: Sequence[Record]) -> None:
        """Learn what ``decide`` will ask for of these records (batch look-ups), before it runs.

        A redriven dead letter comes as the original it holds: the very record (topic, partition,
        offset, bytes) that ``decode`` will be given. End markers and timers do not come.
        """

    async def deposit(self, items: Sequence[Any]) -> None:
        """Put what decisions gave (``Decision.deposits``) in its place, before the commit."""


class Unreadable(Exception):
    """Raised by ``decode``: the record goes to the dead letters with this reason."""

    def __init__(self, reason: str, detail: str, *, source: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        """A stable slug: ``not_json``, ``invalid``, ``unknown_type``, ``too_large`` …"""
        self.detail = detail
        """Field and value, for a person."""
        self.source = source
        """The publisher, where it could be read; poison is limited per source at intake."""


class Processor(Generic[S, E]):
    """Base of every processor. Subclasses live in ``services/<name>/domain.py``."""

    name: ClassVar[str]
    """Of the service; names its group, changelog and redrive topic."""
    state_version: ClassVar[int] = 1
    """Of the layout of the state; raise it when ``upgrade`` has something to do."""
    inputs: ClassVar[tuple[Topic, ...]]
    """Co-partitioned: partition p of all of them is handled by one task."""
    outputs: ClassVar[tuple[Topic, ...]]
    own_clock: ClassVar[bool] = False
    """True for intake alone: its clock is its own inbox partition, not the watermark."""
    state_type: type[S]
    """For the codec; a frozen slots dataclass."""

    def decode(self, record: Record) -> E:
        """The event in a record. Raises ``Unreadable``; anything else is a bug of ours.

        ``decide`` may raise ``Unreadable`` too (an id used twice): a dead letter, no quarantine.
        """
        raise NotImplementedError

    def recorded_at(self, event: E, record: Record) -> datetime:
        """The instant of the event on the log's clock (UTC)."""
        raise NotImplementedError

    def subject(self, event: E) -> str:
        """What waits in order behind a rule that raised: the ticket."""
        raise NotImplementedError

    def source(self, event: E) -> str:
        """Whose poison is counted together: at intake the publisher, elsewhere everybody."""
        return ""

    def keys(self, event: E, policy: Policy) -> tuple[str, ...]:
        """The keys of the states that this event may read and change.

        () for an event of no interest: it is passed over, ``decide`` is not called.
        """
        raise NotImplementedError

    def decide(
        self, states: Mapping[str, S | None], event: E, now: datetime, policy: Policy
    ) -> Decision[S]:
        """What follows from the event. ``states`` has every key of ``keys``."""
        raise NotImplementedError

    def wake(self, key: str, state: S, due: datetime, policy: Policy) -> Decision[S]:
        """What follows from ``due`` having come. The new state must not be due at ``due`` again."""
        raise NotImplementedError

    def upgrade(self, raw: bytes, version: int) -> bytes:
        """The state's JSON of an earlier ``state_version``, brought to this one."""
        return raw

    def at_commit(self, partition: int, clock: datetime) -> Sequence[Effect]:
        """Effects of a task that go with every transaction (intake: its clock record)."""
        return ()
