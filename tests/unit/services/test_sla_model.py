"""The processor against the reference model: after every event, whatever the order in which the
log brought them, each clock stands as the whole history says, and a breach is there iff nothing
resolved it before its deadline (I7)."""

import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

import policy
from policy.bundle import Bundle, load
from runtime.core import to_ms
from runtime.driver import Driver, Written, to_bytes
from runtime.processor import Record
from schemas.envelope import Envelope
from schemas.events import EVENT_TYPES
from schemas.topics import SLA, TICKETS
from services.sla.domain import Sla
from tests.model.clocks import (
    ALWAYS,
    WORKDAYS,
    Amount,
    Clock,
    Happened,
    Numbers,
    Office,
    Story,
    breaches,
)
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


def amount(
    target: str,
    content: Mapping[str, Any],
    department: str | None,
    *,
    workdays: Office = WORKDAYS,
    later: bool = False,
) -> Amount | None:
    """The number for a clock; ``later``: by the second version of the bundle of two."""
    theirs = ALWAYS if department == WATERWORKS else workdays
    office = theirs if target in ("accept", "first_contact", "department") else workdays
    degree = level(content)
    match target:
        case "accept" if degree == 1:
            return Amount(15, "minutes", ALWAYS)
        case "accept" if degree == 2:
            return Amount(30, "minutes", ALWAYS)
        case "accept":
            return Amount(2 if later else 1, "working_days", office)
        case "first_contact":
            return Amount(1, "working_days", office)
        case "interim":
            return Amount(4 if later else 5, "working_days", workdays)
        case "resolve" | "reply" | "department":
            if degree <= 2:
                return Amount({1: 2, 2: 24}[degree], "hours", ALWAYS)
            days = {3: 10 if later else 7, 4: 15}[degree]
            return Amount(days, "calendar_days", office, roll=True)
        case "verification" if degree <= 2:
            return Amount(2, "hours", ALWAYS)
        case "verification":
            return Amount(1, "working_days", workdays)
    return None


def shipped(
    target: str, content: Mapping[str, Any], department: str | None, when: datetime
) -> Amount | None:
    """By any version of the shipped bundle."""
    return amount(target, content, department)


PAUSES = {
    "awaiting-citizen": {"first_contact", "interim", "resolve", "reply", "department"},
    "awaiting-problem": {"department"},
    "awaiting-vendor": set(),
}


def pauses(code: str | None, target: str) -> bool:
    return target in PAUSES.get(code or "", {"resolve", "reply", "department"})


NUMBERS = Numbers(shipped, pauses)


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

    bundle: Bundle = field(default_factory=bundle)
    stands: dict[str, Stand] = field(default_factory=dict)
    live: dict[str, datetime] = field(default_factory=dict)
    """Breaches that nobody has withdrawn, and the deadline of each."""
    facts: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.driver = Driver([Sla()], self.bundle, self._take)
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
        if kind == "breached" and name in self.stands:
            # It names the deadline that was missed; the one that counts may be another by then.
            before = self.stands[name]
            status, deadline = before.status, before.deadline
        self.stands[name] = Stand(status, deadline)


def happened(event: Envelope) -> Happened:
    """The event for the model."""
    assert event.recordedtime is not None
    kind = event.type.removeprefix("hotline.").removesuffix(".v1")
    data = event.model_dump(exclude_unset=True)["data"]
    when = min(event.time, event.recordedtime)
    return Happened(event.id, kind, when, event.recordedtime, data)


NumbersAt = Callable[[datetime], Numbers]
"""By the instant at which the processor is asked: the calendar in force is that of then."""


def differences(
    log: Sequence[Envelope],
    *,
    machine: Machine | None = None,
    numbers: NumbersAt = lambda now: NUMBERS,
) -> list[str]:
    """What the processor says otherwise than the model, after any event or at the end."""
    machine, known = machine or Machine(), []
    for event in log:
        machine.feed(event)
        known.append(happened(event))
        assert event.recordedtime is not None
        found = compare(machine, known, event.recordedtime, numbers(event.recordedtime))
        if found:
            return [f"after {event.id}:", *found]
    end = known[-1].recorded + HORIZON
    machine.driver.advance(end)
    return compare(machine, known, end, numbers(end))


def compare(
    machine: Machine, known: Sequence[Happened], now: datetime, numbers: Numbers
) -> list[str]:
    wanted, live = breaches(known, numbers, now), machine.live
    found = [
        f"breach of {name}: the model says {wanted.get(name)}, the processor {live.get(name)}"
        for name in sorted({*wanted, *live})
        if wanted.get(name) != live.get(name)
    ]
    story = Story(known, numbers, now)
    there = story.clocks()
    for name in sorted({*there, *machine.stands}):
        clock, stand = there.get(name), machine.stands.get(name)
        if clock is None:
            if stand is not None and stand.status != "over":
                found.append(f"{name}: the model knows no such clock, the processor {stand}")
            continue
        status = "over" if clock.ended else "paused" if clock.paused else "runs"
        if clock.how == "breached":
            status = "runs"
        if stand is None and clock.ended is not None and asleep(story, clock):
            continue
        if stand is None:
            found.append(f"{name}: the processor knows no such clock, the model {clock}")
        elif stand.status != status or (
            status == "runs" and not clock.ended and stand.deadline != clock.deadline
        ):
            found.append(f"{name}: the model says {status} {clock.deadline}, the processor {stand}")
    return found


def asleep(story: Story, clock: Clock) -> bool:
    """Whether it was over before it began, or began and ended while the ticket was closed:
    nothing need be said of it."""
    assert clock.ended is not None
    return clock.ended <= clock.start or any(
        begin <= clock.start and (end is None or clock.ended <= end)
        for begin, end in story.closes()
    )


# --- random histories ---


class Author:
    """Writes the history of a ticket."""

    def __init__(
        self, seed: int, *, late: timedelta | None = None, first: int = 0, last: int = 330
    ) -> None:
        self.rng = random.Random(seed)
        self.log = Log()
        self.late = late
        day = self.rng.randrange(first, last)
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


def some(few: int, many: int) -> list[Any]:
    """Blocks of seeds: few of them always, many on demand."""
    return [
        *range(few),
        *(pytest.param(each, marks=pytest.mark.long) for each in range(few, many)),
    ]


def seeds(block: int) -> range:
    return range(block * 20, block * 20 + 20)


@pytest.mark.parametrize("block", some(5, 100))
def test_I7_histories_in_order(block: int) -> None:
    for seed in seeds(block):
        log = Author(seed).story(random.Random(seed).randrange(1, 16))
        assert not differences(log), f"seed {seed}"


@pytest.mark.parametrize("block", some(5, 100))
def test_I7_histories_late_and_out_of_order(block: int) -> None:
    for seed in seeds(block):
        log = Author(seed, late=timedelta(hours=20)).story(random.Random(seed).randrange(1, 16))
        assert not differences(log), f"seed {seed}"


@pytest.mark.parametrize("block", some(3, 50))
def test_I7_histories_recorded_too_late(block: int) -> None:
    """By up to 60 hours: what would have undone a breach helps for a day only."""
    for seed in seeds(block):
        log = Author(seed, late=timedelta(hours=60)).story(random.Random(seed).randrange(1, 16))
        assert not differences(log), f"seed {seed}"


@pytest.mark.parametrize(("seed", "late"), [(835, timedelta(hours=20)), (504, None), (2092, None)])
def test_I7_histories_that_once_differed(seed: int, late: timedelta | None) -> None:
    """A deadline that an amendment puts into the past; a withdrawal, a close and a reopening."""
    log = Author(seed, late=late).story(random.Random(seed).randrange(1, 16))
    assert not differences(log)


@pytest.mark.parametrize("block", some(2, 20))
def test_I7_the_same_event_twice_says_nothing_new(block: int) -> None:
    """Intake lets no event in twice; a log that has one all the same is not counted twice."""
    for seed in seeds(block):
        author = Author(seed)
        log = author.story(random.Random(seed).randrange(1, 10))
        machine = Machine()
        for event in log:
            machine.feed(event)
            said = len(machine.facts)
            machine.feed(event)
            assert len(machine.facts) == said, f"seed {seed}, {event.id}"


# --- across versions of policy and calendar ---

SECOND = at("2026-07-01 00:00")
CLOSED_BY_TYPHOON = (date(2026, 7, 2), date(2026, 7, 9), date(2026, 7, 15))
"""Days off that only the calendar of the second version knows."""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """cn-12345 with other numbers and other days from July on."""
    folder = tmp_path_factory.mktemp("bundle") / "two"
    shutil.copytree(Path(policy.__file__).parent / "bundles" / "cn-12345", folder)
    rules = yaml.safe_load((folder / "rules" / "2026-01.yaml").read_text("utf-8"))
    targets = rules["sla"]["targets"]
    for target, name, number in (
        ("accept", "normal", 2),
        ("interim", "normal", 4),
        ("resolve", "normal", 10),
        ("reply", "normal", 10),
        ("department", "normal", 10),
    ):
        (row,) = [each for each in targets[target]["rules"] if each["name"] == name]
        row["value"] = {**row["value"], "amount": number}
    (folder / "rules" / "2026-07.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True))
    calendars = yaml.safe_load((folder / "calendars" / "2026.yaml").read_text("utf-8"))
    calendars["calendars"]["cn-workdays"]["overrides"] += [
        {
            "date": day,
            "kind": "holiday",
            "name": {"zh": "台风停工", "en": "Closed by typhoon"},
            "source": "OURS: a test",
        }
        for day in CLOSED_BY_TYPHOON
    ]
    (folder / "calendars" / "2026-07.yaml").write_text(
        yaml.safe_dump(calendars, allow_unicode=True)
    )
    content = yaml.safe_load((folder / "bundle.yaml").read_text("utf-8"))
    content["versions"][1] |= {
        "rules": "rules/2026-07.yaml",
        "calendars": "calendars/2026-07.yaml",
    }
    (folder / "bundle.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    return load(str(folder))


TYPHOON = Office(WORKDAYS.hours, frozenset(WORKDAYS.off | set(CLOSED_BY_TYPHOON)))


def of_two(now: datetime) -> Numbers:
    """Terms are kept from when a clock got them; the days are those of the calendar in force."""
    workdays = TYPHOON if now >= SECOND else WORKDAYS

    def by_version(
        target: str, content: Mapping[str, Any], department: str | None, when: datetime
    ) -> Amount | None:
        later = when >= SECOND
        return amount(target, content, department, workdays=workdays, later=later)

    return Numbers(by_version, pauses)


@pytest.mark.parametrize("block", some(3, 50))
def test_I7_histories_across_versions(block: int, two: Bundle) -> None:
    for seed in seeds(block):
        author = Author(seed, first=150, last=182)
        log = author.story(random.Random(seed).randrange(2, 16))
        assert not differences(log, machine=Machine(two), numbers=of_two), f"seed {seed}"
