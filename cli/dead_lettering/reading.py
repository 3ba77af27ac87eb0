"""Reads the letters, and which of them went back."""

from datetime import datetime

import click
from aiokafka.structs import ConsumerRecord

from cli.dead_lettering.planning import Filed
from runtime.engine.scan import scan
from runtime.settings import EngineSettings
from schemas.dead_letter import DeadLetter, LetterId, NotALetter, Redriven, read_redrive
from schemas.topics import DEAD_LETTERS, redrive


async def read_letters(
    settings: EngineSettings, *, since: datetime | None = None, only: LetterId | None = None
) -> list[Filed]:
    """The letters on the dead-letter topic, by partition and offset.

    Raises:
        TopicMissing: there is no dead-letter topic under this prefix.
    """
    found = []
    start_ms = None if since is None else round(since.timestamp() * 1000)

    def take(record: ConsumerRecord) -> None:
        try:
            letter = DeadLetter.from_record(record.value, record.headers)
        except NotALetter as not_one:
            click.echo(f"{record.partition}:{record.offset} is no letter: {not_one}", err=True)
            return
        if start_ms is None or record.timestamp >= start_ms:
            found.append(Filed(LetterId(record.partition, record.offset), letter, record.timestamp))

    await scan(settings, DEAD_LETTERS, take, since_ms=start_ms, only=only)
    return sorted(found, key=lambda one: one.id)


async def read_put_back(settings: EngineSettings, service: str) -> set[LetterId]:
    """The letters that were put back to a service already."""
    back: set[LetterId] = set()

    def take(record: ConsumerRecord) -> None:
        try:
            one = read_redrive(record.key, record.value, record.headers)
        except NotALetter:
            return  # the service letters it as ``invalid_redrive``
        if isinstance(one, Redriven):
            back.add(one.letter)

    await scan(settings, redrive(service), take)
    return back
