"""Events that a command publishes into the inbox, and what Kafka has against it."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from runtime.engine.clients import stop_client
from runtime.engine.task import partition_of
from runtime.settings import EngineSettings
from schemas.envelope import Envelope
from schemas.topics import INBOX


@contextmanager
def kafka_said(settings: EngineSettings) -> Iterator[None]:
    """Errors of Kafka end the command with what to do, and exit code 1."""
    try:
        yield
    except KafkaConnectionError as error:
        raise click.ClickException(
            f"no broker at {settings.kafka_bootstrap}: start one with `hotline up`, or name it "
            "with --bootstrap"
        ) from error
    except KafkaError as error:
        raise click.ClickException(f"Kafka: {error}") from error


async def publish(settings: EngineSettings, event: Envelope) -> None:
    """Put one event into the inbox, as a platform would; back when Kafka has acknowledged it."""
    producer = AIOKafkaProducer(
        **settings.kafka_client_kwargs(), acks="all", enable_idempotence=True
    )
    try:
        await producer.start()
        key = event.subject.encode()
        await producer.send_and_wait(
            settings.topic(INBOX),
            key=key,
            value=event.model_dump_json(exclude_none=True).encode(),
            partition=partition_of(key, settings.partitions),
        )
    finally:
        await stop_client(producer)
