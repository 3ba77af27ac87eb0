"""``hotline dead-letters``: what was put aside, why, and how it gets back."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import click
from aiokafka.errors import KafkaConnectionError, KafkaError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.dead_lettering.errors import HoldsAPlace
from cli.dead_lettering.opening import how_to_open, readable, sealer_at_hand
from cli.dead_lettering.planning import Filed, blockers, passes
from cli.dead_lettering.printing import (
    Back,
    as_json,
    is_back,
    show_letter,
    show_reasons,
    show_table,
)
from cli.dead_lettering.putting_back import put_back, put_letter_back
from cli.dead_lettering.reading import read_letters, read_put_back
from runtime.errors import HotlineError, TopicMissing
from runtime.settings import EngineSettings
from schemas.dead_letter import LetterId

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
        letters = [one for one in letters if one.waits and not is_back(one, back)]
    if reasons:
        show_reasons(letters, json_wanted)
        return
    letters.sort(key=lambda one: (one.at_ms, one.id))
    for one in letters[-limit:] if json_wanted else ():
        click.echo(json.dumps(as_json(one, put_back=is_back(one, back)), ensure_ascii=False))
    if not json_wanted:
        show_table(letters[-limit:], back, hidden=max(0, len(letters) - limit))


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


@dead_letters.command()
@click.argument("letter")
@click.option("--value", is_flag=True, help="Print the original bytes alone (may be personal).")
@click.option("--json", "json_wanted", is_flag=True, help="As a JSON object.")
def show(letter: str, value: bool, json_wanted: bool) -> None:
    """Show the letter at PARTITION:OFFSET.

    The original is sealed: its key, headers and bytes are shown where the key ring of the services
    is at hand (HOTLINE_KEY_FILE or HOTLINE_KEYS).

    \b
    Examples:
      hotline dead-letters show 3:1207
      hotline dead-letters show 3:1207 --value > original.json
    """
    one = _opened(_found(letter))
    if value:
        if one.letter.sealed is not None:
            raise click.ClickException(how_to_open(one.letter))
        click.get_binary_stream("stdout").write(one.letter.value or b"")
        return
    told = as_json(one)
    del told["put_back"]
    if json_wanted:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    show_letter(told)
    if one.letter.sealed is not None:
        click.echo(how_to_open(one.letter), err=True)


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
            show_table(planned, {}, hidden=0)
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
        show_table([filed], {}, hidden=0)
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


def _opened(one: Filed) -> Filed:
    with _errors_said():
        sealer = sealer_at_hand(EngineSettings.for_service(one.letter.service))
    return replace(one, letter=readable(one.letter, sealer))


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
