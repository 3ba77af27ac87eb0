"""``hotline database``: make the tables, or say which there are."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import asyncpg
import click
from sqlalchemy.exc import SQLAlchemyError

from cli.stack import as_json, errors_said
from deploy import database as tables
from runtime.errors import SettingsInvalid
from runtime.settings import EngineSettings

T = TypeVar("T")


@click.group()
def database() -> None:
    """Make PostgreSQL's tables, and bring them to what this code needs.

    The database is HOTLINE_POSTGRES_DSN. `hotline up` and the containers do it by themselves.

    \b
    Examples:
      hotline database status
      hotline database migrate
    """


@database.command()
@as_json
def migrate(as_json: bool) -> None:
    """Bring the tables to what this code needs; again: nothing happens.

    Two at once go one after the other. Workers that wait for the tables go on by themselves.

    \b
    Examples:
      hotline database migrate
      HOTLINE_POSTGRES_DSN=postgresql://hotline:…@db:5432/hotline hotline database migrate
    """
    before, after = _asked(tables.migrate)
    if as_json:
        click.echo(json.dumps({"before": before, "after": after}))
    elif before == after:
        click.echo(f"the tables are at {after} already")
    else:
        click.echo(f"the tables are at {after} now, they were at {before or 'none'}")


@database.command()
@as_json
def status(as_json: bool) -> None:
    """Say at which migration the tables are; exit code 1 if it is not what this code needs.

    \b
    Examples:
      hotline database status
      hotline database status --json
    """
    present, head = _asked(_both)
    if as_json:
        click.echo(json.dumps({"present": present, "needed": head}))
    elif present == head:
        click.echo(f"the tables are at {present}, as this code needs them")
    else:
        click.echo(f"the tables are at {present or 'none'}, this code needs {head}")
    if present != head:
        if not as_json:
            click.echo("run: hotline database migrate", err=True)
        raise SystemExit(1)


async def _both(dsn: str) -> tuple[str | None, str]:
    return await tables.present(dsn), tables.head()


def _asked(ask: Callable[[str], Coroutine[Any, Any, T]]) -> T:
    with errors_said():
        dsn = EngineSettings.for_command().postgres_dsn
        if dsn is None:
            raise SettingsInvalid(
                "HOTLINE_POSTGRES_DSN is not set: postgresql://user:password@host:port/database"
            )
        try:
            return asyncio.run(ask(dsn.get_secret_value()))
        except (asyncpg.PostgresError, SQLAlchemyError, OSError) as error:
            raise click.ClickException(
                f"PostgreSQL: {error}: check HOTLINE_POSTGRES_DSN, and that it runs"
            ) from error
