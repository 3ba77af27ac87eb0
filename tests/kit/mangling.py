"""Malformed events for fuzz tests (F15): fields and bytes taken away, replaced or put in."""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from hypothesis import strategies as st

Document = dict[str, Any]

STRANGE: Final = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"NaN", b"-0", b"1e999", b"{", b"[",
    b"}", b"]", b'"', b"\\", b",", b":", b"\n", b'"id":"twice",', b"\xef\xbb\xbf", b"\xe2\x80\xae",
    b"9" * 400, b"[" * 200, b'{"a":' * 40, "\U0010ffff".encode(), b"[phone]",
)  # fmt: skip
DEEP: Final = b'{"a":' * 40 + b"1" + b"}" * 40

json_values = st.builds(orjson.loads, st.just(DEEP)) | st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        [
            *("9999-12-31T00:00:00Z", "1969-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "", " "),
            *("hotline.x.y.v1", "__task__", "hotline.ticket.received.v9", "1.0", "0.3", "T1"),
            *("幺三八一二三四五六七八", "人民路12号", "长" * 2_000, "\ud800"),
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def dumped(value: Any) -> bytes:
    """JSON as somebody else would write it: lone surrogates, integers of any size."""
    try:
        return orjson.dumps(value)
    except (orjson.JSONEncodeError, TypeError):
        return str(value).encode(errors="surrogatepass")


@st.composite
def documents(draw: st.DrawFn, seeds: Sequence[Document], fewest: int = 0) -> Document:
    """One of ``seeds`` with up to three fields (at least ``fewest``) taken away, replaced or added,
    anywhere in it."""
    document: Document = orjson.loads(orjson.dumps(draw(st.sampled_from(seeds))))
    for _ in range(draw(st.integers(fewest, 3))):
        place = document
        while inner := [each for each in place.values() if isinstance(each, dict) and each]:
            if not draw(st.booleans()):
                break
            place = draw(st.sampled_from(inner))
        name = draw(st.sampled_from(sorted(place)) if place else st.just("id"))
        what = draw(st.integers(0, 2))
        if what == 0:
            place.pop(name, None)
        else:
            place[name if what == 1 else draw(st.text(max_size=8))] = draw(json_values)
    return document


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[Document]) -> bytes:
    """An event of ``seeds``, mangled or not, with bytes put in, taken out or cut off."""
    value = dumped(draw(documents(seeds)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(value)))
        what = draw(st.integers(0, 2))
        if what == 0:
            value = value[:at] + draw(st.sampled_from(STRANGE)) + value[at:]
        elif what == 1:
            value = value[:at] + value[at + draw(st.integers(1, 20)) :]
        else:
            value = value[:at]
    return value
