"""``python -m bench``: the measurements behind the claims, each a command."""

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import calendars as calendars_bench
from bench import dedup as dedup_bench
from bench import driving, stage
from bench import http as http_bench
from bench import lookup as lookup_bench
from bench import recovery as recovery_bench
from bench import repeat as repeat_bench
from bench import timers as timers_bench
from bench.engines.registry import ENGINES, build_dir
from bench.machine import this_machine
from bench.report import Sheet
from deploy.local.postgres import Postgres

PARTITIONS = 4
WIDE_COLUMNS = 160
"""Of a file or pipe, where nothing says how wide the table may be."""
SHORT_RUNS = 2
SHORT_LIMIT_SECONDS = 45.0
SHORT_DRIVER_EVENTS = 200_000
"""``all`` is to be over in ten minutes: fewer runs, a shorter replay; the rates are the same."""

screen = Console()
if not screen.is_terminal:
    screen.width = WIDE_COLUMNS


# A topic's first seconds make aiokafka warn of what it then does itself; errors are raised anyway.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())


def say(text: str) -> None:
    """Progress, on the error stream: the output is the tables."""
    click.echo(click.style(text, dim=True), err=True)


def publish(sheet: Sheet, numbers: dict[str, Any], markdown: bool, json_file: Path | None) -> None:
    """Prints a table and writes its numbers where asked."""
    if markdown:
        click.echo(sheet.markdown() + "\n")
    else:
        screen.print(sheet.rich())
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(numbers, ensure_ascii=False, indent=1) + "\n")


def chosen_engines(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    for name in names:
        if name not in ENGINES:
            raise click.BadParameter(f"{name!r} is none of {', '.join(ENGINES)}")
    return names


at_least_one = click.IntRange(min=1)
bootstrap_option = click.option(
    "--bootstrap", metavar="HOST:PORT", help="Use this broker instead of starting one."
)
markdown_option = click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
json_option = click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file."
)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def main(context: click.Context) -> None:
    """Measure the engine beside its peers, the dedup service, recovery and the driver.

    Without a command: all of them, in about ten minutes.

    \b
    Examples:
      python -m bench                               everything, as tables
      python -m bench all --markdown                for bench/README.md
      python -m bench repeat                        engine and peers, one table
      python -m bench repeat --peers hotline,faust --events 50000 --runs 1
      python -m bench dedup --events 200000
      python -m bench recovery --keys 1000000 --store rocksdb
      python -m bench driver --events 1000000
      python -m bench http --seconds 20
      python -m bench timers
    """
    if context.invoked_subcommand is None:
        context.invoke(everything)


@main.command("all")
@bootstrap_option
@markdown_option
@click.option(
    "--json", "json_dir", type=click.Path(path_type=Path), help="Write the numbers to this folder."
)
def everything(bootstrap: str | None, markdown: bool, json_dir: Path | None) -> None:
    """All measurements on one broker, each once, in about ten minutes.

    \b
    Examples:
      python -m bench all
      python -m bench all --markdown --json bench/results > tables.md
    """
    plan = repeat_bench.Plan(runs=SHORT_RUNS, limit_seconds=SHORT_LIMIT_SECONDS)

    def file(name: str) -> Path | None:
        return None if json_dir is None else json_dir / f"{name}.json"

    with stage.broker(bootstrap) as address:
        _repeat(plan, address, markdown, file("repeat"))
        _dedup(150_000, SHORT_RUNS, address, markdown, file("dedup"))
        _recovery(1_000_000, "memory", address, markdown, file("recovery"))
    _driver(SHORT_DRIVER_EVENTS, markdown, file("driver"))


@main.command()
@click.option(
    "--events", default=200_000, show_default=True, type=at_least_one, help="Tickets to drain."
)
@click.option(
    "--runs", default=3, show_default=True, type=at_least_one, help="Of each, forth and back."
)
@click.option(
    "--peers",
    default=",".join(ENGINES),
    show_default=True,
    callback=chosen_engines,
    help="Engines to measure, in this order.",
)
@click.option("--rate", default=500, show_default=True, help="Events/s for latency; 0: none.")
@click.option("--seconds", default=20.0, show_default=True, help="Of the latency measurement.")
@click.option(
    "--limit-seconds",
    default=60.0,
    show_default=True,
    help="Of one throughput run; a slower engine is rated by what it had committed by then.",
)
@bootstrap_option
@markdown_option
@json_option
def repeat(
    events: int,
    runs: int,
    peers: Sequence[str],
    rate: int,
    seconds: float,
    limit_seconds: float,
    bootstrap: str | None,
    markdown: bool,
    json_file: Path | None,
) -> None:
    """The workload «repeat»: throughput, CPU, memory and latency of each engine.

    \b
    Examples:
      python -m bench repeat
      python -m bench repeat --peers hotline,kafka-streams --runs 5
      python -m bench repeat --events 20000 --runs 1 --rate 0     a quick look
    """
    plan = repeat_bench.Plan(
        events=events,
        runs=runs,
        rate=rate,
        seconds=seconds,
        limit_seconds=limit_seconds,
        engines=tuple(peers),
    )
    with stage.broker(bootstrap) as address:
        _repeat(plan, address, markdown, json_file)


@main.command()
@click.option(
    "--events",
    default=150_000,
    show_default=True,
    type=at_least_one,
    help="Records of the log; about two in three are tickets.",
)
@click.option("--runs", default=3, show_default=True, type=at_least_one)
@bootstrap_option
@markdown_option
@json_option
def dedup(
    events: int, runs: int, bootstrap: str | None, markdown: bool, json_file: Path | None
) -> None:
    """The real dedup service, end to end through Kafka, exactly once.

    \b
    Examples:
      python -m bench dedup
      HOTLINE_BATCH_MAX_RECORDS=5000 python -m bench dedup --runs 1
    """
    with stage.broker(bootstrap) as address:
        _dedup(events, runs, address, markdown, json_file)


@main.command()
@click.option("--keys", default=1_000_000, show_default=True, type=at_least_one)
@click.option(
    "--store", default="memory", show_default=True, type=click.Choice(["memory", "rocksdb"])
)
@bootstrap_option
@markdown_option
@json_option
def recovery(
    keys: int, store: str, bootstrap: str | None, markdown: bool, json_file: Path | None
) -> None:
    """How long a worker with nothing on disk needs to take over a state from the changelog.

    \b
    Examples:
      python -m bench recovery
      python -m bench recovery --keys 100000 --store rocksdb
    """
    with stage.broker(bootstrap) as address:
        _recovery(keys, store, address, markdown, json_file)


@main.command()
@click.option("--events", default=1_000_000, show_default=True, type=at_least_one)
@markdown_option
@json_option
def driver(events: int, markdown: bool, json_file: Path | None) -> None:
    """How long a replay in virtual time takes, in one process without a broker.

    \b
    Examples:
      python -m bench driver
      python -m bench driver --events 100000
    """
    _driver(events, markdown, json_file)


@main.command()
@click.option(
    "--rate", default=2_000, show_default=True, type=at_least_one, help="Events a second."
)
@click.option(
    "--batch", default=100, show_default=True, type=at_least_one, help="Events in a request."
)
@click.option("--seconds", default=60, show_default=True, type=at_least_one)
@bootstrap_option
@markdown_option
@json_option
def http(
    rate: int,
    batch: int,
    seconds: int,
    bootstrap: str | None,
    markdown: bool,
    json_file: Path | None,
) -> None:
    """The entrance over HTTP at a steady rate, with broker, PostgreSQL and a worker beside it.

    \b
    Examples:
      python -m bench http
      python -m bench http --rate 1000 --batch 1 --seconds 20
    """
    load = http_bench.Load(rate, batch, seconds)
    with stage.broker(bootstrap) as address, http_bench.database() as postgres:
        _http(load, address, postgres, markdown, json_file)


@main.command()
@click.option("--deadlines", default=100_000, show_default=True, type=click.IntRange(min=1_000))
@click.option(
    "--rate", default=100, show_default=True, type=at_least_one, help="Other events a second."
)
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, PARTITIONS))
@bootstrap_option
@markdown_option
@json_option
def timers(
    deadlines: int,
    rate: int,
    workers: int,
    bootstrap: str | None,
    markdown: bool,
    json_file: Path | None,
) -> None:
    """So many deadlines at 17:30 in the sla service, beside events of other tickets.

    \b
    Examples:
      python -m bench timers
      HOTLINE_MAX_IDLE_TIMERS=250 python -m bench timers --deadlines 20000 --rate 200
    """
    load = timers_bench.Load(deadlines, rate, workers)
    with stage.broker(bootstrap) as address:
        outcome = asyncio.run(
            timers_bench.run(
                load, address, partitions=PARTITIONS, log_dir=build_dir() / "logs", say=say
            )
        )
    publish(timers_bench.sheet(outcome), outcome.to_dict(), markdown, json_file)


@main.command()
@click.option("--tickets", default=200_000, show_default=True, type=click.IntRange(min=10_000))
@click.option("--citizens", default=60_000, show_default=True, type=click.IntRange(min=1_000))
@click.option(
    "--rate", default=50, show_default=True, type=at_least_one, help="Questions a second."
)
@click.option("--seconds", default=30, show_default=True, type=at_least_one)
@markdown_option
@json_option
def lookup(
    tickets: int, citizens: int, rate: int, seconds: int, markdown: bool, json_file: Path | None
) -> None:
    """What an agent waits for at call start, on a full read model.

    \b
    Examples:
      python -m bench lookup
      python -m bench lookup --tickets 1000000 --rate 100
    """
    load = lookup_bench.Load(tickets, citizens, rate, seconds)
    with http_bench.database() as postgres:
        outcome = asyncio.run(
            lookup_bench.run(load, postgres, log_dir=build_dir() / "logs", say=say)
        )
    publish(lookup_bench.sheet(outcome), outcome.to_dict(), markdown, json_file)


@main.command()
@click.option("--calls", default=1_000_000, show_default=True, type=click.IntRange(min=10_000))
@markdown_option
@json_option
def calendars(calls: int, markdown: bool, json_file: Path | None) -> None:
    """So many deadlines worked out, and so much working time counted, of each shipped calendar.

    \b
    Examples:
      python -m bench calendars
      python -m bench calendars --calls 100000
    """
    outcome = calendars_bench.run(calls, say=say)
    publish(calendars_bench.sheet(outcome), outcome.to_dict(), markdown, json_file)


def _repeat(plan: repeat_bench.Plan, address: str, markdown: bool, json_file: Path | None) -> None:
    outcome = asyncio.run(repeat_bench.run(plan, address, log_dir=build_dir() / "logs", say=say))
    publish(repeat_bench.sheet(outcome), outcome.to_dict(), markdown, json_file)


def _dedup(events: int, runs: int, address: str, markdown: bool, json_file: Path | None) -> None:
    outcome = asyncio.run(
        dedup_bench.run(
            events, runs, address, partitions=PARTITIONS, log_dir=build_dir() / "logs", say=say
        )
    )
    publish(dedup_bench.sheet(outcome), outcome.to_dict(), markdown, json_file)


def _recovery(keys: int, store: str, address: str, markdown: bool, json_file: Path | None) -> None:
    outcome = asyncio.run(
        recovery_bench.run(
            keys,
            address,
            store=store,
            partitions=PARTITIONS,
            log_dir=build_dir() / "logs",
            say=say,
        )
    )
    publish(recovery_bench.sheet(outcome), outcome.to_dict(), markdown, json_file)


def _driver(events: int, markdown: bool, json_file: Path | None) -> None:
    outcome = driving.Outcome(this_machine(), tuple(driving.run(events, say)))
    publish(driving.sheet(outcome), outcome.to_dict(), markdown, json_file)


def _http(
    load: http_bench.Load, address: str, postgres: Postgres, markdown: bool, json_file: Path | None
) -> None:
    outcome = asyncio.run(
        http_bench.run(
            load,
            address,
            postgres,
            partitions=PARTITIONS,
            log_dir=build_dir() / "logs",
            say=say,
        )
    )
    publish(http_bench.sheet(outcome), outcome.to_dict(), markdown, json_file)


if __name__ == "__main__":
    main(prog_name="python -m bench")
