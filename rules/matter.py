"""一码归一码: whether two tickets of one leaf are about the same matter, and how surely (R13).

Only codes separate: credit code, division, unit complained of, each when *both* tickets say it. All
the rest is evidence with a weight: place, object, department, what the texts say. A score tells
how much of it there is; the policy says from which score a repeat is believed.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from typing import Final

from msgspec import Struct

from policy.matter import SameMatter
from rules.similarity import fingerprint, similarity
from schemas.events.tickets import TicketContent

EVIDENCE_CHARS = 80
"""Of a place or thing: enough to compare and to read, not a second copy of the ticket."""


class Matter(Struct, frozen=True, omit_defaults=True):
    """What a ticket is about besides its leaf (R13); empty where the ticket does not say."""

    credit_code: str = ""
    """统一社会信用代码 of the enterprise complained of."""
    thing: str = ""
    """Name and object of 涉事主体, in words."""
    division: str = ""
    """行政区划代码 without empty lower levels: a prefix of another contains it."""
    spot: str = ""
    """Neighbourhood or address, in words; numbers of houses are masked in an address."""
    department: str = ""
    """被投诉部门: the unit complained of, not the one that it was dispatched to."""
    place_key: str = ""
    """Keyed hash of the whole address, made by intake: equal for equal addresses."""
    position: tuple[float, float] | None = None
    """Latitude and longitude."""
    text: str = ""
    """Print of title and text, as masked in the log (``rules.similarity``)."""


class Match(Struct, frozen=True):
    """How surely two tickets of one leaf are about one matter."""

    score: float
    """0: nothing speaks for it; 1: everything."""
    parts: Mapping[str, float]
    """``place``, ``object``, ``department``, ``text``: from -1 (speaks against) to 1 (speaks for);
    only what both say."""


NOTHING = Matter()
UNKNOWN: Final = Match(0.0, {})


def matter_of(content: TicketContent, before: Matter = NOTHING) -> Matter:
    """The matter of a ticket; fields that ``content`` does not set stay as ``before``."""
    given = content.model_fields_set
    credit_code, thing = before.credit_code, before.thing
    division, spot, place_key = before.division, before.spot, before.place_key
    department, position, text = before.department, before.position, before.text
    if "matter" in given:
        matter = content.matter
        credit_code = _plain(matter.credit_code) if matter else ""
        thing = _plain(f"{matter.name or ''} {matter.object or ''}") if matter else ""
    if "place" in given:
        place = content.place
        division = spot = place_key = ""
        position = None
        if place is not None:
            division = _unit(place.division)
            spot = _plain(place.neighbourhood or place.address)
            place_key = place.key or ""
            if place.lat is not None and place.lon is not None:
                position = (place.lat, place.lon)
    if "department" in given:
        department = (content.department or "").strip()
    if "text" in given or ("title" in given and not text):
        text = fingerprint(content.title, content.text)
    found = Matter(credit_code, thing, division, spot, department, place_key, position, text)
    return NOTHING if found == NOTHING else found


def another(one: Matter, two: Matter) -> bool:
    """Whether the codes of the two contradict each other."""
    if one is two:
        return False
    if one.credit_code and two.credit_code and one.credit_code != two.credit_code:
        return True
    if one.department and two.department and one.department != two.department:
        return True
    return _apart(one.division, two.division)


def compare(one: Matter, two: Matter) -> tuple[list[str], list[str]]:
    """Of ``place``, ``object``, ``department``: what both say alike, and what differently."""
    alike: list[str] = []
    unlike: list[str] = []
    if (one.division and two.division) or (one.spot and two.spot):
        same = not _apart(one.division, two.division) and (
            one.spot == two.spot or not one.spot or not two.spot
        )
        (alike if same else unlike).append("place")
    if one.credit_code and two.credit_code:
        (alike if one.credit_code == two.credit_code else unlike).append("object")
    elif one.thing and two.thing:
        (alike if one.thing == two.thing else unlike).append("object")
    if one.department and two.department:
        (alike if one.department == two.department else unlike).append("department")
    return alike, unlike


def match(one: Matter, two: Matter, rule: SameMatter) -> Match:
    """What speaks for one matter and what against, weighed by the policy.

    Evidence adds up as independent chances do: 1 - (1 - w₁a₁)(1 - w₂a₂)…; what speaks against
    takes a share of the sum away.
    """
    doubt = 1.0
    kept = 1.0
    parts: dict[str, float] = {}
    place = _place(one, two, rule)
    if place is not None:
        parts["place"] = place
        if place > 0:
            doubt *= 1 - rule.place * place
        else:
            kept *= 1 + rule.against_place * place
    if one.credit_code and one.credit_code == two.credit_code:
        parts["object"] = 1.0
        doubt *= 1 - rule.object
    elif one.thing and two.thing:
        if one.thing == two.thing:
            parts["object"] = 1.0
            doubt *= 1 - rule.object
        elif one.thing not in two.thing and two.thing not in one.thing:
            parts["object"] = -1.0
            kept *= 1 - rule.against_object
    if one.department and one.department == two.department:
        parts["department"] = 1.0
        doubt *= 1 - rule.department
    alike = similarity(one.text, two.text)
    if alike is not None:
        said = min(1.0, alike / rule.text_full)
        if alike <= rule.text_unlike:
            parts["text"] = -1.0
            kept *= 1 - rule.against_text
        else:
            parts["text"] = said
            doubt *= 1 - rule.text * said
    if not parts:
        return UNKNOWN
    return Match(round((1 - doubt) * kept, 3), parts)


def _place(one: Matter, two: Matter, rule: SameMatter) -> float | None:
    """1 at the same address, less for what is only near or only in one division, down to -1."""
    if one.place_key and one.place_key == two.place_key:
        return 1.0
    if one.position and two.position:
        metres = distance_m(one.position, two.position)
        if metres <= rule.near_m:
            return 1.0
        if metres >= rule.far_m:
            return -1.0
        return rule.same_spot * (rule.far_m - metres) / (rule.far_m - rule.near_m)
    if one.spot and two.spot:
        if one.spot == two.spot:
            # Numbers of houses are masked in words: other keys say that they may differ.
            return rule.same_spot if not (one.place_key and two.place_key) else rule.same_spot / 2
        if one.spot in two.spot or two.spot in one.spot:
            return rule.same_spot / 2
        return -1.0
    if one.division and one.division == two.division:
        return rule.same_division
    return None


def distance_m(one: tuple[float, float], two: tuple[float, float]) -> float:
    """Metres between two points by the haversine formula, on a sphere of 6,371 km."""
    lat1, lon1, lat2, lon2 = map(radians, (*one, *two))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * 6_371_000 * asin(min(1.0, sqrt(half)))


def _apart(a: str, b: str) -> bool:
    """Whether two divisions differ; one that contains the other is only less exact."""
    if not a or not b or a == b:
        return False
    if a.isdecimal() and b.isdecimal():
        return not a.startswith(b) and not b.startswith(a)
    return True


@lru_cache(maxsize=4096)
def _unit(division: str | None) -> str:
    """A code of GB/T 2260 or 10114 (2, 2, 2, 3, 3 digits) without its empty lower levels."""
    code = _plain(division)
    if not code.isdecimal() or len(code) not in (6, 9, 12):
        return code
    for end in (9, 6, 4, 2):
        if len(code) > end and not code[end:].strip("0"):
            code = code[:end]
    return code


@lru_cache(maxsize=4096)
def _plain(text: str | None) -> str:
    """Width, case and spaces do not tell two things apart."""
    if not text:
        return ""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())[:EVIDENCE_CHARS]
