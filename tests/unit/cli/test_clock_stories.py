"""Each story of clocks and callbacks is what it says: the services, asked in memory, state it."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

import orjson
import pytest

from cli.demonstration.weeks import LAST_DAY, Weeks, conclude
from cli.replaying import memory
from cli.replaying.processors import READERS
from cli.replaying.source import recorded
from cli.sampling.clock_stories import CLOCK_STORIES, ClockStory
from cli.sampling.generator import clock_weeks
from policy.bundle import load
from runtime.driver import Written
from runtime.keys import KeyRing
from runtime.stores.codec import instant
from schemas.facts import FACT_TYPES
from schemas.topics import CALLBACKS, DEAD_LETTERS, SLA
from services.intake.domain import Intake
from vault.directory import KeyedPseudonyms

SEED = 7
RING = KeyRing({1: bytes(range(32))})
AFTER_MAKE_UP_SATURDAYS = (LAST_DAY, date(2026, 3, 2))
FACTS = {model.model_fields["type"].default: model for model in FACT_TYPES}


@cache
def written(last: date) -> Sequence[Written]:
    events = recorded([record.value for record in clock_weeks(SEED, last)[0]])
    found: list[Written] = []
    intake = Intake(directory=KeyedPseudonyms.of(RING), ring=RING, partitions=1)
    memory.replay(
        events,
        [intake, *(make() for make in READERS)],
        load("cn-12345"),
        until=instant(events[-1].at_ms) + timedelta(hours=8),
        sink=found.append,
        progress=lambda _: None,
    )
    return found


@cache
def weeks(last: date) -> Weeks:
    records, stories = clock_weeks(SEED, last)
    return conclude(recorded([each.value for each in records]), stories, written(last), ())


def facts(story: str, topic: str) -> list[Mapping[str, Any]]:
    played = weeks(LAST_DAY)
    return [each for each in played.written[topic] if each["subject"] == played.tickets[story]]


@pytest.mark.parametrize("last", AFTER_MAKE_UP_SATURDAYS, ids=str)
@pytest.mark.parametrize("story", CLOCK_STORIES, ids=lambda story: story.name)
def test_R25_R38_a_story_shows_what_it_is_told_for(story: ClockStory, last: date) -> None:
    told = weeks(last)
    assert [shown for shown in story.shows if told.of(story.name, shown) is None] == []


@pytest.mark.parametrize("last", AFTER_MAKE_UP_SATURDAYS, ids=str)
def test_no_rule_raises_and_every_fact_is_of_the_contract(last: date) -> None:
    for each in written(last):
        assert each.topic.name != DEAD_LETTERS.name, dict(each.headers)
        document = orjson.loads(each.value or b"")
        model = FACTS.get(document["type"])
        if model is not None:
            model.model_validate(document)


def test_R25_a_day_worked_for_a_holiday_is_a_working_day() -> None:
    told = weeks(LAST_DAY).of("due_on_a_make_up_day", "breached accept")
    assert told is not None
    assert told["data"]["deadline"] == "2026-10-10T17:30:00+08:00"
    assert told["data"]["started_at"].startswith("2026-10-09T16:20:00")


def test_ruling_12_a_hold_moves_the_deadline_by_the_working_time_it_took() -> None:
    kinds = [
        (fact["type"].split(".")[2], fact["data"].get("deadline", ""))
        for fact in facts("waits_for_the_weather", SLA.name)
        if fact["data"].get("clock") == "resolve"
    ]
    assert [kind for kind, _ in kinds if kind != "warning"] == [
        *("started", "paused", "resumed", "met")
    ]
    before, after = kinds[0][1], kinds[2][1]
    # The seventh day is the 28th; 5.5 + 7 + 4.5 hours were rain; then come two working days and
    # the week of National Day.
    assert (before, after) == ("2026-09-28T17:30:00+08:00", "2026-10-08T11:30:00+08:00")


def test_R33_one_task_a_close_cancelled_by_the_reopening() -> None:
    told = facts("comes_back_before_the_call", CALLBACKS.name)
    by_task: dict[str, list[str]] = {}
    for fact in told:
        by_task.setdefault(fact["data"]["task"], []).append(fact["type"].split(".")[2])
    first, second = by_task.values()
    assert first == ["scheduled", "cancelled"]
    assert (second[0], second[-1]) == ("scheduled", "answered")


def test_R36_who_is_never_reached_is_never_satisfied() -> None:
    last = facts("answers_nobody", CALLBACKS.name)[-1]
    assert last["type"] == "hotline.callback_task.uncontacted.v1"
    assert last["data"].get("satisfied") is None
    outcomes = last["data"]["outcomes"]
    assert (outcomes["no_answer"], outcomes["powered_off"]) == (3, 1)
