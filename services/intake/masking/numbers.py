"""Numbers written in digits, and e-mail addresses: each kind is one row of ``KINDS`` (R61)."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

_GAP = r"[ \u3000\-－–—.·]?"
"""What people put between groups of digits."""
_ALONE = r"(?<![0-9A-Za-z])"
_END = r"(?![0-9A-Za-z])"
_NOT_IN_UUID = "(?<![0-9a-f]{8}-[0-9a-f])"
_PROVINCE_CODE = "(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91)"
_MONTH_DAY = "(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"
_PLATE_CHARACTER = "[A-HJ-NP-Za-hj-np-z0-9]"
_MOBILE = "|".join(
    # Only the ways in which people group a number: a gap anywhere would take «1998.5-2003.10».
    (
        rf"1[3-9][0-9][)）]?{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}",
        rf"1[3-9][0-9]{{2}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{4}}",
        r"1[3-9][0-9](?:[ \-][0-9]{2}){4}",
        r"1[3-9][0-9][ \-][0-9]{3}[ \-][0-9]{5}",
        r"1[ \-,、][3-9](?:[ \-,、][0-9]){9}",
    )
)


def _has_card_checksum(found: str) -> bool:
    """The Luhn sum, which every bank card has and nine of ten other numbers have not."""
    digits = [int(character) for character in found if character.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


class Kind(NamedTuple):
    """One kind of personal data in free text, whose digits and letters are half-width by now."""

    name: str
    """Stands in brackets where the value was."""
    pattern: re.Pattern[str]
    only_if: Callable[[str], bool] | None = None
    """A second look at a match that the pattern alone would take too often."""


LONG_NUMBERS: tuple[Kind, ...] = (
    # Longest first: a mobile number must not be found inside an id number.
    Kind(
        "id",  # 居民身份证号, GB 11643: area, birth date, serial, check; the old form has 15 digits
        re.compile(
            rf"{_ALONE}{_PROVINCE_CODE}[0-9]{{4}}{_GAP}"
            rf"(?:(?:1[89]|20)[0-9]{{2}}{_MONTH_DAY}{_GAP}[0-9]{{3}}[0-9Xx]"
            rf"|[0-9]{{2}}{_MONTH_DAY}[0-9]{{3}}){_END}"
        ),
    ),
    Kind(
        "card",  # 银行卡号, ISO/IEC 7812: 15 to 19 digits, in groups of four or in one
        re.compile(
            rf"{_ALONE}(?:[3-9][0-9]|2[2-7])[0-9]{{2}}"
            rf"(?:[0-9]{{11,15}}|(?:[ \-][0-9]{{4}}){{3}}(?:[ \-]?[0-9]{{1,3}})?){_END}"
        ),
        only_if=_has_card_checksum,
    ),
    Kind(
        "phone",  # 手机号: 11 digits from 13 to 19, with or without the country code
        re.compile(
            rf"(?<![0-9]){_NOT_IN_UUID}(?:(?:[+＋]{_GAP}|00)?86{_GAP})?[(（]?(?:{_MOBILE})(?![0-9])"
        ),
    ),
    Kind(
        "phone",  # 固定电话: area code, then 7 or 8 digits, perhaps an extension
        re.compile(
            rf"{_ALONE}(?:[+＋]?86{_GAP})?[(（]?0(?:[12][0-9]|[3-9][0-9]{{2}})[)）]?"
            rf"{_GAP}[2-8][0-9]{{2,3}}{_GAP}[0-9]{{4}}(?:转[0-9]{{1,5}})?(?![0-9])"
        ),
    ),
    Kind(
        "phone",  # E.164, written with its plus: up to 15 digits
        re.compile(rf"[+＋]{_GAP}[1-9](?:[()]?{_GAP}[()]?[0-9]){{7,14}}(?![0-9])"),
    ),
    Kind(
        "phone",  # North America: 617-555-0134, (617) 555-0134; 400 and 800 are companies' numbers
        re.compile(
            r"(?<![0-9A-Za-z\-])(?:1[ \-.])?(?![48]00)(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[\-.])"
            r"[2-9][0-9]{2}[\-.][0-9]{4}(?![0-9A-Za-z\-])"
        ),
    ),
    Kind(
        "phone",  # United Kingdom: 020 7946 0018, 07700 900123
        re.compile(
            r"(?<![0-9A-Za-z\-])\(?0(?:20|11[0-9]|1[0-9]1|[127][0-9]{3,4}|3[0-9]{2})\)?[ \-]"
            r"[0-9]{3,4}[ \-]?[0-9]{3,4}(?![0-9A-Za-z\-])"
        ),
    ),
)
"""Kinds of at least ten digits, or with a plus; not looked for where there are none."""

EMAIL = Kind(
    "email",
    re.compile(
        r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{1,64}@"
        r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,62}\.)+[A-Za-z]{2,24}"
    ),
)
PLATE = Kind(
    "plate",  # 车牌号, GA 36: province, letter, five or six characters, a digit early among them
    re.compile(
        rf"[{_PROVINCES}][A-HJ-NP-Za-hj-np-z][ ·•・\-]?(?=[A-Za-z]{{0,3}}[0-9])"
        rf"{_PLATE_CHARACTER}{{4,5}}(?:{_PLATE_CHARACTER}|[挂学警港澳领]){_END}"
    ),
)
KINDS: tuple[Kind, ...] = (*LONG_NUMBERS, EMAIL, PLATE)

MAYBE_GAP = r"[ \u3000\-－–—.·,、()（）]{0,3}"
_LONG_NUMBER = re.compile(rf"[0-9](?:{MAYBE_GAP}+[0-9]){{9}}")
_WITH_PLUS = re.compile(rf"[+＋]{_GAP}[1-9]")
GLANCE: Final = (
    rf"[0-9](?:{MAYBE_GAP}[0-9]){{9}}|[+＋]{_GAP}[1-9]|@"
    rf"|[{_PROVINCES}][A-Za-z][ ·•・\-]?[A-Za-z]{{0,3}}[0-9]"
)
"""Where one of these kinds may stand (``glance``), in half-width."""
_RUN = re.compile(r"[0-9A-Za-z \u3000+＋()（）\-－–—.·,、转]{7,}")
"""All that a long number and its neighbours can consist of: only such a run is looked at closely,
which is a fifth of the work in Chinese text."""
_PLAIN_MOBILE = re.compile("1[3-9][0-9]{9}")


def mask_numbers(text: str) -> str:
    """The text, half-width, with each phone, id, card and plate number and e-mail replaced."""
    while True:
        masked = text
        if _may_have_number(masked):
            masked = _RUN.sub(_mask_run, masked)
        if "@" in masked:
            masked = _replace(EMAIL, masked)
        masked = _replace(PLATE, masked)
        # What stood beside a replaced value may only now stand alone. It ends: each round takes
        # digits or an @ away and puts none.
        if masked == text:
            return masked
        text = masked


def _may_have_number(text: str) -> bool:
    # Two patterns: an alternative in one would cost the fast scan for the first digit.
    return _LONG_NUMBER.search(text) is not None or (
        ("+" in text or "＋" in text) and _WITH_PLUS.search(text) is not None
    )


def _mask_run(run: re.Match[str]) -> str:
    text = run[0]
    if _PLAIN_MOBILE.fullmatch(text) is not None:  # most of what there is
        return "[phone]"
    if not _may_have_number(text):
        return text
    for kind in LONG_NUMBERS:
        text = _replace(kind, text)
    return text


def _replace(kind: Kind, text: str) -> str:
    name, pattern, only_if = kind
    mark = f"[{name}]"
    if only_if is None:
        return pattern.sub(mark, text)
    return pattern.sub(lambda found: mark if only_if(found[0]) else found[0], text)
