"""Whether two texts tell of the same thing, from prints that are small enough to keep (R13).

A print is a bottom-k sketch (Cohen, «size-estimation framework», 1997; Broder's resemblance): the
smallest hashes of the text's pieces. Two prints tell what share of all pieces both texts have,
within about 0.08. The words themselves cannot be read from it.
"""

import re
from base64 import b64decode, b64encode
from bisect import bisect_right
from functools import lru_cache
from struct import pack, unpack
from typing import Final
from zlib import crc32

READ_CHARS: Final = 300
"""Of a text: what it is about stands at its beginning, and a limit on everything."""
PIECES_KEPT: Final = 36
"""32 bits each, so that a print has at most 192 characters."""
_ALL: Final = 1 << 32

_SILENT: Final = re.compile(
    r"[\s\u3000,.;:!?()\[\]<>\"'“”‘’《》【】（）、，。；：！？…—_/*~·-"
    "的了是在有我你他她它们这那和与及或也就都而且但被把给让对从向到于以为着过得地吗呢吧啊请您贵]+"
)
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
        pieces = {crc32(word.encode()) for word in _WORD.findall(text)}
    else:
        raw = _SILENT.sub("", text).encode("utf-16-be")
        half = len(raw) // 4
        # Two characters are one number of 32 bits; once from the first on, once from the second.
        pairs = unpack(f">{half}I", raw[: half * 4])
        half = (len(raw) - 2) // 4
        shifted = unpack(f">{half}I", raw[2 : 2 + half * 4]) if half > 0 else ()
        pieces = {pair * 0x9E3779B1 % _ALL for pair in (*pairs, *shifted)}
    kept = sorted(pieces)[:PIECES_KEPT]
    return b64encode(pack(f">{len(kept)}I", *kept)).decode()


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
        mine[-1] if len(mine) == PIECES_KEPT else _ALL,
        yours[-1] if len(yours) == PIECES_KEPT else _ALL,
    )
    seen = bisect_right(mine, limit) + bisect_right(yours, limit) - shared
    return shared / seen


@lru_cache(maxsize=8192)
def _read(print_: str) -> tuple[tuple[int, ...], frozenset[int]]:
    raw = b64decode(print_)
    pieces = unpack(f">{len(raw) // 4}I", raw)
    return pieces, frozenset(pieces)
