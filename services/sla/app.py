"""Composition root: ``hotline worker sla`` or ``faust -A services.sla.app worker``."""

from runtime.host import Built, build_app
from runtime.settings import EngineSettings
from services.sla.domain import Sla


def build(settings: EngineSettings) -> Built:
    """The processor; nothing runs beside its engine."""
    return Built(Sla())


def __getattr__(name: str) -> object:
    if name == "app":
        return build_app({"sla": build})
    raise AttributeError(name)
