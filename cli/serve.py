"""``hotline serve``: what is answered over HTTP, in one process."""

import click

from policy.errors import PolicyError
from runtime.errors import HotlineError
from runtime.http.settings import SERVICE


@click.command()
@click.option(
    "--publish/--no-publish", default=True, show_default=True, help="POST /v1/events for platforms."
)
@click.option(
    "--look-up/--no-look-up",
    default=True,
    show_default=True,
    help="Tickets and contacts for agents and departments.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="Port to listen on; 0: any free one.  [default: HOTLINE_HTTP_PORT, 6080]",
)
def serve(publish: bool, look_up: bool, port: int | None) -> None:
    """Answer platforms, agents and departments over HTTP until SIGTERM.

    Several processes may run beside each other. Who may call: `hotline token`. Settings are
    environment variables, HOTLINE_HTTP_… (docs/operations/http.md).

    \b
    Examples:
      hotline serve
      hotline serve --port 6081
    """
    # Loaded only now: what other commands do not need takes half a second.
    from runtime import log
    from runtime.core import collect_rarely
    from runtime.host import tell_settings
    from runtime.http.app import Check, make_app
    from runtime.http.server import serve as run
    from runtime.http.tokens import Tokens
    from services.intake.domain import PLACES
    from services.intake.entrance.app import Entrance
    from services.intake.entrance.settings import EntranceSettings
    from services.intake.masking import Masker
    from services.lookup.app import Lookup
    from services.lookup.settings import LookupSettings

    given = {} if port is None else {"port": port}
    try:
        settings = EntranceSettings.for_service(SERVICE, **given)
        json = {"auto": None, "json": True, "console": False}[settings.log_format]
        log.configure(settings.log_level, json=json)
        own = LookupSettings.for_service("lookup")
        tell_settings({SERVICE: settings, "lookup": own})
        routers, checks = [], dict[str, Check]()
        if publish:
            entrance = Entrance(settings)
            routers.append(entrance.router)
            checks["publish"] = entrance.check
        if look_up:
            ring = own.key_ring()
            # What an agent types is compared with what intake wrote, so it is masked alike.
            lookup = Lookup(own, masked=Masker(ring.derive(PLACES, ring.origin)).mask)
            routers.append(lookup.router)
            checks["look_up"] = lookup.check
        app = make_app(
            "Hotline pipeline",
            routers,
            settings=settings,
            tokens=Tokens(settings.tokens_path()),
            checks=checks,
        )
        collect_rarely()
        run(app, settings)
    except HotlineError as error:
        raise click.ClickException(str(error)) from error
    except PolicyError as error:
        raise click.ClickException(f"{error.slug}: {error}") from error
