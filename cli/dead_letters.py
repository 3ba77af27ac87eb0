"""``hotline dead-letters``: what was put aside, why, and how it gets back."""

import asyncio
import hashlib
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from runtime.errors import HotlineError, TopicMissing
from runtime.settings import EngineSettings
from schemas.dead_letter import (
    DeadLetter,
    LetterId,
    NotALetter,
    RedriveEnd,
    Redriven,
    read_redrive,
)
from schemas.topics import DEAD_LETTERS, redrive

WAITING_REASONS = frozenset({"rule_raised", "timer_raised", "blocked"})
"""Of letters that hold a ticket's place in order; the others were refused, and nothing waits."""
READ_TIMEOUT_S = 45.0
"""Above HOTLINE_TRANSACTION_TIMEOUT_MS: an open transaction hides what follows it for that long."""
POLL_SECONDS = 0.2
ROUNDS = 20
"""Letters that arrive during a redrive make another round; so many would be a flood."""
EVERYTHING = 2**53
"""As the count of an end marker it lifts any block."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A letter where it lies."""

    id: LetterId
    letter: DeadLetter
    at_ms: int
    """When it was written, by its record."""

    @property
    def block(self) -> str:
        """Names the block it belongs to, by the record that began it."""
        return self.letter.blocked_by or self.letter.position

    @property
    def waits(self) -> bool:
        """Whether it holds a place in the order of its subject."""
        return self.letter.subject is not None and self.letter.reason in WAITING_REASONS


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of a redrive: letters of one subject, in order, then the end marker."""

    subject: str
    partition: int
    letters: tuple[Filed, ...]
    put_back: int
    """Letters of this block that were put back before and with this pass."""
    begins: bool
    """Whether the letter that began the block is still there (it may have expired)."""


class NotTaken(HotlineError):
    """The service has not taken the letters within the time.

    Operator action: see whether it runs (`hotline status`); nothing needs to be sent again.
    """

    def __init__(self, service: str, seconds: float) -> None:
        super().__init__(
            "not_taken",
            f"{service} has not taken the letters within {seconds:g} s. They are on its redrive "
            "topic and will be taken when it runs; do not send them again",
        )


class HoldsAPlace(HotlineError):
    """A letter of a blocked ticket cannot go back alone: it would overtake those before it.

    Operator action: redrive the ticket as a whole (--ticket).
    """

    def __init__(self, filed: Filed) -> None:
        super().__init__(
            "holds_a_place",
            f"letter {filed.id} holds a place in the order of {filed.letter.subject}: put all of "
            f"it back with --service {filed.letter.service} --ticket {filed.letter.subject}",
        )


class FailedAgain(HotlineError):
    """A letter that was put back failed again; its ticket, if it is known, still waits.

    Operator action: correct the rule, deploy it, and redrive again.
    """

    def __init__(self, filed: Filed) -> None:
        letter = filed.letter
        name = letter.subject if filed.waits else letter.position
        rest = "; it and what follows still wait" if filed.waits else ""
        super().__init__(
            "failed_again",
            f"{name} failed again: {letter.reason}: {letter.detail} "
            f"(letter {filed.id}, attempt {letter.attempt}){rest}",
        )


class BeginningExpired(HotlineError):
    """The first letters of a block are older than the topic keeps them.

    Operator action: decide whether the ticket may go on without those events; then --force.
    """

    def __init__(self, subject: str, block: str) -> None:
        super().__init__(
            "beginning_expired",
            f"{subject} waits behind {block}, whose letter has expired. --force lifts the block "
            "without it",
        )


# --- What to put back: pure ---------------------------------------------------------------------


def blockers(filed: Iterable[Filed], subject: str) -> tuple[str, ...]:
    """The subject and, before it, the timers that its letters wait behind."""
    filed = list(filed)
    behind = {one.block for one in filed if one.waits and one.letter.subject == subject}
    timers = {
        one.letter.subject: None
        for one in filed
        if one.letter.kind == "timer" and one.letter.position in behind and one.letter.subject
    }
    return (*timers, subject)


def passes(filed: Iterable[Filed], back: Collection[LetterId], subject: str) -> tuple[Pass, ...]:
    """What of a subject has not been put back, one pass a partition, in the original order.

    A letter that failed again has the place of its first letter: what came in meanwhile follows.
    """
    partitions: dict[int, list[Filed]] = {}
    for one in sorted(filed, key=lambda one: one.id):
        if one.waits and one.letter.subject == subject:
            partitions.setdefault(one.letter.partition, []).append(one)
    found = []
    for partition, letters in sorted(partitions.items()):
        pending = [one for one in letters if one.id not in back]
        if not pending:
            continue
        first: dict[str, LetterId] = {}
        for one in letters:
            first.setdefault(one.letter.position, one.id)
        pending.sort(key=lambda one: first[one.letter.position])
        block = _block(letters, pending)
        began = block[0].letter
        found.append(
            Pass(
                subject=subject,
                partition=partition,
                letters=tuple(pending),
                put_back=len(block),
                begins=began.blocked_by is None
                or (began.attempt == 1 and began.blocked_by.startswith("timer-")),
            )
        )
    return tuple(found)


def _block(letters: Sequence[Filed], pending: Sequence[Filed]) -> list[Filed]:
    """The letters that the engine has counted since the block of the pending ones began.

    Names of blocks are not enough: what failed again may wait behind a timer now. So: all that
    shares a name or an original with a pending letter, from the last beginning on.
    """
    begun = max((n for n, one in enumerate(letters) if one.letter.blocked_by is None), default=0)
    since = list(letters[begun:])
    known = {name for one in pending for name in (one.block, one.letter.position)}
    while True:
        linked = [one for one in since if one.block in known or one.letter.position in known]
        names = {name for one in linked for name in (one.block, one.letter.position)}
        if names <= known:
            return linked or list(pending)
        known |= names


_AGO = re.compile(r"(\d+)([smhd])")
_UNIT = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_since(text: str, now: datetime) -> datetime:
    """An instant, or a span before ``now`` such as 30m, 12h, 2d. Raises ``ValueError``."""
    ago = _AGO.fullmatch(text)
    if ago:
        return now - timedelta(**{_UNIT[ago[2]]: int(ago[1])})
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a span (30m, 12h, 2d) nor a time (2026-11-21T08:00+08:00)"
        ) from None
    return instant.astimezone() if instant.tzinfo is None else instant


def as_json(filed: Filed, *, put_back: bool | None = None) -> dict[str, Any]:
    """All that is known of a letter but the original bytes."""
    letter = filed.letter
    return {
        "id": str(filed.id),
        "written": _iso(filed.at_ms),
        "service": letter.service,
        "reason": letter.reason,
        "detail": letter.detail,
        "ticket": letter.subject,
        "waits": filed.waits,
        "put_back": put_back,
        "blocked_by": letter.blocked_by,
        "attempt": letter.attempt,
        "kind": letter.kind,
        "source": letter.source,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "recorded": _iso(letter.timestamp_ms),
        "key": None if letter.key is None else letter.key.decode(errors="backslashreplace"),
        "value_bytes": None if letter.value is None else len(letter.value),
        "headers": {
            name: content.decode(errors="backslashreplace") for name, content in letter.headers
        },
    }


# --- Kafka --------------------------------------------------------------------------------------


async def read_letters(
    settings: EngineSettings, *, since: datetime | None = None, only: LetterId | None = None
) -> list[Filed]:
    """The letters on the dead-letter topic, by partition and offset.

    Raises:
        TopicMissing: there is no dead-letter topic under this prefix.
    """
    found = []
    start_ms = None if since is None else round(since.timestamp() * 1000)
    async for record in _records(settings, settings.topic(DEAD_LETTERS), start_ms, only):
        try:
            letter = DeadLetter.from_record(record.value, record.headers)
        except NotALetter as not_one:
            click.echo(f"{record.partition}:{record.offset} is no letter: {not_one}", err=True)
            continue
        if start_ms is None or record.timestamp >= start_ms:
            found.append(Filed(LetterId(record.partition, record.offset), letter, record.timestamp))
    return sorted(found, key=lambda one: one.id)


async def read_put_back(settings: EngineSettings, service: str) -> set[LetterId]:
    """The letters that were put back to a service already."""
    back = set()
    async for record in _records(settings, settings.topic(redrive(service))):
        try:
            one = read_redrive(record.key, record.value, record.headers)
        except NotALetter:
            continue  # the service letters it as ``invalid_redrive``
        if isinstance(one, Redriven):
            back.add(one.letter)
    return back


async def _records(
    settings: EngineSettings,
    topic: str,
    start_ms: int | None = None,
    only: LetterId | None = None,
) -> AsyncIterator[Any]:
    """The committed records of a topic up to its end now, what is still being written included.

    The end is that of all records: one of a transaction that is open now is waited for.
    """
    partitions = await _partitions(settings, topic)
    if only is not None:
        partitions = [tp for tp in partitions if tp.partition == only.partition]
    if not partitions:
        return
    async with _consumer(settings, "read_uncommitted") as uncommitted:
        ends = await uncommitted.end_offsets(partitions)
    async with _consumer(settings, "read_committed") as consumer:
        consumer.assign(partitions)
        starts = await consumer.beginning_offsets(partitions)
        if start_ms is not None:
            times = await consumer.offsets_for_times(dict.fromkeys(partitions, start_ms))
            starts = {tp: found.offset if found else ends[tp] for tp, found in times.items()}
        if only is not None:
            starts = {tp: max(start, only.offset) for tp, start in starts.items()}
            ends = {tp: min(end, only.offset + 1) for tp, end in ends.items()}
        for tp, start in starts.items():
            consumer.seek(tp, start)
        left = {tp for tp in partitions if starts[tp] < ends[tp]}
        consumer.pause(*(set(partitions) - left))
        deadline = time.monotonic() + READ_TIMEOUT_S
        while left:
            batches = await consumer.getmany(*left, timeout_ms=200)
            for tp, records in batches.items():
                for record in records:
                    if record.offset < ends[tp]:
                        yield record
            if batches:
                deadline = time.monotonic() + READ_TIMEOUT_S
            for tp in list(left):
                # The position, not a record: a transaction ends in one that is never delivered.
                if await consumer.position(tp) >= ends[tp]:
                    left.discard(tp)
                    consumer.pause(tp)
            if time.monotonic() > deadline:
                raise HotlineError(
                    "read_stalled",
                    f"partition {min(left).partition} of {topic!r} cannot be read to its end; a "
                    "transaction on it has been open for long, or the broker is in trouble",
                )


@asynccontextmanager
async def _consumer(settings: EngineSettings, isolation: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **settings.kafka_client_kwargs(),
        client_id="hotline-dead-letters",
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="none",
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _partitions(settings: EngineSettings, topic: str) -> list[TopicPartition]:
    # The admin client: a consumer knows the partitions of what it subscribes to alone.
    async with _admin(settings) as admin:
        if topic not in await admin.list_topics():
            raise TopicMissing(topic)
        (described,) = await admin.describe_topics([topic])
    return [TopicPartition(topic, n) for n in range(len(described["partitions"]))]


@asynccontextmanager
async def _admin(settings: EngineSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.kafka_client_kwargs(), client_id="hotline-dead-letters")
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


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


# --- The commands -------------------------------------------------------------------------------


@contextmanager
def _errors_said(settings: EngineSettings | None = None) -> Iterator[None]:
    try:
        yield
    except HotlineError as error:
        raise click.ClickException(error.text) from error
    except KafkaConnectionError as error:
        where = "" if settings is None else f" at {settings.kafka_bootstrap}"
        raise click.ClickException(
            f"no Kafka broker answers{where}: start it (hotline up) or set HOTLINE_KAFKA_BOOTSTRAP"
        ) from error
    except (KafkaError, TimeoutError) as error:
        raise click.ClickException(f"Kafka: {type(error).__name__}: {error}") from error


@click.group(name="dead-letters")
def dead_letters() -> None:
    """See what was put aside, and put it back.

    A record that could not be read, that a rule raised on, or that waits behind such a record of
    its ticket, is kept with its original bytes for 7 days.

    \b
    Examples:
      hotline dead-letters list
      hotline dead-letters list --service dedup --since 2h
      hotline dead-letters show 3:1207
      hotline dead-letters redrive --service dedup --ticket T2026-000123
      hotline dead-letters redrive --letter 3:1207
    """
    # What it would say on stderr (retries, reconnects) ends in an error of ours, or is of no use.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())


@dead_letters.command(name="list")
@click.option("--service", help="Only of this service.")
@click.option("--ticket", help="Only of this ticket.")
@click.option("--since", help="Written since: 30m, 12h, 2d, or a time.")
@click.option("--waiting", is_flag=True, help="Only what waits and was not put back.")
@click.option("--reasons", is_flag=True, help="Count by service and reason instead.")
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True, help="The latest.")
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object a line.")
def list_(
    service: str | None,
    ticket: str | None,
    since: str | None,
    waiting: bool,
    reasons: bool,
    limit: int,
    json_wanted: bool,
) -> None:
    """List letters, the oldest first.

    \b
    Examples:
      hotline dead-letters list --reasons
      hotline dead-letters list --service intake --since 12h
      hotline dead-letters list --waiting --json | jq .ticket
    """
    try:
        start = None if since is None else parse_since(since, datetime.now(UTC))
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--since") from wrong
    with _errors_said():
        settings = EngineSettings.for_command()
    with _errors_said(settings):
        letters, back = asyncio.run(_listed(settings, start, service, ticket))
    if waiting:
        letters = [one for one in letters if one.waits and not _is_back(one, back)]
    if reasons:
        _show_reasons(letters, json_wanted)
        return
    letters.sort(key=lambda one: (one.at_ms, one.id))
    for one in letters[-limit:] if json_wanted else ():
        click.echo(json.dumps(as_json(one, put_back=_is_back(one, back)), ensure_ascii=False))
    if not json_wanted:
        _show_table(letters[-limit:], back, hidden=max(0, len(letters) - limit))


Back = dict[str, set[LetterId]]


def _is_back(one: Filed, back: Back) -> bool:
    return one.id in back.get(one.letter.service, ())


async def _listed(
    settings: EngineSettings, start: datetime | None, service: str | None, ticket: str | None
) -> tuple[list[Filed], Back]:
    letters = [
        one
        for one in await read_letters(settings, since=start)
        if service in (None, one.letter.service) and ticket in (None, one.letter.subject)
    ]
    back: Back = {}
    for name in sorted({one.letter.service for one in letters}):
        try:
            back[name] = await read_put_back(settings, name)
        except TopicMissing:
            back[name] = set()
    return letters, back


def _show_reasons(letters: Sequence[Filed], json_wanted: bool) -> None:
    counts: dict[tuple[str, str], int] = {}
    for one in letters:
        named = (one.letter.service, one.letter.reason)
        counts[named] = counts.get(named, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if json_wanted:
        for (service, reason), count in ranked:
            click.echo(json.dumps({"service": service, "reason": reason, "letters": count}))
        return
    table = Table("letters", "service", "reason", box=None)
    for (service, reason), count in ranked:
        table.add_row(str(count), escape(service), escape(reason))
    Console().print(table if ranked else "no dead letters")


def _show_table(letters: Sequence[Filed], back: Back, *, hidden: int) -> None:
    console = Console()
    if not letters:
        console.print("no dead letters")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("id", "written", "service", "reason", "ticket", "state"):
        table.add_column(column, no_wrap=True)
    table.add_column("detail", overflow="fold")
    for one in letters:
        letter = one.letter
        state = "put back" if _is_back(one, back) else "waits" if one.waits else "refused"
        cells = (
            str(one.id),
            _local(one.at_ms),
            letter.service,
            letter.reason if letter.attempt == 1 else f"{letter.reason} ({letter.attempt})",
            letter.subject or "",
            state,
            letter.detail,
        )
        table.add_row(*map(escape, cells))
    console.print(table)
    if hidden:
        console.print(f"and {hidden} older ones (--limit)", style="dim")


@dead_letters.command()
@click.argument("letter")
@click.option("--value", is_flag=True, help="Print the original bytes alone (may be personal).")
@click.option("--json", "json_wanted", is_flag=True, help="As a JSON object.")
def show(letter: str, value: bool, json_wanted: bool) -> None:
    """Show the letter at PARTITION:OFFSET.

    \b
    Examples:
      hotline dead-letters show 3:1207
      hotline dead-letters show 3:1207 --value > original.json
    """
    one = _found(letter)
    if value:
        click.get_binary_stream("stdout").write(one.letter.value or b"")
        return
    told = as_json(one)
    del told["put_back"]
    if json_wanted:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, content in told.items():
        if content not in (None, "", {}):
            told_as = content if isinstance(content, str) else json.dumps(content)
            table.add_row(name, escape(told_as))
    console = Console()
    console.print(table)
    console.print("--value prints the original bytes; they may be personal", style="dim")


@dead_letters.command(name="redrive")
@click.option("--service", help="Whose letters; with --ticket.")
@click.option("--ticket", help="Which ticket's (or __timer__/KEY, as listed).")
@click.option("--letter", metavar="ID", help="One letter that was refused or could not be read.")
@click.option("--dry-run", is_flag=True, help="Only show what would be put back.")
@click.option("--force", is_flag=True, help="Lift the block although its first letters expired.")
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds for the service to take them; 0: do not wait.",
)
def redrive_(
    service: str | None,
    ticket: str | None,
    letter: str | None,
    dry_run: bool,
    force: bool,
    wait_seconds: float,
) -> None:
    """Put a ticket's letters back, in order, after the rule is corrected; or one letter alone.

    Alone goes what could not be read or was refused (an unknown type, before an upgrade): it is
    taken as a late event, and waits if its ticket is blocked. Safe to repeat: what was put back is
    not put back again.

    \b
    Examples:
      hotline dead-letters redrive --service dedup --ticket T2026-000123 --dry-run
      hotline dead-letters redrive --service dedup --ticket T2026-000123
      hotline dead-letters redrive --letter 3:1207
    """
    if letter is not None:
        if ticket is not None or service is not None or force:
            raise click.UsageError("--letter stands alone, or with --dry-run and --wait")
        _redrive_letter(letter, dry_run=dry_run, wait_seconds=wait_seconds or None)
        return
    if ticket is None or service is None:
        raise click.UsageError("give --service and --ticket, or --letter")
    with _errors_said():
        settings = EngineSettings.for_service(service)
    console = Console(stderr=True)
    with _errors_said(settings):
        if dry_run:
            letters, back = asyncio.run(_listed(settings, None, service, None))
            planned = [
                one
                for name in blockers(letters, ticket)
                for each in passes(letters, back.get(service, ()), name)
                for one in each.letters
            ]
            _show_table(planned, {}, hidden=0)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(f"{service} takes them", total=None)
            outcome = asyncio.run(
                put_back(
                    settings,
                    service,
                    ticket,
                    wait_seconds=wait_seconds or None,
                    force=force,
                    say=lambda text: console.print(text, markup=False),
                    progress=lambda taken, of: bar.update(task, completed=taken, total=of),
                )
            )
    if not outcome.put_back:
        click.echo(f"nothing of {ticket} waits in {service}")
    elif outcome.waited:
        click.echo(f"{service} took {len(outcome.put_back)} letters of {ticket}; none waits")
    else:
        click.echo(f"put back {len(outcome.put_back)} letters of {ticket}")


def _redrive_letter(letter: str, *, dry_run: bool, wait_seconds: float | None) -> None:
    filed = _found(letter)
    service = filed.letter.service
    if filed.waits:
        raise click.ClickException(HoldsAPlace(filed).text)
    if dry_run:
        _show_table([filed], {}, hidden=0)
        return
    with _errors_said():
        settings = EngineSettings.for_service(service)
    with _errors_said(settings):
        outcome = asyncio.run(put_letter_back(settings, filed, wait_seconds=wait_seconds))
    if not outcome.put_back:
        click.echo(f"letter {filed.id} was put back to {service} before")
    elif outcome.waited:
        click.echo(f"{service} took letter {filed.id}")
    else:
        click.echo(f"put back letter {filed.id} to {service}")


def _found(letter: str) -> Filed:
    """The letter at ``partition:offset``, or the error that a person reads."""
    try:
        wanted = LetterId.parse(letter)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="LETTER") from wrong
    with _errors_said():
        settings = EngineSettings.for_command()
    with _errors_said(settings):
        found = asyncio.run(read_letters(settings, only=wanted))
    if not found:
        raise click.ClickException(f"there is no letter {wanted} (it may have expired)")
    (one,) = found
    return one


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _local(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime("%m-%d %H:%M:%S")
