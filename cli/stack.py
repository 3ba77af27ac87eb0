"""``hotline up``, ``down``, ``status``, ``logs`` and ``bundle``: the stack on this machine."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from deploy.local.jars import ensure_jars, read_bundle, write_bundle
from deploy.local.stack import (
    HTTP_PORT,
    KAFKA_PORT,
    POSTGRES_PORT,
    WEB_PORT,
    Stack,
    Wish,
    default_directory,
)
from policy.errors import PolicyError
from runtime.errors import HotlineError

PORT = click.IntRange(0, 65_535)
COLOURS = {"running": "green", "stopped": "dim", "died": "red", "unhealthy": "yellow"}

in_directory = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_directory,
    show_default="~/.local/state/hotline",
    envvar="HOTLINE_DIR",
    help="Where data, logs and pids are kept.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")


@contextmanager
def errors_said() -> Iterator[None]:
    """Errors that a person can act on end the command with their text and exit code 1."""
    try:
        yield
    except HotlineError as error:
        raise click.ClickException(error.text) from error
    except PolicyError as error:
        raise click.ClickException(str(error)) from error
    except PermissionError as error:
        raise click.ClickException(f"{error}. Choose another directory with --dir.") from error


@click.command()
@in_directory
@click.option("--brokers", type=click.IntRange(1, 9), help="Kafka brokers; 3 replicate. [1]")
@click.option("--partitions", type=click.IntRange(1, 1_000), help="Of each topic, for good. [4]")
@click.option("--policy", help="Name or directory of the policy bundle. [cn-12345]")
@click.option("--kafka-port", type=PORT, help=f"0: any free one. [{KAFKA_PORT}]")
@click.option("--postgres-port", type=PORT, help=f"0: any free one. [{POSTGRES_PORT}]")
@click.option("--web-port", type=PORT, help=f"Of the worker; 0: any free one. [{WEB_PORT}]")
@click.option("--http-port", type=PORT, help=f"Of `hotline serve`; 0: any free. [{HTTP_PORT}]")
@click.option("--no-services", is_flag=True, help="Kafka, PostgreSQL, tables and topics only.")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Take the downloads from this file (hotline bundle).",
)
def up(
    directory: Path,
    brokers: int | None,
    partitions: int | None,
    policy: str | None,
    kafka_port: int | None,
    postgres_port: int | None,
    web_port: int | None,
    http_port: int | None,
    no_services: bool,
    bundle: Path | None,
) -> None:
    """Start Kafka, PostgreSQL and the services here, and wait until they are healthy.

    Needs neither Docker nor Java. What runs already is left alone; data survives hotline down.

    \b
    Examples:
      hotline up
      hotline up --brokers 3 --kafka-port 0 --postgres-port 0
      hotline up --bundle kafka.tar        on a machine without a network
    """
    wish = Wish(
        brokers=brokers,
        kafka_port=kafka_port,
        postgres_port=postgres_port,
        web_port=web_port,
        http_port=http_port,
        partitions=partitions,
        policy=policy,
        services=not no_services,
    )
    console = Console(stderr=True)
    with errors_said():
        if bundle is not None:
            read_bundle(bundle)
        stack = Stack(directory)
        stack.up(wish, say=lambda text: console.print(text, style="dim"))
    _show(stack)
    click.echo("\nFor other commands and your own programs:")
    for name, value in stack.told.items():
        if value == stack.environ[name]:
            click.echo(f"  export {name}={value}")
    click.echo(
        f"or all of it, the database with its password as well:\n  . {stack.environment_file}"
    )


@click.command()
@in_directory
@click.option("--wipe", is_flag=True, help="Delete the data, too.")
def down(directory: Path, wipe: bool) -> None:
    """Stop what hotline up started. The data stays, unless --wipe.

    \b
    Examples:
      hotline down
      hotline down --wipe        and begin anew
    """
    console = Console(stderr=True)
    with errors_said():
        Stack(directory).down(wipe=wipe, say=lambda text: console.print(text, style="dim"))
    click.echo("nothing runs" + (f"; the data of {directory} is deleted" if wipe else ""))


@click.command()
@in_directory
@as_json
def status(directory: Path, as_json: bool) -> None:
    """Show what runs and where. Exit code 1 unless all of it is well.

    \b
    Examples:
      hotline status
      hotline status --json | jq .environ
    """
    with errors_said():
        stack = Stack(directory)
        parts = stack.parts()
    if as_json:
        told = {
            "directory": str(stack.directory),
            "environ": stack.told if parts else {},
            "parts": [asdict(part) | {"log": str(part.log)} for part in parts],
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    elif parts:
        _show(stack)
    else:
        click.echo(f"nothing was started in {stack.directory}; start with: hotline up")
    sys.exit(0 if parts and all(part.state == "running" for part in parts) else 1)


@click.command()
@click.argument("service")
@in_directory
@click.option("-f", "--follow", is_flag=True, help="Go on as the log grows.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True)
def logs(service: str, directory: Path, follow: bool, lines: int) -> None:
    """Print the end of a log: of kafka, postgres, http or a service.

    \b
    Examples:
      hotline logs dedup -f
      hotline logs kafka -n 200
    """
    with errors_said():
        stack = Stack(directory)
    if stack.state is None:
        raise click.ClickException(f"nothing was started in {stack.directory}: hotline up")
    try:
        log = stack.log(service)
    except KeyError:
        known = ", ".join(stack.log_names)
        raise click.ClickException(f"SERVICE {service!r} is unknown; there are {known}") from None
    if not log.exists():
        raise click.ClickException(f"{service} has not run yet: {log} does not exist")
    # -F: the log is followed also when it is rolled over.
    arguments = ["tail", "-n", str(lines), *(["-F"] if follow else []), str(log)]
    try:
        sys.exit(subprocess.run(arguments, check=False).returncode)
    except KeyboardInterrupt:
        sys.exit(0)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--wheels",
    "requirements",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Also the wheels of this lock file (requirements.lock), for this kind of machine.",
)
def bundle(file: Path, requirements: Path | None) -> None:
    """Write all downloads into FILE, for machines without a network.

    \b
    Examples:
      hotline bundle hotline.tar --wheels requirements.lock
    \b
    There:
      tar xf FILE wheels                                               (with --wheels)
      pip install --no-index --find-links wheels -r requirements.lock  (with --wheels)
      hotline up --bundle FILE
    """
    with errors_said(), tempfile.TemporaryDirectory() as temporary:
        jars = ensure_jars()
        wheels: list[Path] = []
        if requirements is not None:
            command = [sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps"]
            command += ["--quiet", "-r", str(requirements), "-d", temporary]
            if subprocess.run(command, check=False).returncode != 0:
                raise click.ClickException(f"pip could not download what {requirements} locks")
            wheels = sorted(Path(temporary).iterdir())
        write_bundle(file, jars, wheels)
    size = file.stat().st_size / 1e6
    click.echo(f"{file}: {len(jars)} jars, {len(wheels)} wheels, {size:.0f} MB")


def _show(stack: Stack) -> None:
    table = Table(box=None, header_style="bold")
    for column in ("", "state", "address", "pid", "MB", "log"):
        table.add_column(column, justify="right" if column in ("pid", "MB") else "left")
    for part in stack.parts():
        table.add_row(
            part.name,
            f"[{COLOURS[part.state]}]{part.state}[/]",
            part.address,
            "" if part.pid is None else str(part.pid),
            "" if part.rss_mb is None else f"{part.rss_mb:.0f}",
            str(part.log),
        )
    # Paths are to be copied, so they are not wrapped where output goes to a file.
    width = None if sys.stdout.isatty() else max(shutil.get_terminal_size().columns, 200)
    Console(width=width).print(table)
