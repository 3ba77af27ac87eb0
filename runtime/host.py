"""The Faust application that hosts engines: worker and CLI, web server, supervision.

Faust's own Kafka client stays off (``BootStrategy.enable_kafka``): a worker without a Faust topic
would crash in ``subscribe()``, and state and facts need transactions that its agents cannot give.
"""

import hmac
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NoReturn, cast

import faust
import mode.loop
from faust.app.base import BootStrategy
from mode import Service

from policy import bundle as policy_bundle
from runtime import log
from runtime.core import AnyProcessor, collect_rarely
from runtime.delivery import Sink
from runtime.delivery.service import Delivery
from runtime.engine.service import Engine
from runtime.errors import HotlineError
from runtime.metrics import METRICS
from runtime.processor import Outside
from runtime.sealing import Sealer
from runtime.settings import EngineSettings, unknown


@dataclass(frozen=True, slots=True)
class Built:
    """What a service's composition root makes."""

    processor: AnyProcessor
    beside: Sequence[Callable[[Engine], Service]] = ()
    """What runs beside the engine (a ticker)."""
    outside: Outside | None = None
    """What the service does outside Kafka around the pure step (intake: the database)."""


Build = Callable[[EngineSettings], Built | Sink]
"""A service's composition root; one that fills tables gives a sink (``runtime.delivery``)."""


class HostBoot(BootStrategy):
    """Sensors and web server as Faust starts them, then the engines and what runs beside them."""

    enable_kafka = False

    def server(self) -> Iterable[Any]:
        return chain(super().server(), cast("Host", self.app).hosted)


class HostWorker(faust.Worker):
    """A worker whose last line of log says what ended it (``faust -A``, ``hotline worker``)."""

    def execute_from_commandline(self) -> NoReturn:
        try:
            super().execute_from_commandline()
        except SystemExit as end:
            # mode turns whatever ended the worker into an exit code, and keeps it as the context.
            if end.code and isinstance(end.__context__, Exception):
                last_words(end.__context__)
            raise


def last_words(error: Exception) -> None:
    """Name the error: its slug, or its type where it is none of ours."""
    slug = error.slug if isinstance(error, HotlineError) else type(error).__name__
    log.get("hotline.worker").critical("worker.died", slug=slug, error=log.describe_error(error))


class Host(faust.App):
    """A Faust application whose work is done by engines."""

    BootStrategy = HostBoot
    hosted: tuple[Service, ...] = ()
    engines: tuple[Engine | Delivery, ...] = ()


def tell_settings(settings: Mapping[str, EngineSettings]) -> None:
    """Log what each service was told, secrets as asterisks, and which variables nothing reads."""
    logger = log.get("hotline.settings")
    for service, each in settings.items():
        logger.info("settings.read", service=service, **each.describe())
    for variable, nearest in unknown(os.environ, settings).items():
        logger.warning("variable.unknown", variable=variable, nearest=nearest)


def build_app(services: dict[str, Build], *, web_port: int | None = None) -> Host:
    """One application for one or several services (co-hosting).

    Args:
        services: composition root by service name.
        web_port: overrides HOTLINE_WEB_PORT; 0 is any free one.
    """
    mode.loop.use("uvloop")
    settings = {name: EngineSettings.for_service(name) for name in services}
    common = next(iter(settings.values()))
    json = {"auto": None, "json": True, "console": False}[common.log_format]
    log.configure(common.log_level, json=json)
    tell_settings(settings)
    # Faust makes its directory but not the ones above.
    common.data_dir.mkdir(parents=True, exist_ok=True)
    app = Host(
        "-".join(("hotline", *services)),
        broker=f"kafka://{common.kafka_bootstrap}",
        datadir=str(common.data_dir / "faust"),
        web_bind=common.web_host,
        web_port=port_of(common, web_port),
        Worker=HostWorker,
        logging_config=log.stdlib_config(common.log_level, json is not False),
        worker_redirect_stdouts=False,
        autodiscover=False,
    )
    bundles = {s.policy: policy_bundle.load(s.policy) for s in settings.values()}
    collect_rarely()
    engines: list[Engine | Delivery] = []
    hosted: list[Service] = []
    for name, build in services.items():
        built = build(settings[name])
        if not isinstance(built, Built):
            delivery = Delivery(built, settings[name])
            engines.append(delivery)
            hosted.append(delivery)
            continue
        ring = settings[name].key_ring()
        fingerprints = {version: ring.fingerprint(version) for version in ring.versions}
        log.get("hotline.settings").info("keys.read", service=name, fingerprints=fingerprints)
        engine = Engine(
            built.processor,
            bundles[settings[name].policy],
            settings[name],
            sealer=Sealer(ring),
            outside=built.outside,
        )
        engines.append(engine)
        hosted += [engine, *(make(engine) for make in built.beside)]
    app.engines, app.hosted = tuple(engines), tuple(hosted)
    _pages(app, common)
    return app


def port_of(settings: EngineSettings, given: int | None) -> int:
    """Of the web server: ``given``, else as the settings say; for 0 one that is free.

    Faust would bind to 0 itself, but then nobody could say which port it is.
    """
    port = settings.web_port if given is None else given
    if port == 0:
        with socket.socket() as probe:
            probe.bind((settings.web_host, 0))
            port = int(probe.getsockname()[1])
        log.get("hotline.worker").info("web.port_chosen", port=port)
    return port


def _pages(app: Host, settings: EngineSettings) -> None:
    @app.page("/metrics")
    async def metrics(view: Any, request: Any) -> Any:
        body, content_type = METRICS.exposition()
        return view.bytes(body, content_type=content_type.split(";")[0])

    @app.page("/health")
    async def health(view: Any, request: Any) -> Any:
        ready = all(engine.ready for engine in app.engines)
        body = {"ready": ready, "services": [engine.describe() for engine in app.engines]}
        return view.json(body, status=200 if ready else 503)

    class Control(faust.web.View):
        """``POST /control/{pause,resume,drain}`` and ``/control/log-level?level=DEBUG``."""

        async def post(self, request: Any, action: str) -> Any:
            token = settings.control_token
            if token is None:
                return self.json({"error": "control is off: set HOTLINE_CONTROL_TOKEN"}, status=403)
            given = request.headers.get("Authorization", "")
            if not hmac.compare_digest(
                given.encode(), f"Bearer {token.get_secret_value()}".encode()
            ):
                return self.json({"error": "wrong or missing bearer token"}, status=401)
            return await self._act(request, action)

        async def _act(self, request: Any, action: str) -> Any:
            if action == "log-level":
                level = request.query.get("level", "").upper()
                if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
                    return self.json({"error": f"level={level!r} is none"}, status=400)
                log.set_level(level)
            elif action == "pause":
                for engine in app.engines:
                    engine.pause()
            elif action == "resume":
                for engine in app.engines:
                    engine.resume()
            elif action == "drain":
                for engine in app.engines:
                    app.add_future(engine.stop())
            else:
                return self.json({"error": f"no action {action!r}"}, status=404)
            log.get("hotline.control").info("control.done", action=action)
            return self.json({"done": action})

    app.page("/control/{action}")(Control)
