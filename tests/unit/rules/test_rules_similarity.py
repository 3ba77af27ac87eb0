"""Texts that tell of one thing are alike, others are not (R13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.similarity import fingerprint, similarity


@pytest.mark.parametrize(
    ("one", "two", "at_least", "at_most"),
    [
        ("A市教师招聘不公平", "A市教师招聘考试不公平", 0.6, 1),
        ("举报柏家塘小区私营ktv严重扰民", "投诉柏家塘小区私营KTV扰民！", 0.4, 1),
        ("幸福路 12 号路灯不亮", "【幸福路12号】路灯，不亮。", 1, 1),
        ("A7县星沙文化公园广场舞很吵", "请加快建设A市地铁", 0, 0.1),
        ("street light out on Oak Avenue", "Street light at Oak avenue is out again", 0.4, 1),
        ("street light out on Oak Avenue", "missed bin collection", 0, 0.01),
    ],
)
def test_R13_similarity(one: str, two: str, at_least: float, at_most: float) -> None:
    found = similarity(fingerprint(one, None), fingerprint(None, two))
    assert found is not None
    assert at_least <= found <= at_most


@pytest.mark.parametrize(("one", "two"), [("", "路灯"), ("路灯", ""), ("！！", "路灯"), ("", "")])
def test_what_says_nothing_is_not_compared(one: str, two: str) -> None:
    assert similarity(fingerprint(one), fingerprint(two)) is None


@given(st.text(max_size=400), st.text(max_size=400))
def test_similarity_is_symmetric_and_a_print_is_small(one: str, two: str) -> None:
    a, b = fingerprint(one, two), fingerprint(two)
    assert len(a) <= 190
    assert a.isascii() or len(a) <= 64
    found = similarity(a, b)
    assert found == similarity(b, a)
    assert found is None or 0 <= found <= 1
    assert similarity(a, a) in (None, 1.0)
