"""``hotline worker``: one process for one or several services."""

from importlib import import_module

import click

from policy.errors import PolicyError
from runtime.errors import HotlineError
from runtime.host import HostWorker, build_app
from schemas.topics import DELIVERIES, SERVICES


@click.command()
@click.argument("services", nargs=-1, required=True, type=click.Choice((*SERVICES, *DELIVERIES)))
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
      hotline worker intake dedup sla callback readmodel --web-port 6070
      HOTLINE_KAFKA_BOOTSTRAP=kafka:9092 hotline worker intake
    """
    try:
        roots = {name: import_module(f"services.{name}.app").build for name in services}
        app = build_app(roots, web_port=web_port)
    except HotlineError as error:
        raise click.ClickException(str(error)) from error
    except PolicyError as error:
        raise click.ClickException(f"{error.slug}: {error}") from error
    except OSError as error:
        raise click.ClickException(
            f"{error}; see HOTLINE_DATA_DIR and HOTLINE_WEB_HOST (docs/operations/settings.md)"
        ) from error
    raise SystemExit(
        HostWorker(
            app,
            loglevel=app.engines[0].settings.log_level,
            logging_config=dict(app.conf.logging_config or {}),
            quiet=True,
        ).execute_from_commandline()
    )
