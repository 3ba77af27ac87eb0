"""The local copy of a task's changelog."""

from runtime.stores.base import Kind, Store, open_store
from runtime.stores.codec import StateCodec

__all__ = ["Kind", "StateCodec", "Store", "open_store"]
