"""Reads one topic to its end: of a running hotline, or of a folder that a replay wrote."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from aiokafka.structs import ConsumerRecord

from cli.explaining.folder import NotAReplay
from cli.progress import Shown, reading_bar
from cli.publishing import kafka_said
from runtime.engine.scan import scan
from runtime.settings import EngineSettings
from schemas.topics import Topic


def read(
    settings: EngineSettings, directory: Path | None, topic: Topic, take: Callable[[bytes], None]
) -> int:
    """Hand over every record there is now; how many.

    Raises:
        NotAReplay: the folder has no such file.
        HotlineError: the topic cannot be read.
    """
    if directory is not None:
        return _lines(directory / f"{topic.name}.jsonl", take)
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())

    def hand_over(record: ConsumerRecord) -> None:
        if record.value is not None:
            take(record.value)

    with reading_bar() as bar, kafka_said(settings):
        return asyncio.run(scan(settings, topic, hand_over, Shown(bar)))


def _lines(path: Path, take: Callable[[bytes], None]) -> int:
    if not path.is_file():
        raise NotAReplay(path)
    count = 0
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                take(line.strip())
                count += 1
    return count
