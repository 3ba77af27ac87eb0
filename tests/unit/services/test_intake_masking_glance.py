"""The one look that spares most texts the rest may never miss what a kind would replace (R61)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.masking import houses, mask_text, names, numbers, spelt
from services.intake.masking.glance import glance

PIECES = st.lists(
    st.sampled_from(
        [
            *"，。：； 是某姓与和、([*-－—+＋@.·#号室楼栋幢座弄户路街村里苑期附之",
            *"AbX0159一二九十〇两幺苏王于",
            *("单元", "先生", "师傅", "我叫", "我是", "联系人", "本人", "业主", "市民", "姓名"),
            *("署名", "欧阳", "张三", "李建国", "高度", "电话", "名字", "老", "小区", "嗯", "三个"),
            *("[phone]", "[id]", "******", "13812345678", "0108234", "502", "3-502", "苏A12"),
        ]
    ),
    max_size=14,
).map("".join)

KINDS = {
    "numbers": (numbers.GLANCE, numbers.mask_numbers),
    "spelt": (spelt.GLANCE, spelt.mask_spelt),
    "houses": (houses.GLANCE, houses.mask_houses),
    "names": (names.GLANCE, names.mask_chinese_names),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=300)
@given(text=PIECES)
def test_R61_where_a_glance_sees_nothing_a_kind_replaces_nothing(kind: str, text: str) -> None:
    pattern, mask = KINDS[kind]
    assert glance(pattern)(text) or mask(text) == text


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("道路破损，希望尽快维修。", False),
        ("2026年3月12日上午9点停电", False),
        ("联系人：张三", True),
        ("人民路12号", True),
        ("打一三八12345六七八", True),
    ],
)
def test_R61_a_glance_takes_all_kinds_in_one_pass(text: str, holds: bool) -> None:
    assert glance(*(pattern for pattern, _ in KINDS.values()))(text) is holds


def test_R61_half_a_surrogate_pair_hides_nothing() -> None:
    assert glance("[0-9]{11}")("\ud800")
    assert mask_text("\ud800电话13812345678") == "\ud800电话[phone]"
