"""``hotline callback``: whom to ask now, and when people are reached (R33–R38)."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from cli.calling.population import Population, as_policy
from cli.calling.reading import read
from cli.calling.worklist import Worklist, kind_of
from cli.stack import errors_said
from policy.bundle import load
from runtime.settings import EngineSettings
from schemas.topics import CALLBACKS, TICKETS

COLUMNS = ("due", "until", "ticket", "by", "slot", "try", "state", "unit", "leaf")

from_folder = click.option(
    "--from",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that hotline replay wrote, instead of Kafka.",
)
bootstrap_option = click.option(
    "--bootstrap", metavar="HOST:PORT", help="Broker.  [default: HOTLINE_KAFKA_BOOTSTRAP]"
)
json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group()
def callback() -> None:
    """See which citizens are to be asked after a close (回访), and when people are reached.

    \b
    Examples:
      hotline callback list --due
      hotline callback slots --from out/
    """


@callback.command(name="list")
@click.option("--due", is_flag=True, help="Only whom to ask now: ordered, and the slot not over.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@from_folder
@bootstrap_option
@json_option
def list_tasks(
    due: bool, limit: int, directory: Path | None, bootstrap: str | None, as_json: bool
) -> None:
    """Show the tasks that are not at their end, the earliest first.

    \b
    Examples:
      hotline callback list
      hotline callback list --due --json | jq '.[].data.task'
    """
    worklist = Worklist()
    with errors_said():
        read(_settings(bootstrap), directory, CALLBACKS, worklist.take)
    found = worklist.live(due_at=datetime.now(UTC) if due else None)
    if as_json:
        click.echo(json.dumps(found[:limit], ensure_ascii=False))
        return
    if not found:
        click.echo("Nobody is to be asked." if due else "No task is live.")
        return
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for fact in found[:limit]:
        data = fact["data"]
        table.add_row(
            *(data["due_at"][:16], data["until"][:16], fact["subject"], data["channel"]),
            *(data["slot"], f"{data['attempt']}/{data['attempts']}", kind_of(fact)),
            *(data.get("department", ""), fact.get("leaf", "")),
        )
    Console().print(table)
    if len(found) > limit:
        click.echo(f"… and {len(found) - limit} more: --limit {len(found)}")


@callback.command()
@click.option(
    "--at-least",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="Tries that a share must rest on; below it the policy's stays.",
)
@click.option("--policy", "profile", help="Profile or folder.  [default: HOTLINE_POLICY]")
@from_folder
@bootstrap_option
@json_option
def slots(
    at_least: int,
    profile: str | None,
    directory: Path | None,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Count from the log in which slot and by which channel people are reached (R38).

    The rows that it ends with are for `callback.population` of a new version of the policy; the
    services go on with those of the version in force.

    \b
    Examples:
      hotline callback slots
      hotline callback slots --from out/ --at-least 100 --json
    """
    settings = _settings(bootstrap)
    with errors_said():
        policy = load(profile or settings.policy).at(datetime.now(UTC)).callback
        population = Population(policy)
        read(settings, directory, TICKETS, population.take)
    rows = population.rows()
    if as_json:
        found = [
            {
                "slot": row.slot,
                "channel": row.channel,
                "reached": row.reached,
                "tried": row.tried,
                "share": None if row.share is None else round(row.share, 3),
                "lower": round(row.lower, 3),
                "in_policy": row.in_policy,
            }
            for row in rows
        ]
        click.echo(json.dumps(found))
        return
    table = Table(
        *("slot", "by", "reached", "tried", "share", "at least", "policy"), box=None, pad_edge=False
    )
    for row in rows:
        share = "" if row.share is None else f"{row.share:.2f}"
        in_policy = "" if row.in_policy is None else f"{row.in_policy:.2f}"
        table.add_row(
            *(row.slot, row.channel, str(row.reached), str(row.tried), share),
            *(f"{row.lower:.2f}", in_policy),
        )
    Console().print(table)
    click.echo(f"\ncallback.population of a new version (shares of {at_least} tries or more):")
    click.echo(as_policy(rows, at_least))


def _settings(bootstrap: str | None) -> EngineSettings:
    given = {} if bootstrap is None else {"kafka_bootstrap": bootstrap}
    with errors_said():
        return EngineSettings.for_command(**given)
