"""``hotline demo``: a sample day through real Kafka, accounted for record by record."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from types import FrameType
from typing import Any, NoReturn

import click
import orjson
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from cli.demonstration import telling
from cli.demonstration.calling import Call, Desk, caller
from cli.demonstration.ledger import Published
from cli.demonstration.recomputing import (
    Comparison,
    compare,
    compare_linked,
    intake_as_it_was,
    linked_in,
    of_source,
    parked_in,
)
from cli.demonstration.result import Result, conclude
from cli.demonstration.stage import Read, Stage
from cli.demonstration.weeks import play
from cli.explain import PIPE_COLUMNS
from cli.explaining import kafka
from cli.explaining.material import Material
from cli.explaining.speaker import Speaker
from cli.explaining.story import tell
from cli.explaining.telling import show
from cli.sampling import SampleRecord, generate
from cli.sampling.ticket import PLATFORM, begin_of
from policy import bundle as policy_bundle
from policy.bundle import Bundle
from policy.errors import PolicyError
from runtime import log
from runtime.errors import HotlineError
from schemas.topics import CALLBACKS, COMMANDS, INBOX, NOTICES, REPEATS, SERVICES, SLA, TICKETS
from services.callback.domain import Callback
from services.dedup.domain import Dedup
from services.intake.settings import IntakeSettings
from services.sla.domain import Sla


@click.command()
@click.option("--seed", default=7, show_default=True, help="Of the sample day.")
@click.option(
    "--tickets",
    default=200,
    show_default=True,
    type=click.IntRange(min=20),
    help="Calls of the day; half as many come before, as history.",
)
@click.option("--kill-worker", is_flag=True, help="SIGKILL the worker in the middle.")
@click.option("--keep", is_flag=True, help="Leave everything running, to look around.")
@click.option("--json", "as_json", is_flag=True, help="The result for programs.")
def demo(seed: int, tickets: int, kill_worker: bool, keep: bool, as_json: bool) -> None:
    """Run a made-up day of a hotline through real Kafka here, and show what came out.

    Each verdict with its reason, each root cause, an overturned one, a masked text, the notice to
    the citizen; a call that an agent answers over HTTP; three weeks of deadlines and callbacks (a
    breach, a paused clock, a make-up working day, a callback that reopens); and the accounts of
    every record.

    Starts Kafka, PostgreSQL, a worker and an HTTP server in a temporary folder on free ports, and
    removes all of it at the end. Exit code 1 if a single record is lost or doubled.

    \b
    Examples:
      hotline demo
      hotline demo --kill-worker
      hotline demo --tickets 2000 --keep
    """
    log.configure("WARNING", json=False)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS, highlight=False)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    stage = Stage()
    steps = Steps()
    finished = False
    try:
        result = _run(stage, steps, seed, tickets, kill_worker)
        if as_json:
            told = telling.document(result, killed=kill_worker, seconds=steps.seconds)
            click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        else:
            _show(console, stage, result)
        finished = True
    except HotlineError as error:
        raise click.ClickException(error.text) from error
    except (KafkaError, PolicyError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        if not (keep and finished):
            # Once more Ctrl-C would leave processes behind.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            with steps.step("stop everything") as step:
                stage.close(step.say)
    if not as_json:
        _hints(console, stage, result, keep=keep, killed=kill_worker)
    sys.exit(0 if result.balanced else 1)


def _run(stage: Stage, steps: "Steps", seed: int, tickets: int, kill: bool) -> Result:
    bundle = policy_bundle.load("cn-12345")
    with steps.step("start Kafka, PostgreSQL, the worker and HTTP") as step:
        stage.open(step.say)
        desk = stage.desk(PLATFORM)
    day = _yesterday(bundle)
    records = list(generate(seed, tickets, day))
    published = _through(stage, steps, records, begin_of(day), kill)
    with steps.step("judge") as step:
        stage.wait_judged(step.progress)
    with steps.step("answer a call over HTTP") as step:
        call = _called(stage, desk, published, step.say)
    if call is not None:
        published += call.published
    with steps.step("play three weeks of deadlines and callbacks, on topics of their own") as step:
        weeks = play(stage.settings, _settings(stage), bundle, seed, step.progress)
    with steps.step("read everything back and compute it again") as step:
        stage.wait_judged(step.progress)
        published += stage.commanded()
        read = stage.read(SERVICES)
        comparisons = _computed_again(stage, read, bundle)
        return conclude(
            published,
            read.tickets,
            read.repeats,
            read.letters,
            comparisons,
            parked_in(read.changes["intake"]),
            read.notices,
            call,
            {SLA.name: read.sla, CALLBACKS.name: read.callbacks, COMMANDS.name: read.commands},
            weeks,
        )


def _settings(stage: Stage) -> IntakeSettings:
    """Of an intake beside the workers, with their keys."""
    return IntakeSettings.for_service(
        "intake",
        data_dir=stage.worker_home,
        partitions=stage.settings.partitions,
        key_file=stage.stack.environ.get("HOTLINE_KEY_FILE"),
        forward=False,
        ticks=False,
    )


def _called(
    stage: Stage, desk: Desk, published: list[Published], say: Callable[[str], None]
) -> Call | None:
    """A citizen who was told a result rings again, with something new; None if there is nobody."""
    facts = [orjson.loads(record.value) for record in stage.read_facts()]
    who = caller(facts, published)
    if who is None:
        return None
    return desk.ring(who, datetime.now(UTC), stage.find, say)


def _yesterday(bundle: Bundle) -> date:
    """The last whole day: the broker stamps records with today, and a month late is too late."""
    zone = bundle.versions[-1].policy.time_zone
    return datetime.now(zone).date() - timedelta(days=1)


def _through(
    stage: Stage, steps: "Steps", records: list[SampleRecord], day: int, kill: bool
) -> list[Published]:
    """Publish, and wait until intake took all; with ``kill`` the worker dies on the way.

    What lies before the day goes first, for in life it is weeks ahead; published at once it would
    only be partitions ahead, and a human's mark might come before what it is about.
    """
    past = [each for each in records if each.at < day]
    rest = records[len(past) :]
    with steps.step("publish the weeks before, and take them in") as step:
        published = stage.publish(past, step.progress)
        stage.wait_taken(published, step.progress)
        stage.wait_judged(step.progress)
    if not kill:
        with steps.step("publish the day") as step:
            published += stage.publish(rest, step.progress)
    else:
        with steps.step("publish the day and kill the worker on the way (SIGKILL)") as step:
            of_the_day, taken = stage.publish_and_kill(rest, step.progress)
            published += of_the_day
            step.name += f": it had taken {taken:,} of {len(rest):,}"
        with steps.step("start the worker again") as step:
            stage.restart_worker(step.say)
    with steps.step("take it in") as step:
        stage.wait_taken(published, step.progress)
    return published


def _computed_again(stage: Stage, read: Read, bundle: Bundle) -> dict[str, Comparison]:
    environ = stage.stack.environ
    settings = IntakeSettings.for_service(
        "intake",
        data_dir=stage.worker_home,
        partitions=stage.settings.partitions,
        key_file=environ.get("HOTLINE_KEY_FILE"),
        postgres_dsn=environ.get("HOTLINE_POSTGRES_DSN"),
    )
    linked = linked_in(
        orjson.loads(record.value) for mine in read.tickets.values() for record in mine
    )
    dedup = {REPEATS: read.repeats}
    written = {TICKETS: read.tickets, NOTICES: of_source(read.notices, "hotline/intake")}
    clocks = {
        SLA: read.sla,
        NOTICES: of_source(read.notices, "hotline/sla"),
        COMMANDS: of_source(read.commands, "hotline/sla"),
    }
    tasks = {
        CALLBACKS: read.callbacks,
        COMMANDS: of_source(read.commands, "hotline/callback"),
    }
    made = asyncio.run(intake_as_it_was(settings))
    return {
        "intake": compare(made, bundle, INBOX, read.inbox, written, read.changes["intake"]),
        "dedup": compare(
            Dedup, bundle, TICKETS, read.tickets, dedup, read.changes["dedup"], linked
        ),
        "sla": compare(Sla, bundle, TICKETS, read.tickets, clocks, read.changes["sla"], timed=True),
        "callback": compare(
            Callback, bundle, TICKETS, read.tickets, tasks, read.changes["callback"], timed=True
        ),
        "dedup, of the linked": compare_linked(
            Dedup, bundle, TICKETS, read.tickets, REPEATS, read.repeats, linked
        ),
    }


def _show(console: Console, stage: Stage, result: Result) -> None:
    console.print()
    console.print(telling.heading("What came out", "运行结果"))
    console.print(telling.outcome(result))
    console.print(telling.heading("Is it a repeat, and why", "是否重复及理由"))
    console.print(telling.reasons(result))
    if result.causes:
        console.print(telling.heading("Why the citizen had to come again", "重复投诉根因"))
        console.print(telling.causes(result))
    if result.masked is not None:
        console.print(telling.heading("What was sent, and what is kept of it", "入账前脱敏"))
        console.print(telling.masked(result.masked))
    if result.notice is not None:
        console.print(telling.heading("What that citizen is told at once", "受理告知"))
        console.print(telling.notice(result.notice))
    if result.ledger.letters:
        console.print(telling.heading("Could not be taken, and why", "死信及原因"))
        console.print(telling.letters(result))
    if result.weeks is not None:
        console.print(telling.heading("Three weeks of deadlines and callbacks", "三周时限与回访"))
        console.print(telling.weeks(result.weeks))
    if result.call is not None:
        console.print(telling.heading("A call, while all of it runs", "来电"))
        console.print(telling.call(result.call))
    if result.overturn is not None:
        console.print(telling.heading("A verdict that a human overturned", "人工推翻"))
        console.print(telling.overturn(result.overturn))
    if result.repeat is not None:
        console.print()
        console.print(f"$ hotline explain {result.repeat}", style="bold")
        material = Material(result.repeat)
        asyncio.run(kafka.read(stage.settings, material, lambda topic, passed, total: None))
        show(tell(material, Speaker(policy_bundle.load(stage.settings.policy))), console)
    console.print(telling.heading("The accounts", "对账"))
    console.print(telling.accounts(result))
    console.print()


def _hints(console: Console, stage: Stage, result: Result, *, keep: bool, killed: bool) -> None:
    if keep:
        bootstrap = stage.settings.kafka_bootstrap
        directory = stage.stack.directory
        console.print(f"still running in {directory}; look around, then stop it:", style="dim")
        console.print(f"  hotline explain {result.repeat} --bootstrap {bootstrap}")
        console.print(f"  hotline status --dir {directory}")
        console.print(f"  hotline down --dir {directory} --wipe")
    elif not killed:
        console.print(
            "Next: hotline demo --kill-worker   (killed in the middle, it must add up all the same)"
        )


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


class Steps:
    """Says on stderr what is going on, and how long it took."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> "Iterator[Step]":
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TimeElapsedColumn(),
        )
        started = time.perf_counter()
        with Progress(
            *columns,
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        ) as bar:
            step = Step(name, bar)
            yield step
        self.seconds[name] = time.perf_counter() - started
        self.console.print(
            f"[green]✓[/] {step.name} [dim]{self.seconds[name]:.1f} s[/]", soft_wrap=True
        )


class Step:
    """One thing that takes a while."""

    def __init__(self, name: str, bar: Progress) -> None:
        self.name = name
        self._bar = bar
        self._task: TaskID = bar.add_task(name, total=None)

    def say(self, text: str) -> None:
        self._bar.update(self._task, description=f"{self.name}: {text}")

    def progress(self, done: int, total: int) -> None:
        updated: dict[str, Any] = {"completed": done, "total": max(total, 1)}
        self._bar.update(self._task, description=f"{self.name}: {done:,} of {total:,}", **updated)
