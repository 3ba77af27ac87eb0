"""``hotline token``: who may call over HTTP."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from policy.access import AccessRole
from runtime.errors import HotlineError
from runtime.http import tokens
from runtime.http.settings import SERVICE, HttpSettings

EXPIRES_DAYS = 365
"""A token that nobody renews is one that nobody needs."""


def _path(_: click.Context, __: click.Parameter, given: Path | None) -> Path:
    if given is not None:
        return given
    try:
        return HttpSettings.for_service(SERVICE).tokens_path()
    except HotlineError as error:
        raise click.ClickException(str(error)) from error


file_option = click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_path,
    help="File of the tokens' hashes.  [default: HOTLINE_TOKENS_FILE, else tokens.yaml in "
    "HOTLINE_DATA_DIR]",
)


@click.group()
def token() -> None:
    """Make, list and revoke the tokens of publishers and of people.

    The file holds hashes alone; a server that runs reads it again within a second.

    \b
    Examples:
      hotline token make jiangcheng --source jiangcheng-12345
      hotline token make desk-07 --role agent --unit 320100
      hotline token list
      hotline token revoke desk-07
    """


@token.command()
@click.argument("name")
@click.option(
    "--source", "sources", multiple=True, help="CloudEvents source it may publish for; repeatable."
)
@click.option("--role", type=click.Choice([role.value for role in AccessRole]))
@click.option("--unit", help="Unit it acts for, of the policy's organisation; with --role.")
@click.option(
    "--days",
    default=EXPIRES_DAYS,
    show_default=True,
    type=click.IntRange(min=1, max=3_650),
    help="Until it expires.",
)
@file_option
def make(
    name: str,
    sources: Sequence[str],
    role: str | None,
    unit: str | None,
    days: int,
    path: Path,
) -> None:
    """Make a token called NAME and print it: once, it is kept nowhere.

    For a publisher give --source, for a person or a desk --role and --unit.

    \b
    Examples:
      hotline token make jiangcheng --source jiangcheng-12345
      hotline token make desk-07 --role agent --unit 320100 --days 90
    """
    try:
        made = tokens.make(
            path,
            name=name,
            sources=sources,
            role=None if role is None else AccessRole(role),
            unit=unit,
            expires=datetime.now(UTC) + timedelta(days=days),
        )
    except (HotlineError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(made)
    click.echo(f"its hash is in {path}; keep the token, it is shown only now", err=True)


@token.command("list")
@file_option
def listed(path: Path) -> None:
    """Say which tokens there are, and what they may do.

    \b
    Example:
      hotline token list
    """
    try:
        entries = tokens.read(path).tokens
    except HotlineError as error:
        raise click.ClickException(str(error)) from error
    now = datetime.now(UTC)
    for entry in entries:
        may = (
            f"publishes for {', '.join(entry.sources)}"
            if entry.role is None
            else f"{entry.role} of {entry.unit}"
        )
        if entry.expires is None:
            until = "does not expire"
        elif entry.expired(now):
            until = f"expired {entry.expires:%Y-%m-%d}"
        else:
            until = f"until {entry.expires:%Y-%m-%d}"
        click.echo(f"{entry.name}  {may}  {until}")
    if not entries:
        click.echo(f"no tokens in {path}", err=True)


@token.command()
@click.argument("name")
@file_option
def revoke(name: str, path: Path) -> None:
    """Take the token NAME away.

    \b
    Example:
      hotline token revoke desk-07
    """
    try:
        found = tokens.revoke(path, name)
    except (HotlineError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if not found:
        raise click.ClickException(f"no token is called {name!r}: see `hotline token list`")
    click.echo(f"revoked {name}")
