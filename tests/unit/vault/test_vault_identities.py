"""Pseudonyms of citizens (R12 «同一个用户», R61)."""

import re
from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.parts import Identity, IdentityScheme
from schemas.ids import is_anonymous
from vault.directory import KeyedPseudonyms, anonymous
from vault.identities import PRECEDENCE, normalise

KEY = bytes(range(32))
DIRECTORY = KeyedPseudonyms(KEY)
AT = datetime(2026, 3, 2, tzinfo=UTC)


def _identity(scheme: str, value: str) -> Identity:
    return Identity(scheme=IdentityScheme(scheme), value=value)


def _resolve(*given: tuple[str, str], source: str = "city/12345") -> str | None:
    found = DIRECTORY.resolve([_identity(*each) for each in given], source, AT)
    return None if found is None else found.citizen


@pytest.mark.parametrize(
    ("scheme", "value", "normal"),
    [
        ("phone", "13812345678", "13812345678"),
        ("phone", "+86 138-1234-5678", "13812345678"),
        ("phone", "8613812345678", "13812345678"),
        ("phone", "0086 138 1234 5678", "13812345678"),
        ("phone", "１３８１２３４５６７８", "13812345678"),
        ("phone", " (138)12345678 ", "13812345678"),
        ("phone", "0731-88881234", "073188881234"),
        ("phone", "0731-88881234转801", "073188881234"),
        ("phone", "+86 731 8888 1234", "073188881234"),
        ("phone", "+86 (0)731 8888 1234", "073188881234"),
        ("phone", "(617) 555-0134", "6175550134"),
        ("phone", "+1 617 555 0134 ext. 12", "6175550134"),
        ("phone", "+44 20 7946 0018", "02079460018"),
        ("phone", "020 7946 0018", "02079460018"),
        ("phone", "+49 30 901820", "+4930901820"),
        ("phone", "00000000000", ""),
        ("phone", "110", ""),
        ("phone", "不详", ""),
        ("id_card", "43010219900101123x", "43010219900101123X"),
        ("id_card", "430102 19900101 123X", "43010219900101123X"),
        ("id_card", "110105491231002", "11010519491231002X"),  # GB 11643, annex: the old form
        ("credit_code", "91430100ma4l0xxx1x ", "91430100MA4L0XXX1X"),
        ("email", " Zhang.San@Example.COM", "zhang.san@example.com"),
        ("account", " A00040066 ", "A00040066"),
        ("account", "a00040066", "a00040066"),
        ("wechat", "oX-2_b", "oX-2_b"),
        ("account", "--", ""),
    ],
)
def test_R12_an_identity_has_one_spelling(scheme: str, value: str, normal: str) -> None:
    assert normalise(_identity(scheme, value)) == normal


def test_R61_a_pseudonym_tells_nothing_and_depends_on_the_key() -> None:
    citizen = _resolve(("phone", "13812345678"))
    assert citizen is not None
    assert re.fullmatch("c:[0-9a-f]{32}", citizen)
    assert not is_anonymous(citizen)
    other = KeyedPseudonyms(KEY[::-1])
    found = other.resolve([_identity("phone", "13812345678")], "city/12345", AT)
    assert found is not None
    assert found.citizen != citizen


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("phone", "13812345678"), ("phone", "+86 138 1234 5678"), True),
        (("phone", "13812345678"), ("phone", "13812345679"), False),
        (("phone", "13812345678"), ("account", "13812345678"), False),
    ],
)
def test_R12_the_same_citizen_is_the_same_pseudonym(
    one: tuple[str, str], other: tuple[str, str], same: bool
) -> None:
    assert (_resolve(one) == _resolve(other)) is same


@pytest.mark.parametrize("scheme", IdentityScheme)
def test_R12_account_numbers_are_a_platforms_own(scheme: IdentityScheme) -> None:
    given = (scheme.value, "1234567")
    same = _resolve(given, source="city/12345") == _resolve(given, source="city/app")
    assert same is (scheme not in {"account", "app", "web"})


def test_R12_every_scheme_has_its_place() -> None:
    assert sorted(PRECEDENCE) == sorted(IdentityScheme)


def test_R12_the_strongest_scheme_counts_in_whatever_order_they_come() -> None:
    given = [("phone", "13812345678"), ("account", "A1"), ("email", "zhang@example.com")]
    assert {_resolve(*order) for order in permutations(given)} == {_resolve(("account", "A1"))}


def test_R12_an_unusable_identity_gives_way_to_the_next() -> None:
    assert _resolve(("phone", "00000000000"), ("wechat", "oXa")) == _resolve(("wechat", "oXa"))
    assert _resolve(("phone", "00000000000")) is None
    assert _resolve() is None


@given(st.sampled_from(IdentityScheme), st.text(min_size=1, max_size=40))
def test_R12_a_spelling_is_its_own_spelling(scheme: IdentityScheme, value: str) -> None:
    once = normalise(Identity(scheme=scheme, value=value))
    if once:
        assert normalise(Identity(scheme=scheme, value=once)) == once


def test_an_anonymous_caller_is_nobody_else() -> None:
    assert anonymous("T1") == "anon:T1"
    assert is_anonymous(anonymous("T1"))


def test_R61_a_short_key_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="has 5 bytes: give at least 32 random ones"):
        KeyedPseudonyms(b"short")
