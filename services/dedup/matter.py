"""一码归一码: whether two tickets of one leaf are about the same matter (R13).

Only codes decide: credit code, division, unit complained of, each when *both* tickets say it. Words
(object, address) are shown as evidence and decide nothing: «路灯» and «路灯杆» may be one lamp, and
a repeat that is lost is worse than a candidate that a human overturns (ruling 3).
"""

import unicodedata
from functools import lru_cache

from schemas.events.tickets import TicketContent
from services.dedup.state import EVIDENCE_CHARS, Matter

NOTHING = Matter()


def matter_of(content: TicketContent, before: Matter = NOTHING) -> Matter:
    """The matter of a ticket; fields that ``content`` does not set stay as ``before``."""
    given = content.model_fields_set
    credit_code, thing = before.credit_code, before.thing
    division, spot = before.division, before.spot
    department = before.department
    if "matter" in given:
        matter = content.matter
        credit_code = _plain(matter.credit_code) if matter else ""
        thing = _plain(f"{matter.name or ''} {matter.object or ''}") if matter else ""
    if "place" in given:
        place = content.place
        division = _unit(place.division) if place else ""
        spot = _plain(place.neighbourhood or place.address) if place else ""
    if "department" in given:
        department = (content.department or "").strip()
    found = Matter(credit_code, thing, division, spot, department)
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
