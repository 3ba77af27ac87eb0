"""Names of persons after the usual markers, in Chinese and English (R61).

A name is only looked for where a word says that one comes (我叫, 联系人, 业主, my name is), or that
one has just been (先生, 女士, a telephone number), and it must begin with a surname. Who holds an
office (李书记, 王医生, 承办人张三) is not masked: what is complained of stays readable. A form of
address stays, too: «[name]女士».
"""

import re
from typing import Final

from services.intake.masking.glance import glance
from services.intake.masking.surnames import COMPOUND_SURNAMES, SURNAMES, WORDS

MARK = "[name]"
_HAN = "\u4e00-\u9fff"
_SINGLE = "".join(sorted(SURNAMES))
_COMPOUND = "|".join(sorted(COMPOUND_SURNAMES))
_SURNAME_CHARACTERS = f"(?:[{_SINGLE}]|{_COMPOUND})"
_ONE_SEPARATOR = r"[ \u3000:：;；,，(（【“\"]"
_SEPARATOR = rf"{_ONE_SEPARATOR}{{0,3}}+"
_SURNAME = rf"(?={_SURNAME_CHARACTERS})"
# One literal character first: the search for it runs at memory speed, a class of them does not.
_CALLED = re.compile(rf"叫{_SEPARATOR}{_SURNAME}")
"""我叫, 本人叫, 儿子叫, 叫做 aside."""
_SURELY_CALLED = ("我", "人", "名", "字")
_NAMED = re.compile(rf"姓名[是为叫]?{_SEPARATOR}{_SURNAME}")
_SIGNED = re.compile(rf"署名[是为]?{_SEPARATOR}{_SURNAME}")
_PERSON = re.compile(
    r"人(?<=电人|访人|诉人|映人|报人|求人|助人|请人|事人|害人|警人|修人|帖人|言人|馈人|议人|托人|系人"
    rf"|询人|件人|货人|租人|本人)(?<![被某各该两每]..)(?:姓名|名字)?[是为叫系]?{_SEPARATOR}{_SURNAME}"
)
"""来电人, 投诉人, 联系人: after these a name stands nearly always, if something of its form stands;
after 本人 mostly something else."""
_HOLDER = re.compile(rf"主(?<=业主|户主|房主|车主|机主)[叫是]?[ :：(（]{{0,2}}+{_SURNAME}")
_RESIDENT = re.compile(rf"民(?<=市民|村民|居民)[叫是]?[ :：(（]{{0,2}}+{_SURNAME}")
_I_AM = re.compile(rf"我是[ :：]{{0,2}}+{_SURNAME}")
"""After these mostly something else: only a whole word that is no other word is taken."""
_TITLES = "先生|女士|小姐|太太|师傅|阿姨|大[爷妈叔伯婶姐哥娘]|老伯|爷爷|奶奶"
_TITLE = re.compile(_TITLES)
"""Forms of address. Offices are not among them."""
_SOMEBODY = re.compile("某某?(?![些种个天日年处地市县区小公业村栋])")
_NUMBERED = re.compile(r"[\[*](?:(?<=\[)(?:phone|id)\]|(?<=\*)\*{5})(?<!\*{7})")
"""A number that intake, or the publisher, has masked."""
_BEFORE_NUMBER = re.compile(
    rf"(?:^|[^{_HAN}\]])([{_HAN}]{{2,4}}?)[ \u3000,，、:：;；(（]{{0,2}}"
    r"(?:(?:的|联系)?(?:电话|手机|身份证)号?码?[是为:： ]{0,2})?$"
)
_LONGEST_BEFORE = 18

_SURE_END = (
    "电话|手机|联系|身份证|先生|女士|小姐|同志|来[电访信自]|反映|投诉|举报|咨询|求助"
    r"|建议|要求|[今现]年|表示|认为|家?住|居住|网名|户口|名下|夫妇|一家|代表|强烈|多次|一直|男[,，]|女[,，]"
)
_END = re.compile(rf"[^{_HAN}]|$|[和及与](?=[{_SINGLE}])|{_SURE_END}")
"""What comes after a whole name, always."""
_MAYBE_END = re.compile(r"[是于因在向与和及的已从对想系称说我为被把将就有没不未等也原之曾户]")
"""What may come after a name, or be its last character."""
_MORE = re.compile(r"[、和及与]")
_NO_GIVEN_NAME = frozenset("的了在是有我你您他她它们这那个被把将从对向不没已也都还要会能可及与和")
_TITLED = re.compile("先生|女士|小姐|同志|师傅|阿姨|大[爷妈叔伯姐哥]|某")
_STANDS_BEFORE = re.compile(rf"[^{_HAN}]|[和与及跟对向给让找叫的由被]")
"""What a name can follow without being part of it."""
_NOT_SOMEBODY = frozenset("商于向成关方安卫全万")
_SEPARATORS = f"{_ONE_SEPARATOR}{{0,3}}"
_STRICTLY = (
    rf"[ :：(（]{{0,2}}{_SURNAME_CHARACTERS}[{_HAN}]{{1,2}}"
    rf"(?:[^{_HAN}]|$|[和及与][{_SINGLE}]|{_SURE_END})"
)
GLANCE: Final = (
    rf"[电访诉映报求助请事害警修帖言馈议托系询件货租本]人(?:姓名|名字)?[是为叫系]?{_SEPARATORS}"
    rf"{_SURNAME_CHARACTERS}|(?:叫|姓名[是为叫]?|署名[是为]?){_SEPARATORS}{_SURNAME_CHARACTERS}"
    rf"|(?:[业户房车机]主|[市村居]民)[叫是]?{_STRICTLY}|我是{_STRICTLY}"
    rf"|{_SURNAME_CHARACTERS}某|{_TITLES}|\[(?:phone|id)\]|\*{{6}}"
)
"""Where a name may stand in Chinese (``glance``)."""
_may_hold_title = glance(_TITLES)
_NO_SURNAME_BEFORE = {
    "师傅": frozenset("车水电机修楼游相石"),
    "小姐": frozenset("楼车向"),
}
ENGLISH_HINTS = (
    *("Mr", "Ms", "Miss", "Mx", "Dr", "ame", "ontact", "aller", "egards", "ours", "igned"),
    *("eported", "peaking", "his is"),
)
"""One of these stands in every text with an English marker."""
_HONORIFIC = r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr)(?:\.\s?|\s)"
_ENGLISH = re.compile(
    r"(?P<mark>(?i:\bmy name(?:'s| is)|\bname(?: is)?:|\bcontact(?: name| person)?:|\bcaller:"
    r"|\breported by:?|\bsigned:?|\bspeaking to|\b(?:kind |best )?regards,"
    r"|\byours (?:sincerely|faithfully),"
    r"|\bthis is(?= [A-Z][a-z]+ [A-Z][a-z]+ (?:speaking|calling|from)))\s{1,3}"
    rf"|{_HONORIFIC})(?!(?:Mayor|Speaker|President|Chair\w*|Councill?or|Governor)\b)"
    rf"(?P<name>(?:{_HONORIFIC})?[A-Z][A-Za-z'’\-]*\.?(?: (?!And\b)[A-Z][A-Za-z'’\-]+){{0,3}})"
)
_STREET = re.compile(
    r"(?:Street|St|Road|Rd|Ave|Avenue|Blvd|Boulevard|Way|Lane|Drive|Dr|School)\b\.?$"
)


def mask_chinese_names(text: str) -> str:
    """The text with the names after (or before) the usual Chinese markers replaced."""
    spans: list[tuple[int, int]] = []
    for marker in _PERSON.finditer(text):
        strong = text[marker.start() - 1] != "本"
        _take(text, marker.end(), spans, sure=strong and marker[0][-1] in ":：", strict=not strong)
    for weak in (_HOLDER, _RESIDENT, _I_AM):
        for marker in weak.finditer(text):
            _take(text, marker.end(), spans, sure=False, strict=True)
    if "叫" in text:
        for marker in _CALLED.finditer(text):
            sure = text[: marker.start()].endswith(_SURELY_CALLED)
            _take(text, marker.end(), spans, sure=sure, strict=not sure)
    if "名" in text:
        for marker in (*_NAMED.finditer(text), *_SIGNED.finditer(text)):
            _take(text, marker.end(), spans, sure=marker[0][-1] in ":：", strict=False)
    if "某" in text:
        for found in _SOMEBODY.finditer(text):
            surname = _surname_before(text, found.start())
            if surname and text[found.start() - 1] not in _NOT_SOMEBODY:
                spans.append((found.start() - surname, found.end()))
    if _may_hold_title(text):
        for title in _TITLE.finditer(text):
            span = _before(text, title)
            if span is not None:
                spans.append(span)
    if "[" in text or "*" in text:
        _take_numbered(text, spans)
    return _replaced(text, spans)


def _take_numbered(text: str, spans: list[tuple[int, int]]) -> None:
    """Names before a number of theirs: 王建国，电话…"""
    for number in _NUMBERED.finditer(text):
        start = max(number.start() - _LONGEST_BEFORE, 0)
        found = _BEFORE_NUMBER.search(text[start : number.start()])
        if found is None or (found.start() == found.start(1) and start > 0):
            continue
        if _is_name(found[1]) and not _holds_word(found[1]):
            spans.append((start + found.start(1), start + found.end(1)))


def mask_english_names(text: str) -> str:
    """The text with the names after the usual English markers replaced."""
    return _ENGLISH.sub(_english, text)


def _english(found: re.Match[str]) -> str:
    return found[0] if _STREET.search(found["name"]) else f"{found['mark']}{MARK}"


def _replaced(text: str, spans: list[tuple[int, int]]) -> str:
    if not spans:
        return text
    result: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if start >= at:
            result.extend((text[at:start], MARK))
        at = max(at, end)
    return "".join((*result, text[at:]))


def _take(text: str, start: int, spans: list[tuple[int, int]], *, sure: bool, strict: bool) -> None:
    """The name that begins there, and those listed after it: 业主张三、李四."""
    end = _name_end(text, start, sure=sure, strict=strict)
    while end is not None:
        spans.append((start, end))
        if _MORE.match(text, end) is None:
            return
        start = end + 1
        end = _name_end(text, start, sure=False, strict=True)


def _name_end(text: str, start: int, *, sure: bool, strict: bool) -> int | None:
    """Where the name that begins there ends; None if there is none.

    Args:
        text: all of it.
        start: where the name would begin.
        sure: the marker leaves no doubt, as 姓名: does.
        strict: no doubt about the end, nor about being a name, is taken.
    """
    surname = _surname(text, start)
    if surname == 0 or (text[start] == "于" and not sure):
        return None  # 本人于去年
    if _TITLED.match(text, start + surname) is not None:
        return None  # 来电人王女士: the form of address tells
    lengths = (surname + 2, surname + 1)
    for length in lengths:
        end = start + length
        name = text[start:end]
        if len(name) == length and _is_han(name) and _END.match(text, end) is not None:
            return end if sure or not _holds_word(name) else None
    if strict:
        return None
    for length in lengths:
        end = start + length
        name = text[start:end]
        if len(name) == length and _is_han(name) and _MAYBE_END.match(text, end) is not None:
            return end if not _holds_word(name) else None
    whole = text[start : start + surname + 2]
    if sure and _is_han(whole) and not _holds_word(whole):
        return start + len(whole)
    return None


def _surname(text: str, start: int) -> int:
    """How many characters of a surname stand there."""
    if text[start : start + 2] in COMPOUND_SURNAMES:
        return 2
    return 1 if text[start : start + 1] in SURNAMES else 0


def _surname_before(text: str, end: int) -> int:
    """How many characters of a surname end there."""
    if text[max(end - 2, 0) : end] in COMPOUND_SURNAMES:
        return 2
    return 1 if text[max(end - 1, 0) : end] in SURNAMES else 0


def _is_han(text: str) -> bool:
    return all("\u4e00" <= character <= "\u9fff" for character in text)


def _is_name(text: str) -> bool:
    surname = _surname(text, 0)
    return surname > 0 and surname < len(text) <= surname + 2


def _holds_word(name: str) -> bool:
    """Whether it begins or ends as another word does: 高中生, 方便的."""
    if not _NO_GIVEN_NAME.isdisjoint(name[1:]):
        return True
    if name[:2] in COMPOUND_SURNAMES:
        return False
    return name[:2] in WORDS or name[-2:] in WORDS


def _before(text: str, title: re.Match[str]) -> tuple[int, int] | None:
    """The name before a form of address: 张女士, 李建国先生, 张姓女士."""
    end = title.start()
    if title[0] == "师傅" and text[end - 1 : end] == "老":
        end -= 1
    last = text[end - 1 : end]
    if last == "姓" and text[end - 2 : end - 1] in SURNAMES:
        return end - 2, end
    for length in (4, 3, 2):  # a whole name, where it certainly begins
        start = end - length
        alone = start == 0 or (start > 0 and _STANDS_BEFORE.match(text[start - 1]) is not None)
        name = text[max(start, 0) : end]
        if alone and _is_han(name) and _is_name(name) and not _holds_word(name):
            return start, end
    if text[max(end - 2, 0) : end] in COMPOUND_SURNAMES:
        return end - 2, end
    if last in SURNAMES:
        refused = last in _NO_SURNAME_BEFORE.get(title[0], frozenset())
        preposition = last == "于" and end > 1 and _is_han(text[end - 2])
        return None if refused or preposition else (end - 1, end)
    for length in (3, 2):
        name = text[max(end - length, 0) : end]
        if len(name) == length and _is_name(name) and _is_han(name) and not _holds_word(name):
            return end - length, end
    return None
