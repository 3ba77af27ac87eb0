"""Reads what a running hotline knows from its topics, up to now."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from aiokafka.structs import ConsumerRecord

from cli.dead_lettering.opening import readable, sealer_at_hand
from cli.dead_lettering.planning import WAITING_REASONS
from cli.dead_lettering.reading import read_put_back
from cli.explaining.material import Material, Seen
from runtime.engine.scan import Progress, scan
from runtime.settings import EngineSettings
from schemas.dead_letter import DeadLetter, LetterId, NotALetter
from schemas.topics import DEAD_LETTERS, FACTS, TICKETS, Topic

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def read(settings: EngineSettings, material: Material, progress: Progress) -> None:
    """Feed the material all facts, events and letters there are now.

    Raises:
        TopicMissing: a topic is not there under this prefix.
        HotlineError: a topic cannot be read to its end.
    """
    for topic in FACTS:
        await _count(settings, material, topic, lambda record: material.take_fact, progress)
    await _count(settings, material, TICKETS, lambda record: material.take_event, progress)
    filed: list[tuple[LetterId, DeadLetter]] = []

    def file(record: ConsumerRecord) -> None:
        try:
            letter = DeadLetter.from_record(record.value, record.headers)
        except NotALetter:
            return  # somebody else's record; `hotline dead-letters list` names it
        filed.append((LetterId(record.partition, record.offset), letter))

    material.scanned[DEAD_LETTERS.name] = await scan(settings, DEAD_LETTERS, file, progress)
    sealer = sealer_at_hand(settings)
    filed = [(where, readable(letter, sealer)) for where, letter in filed]
    services = {letter.service for _, letter in filed if letter.reason in WAITING_REASONS}
    back = {service: await read_put_back(settings, service) for service in services}
    for where, letter in filed:
        material.take_letter(seen(letter, put_back=where in back.get(letter.service, ())))


async def _count(
    settings: EngineSettings,
    material: Material,
    topic: Topic,
    pick: Callable[[ConsumerRecord], Callable[[bytes], None]],
    progress: Progress,
) -> None:
    def take(record: ConsumerRecord) -> None:
        if record.value is not None:
            pick(record)(record.value)

    material.scanned[topic.name] = await scan(settings, topic, take, progress)


def seen(letter: DeadLetter, *, put_back: bool) -> Seen:
    """The letter as a story needs it."""
    return Seen(
        at=EPOCH + timedelta(milliseconds=letter.timestamp_ms),
        service=letter.service,
        reason=letter.reason,
        detail=letter.detail,
        position=letter.position,
        subject=letter.subject,
        blocked_by=letter.blocked_by,
        waits=letter.subject is not None and letter.reason in WAITING_REASONS,
        put_back=put_back,
        attempt=letter.attempt,
        value=letter.value or b"" if letter.sealed is None else b"",
        key=letter.key,
    )
