"""House numbers: street and estate stay, the number of a house, a building, a flat goes (R61).

In an address every such number goes. In other texts only what leads to one door goes: the number on
a street (人民路12号), a flat (2单元502室, G2栋320, 3-2-502, 12 High Street, Flat 3). A building, a
lamp, a line, a gate (3号楼, 12号路灯, 地铁2号线, 5号门) is what people complain about.
"""

import re
from typing import Final

from services.intake.masking.glance import glance

MARK = "[house]"
_NUMERALS = "一二三四五六七八九十百零〇"
_IN_WORDS = f"[{_NUMERALS}两]{{1,5}}"
_N = rf"(?:[0-9]{{1,5}}|{_IN_WORDS}|[A-Za-z][0-9]{{0,3}})(?:[\-－—之附][0-9]{{1,4}})?"
_BUILDING = r"(?:号?[楼栋幢座](?!下)|单元|号院|号|弄)"
_GAP = r"[ 　,，]?"
_NO_HOUSE = (
    r"(?!线|路|灯|井|公交|车|文|令|桥|杆|泵|闸|站|口|出口|入口|国道|省道|公路|地块|厂|[机台]|门岗|岗"
    r"|上午|下午|中午|晚|早|凌晨|开始|以[前后]|之[前后]|左右|起|[至到][0-9])"
)
"""After 号: another thing's number, or a day of the month."""
_COUNTED = (
    r"(?![0-9年月日元米平个多万%％.．:：/路分天次度人居业村]|号?线|小时|家庭|[\-－—~～][0-9])"
)
_FLAT = "[0-9]{3,4}[A-Za-z]?[室房]"
_PART = rf"{_N}{_BUILDING}{_GAP}"
_STREETS = "路街道巷弄里坊条村组屯"
_ESTATES = "苑园区城府湾庭院庄寓邸阁轩居郡墅期栋幢座里村厦"
_STREET_END = f"(?<=[{_STREETS}])"
_ESTATE_END = f"(?<=[{_ESTATES}])"

_NUMBER_TEXT = r"[0-9A-Za-z一二三四五六七八九十百零〇两]++(?:[\-－—之附#][0-9]++)*+"
_NUMBER = re.compile(_NUMBER_TEXT)
_MAYBE = re.compile(
    rf"{_NUMBER_TEXT}(?:[号栋幢座室房弄户楼]|单元"
    r"|(?<=[0-9][\-－—][0-9]{3})|(?<=[0-9][\-－—][0-9]{4}))"
)
_CHINESE = re.compile(
    rf"(?:{_PART}){{0,4}}{_FLAT}"
    rf"|(?:{_PART}){{1,4}}[\-－—#]?[0-9]{{3,4}}[A-Za-z]?{_COUNTED}(?:号(?!线)|户(?![居业村人家住]))?"
    rf"|{_STREET_END}(?:[0-9]{{1,4}}|[{_NUMERALS}]{{1,5}})(?:[\-－—之附][0-9]{{1,4}})?号"
    rf"{_NO_HOUSE}(?![楼栋幢座院])(?:{_GAP}{_N}{_BUILDING})*"
    rf"|{_ESTATE_END}[A-Za-z]?[0-9]{{1,3}}(?:[\-－—][0-9]{{1,2}})?[\-－—][0-9]{{3,4}}{_COUNTED}(?:号(?!线)|户(?![居业村人家住]))?"
)
GLANCE: Final = (
    "[0-9]{3}[A-Za-z]?[室房]"
    rf"|[0-9A-Za-z两{_NUMERALS}](?:号?[楼栋幢座]|单元|号院|号|弄){_GAP}[\-－—#]?[0-9]{{3}}"
    rf"|[{_STREETS}](?:[0-9]{{1,4}}|[{_NUMERALS}]{{1,5}})(?:[\-－—之附][0-9]{{1,4}})?号"
    rf"|[{_ESTATES}][A-Za-z]?[0-9]{{1,3}}(?:[\-－—][0-9]{{1,2}})?[\-－—][0-9]{{3}}"
)
"""Where what leads to one door may stand (``glance``)."""
_names_digits = glance("[0-9][A-Za-z]?(?:[号栋幢座室房弄户楼]|单元|[\\-－—#][0-9])")
_names_spelt = glance(f"[{_NUMERALS}](?:[号栋幢座室弄]|单元)")
_CHINESE_ADDRESS = re.compile(
    rf"(?:{_N}(?:{_BUILDING}{_NO_HOUSE}|[层楼]){_GAP})+(?:[\-－—#]?[0-9]{{1,4}}[A-Za-z]?[室房户号]?)?"
    r"|(?<![0-9A-Za-z])[A-Za-z]?[0-9]{1,4}(?:[\-－—#][0-9]{1,4}){1,3}[室房户号]?(?![0-9])"
    r"|(?<=[^0-9A-Za-z\-.+])[0-9]{1,5}[室房户]?$"
)
_NAME_OF_STREET = (
    r"(?=\s(?:[A-Z][A-Za-z'’.\-]+\s){1,4}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Close"
    r"|Court|Ct|Way|Place|Pl|Crescent|Cres|Gardens|Gdns|Terrace|Ter|Square|Sq|Mews|Row|Walk|Grove"
    r"|Boulevard|Blvd|Parkway|Pkwy|Hill|Rise)\b(?!\s(?:[Ll]ight|[Ll]amp|[Ss]ign|[Bb]us)))"
)
_POSTCODE = re.compile(r"[0-9][ABD-HJLNP-UW-Z]{2}\b")
_OUTWARD = re.compile(r"\b[A-Z]{1,2}[0-9][0-9A-Z]? $")
"""A British postcode: its second half leads to fifteen doors."""
_ENGLISH = re.compile(
    rf"[0-9](?<![0-9A-Za-z.\-].)[0-9]{{0,4}}[A-Za-z]?(?:-[0-9]{{1,5}})?{_NAME_OF_STREET}"
)
_ENGLISH_FLAT = re.compile(
    r"\b(?i:flat|apt|apartment|unit)\b\.?\s?#?(?:[0-9]{1,4}[A-Za-z]?|[A-Z])\b"
)
_FLAT_HINTS = ("flat", "Flat", "FLAT", "apt", "Apt", "APT", "partment", "nit")
_ENGLISH_ADDRESS = re.compile(
    r"(?:^|(?<=, )|(?<=,))[0-9]{1,5}[A-Za-z]?(?:-[0-9]{1,5})?(?=\s[A-Za-z])"
    r"|(?<=\s)#\s?[0-9]{1,5}[A-Za-z]?\b"
)
_SEVERAL = re.compile(r"\[house\](?:[附之]?\[house\])+")


def mask_houses(text: str) -> str:
    """A text with what leads to one door replaced."""
    if not _names_digits(text) and not (("号" in text or "室" in text) and _names_spelt(text)):
        return text  # 建一座650吨
    return _replaced(text, _MAYBE, _CHINESE)


def _replaced(text: str, maybe: re.Pattern[str], pattern: re.Pattern[str]) -> str:
    # Tried only where a number begins: anywhere would cost ten times as much.
    result: list[str] = []
    at = 0
    for number in maybe.finditer(text):
        found = pattern.match(text, number.start()) if number.start() >= at else None
        if found is not None:
            result += (text[at : found.start()], MARK)
            at = found.end()
    return "".join((*result, text[at:])) if result else text


def mask_english_houses(text: str) -> str:
    """As ``mask_houses``, in English."""
    if any(map(text.__contains__, _FLAT_HINTS)):
        text = _ENGLISH_FLAT.sub(MARK, text)
    text = _POSTCODE.sub(_half_postcode, text)
    return _ENGLISH.sub(MARK, text)


def _half_postcode(found: re.Match[str]) -> str:
    before = found.string[max(found.start() - 6, 0) : found.start()]
    return found[0] if _OUTWARD.search(before) is None else MARK


def mask_address(text: str) -> str:
    """An address without any number of a house, a building, a flat."""
    if " " in text or text.isascii():
        text = _ENGLISH_ADDRESS.sub(MARK, text)
    if not text.isascii():
        text = _replaced(text, _NUMBER, _CHINESE_ADDRESS)
    return _SEVERAL.sub(MARK, text) if "][" in text or "附" in text else text
