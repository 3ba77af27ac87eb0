"""Whether two texts tell of the same thing, from prints that are small enough to keep (R13).

A print is a bottom-k sketch (Cohen, «size-estimation framework», 1997; Broder's resemblance): the
smallest hashes of the text's pieces. Two prints tell what share of all pieces both texts have,
within about 0.08. The words themselves cannot be read from it.
"""

import re
from base64 import b64decode, b64encode
from bisect import bisect_right
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zlib import crc32

READ_CHARS: Final = 400
"""Of a text: what it is about stands at its beginning, and a limit on everything."""
PIECES_KEPT: Final = 40
"""24 bits each, so that a print has at most 160 characters."""

_SILENT: Final = {
    ord(each): None
    for each in (
        " \t\r\n\u3000,.;:!?()[]<>\"'“”‘’《》【】（）、，。；：！？…—-_/*~·"
        "的了是在有我你他她它们这那和与及或也就都而且但被把给让对从向到于以为着过得地吗呢吧啊请您贵"
    )
}
"""Marks, and characters that say how rather than what."""
_WORD: Final = re.compile(r"[a-z0-9]{3,}")


def fingerprint(*texts: str | None) -> str:
    """The print of what a ticket says (title, text); empty when it says nothing.

    Pieces are pairs of neighbouring characters; of a text in Latin letters alone, its words.
    """
    text = " ".join(filter(None, texts))[:READ_CHARS].casefold()
    if not text:
        return ""
    if text.isascii():
        pieces = {crc32(word.encode()) >> 8 for word in _WORD.findall(text)}
    else:
        codes = list(map(ord, text.translate(_SILENT)))
        pieces = {
            ((one << 16 | two) * 0x9E3779B1 & 0xFFFFFFFF) >> 8 for one, two in pairwise(codes)
        }
    kept = sorted(pieces)[:PIECES_KEPT]
    return b64encode(b"".join([each.to_bytes(3, "big") for each in kept])).decode()


def similarity(one: str, two: str) -> float | None:
    """Share of all pieces that both texts have, 0 to 1; None when one of them says nothing."""
    if not one or not two:
        return None
    if one == two:
        return 1.0
    mine, my_set = _read(one)
    yours, your_set = _read(two)
    shared = len(my_set & your_set)
    if not shared:
        return 0.0
    limit = min(
        mine[-1] if len(mine) == PIECES_KEPT else 1 << 24,
        yours[-1] if len(yours) == PIECES_KEPT else 1 << 24,
    )
    seen = bisect_right(mine, limit) + bisect_right(yours, limit) - shared
    return shared / seen


@lru_cache(maxsize=8192)
def _read(print_: str) -> tuple[tuple[int, ...], frozenset[int]]:
    raw = b64decode(print_)
    pieces = tuple(int.from_bytes(raw[at : at + 3], "big") for at in range(0, len(raw), 3))
    return pieces, frozenset(pieces)
