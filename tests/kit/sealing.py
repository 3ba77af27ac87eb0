"""Keys of the tests, for what they seal and open."""

from typing import Final

from runtime.keys import KeyRing
from runtime.sealing import Sealer

RING: Final = KeyRing({1: bytes(range(32))})
KEYS: Final = '{"1": "' + bytes(range(32)).hex() + '"}'
"""The same as a setting, ``HOTLINE_KEYS``."""
SEALER: Final = Sealer(RING)
