"""``hotline worker``: one process for one or several services."""

from importlib import import_module

import click
from faust import Worker

from deploy.local.process import free_port
from runtime.errors import HotlineError
from runtime.host import build_app
from runtime.settings import EngineSettings
from schemas.topics import SERVICES


@click.command()
@click.argument("services", nargs=-1, required=True, type=click.Choice(SERVICES))
@click.option(
    "--web-port",
    type=click.IntRange(0, 65_535),
    help="Port of health, metrics and control; 0: any free one.  [default: HOTLINE_WEB_PORT, 6066]",
)
def worker(services: tuple[str, ...], web_port: int | None) -> None:
    """Run SERVICES in this process until SIGTERM.

    More workers of a service share its partitions; several services in one process suit a county,
    one service a process a megacity. Settings are environment variables
    (docs/operations/settings.md).

    \b
    Examples:
      hotline worker dedup
      hotline worker intake dedup --web-port 6070
      HOTLINE_KAFKA_BOOTSTRAP=kafka:9092 hotline worker intake
    """
    try:
        roots = {name: import_module(f"services.{name}.app").build for name in services}
        app = build_app(roots, web_port=port_of(services[0], web_port))
    except HotlineError as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(
        Worker(
            app,
            loglevel=app.engines[0].settings.log_level,
            logging_config=dict(app.conf.logging_config or {}),
            quiet=True,
        ).execute_from_commandline()
    )


def port_of(service: str, given: int | None) -> int:
    """Of the web server: ``given``, else as the settings say; for 0 one that is free."""
    port = EngineSettings.for_service(service).web_port if given is None else given
    return port or free_port()
