"""How a command is told which citizen is meant: by pseudonym, or by what they go by.

A plain value in a command line stands in the shell's history and in the list of processes, so ``-``
reads it from the terminal, unseen, or from standard input.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click

from policy import bundle as policy_bundle
from runtime.database import Database
from runtime.errors import SettingsInvalid
from runtime.keys import KeyRing
from runtime.settings import EngineSettings
from schemas.events.parts import Identity, IdentityScheme
from schemas.ids import Citizen
from vault.aliases import DatabaseDirectory
from vault.identities import PER_SOURCE, ranked

F = TypeVar("F", bound=Callable[..., Any])

HELP: Final = {
    IdentityScheme.PHONE: "Their telephone number; - reads it.",
    IdentityScheme.ID_CARD: "Their ID card's number; - reads it.",
    IdentityScheme.CREDIT_CODE: "The enterprise's credit code; - reads it.",
    IdentityScheme.ACCOUNT: "Their account at --source; - reads it.",
    IdentityScheme.WECHAT: "Their WeChat id; - reads it.",
    IdentityScheme.APP: "Their id in the app of --source; - reads it.",
    IdentityScheme.WEB: "Their id on the site of --source; - reads it.",
    IdentityScheme.EMAIL: "Their e-mail address; - reads it.",
}


@dataclass(frozen=True, slots=True)
class Whom:
    """Who is meant: a pseudonym, or an identity."""

    citizen: Citizen | None
    identity: Identity | None = None
    source: str = ""

    @staticmethod
    def of(citizen: str | None, source: str, given: dict[str, str | None]) -> "Whom":
        """From the command line. Raises ``UsageError`` unless it says exactly one."""
        named = [(scheme, value) for scheme, value in given.items() if value is not None]
        if (citizen is not None) + len(named) != 1:
            raise click.UsageError(
                "name one citizen: a pseudonym (c:…), or one of "
                + ", ".join(f"--{scheme.replace('_', '-')}" for scheme in IdentityScheme)
            )
        if citizen is not None:
            if not citizen.startswith(("c:", "anon:")):
                raise click.UsageError(
                    "a pseudonym begins with c: (or anon:); a number or name goes with its option, "
                    "such as --phone -"
                )
            return Whom(Citizen(citizen))
        ((name, value),) = named
        scheme = IdentityScheme(name)
        if scheme in PER_SOURCE and not source:
            raise click.UsageError(f"--{name} needs --source: each system has its own numbers")
        identity = Identity(scheme=scheme, value=_read(name) if value == "-" else value)
        if not ranked([identity], source):
            raise click.UsageError(f"what --{name.replace('_', '-')} was given tells nobody apart")
        return Whom(None, identity, source)

    async def found(self, directory: DatabaseDirectory) -> Citizen:
        """The pseudonym. Raises ``ClickException`` where nobody is known by the identity."""
        if self.citizen is not None:
            return self.citizen
        assert self.identity is not None
        found = await directory.lookup((self.identity,), self.source, datetime.now(UTC))
        if found is None:
            raise click.ClickException(
                f"nobody is known by this {self.identity.scheme.value}: check its spelling, and "
                "that HOTLINE_POSTGRES_DSN is the deployment's"
            )
        return found.citizen


@dataclass(frozen=True, slots=True)
class Opened:
    """The vault, for one command."""

    settings: EngineSettings
    database: Database
    ring: KeyRing
    directory: DatabaseDirectory


@asynccontextmanager
async def opened() -> AsyncIterator[Opened]:
    """The vault as the settings say. Raises ``SettingsInvalid``."""
    settings = EngineSettings.for_command()
    if settings.postgres_dsn is None:
        raise SettingsInvalid("HOTLINE_POSTGRES_DSN is not set: the vault lies in that database")
    ring = settings.known_key_ring()
    if ring is None:
        raise SettingsInvalid(
            f"there is no key ring at {str(settings.key_path)!r}: set HOTLINE_KEY_FILE or "
            "HOTLINE_KEYS as the services have it"
        )
    database = Database(settings.postgres_dsn, application="hotline-citizen", connections=2)
    bundle = policy_bundle.load(settings.policy)
    try:
        yield Opened(settings, database, ring, DatabaseDirectory(database, ring, bundle))
    finally:
        await database.close()


def by_identity(command: F) -> F:
    """Options for each kind of identity, and ``--source``."""
    command = click.option(
        "--source", default="", help="The publishing system, for its own numbers."
    )(command)
    for scheme in reversed(IdentityScheme):
        name = f"--{scheme.value.replace('_', '-')}"
        command = click.option(name, scheme.value, metavar="VALUE", help=HELP[scheme])(command)
    return command


def _read(name: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(name, hide_input=True, err=True))
    value = sys.stdin.readline().strip()
    if not value:
        raise click.UsageError(f"standard input has no line to read --{name} from")
    return value
