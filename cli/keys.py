"""``hotline keys``: which versions of the secret keys there are, and a new one. Never the keys."""

import json
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from cli.stack import as_json, errors_said
from runtime.errors import SettingsInvalid
from runtime.keys import KeyRing
from runtime.settings import EngineSettings

_NEXT: Final = """\
Next:
  1. Back the file up, apart from topics and database; copy it to every machine of the deployment.
  2. Only then restart the workers and the HTTP API, one after the other: each writes under
     version {version} from then on. `hotline keys list` must show the same fingerprints everywhere.
  3. `hotline citizen rotate` wraps what the vault holds with the new version.
  4. Keep the old versions: what was sealed under them is in topics and states, and the first one
     names the citizens for good."""


@click.group()
def keys() -> None:
    """See the versions of the key ring, and rotate it.

    The ring keeps citizens' originals, aliases and dead letters from whoever has only the topics or
    the database. It lies in HOTLINE_KEY_FILE (keys.json in HOTLINE_DATA_DIR), or in HOTLINE_KEYS.

    \b
    Examples:
      hotline keys list
      hotline keys add
    """


@keys.command(name="list")
@as_json
def list_(as_json: bool) -> None:
    """List the versions with their fingerprints, which tell nothing of the keys.

    \b
    Examples:
      hotline keys list
      HOTLINE_KEY_FILE=/etc/hotline/keys.json hotline keys list --json
    """
    with errors_said():
        settings = EngineSettings.for_command()
        ring = settings.known_key_ring()
        if ring is None:
            raise SettingsInvalid(
                f"there is no key ring at {str(settings.key_path)!r}: set HOTLINE_KEY_FILE or "
                "HOTLINE_KEYS as the services have it, or make a first key with `hotline keys add`"
            )
        told = [
            {
                "version": version,
                "fingerprint": ring.fingerprint(version),
                "use": _use(ring, version),
            }
            for version in ring.versions
        ]
    if as_json:
        click.echo(json.dumps(told))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("version", "fingerprint", "use"):
        table.add_column(column)
    for each in told:
        table.add_row(*(str(cell) for cell in each.values()))
    Console().print(table)


def _use(ring: KeyRing, version: int) -> str:
    writes = "writes" if version == ring.current else "reads what was written under it"
    return f"{writes}; names citizens for good" if version == ring.origin else writes


@keys.command()
def add() -> None:
    """Add a new random key to the ring's file; without one, make the file. Nothing is removed.

    \b
    Examples:
      hotline keys add
      HOTLINE_KEY_FILE=/etc/hotline/keys.json hotline keys add
    """
    with errors_said():
        settings = EngineSettings.for_command()
        if settings.keys is not None:
            raise SettingsInvalid(
                "HOTLINE_KEYS holds the ring, and a command cannot change that: add "
                '"<version>": "<64 random hexadecimal digits>" where it is kept, stop all workers, '
                "then start them; or put the ring into a file, set HOTLINE_KEY_FILE and unset "
                "HOTLINE_KEYS"
            )
        ring = KeyRing.rotate(settings.key_path)
    version = ring.current
    click.echo(f"added version {version} ({ring.fingerprint(version)}) to {settings.key_path}")
    if version > ring.origin:
        click.echo(_NEXT.format(version=version))
