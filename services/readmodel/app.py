"""Composition root: ``hotline worker readmodel``."""

from runtime.settings import EngineSettings
from services.readmodel.sink import ReadModel


def build(settings: EngineSettings) -> ReadModel:
    """The sink; ``runtime/delivery`` hosts it."""
    return ReadModel()
