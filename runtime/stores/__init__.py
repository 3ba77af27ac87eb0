"""The local copy of a task's changelog."""

from runtime.stores.base import Kind, Store
from runtime.stores.codec import StateCodec
from runtime.stores.opening import open_store

__all__ = ["Kind", "StateCodec", "Store", "open_store"]
