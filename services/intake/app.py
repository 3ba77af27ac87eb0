"""Composition root: ``hotline worker intake`` or ``faust -A services.intake.app worker``."""

from runtime.host import Built, build_app
from runtime.settings import EngineSettings
from services.intake.domain import Intake
from services.intake.settings import IntakeSettings
from services.intake.ticker import Ticker


def processor(settings: IntakeSettings) -> Intake:
    """Intake as its settings say."""
    return Intake(
        directory=settings.directory(),
        partitions=settings.partitions,
        forward=settings.forward,
        max_event_bytes=settings.max_record_bytes,
    )


def build(settings: EngineSettings) -> Built:
    """The processor, and the ticker beside its engine."""
    own = IntakeSettings.for_service("intake")
    return Built(processor(own), (Ticker,) if own.ticks else ())


def __getattr__(name: str) -> object:
    if name == "app":
        return build_app({"intake": build})
    raise AttributeError(name)
