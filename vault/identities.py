"""What a citizen is known by, in its one spelling, and what counts more (R12 «同一个用户»).

Which identity counts, if a citizen gives several (``PRECEDENCE``): the account first, because the
platform that keeps accounts has already joined a person's numbers; then the documents; then the
telephone, which is in nearly every ticket and verified by name in China; what is bound to one
channel only comes last.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

from schemas.events.parts import Identity, IdentityScheme

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


def ranked(identities: Iterable[Identity], source: str) -> list["Named"]:
    """The usable ones of a person's identities, the one that counts most first.

    Args:
        identities: as the publisher gave them, in any order.
        source: the publishing system, whose account numbers may be its own.
    """
    found: list[Named] = []
    for identity in identities:
        normal = normalise(identity)
        if normal:
            scope = source if identity.scheme in PER_SOURCE else ""
            named = Named(identity.scheme, "\x1f".join((identity.scheme, scope, normal)).encode())
            if named not in found:
                found.append(named)
    if len(found) > 1:
        found.sort(key=lambda each: _RANK[each.scheme])
    return found


class Named(NamedTuple):
    """An identity in its one spelling."""

    scheme: IdentityScheme
    name: bytes
    """Scheme, the source that numbers it (if one does), and value: the same for the same alias."""


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
