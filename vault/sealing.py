"""What encrypts personal data at rest: AES-256-GCM, one key a citizen, wrapped by the ring.

The table of wrapped keys is what makes erasure real: without its row, neither the database nor the
key ring can open what it sealed (R61).
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from runtime.errors import HotlineError
from runtime.keys import KeyRing

PURPOSE: Final = "vault data keys"
"""What the keys that wrap are derived for."""
NONCE_BYTES: Final = 12
"""Random: a citizen would need four billion originals for a risk of one in four billion (NIST)."""
KEY_BYTES: Final = 32


class CannotOpen(HotlineError):
    """Something sealed does not open under its key: the row, or the key ring, is not the one.

    Operator action: check that the key ring is this database's; restore the row from a backup.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            "cannot_open",
            f"{what} does not open: the key ring is not this database's, or the row was changed",
        )


class Wrapped:
    """Makes, wraps and opens the data keys of citizens."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._seals: dict[int, Seal] = {}

    @property
    def version(self) -> int:
        """Of the key that new data keys are wrapped under."""
        return self._ring.current

    def make(self, citizen: str, version: int) -> tuple["Seal", bytes]:
        """A new data key, and how it goes into the table."""
        key = secrets.token_bytes(KEY_BYTES)
        return Seal(key), self.wrap(citizen, key, version)

    def wrap(self, citizen: str, key: bytes, version: int) -> bytes:
        """A data key under a version of the ring."""
        return self._of(version).close(key, citizen)

    def unwrap(self, citizen: str, version: int, wrapped: bytes) -> bytes:
        """A data key out of the table. Raises ``CannotOpen``, and ``SettingsInvalid`` if the ring
        has no such version."""
        return self._of(version).open(wrapped, citizen)

    def open(self, citizen: str, version: int, wrapped: bytes) -> "Seal":
        """The seal of a citizen, from their row."""
        return Seal(self.unwrap(citizen, version, wrapped))

    def _of(self, version: int) -> "Seal":
        seal = self._seals.get(version)
        if seal is None:
            seal = self._seals[version] = Seal(self._ring.derive(PURPOSE, version))
        return seal


class Seal:
    """Encrypts under one key. What is sealed says nothing, and opens only where it belongs."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, plain: bytes, *place: str) -> bytes:
        """Nonce and ciphertext.

        Args:
            place: where it belongs (citizen, ticket, …): elsewhere it does not open.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, _bound(place))

    def open(self, sealed: bytes, *place: str) -> bytes:
        """What was sealed for this place. Raises ``CannotOpen``."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound(place))
        except (InvalidTag, ValueError):
            raise CannotOpen(f"what is sealed for {' '.join(place)}") from None


def _bound(place: tuple[str, ...]) -> bytes:
    return "\x1f".join(place).encode()
