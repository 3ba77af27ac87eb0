"""Reads the folder that ``hotline replay`` wrote."""

import base64
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import orjson

from cli.dead_lettering.planning import WAITING_REASONS
from cli.explaining.material import Material, Seen
from runtime.engine.scan import Progress
from runtime.errors import HotlineError
from schemas.topics import DEAD_LETTERS, FACTS, TICKETS, Topic


class NotAReplay(HotlineError):
    """The folder does not have what a replay writes.

    Operator action: name the folder that was given to ``hotline replay --out``.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(
            "not_a_replay",
            f"{path} is not there: --from needs the folder that `hotline replay --out` wrote",
        )


def read(directory: Path, material: Material, progress: Progress) -> None:
    """Feed the material ``DIR/<topic>.jsonl``. Raises ``NotAReplay`` naming the file."""
    for topic in FACTS:
        _lines(directory, topic, material, material.take_fact, progress)
    _lines(directory, TICKETS, material, material.take_event, progress)
    _lines(
        directory,
        DEAD_LETTERS,
        material,
        lambda line: material.take_letter(seen(line)),
        progress,
    )


def _lines(
    directory: Path,
    topic: Topic,
    material: Material,
    take: Callable[[bytes], None],
    progress: Progress,
) -> None:
    path = directory / f"{topic.name}.jsonl"
    if not path.is_file():
        raise NotAReplay(path)
    total, passed, count = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        for line in file:
            passed += len(line)
            text = line.strip()
            if text:
                take(text)
                count += 1
            if count % 5_000 == 0:
                progress(topic.name, passed, total)
    progress(topic.name, total, total)
    material.scanned[topic.name] = count


def seen(line: bytes) -> Seen:
    """A letter as a replay writes it: without positions, so what it waits behind has no name."""
    document = orjson.loads(line)
    data = document["data"]
    subject = document["subject"]
    return Seen(
        at=datetime.fromisoformat(document["time"]),
        service=data["service"],
        reason=data["reason"],
        detail=data["detail"],
        subject=None if subject == "unreadable" else subject,
        waits=data["reason"] in WAITING_REASONS,
        blocked_by="" if data["blocked"] else None,
        attempt=data["attempt"],
        value=base64.b64decode(data["value_base64"] or ""),
    )
