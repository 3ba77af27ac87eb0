"""The ``hotline`` command: a table of subcommands, each loaded only when it is called."""

import os
import signal
import sys
from collections.abc import Mapping
from importlib import import_module

import click

COMMANDS = {
    "up": "cli.stack:up",
    "down": "cli.stack:down",
    "status": "cli.stack:status",
    "logs": "cli.stack:logs",
    "bundle": "cli.stack:bundle",
    "topics": "cli.topics:topics",
    "worker": "cli.worker:worker",
    "serve": "cli.serve:serve",
    "token": "cli.token:token",
    "convert": "cli.convert:convert",
    "sample": "cli.sample:sample",
    "replay": "cli.replay:replay",
    "explain": "cli.explain:explain",
    "mark": "cli.mark:mark",
    "callback": "cli.callback:callback",
    "policy": "cli.policy:policy",
    "citizen": "cli.citizen:citizen",
    "database": "cli.database:database",
    "readmodel": "cli.readmodel:readmodel",
    "dead-letters": "cli.dead_letters:dead_letters",
    "keys": "cli.keys:keys",
    "demo": "cli.demo:demo",
}


class Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


def _warn_of_unknown(environment: Mapping[str, str]) -> None:
    """A variable that nothing reads is a setting that is not made: nobody would notice."""
    if not any(name.upper().startswith("HOTLINE_") for name in environment):
        return  # what follows takes a moment to load
    from runtime.settings import unknown
    from services.intake.entrance.settings import EntranceSettings  # noqa: F401 (known, too)
    from services.intake.settings import IntakeSettings  # noqa: F401 (its variables are known)

    for variable, nearest in unknown(environment, ("http",)).items():
        meant = f"; did you mean {nearest}?" if nearest else ""
        click.echo(f"Warning: nothing reads the variable {variable}{meant}", err=True)


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hotline-pipeline")
@click.pass_context
def main(context: click.Context) -> None:
    """Run and question the hotline pipeline.

    \b
    Examples:
      hotline demo                     a sample day through real Kafka
      hotline up                       start Kafka, PostgreSQL and the services here
      hotline explain T2026-000123     the story of a ticket, and why
    """
    # What a command started (a broker, a stack) is stopped on the way out. A worker has a handler
    # of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if context.invoked_subcommand not in ("worker", "serve"):  # which log it
        _warn_of_unknown(os.environ)
