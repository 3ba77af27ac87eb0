"""The processor against the reference model: after every event, whatever the order in which the
log brought them, each clock stands as the whole history says, and a breach is there iff nothing
resolved it before its deadline (I7)."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import orjson
import pytest

from policy.bundle import Bundle, load
from runtime.core import to_ms
from runtime.driver import Driver, Written, to_bytes
from runtime.processor import Record
from schemas.envelope import Envelope
from schemas.events import EVENT_TYPES
from schemas.topics import SLA, TICKETS
from services.sla.domain import Sla
from tests.model.clocks import ALWAYS, WORKDAYS, Amount, Happened, Numbers, breaches, clocks
from tests.model.log import Log, at

T = "T1"
LAMPS, WAGES, WATER = "city.facilities.street_light", "labour.wages", "utilities.water.outage"
URBAN, HOUSING, STREET, WATERWORKS = (
    *("city-urban-management", "city-housing", "street-east-01", "city-water"),
)
HORIZON = timedelta(days=60)


# --- the numbers of cn-12345, by hand (requirements.md §3) ---


def level(content: Mapping[str, Any]) -> int:
    if content.get("urgency") == "very_urgent":
        return 1
    branch = str(content.get("leaf") or "").partition(".")[0]
    return {"utilities": 2, "labour": 4}.get(branch, 3)


def amount(target: str, content: Mapping[str, Any], department: str | None) -> Amount | None:
    theirs = ALWAYS if department == WATERWORKS else WORKDAYS
    office = theirs if target in ("accept", "first_contact", "department") else WORKDAYS
    degree = level(content)
    match target:
        case "accept" if degree == 1:
            return Amount(15, "minutes", ALWAYS)
        case "accept" if degree == 2:
            return Amount(30, "minutes", ALWAYS)
        case "accept" | "first_contact":
            return Amount(1, "working_days", office)
        case "interim":
            return Amount(5, "working_days", WORKDAYS)
        case "resolve" | "reply" | "department":
            if degree <= 2:
                return Amount({1: 2, 2: 24}[degree], "hours", ALWAYS)
            return Amount({3: 7, 4: 15}[degree], "calendar_days", office, roll=True)
        case "verification" if degree <= 2:
            return Amount(2, "hours", ALWAYS)
        case "verification":
            return Amount(1, "working_days", WORKDAYS)
    return None


PAUSES = {
    "awaiting-citizen": {"first_contact", "interim", "resolve", "reply", "department"},
    "awaiting-problem": {"department"},
    "awaiting-vendor": set(),
}


def pauses(code: str | None, target: str) -> bool:
    return target in PAUSES.get(code or "", {"resolve", "reply", "department"})


NUMBERS = Numbers(amount, pauses)


# --- the processor ---


@cache
def bundle() -> Bundle:
    return load("cn-12345")


@dataclass
class Stand:
    """How a clock stands by the facts."""

    status: str = ""
    deadline: datetime | None = None


RUNS = ("started", "warning", "recomputed", "resumed", "breached", "withdrawn")


@dataclass
class Machine:
    """The real processor in the driver, and what its facts say."""

    stands: dict[str, Stand] = field(default_factory=dict)
    live: dict[str, datetime] = field(default_factory=dict)
    """Breaches that nobody has withdrawn, and the deadline of each."""
    facts: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.driver = Driver([Sla()], bundle(), self._take)
        self._offset = 0

    def feed(self, event: Envelope) -> None:
        assert event.recordedtime is not None
        value = to_bytes(event)
        record = Record(TICKETS, 0, self._offset, b"c:1", value, to_ms(event.recordedtime))
        self._offset += 1
        self.driver.run([record])
        assert not self.driver.failures, self.driver.failures

    def _take(self, written: Written) -> None:
        if written.topic is not SLA:
            return
        fact = orjson.loads(written.value or b"")
        kind = fact["type"].removeprefix("hotline.sla.").removesuffix(".v1")
        if kind == "arbitration_required":
            return
        self.facts.append(fact)
        data, name = fact["data"], fact["data"]["clock"]
        deadline = datetime.fromisoformat(data["deadline"]) if data.get("deadline") else None
        said = datetime.fromisoformat(fact["recordedtime"])
        if kind == "breached":
            assert name not in self.live, f"{name} is breached twice"
            assert deadline is not None, f"{name} is breached without a deadline"
            assert deadline <= said, f"{name} is breached early"
            self.live[name] = deadline
        elif kind == "withdrawn":
            del self.live[name]
        status = "runs" if kind in RUNS else {"paused": "paused"}.get(kind, "over")
        self.stands[name] = Stand(status, deadline)


def happened(event: Envelope) -> Happened:
    """The event for the model."""
    assert event.recordedtime is not None
    kind = event.type.removeprefix("hotline.").removesuffix(".v1")
    data = event.model_dump(exclude_unset=True)["data"]
    when = min(event.time, event.recordedtime)
    return Happened(event.id, kind, when, event.recordedtime, data)


def differences(log: Sequence[Envelope], *, step: bool = True) -> list[str]:
    """What the processor says otherwise than the model, after any event or at the end."""
    machine, known, found = Machine(), [], []
    for event in log:
        machine.feed(event)
        known.append(happened(event))
        assert event.recordedtime is not None
        if step:
            found += compare(machine, known, event.recordedtime)
            if found:
                return [f"after {event.id}:", *found]
    end = known[-1].recorded + HORIZON
    machine.driver.advance(end)
    return compare(machine, known, end)


def compare(machine: Machine, known: Sequence[Happened], now: datetime) -> list[str]:
    wanted, live = breaches(known, NUMBERS, now), machine.live
    found = [
        f"breach of {name}: the model says {wanted.get(name)}, the processor {live.get(name)}"
        for name in sorted({*wanted, *live})
        if wanted.get(name) != live.get(name)
    ]
    there = clocks(known, NUMBERS, now)
    for name in sorted({*there, *machine.stands}):
        clock, stand = there.get(name), machine.stands.get(name)
        if clock is None:
            if stand is not None and stand.status != "over":
                found.append(f"{name}: the model knows no such clock, the processor {stand}")
            continue
        status = "over" if clock.ended else "paused" if clock.paused else "runs"
        if clock.how == "breached":
            status = "runs"
        if stand is None and clock.ended is not None and clock.ended <= clock.start:
            continue  # It was over before it began: nothing need be said.
        if stand is None:
            found.append(f"{name}: the processor knows no such clock, the model {clock}")
        elif stand.status != status or (
            status == "runs" and not clock.ended and stand.deadline != clock.deadline
        ):
            found.append(f"{name}: the model says {status} {clock.deadline}, the processor {stand}")
    return found


# --- random histories ---


class Author:
    """Writes the history of a ticket."""

    def __init__(self, seed: int, *, late: timedelta | None = None) -> None:
        self.rng = random.Random(seed)
        self.log = Log()
        self.late = late
        day = self.rng.randrange(0, 330)
        self.now = at("2026-01-05 00:00") + timedelta(
            days=day, minutes=self.rng.randrange(0, 1440), seconds=1
        )
        self.events: list[Envelope] = []
        self.dispatches: list[tuple[str, str, bool]] = []
        self.questions = 0
        self.closed = False
        self.held: list[str | None] = []

    def write(self, kind: str, **data: Any) -> None:
        model = EVENT_TYPES[f"hotline.{kind}.v1"]
        self.events.append(self.log.event(model, T, self.now, data))

    def pause(self) -> None:
        rng = self.rng
        minutes = rng.choice(
            [
                rng.randrange(1, 40),
                rng.randrange(30, 600),
                rng.randrange(600, 3_000),
                rng.randrange(600, 12_000),
            ]
        )
        # A second on: no two events at the same instant, none at a deadline by chance.
        self.now += timedelta(minutes=minutes, seconds=1)

    def some(self) -> dict[str, Any]:
        """A dispatch, by its id."""
        return {"dispatch_id": self.rng.choice(self.dispatches)[0]} if self.dispatches else {}

    def story(self, length: int) -> list[Envelope]:
        rng = self.rng
        content: dict[str, Any] = {
            "leaf": rng.choice([LAMPS, LAMPS, WAGES, WATER]),
            "urgency": rng.choice(["normal", "normal", "urgent", "very_urgent"]),
            "channel": "phone",
            "request_type": "complaint",
        }
        if rng.random() < 0.1:
            content["reply_wanted"] = False
        if rng.random() < 0.1:
            content["anonymous"] = True
        if rng.random() < 0.25:
            content["due_at"] = self.later()
        self.write("ticket.received", **content)
        for _ in range(length):
            self.pause()
            getattr(self, rng.choice(ACTIONS))()
        return self.recorded()

    def recorded(self) -> list[Envelope]:
        """The events as the log has them: each recorded at once, or late, in another order."""
        if self.late is None:
            return self.events
        found = []
        for event in self.events:
            delay = timedelta()
            if event is not self.events[0] and self.rng.random() < 0.4:
                delay = timedelta(seconds=self.rng.randrange(int(self.late.total_seconds())))
            found.append(event.model_copy(update={"recordedtime": event.time + delay}))
        found.sort(key=lambda each: each.recordedtime or each.time)
        return [each.model_copy(update={"sequence": n}) for n, each in enumerate(found, start=1)]

    def later(self) -> str:
        when = self.now + timedelta(minutes=self.rng.randrange(60, 20_000))
        return when.isoformat()

    # --- what may happen ---

    def dispatch(self) -> None:
        rng = self.rng
        name = f"D{len(self.dispatches) + 1}"
        unit = rng.choice([URBAN, HOUSING, WATERWORKS])
        lead = rng.random() < 0.7
        data: dict[str, Any] = {"dispatch_id": name, "department": unit}
        if not lead:
            data["role"] = "supporting"
        for due in ("accept_due_at", "contact_due_at", "reply_due_at"):
            if rng.random() < 0.1:
                data[due] = self.later()
        self.write("ticket.dispatched", **data)
        self.dispatches.append((name, unit, lead))

    def pass_on(self) -> None:
        leads = [each for each in self.dispatches if each[2]]
        if leads:
            name = f"D{len(self.dispatches) + 1}"
            parent = self.rng.choice(leads)[0]
            self.write(
                "ticket.dispatched",
                dispatch_id=name,
                department=STREET,
                parent_dispatch_id=parent,
            )
            self.dispatches.append((name, STREET, True))

    def accept(self) -> None:
        if self.dispatches:
            self.write("dispatch.accepted", **self.some())

    def send_back(self) -> None:
        if self.dispatches:
            which = self.some()
            self.write("return.requested", **which)
            self.pause()
            self.write(self.rng.choice(["return.approved", "return.refused"]), **which)

    def extend(self) -> None:
        which = self.some() if self.rng.random() < 0.5 else {}
        if self.rng.random() < 0.6:
            self.write("extension.requested", **which)
            self.pause()
        self.write("extension.granted", new_due_at=self.later(), **which)

    def hold(self) -> None:
        which = self.some() if self.rng.random() < 0.3 else {}
        codes = [None, "awaiting-citizen", "awaiting-problem", "awaiting-vendor", "weather"]
        code = self.rng.choice(codes)
        self.write("hold.started", **which, **({"reason_code": code} if code else {}))
        self.held.append(which.get("dispatch_id"))

    def unhold(self) -> None:
        if self.held:
            name = self.held.pop()
            self.write("hold.ended", **({"dispatch_id": name} if name else {}))

    def call(self) -> None:
        outcome = self.rng.choice(["answered", "powered_off", "no_answer"])
        purpose = self.rng.choice(["first_contact", "progress", "reply"])
        self.write(
            "call.recorded", direction="outbound", outcome=outcome, purpose=purpose, **self.some()
        )

    def news(self) -> None:
        self.write("ticket.progressed", **self.some(), text="已派员到现场")

    def propose(self) -> None:
        self.write("solution.proposed", **self.some())

    def ask(self) -> None:
        self.questions += 1
        due = {"due_at": self.later()} if self.rng.random() < 0.3 else {}
        self.write("verification.requested", verification_id=f"V{self.questions}", **due)

    def answer(self) -> None:
        if self.questions:
            name = f"V{self.rng.randrange(self.questions) + 1}"
            self.write("verification.answered", verification_id=name)

    def supervise(self) -> None:
        name = f"S{len(self.events)}"
        self.write("supervision.ordered", supervision_id=name, due_at=self.later())
        if self.rng.random() < 0.7:
            self.pause()
            self.write("supervision.answered", supervision_id=name)

    def reply(self) -> None:
        if self.dispatches:
            which = self.some()
            self.write("reply.submitted", **which, text="已处理")
            for kind in ("reply.rejected", "reply.approved"):
                if self.rng.random() < 0.4:
                    self.pause()
                    due = kind == "reply.rejected" and self.rng.random() < 0.3
                    self.write(kind, **which, **({"due_at": self.later()} if due else {}))
                    return

    def close(self) -> None:
        if not self.closed:
            self.write("ticket.closed")
            self.closed, self.held = True, []

    def reopen(self) -> None:
        if self.closed:
            due = {"due_at": self.later()} if self.rng.random() < 0.3 else {}
            self.write("ticket.reopened", **due)
            self.closed = False

    def amend(self) -> None:
        change = self.rng.choice(
            [
                {"urgency": "very_urgent"},
                {"urgency": "normal"},
                {"leaf": WATER},
                {"leaf": LAMPS},
                {"due_at": self.later()},
            ]
        )
        self.events.append(self.log.amended(T, self.now, **change))

    def withdraw(self) -> None:
        if self.rng.random() < 0.3:
            self.write("ticket.withdrawn")


ACTIONS = (
    *("dispatch", "dispatch", "dispatch", "pass_on", "accept", "accept", "send_back"),
    *("extend", "hold", "hold", "unhold", "unhold", "call", "call", "news", "propose"),
    *("ask", "answer", "supervise", "reply", "reply", "close", "reopen", "reopen"),
    *("amend", "withdraw"),
)


@pytest.mark.parametrize("block", range(10))
def test_I7_histories_in_order(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        log = Author(seed).story(random.Random(seed).randrange(1, 16))
        assert not differences(log), f"seed {seed}"


@pytest.mark.parametrize("block", range(10))
def test_I7_histories_late_and_out_of_order(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        log = Author(seed, late=timedelta(hours=20)).story(random.Random(seed).randrange(1, 16))
        assert not differences(log), f"seed {seed}"
