"""Masking of personal data in free text (R61)."""

import csv
import gzip
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from schemas.events import EVENT_TYPES
from services.intake.masking import (
    KEPT,
    OFFICIAL,
    PARTIES,
    PARTY_KEPT,
    WITHHELD,
    Masker,
    mask_address,
    mask_text,
)

mask = Masker(b"k" * 32).mask

REAL_TEXTS = Path(__file__).resolve().parents[3] / "../shared/data/complaints_zh/posts.csv.gz"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("打13812345678找我", "打[phone]找我"),
        ("138 1234 5678", "[phone]"),
        ("138-1234-5678", "[phone]"),
        ("138 12 34 56 78", "[phone]"),
        ("1 3 8 1 2 3 4 5 6 7 8", "[phone]"),
        ("+86 138-1234-5678。", "[phone]。"),
        ("＋86 13812345678", "[phone]"),
        ("008613812345678", "[phone]"),
        ("0086-13812345678", "[phone]"),
        ("手机:１３８１２３４５６７８", "手机:[phone]"),
        ("13812345678、13987654321", "[phone]、[phone]"),
        ("0731-88881234转801", "[phone]"),
        ("（0731）88881234", "[phone]"),
        ("010 8888 1234", "[phone]"),
        ("01088881234", "[phone]"),
        ("+49 30 901820", "[phone]"),
        ("617-555-0134", "[phone]"),
        ("(617) 555-0134", "[phone]"),
        ("+1 (617) 555-0134", "[phone]"),
        ("020 7946 0018", "[phone]"),
        ("07700 900123", "[phone]"),
        ("身份证430102199001011234", "身份证[id]"),
        ("43010219900101123X", "[id]"),
        ("43010219900101123x。", "[id]。"),
        ("430102 19900101 1234", "[id]"),
        ("430102900101123", "[id]"),
        ("卡号6222021234567890128", "卡号[card]"),
        ("4111 1111 1111 1111", "[card]"),
        ("zhang.san@example.com", "[email]"),
        ("写给zhang＠example.com。", "写给[email]。"),
        ("车牌湘A12345停在", "车牌[plate]停在"),
        ("京A·12345警", "[plate]"),
        ("粤BD12345", "[plate]"),
        ("沪a 88k88", "[plate]"),
    ],
)
def test_R61_personal_data_in_a_text_is_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "路灯坏了三天没人修",
        "新A区2019年10月1日起",
        "1998.5-2003.10在此居住",
        "价格15000-200000元",
        "2026-07-28T13:04:05.123456789+08:00",
        "2011-07-01 00:08:33",
        "20190228112505",
        "20260728138001380",  # a platform's order number: date and counter
        "101000295613",
        "550e8400-e138-4234-9678-446655440000",
        "12345热线和400-820-1234",
        "91430100MA4L0XXX1X",  # credit code of an enterprise
        "4111 1111 1111 1112",  # no bank's check digit
        "ticket/C-1024#3",
        "１３８元",
        "G2@门口",
    ],
)
def test_R61_what_is_not_personal_stays(text: str) -> None:
    assert mask_text(text) == text


TEXTS = st.text(
    st.sampled_from("0123456789１３８abX@.＠+-－ （）()、转湘京A·[]phone:T") | st.characters(),
    max_size=60,
) | st.lists(
    st.sampled_from(
        [
            "13812345678",
            "4301021990",
            "湘A12345",
            "@example.com",
            "a",
            "0731",
            "-",
            " ",
            "转8",
            "+86",
        ]
    ),
    max_size=8,
).map("".join)


@given(TEXTS)
def test_R61_masking_twice_is_masking_once(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once


@given(
    TEXTS, st.sampled_from(["13812345678", "430102199001011234", "zhang.san@example.com"]), TEXTS
)
def test_R61_a_number_between_chinese_words_never_survives(
    before: str, personal: str, after: str
) -> None:
    assert f"的{personal}的" not in mask_text(f"{before}的{personal}的{after}")


@given(st.datetimes(), st.sampled_from(["", "Z", "+08:00", "-05:00"]), st.sampled_from("T "))
def test_R61_no_instant_is_taken_for_a_number(instant: Any, offset: str, separator: str) -> None:
    text = instant.isoformat(separator) + offset
    assert mask_text(text) == text


def test_R61_masking_is_deep_and_reaches_unknown_fields() -> None:
    assert mask(
        {
            "text": "打13812345678",
            "extras": {"联系方式": "zhang@example.com", "灯杆": "D-17"},
            "unknown": [{"deep": ["湘A12345", 13812345678, 1_785_211_445, 3.5, None, True]}],
        }
    ) == {
        "text": "打[phone]",
        "extras": {"联系方式": "[email]", "灯杆": "D-17"},
        "unknown": [{"deep": ["[plate]", "[phone]", 1_785_211_445, 3.5, None, True]}],
    }


def test_R61_numbers_used_as_names_are_masked_and_no_value_is_lost() -> None:
    given = {"13812345678": "户主", "13987654321": "租客", "[phone]": "物业"}
    assert mask(given) == {"[phone]": "户主", "[phone]'": "租客", "[phone]''": "物业"}


def test_R61_ids_stay_under_their_declared_names_only() -> None:
    given = {
        "contact_id": "13812345678",
        "children": ["13812345678", "13812345679"],
        "handler": "13812345678",
        "somebody_id": "13812345678",
        "parent": {"text": "13812345678"},
    }
    assert mask(given) == {
        "contact_id": "13812345678",
        "children": ["13812345678", "13812345679"],
        "handler": "[phone]",
        "somebody_id": "[phone]",
        "parent": {"text": "[phone]"},
    }


def test_R61_names_of_officials_and_of_shops_stay_told_apart() -> None:
    given = {
        "handler": "王先生",
        "team": "Mr Smith's, 幺三八一二三四五六七八",
        "agent": "李女士 13812345678",
        "by": "业主张三",
        "matter": {"name": "李先生牛肉面", "object": "人民路12号路灯", "extra": "业主张三"},
    }
    assert mask(given) == {
        "handler": "王先生",
        "team": "Mr Smith's, [phone]",
        "agent": "李女士 [phone]",
        "by": "业主张三",
        "matter": {"name": "李先生牛肉面", "object": "人民路12号路灯", "extra": "业主[name]"},
    }


def test_R61_a_platforms_own_fields_of_names_and_addresses_are_known() -> None:
    given = {
        "extras": {"联系人": "张三", "住址": "人民路12号3栋", "contact_name": "", "户主": ["张三"]}
    }
    assert mask(given) == {
        "extras": {
            "联系人": "[name]",
            "住址": "人民路[house]",
            "contact_name": "",
            "户主": ["张三"],
        }
    }


def test_R61_a_place_keeps_its_street_and_gets_a_key() -> None:
    place = {
        "address": "人民路12号3栋2单元502室",
        "neighbourhood": "梅园小区3栋",
        "division": "320106",
        "lat": 32.0512345,
        "lon": 118,
        "key": "a publisher's own",
        "remark": "打13812345678",
    }
    masked = mask({"place": place})["place"]
    key = masked.pop("key")
    assert masked == {
        "address": "人民路[house]",
        "neighbourhood": "梅园小区[house]",
        "division": "320106",
        "lat": 32.0512,
        "lon": 118,
        "remark": "打[phone]",
    }
    assert len(bytes.fromhex(key)) == 8
    assert "key" not in mask({"place": {"address": " ", "key": "x"}})["place"]
    assert mask({"place": ["人民路12号"], "matter": "业主张三"}) == {
        "place": ["人民路[house]"],
        "matter": "业主[name]",
    }


@pytest.mark.parametrize(
    "other",
    [
        "人民路12号3栋2单元502",
        " 人民路 12号3幢2单元502室 ",
        "人民路１２号，3栋2单元502室",
        "人民路12号3号楼2单元502室",
    ],
)
def test_R61_the_key_of_a_place_is_that_of_any_spelling(other: str) -> None:
    masker = Masker(b"k" * 32)
    assert masker.place(other) == masker.place("人民路12号3栋2单元502室")


def test_R61_the_key_of_a_place_tells_flats_and_keys_apart() -> None:
    masker = Masker(b"k" * 32)
    keys = [masker.place(f"梅园小区{text}") for text in ("3-12", "31-2", "312", "3栋12", "")]
    assert len({*keys, Masker(b"l" * 32).place("梅园小区3-12")}) == 6
    assert masker.place(" ，。 ") is None


@given(TEXTS)
def test_R61_masking_an_address_twice_is_masking_it_once(text: str) -> None:
    once = mask_address(text)
    assert mask_address(once) == once


def test_R61_of_a_citizen_only_the_kind_and_the_form_of_address_go_on() -> None:
    given = {
        "complainant": {
            "kind": "person",
            "gender": "f",
            "name": "张三",
            "identities": [{"scheme": "phone", "value": "13812345678"}],
            "nickname": "老张",
            "on_behalf_of": {"kind": "enterprise", "name": "米兰春天"},
        },
        "callback_number": "13812345678",
        "nested": {"complainant": "张三", "on_behalf_of": None},
        "other": {"identity": {"scheme": "web", "value": "zhang"}, "channel": "web"},
    }
    assert mask(given) == {
        "complainant": {
            "kind": "person",
            "gender": "f",
            "on_behalf_of": {"kind": "enterprise"},
        },
        "nested": {"on_behalf_of": None},
        "other": {"channel": "web"},
    }


def _declared() -> set[str]:
    names: set[str] = set()
    todo: list[Any] = [model.model_fields["data"].annotation for model in EVENT_TYPES.values()]
    done: list[Any] = []
    while todo:
        kind = todo.pop()
        if kind in done:
            continue
        done.append(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= kind.model_fields.keys()
            todo.extend(field.annotation for field in kind.model_fields.values())
        todo.extend(get_args(kind))
    return names


def test_R61_every_name_treated_apart_is_a_field_of_the_contract() -> None:
    assert _declared() >= KEPT | OFFICIAL | PARTIES | PARTY_KEPT | WITHHELD


@pytest.mark.skipif(not REAL_TEXTS.exists(), reason="../shared/data/complaints_zh is not there")
def test_R61_of_real_complaints_hardly_any_word_is_lost() -> None:
    """Their numbers were masked before; a name or a flat stands in one of ten."""
    with gzip.open(REAL_TEXTS, "rt", encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    masked = [mask_text(text) for text in texts]
    changed = sum(text != after for text, after in zip(texts, masked, strict=True))
    lost = sum(len(text) - len(after) for text, after in zip(texts, masked, strict=True))
    assert len(texts) > 1_000
    assert 0.03 < changed / len(texts) < 0.15
    assert lost / sum(map(len, texts)) < 0.001
    assert all(mask_text(after) == after for after in masked)
