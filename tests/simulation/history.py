"""What a seed lets happen: the events of the log, and what of the world goes wrong."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

from runtime.core import NO_LIMIT, PoisonLimit
from runtime.engine.task import TaskLimits
from runtime.stores.codec import instant
from tests.kit.fold import Event
from tests.simulation.broker import START_MS

LETTERED = (b"{", b"[]", b'{"id": 1}', b"\xff\xfe", None)
"""Values that cannot be read."""


@dataclass(frozen=True, slots=True)
class Input:
    """A record of the log."""

    number: int
    at_ms: int
    inbox: int
    key: bytes | None
    value: bytes | None
    event: Event | None
    """None if it cannot be read."""
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a run that is decided before it starts."""

    seed: int
    inputs: tuple[Input, ...]
    limits: TaskLimits
    max_state_bytes: int
    poison: PoisonLimit
    trouble: float
    """0 a calm day … 1 a terrible one."""
    chaos_every_s: float
    fixed_at_s: float | None
    """When the rule is corrected; None for never."""
    rings_out: bool
    """Whether the clock passes every alarm in the end."""
    rocks: bool
    marker_delay_s: float
    faults: dict[str, float] = field(default_factory=dict)

    @property
    def length_s(self) -> float:
        return (self.inputs[-1].at_ms - START_MS) / 1_000


def plan(seed: int, *, rocks: bool | None = None) -> Plan:
    """The plan of a seed, the same each time."""
    rng = Random(seed)
    trouble = rng.choice((0.0, 0.3, 0.6, 1.0))
    inputs = _inputs(rng)
    names = ("unsent", "hanging", "late", "unanswered", "fence", "reading")
    return Plan(
        seed=seed,
        inputs=inputs,
        limits=TaskLimits(
            batch_max_records=rng.choice((1, 2, 5, 100)),
            buffer_max_records=rng.choice((4, 20, 400)),
            timers_per_batch=rng.choice((1, 2, 50)),
            linger_min_ms=5,
            linger_max_ms=40,
        ),
        max_state_bytes=rng.choice((300, 600, 1 << 20)),
        poison=PoisonLimit(10, 3, 0.4) if rng.random() < 0.2 else NO_LIMIT,
        trouble=trouble,
        chaos_every_s=rng.uniform(0.2, 2.0),
        fixed_at_s=rng.uniform(1, 12) if rng.random() < 0.75 else None,
        rings_out=rng.random() < 0.6,
        rocks=rng.random() < 0.02 if rocks is None else rocks,
        marker_delay_s=rng.choice((0.0, 0.05, 0.5)),
        faults={name: trouble * rng.choice((0.0, 0.05, 0.25)) for name in names},
    )


def _inputs(rng: Random) -> tuple[Input, ...]:
    tickets = [f"T{n}" for n in range(rng.randint(1, 6))]
    pace_ms = rng.choice((5, 60, 400))
    times = [START_MS + 200]
    for _ in range(rng.randint(1, 50)):
        times.append(times[-1] + (0 if rng.random() < 0.15 else rng.randint(1, 2 * pace_ms)))
    chosen = [rng.choice(tickets) for _ in times]
    booms = rng.choice((0.0, 0.05, 0.2))
    inputs: list[Input] = []
    for number, (at_ms, ticket) in enumerate(zip(times, chosen, strict=True)):
        inbox = tickets.index(ticket) % 2
        if rng.random() < booms / 2:
            value = rng.choice(LETTERED)
            inputs.append(Input(number, at_ms, inbox, b"\xff", value, None))
            continue
        before = next((each for each in reversed(inputs) if _is(each, ticket)), None)
        if before is not None and before.event is not None and rng.random() < 0.05:
            again = Event(before.event.id, ticket, at_ms, before.event.data)
            inputs.append(_input(number, at_ms, inbox, again, duplicate=True))
            continue
        later = [t for t, who in zip(times, chosen, strict=True) if t > at_ms and who == ticket]
        data = _data(rng, at_ms, later, booms)
        inputs.append(_input(number, at_ms, inbox, Event(f"e{number}", ticket, at_ms, data)))
    return tuple(inputs)


def _is(each: Input, ticket: str) -> bool:
    return each.event is not None and each.event.ticket == ticket


def _data(rng: Random, at_ms: int, later: list[int], booms: float) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if rng.random() < 0.5:
        choice = rng.random()
        if later and choice < 0.2:
            data["wait_s"] = (later[0] - at_ms) / 1_000
        elif choice < 0.3:
            data["wait_s"] = rng.randint(1, 3_000_000) / 1_000_000
        elif choice < 0.35:
            data["wait_s"] = 0
        else:
            data["wait_s"] = rng.choice((50, 500, 3_000, 20_000)) / 1_000
        if rng.random() < booms:
            data["boom_at_wake"] = True
    elif rng.random() < 0.3:
        data["cancel"] = True
    if rng.random() < 0.2:
        data["pad"] = rng.choice((10, 120))
    if rng.random() < 0.2:
        data["urgency"] = rng.randint(0, 2)
    if rng.random() < booms:
        data["boom"] = True
    return data


def _input(number: int, at_ms: int, inbox: int, event: Event, *, duplicate: bool = False) -> Input:
    value = msgspec.json.encode(
        {
            "id": event.id,
            "subject": event.ticket,
            "recordedtime": instant(at_ms),
            "data": event.data,
        }
    )
    return Input(number, at_ms, inbox, event.ticket.encode(), value, event, duplicate)
