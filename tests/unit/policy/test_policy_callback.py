"""What a bundle says about asking citizens after a close, and what it refuses (R33-R38)."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from policy.bundle import SHIPPED, load, shipped
from policy.calendars import WorkingCalendar
from policy.callback import CallbackFile, CallbackPolicy
from policy.errors import PolicyError

CN = load("cn-12345").versions[-1].policy


def test_R33_seven_days_and_the_hours_of_the_default_numbers() -> None:
    policy = CN.callback
    assert policy.after == timedelta(days=7)
    day = date(2026, 3, 11)
    spans = [
        (
            opening.slot,
            f"{opening.opens.astimezone(policy.time_zone):%H:%M}",
            f"{opening.closes.astimezone(policy.time_zone):%H:%M}",
        )
        for opening in policy.openings(day)
    ]
    assert spans == [
        ("morning", "09:00", "12:00"),
        ("afternoon", "14:00", "17:30"),
        ("evening", "17:30", "20:00"),
    ]
    assert (policy.attempts, policy.over_days, policy.then) == (3, 3, ("sms",))


@pytest.mark.parametrize("profile", shipped())
def test_every_profile_says_all_of_it_with_its_source(profile: str) -> None:
    policy = load(profile).versions[-1].policy.callback
    assert set(policy.sources) >= {"after_days", "slots", "attempts", "population", "dissatisfied"}
    for slot, _ in policy.slots:
        for channel in (policy.channel, *policy.then):
            assert 0 <= policy.population[(slot, channel)] <= 1
    assert policy.intermittent, "R35: what comes and goes is asked about twice"


def test_quiet_hours_a_slot_is_cut_by_the_calendar() -> None:
    """A city's half day: no calls after noon, though the slots of the policy go on."""
    half = WorkingCalendar.weekly(
        "half", "Asia/Shanghai", "09:30-12:00", "14:00-14:10", weekdays=range(5)
    )
    policy = with_hours(half)
    (only,) = policy.openings(date(2026, 3, 11))
    assert (only.slot, only.usable) == ("morning", timedelta(hours=2, minutes=15))
    assert only.opens.astimezone(policy.time_zone).hour == 9
    assert policy.openings(date(2026, 3, 14)) == ()  # Saturday


def test_beyond_the_years_of_the_calendar_the_hours_still_hold() -> None:
    policy = with_hours(
        WorkingCalendar.weekly("short", "Asia/Shanghai", "09:00-12:00", years=(2026, 2026))
    )
    day = date(2027, 3, 10)
    assert [each.slot for each in policy.openings(day)] == ["morning", "afternoon", "evening"]
    assert not policy.knows(policy.openings(day)[0].opens)
    assert policy.knows(policy.openings(date(2026, 3, 10))[0].opens)


def with_hours(calendar: WorkingCalendar) -> CallbackPolicy:
    content = yaml.safe_load((SHIPPED / "cn-12345/rules/2026-01.yaml").read_text("utf-8"))
    file = CallbackFile.model_validate(content["callback"])
    return CallbackPolicy.of(file, CN.categories, {"cn-calling": calendar})


@pytest.mark.parametrize(
    ("leaf", "window"),
    [
        ("environment.noise.night_construction", 22),
        ("environment.noise.square_dancing", 19),
        ("city.facilities.street_light", None),
        (None, None),
    ],
)
def test_R35_the_deepest_branch_says_when_an_intermittent_problem_shows(
    leaf: str | None, window: int | None
) -> None:
    found = CN.callback.intermittent_of(leaf)
    assert (found.opens.hour if found is not None else None) == window


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(section: dict[str, Any]) -> None:
        for each in path[:-1]:
            section = section[each]
        section[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "key", "problem"),
    [
        (_set("calendar", "value", to="cn-nights"), "callback.calendar.value", "no such calendar"),
        (
            _set("slots", "value", 0, "opens", to="25:00"),
            "callback.slots.value.0.opens",
            "HH:MM",
        ),
        (
            _set("slots", "value", 0, "opens", to="12:00"),
            "callback.slots.value.0",
            "closes before it opens",
        ),
        (
            _set("slots", "value", 1, "opens", to="11:00"),
            "callback.slots.value",
            "put them in order",
        ),
        (
            _set("slots", "value", 1, to={"slot": "noon", "opens": "12:10", "closes": "13:50"}),
            "callback",
            "is not in slots",
        ),
        (_set("population", "value", 0, "reached", to=1.5), "reached", "less than or equal to 1"),
        (_set("then", "value", to=["email"]), "callback", "population lacks morning email"),
        (_set("then", "value", to=["fax"]), "callback.then.value.0", "Input should be"),
        (_set("gap_minutes", "value", to=10), "callback", "two tries would be one"),
        (_set("attempts", "value", to=0), "callback.attempts.value", "greater than or equal to 1"),
        (_set("intermittent", 0, "leaf", to="moon"), "callback.intermittent.0.leaf", "no branch"),
        (_set("attemps", to=3), "callback.attemps", "read by nobody"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], key: str, problem: str
) -> None:
    folder = tmp_path / "cn"
    copytree(SHIPPED / "cn-12345", folder)
    path = folder / "rules/2026-01.yaml"
    content = yaml.safe_load(path.read_text("utf-8"))
    change(content["callback"])
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        load(folder)
    assert caught.value.key.endswith(key)
    assert problem in str(caught.value)


def test_a_slot_outside_the_calendars_hours_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cn"
    copytree(SHIPPED / "cn-12345", folder)
    path = folder / "rules/2026-01.yaml"
    text = path.read_text("utf-8")
    late = '{slot: evening, opens: "17:30", closes: "20:00"}'
    assert late in text
    path.write_text(text.replace(late, '{slot: evening, opens: "20:00", closes: "22:00"}'), "utf-8")
    with pytest.raises(PolicyError, match="has no hours in calendar 'cn-calling'"):
        load(folder)
