"""``DIR/<topic>.jsonl``: one CloudEvents document a line, and what the summary counts."""

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec
import orjson

from runtime.driver import Written
from schemas.dead_letter import DeadLetter
from schemas.ids import effect_id
from schemas.topics import DEAD_LETTERS, FACTS, REPEATS, TICKETS, Topic

WRITTEN: tuple[Topic, ...] = (TICKETS, *FACTS, DEAD_LETTERS)
"""Topics that a replay writes to files; clocks, changelogs and the inbox are means, not results."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Seen(msgspec.Struct, frozen=True):
    """What the summary counts of any record."""

    type: str
    anomaly: str | None = None
    policyversion: str | None = None


_SEEN = msgspec.json.Decoder(_Seen)
SUMMARISED = ("verdict", "reason", "counted", "recontact", "dimensions", "revision")


@dataclass(slots=True)
class Counts:
    """What a replay came to; those of several processes can be added up."""

    records: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    anomalies: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    """Of each verdict fact, in order, what ``summary`` needs: subject and some of its data."""

    def add(self, other: "Counts") -> None:
        """Take over the counts of another process."""
        self.records += other.records
        self.types += other.types
        self.anomalies += other.anomalies
        self.letters += other.letters
        self.policies += other.policies
        self.verdicts += other.verdicts


class Output:
    """The files of a replay, and their counts. A context manager."""

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
        for topic in WRITTEN:
            self._files[topic.name] = (self.directory / f"{topic.name}.jsonl").open("wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            file.close()

    def write(self, written: Written) -> None:
        """Take one record that a processor wrote."""
        name = written.topic.name
        if name not in self._names:
            return
        self.counts.records[name] += 1
        if name == DEAD_LETTERS.name:
            document = letter_document(DeadLetter.from_record(written.value, written.headers))
            reason = f"{document['data']['service']}: {document['data']['reason']}"
            self.counts.letters[reason] += 1
            line = orjson.dumps(document)
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
        if name == REPEATS.name:
            document = orjson.loads(line)
            data = document["data"]
            counts.verdicts.append(
                {"subject": document["subject"], "data": {key: data[key] for key in SUMMARISED}}
            )


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
