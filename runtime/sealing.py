"""Bytes that only the key ring's holders can read, where they go into topics and states (R61).

Deterministic (AES-SIV, RFC 5297): a replay, a batch decided again and a ledger compare bytes, so
the same bytes in the same place must come out the same. What that tells a reader without a key is
whether two of them are equal, and the place is part of it (``about``): so not even that.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from runtime.errors import CannotOpen, SettingsInvalid
from runtime.keys import KeyRing

_VERSION_BYTES: Final = 4


class Sealer:
    """Seals and opens; pure, so that a rule may have one. New bytes take the ring's newest key.

    Example:
        ``sealer.open(sealer.seal(event, "parked", ticket), "parked", ticket) == event``
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._ciphers: dict[int, AESSIV] = {}

    @property
    def version(self) -> int:
        """Of the key that ``seal`` takes."""
        return self._ring.current

    def seal(self, plain: bytes, *about: str) -> bytes:
        """The bytes, sealed; 20 longer.

        Args:
            about: what and whose they are; only who says the same can open them, so that nothing
                can be put in another's place.
        """
        version = self._ring.current
        sealed = self._cipher(version).encrypt(plain, _bound(about))
        return version.to_bytes(_VERSION_BYTES, "big") + sealed

    def open(self, sealed: bytes, *about: str) -> bytes:
        """What was sealed.

        Raises:
            CannotOpen: the key is not in the ring, or these are not the bytes that were sealed.
        """
        version = int.from_bytes(sealed[:_VERSION_BYTES], "big")
        try:
            return self._cipher(version).decrypt(sealed[_VERSION_BYTES:], _bound(about))
        except SettingsInvalid as missing:
            raise CannotOpen(version, missing.text) from None
        except (InvalidTag, ValueError):
            raise CannotOpen(
                version,
                "these are not the bytes that were sealed here, or another ring's key of this "
                "version sealed them: compare the fingerprints (`hotline keys list`)",
            ) from None

    def _cipher(self, version: int) -> AESSIV:
        found = self._ciphers.get(version)
        if found is None:
            halves = [self._ring.derive(f"sealing {half}", version) for half in ("mac", "cipher")]
            found = self._ciphers[version] = AESSIV(b"".join(halves))
        return found


def _bound(about: tuple[str, ...]) -> list[bytes]:
    return [part.encode() for part in about]
