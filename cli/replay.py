"""``hotline replay``: recorded events through the rules again, in memory or through real Kafka."""

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click
import orjson
from aiokafka.errors import KafkaConnectionError, KafkaError
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from cli.replaying import kafka, parallel
from cli.replaying.output import Output
from cli.replaying.processors import processors
from cli.replaying.source import Recorded, citizen_keys, read_lines, recorded
from cli.replaying.summary import summarise, tables
from deploy.local.broker import Cluster
from policy import bundle as policy_bundle
from policy.errors import PolicyError
from runtime import log
from runtime.core import to_ms
from runtime.errors import HotlineError
from runtime.settings import EngineSettings
from runtime.stores.codec import instant
from schemas.topics import DEAD_LETTERS
from services.intake.settings import IntakeSettings

JUST_AFTER = timedelta(milliseconds=1)
ALL_CORES_FROM = 20_000
"""Events from which starting a process a core pays."""


@click.command()
@click.argument(
    "events", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--policy", default="cn-12345", show_default=True, help="Bundle: a name or a folder.")
@click.option(
    "--out",
    "out_dir",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for <topic>.jsonl and summary.json.",
)
@click.option(
    "--through",
    type=click.Choice(["memory", "kafka"]),
    default="memory",
    show_default=True,
    help="The driver, or real Kafka with topics of its own.",
)
@click.option("--until", metavar="TIME", help="Move the clock on to here (ISO 8601 with offset).")
@click.option(
    "--bootstrap",
    metavar="HOST:PORT",
    help="Broker for --through kafka.  [default: one is started for the replay]",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    help="Processes for --through memory.  [default: one a core from 20,000 events on]",
)
@click.option("--keep-topics", is_flag=True, help="Leave the replay's topics on the broker.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def replay(
    events: tuple[Path, ...],
    policy: str,
    out_dir: Path,
    through: str,
    until: str | None,
    bootstrap: str | None,
    jobs: int | None,
    keep_topics: bool,
    as_json: bool,
) -> None:
    """Replay EVENTS (JSON lines, plain or .gz) and write what the services say.

    Both ways give the same facts. An event counts as recorded at its ``recordedtime``, else at its
    ``time``; the rules see no other clock. History ends with its last event, or at --until: what
    was due before is a breach or a call, what is due later does not come. Commands go to their
    topic and no further, for what a platform made of them stands in EVENTS.

    A replay that fails leaves what an earlier one wrote to --out; one in which a rule raises
    finishes, and ends with exit code 1.

    \b
    Examples:
      hotline replay events.jsonl --policy cn-12345 --out out/
      hotline replay 2026-*.jsonl.gz --policy us-311 --out out/ --through kafka
      hotline replay events.jsonl --out out/ --until 2026-03-31T00:00:00+08:00
    """
    log.configure("WARNING", json=False)
    # What it would say on stderr (retries, reconnects) ends in an error of ours, or is of no use.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        bundle = policy_bundle.load(policy)
        settings = IntakeSettings.for_service("intake", forward=False, ticks=False)
        directory = settings.directory()
    except (HotlineError, PolicyError) as error:
        raise click.ClickException(str(error)) from error
    end = _instant(until)

    with _errors_said(out_dir, bootstrap), Output(out_dir) as output:
        lines, end = _load(events, end)
        started = time.perf_counter()
        with _bar(MofNCompleteColumn()) as bar:
            task = bar.add_task(f"replay through {through}", total=len(lines))

            def progress(count: int) -> None:
                bar.advance(task, count)

            if through == "memory":
                jobs = jobs or ((os.cpu_count() or 1) if len(lines) >= ALL_CORES_FROM else 1)
                parallel.replay(
                    lines,
                    citizen_keys(lines, directory, bundle) if jobs > 1 else {},
                    lambda: processors(settings),
                    bundle,
                    until=end,
                    output=output,
                    progress=progress,
                    jobs=jobs,
                )
            else:
                with _broker(bootstrap) as address:
                    asyncio.run(
                        kafka.replay(
                            lines,
                            citizen_keys(lines, directory, bundle),
                            lambda _: processors(settings),
                            bundle,
                            deployment=EngineSettings.for_command(kafka_bootstrap=address),
                            until=end,
                            sink=output.write,
                            progress=progress,
                            keep=keep_topics,
                        )
                    )
        summary = summarise(
            output.counts,
            events=len(lines),
            profile=bundle.profile,
            through=through,
            until=end,
            seconds=time.perf_counter() - started,
        )
        text = orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode()
        output.publish(text + "\n")
    if as_json:
        click.echo(text)
    else:
        for table in tables(summary):
            Console().print(table)
        click.echo(f"written to {out_dir}")
    raised = output.counts.raised
    if raised:
        raise click.ClickException(
            f"a rule raised on {len(raised)} records or timers; they and what waits behind them "
            f"are in {out_dir / (DEAD_LETTERS.name + '.jsonl')}, the rest went on. "
            f"The first: {min(raised)}"
        )


@contextlib.contextmanager
def _errors_said(out_dir: Path, bootstrap: str | None) -> Iterator[None]:
    try:
        yield
    except HotlineError as error:
        raise click.ClickException(error.text) from error
    except KafkaConnectionError as error:
        raise click.ClickException(
            f"no Kafka broker answers at {bootstrap}: name another with --bootstrap, or leave it "
            "out for one that is started for the replay"
        ) from error
    except KafkaError as error:
        raise click.ClickException(f"Kafka: {type(error).__name__}: {error}") from error
    except OSError as error:
        raise click.ClickException(
            f"cannot write to {error.filename or out_dir}: {error.strerror or error}; "
            "choose another folder with --out"
        ) from error


def _load(paths: Sequence[Path], until: datetime | None) -> tuple[list[Recorded], datetime]:
    """The events before ``until`` in order, and the end of time: ``until``, else the last event."""
    with _bar(DownloadColumn()) as bar:
        task = bar.add_task("reading", total=sum(path.stat().st_size for path in paths))
        lines = recorded(read_lines(paths, seen=lambda count: bar.advance(task, count)))
    if not lines:
        raise click.ClickException(f"no events in {', '.join(map(str, paths))}")
    if until is None:
        return lines, instant(lines[-1].at_ms) + JUST_AFTER
    return [line for line in lines if line.at_ms < to_ms(until)], until


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise click.BadParameter(
            f"{text!r} is no instant: write it as 2026-03-31T00:00:00+08:00", param_hint="--until"
        )
    return found


def _bar(count: DownloadColumn | MofNCompleteColumn) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        count,
        TransferSpeedColumn() if isinstance(count, DownloadColumn) else RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


class RateColumn(ProgressColumn):
    """Events a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s")


@contextlib.contextmanager
def _broker(bootstrap: str | None) -> Iterator[str]:
    """The given broker, or one that lives as long as the replay."""
    if bootstrap is not None:
        yield bootstrap
        return
    with tempfile.TemporaryDirectory(prefix="hotline-kafka-") as directory:
        cluster = Cluster.create(Path(directory))
        try:
            cluster.start()
            yield cluster.bootstrap
        finally:
            cluster.kill()
