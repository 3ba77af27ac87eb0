"""``hotline citizen``: what the vault has of a person, and its end (R61)."""

import asyncio
import json
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from cli.publishing import kafka_said, publish
from cli.stack import as_json, errors_said
from cli.whom import Whom, by_identity, opened
from runtime.engine.ports import Unavailable
from runtime.settings import EngineSettings
from schemas.events import IdentityLinked
from schemas.events.citizens import Alias, IdentityLinkedData
from vault import audit as audit_
from vault import erasure, rotation
from vault.aliases import share as share_aliases
from vault.erasure import Person

T = TypeVar("T")
SOURCE = "hotline/citizen"

by_whom = click.option("--by", required=True, help="Who does it: it stands in the audit log.")


@click.group()
def citizen() -> None:
    """See what the vault has of a citizen, join two, or erase one for good.

    A citizen is named by the pseudonym that facts carry (c:…), or by what they go by. A value given
    as - is read from the terminal, unseen, or from standard input: better than in a command line,
    which others can see. Nothing plain is ever printed or logged.

    \b
    Examples:
      hotline citizen show c:5f0e1b2a9c3d4e5f60718293a4b5c6d7
      hotline citizen show --phone -
      hotline citizen erase --phone - --by wang.fang --reason "request of 2026-03-02"
    """


@citizen.command()
@click.argument("pseudonym", required=False)
@by_identity
@as_json
def show(pseudonym: str | None, source: str, as_json: bool, **given: str | None) -> None:
    """Say what is known of a citizen: kinds of identities, linked pseudonyms, originals.

    \b
    Examples:
      hotline citizen show --phone -
      echo 13812345678 | hotline citizen show --phone - --json
      hotline citizen show --account - --source city/12345
    """
    whom = Whom.of(pseudonym, source, given)

    async def work() -> Person:
        async with opened() as vault:
            return await erasure.show(vault.database, await whom.found(vault.directory))

    _tell(_run(work()), as_json)


@citizen.command()
@click.argument("pseudonym", required=False)
@by_identity
@by_whom
@click.option("--reason", required=True, help="Why: a request's number, a rule. No plain values.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def erase(
    pseudonym: str | None,
    source: str,
    by: str,
    reason: str,
    yes: bool,
    as_json: bool,
    **given: str | None,
) -> None:
    """Erase a citizen for good, with all pseudonyms linked to theirs.

    Their key, aliases and identities go; no original of theirs can be read any more. The log keeps
    pseudonyms and masked texts, so that replay gives the same verdicts. Whoever calls again is
    somebody new. The inbox still has what came in the last seven days, a backup of the database
    what it had: let both grow old.

    \b
    Examples:
      hotline citizen erase --phone - --by wang.fang --reason "request 2026-117"
      hotline citizen erase c:5f0e1b2a9c3d4e5f60718293a4b5c6d7 --by wang.fang \\
          --reason "request 2026-117" --yes
    """
    whom = Whom.of(pseudonym, source, given)

    async def work() -> Person:
        async with opened() as vault:
            found = await whom.found(vault.directory)
            before = await erasure.show(vault.database, found)
            if not yes:
                _tell(before, as_json=False, err=True)
                click.confirm("Erase all of this? It cannot be undone", abort=True, err=True)
            return await erasure.erase(vault.database, found, who=by, reason=reason)

    before = _run(work())
    if as_json:
        _tell(before, as_json)
    else:
        others = len(before.members) - 1
        click.echo(
            f"erased {before.citizen}"
            + (f" and {others} linked pseudonyms" if others else "")
            + f": {len(before.aliases)} identities gone, {before.originals} originals unreadable"
        )


@citizen.command()
@click.argument("first")
@click.argument("second")
@click.option("--ticket", required=True, help="Ticket or contact where it came to light.")
@by_whom
@click.option("--reason", help="On what grounds, in words. No names or numbers of citizens.")
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Broker.  [default: HOTLINE_KAFKA_BOOTSTRAP]"
)
def link(
    first: str, second: str, ticket: str, by: str, reason: str | None, bootstrap: str | None
) -> None:
    """Say that pseudonyms FIRST and SECOND are one person (身份归并); FIRST goes on.

    It is an event of the log: intake keeps the link, and what is open under SECOND is handed over.

    \b
    Examples:
      hotline citizen link c:5f0e… c:77aa… --ticket T2026-000123 --by li.na
    """
    for each in (first, second):
        if not each.startswith("c:"):
            raise click.UsageError(f"{each!r} is no pseudonym (c:…): hotline citizen show tells it")
    if first == second:
        raise click.UsageError("both are the same pseudonym")
    event = IdentityLinked(
        id=str(uuid4()),
        source=SOURCE,
        time=datetime.now(UTC),
        subject=ticket,
        data=IdentityLinkedData(
            first=Alias(citizen=first), second=Alias(citizen=second), by=by, reason=reason
        ),
    )
    given = {} if bootstrap is None else {"kafka_bootstrap": bootstrap}
    with errors_said():
        settings = EngineSettings.for_command(**given)
    with kafka_said(settings):
        asyncio.run(publish(settings, event))
    click.echo(f"published: {second} is {first}")


@citizen.command()
@click.argument("pseudonym", required=False)
@by_identity
@by_whom
@click.option("--reason", required=True, help="Why: a switchboard, a shop's telephone.")
def share(pseudonym: str | None, source: str, by: str, reason: str, **given: str | None) -> None:
    """Say that many people use a number: from now on it joins nobody.

    Tickets that have nothing else say «shared». It is found by itself once enough accounts and ID
    cards came with a number (policy identity.shared_after_identities).

    \b
    Examples:
      hotline citizen share --phone - --by li.na --reason "switchboard of the town hall"
    """
    whom = Whom.of(pseudonym, source, given)
    if whom.identity is None:
        raise click.UsageError("name the number, such as --phone -, not a pseudonym")
    identity = whom.identity

    async def work() -> tuple[str, datetime]:
        async with opened() as vault:
            found = await whom.found(vault.directory)
            async with vault.database.transaction() as connection:
                ids = await vault.directory.rows_of(connection, (identity,), whom.source)
                since = await share_aliases(connection, ids)
                await audit_.write(
                    connection,
                    who=by,
                    action="shared",
                    purpose=reason,
                    citizen=found,
                    detail=identity.scheme.value,
                )
            return found, since

    found, since = _run(work())
    click.echo(f"this {identity.scheme.value} of {found} is shared from {since.isoformat()} on")


@citizen.command()
@by_whom
@as_json
def rotate(by: str, as_json: bool) -> None:
    """Bring aliases and data keys under the newest key version; no pseudonym changes.

    First `hotline keys add`, and give the new key ring to every worker and server: those without
    it wait from now on. It may be stopped and run again.

    \b
    Examples:
      hotline keys add
      hotline citizen rotate --by ops
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)

    async def work() -> rotation.Rotated:
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("rotate", total=None)
            async with opened() as vault:
                return await rotation.rotate(
                    vault.database,
                    vault.ring,
                    who=by,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )

    done = _run(work())
    if as_json:
        click.echo(json.dumps(done._asdict()))
    else:
        click.echo(
            f"under key version {done.version} now: {done.aliases} aliases and "
            f"{done.data_keys} data keys that were not before"
        )


@citizen.command()
@click.argument("pseudonym", required=False)
@click.option("--ticket", help="Of one ticket only.")
@click.option("--limit", type=click.IntRange(1, audit_.LIMIT), default=50, show_default=True)
@as_json
def audit(pseudonym: str | None, ticket: str | None, limit: int, as_json: bool) -> None:
    """Say who looked at plain data, erased, shared or rotated, and to what purpose.

    \b
    Examples:
      hotline citizen audit
      hotline citizen audit c:5f0e1b2a9c3d4e5f60718293a4b5c6d7
      hotline citizen audit --ticket T2026-000123 --json
    """

    async def work() -> list[audit_.Entry]:
        async with opened() as vault, vault.database.connection() as connection:
            return await audit_.read(connection, citizen=pseudonym, subject=ticket, limit=limit)

    entries = _run(work())
    if as_json:
        for entry in entries:
            click.echo(json.dumps(entry._asdict(), default=str, ensure_ascii=False))
        return
    if not entries:
        click.echo("nothing in the audit log")
        return
    table = Table("when", "who", "what", "citizen", "ticket", "purpose", "detail")
    for entry in entries:
        when = entry.at.astimezone().isoformat(" ", "seconds")
        table.add_row(
            *(when, entry.who, entry.action, entry.citizen, entry.subject),
            *(entry.purpose, entry.detail),
        )
    Console().print(table)


def _tell(person: Person, as_json: bool, *, err: bool = False) -> None:
    if as_json:
        told = person._asdict() | {"aliases": [each._asdict() for each in person.aliases]}
        click.echo(json.dumps(told, default=str))
        return
    if not person.aliases and not person.originals and person.erased_at is None:
        click.echo(f"{person.citizen}: the vault has nothing of this pseudonym", err=err)
        return
    click.echo(person.citizen, err=err)
    for each in person.members:
        if each != person.citizen:
            click.echo(f"  linked: {each}", err=err)
    for alias in person.aliases:
        shared = f", shared since {alias.shared_since.isoformat()}" if alias.shared_since else ""
        since = alias.assigned_at.isoformat()
        click.echo(f"  known by: {alias.scheme}, since {since}{shared}", err=err)
    click.echo(f"  originals: {person.originals}", err=err)
    if person.erased_at is not None:
        click.echo(
            f"  erased: {person.erased_at.isoformat()}, {person.erased} originals unreadable",
            err=err,
        )


@contextmanager
def _said() -> Iterator[None]:
    with errors_said():
        try:
            yield
        except Unavailable as error:
            raise click.ClickException(str(error)) from error


def _run(work: Coroutine[Any, Any, T]) -> T:
    with _said():
        return asyncio.run(work)
