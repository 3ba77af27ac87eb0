"""``python -m bench``: the measurements behind the claims, each a command."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import repeat as repeat_bench
from bench.engines.registry import ENGINES, build_dir
from bench.report import Sheet
from bench.stage import broker

WIDE_COLUMNS = 160
"""Of a file or pipe, where nothing says how wide the table may be."""

screen = Console()
if not screen.is_terminal:
    screen.width = WIDE_COLUMNS


def say(text: str) -> None:
    screen.print(f"[dim]{text}[/dim]", highlight=False)


def publish(sheet: Sheet, numbers: dict[str, Any], markdown: bool, json_file: Path | None) -> None:
    """Prints a table and writes its numbers where asked."""
    if markdown:
        click.echo(sheet.markdown())
    else:
        screen.print(sheet.rich())
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(numbers, ensure_ascii=False, indent=1) + "\n")


def engines_option(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    for name in names:
        if name not in ENGINES:
            raise click.BadParameter(f"{name!r} is none of {', '.join(ENGINES)}")
    return names


bootstrap_option = click.option(
    "--bootstrap", metavar="HOST:PORT", help="Use this broker instead of starting one."
)
markdown_option = click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
json_option = click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure the engine beside its peers, the services, recovery and the driver.

    \b
    Examples:
      python -m bench repeat                        engine and peers, one table
      python -m bench repeat --peers hotline,faust --events 50000 --runs 1
    """


@main.command()
@click.option("--events", default=200_000, show_default=True, help="Tickets in the backlog.")
@click.option("--runs", default=3, show_default=True, help="Of each engine, forth and back.")
@click.option(
    "--peers",
    default=",".join(ENGINES),
    show_default=True,
    callback=engines_option,
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
    with broker(bootstrap) as address:
        outcome = asyncio.run(
            repeat_bench.run(plan, address, log_dir=build_dir() / "logs", say=say)
        )
    publish(repeat_bench.sheet(outcome), outcome.to_dict(), markdown, json_file)


if __name__ == "__main__":
    main(prog_name="python -m bench")
