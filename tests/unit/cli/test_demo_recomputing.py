"""The demo's proof notices a record or a state that an undisturbed run would not have (I2, I5)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import orjson
import pytest

from cli.demonstration.recomputing import Comparison, compare, compare_linked, linked_in
from policy.bundle import load
from runtime.core import TASK_KEY
from runtime.driver import Driver, Written
from runtime.engine.task import TaskRecord
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.topics import INBOX, REPEATS, TICKETS
from services.dedup.domain import Dedup
from services.intake.domain import Intake
from vault.directory import KeyedPseudonyms

BUNDLE = load("cn-12345")
START_MS = 1_795_000_000_000
EVENT = (
    b'{"specversion":"1.0","id":"%d","source":"s","type":"hotline.contact.answered.v1",'
    b'"time":"2026-03-02T09:14:00+08:00","subject":"T%d","data":{}}'
)


@dataclass(frozen=True)
class Consumed:
    """A record as the Kafka client gives it."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = START_MS
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = 0


RING = KeyRing({1: bytes(32)})


def intake() -> Intake:
    return Intake(directory=KeyedPseudonyms.of(RING), ring=RING, partitions=1)


@dataclass
class Run:
    """What one partition of an undisturbed intake has read, written and kept."""

    inbox: list[Consumed]
    log: list[Consumed]
    changes: list[Consumed]

    def compared(self, *, timed: bool = False) -> Comparison:
        log, changes = {TICKETS: {0: self.log}}, {0: self.changes}
        return compare(intake, BUNDLE, INBOX, {0: self.inbox}, log, changes, timed=timed)


def run() -> Run:
    inbox = [
        Consumed(offset, b"T%d" % (offset % 2), EVENT % (offset, offset % 2), START_MS + offset)
        for offset in range(6)
    ]
    written: list[Written] = []
    driver = Driver([intake()], BUNDLE, written.append)
    for each in inbox:
        driver.feed(Record(INBOX, 0, each.offset, each.key, each.value, each.timestamp))
    (part,) = driver.parts
    changes: list[Consumed] = []
    for key in part.keys():  # noqa: SIM118
        state = part.load(key)
        assert state is not None
        changes.append(Consumed(len(changes), key.encode(), part.codec.encode(state)))
    task = TaskRecord(batch=1, clock_ms=START_MS + 5, positions={INBOX.name: 6}, state_version=1)
    changes.append(Consumed(len(changes), TASK_KEY.encode(), msgspec.json.encode(task)))
    log = [
        Consumed(number, each.key, each.value)
        for number, each in enumerate(each for each in written if each.topic == TICKETS)
    ]
    return Run(inbox, log, changes)


def test_an_undisturbed_run_is_the_same() -> None:
    found = run().compared()
    assert (found.outputs, found.states, found.different) == (6, 2, [])


def test_a_record_after_the_last_commit_is_not_expected_to_be_decided() -> None:
    here = run()
    here.inbox.append(Consumed(6, b"T0", EVENT % (99, 0), START_MS + 9))
    assert here.compared().same


@pytest.mark.parametrize(
    ("at", "timed", "same"), [(5, True, True), (5, False, False), (4, True, False)]
)
def test_what_a_timer_wrote_after_the_changelog_was_read_is_not_expected(
    at: int, timed: bool, same: bool
) -> None:
    here = run()
    last = here.log[-1]
    here.log.append(replace(last, offset=last.offset + 1, timestamp=START_MS + at))
    assert here.compared(timed=timed).same == same


def lose(here: Run) -> None:
    del here.log[3]


def double(here: Run) -> None:
    here.log.append(here.log[0])


def swap(here: Run) -> None:
    here.log[0], here.log[2] = here.log[2], here.log[0]


def forget(here: Run) -> None:
    here.changes.insert(-1, Consumed(9, b"T1", None))


def alter(here: Run) -> None:
    state = here.changes[0]
    assert state.value is not None
    here.changes[0] = replace(state, value=state.value.replace(b'"sequence":3', b'"sequence":4'))
    assert here.changes[0] != state


@pytest.mark.parametrize(
    ("disturb", "different"),
    [
        (lose, ["hotline.tickets of T1"]),
        (double, ["hotline.tickets of T0"]),
        (swap, ["hotline.tickets of T0"]),
        (forget, ["state of intake 'T1'"]),
        (alter, ["state of intake 'T0'"]),
    ],
)
def test_I2_I5_what_differs_is_named(disturb: Callable[[Run], None], different: list[str]) -> None:
    here = run()
    disturb(here)
    assert here.compared().different == different


# Citizens whose identities were linked


def event(
    citizen: str, ticket: str, at: int, kind: str = "ticket.received", **data: Any
) -> Consumed:
    document = {
        "specversion": "1.0",
        "id": f"{ticket}-{at}",
        "source": "s",
        "type": f"hotline.{kind}.v1",
        "time": f"2026-03-{at:02d}T09:00:00Z",
        "recordedtime": f"2026-03-{at:02d}T09:00:00Z",
        "subject": ticket,
        "citizen": citizen,
        "sequence": 1,
        "leaf": LEAF,
        "data": data or {"request_type": "complaint", "leaf": LEAF, "channel": "phone"},
    }
    at_ms = MARCH_MS + at * 86_400_000
    return Consumed(at, citizen.encode(), orjson.dumps(document), at_ms)


MARCH_MS = 1_772_269_200_000
"""A day before 2026-03-01T09:00Z: the first of March is day 1."""
LEAF = "city.facilities.street_light"
ALIASES = {"first": {"citizen": "c:1"}, "second": {"citizen": "c:2"}}
LOG = {
    0: [event("c:1", "T1", 1), event("c:1", "L", 3, "identity.linked", **ALIASES)],
    1: [event("c:2", "T2", 2), event("c:2", "L", 3, "identity.linked", **ALIASES)],
}
BOTH = frozenset({"c:1", "c:2"})


def facts_of(*log: Consumed) -> list[Consumed]:
    """What repeat detection says of a log in this order."""
    written: list[Written] = []
    driver = Driver([Dedup()], BUNDLE, written.append)
    for each in log:
        driver.feed(Record(TICKETS, 0, each.offset, each.key, each.value, each.timestamp))
    facts = [each for each in written if each.topic == REPEATS]
    return [Consumed(number, each.key, each.value) for number, each in enumerate(facts)]


def test_who_is_linked_stands_on_the_log() -> None:
    log = [orjson.loads(each.value or b"") for partition in LOG.values() for each in partition]
    assert linked_in(log) == BOTH


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 2, 3), (0, 2, 1, 3), (1, 3, 0, 2)])
def test_R12_of_the_linked_the_last_verdicts_are_the_same_in_any_order(
    order: tuple[int, ...],
) -> None:
    records = [LOG[0][0], LOG[1][0], LOG[0][1], LOG[1][1]]
    facts = facts_of(*(replace(records[each], timestamp=MARCH_MS) for each in order))
    found = compare_linked(Dedup, BUNDLE, TICKETS, LOG, REPEATS, {0: facts}, BOTH)
    assert (found.outputs, found.different) == (2, [])


def test_R12_a_verdict_that_does_not_know_of_the_link_is_named() -> None:
    facts = facts_of(LOG[0][0], LOG[1][0])
    found = compare_linked(Dedup, BUNDLE, TICKETS, LOG, REPEATS, {0: facts}, BOTH)
    (different,) = found.different
    assert different.startswith("last verdict on T2 (verdict, reason, ")


def test_the_linked_are_left_out_of_what_must_be_the_same_bytes() -> None:
    here = run()
    lose(here)
    (citizen,) = {each.key for each in here.log if b'"subject":"T1"' in (each.value or b"")}
    found = compare(
        intake,
        BUNDLE,
        INBOX,
        {0: here.inbox},
        {TICKETS: {0: here.log}},
        {0: here.changes},
        frozenset({(citizen or b"").decode()}),
    )
    assert found.same
