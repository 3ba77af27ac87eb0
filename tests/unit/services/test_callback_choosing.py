"""R38: the estimate, the next slot, and what is known of a citizen."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.callback import choosing, tally
from services.callback.state import Tally
from tests.model.log import CN, at, days

POLICY = CN.callback


@settings(deadline=None)
@given(tried=st.integers(1, 500), share=st.floats(0, 1))
def test_the_wilson_bound_is_where_the_normal_test_just_rejects(tried: int, share: float) -> None:
    """The definition: the lower root of (share - p)^2 = z^2 p (1 - p) / n."""
    reached = round(tried * share)
    bound = choosing.wilson_lower(reached, tried)
    distance = reached / tried - bound
    assert distance >= -1e-9
    assert distance**2 == pytest.approx(1.96**2 * bound * (1 - bound) / tried, abs=1e-4)


@pytest.mark.parametrize(
    ("reached", "tried", "bound"), [(0, 0, 0), (0, 9, 0), (8, 8, 0.676), (8, 10, 0.490)]
)
def test_the_wilson_bound_of_known_cases(reached: int, tried: int, bound: float) -> None:
    assert choosing.wilson_lower(reached, tried) == pytest.approx(bound, abs=0.001)


@settings(deadline=None)
@given(reached=st.integers(0, 200), missed=st.integers(0, 200))
def test_R38_the_estimate_lies_between_the_population_and_the_citizens_own(
    reached: int, missed: int
) -> None:
    tried = reached + missed
    choice = choosing.estimate(POLICY, {"morning|phone": (reached, tried)}, "morning", "phone")
    own = reached / tried if tried else choice.population
    low, high = sorted((own, choice.population))
    assert low - 0.001 <= choice.reached <= high + 0.001
    assert choice.lower <= own + 0.001
    assert choice.basis == ("citizen" if tried > POLICY.prior_strength else "population")


def test_R38_what_weighs_more_changes_with_the_number_of_tries() -> None:
    few = choosing.estimate(POLICY, {"morning|phone": (0, 1)}, "morning", "phone")
    many = choosing.estimate(POLICY, {"morning|phone": (0, 16)}, "morning", "phone")
    assert few.reached == round(4 * 0.55 / 5, 3)
    assert many.reached == round(4 * 0.55 / 20, 3)
    assert (few.basis, many.basis) == ("population", "citizen")


@settings(deadline=None)
@given(
    minutes=st.integers(0, 60 * 24 * 14),
    at_=st.floats(0, 1, exclude_max=True),
    cells=st.dictionaries(
        st.sampled_from(["morning|phone", "afternoon|phone", "evening|phone"]),
        st.tuples(st.integers(0, 9), st.just(9)),
    ),
)
def test_quiet_hours_every_place_lies_within_the_calling_hours(
    minutes: int, at_: float, cells: dict[str, tuple[int, int]]
) -> None:
    earliest = at("2026-02-10 00:00") + timedelta(minutes=minutes)
    places = (
        choosing.first(POLICY, cells, "phone", earliest, at_),
        choosing.nearest(POLICY, cells, "phone", earliest, at_),
        choosing.another(
            POLICY,
            cells,
            "phone",
            earliest,
            at_,
            tried=("morning",),
            last_day=(earliest + days(1)).date(),
        ),
    )
    for place in places:
        assert place.due_at >= earliest
        assert POLICY.hours.is_working(place.due_at)
        assert POLICY.slot_at(place.due_at) == place.choice.slot
        assert place.closes - place.due_at >= POLICY.least
    assert places[0].due_at - earliest <= days(2)
    assert places[2].choice.slot != "morning"


def test_R36_a_slot_is_tried_twice_only_when_all_were_and_never_twice_in_a_row() -> None:
    def next_slot(*tried: str) -> str:
        place = choosing.another(
            POLICY,
            {},
            "phone",
            at("2026-03-11 12:00"),
            0.5,
            tried=tried,
            last_day=date(2026, 3, 13),
        )
        return place.choice.slot

    assert next_slot("morning", "evening") == "afternoon"
    assert next_slot("morning", "afternoon", "evening") == "morning"
    assert next_slot("afternoon", "evening", "morning") == "evening"


def test_R36_no_place_in_time_is_the_first_after_it() -> None:
    saturday = at("2026-03-14 21:00")
    place = choosing.another(
        POLICY, {}, "phone", saturday, 0.0, tried=("morning",), last_day=saturday.date()
    )
    assert place.due_at.date() == date(2026, 3, 15)


def test_a_calendar_without_hours_is_told_not_searched_for_ever() -> None:
    never = replace(POLICY, slots=(), _openings={})
    with pytest.raises(ValueError, match="has no calling hours"):
        choosing.nearest(never, {}, "phone", at("2026-03-11 12:00"), 0.0)


def _counted(*tries: tuple[datetime, str, bool]) -> Tally:
    known = tally.EMPTY
    for when, channel, reached in tries:
        known = tally.counted(known, POLICY, when, channel, reached=reached)
    return known


def test_R38_outcomes_are_counted_by_slot_and_channel() -> None:
    morning, evening = at("2026-03-11 10:00"), at("2026-03-11 18:00")
    known = _counted(
        (morning, "phone", False), (evening, "phone", True), (evening + days(1), "sms", True)
    )
    assert tally.summed(known, POLICY, evening + days(1)) == {
        "morning|phone": (0, 1),
        "evening|phone": (1, 1),
        "evening|sms": (1, 1),
    }


def test_R38_a_call_and_its_report_are_counted_once() -> None:
    when = at("2026-03-11 10:00")
    known = _counted((when, "phone", True), (when + timedelta(minutes=9), "phone", True))
    assert tally.summed(known, POLICY, when) == {"morning|phone": (1, 1)}
    corrected = _counted((when, "phone", True), (when + timedelta(minutes=9), "phone", False))
    assert tally.summed(corrected, POLICY, when) == {"morning|phone": (0, 1)}


def test_R38_a_try_at_an_hour_without_a_slot_says_nothing() -> None:
    assert _counted((at("2026-03-11 13:00"), "phone", True)) == tally.EMPTY


def test_R38_months_that_are_too_long_ago_are_forgotten() -> None:
    old, new = at("2025-03-31 10:00"), at("2026-03-01 10:00")
    known = _counted((old, "phone", True), (new, "phone", False))
    assert list(known.cells) == ["2026-03|morning|phone"]
    assert tally.summed(_counted((old, "phone", True)), POLICY, new) == {}
    assert tally.summed(_counted((old, "phone", True)), POLICY, old + days(330)) != {}
