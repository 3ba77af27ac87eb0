"""``DIR/<topic>.jsonl``: one CloudEvents document a line, and what the summary counts.

Until all is written the files are called ``….partial``: a replay that fails or is interrupted
leaves the result of the one before as it was.
"""

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import msgspec
import orjson

from runtime.core import TIMER_SUBJECT
from runtime.driver import Written
from schemas.dead_letter import DeadLetter
from schemas.ids import effect_id
from schemas.topics import COMMANDS, DEAD_LETTERS, FACTS, REPEATS, SLA, TICKETS, Topic

WRITTEN: tuple[Topic, ...] = (TICKETS, *FACTS, COMMANDS, DEAD_LETTERS)
"""Topics that a replay writes to files; clocks, changelogs and the inbox are means, not results."""

SUMMARY: Final = "summary.json"
PARTIAL: Final = ".partial"
RAISED: Final = frozenset({"rule_raised", "decode_raised", "timer_raised"})
"""Reasons of dead letters that mean a fault of ours, not of what was sent."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Seen(msgspec.Struct, frozen=True):
    """What the summary counts of any record."""

    type: str
    anomaly: str | None = None
    policyversion: str | None = None


class _ClockData(msgspec.Struct, frozen=True):
    target: str = "ticket"
    late: bool = False


class _Clock(msgspec.Struct, frozen=True):
    """What the summary counts of a clock's fact."""

    data: _ClockData


_SEEN = msgspec.json.Decoder(_Seen)
_CLOCK = msgspec.json.Decoder(_Clock)
LATE: Final = "met_late"
SUMMARISED = ("verdict", "reason", "counted", "recontact", "dimensions", "revision")


@dataclass(frozen=True, slots=True, order=True)
class Raised:
    """A record or timer on which a rule of ours raised."""

    at_ms: int
    service: str
    subject: str
    detail: str

    def __str__(self) -> str:
        what = f"ticket {self.subject!r}" if self.subject else "a record without a subject"
        if self.subject.startswith(TIMER_SUBJECT):
            what = f"the timer of {self.subject.removeprefix(TIMER_SUBJECT)!r}"
        at = (_EPOCH + timedelta(milliseconds=self.at_ms)).isoformat(timespec="seconds")
        return f"{self.service}, {what}, recorded {at}: {self.detail}"


@dataclass(slots=True)
class Counts:
    """What a replay came to; those of several processes can be added up."""

    records: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    anomalies: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)
    raised: list[Raised] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    """Of each verdict fact, in order, what ``summary`` needs: subject and some of its data."""
    clocks: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Facts of clocks by target and kind; of those that were met, the late ones once more."""
    commands: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        """Take over the counts of another process."""
        self.records += other.records
        self.types += other.types
        self.anomalies += other.anomalies
        self.letters += other.letters
        self.policies += other.policies
        self.raised += other.raised
        self.verdicts += other.verdicts
        self.clocks += other.clocks
        self.commands += other.commands


class Output:
    """The files of a replay, and their counts. A context manager; ``publish`` before its end."""

    def __init__(self, directory: Path, *, stamped: bool = False) -> None:
        """
        Args:
            stamped: put the recorded time (ms) and a tab before each line, for a merge.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.counts = Counts()
        self._stamped = stamped
        self._files: dict[str, BinaryIO] = {}
        self._names = {topic.name for topic in WRITTEN}

    def __enter__(self) -> Self:
        try:
            for topic in WRITTEN:
                name = topic.name
                self._files[name] = self._partial(f"{name}.jsonl").open("wb")
        except OSError:
            self._discard()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._discard()

    def publish(self, summary: str | None = None) -> None:
        """Give the files their names, in place of those of an earlier replay.

        The summary goes first and comes last: where there is one, it belongs to the other files.
        """
        for file in self._files.values():
            file.close()
        if summary is not None:
            self._partial(SUMMARY).write_text(summary, encoding="utf-8")
            (self.directory / SUMMARY).unlink(missing_ok=True)
        names = [f"{topic.name}.jsonl" for topic in WRITTEN]
        for name in (*names, SUMMARY) if summary is not None else names:
            self._partial(name).replace(self.directory / name)

    def _partial(self, name: str) -> Path:
        return self.directory / f"{name}{PARTIAL}"

    def _discard(self) -> None:
        """What was not published."""
        for file in self._files.values():
            file.close()
        for name in (*(f"{name}.jsonl" for name in self._files), SUMMARY):
            self._partial(name).unlink(missing_ok=True)

    def write(self, written: Written) -> None:
        """Take one record that a processor wrote."""
        name = written.topic.name
        if name not in self._names:
            return
        self.counts.records[name] += 1
        if name == DEAD_LETTERS.name:
            letter = DeadLetter.from_record(written.value, written.headers)
            self.counts.letters[f"{letter.service}: {letter.reason}"] += 1
            if letter.reason in RAISED:
                self.counts.raised.append(
                    Raised(letter.timestamp_ms, letter.service, letter.subject or "", letter.detail)
                )
            line = orjson.dumps(letter_document(letter))
        else:
            line = written.value or b""
            self._count(name, line)
        file = self._files[name]
        if self._stamped:
            file.write(b"%d\t" % written.at_ms)
        file.write(line)
        file.write(b"\n")

    def write_line(self, name: str, line: bytes) -> None:
        """Take a line, with its end, that is counted already."""
        self._files[name].write(line)

    def _count(self, name: str, line: bytes) -> None:
        seen = _SEEN.decode(line)
        counts = self.counts
        counts.types[seen.type] += 1
        if seen.anomaly:
            counts.anomalies[seen.anomaly] += 1
        if seen.policyversion:
            counts.policies[seen.policyversion] += 1
        if name == COMMANDS.name:
            counts.commands[kind_of(seen.type)] += 1
        if name == SLA.name:
            data = _CLOCK.decode(line).data
            counts.clocks[data.target, kind_of(seen.type)] += 1
            if data.late:
                counts.clocks[data.target, LATE] += 1
        if name == REPEATS.name:
            document = orjson.loads(line)
            data = document["data"]
            counts.verdicts.append(
                {"subject": document["subject"], "data": {key: data[key] for key in SUMMARISED}}
            )


def kind_of(fact_type: str) -> str:
    """``breached`` of ``hotline.sla.breached.v1``."""
    return fact_type.split(".")[2]


def letter_document(letter: DeadLetter) -> Mapping[str, Any]:
    """A dead letter as a CloudEvents document, with the original bytes in base64.

    Its id comes from the original's bytes and the reason, not from its offset, so that two ways of
    replaying the same history give the same documents.
    """
    original = base64.b64encode(letter.value or b"").decode()
    return {
        "specversion": "1.0",
        "id": effect_id(
            service=letter.service,
            state_key=letter.subject or "",
            fact_type="hotline.dead_letter.written.v1",
            cause=f"{letter.timestamp_ms} {letter.reason} {letter.attempt}",
            discriminator=original,
        ),
        "source": f"hotline/{letter.service}",
        "type": "hotline.dead_letter.written.v1",
        "time": (_EPOCH + timedelta(milliseconds=letter.timestamp_ms)).isoformat(),
        "subject": letter.subject or "unreadable",
        "datacontenttype": "application/json",
        "data": {
            "service": letter.service,
            "reason": letter.reason,
            "detail": letter.detail,
            "publisher": letter.source or None,
            "topic": letter.topic,
            "kind": letter.kind,
            "attempt": letter.attempt,
            "blocked": letter.blocked_by is not None,
            "value_base64": None if letter.value is None else original,
        },
    }
