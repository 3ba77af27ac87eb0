"""Numbers spelt in Chinese: 幺三八，一二三四…, 〇七三一…, 壹贰叁…, mixed with digits (R61).

A number read aloud has no 十, 百, 万 in it, so an amount (一百二十三万) and a date (二〇二六年三月)
are no runs long enough. What counts is the digits themselves, whatever stands between them.
"""

import re
from itertools import pairwise
from typing import Final, NamedTuple

_VALUE = {
    character: str(value)
    for value, characters in enumerate(
        ("零〇○", "一幺壹", "二两贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
    )
    for character in characters
} | {str(digit): str(digit) for digit in range(10)}
_NUMERALS = "".join(character for character in _VALUE if not character.isdecimal())
_DIGIT = f"[{_NUMERALS}0-9]"
_GAP = r"(?:[ \u3000,，、.。·\-－–—…~:：;；()（）]|嗯|呃|啊|哦|额|唉|然后|那个|后面是?|接着|再)"
"""What people put, and say, between groups of digits."""
_TIMES = {"两": 2, "俩": 2, "二": 2, "三": 3, "四": 4, "五": 5}
_TOKEN = rf"(?:[两俩二三四五]个{_DIGIT}|{_DIGIT})"
_MAYBE_GAP = r"[ \u3000,，、.。·\-－–—…~:：;；()（）嗯呃啊哦额唉然后那个面是接着再个]{0,6}"
GLANCE: Final = rf"[{_NUMERALS}](?:{_MAYBE_GAP}[{_NUMERALS}]){{2}}"
"""Where such a number may stand (``glance``)."""
_RUN = re.compile(rf"{_TOKEN}(?:{_GAP}{{0,4}}{_TOKEN}){{6,}}[XxＸ叉]?")
_TOKENS = re.compile(rf"([两俩二三四五])个({_DIGIT})|({_DIGIT})")

_PROVINCE_CODE = "(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91)"
_MONTH_DAY = "(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_SHAPES = (
    (
        "[id]",
        re.compile(
            rf"{_PROVINCE_CODE}[0-9]{{4}}(?:(?:18|19|20)[0-9]{{2}}{_MONTH_DAY}[0-9]{{3,4}})"
        ),
    ),
    ("[phone]", re.compile(r"(?:0?0?86)?1[3-9][0-9]{9}")),
    ("[phone]", re.compile(r"0(?:[12][0-9]|[3-9][0-9]{2})[2-8][0-9]{6,7}")),
)
_MIN_SPELT = 2
"""In a mixed number: less is a number in digits with a word beside it, 12345一次."""
_CALLED = re.compile(r"(?:电话|手机|号码|号|微信|[Qq]{2}|联系方式|打|拨)[是为:： ]{0,3}$")
_MAX_LIST_STEP = 1


class _Digit(NamedTuple):
    value: str
    start: int
    end: int
    spelt: bool


def mask_spelt(text: str) -> str:
    """The text with telephone and id numbers that are spelt, wholly or in part, replaced."""
    return _RUN.sub(_mask_run, text)


def _mask_run(run: re.Match[str]) -> str:
    text = run[0]
    digits = _digits(text)
    if not any(digit.spelt for digit in digits):
        return text
    number = "".join(digit.value for digit in digits)
    done: list[tuple[int, int, str]] = []
    for mark, shape in _SHAPES:
        for found in shape.finditer(number):
            first, last = found.start(), found.end()
            if _is_number(digits, first, last) and not any(
                first < stop and start < last for start, stop, _ in done
            ):
                done.append((first, last, mark))
    if not done:
        if not _is_bare_number(digits, text, run.string[max(0, run.start() - 8) : run.start()]):
            return text
        mark = "[id]" if len(digits) in (15, 18) else "[phone]"
        done.append((0, len(digits), mark))
    result, at = [], 0
    for first, last, mark in sorted(done):
        end = digits[last - 1].end
        if mark == "[id]" and text[end : end + 1] in ("X", "x", "Ｘ", "叉"):
            end += 1
        result += [text[at : digits[first].start], mark]
        at = end
    return "".join((*result, text[at:]))


def _digits(text: str) -> list[_Digit]:
    result = []
    for token in _TOKENS.finditer(text):
        times, repeated, single = token.groups()
        character = repeated or single
        digit = _Digit(_VALUE[character], token.start(), token.end(), not character.isdecimal())
        result += [digit] * (_TIMES[times] if times else 1)
    return result


def _is_number(digits: list[_Digit], first: int, last: int) -> bool:
    """Spelt enough to be more than digits with a word beside them, and no part of other digits."""
    if sum(digit.spelt for digit in digits[first:last]) < _MIN_SPELT:
        return False
    before, after = digits[first - 1 : first] if first else [], digits[last : last + 1]
    cut_before = before and not before[0].spelt and not digits[first].spelt
    cut_after = after and not after[0].spelt and not digits[last - 1].spelt
    return not cut_before and not cut_after


def _is_bare_number(digits: list[_Digit], text: str, before: str) -> bool:
    """Whether a run of no known shape is a number all the same: a local one, a foreign one.

    Not what counts up (一、二、三、四、五、六、七); with gaps only where the words before say so.
    """
    if not all(digit.spelt for digit in digits):
        return False
    values = [int(digit.value) for digit in digits]
    steps = {after - one for one, after in pairwise(values)}
    if steps == {_MAX_LIST_STEP}:
        return False
    in_one = len(text.rstrip("XxＸ叉")) == len(digits)
    return in_one or _CALLED.search(before) is not None
