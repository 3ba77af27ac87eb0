"""The demo's proof notices a record or a state that an undisturbed run would not have (I2, I5)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import pytest

from cli.demonstration.recomputing import Comparison, compare
from policy.bundle import load
from runtime.core import TASK_KEY
from runtime.driver import Driver, Written
from runtime.engine.task import TaskRecord
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.topics import INBOX, TICKETS
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


RING = KeyRing({1: bytes(32)})


def intake() -> Intake:
    return Intake(directory=KeyedPseudonyms.of(RING), ring=RING, partitions=1)


@dataclass
class Run:
    """What one partition of an undisturbed intake has read, written and kept."""

    inbox: list[Consumed]
    log: list[Consumed]
    changes: list[Consumed]

    def compared(self) -> Comparison:
        return compare(
            intake, BUNDLE, INBOX, {0: self.inbox}, TICKETS, {0: self.log}, {0: self.changes}
        )


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
