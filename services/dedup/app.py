"""Composition root: ``hotline worker dedup`` or ``faust -A services.dedup.app worker``."""

from runtime.host import Built, build_app
from runtime.settings import EngineSettings
from services.dedup.domain import Dedup


def build(settings: EngineSettings) -> Built:
    """The processor; nothing runs beside its engine."""
    return Built(Dedup())


def __getattr__(name: str) -> object:
    if name == "app":
        return build_app({"dedup": build})
    raise AttributeError(name)
