"""Whether two texts tell of the same thing, from prints that are small enough to keep (R13).

A print is the beginning of what a ticket says, its title first: there a hotline's records name the
place and the trouble. Two prints are as alike as their pairs of neighbouring characters (Jaccard).
On 2,917 real messages this told retold matters from others better than a sketch of the whole text
(docs/decisions/0031), and a first ticket, which is compared with nothing, costs a slice.
"""

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

PRINT_CHARS: Final = 64
"""Of a text: at most 192 bytes as UTF-8 of Chinese."""
PRINT_CHARS_ASCII: Final = 190
"""Words in Latin letters say less a character."""

_SILENT: Final = re.compile(
    r"[\s\u3000,.;:!?()\[\]<>\"'“”‘’《》【】（）、，。；：！？…—_/*~·\-"
    r"的了是在有我你他她它们这那和与及或也就都而且但被把给让对从向到于以为着过得地吗呢吧啊请您贵]+"
)
"""Marks, and characters that say how rather than what."""
_WORD: Final = re.compile(r"[a-z0-9]{3,}")


def fingerprint(*texts: str | None) -> str:
    """The print of what a ticket says (title, text); empty when it says nothing."""
    text = " ".join(filter(None, texts))
    return text[: PRINT_CHARS_ASCII if text[:PRINT_CHARS].isascii() else PRINT_CHARS].strip()


def similarity(one: str, two: str) -> float | None:
    """Share of the pieces of both that both have, 0 to 1; None when one of them says nothing."""
    if not one or not two:
        return None
    mine, yours = _pieces(one), _pieces(two)
    if not mine or not yours:
        return None
    shared = len(mine & yours)
    return shared / (len(mine) + len(yours) - shared)


@lru_cache(maxsize=8192)
def _pieces(print_: str) -> frozenset[str]:
    """Pairs of neighbouring characters; of a text in Latin letters alone, its words."""
    text = print_.casefold()
    if text.isascii():
        return frozenset(_WORD.findall(text))
    return frozenset(one + two for one, two in pairwise(_SILENT.sub("", text)))
