"""Puts letters back by the redrive topic of their service, and waits until it has taken them."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from cli.dead_lettering.errors import BeginningExpired, FailedAgain, HoldsAPlace, NotTaken
from cli.dead_lettering.planning import Filed, Pass, blockers, passes
from cli.dead_lettering.reading import read_letters, read_put_back
from runtime.errors import HotlineError
from runtime.settings import EngineSettings
from schemas.dead_letter import RedriveEnd, Redriven
from schemas.topics import redrive

POLL_SECONDS = 0.2
ROUNDS = 20
"""Letters that arrive during a redrive make another round; so many would be a flood."""
EVERYTHING = 2**53
"""As the count of an end marker it lifts any block."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a redrive did."""

    put_back: tuple[Filed, ...]
    waited: bool


async def put_back(
    settings: EngineSettings,
    service: str,
    ticket: str,
    *,
    wait_seconds: float | None = 60.0,
    force: bool = False,
    say: Callable[[str], None] = lambda text: None,
    progress: Callable[[int, int], None] = lambda taken, of: None,
) -> Outcome:
    """Puts the letters of a ticket back to a service, in order, until none of it waits.

    Safe to repeat and to interrupt: each pass is one transaction, and what is on the redrive topic
    is not sent again. Two at once: the later one goes on, the earlier one is fenced.

    Args:
        wait_seconds: for the service to take a pass; None sends one pass and does not wait.
        force: lift the block also when the first of its letters have expired.

    Raises:
        FailedAgain: the rule raised again.
        NotTaken: the service did not take them within the time.
        BeginningExpired: letters of the block are gone, and not ``force``.
    """
    sent: list[Filed] = []
    async with _alone(settings, service, ticket) as producer:
        for _ in range(ROUNDS):
            filed = [one for one in await read_letters(settings) if one.letter.service == service]
            back = await read_put_back(settings, service)
            if sent:
                before = {one.letter.position for one in sent}
                for one in filed:
                    again = one.id not in back and one.letter.position in before
                    if again and one.waits:
                        raise FailedAgain(one)
            subject = next(
                (name for name in blockers(filed, ticket) if passes(filed, back, name)), None
            )
            if subject is None:
                break
            markers: dict[int, int] = {}
            ready = passes(filed, back, subject)
            for each in ready:
                if not each.begins and not force:
                    raise BeginningExpired(each.subject, each.letters[0].block)
                markers[each.partition] = await _send(
                    producer, settings, service, each, force=force
                )
                sent.extend(each.letters)
                say(f"put back {len(each.letters)} of {each.subject}, partition {each.partition}")
            if wait_seconds is None:
                return Outcome(tuple(sent), waited=False)
            total = sum(len(each.letters) + 1 for each in ready)
            await _taken(
                settings,
                service,
                markers,
                wait_seconds,
                lambda missing, total=total: progress(max(0, total - missing), total),  # type: ignore[misc]
            )
        else:
            raise HotlineError(
                "still_arriving", f"letters of {ticket} arrive faster than they are put back"
            )
    return Outcome(tuple(sent), waited=True)


async def put_letter_back(
    settings: EngineSettings, filed: Filed, *, wait_seconds: float | None = 60.0
) -> Outcome:
    """Puts one letter back that holds no place in an order: it could not be read, or was refused.

    The service reads it as it reads any record, but late; if its ticket is blocked by now, it waits
    behind the others. Safe to repeat and to interrupt, as ``put_back``.

    Raises:
        HoldsAPlace: the letter belongs to a blocked ticket.
        FailedAgain: it came to another letter.
        NotTaken: the service did not take it within the time.
    """
    service, partition = filed.letter.service, filed.letter.partition
    if filed.waits:
        raise HoldsAPlace(filed)
    async with _alone(settings, service, f"letter {filed.id}") as producer:
        if filed.id in await read_put_back(settings, service):
            return Outcome((), waited=False)
        known = {one.id for one in await read_letters(settings)}
        back = Redriven.of(filed.letter, filed.id, alone=True)
        async with asyncio.timeout(settings.transaction_timeout_ms / 1000), producer.transaction():
            sent = await producer.send_and_wait(
                settings.topic(redrive(service)),
                key=back.key,
                value=back.value,
                partition=partition,
                headers=list(back.to_headers()),
            )
    if wait_seconds is None:
        return Outcome((filed,), waited=False)
    await _taken(settings, service, {partition: sent.offset}, wait_seconds, lambda missing: None)
    for one in await read_letters(settings):
        if one.id not in known and one.letter.position == filed.letter.position:
            raise FailedAgain(one)
    return Outcome((filed,), waited=True)


@asynccontextmanager
async def _alone(
    settings: EngineSettings, service: str, what: str
) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that fences whoever else puts the same ticket or letter back at this moment."""
    name = hashlib.sha256(what.encode()).hexdigest()[:16]
    producer = AIOKafkaProducer(
        **settings.kafka_client_kwargs(),
        client_id="hotline-dead-letters",
        transactional_id=f"{settings.group_id(service)}-redrive-{name}",
        transaction_timeout_ms=settings.transaction_timeout_ms,
        # An original is as large as its own topic took it; what wraps it needs a little more.
        max_request_size=8 * 1024 * 1024,
    )
    try:
        await producer.start()
        yield producer
    finally:
        await asyncio.wait_for(producer.stop(), settings.commit_timeout_s)


async def _send(
    producer: AIOKafkaProducer, settings: EngineSettings, service: str, one: Pass, *, force: bool
) -> int:
    """Puts a pass back in one transaction. Returns the offset of its end marker."""
    topic = settings.topic(redrive(service))
    end = RedriveEnd(subject=one.subject, letters=EVERYTHING if force else one.put_back)
    async with asyncio.timeout(settings.transaction_timeout_ms / 1000), producer.transaction():
        sent = []
        for filed in one.letters:
            back = Redriven.of(filed.letter, filed.id)
            sent.append(
                await producer.send(
                    topic,
                    key=back.key,
                    value=back.value,
                    partition=one.partition,
                    headers=list(back.to_headers()),
                )
            )
        marker = await producer.send(
            topic,
            key=one.subject.encode(),
            partition=one.partition,
            headers=list(end.to_headers()),
        )
        # Awaited before the commit: aiokafka would commit although a batch failed (engine.md).
        await asyncio.gather(*sent)
        return int((await marker).offset)


async def _taken(
    settings: EngineSettings,
    service: str,
    markers: dict[int, int],
    wait_seconds: float,
    told: Callable[[int], None],
) -> None:
    """Returns once the service has committed past the markers (offset by partition)."""
    topic = settings.topic(redrive(service))
    wanted = {TopicPartition(topic, n): offset + 1 for n, offset in markers.items()}
    async with _admin(settings) as admin:
        deadline = time.monotonic() + wait_seconds
        while True:
            committed = await admin.list_consumer_group_offsets(
                settings.group_id(service), partitions=list(wanted)
            )
            missing = sum(
                max(0, end - (committed[tp].offset if tp in committed else 0))
                for tp, end in wanted.items()
            )
            told(missing)
            if missing == 0:
                return
            if time.monotonic() > deadline:
                raise NotTaken(service, wait_seconds)
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def _admin(settings: EngineSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.kafka_client_kwargs(), client_id="hotline-dead-letters")
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
