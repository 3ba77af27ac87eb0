"""``hotline topics``: make the declared topics, check them, list them."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any, TypeVar

import click
from aiokafka.errors import KafkaConnectionError
from rich.console import Console
from rich.table import Table

from cli.stack import as_json, errors_said
from deploy import topics as deployed
from deploy.topics import Layout, declared
from runtime.errors import HotlineError
from runtime.settings import EngineSettings

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = (
    click.option("--bootstrap", help="Brokers, host:port by commas. [HOTLINE_KAFKA_BOOTSTRAP]"),
    click.option("--prefix", help="In front of every name. [HOTLINE_TOPIC_PREFIX]"),
    click.option(
        "--partitions",
        type=int,
        help="Of each topic, for good: 4 for one machine, 24 for a cluster. [HOTLINE_PARTITIONS]",
    ),
    click.option(
        "--replication",
        type=click.IntRange(min=1),
        default=3,
        show_default=True,
        envvar="HOTLINE_REPLICATION",
        help="Copies of each partition.",
    ),
    click.option(
        "--min-insync",
        type=click.IntRange(min=1),
        default=2,
        show_default=True,
        envvar="HOTLINE_MIN_INSYNC",
        help="Copies that must have a record before it counts as written.",
    ),
    as_json,
)


def _with_options(command: F) -> F:
    for option in reversed(OPTIONS):
        command = option(command)
    return command


class PartitionsUnsaid(HotlineError):
    """Topics are to be made, and nobody said with how many partitions.

    Operator action: give ``--partitions`` or set HOTLINE_PARTITIONS, for the workers as well.
    """

    def __init__(self) -> None:
        super().__init__(
            "partitions_unsaid",
            "say how many partitions the topics get, with --partitions or HOTLINE_PARTITIONS: 4 "
            "suit one machine, 24 a cluster (at most so many workers share a service). The number "
            "is for good, and workers need the same HOTLINE_PARTITIONS",
        )


def _reach(
    *,
    partitions_for_good: bool = False,
    bootstrap: str | None,
    prefix: str | None,
    partitions: int | None,
    replication: int,
    min_insync: int,
) -> tuple[dict[str, Any], Layout]:
    """What the admin client is made with, and the layout, from options and settings."""
    if min_insync > replication:
        raise click.UsageError(
            f"--min-insync {min_insync} is above --replication {replication}: nothing could be "
            "written"
        )
    given = {"kafka_bootstrap": bootstrap, "topic_prefix": prefix, "partitions": partitions}
    settings = EngineSettings.for_command(**{k: v for k, v in given.items() if v is not None})
    if partitions_for_good and "partitions" not in settings.model_fields_set:
        raise PartitionsUnsaid
    client = settings.kafka_client_kwargs()
    client["bootstrap"] = client.pop("bootstrap_servers")
    layout = Layout(settings.partitions, replication, min_insync, settings.topic_prefix)
    return client, layout


def _run(work: Coroutine[Any, Any, T], bootstrap: str) -> T:
    try:
        return asyncio.run(work)
    except KafkaConnectionError as error:
        raise click.ClickException(
            f"cannot reach Kafka at {bootstrap}: start it (hotline up), or name another with "
            "--bootstrap or HOTLINE_KAFKA_BOOTSTRAP"
        ) from error


@click.group()
def topics() -> None:
    """Make and check the topics. Workers never make any.

    \b
    Examples:
      hotline topics create --partitions 24
      hotline topics check --bootstrap kafka:9092
      hotline topics list --json
    """
    # What it would say on stderr (retries, reconnects) ends in an error of ours, or is of no use.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())


@topics.command()
@_with_options
def create(as_json: bool, **options: Any) -> None:
    """Make the topics that are missing; what is there stays as it is.

    \b
    Examples:
      hotline topics create --partitions 24
      hotline topics create --partitions 4 --replication 1 --min-insync 1    one broker
    """
    with errors_said():
        client, layout = _reach(partitions_for_good=True, **options)

        async def work() -> tuple[tuple[str, ...], tuple[deployed.Finding, ...]]:
            made = await deployed.create(topics=declared(), layout=layout, **client)
            return made, await deployed.check(topics=declared(), layout=layout, **client)

        made, findings = _run(work(), client["bootstrap"])
    if as_json:
        click.echo(json.dumps({"created": made, "differ": [asdict(each) for each in findings]}))
        return
    for name in made:
        click.echo(f"made {name}")
    if not made:
        click.echo(f"all {len(declared())} topics are there")
    for finding in findings:
        click.echo(f"left as it is: {finding}", err=True)


@topics.command()
@_with_options
def check(as_json: bool, **options: Any) -> None:
    """Say what differs from what is declared. Exit code 1 if anything does.

    \b
    Examples:
      hotline topics check
      HOTLINE_PARTITIONS=24 hotline topics check --json
    """
    with errors_said():
        client, layout = _reach(**options)
        findings = _run(
            deployed.check(topics=declared(), layout=layout, **client), client["bootstrap"]
        )
    if as_json:
        click.echo(json.dumps({"differ": [asdict(each) for each in findings]}))
    else:
        for finding in findings:
            click.echo(str(finding))
        if not findings:
            click.echo(f"all {len(declared())} topics are as declared")
    sys.exit(1 if findings else 0)


@topics.command(name="list")
@_with_options
def list_topics(as_json: bool, **options: Any) -> None:
    """Show every declared topic, and whether the broker has it.

    \b
    Examples:
      hotline topics list
      hotline topics list --bootstrap kafka:9092 --json
    """
    with errors_said():
        client, layout = _reach(**options)
        found = _run(
            deployed.present(topics=declared(), layout=layout, **client), client["bootstrap"]
        )
    rows = []
    for topic in declared():
        name = layout.name(topic)
        have = found.get(name)
        rows.append(
            {
                "topic": name,
                "present": have is not None,
                "partitions": have.partitions if have else layout.partition_count(topic),
                "replication": have.replication if have else layout.replication,
                "cleanup": str(topic.cleanup),
                "retention_days": topic.retention.days if topic.retention else None,
                "key": topic.key,
                "doc": topic.doc,
            }
        )
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = Table(box=None, header_style="bold")
    for column in ("topic", "partitions", "copies", "kept", "key", ""):
        table.add_column(column, no_wrap=column == "topic")
    for row in rows:
        if row["cleanup"] == "compact":
            kept = "latest per key"
        else:
            kept = f"{row['retention_days']} days" if row["retention_days"] else "for ever"
        shown = (row["topic"], row["partitions"], row["replication"], kept, row["key"])
        table.add_row(*map(str, shown), "" if row["present"] else "[red]missing[/]")
    Console().print(table)
