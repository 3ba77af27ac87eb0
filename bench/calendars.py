"""«calendars»: how long working time takes to add and to count, over the shipped calendars."""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from bench.machine import Machine, this_machine
from bench.report import Sheet
from policy.bundle import load
from policy.calendars import WorkingCalendar

WHICH = (
    ("cn-12345", "cn-workdays"),
    ("us-311", "us-federal"),
    ("cn-12345", "cn-24x7"),
)
SEED = 12345
INSTANTS = 10_000
"""Taken in turn: enough to leave no memory of the last one, few enough to cost no time to make."""
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 600


@dataclass(frozen=True, slots=True)
class Timing:
    """CPU microseconds a call, of one calendar."""

    calendar: str
    build_ms: float
    add_us: float
    between_us: float
    working_days_us: float
    calendar_days_us: float
    inverse: bool
    """Whether what was added was between, for every pair tried."""


@dataclass(frozen=True, slots=True)
class Outcome:
    calls: int
    machine: Machine
    timings: tuple[Timing, ...]

    def to_dict(self) -> dict[str, object]:
        return {
            "calls": self.calls,
            "machine": self.machine.to_dict(),
            "timings": [asdict(each) for each in self.timings],
        }


def run(calls: int, *, say: Callable[[str], None]) -> Outcome:
    """Times ``calls`` calls of each kind on each calendar, one after the other."""
    timings = []
    for profile, name in WHICH:
        say(f"{name}: {calls:,} calls of each kind")
        timings.append(_measure(load(profile).versions[-1].policy.calendars[name], calls))
    return Outcome(calls, this_machine(), tuple(timings))


def _measure(calendar: WorkingCalendar, calls: int) -> Timing:
    chance = random.Random(SEED)
    starts = [FIRST + timedelta(seconds=chance.random() * DAYS * 86_400) for _ in range(INSTANTS)]
    amounts = [timedelta(seconds=chance.randrange(60, 500_000)) for _ in range(INSTANTS)]
    began = time.process_time()
    calendar.is_working(starts[0])  # lays the spans out, once a process
    build = time.process_time() - began
    ends = [calendar.add_working_time(*pair) for pair in zip(starts, amounts, strict=True)]
    back = [calendar.working_time_between(*pair) for pair in zip(starts, ends, strict=True)]
    rounds = max(calls // INSTANTS, 1)
    add, between = calendar.add_working_time, calendar.working_time_between
    to_day, to_date = calendar.end_of_working_day, calendar.end_of_calendar_day
    return Timing(
        calendar.version,
        round(build * 1e3, 1),
        _us((add(s, x) for _ in range(rounds) for s, x in zip(starts, amounts, strict=True))),
        _us((between(s, e) for _ in range(rounds) for s, e in zip(starts, ends, strict=True))),
        _us(to_day(s, 10) for _ in range(rounds) for s in starts),
        _us(to_date(s, 15, roll=True) for _ in range(rounds) for s in starts),
        back == amounts,
    )


def _us(calls: Iterable[object]) -> float:
    """CPU microseconds each, the loop included."""
    began = time.process_time()
    count = sum(1 for _ in calls)
    return round((time.process_time() - began) / count * 1e6, 2)


def sheet(outcome: Outcome) -> Sheet:
    return Sheet(
        title=f"Working time, {outcome.calls:,} calls of each kind, one thread",
        columns=(
            "calendar",
            "laid out, ms",
            "add, µs",
            "between, µs",
            "10 working days, µs",
            "15 calendar days, µs",
            "exact inverse",
        ),
        rows=tuple(
            (
                each.calendar,
                f"{each.build_ms:.0f}",
                f"{each.add_us:.2f}",
                f"{each.between_us:.2f}",
                f"{each.working_days_us:.2f}",
                f"{each.calendar_days_us:.2f}",
                "yes" if each.inverse else "no",
            )
            for each in outcome.timings
        ),
        machine=outcome.machine,
        notes=("CPU time, the loop around the calls included.",),
    )
