"""Composition root: ``hotline worker callback`` or ``faust -A services.callback.app worker``."""

from runtime.host import Built, build_app
from runtime.settings import EngineSettings
from services.callback.domain import Callback


def build(settings: EngineSettings) -> Built:
    """The processor; nothing runs beside its engine."""
    return Built(Callback())


def __getattr__(name: str) -> object:
    if name == "app":
        return build_app({"callback": build})
    raise AttributeError(name)
