"""Masking of what is told in words: spelt numbers, names, house numbers (R61)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.masking import mask_address, mask_text

ID = "四三零一零二一九九零零一零一一二三四"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("我的电话是幺三八，一二三四，五六七八。", "我的电话是[phone]。"),
        ("一三八一二三四五六七八", "[phone]"),
        ("幺三八 嗯 一二三四 然后 五六七八一次都没打通", "[phone]一次都没打通"),
        ("打138一二三四5678", "打[phone]"),
        ("打一三八12345六七八", "打[phone]"),
        ("幺三八三个八一二三四五", "[phone]"),
        ("壹叁捌壹贰叁肆伍陆柒捌", "[phone]"),
        ("零七三一八八八八一二三四", "[phone]"),
        ("〇一〇-八八八八一二三四", "[phone]"),
        ("电话八八八、八一二三四", "电话[phone]"),
        ("八八八八一二三四", "[phone]"),
        ("八六一三八一二三四五六七八", "[phone]"),
        (f"身份证{ID}", "身份证[id]"),
        (f"身份证{ID[:-1]}叉，", "身份证[id]，"),
        ("430102一九九零零一零一一二三四", "[id]"),
    ],
)
def test_R61_a_number_spelt_in_chinese_is_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "总价一百二十三万四千五百六十七元",
        "二〇二六年三月一日至二〇二六年四月二日",
        "一、二、三、四、五、六、七栋",
        "一二三四五六七八九",
        "一二三四单元",
        "12345一次也打不通，一九八九年三五个人",
        "订单20190228112505一直没到",
        "三楼、四楼、五楼、六楼、七楼、八楼、九楼",
        "人民币壹佰贰拾叁万肆仟伍佰陆拾柒元整",
    ],
)
def test_R61_counting_amounts_and_dates_in_chinese_stay(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("我叫王建国,今年", "我叫[name],今年"),
        ("我叫王小二今年七十岁", "我叫[name]今年七十岁"),
        ("姓名:李四 电话13812345678", "姓名:[name] 电话[phone]"),
        ("联系人:谈俊(东成大厦)", "联系人:[name](东成大厦)"),
        ("联系人刘文卫，电话", "联系人[name]，电话"),
        ("来电人王女士反映", "来电人[name]女士反映"),
        ("投诉人欧阳锋", "投诉人[name]"),
        ("投诉人王学文强烈要求", "投诉人[name]强烈要求"),
        ("业主张三、李四和王五，反映", "业主[name]、[name]和[name]，反映"),
        ("市民陈大文来电咨询", "市民[name]来电咨询"),
        ("户主：黄明德发", "户主：黄明德发"),
        ("户主：黄明德，", "户主：[name]，"),
        ("本人张三,身份证", "本人[name],身份证"),
        ("我是张三。", "我是[name]。"),
        ("儿子叫李小明，", "儿子叫[name]，"),
        ("张先生和李建国先生、高女士", "[name]先生和[name]先生、[name]女士"),
        ("工商所张姓女士", "工商所[name]女士"),
        ("张师傅、王老师傅", "[name]师傅、[name]老师傅"),
        ("李阿姨、赵大爷", "[name]阿姨、[name]大爷"),
        ("张某某与黄某，欧阳某", "[name]与[name]，[name]"),
        ("处理好。王建国，电话：13812345678", "处理好。[name]，电话：[phone]"),
        ("李梅13812345678", "[name][phone]"),
        ("李梅，身份证430102199001011234", "[name]，身份证[id]"),
        ("My name is John Smith.", "My name is [name]."),
        ("Mr. Smith, Mrs Jane O'Neil", "Mr. [name], Mrs [name]"),
        ("Contact: Jane Doe, £20", "Contact: [name], £20"),
        ("Kind regards,\nJane Doe", "Kind regards,\n[name]"),
        ("Miss Lee–Young rang", "Miss [name]–Young rang"),
    ],
)
def test_R61_a_name_after_the_usual_markers_is_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "李书记、王局长、陈老师、谢医生",  # offices
        "承办人张三已联系",
        "本人高度重视",
        "本人于今年三月",
        "本人今年62岁",
        "业主高度关注，业主委员会",
        "业主方便的时候",
        "市民金额较大",
        "我是高中生，我是金融从业者，我是安全员",
        "我叫停车",
        "我先生，关于先生的问题",
        "售楼小姐、修车师傅、一位女士、老奶奶",
        "某小区某些人，位于某处",
        "高中生，电话13812",
        "群众安全",
        "The Mr Mayor of Dr Martin Luther King Blvd",
        "the name of the street",
    ],
)
def test_R61_offices_and_common_words_are_no_names(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("我住人民路12号3栋2单元502室", "我住人民路[house]"),
        ("A市A3区联丰路米兰春天G2栋320，一家", "A市A3区联丰路米兰春天[house]，一家"),
        ("人民路12号的住户", "人民路[house]的住户"),
        ("人民路十二号的住户", "人民路[house]的住户"),
        ("梅苑2-204漏水", "梅苑[house]漏水"),
        ("3栋1304户", "[house]"),
        ("I live at 12 High Street, Flat 3.", "I live at [house] High Street, [house]."),
        ("12a Station Rd, SW1A 2AA", "[house] Station Rd, SW1A [house]"),
    ],
)
def test_R61_what_leads_to_one_door_is_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "人民路12号路灯",
        "地铁12号线",
        "3号楼的电梯，5号门，2号出口",
        "在人民路3号下午",
        "共3栋90户，合计115户居民",
        "G2栋门口",
        "3栋2018年交房",
        "2 Broken Lamp posts on High Street",
        "Route 66, 20 March",
    ],
)
def test_R61_a_lamp_a_line_a_building_stay(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("人民路12号3栋2单元502室", "人民路[house]"),
        ("鼓楼区中山街道梅园小区3栋", "鼓楼区中山街道梅园小区[house]"),
        ("梅园3号楼", "梅园[house]"),
        ("延安路123弄4号5楼", "延安路[house]"),
        ("解放路十二号", "解放路[house]"),
        ("12 High Street, Flat 3", "[house] High Street, [house]"),
        (
            "Flat 3, 12 High Street, London SW1A 2AA",
            "[house], [house] High Street, London SW1A [house]",
        ),
        (
            "18 Cliftondale St  Roslindale  MA  02131",
            "[house] Cliftondale St  Roslindale  MA  02131",
        ),
        ("人民路12号路灯", "人民路12号路灯"),
        ("地铁12号线2号出口", "地铁12号线2号出口"),
        ("107国道K12+300", "107国道K12+300"),
        ("金鼎村七里组", "金鼎村七里组"),
        ("INTERSECTION Beacon St & Arlington St", "INTERSECTION Beacon St & Arlington St"),
        ("12th Avenue", "12th Avenue"),
    ],
)
def test_R61_of_an_address_every_house_number_goes(address: str, masked: str) -> None:
    assert mask_address(address) == masked


SPELT = str.maketrans("0123456789", "零幺二三四五六七八九")
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "我叫",
                "业主",
                "联系人：",
                "张三",
                "欧阳",
                "先生",
                "某",
                "老师傅",
                "、",
                "，",
                "和",
                "电话",
            ),
            *(
                "人民路",
                "12",
                "号",
                "栋",
                "502",
                "室",
                "-",
                " ",
                "楼",
                "十二",
                "幺三八",
                "一二三四",
            ),
            *(
                "五六七八",
                "嗯",
                "三个",
                "13812345678",
                "Mr",
                "Smith",
                "High Street",
                "Flat 3",
                "[name]",
            ),
            *("[house]", "SW1A 2AA", "my name is", "a", "*" * 6, "小区", "单元", "附"),
        ]
    ),
    max_size=10,
).map("".join)


@given(PIECES)
def test_R61_masking_words_twice_is_masking_them_once(text: str) -> None:
    once, place = mask_text(text), mask_address(text)
    assert mask_text(once) == once
    assert mask_address(place) == place


@given(
    PIECES,
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.sampled_from(["", "，", " ", "嗯", "-", "。"]),
    st.booleans(),
)
def test_R61_of_a_telephone_number_no_seven_digits_in_a_row_survive(
    before: str, number: str, gap: str, spelt: bool
) -> None:
    told = number.translate(SPELT) if spelt else number
    grouped = gap.join((told[:3], told[3:7], told[7:])) if spelt else told
    masked = mask_text(f"{before}的{grouped}的")
    for at in range(len(told) - 6):
        assert told[at : at + 7] not in re.sub("[，。嗯 -]", "", masked)
