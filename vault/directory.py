"""Who a citizen is, without saying who: identities in, a pseudonym out (R61, R12 «同一个用户»).

``Directory`` is the seam between intake and whoever knows. ``vault.aliases.DatabaseDirectory``
joins what one person goes by; ``KeyedPseudonyms`` needs no database and joins nothing: two channels
with nothing in common are two citizens there, a missed repeat, never a false one.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from runtime.keys import KEY_BYTES, KeyRing
from schemas.events.parts import Identity
from schemas.ids import ANONYMOUS_PREFIX, Citizen
from vault.identities import ranked

PURPOSE: Final = "pseudonyms"
"""What the key of ``KeyedPseudonyms`` is derived for."""


class Found(NamedTuple):
    """A citizen, by what was given."""

    citizen: Citizen
    shared: bool = False
    """Whether all that was given is used by many people (a switchboard, a village's one phone):
    that two tickets have it in common says little."""


class Directory(Protocol):
    """Who a citizen is. Sync: what it needs of a database was fetched before."""

    def resolve(self, identities: Sequence[Identity], source: str, at: datetime) -> Found | None:
        """The citizen with these identities; None if none of them is usable.

        Args:
            identities: as the publisher gave them.
            source: the publishing system, whose account numbers may be its own.
            at: the instant of the event on the log's clock: what is shared by then counts as such.
        """
        ...


def anonymous(ticket: str) -> Citizen:
    """The stand-in for a caller whom nobody knows: nobody's repeat (R12)."""
    return Citizen(ANONYMOUS_PREFIX + ticket)


class KeyedPseudonyms:
    """A ``Directory`` for replay and tests: the HMAC of the strongest identity, under a secret key.

    HMAC-SHA-256, cut to 128 bits: ``c:`` and 32 hexadecimal digits. Who has the key can test a
    guess, nobody else can.
    """

    def __init__(self, key: bytes) -> None:
        """Args:
        key: secret, at least 32 bytes; another key gives everybody another pseudonym.

        Raises:
            ValueError: the key is too short.
        """
        if len(key) < KEY_BYTES:
            raise ValueError(
                f"pseudonym key has {len(key)} bytes: give at least {KEY_BYTES} random ones"
            )
        self._key = key

    @staticmethod
    def of(ring: KeyRing) -> "KeyedPseudonyms":
        """With the key of a deployment's ring; the same through every rotation."""
        return KeyedPseudonyms(ring.derive(PURPOSE, ring.origin))

    def resolve(self, identities: Sequence[Identity], source: str, at: datetime) -> Found | None:
        """As ``Directory.resolve``: of the first usable identity in order of ``PRECEDENCE``."""
        named = ranked(identities, source)
        if not named:
            return None
        digest = hmac.digest(self._key, named[0].name, "sha256").hex()
        return Found(Citizen("c:" + digest[:32]))
