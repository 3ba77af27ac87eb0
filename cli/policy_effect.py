"""``hotline policy effect``: what a new version does to the deadlines that run (complaint 8)."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from aiokafka.structs import ConsumerRecord
from rich.console import Console
from rich.progress import Progress

from cli.effects import reckoning, states
from cli.effects.tally import Tally
from cli.effects.telling import document, sentence, tables
from cli.progress import Shown, reading_bar
from cli.publishing import kafka_said
from policy.bundle import Bundle, load
from policy.errors import PolicyError
from runtime.core import AnyPartition, to_ms
from runtime.engine.scan import scan
from runtime.errors import HotlineError
from runtime.settings import EngineSettings
from runtime.stores.codec import instant
from schemas.topics import SLA
from services.sla.domain import Sla

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("new_bundle", required=False, metavar="[NEW_BUNDLE]")
@click.option(
    "--at",
    metavar="TIME",
    help="As of this time.  [default: when the first version that is new in NEW_BUNDLE starts, "
    "else now; of a replay, its end]",
)
@click.option(
    "--since",
    metavar="VERSION",
    help="Count what was stated under this version (2026-07, or its whole name), instead.",
)
@click.option("--from-replay", "folder", type=FOLDER, help="What hotline replay wrote, not Kafka.")
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Broker.  [default: HOTLINE_KAFKA_BOOTSTRAP]"
)
@click.option(
    "--policy", "present", metavar="NAME|FOLDER", help="Bundle of today.  [default: HOTLINE_POLICY]"
)
@click.option(
    "--largest",
    default=10,
    show_default=True,
    type=click.IntRange(0, 10_000),
    help="How many moves to show.",
)
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def effect(
    new_bundle: str | None,
    at: str | None,
    since: str | None,
    folder: Path | None,
    bootstrap: str | None,
    present: str | None,
    largest: int,
    as_json: bool,
) -> None:
    """Say which deadlines NEW_BUNDLE would move, or which ones a version has moved.

    NEW_BUNDLE is a folder with a bundle.yaml. Nothing is changed: the states of the sla service are
    read, and each open clock is reckoned under it by the service's own rules.

    \b
    Examples:
      hotline policy effect city-policy/
      hotline policy effect city-policy/ --at 2027-01-01T00:00 --json | jq .by_department
      hotline policy effect city-policy/ --from-replay out/
      hotline policy effect --since 2026-07
    """
    if (new_bundle is None) == (since is None):
        raise click.UsageError("name either NEW_BUNDLE (before) or --since VERSION (after)")
    given: dict[str, Any] = {} if bootstrap is None else {"kafka_bootstrap": bootstrap}
    if present is not None:
        given["policy"] = present
    tally = Tally(largest)
    try:
        settings = EngineSettings.for_command(**given)
        today = load(settings.policy)
        with reading_bar() as bar, kafka_said(settings):
            if since is not None:
                _read_facts(settings, folder, since, tally, Shown(bar))
                about: dict[str, Any] = {"since": since}
            else:
                assert new_bundle is not None
                new = load(new_bundle)
                about = _dry_run(settings, folder, today, new, at, tally, bar)
    except HotlineError as error:
        raise click.ClickException(error.text) from error
    except PolicyError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps({**about, **document(tally)}, ensure_ascii=False, indent=2))
        return
    click.echo(_headline(about))
    click.echo(sentence(tally))
    units = today.versions[-1].policy.organisation.units
    for table in tables(tally, {code: unit.name for code, unit in units.items()}):
        click.echo()
        Console(highlight=False).print(table)


def _headline(about: dict[str, Any]) -> str:
    if "since" in about:
        return f"since {about['since']}:"
    return (
        f"{about['version']} as of {about['at']}, over {about['asked']:,} of {about['states']:,} "
        "tickets that are not under it yet:"
    )


def _dry_run(
    settings: EngineSettings,
    folder: Path | None,
    today: Bundle,
    new: Bundle,
    at: str | None,
    tally: Tally,
    bar: Progress,
) -> dict[str, Any]:
    asked_for = None if at is None else _instant(at, new)
    if folder is None:
        part = asyncio.run(states.of_changelog(settings, Sla(), today, Shown(bar)))
    else:
        part = states.of_replay(folder, Sla(), today, Shown(bar))
    when = asked_for or _default(part, today, new, replayed=folder is not None)
    if to_ms(when) < part.clock_ms:
        raise click.BadParameter(
            f"{when.isoformat()} is before {instant(part.clock_ms).isoformat()}, the clock of what "
            "was read; name a later time",
            param_hint="--at",
        )
    count = len(list(part.keys()))
    with _counted(bar, "timers until then", part.timers) as passed:
        reckoning.advance(part, when, passed)
    with _counted(bar, "reckoning", count) as passed:
        asked = reckoning.effect(part, new, when, tally, passed)
    policy = new.at(when)
    return {
        "version": policy.version,
        "at": when.astimezone(policy.time_zone).isoformat(timespec="seconds"),
        "states": count,
        "asked": asked,
    }


def _default(part: AnyPartition, today: Bundle, new: Bundle, *, replayed: bool) -> datetime:
    """When it would begin to matter: the start of what is new, but no time that is past."""
    now = instant(part.clock_ms) if replayed else max(datetime.now(UTC), instant(part.clock_ms))
    known = {each.policy.version for each in today.versions}
    starts = [each.effective_from for each in new.versions if each.policy.version not in known]
    coming = [start for start in starts if start > now]
    return coming[0] if coming and len(coming) == len(starts) else now


def _read_facts(
    settings: EngineSettings, folder: Path | None, version: str, tally: Tally, shown: Shown
) -> None:
    def line(value: bytes) -> None:
        tally.take(value, version=version)

    def record(each: ConsumerRecord) -> None:
        if each.value is not None:
            line(each.value)

    if folder is not None:
        states.lines(folder, SLA, line, shown)
    else:
        asyncio.run(scan(settings, SLA, record, shown))


def _instant(text: str, bundle: Bundle) -> datetime:
    """Without an offset it is the bundle's own time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise click.BadParameter(
            f"{text!r} is no time, such as 2027-01-01T00:00 or 2027-01-01T00:00+08:00",
            param_hint="--at",
        ) from wrong
    if found.tzinfo is None:
        found = found.replace(tzinfo=bundle.versions[-1].policy.time_zone)
    return found.astimezone(UTC)


@contextlib.contextmanager
def _counted(bar: Progress, what: str, total: int) -> Iterator[Callable[[int], None]]:
    task = bar.add_task(what, total=max(total, 1))
    yield lambda number: bar.advance(task, number)
    bar.update(task, completed=max(total, 1))
