"""One text: which kinds of personal data it may hold, then each of them (R61)."""

import re
from collections.abc import Callable
from functools import lru_cache

from services.intake.masking.houses import mask_address as mask_house
from services.intake.masking.houses import mask_english_houses, mask_houses
from services.intake.masking.names import ENGLISH_HINTS, mask_chinese_names, mask_english_names
from services.intake.masking.numbers import MAYBE_GAP, PROVINCES, mask_numbers
from services.intake.masking.spelt import MAYBE as MAYBE_SPELT
from services.intake.masking.spelt import mask_spelt

MAYBE_NUMBER = re.compile("[0-9０-９@＠]")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?:Z|[+\-][0-9]{2}:?[0-9]{2})?"
)
_FULL_WIDTH = re.compile("[０-９＠]")
"""Input methods write numbers in these too; full-width punctuation is just Chinese."""
_HALF_WIDTH = {
    code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code).isalnum() or code == 0xFF20
} | {ord("．"): "."}
_PLATE_BEFORE = "|".join(
    rf"(?<=[{PROVINCES}][A-Za-zＡ-Ｚ]{between}[0-9])" for between in ("", ".", "..", "...", "....")
)
_DIGITS = re.compile(
    rf"[0-9０-９＠](?:(?P<number>(?:{MAYBE_GAP}[0-9]){{9}}|{_PLATE_BEFORE})|(?P<full>(?<=[０-９＠]))"
    r"|(?P<house>[0-9]{0,4}+[A-Za-z]?(?:[号栋幢座室房弄户楼]|单元|[\-－—#][0-9])))"
)
"""One search from digit to digit: most texts have none that are somebody's."""
_SPELT = re.compile(MAYBE_SPELT)
_SPELT_HOUSE = re.compile("[一二三四五六七八九十百零〇](?:[号栋幢座室弄]|单元)")
_ENGLISH = re.compile("[a-z] [A-Za-z0-9]")
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
    return _until_stable(_mask_chinese, text)


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
    return mask_spelt(masked) if _SPELT.search(masked) is not None else masked


def mask_digits(text: str) -> str:
    """The text with numbers in digits and e-mail addresses replaced, names left as they are."""
    if MAYBE_NUMBER.search(text) is None:
        return text
    if text[4:5] == "-" and _INSTANT.fullmatch(text) is not None:
        return text
    half_width = _half_width(text)
    masked = mask_numbers(half_width)
    return text if masked == half_width else masked


_mask_code = lru_cache(maxsize=4_096)(mask_digits)


def _half_width(text: str) -> str:
    if text.isascii() or _FULL_WIDTH.search(text) is None:
        return text
    return text.translate(_HALF_WIDTH)


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
    if MAYBE_NUMBER.search(text) is not None:
        if text[4:5] == "-" and _INSTANT.fullmatch(text) is not None:
            return text
        text = mask_english_houses(mask_numbers(text))
    if any(map(text.__contains__, ENGLISH_HINTS)):
        text = mask_english_names(text)
    return text


def _mask_chinese(text: str) -> str:
    house = False
    if MAYBE_NUMBER.search(text) is not None:
        kinds = {found.lastgroup for found in _DIGITS.finditer(text)}
        if "full" in kinds:
            half_width = text.translate(_HALF_WIDTH)
            masked = _mask_chinese(half_width)
            return text if masked == half_width else masked
        house = "house" in kinds
        if "number" in kinds or "@" in text or "+" in text or "＋" in text:
            text = mask_numbers(text)
    if _SPELT.search(text) is not None:
        text = mask_spelt(text)
    if house or (("号" in text or "室" in text) and _SPELT_HOUSE.search(text) is not None):
        text = mask_houses(text)
    if " " in text and _ENGLISH.search(text) is not None:
        text = _mask_ascii(text)
    return mask_chinese_names(text)


def _mask_place(text: str) -> str:
    return mask_house(_mask_ascii(text) if text.isascii() else _mask_chinese(text))
