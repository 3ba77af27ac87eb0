"""The present states of a service: from its changelog, or made again from what a replay wrote."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
from aiokafka.structs import ConsumerRecord

from cli.explaining.folder import NotAReplay
from policy.bundle import Bundle
from runtime.core import SYSTEM, TASK_KEY, AnyPartition, AnyProcessor, Partition
from runtime.driver import RECORDS_AT_ONCE, Driver
from runtime.engine.scan import Progress, scan
from runtime.engine.task import TaskRecord
from runtime.processor import Record
from runtime.settings import EngineSettings
from runtime.stores.codec import instant, wake_ms
from schemas.topics import Topic, changelog

TICKETS_OF_A_REPLAY: Final = ".jsonl"


async def of_changelog(
    settings: EngineSettings, processor: AnyProcessor, bundle: Bundle, progress: Progress
) -> AnyPartition:
    """All states that the changelog has now, as one partition under ``bundle``.

    Raises:
        TopicMissing: there is no changelog under this prefix.
        HotlineError: it cannot be read to its end, or a newer program wrote it.
    """
    raw: dict[str, bytes] = {}
    clocks_ms = [0]

    def take(record: ConsumerRecord) -> None:
        key = (record.key or b"").decode()
        if record.value is None:
            raw.pop(key, None)
        elif key == TASK_KEY:
            clocks_ms.append(msgspec.json.decode(record.value, type=TaskRecord).clock_ms)
        elif not key.startswith(SYSTEM):
            raw[key] = record.value

    await scan(settings, changelog(processor.name), take, progress)
    part: AnyPartition = Partition(processor, bundle)
    batch = part.begin()
    batch.clock_ms = max(clocks_ms)
    for key in list(raw):
        batch.put(key, part.codec.decode(raw.pop(key), upgrade=processor.upgrade))
    part.apply(batch)
    return part


def of_replay(
    folder: Path,
    processor: AnyProcessor,
    bundle: Bundle,
    progress: Progress,
) -> AnyPartition:
    """The states at the end of a replay: what it wrote goes through the driver once more.

    Raises:
        NotAReplay: the folder lacks what the processor reads.
    """
    driver = Driver([processor], bundle, lambda written: None)
    (part,) = driver.parts
    (topic,) = processor.inputs
    last_ms = 0
    chunk: list[Record] = []

    def take(line: bytes) -> None:
        nonlocal last_ms
        head = orjson.loads(line)
        # Written in the order of its recorded time; a timer's facts may lie a little before.
        last_ms = max(last_ms, _recorded_ms(head))
        key = str(head.get("subject", "")).encode()
        chunk.append(Record(topic, 0, len(chunk), key, line, last_ms))
        if len(chunk) >= RECORDS_AT_ONCE:
            driver.feed_all(chunk)
            chunk.clear()

    lines(folder, topic, take, progress)
    driver.feed_all(chunk)
    driver.advance_ms(last_ms)
    return part


def _recorded_ms(head: dict[str, Any]) -> int:
    at = msgspec.convert(head.get("recordedtime") or head["time"], type=_Instant)
    found = wake_ms(at)
    assert found is not None
    return found


_Instant = type(instant(0))


def lines(folder: Path, topic: Topic, take: Callable[[bytes], None], progress: Progress) -> int:
    """Hand every line of ``FOLDER/<topic>.jsonl`` to ``take``; how many. Raises ``NotAReplay``."""
    path = folder / f"{topic.name}.jsonl"
    if not path.is_file():
        raise NotAReplay(path)
    total, passed, count = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        for line in file:
            passed += len(line)
            if line.strip():
                take(line.strip())
                count += 1
            if count % 5_000 == 0:
                progress(topic.name, passed, total)
    progress(topic.name, total, total)
    return count
