"""Composition root: ``hotline worker dedup`` or ``faust -A services.dedup.app worker``."""

from collections.abc import Callable, Sequence

from mode import Service

from runtime.engine.service import Engine
from runtime.host import build_app
from runtime.settings import EngineSettings
from services.dedup.domain import Dedup


def build(settings: EngineSettings) -> tuple[Dedup, Sequence[Callable[[Engine], Service]]]:
    """The processor; nothing runs beside its engine."""
    return Dedup(), ()


def __getattr__(name: str) -> object:
    if name == "app":
        return build_app({"dedup": build})
    raise AttributeError(name)
