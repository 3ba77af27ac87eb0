"""Keys of the tests, for what they seal and open."""

from typing import Final

from runtime.keys import KeyRing
from runtime.sealing import Sealer

RING: Final = KeyRing({1: bytes(range(32))})
"""As ``HOTLINE_KEYS`` of the tests' workers says (``tests.kit.ledger``)."""
SEALER: Final = Sealer(RING)
