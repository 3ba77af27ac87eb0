"""What speaks for one matter and what against, and how much (R13)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.bundle import load
from rules.matter import NOTHING, Matter, another, distance_m, match, matter_of
from schemas.events.tickets import TicketContent

CN = load("cn-12345").versions[0].policy.repeat.same_matter


def matter(**data: Any) -> Matter:
    return matter_of(TicketContent.model_validate(data))


HERE = {"lat": 32.0, "lon": 118.8}
HOUSE = {"key": "k1", "address": "幸福路***号"}
OTHER_HOUSE = {"key": "k2", "address": "幸福路***号"}
SHOP = {"matter": {"credit_code": "A"}, "department": "D", "place": {"neighbourhood": "幸福里"}}


@pytest.mark.parametrize(
    ("one", "two", "parts", "kind"),
    [
        ({}, {}, {}, "weak"),
        ({"place": HOUSE}, {}, {}, "weak"),
        ({"place": HOUSE}, {"place": HOUSE}, {"place": 1.0}, "sure"),
        ({"place": HOUSE}, {"place": OTHER_HOUSE}, {"place": 0.4}, "weak"),
        ({"place": {"neighbourhood": "幸福里"}}, {"place": {"neighbourhood": "幸福里"}},
         {"place": 0.8}, "likely"),
        ({"place": {"neighbourhood": "幸福里"}}, {"place": {"neighbourhood": "和平里"}},
         {"place": -1.0}, "weak"),
        ({"place": {"division": "320106"}}, {"place": {"division": "320106000000"}},
         {"place": 0.15}, "weak"),
        ({"place": HERE}, {"place": {"lat": 32.0002, "lon": 118.8}}, {"place": 1.0}, "sure"),
        ({"place": HERE}, {"place": {"lat": 32.1, "lon": 118.8}}, {"place": -1.0}, "weak"),
        ({"matter": {"credit_code": "A"}}, {"matter": {"credit_code": "A"}},
         {"object": 1.0}, "likely"),
        ({"matter": {"object": "路灯"}}, {"matter": {"object": "井盖"}}, {"object": -1.0}, "weak"),
        ({"matter": {"object": "路灯"}}, {"matter": {"object": "路灯杆"}}, {}, "weak"),
        ({"department": "城管局"}, {"department": "城管局"}, {"department": 1.0}, "weak"),
        ({"title": "幸福路路灯不亮"}, {"title": "幸福路路灯不亮"}, {"text": 1.0}, "sure"),
        ({"title": "幸福路路灯不亮"}, {"title": "人民广场井盖缺失"}, {"text": -1.0}, "weak"),
        (SHOP, SHOP, {"object": 1.0, "department": 1.0, "place": 0.8}, "sure"),
    ],
)  # fmt: skip
def test_R13_evidence(
    one: dict[str, Any], two: dict[str, Any], parts: dict[str, float], kind: str
) -> None:
    found = match(matter(**one), matter(**two), CN)
    assert {name: round(value, 2) for name, value in found.parts.items()} == parts
    is_sure = "sure" if found.score >= CN.confirm_at else "weak"
    assert kind == ("likely" if CN.same_at <= found.score < CN.confirm_at else is_sure)


def test_R13_what_speaks_against_takes_away_from_what_speaks_for() -> None:
    alone = match(matter(title="路灯不亮"), matter(title="路灯不亮"), CN).score
    there = matter(title="路灯不亮", place={"neighbourhood": "幸福里"})
    elsewhere = matter(title="路灯不亮", place={"neighbourhood": "和平里"})
    assert match(there, elsewhere, CN).score < CN.same_at < alone


WORDS = st.sampled_from(["", "幸福里", "和平里", "幸福里一期"])
MATTERS = st.builds(
    Matter,
    credit_code=st.sampled_from(["", "A", "B"]),
    thing=WORDS,
    division=st.sampled_from(["", "3201", "320106"]),
    spot=WORDS,
    department=st.sampled_from(["", "D1", "D2"]),
    place_key=st.sampled_from(["", "k1", "k2"]),
    position=st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
    text=st.sampled_from(["", "路灯不亮", "井盖缺失", "路灯又不亮了"]),
)


@given(MATTERS, MATTERS)
def test_R13_a_score_is_symmetric_and_bounded(one: Matter, two: Matter) -> None:
    found = match(one, two, CN)
    assert found.score == pytest.approx(match(two, one, CN).score, abs=0.002)
    assert 0 <= found.score <= 1
    assert all(-1 <= part <= 1 for part in found.parts.values())
    assert another(one, two) == another(two, one)
    assert not another(one, one)
    assert match(one, NOTHING, CN).score == 0


def test_distance() -> None:
    assert distance_m((0, 0), (0, 1)) == pytest.approx(111_195, abs=1)
    assert distance_m((32.0, 118.8), (32.0, 118.8)) == 0


def test_an_amendment_keeps_what_it_does_not_set() -> None:
    before = matter(title="路灯不亮", department="D1", place={"division": "320106"})
    after = matter_of(TicketContent.model_validate({"place": None}), before)
    assert (after.department, after.text, after.division) == ("D1", before.text, "")
