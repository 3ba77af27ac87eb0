"""``DIR/<topic>.jsonl``: one CloudEvents document a line, and what the summary counts."""

import base64
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from runtime.driver import Written
from schemas.dead_letter import DeadLetter
from schemas.ids import effect_id
from schemas.topics import DEAD_LETTERS, FACTS, TICKETS, Topic

WRITTEN: tuple[Topic, ...] = (TICKETS, *FACTS, DEAD_LETTERS)
"""Topics that a replay writes to files; clocks, changelogs and the inbox are means, not results."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Output:
    """The files of a replay, and their counts. A context manager."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.records: Counter[str] = Counter()
        self.types: Counter[str] = Counter()
        self.anomalies: Counter[str] = Counter()
        self.letters: Counter[str] = Counter()
        self.facts: dict[str, list[dict[str, Any]]] = {topic.name: [] for topic in FACTS}
        self.policies: Counter[str] = Counter()
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
        self.records[name] += 1
        if name == DEAD_LETTERS.name:
            document = letter_document(DeadLetter.from_record(written.value, written.headers))
            self.letters[f"{document['data']['service']}: {document['data']['reason']}"] += 1
            line = orjson.dumps(document)
        else:
            line = written.value or b""
            self._count(name, line)
        file = self._files[name]
        file.write(line)
        file.write(b"\n")

    def _count(self, name: str, line: bytes) -> None:
        document = orjson.loads(line)
        self.types[document["type"]] += 1
        if document.get("anomaly"):
            self.anomalies[document["anomaly"]] += 1
        if name in self.facts:
            self.facts[name].append(document)
        if document.get("policyversion"):
            self.policies[document["policyversion"]] += 1


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
