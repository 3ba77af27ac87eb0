"""What commands about a policy share: which bundle is meant, as of when, how it is shown."""

from datetime import UTC, datetime

import click
from rich.markup import escape
from rich.table import Table

from policy.bundle import Bundle, load
from policy.errors import PolicyError
from runtime.errors import HotlineError
from runtime.settings import EngineSettings

AS_JSON = click.option("--json", "as_json", is_flag=True, help="As a JSON object.")


def named(name: str | None) -> str:
    """``name``, else that of the settings."""
    if name is not None:
        return name
    try:
        return EngineSettings.for_command().policy
    except HotlineError as error:
        raise click.ClickException(error.text) from error


def loaded(name: str | None) -> Bundle:
    """The bundle, or the command's error."""
    try:
        return load(named(name))
    except PolicyError as error:
        raise click.ClickException(str(error)) from error


def instant(text: str | None, bundle: Bundle, option: str = "--at") -> datetime:
    """Now, or the time that was given; without an offset it is the bundle's own time."""
    if text is None:
        return datetime.now(UTC)
    try:
        given = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise click.BadParameter(
            f"{text!r} is no time, such as 2026-07-01T23:30 or 2026-07-01T23:30+08:00",
            param_hint=option,
        ) from wrong
    if given.tzinfo is None:
        given = given.replace(tzinfo=bundle.versions[-1].policy.time_zone)
    return given


def table(title: str, *columns: str) -> Table:
    found = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        found.add_column(column, overflow="fold", no_wrap=index == 0)
    return found
