"""Reckoning against the reference model: any promise, settings and pauses of one clock."""

import random
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from policy.bundle import load
from rules.clocks.reckoning import Hold, Setting, reckon
from rules.clocks.terms import Terms
from tests.model.clocks import ALWAYS, CHINA, WORKDAYS, Amount, Content, Happened, Numbers, Story

BEGIN = datetime(2026, 1, 5, tzinfo=CHINA)
AMOUNTS = (
    *((15, "minutes", ALWAYS, False), (2, "hours", ALWAYS, False), (24, "hours", ALWAYS, False)),
    *((9, "hours", WORKDAYS, False), (90, "minutes", WORKDAYS, False)),
    *((1, "working_days", WORKDAYS, False), (5, "working_days", WORKDAYS, False)),
    *((15, "working_days", WORKDAYS, False), (1, "working_days", ALWAYS, False)),
    *((7, "calendar_days", WORKDAYS, True), (15, "calendar_days", WORKDAYS, True)),
    *((7, "calendar_days", WORKDAYS, False), (3, "calendar_days", ALWAYS, False)),
)


def case(seed: int) -> tuple[Amount, list[Happened], datetime]:
    """A receipt, settings and pauses, at any minute; each setting later than the one before."""
    rng = random.Random(seed)
    amount = Amount(*rng.choice(AMOUNTS))
    now = start = BEGIN + timedelta(minutes=rng.randrange(320 * 1440))
    events = [Happened("0", "ticket.received", start, start, {})]
    held = False
    for number in range(1, rng.randrange(1, 9)):
        now += timedelta(minutes=rng.choice([rng.randrange(1, 90), rng.randrange(1, 6_000)]))
        kind, data = rng.choice(["hold", "hold", "hold", "due"]), dict[str, Any]()
        if kind == "due":
            kind = "ticket.amended"
            due = now + timedelta(minutes=rng.randrange(1, 9_000))
            data = {"changes": {"due_at": due}}
        else:
            kind, held = ("hold.ended", False) if held else ("hold.started", True)
        events.append(Happened(str(number), kind, now, now, data))
    return amount, events, now


def always(
    amount: Amount, target: str, content: Content, department: str | None, when: datetime
) -> Amount:
    """Of any target the same."""
    return amount


@pytest.mark.parametrize("block", range(8))
def test_R25_reckoning_is_as_the_model_has_it(block: int) -> None:
    policy = load("cn-12345").versions[0].policy
    for seed in range(block * 500, block * 500 + 500):
        amount, events, now = case(seed)
        numbers = Numbers(partial(always, amount), pauses=lambda code, target: True)
        wanted = Story(events, numbers, now).clocks()["resolve"]
        name = "cn-24x7" if amount.office is ALWAYS else "cn-workdays"
        calendar = policy.calendars[name]
        terms = Terms(
            target="resolve",
            rule="resolve.test",
            amount=amount.number,
            unit=amount.unit,
            calendar=name,
            roll=amount.roll,
            warnings=(),
            version="2026-01",
        )
        settings = [
            Setting(each.at, each.data["changes"]["due_at"], "promised")
            for each in events
            if each.kind == "ticket.amended"
        ]
        marks = [each for each in events if each.kind.startswith("hold.")]
        ends = [*(each.at for each in marks[1::2]), None]
        holds = [Hold(each.at, end) for each, end in zip(marks[::2], ends, strict=False)]
        found = reckon(events[0].at, terms, calendar, settings=settings, holds=holds, until=now)
        assert found.deadline == wanted.deadline, f"seed {seed}: {events}"
        assert (found.paused_since is not None) == wanted.paused, f"seed {seed}: {events}"
