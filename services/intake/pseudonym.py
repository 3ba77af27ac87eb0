"""Who a citizen is, without saying who: identities in, a pseudonym out (R61, R12 «同一个用户»).

``Directory`` is the seam: the directory with aliases in the database answers the same question.
``KeyedPseudonyms`` is the whole answer of today: the HMAC of one identity under a secret key. Who
has the key can test a guess, nobody else can.

Which identity counts, if a citizen gives several (``PRECEDENCE``): the account first, because the
platform that keeps accounts has already joined a person's numbers; then the documents; then the
telephone, which is in nearly every ticket and verified by name in China; what is bound to one
channel only comes last. Without a directory two channels with nothing in common are two citizens:
a missed repeat, never a false one.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Protocol

from schemas.events.parts import Identity, IdentityScheme
from schemas.ids import ANONYMOUS_PREFIX, Citizen

KEY_BYTES = 32
"""A shorter key than the hash could be found by trying all telephone numbers with all keys."""

PRECEDENCE: tuple[IdentityScheme, ...] = (
    IdentityScheme.ACCOUNT,
    IdentityScheme.ID_CARD,
    IdentityScheme.CREDIT_CODE,
    IdentityScheme.PHONE,
    IdentityScheme.WECHAT,
    IdentityScheme.APP,
    IdentityScheme.WEB,
    IdentityScheme.EMAIL,
)
"""First that is given counts; of one scheme, the first usable value."""

PER_SOURCE = frozenset({IdentityScheme.ACCOUNT, IdentityScheme.APP, IdentityScheme.WEB})
"""Numbered by each platform for itself: account 42 of two platforms is two people."""

_RANK = {scheme: rank for rank, scheme in enumerate(PRECEDENCE)}
_NOT_DIGIT = re.compile(r"\D")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]")
_EXTENSION = re.compile(r"(?:转|分机|#|ext\.?|x)\s*\d*\D*$", re.IGNORECASE)
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_MIN_PHONE_DIGITS = 5
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"


class Directory(Protocol):
    """Who a citizen is, for intake."""

    def resolve(self, identities: Iterable[Identity], source: str) -> Citizen | None:
        """The pseudonym of the citizen with these identities; None if none of them is usable.

        Args:
            identities: as the publisher gave them.
            source: the publishing system, whose account numbers may be its own.
        """
        ...


def anonymous(ticket: str) -> Citizen:
    """The stand-in for a caller whom nobody knows: nobody's repeat (R12)."""
    return Citizen(ANONYMOUS_PREFIX + ticket)


class KeyedPseudonyms:
    """Pseudonyms by HMAC-SHA-256, cut to 128 bits: ``c:`` and 32 hexadecimal digits."""

    def __init__(self, key: bytes, *, key_version: int = 1) -> None:
        """Args:
        key: secret, at least 32 bytes; another key gives everybody another pseudonym.
        key_version: says in the log which key is in use; another key is another set of citizens.

        Raises:
            ValueError: the key is too short.
        """
        if len(key) < KEY_BYTES:
            raise ValueError(
                f"pseudonym key has {len(key)} bytes: give at least {KEY_BYTES} random ones"
            )
        self._key = key
        self.key_version = key_version

    def resolve(self, identities: Iterable[Identity], source: str) -> Citizen | None:
        """As ``Directory.resolve``: of the first usable identity in order of ``PRECEDENCE``."""
        given = tuple(identities)
        if len(given) > 1:
            given = tuple(sorted(given, key=lambda each: _RANK[each.scheme]))
        for identity in given:
            normal = normalise(identity)
            if normal:
                scope = source if identity.scheme in PER_SOURCE else ""
                named = "\x1f".join((identity.scheme, scope, normal))
                return Citizen("c:" + hmac.digest(self._key, named.encode(), "sha256").hex()[:32])
        return None


def normalise(identity: Identity) -> str:
    """The one spelling of an identity; empty when it cannot tell anybody apart.

    Empty are a number of too few digits and one that repeats a single character: what agents type
    into a mandatory field («00000000000») would be a citizen with thousands of tickets.
    """
    text = unicodedata.normalize("NFKC", identity.value).strip()
    spelling = _SPELLING.get(identity.scheme)
    normal = text if spelling is None else spelling(text)
    return normal if len(set(normal)) > 1 else ""


def _phone(text: str) -> str:
    """National form: 13812345678, 01012345678; other countries keep their plus and code."""
    if _MOBILE.fullmatch(text):  # nearly all
        return text
    text = _EXTENSION.sub("", text)
    digits = _NOT_DIGIT.sub("", text.replace("(0)", ""))
    international = text.lstrip("( ").startswith("+") or digits.startswith("00")
    if digits.startswith("00"):
        digits = digits[2:]
    if len(digits) < _MIN_PHONE_DIGITS or len(set(digits)) == 1:
        return ""
    if digits.startswith("86") and _MOBILE.fullmatch(digits[2:]):
        return digits[2:]
    if not international:
        return digits
    if digits.startswith("86"):
        return "0" + digits[2:].removeprefix("0")
    if digits.startswith("44"):
        return "0" + digits[2:]
    if digits.startswith("1") and len(digits) == 11:
        return digits[1:]
    return "+" + digits


def _id_card(text: str) -> str:
    """18 characters; the old 15 digits get their century and check character (GB 11643)."""
    number = _NOT_ALPHANUMERIC.sub("", text).upper()
    if len(number) == 15 and number.isdecimal():
        number = number[:6] + "19" + number[6:]
        total = sum(int(digit) * weight for digit, weight in zip(number, _ID_WEIGHTS, strict=True))
        number += _ID_CHECKS[total % 11]
    return number


_SPELLING: dict[IdentityScheme, Callable[[str], str]] = {
    IdentityScheme.PHONE: _phone,
    IdentityScheme.ID_CARD: _id_card,
    IdentityScheme.CREDIT_CODE: lambda text: _NOT_ALPHANUMERIC.sub("", text).upper(),
    IdentityScheme.EMAIL: str.lower,
}
"""The others (account, app, web, WeChat) are opaque: only the blanks around them go."""
