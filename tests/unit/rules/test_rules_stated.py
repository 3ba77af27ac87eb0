"""What the facts of a clock leave standing is what sla itself keeps of it (R25)."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest

from cli.sampling import GOOD_KINDS, generate
from policy.bundle import load
from rules.stated import clocks, tasks
from runtime.driver import Driver, Written
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.topics import CALLBACKS, INBOX, SLA
from services.callback.domain import Callback
from services.intake.domain import Intake
from services.sla.domain import Sla
from vault.directory import KeyedPseudonyms

RING = KeyRing({1: bytes(range(32))})
NO_CLOCK = "none"
"""Of a state: a clock that no fact was ever stated of."""


class Day:
    """A sample day of tickets through intake, sla and callback, and three weeks after it."""

    def __init__(self, seed: int) -> None:
        self.facts: dict[str, list[tuple[Any, ...]]] = {}
        intake = Intake(directory=KeyedPseudonyms.of(RING), ring=RING, partitions=1, forward=False)
        self.driver = Driver([intake, Sla(), Callback()], load("cn-12345"), self._take)
        end = 0
        for number, each in enumerate(generate(seed, 60, date(2026, 2, 10))):
            if each.kind in GOOD_KINDS:
                end = max(end, each.at)
                record = Record(INBOX, 0, number, each.key, each.value, each.at * 1000)
                self.driver.feed(record)
        self.driver.advance(datetime.fromtimestamp(end, UTC) + timedelta(weeks=3))
        assert not self.driver.failures

    def _take(self, written: Written) -> None:
        if written.topic.name in (SLA.name, CALLBACKS.name):
            fact = orjson.loads(written.value or b"")
            at = datetime.fromisoformat(fact["recordedtime"])
            parts = (fact["id"], fact["type"], at, fact["data"])
            self.facts.setdefault(fact["subject"], []).append(parts)

    def clocks(self, ticket: str) -> dict[str, clocks.Standing]:
        said = (clocks.fact_of(*parts) for parts in self.facts[ticket])
        return clocks.fold(each for each in said if each is not None)

    def tasks(self, ticket: str) -> dict[str, tasks.Standing]:
        said = (tasks.standing_of(*parts) for parts in self.facts[ticket])
        return tasks.last(each for each in said if each is not None)


@pytest.fixture(scope="module", params=[3, 4])
def day(request: pytest.FixtureRequest) -> Day:
    return Day(request.param)


def test_R25_clocks_stand_as_sla_keeps_them(day: Day) -> None:
    seen: Counter[str] = Counter()
    for ticket in day.facts:
        state = day.driver.parts[1].load(ticket)
        if state is None:
            continue
        standing = day.clocks(ticket)
        for kept in state.clocks:
            if kept.status == NO_CLOCK:
                continue
            found = standing[kept.id]
            assert (found.status, found.breach or "") == (kept.status, kept.breach), kept
            assert (found.fact, found.revision) == (kept.fact, kept.revision)
            assert found.terms.rule == kept.terms.rule
            if found.open:
                assert found.deadline == kept.deadline, kept
            else:
                assert found.ended_at == kept.ended_at, kept
            seen[found.status] += 1
            seen["breached"] += found.breach is not None
            assert clocks.Standing.from_json(found.to_json()) == found
    assert seen["running"], seen
    assert seen["met"], seen
    assert seen["missed"], seen
    assert seen["breached"], seen


def test_R33_a_task_is_live_while_callback_waits_for_it(day: Day) -> None:
    seen: Counter[str] = Counter()
    for ticket in day.facts:
        state = day.driver.parts[2].load(f"t:{ticket}")
        if state is None or state.ticket is None or state.ticket.task is None:
            continue
        kept = state.ticket.task
        found = day.tasks(ticket)[kept.id]
        assert (found.live, found.fact) == (kept.live, kept.fact)
        if found.live:
            assert found.said.due_at == kept.due_at
        seen["live" if found.live else "ended"] += 1
        assert tasks.Standing.from_json(found.to_json()) == found
        live = [each for each in day.tasks(ticket).values() if each.live]
        assert len(live) <= 1, "exactly one live task per close (I8)"
    assert seen["ended"], seen


ARBITRATION = {"dispatches": 3, "returns": 2, "after": 3, "reason": "r"}


def test_R29_what_is_said_of_no_clock_is_no_clock() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    assert clocks.fact_of("f", "hotline.sla.arbitration_required.v1", at, ARBITRATION) is None
    assert clocks.fact_of("f", "hotline.repeat.new.v1", at, {"clock": "no"}) is None
    assert tasks.standing_of("f", "hotline.callback.answered.v1", at, {}) is None
