"""Composition root: ``hotline worker intake`` or ``faust -A services.intake.app worker``."""

from collections.abc import Callable

from policy import bundle as policy_bundle
from runtime import log
from runtime.database import Database
from runtime.host import Built, build_app
from runtime.processor import Record
from runtime.settings import EngineSettings
from services.intake.domain import Intake
from services.intake.outside import IntakeOutside, Readings
from services.intake.reading import InboxEvent, read
from services.intake.seen import SeenEvents
from services.intake.settings import IntakeSettings
from services.intake.ticker import Ticker
from vault.aliases import DatabaseDirectory
from vault.directory import Directory, KeyedPseudonyms
from vault.originals import Vault


def processor(
    settings: IntakeSettings,
    directory: Directory | None = None,
    reader: Callable[[Record, int], InboxEvent] = read,
) -> Intake:
    """Intake as its settings say.

    Args:
        directory: who citizens are; None: the pseudonyms of ``settings.directory()``.
        reader: what else than ``reading.read`` reads records.
    """
    return Intake(
        directory=directory or settings.directory(),
        ring=settings.key_ring(),
        partitions=settings.partitions,
        forward=settings.forward,
        max_event_bytes=settings.max_record_bytes,
        reader=reader,
    )


def build(settings: EngineSettings) -> Built:
    """The processor, the ticker beside its engine, and the database around it."""
    own = IntakeSettings.for_service("intake")
    beside = (Ticker,) if own.ticks else ()
    ring = own.key_ring()
    if own.postgres_dsn is None:
        log.get("hotline.intake").warning(
            "database.none",
            meaning="HOTLINE_POSTGRES_DSN is not set: citizens are told apart by one identity "
            "each, originals are not kept, ids are known per ticket only",
        )
        return Built(processor(own, KeyedPseudonyms.of(ring)), beside)
    database = Database(own.postgres_dsn, application="hotline-intake")
    directory = DatabaseDirectory(database, ring, policy_bundle.load(own.policy))
    readings = Readings(own.max_record_bytes)
    seen = SeenEvents(database, ring)
    outside = IntakeOutside(readings, seen, directory, Vault(database, ring))
    return Built(processor(own, directory, readings.take), beside, outside)


def __getattr__(name: str) -> object:
    if name == "app":
        return build_app({"intake": build})
    raise AttributeError(name)
