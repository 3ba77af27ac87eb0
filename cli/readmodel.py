"""``hotline readmodel``: how far the tables are behind the log; filling them anew."""

import asyncio
import json
import logging
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any, Final

import click
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.stack import as_json, errors_said
from runtime.database import Database
from runtime.delivery import Sink
from runtime.delivery.positions import REBUILD
from runtime.delivery.rebuild import Standing, Standings, anybody_runs, left, reset
from runtime.delivery.service import Delivery
from runtime.engine.ports import Unavailable
from runtime.errors import SettingsInvalid
from runtime.settings import EngineSettings
from services.readmodel.app import build
from services.readmodel.sink import ReadModel

LOOK_SECONDS: Final = 0.3
"""Between two looks at how far it is."""
GROUP_SECONDS: Final = 2.0
"""Between two looks whether anybody fills the tables."""
RESET_TRIES: Final = 3
"""A reader's long query may be in the way of emptying the tables; then it is tried again."""


@click.group()
def readmodel() -> None:
    """See how far the read model is, and fill it anew from the log.

    \b
    Examples:
      hotline readmodel status
      hotline readmodel rebuild
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


@readmodel.command()
@as_json
def status(as_json: bool) -> None:
    """Show, by topic and partition, how much of the log is in the tables and how much is not.

    \b
    Examples:
      hotline readmodel status
      hotline readmodel status --json | jq .lag
    """
    standings = _run(_now())
    total = sum(each.lag for each in standings)
    if as_json:
        told = [
            asdict(each) | {"lag": each.lag, "at": each.at and each.at.isoformat()}
            for each in standings
        ]
        click.echo(json.dumps({"lag": total, "positions": told}, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold")
    for column, right in (
        ("topic", False),
        ("partition", True),
        ("written", True),
        ("end", True),
        ("lag", True),
        ("by", False),
        ("last moved", False),
    ):
        table.add_column(column, justify="right" if right else "left")
    for each in standings:
        table.add_row(
            each.topic,
            str(each.partition),
            f"{each.next_offset:,}",
            f"{each.end:,}",
            f"{each.lag:,}",
            {None: "nobody yet", REBUILD: "reset, not claimed yet"}.get(each.owner, each.owner),
            "" if each.at is None else f"{each.at.astimezone():%Y-%m-%d %H:%M:%S}",
        )
    Console().print(table)
    click.echo(f"{total:,} records behind" if total else "the tables hold all of the log")


@readmodel.command()
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Until the tables hold again what the log holds now; fills them itself where no worker "
    "does.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def rebuild(wait: bool, yes: bool) -> None:
    """Empty the read model's tables and fill them anew from the log.

    Safe while workers run: they are fenced off, take the tables over and fill them. Until that is
    done, look-ups know less. Interrupted, it goes on by whoever runs; again, it begins anew.

    \b
    Examples:
      hotline readmodel rebuild
      hotline readmodel rebuild --yes --no-wait        workers run; do not wait for them
    """
    if not yes:
        click.confirm("Look-ups know less until the tables are filled again. Begin?", abort=True)
    filled = _run(_rebuild(wait=wait))
    if filled is None:
        click.echo("emptied; running workers fill the tables (hotline readmodel status)")
    else:
        click.echo(f"filled again: {filled:,} records")


async def _now() -> Sequence[Standing]:
    async with AsyncExitStack() as stack:
        sink, _, standings = await _opened(stack)
        del sink
        return await standings.now()


async def _rebuild(*, wait: bool) -> int | None:
    async with AsyncExitStack() as stack:
        sink, database, standings = await _opened(stack)
        ends = await standings.ends()
        for attempt in range(1, RESET_TRIES + 1):
            try:
                await reset(database, sink)
                break
            except Unavailable:
                if attempt == RESET_TRIES:
                    raise
        if not wait:
            return None
        total = left(await standings.now(), ends)
        columns = (
            TextColumn("[progress.description]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            shown = progress.add_task("filling", total=total)
            filler: Delivery | None = None
            look_at_group = 0.0
            loop = asyncio.get_running_loop()
            while (behind := left(await standings.now(), ends)) > 0:
                progress.update(shown, completed=total - behind)
                if filler is not None and filler.crash_reason is not None:
                    raise filler.crash_reason
                if filler is None and loop.time() >= look_at_group:
                    look_at_group = loop.time() + GROUP_SECONDS
                    if not await anybody_runs(sink, standings.settings):
                        filler = await _filler(stack, sink, standings.settings)
                _raise_what_stopped(filler)
                await asyncio.sleep(LOOK_SECONDS)
        return total


async def _filler(stack: AsyncExitStack, sink: Sink, settings: EngineSettings) -> Delivery:
    """A worker of this command, for as long as it runs."""
    delivery = Delivery(sink, settings)
    stack.push_async_callback(delivery.stop)
    await delivery.start()
    return delivery


def _raise_what_stopped(filler: Delivery | None) -> None:
    for lane in () if filler is None else filler.lanes.values():
        if lane.stopped is not None:
            raise click.ClickException(
                f"stopped at a record that cannot be written: {lane.stopped}; what lies before it "
                "is written, a corrected version goes on from there"
            )


async def _opened(stack: AsyncExitStack) -> tuple[ReadModel, Database, Standings]:
    settings = EngineSettings.for_service(ReadModel.name)
    if settings.postgres_dsn is None:
        raise SettingsInvalid(
            "HOTLINE_POSTGRES_DSN is unset: postgresql://user:password@host:port/database"
        )
    sink = build(settings)
    database = Database(settings.postgres_dsn, application="hotline-command", connections=2)
    stack.push_async_callback(database.close)
    standings = Standings(sink, settings, database)
    await stack.enter_async_context(standings.open())
    return sink, database, standings


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    with errors_said():
        try:
            return asyncio.run(work)
        except Unavailable as error:
            raise click.ClickException(f"{error}; see HOTLINE_POSTGRES_DSN") from error
        except (KafkaError, TimeoutError) as error:
            raise click.ClickException(f"Kafka: {error!r}") from error
