"""The record of ``hotline.dead-letters``: the original as value, all else in headers (R1, I10).

What could not be read, what a rule raised on, and what waits behind it in order. The record key is
``<service>/<subject>``, so that the letters of one ticket lie in one partition, in order.

The original (its key, value and headers) is sealed, for it may be personal (R61); so it goes back,
and only the service opens it. Letters of before that, and those in memory, hold it in clear: then
the value is the original's, and its key and headers are among the headers.

A letter goes back by ``hotline dead-letters redrive``: one record per letter on the service's
redrive topic, in order, at the partition of the original, then an end marker, in one transaction.
A letter that holds no place in an order (it could not be read, or was refused) goes back alone: no
subject, no end marker, and should its ticket be blocked by now, it waits behind the others.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol, Self

import msgspec

Headers = tuple[tuple[str, bytes], ...]
RawHeaders = Iterable[tuple[str, bytes]]

DETAIL_CHARS = 500
ORIGINAL = "o-"
"""Prefix of the original's own headers, in letters and on the way back."""

SERVICE = "dl-service"
REASON = "dl-reason"
DETAIL = "dl-detail"
TOPIC = "dl-topic"
PARTITION = "dl-partition"
OFFSET = "dl-offset"
TIMESTAMP_MS = "dl-timestamp-ms"
KEY = "dl-key"
NULL_VALUE = "dl-null-value"
SUBJECT = "dl-subject"
BLOCKED_BY = "dl-blocked-by"
ATTEMPT = "dl-attempt"
KIND = "dl-kind"
SOURCE = "dl-source"
SEALED = "dl-sealed"
"""Version of the key that the value is sealed with; not there: all is in clear."""

REDRIVE_LETTER = "redrive-letter"
"""Which letter this is, ``<partition>:<offset>`` on the dead-letter topic."""
REDRIVE_SUBJECT = "redrive-subject"
REDRIVE_TOPIC = "redrive-topic"
REDRIVE_PARTITION = "redrive-partition"
REDRIVE_OFFSET = "redrive-offset"
REDRIVE_TIMESTAMP_MS = "redrive-timestamp-ms"
REDRIVE_KIND = "redrive-kind"
REDRIVE_ATTEMPT = "redrive-attempt"
"""Of the letter; if the rule raises again, the new letter has the next number."""
REDRIVE_SEALED = "redrive-sealed"
REDRIVE_END = "redrive-end"
"""On the end marker alone: how many letters of the subject were put back since its block began."""

# An ASCII letter directly before makes a word of it, as in the ticket T20261121-000051. But the
# letter may be the end of an escape (\n, \u3000), which is how a quoted text shows its spaces.
_START = (
    r"(?:(?<![A-Za-z\d])|(?<=\\[abfnrtv])|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-f]{4})"
    r"|(?<=\\U[0-9a-f]{8}))"
)
_DIGITS = re.compile(
    rf"{_START}(?:\d{{7,}}(?:[Xx](?![A-Za-z\d]))?|\d{{2,6}}(?:[ -]\d{{3,4}}){{1,2}}[ -]?\d{{4,}})"
)
_MAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")

Kind = Literal["record", "timer"]


def masked(detail: str) -> str:
    """The text without long numbers (phones, identity cards, accounts) and mail addresses, cut.

    A number that a letter stands directly before is part of an id, and stays.
    """
    short = _MAIL.sub("***@***", _DIGITS.sub("***", detail[: 4 * DETAIL_CHARS]))
    return short if len(short) <= DETAIL_CHARS else short[: DETAIL_CHARS - 1] + "…"


class NotALetter(ValueError):
    """A record on the dead-letter or redrive topic that does not have the headers of one."""

    def __init__(self, header: str, problem: str) -> None:
        super().__init__(f"header {header!r}: {problem}")
        self.header = header


class LetterId(NamedTuple):
    """Where a letter lies on the dead-letter topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "LetterId":
        """From ``partition:offset``. Raises ``ValueError`` naming what was given."""
        partition, colon, offset = text.partition(":")
        if not (colon and partition.isdecimal() and offset.isdecimal()):
            raise ValueError(f"{text!r} is not <partition>:<offset>, such as 3:1207")
        return cls(int(partition), int(offset))


class Sealer(Protocol):
    """``runtime.sealing.Sealer``, as letters need it."""

    @property
    def version(self) -> int: ...
    def seal(self, plain: bytes, *about: str) -> bytes: ...
    def open(self, sealed: bytes, *about: str) -> bytes: ...


class _Original(msgspec.Struct, array_like=True, frozen=True):
    """What is sealed of a letter, as one."""

    key: bytes | None
    value: bytes | None
    headers: Headers


_PURPOSE = "dead letter"
_original = msgspec.msgpack.Decoder(_Original)


class ToRecord(NamedTuple):
    """What to send; ``key`` and ``value`` as the producer takes them."""

    key: bytes
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One letter. ``detail`` is masked and cut when it is made."""

    service: str
    reason: str
    """A stable slug: ``not_json``, ``invalid``, ``too_large``, ``rule_raised``, ``blocked`` …"""
    detail: str
    """Field and value, for a person; without personal data."""
    topic: str
    """Of the original, by its logical name. Of a timer: the service's changelog."""
    partition: int
    offset: int
    """Of the original. Of a timer: −1."""
    timestamp_ms: int
    """Of the original, by the broker. Of a timer: the due instant."""
    key: bytes | None = None
    """Of the original, byte for byte. Of a timer: the state key."""
    value: bytes | None = None
    headers: Headers = ()
    """Of the original."""
    subject: str | None = None
    """What waits in order: the ticket. None where nothing waits (it could not be read)."""
    blocked_by: str | None = None
    """``position`` of the letter it waits behind; None for the first of a block."""
    attempt: int = 1
    """2 and more: it was put back and failed again."""
    kind: Kind = "record"
    source: str = ""
    """The publisher, where it could be read."""
    sealed: int | None = None
    """Version of the key that the original is sealed with; then ``value`` is that of the record,
    there is neither ``key`` nor ``headers``, and ``opened`` has them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", masked(self.detail))

    @property
    def position(self) -> str:
        """Names the original: topic, partition and offset, of a timer its key and instant."""
        if self.kind == "timer":
            key = (self.key or b"").decode(errors="backslashreplace")
            return f"timer-{self.partition}-{self.timestamp_ms}-{key}"
        return f"{self.topic}-{self.partition}-{self.offset}"

    def opened(self, sealer: Sealer) -> Self:
        """With the original in clear. Raises what ``sealer.open`` does."""
        if self.sealed is None:
            return self
        plain = _unsealed(self.value, self.position, sealer)
        return replace(self, key=plain.key, value=plain.value, headers=plain.headers, sealed=None)

    def closed(self, sealer: Sealer) -> Self:
        """With the original sealed. A timer has none."""
        if self.sealed is not None or self.kind == "timer":
            return self
        plain = msgspec.msgpack.encode(_Original(self.key, self.value, self.headers))
        value = sealer.seal(plain, _PURPOSE, self.position)
        return replace(self, key=None, value=value, headers=(), sealed=sealer.version)

    def to_record(self, sealer: Sealer | None) -> ToRecord:
        """Key, value and headers of the record on the dead-letter topic.

        Args:
            sealer: None only where the letter does not leave this process's memory.
        """
        return self._to_record() if sealer is None else self.closed(sealer)._to_record()

    def _to_record(self) -> ToRecord:
        headers: list[tuple[str, bytes]] = [
            (SERVICE, _text(self.service)),
            (REASON, _text(self.reason)),
            (DETAIL, _text(self.detail)),
            (TOPIC, _text(self.topic)),
            (PARTITION, b"%d" % self.partition),
            (OFFSET, b"%d" % self.offset),
            (TIMESTAMP_MS, b"%d" % self.timestamp_ms),
            (ATTEMPT, b"%d" % self.attempt),
            (KIND, _text(self.kind)),
            (SOURCE, _text(self.source)),
        ]
        if self.key is not None:
            headers.append((KEY, self.key))
        if self.value is None:
            headers.append((NULL_VALUE, b"1"))
        if self.sealed is not None:
            headers.append((SEALED, b"%d" % self.sealed))
        if self.subject is not None:
            headers.append((SUBJECT, _text(self.subject)))
        if self.blocked_by is not None:
            headers.append((BLOCKED_BY, _text(self.blocked_by)))
        headers.extend(_kept(self.headers))
        key = f"{self.service}/{self.position if self.subject is None else self.subject}"
        return ToRecord(_text(key), self.value, tuple(headers))

    @classmethod
    def from_record(cls, value: bytes | None, headers: RawHeaders) -> "DeadLetter":
        """The letter in a record. Raises ``NotALetter`` naming the header."""
        given = list(headers)
        own = {name: content for name, content in given if not name.startswith(ORIGINAL)}
        kind = _word(own, KIND)
        if kind not in ("record", "timer"):
            raise NotALetter(KIND, f"{kind!r} is neither 'record' nor 'timer'")
        return cls(
            service=_word(own, SERVICE),
            reason=_word(own, REASON),
            detail=_word(own, DETAIL),
            topic=_word(own, TOPIC),
            partition=_number(own, PARTITION),
            offset=_number(own, OFFSET),
            timestamp_ms=_number(own, TIMESTAMP_MS),
            key=own.get(KEY),
            value=None if NULL_VALUE in own else value,
            headers=_originals(given),
            subject=_word(own, SUBJECT) if SUBJECT in own else None,
            blocked_by=_word(own, BLOCKED_BY) if BLOCKED_BY in own else None,
            attempt=_number(own, ATTEMPT),
            kind="timer" if kind == "timer" else "record",
            source=_word(own, SOURCE),
            sealed=_number(own, SEALED) if SEALED in own else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """A letter on its way back: the original, and which letter it was."""

    letter: LetterId
    subject: str | None
    """What waits, as the letter has it. None: it goes back alone, and overtakes nobody."""
    topic: str
    partition: int
    """Of the original, and of this record on the redrive topic."""
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    """Of the original."""
    attempt: int = 1
    kind: Kind = "record"
    sealed: int | None = None
    """As of the letter: what is sealed goes back sealed."""

    @property
    def position(self) -> str:
        """As of the letter."""
        return f"{self.topic}-{self.partition}-{self.offset}"

    def opened(self, sealer: Sealer | None) -> Self:
        """With the original in clear; raises what ``sealer.open`` does, ``NotALetter`` without."""
        if self.sealed is None:
            return self
        if sealer is None:
            raise NotALetter(REDRIVE_SEALED, "it is sealed, and there is no key ring here")
        plain = _unsealed(self.value, self.position, sealer)
        return replace(self, key=plain.key, value=plain.value, headers=plain.headers, sealed=None)

    @classmethod
    def of(cls, letter: DeadLetter, at: LetterId, *, alone: bool = False) -> "Redriven":
        """What is to be put back for a letter.

        Args:
            alone: outside any order. Else the letter has a subject.
        """
        if letter.subject is None and not alone:
            raise NotALetter(SUBJECT, f"letter {at} has none, so nothing waits behind it")
        return cls(
            letter=at,
            subject=None if alone else letter.subject,
            topic=letter.topic,
            partition=letter.partition,
            offset=letter.offset,
            timestamp_ms=letter.timestamp_ms,
            key=letter.key,
            value=letter.value,
            headers=letter.headers,
            attempt=letter.attempt,
            kind=letter.kind,
            sealed=letter.sealed,
        )

    def to_headers(self) -> Headers:
        """The original's by prefix (no publisher can fake a «redrive-end»), then ours."""
        subject = () if self.subject is None else ((REDRIVE_SUBJECT, _text(self.subject)),)
        sealed = () if self.sealed is None else ((REDRIVE_SEALED, b"%d" % self.sealed),)
        return (
            *_kept(self.headers),
            (REDRIVE_LETTER, _text(str(self.letter))),
            *subject,
            (REDRIVE_TOPIC, _text(self.topic)),
            (REDRIVE_PARTITION, b"%d" % self.partition),
            (REDRIVE_OFFSET, b"%d" % self.offset),
            (REDRIVE_TIMESTAMP_MS, b"%d" % self.timestamp_ms),
            (REDRIVE_ATTEMPT, b"%d" % self.attempt),
            (REDRIVE_KIND, _text(self.kind)),
            *sealed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveEnd:
    """The end marker of a subject: the block is lifted if the engine has lettered as many."""

    subject: str
    letters: int

    def to_headers(self) -> Headers:
        """Headers of the marker; its value is null."""
        return (
            (REDRIVE_SUBJECT, _text(self.subject)),
            (REDRIVE_END, b"%d" % self.letters),
        )


def read_redrive(
    key: bytes | None, value: bytes | None, headers: RawHeaders
) -> Redriven | RedriveEnd:
    """What a record of a redrive topic is. Raises ``NotALetter`` naming the header."""
    given: Sequence[tuple[str, bytes]] = list(headers)
    own = {name: content for name, content in given if not name.startswith(ORIGINAL)}
    if REDRIVE_END in own:
        return RedriveEnd(subject=_word(own, REDRIVE_SUBJECT), letters=_number(own, REDRIVE_END))
    try:
        letter = LetterId.parse(_word(own, REDRIVE_LETTER))
    except NotALetter:
        raise
    except ValueError as wrong:
        raise NotALetter(REDRIVE_LETTER, str(wrong)) from wrong
    is_timer = _word(own, REDRIVE_KIND) == "timer"
    return Redriven(
        letter=letter,
        subject=_word(own, REDRIVE_SUBJECT) if is_timer or REDRIVE_SUBJECT in own else None,
        topic=_word(own, REDRIVE_TOPIC),
        partition=_number(own, REDRIVE_PARTITION),
        offset=_number(own, REDRIVE_OFFSET),
        timestamp_ms=_number(own, REDRIVE_TIMESTAMP_MS),
        key=key,
        value=value,
        headers=_originals(given),
        attempt=_number(own, REDRIVE_ATTEMPT),
        kind="timer" if is_timer else "record",
        sealed=_number(own, REDRIVE_SEALED) if REDRIVE_SEALED in own else None,
    )


def _unsealed(value: bytes | None, position: str, sealer: Sealer) -> _Original:
    return _original.decode(sealer.open(value or b"", _PURPOSE, position))


def _kept(headers: Headers) -> Headers:
    return tuple((ORIGINAL + name, content) for name, content in headers)


def _originals(headers: RawHeaders) -> Headers:
    return tuple(
        (name.removeprefix(ORIGINAL), content)
        for name, content in headers
        if name.startswith(ORIGINAL)
    )


def _text(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def _word(headers: dict[str, bytes], name: str) -> str:
    try:
        return headers[name].decode()
    except KeyError:
        raise NotALetter(name, "is missing") from None
    except UnicodeDecodeError:
        raise NotALetter(name, f"{headers[name]!r} is not UTF-8") from None


def _number(headers: dict[str, bytes], name: str) -> int:
    word = _word(headers, name)
    try:
        return int(word)
    except ValueError:
        raise NotALetter(name, f"{word!r} is not a whole number") from None
