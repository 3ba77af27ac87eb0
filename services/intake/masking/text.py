"""One text: which kinds of personal data it may hold, then each of them (R61)."""

import re
from collections.abc import Callable
from functools import lru_cache

from services.intake.masking import houses, names, numbers, spelt
from services.intake.masking.glance import glance

_ENGLISH = "[a-z] [A-Za-z0-9]"
_MAYBE_NUMBER = re.compile("[0-9０-９@＠]")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?:Z|[+\-][0-9]{2}:?[0-9]{2})?"
)
_FULL_WIDTH = re.compile("[０-９＠]")
"""Input methods write numbers in these too; full-width punctuation is just Chinese."""
_HALF_WIDTH = {
    code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code).isalnum() or code == 0xFF20
} | {ord("．"): "."}
_FULL_WIDTH_OR_NUMBER = re.compile(
    rf"[0-9０-９＠](?:(?:{numbers.MAYBE_GAP}+[0-9]){{9}}|(?P<full>(?<=[０-９＠])))"
)
_FULL_WIDTH_GLANCE = "[０-９]|＠"
_may_hold_full_width = glance(_FULL_WIDTH_GLANCE)
_may_hold_number = glance(numbers.GLANCE)
_may_hold_spelt = glance(spelt.GLANCE)
_may_hold_house = glance(houses.GLANCE)
_may_hold_english = glance(_ENGLISH)
_may_hold_name = glance(names.GLANCE)
_SELDOM = (_FULL_WIDTH_GLANCE, numbers.GLANCE, spelt.GLANCE, _ENGLISH)
_may_hold_seldom = glance(*_SELDOM)
_may_hold_any = glance(*_SELDOM, houses.GLANCE, names.GLANCE)
_NUMERAL = re.compile("[0-9０-９一二三四五六七八九十百零〇两幺壹贰叁]")
_CODE_CHARACTERS = 64


def mask_text(text: str) -> str:
    """The text with each number, e-mail address, name and house number of a person replaced.

    Idempotent, and nearly free where there is nothing.
    """
    if text.isascii():
        if " " not in text:  # a code, an id: a few hundred of them, again and again
            return mask_digits(text) if len(text) > _CODE_CHARACTERS else _mask_code(text)
        return _until_stable(_mask_ascii, text)
    return _until_stable(_mask_other, text)


def mask_address(text: str) -> str:
    """As ``mask_text``, and of an address every house number (人民路12号 → 人民路[house])."""
    masked = _mask_place(text)
    # Without a numeral left nothing more can be found: half of the work.
    return masked if _NUMERAL.search(masked) is None else _until_stable(_mask_place, masked)


def mask_numbers_only(text: str) -> str:
    """The text with numbers and e-mail addresses replaced, spelt ones too; names stay."""
    if text.isascii():
        short = len(text) <= _CODE_CHARACTERS and " " not in text
        return _mask_code(text) if short else mask_digits(text)
    masked = mask_digits(text)
    return spelt.mask_spelt(masked) if _may_hold_spelt(masked) else masked


def mask_digits(text: str) -> str:
    """The text with numbers in digits and e-mail addresses replaced, names left as they are."""
    if _MAYBE_NUMBER.search(text) is None:
        return text
    if text[4:5] == "-" and _INSTANT.fullmatch(text) is not None:
        return text
    half_width = _half_width(text)
    masked = numbers.mask_numbers(half_width)
    return text if masked == half_width else masked


_mask_code = lru_cache(maxsize=4_096)(mask_digits)


def _half_width(text: str) -> str:
    if text.isascii() or _FULL_WIDTH.search(text) is None:
        return text
    return text.translate(_HALF_WIDTH)


def _is_full_width(text: str) -> bool:
    """Not where such a digit only stands before a number: ５，13812345678."""
    return any(found.lastgroup == "full" for found in _FULL_WIDTH_OR_NUMBER.finditer(text))


def _until_stable(mask: Callable[[str], str], text: str) -> str:
    """What stood beside a replaced value may only now stand alone.

    It ends: each round takes characters of a value away and puts none that can be part of one.
    """
    masked = mask(text)
    while masked != text:
        text = masked
        masked = mask(text)
    return masked


def _mask_ascii(text: str) -> str:
    if _MAYBE_NUMBER.search(text) is not None:
        if text[4:5] == "-" and _INSTANT.fullmatch(text) is not None:
            return text
        text = houses.mask_english_houses(numbers.mask_numbers(text))
    if any(map(text.__contains__, names.ENGLISH_HINTS)):
        text = names.mask_english_names(text)
    return text


def _mask_other(text: str) -> str:
    """As ``_mask_ascii``, of a text that is not ASCII: Chinese, most of the time."""
    if not _may_hold_any(text):
        return text
    seldom = _may_hold_seldom(text)
    if seldom and _may_hold_full_width(text) and _is_full_width(text):
        half_width = text.translate(_HALF_WIDTH)
        masked = _mask_other(half_width)
        return text if masked == half_width else masked
    if seldom and _may_hold_number(text):
        text = numbers.mask_numbers(text)
    if seldom and _may_hold_spelt(text):
        text = spelt.mask_spelt(text)
    if _may_hold_house(text):
        text = houses.mask_houses(text)
    if seldom and _may_hold_english(text):
        text = _mask_ascii(text)
    return names.mask_chinese_names(text) if _may_hold_name(text) else text


def _mask_place(text: str) -> str:
    return houses.mask_address(_mask_ascii(text) if text.isascii() else _mask_other(text))
