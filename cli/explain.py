"""``hotline explain``: the story of a ticket, in words (R6, R15, R22)."""

import asyncio
import logging
import sys
from pathlib import Path

import click
import orjson
from rich.console import Console

from cli.explaining import folder, kafka
from cli.explaining.material import Material
from cli.explaining.speaker import Speaker
from cli.explaining.story import tell
from cli.explaining.telling import Language, document, show
from cli.progress import Shown, reading_bar
from cli.publishing import kafka_said
from policy import bundle as policy_bundle
from policy.bundle import Bundle
from policy.errors import PolicyError
from runtime.errors import HotlineError
from runtime.settings import EngineSettings

PIPE_COLUMNS = 120
"""Where nobody says how wide the page is: a sentence wants more than 80."""


@click.command()
@click.argument("ticket")
@click.option(
    "--from",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that hotline replay wrote, instead of Kafka.",
)
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Broker.  [default: HOTLINE_KAFKA_BOOTSTRAP]"
)
@click.option(
    "--lang",
    "language",
    type=click.Choice(["en", "zh", "both"]),
    default="both",
    show_default=True,
)
@click.option("--json", "as_json", is_flag=True, help="For programs: all of it, texts in full.")
def explain(
    ticket: str,
    directory: Path | None,
    bootstrap: str | None,
    language: Language,
    as_json: bool,
) -> None:
    """Tell the story of TICKET: what happened, each verdict and why, what was put aside.

    The whole log is read, for there is no index yet.

    \b
    Examples:
      hotline explain T2026-000123
      hotline explain T2026-000123 --lang zh
      hotline explain T2026-000123 --from out/ --json
    """
    # What it would say on stderr (retries, reconnects) ends in an error of ours, or is of no use.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    material = Material(ticket)
    try:
        given = {} if bootstrap is None else {"kafka_bootstrap": bootstrap}
        settings = EngineSettings.for_command(**given)
        with reading_bar() as bar, kafka_said(settings):
            if directory is not None:
                folder.read(directory, material, Shown(bar))
            else:
                asyncio.run(kafka.read(settings, material, Shown(bar)))
        bundle = bundle_of(material, settings.policy)
    except HotlineError as error:
        raise click.ClickException(error.text) from error
    except PolicyError as error:
        raise click.ClickException(str(error)) from error
    if not material.known:
        raise click.ClickException(unknown(material))
    story = tell(material, Speaker(bundle))
    if as_json:
        click.echo(orjson.dumps(document(story), option=orjson.OPT_INDENT_2).decode())
        return
    console = Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS, highlight=False)
    show(story, console, language)
    click.echo(f"\n{scanned(material)}", err=True)


def bundle_of(material: Material, default: str) -> Bundle:
    """The profile that the records say they were decided under, if it is shipped; else ours."""
    for record in (*reversed(material.facts), *reversed(material.events)):
        profile = str(record.get("policyversion") or "").partition("@")[0]
        if profile in policy_bundle.shipped():
            return policy_bundle.load(profile)
    return policy_bundle.load(default)


def unknown(material: Material) -> str:
    """Why there is no story, and which ticket may have been meant."""
    near = material.near()
    meant = f" Did you mean {', '.join(near)}?" if near else ""
    return f"no ticket {material.ticket!r}: {scanned(material)}.{meant}"


def scanned(material: Material) -> str:
    """How much was read for it."""
    counts = ", ".join(f"{count:,} of {name}" for name, count in material.scanned.items())
    return f"{sum(material.scanned.values()):,} records scanned ({counts})"
