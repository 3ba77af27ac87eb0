"""Callbacks know what to do with every event of the contract, be it nothing; facts say why."""

import re
from pathlib import Path
from string import Formatter
from typing import Any

import orjson
import pytest

from policy.bundle import load
from runtime.core import Partition, to_ms
from runtime.driver import to_bytes
from runtime.metrics import CATALOG
from runtime.processor import Record, Unreadable
from schemas.events import EVENT_TYPES, CallRecorded, parse_event
from schemas.topics import TICKETS
from services.callback.domain import Callback
from services.callback.telling import REASONS
from tests.model.callbacks import Machine, assert_I8
from tests.model.log import CN, Log, at, days

MARCH = at("2026-03-02 10:00")
GUIDE = Path(__file__).resolve().parents[3] / "docs/contracts/publishers-guide.md"
EXAMPLES: dict[str, dict[str, Any]] = {
    document["type"]: document["data"]
    for text in re.findall(r"^```json\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)
    for document in [orjson.loads(text)]
}
HEEDED = frozenset(
    {
        *("ticket.received", "ticket.imported", "ticket.amended", "ticket.dispatched"),
        *("ticket.designated", "reply.submitted", "ticket.closed", "ticket.reopened"),
        *("ticket.withdrawn", "ticket.not_accepted", "call.recorded", "callback.answered"),
        *("command.applied", "command.refused"),
    }
)


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_every_event_is_taken_before_during_and_after_a_task(kind: str) -> None:
    log, part = Log(), Partition(Callback(), load("cn-12345"))
    assert kind in EXAMPLES, "the publisher's guide has no example"
    model, data = EVENT_TYPES[kind], EXAMPLES[kind]
    events = [
        log.event(model, "A", MARCH, data),
        log.received("A", MARCH + days(1)),
        log.event(model, "A", MARCH + days(2), data),
        log.closed("A", MARCH + days(3)),
        log.event(model, "A", MARCH + days(4), data),
        log.called_back("A", MARCH + days(5), contacted=True, resolved=False),
        log.event(model, "A", MARCH + days(6), data),
    ]
    batch = part.begin()
    for offset, event in enumerate(events):
        assert event.recordedtime is not None
        key, when = str(event.citizen).encode(), to_ms(event.recordedtime)
        batch.feed(Record(TICKETS, 0, offset, key, to_bytes(event), when))
    assert (batch.failures, batch.letters, batch.records) == ([], [], len(events))
    keys = part.processor.keys(parse_event(to_bytes(events[0])), CN)
    assert bool(keys) == (kind.removeprefix("hotline.").removesuffix(".v1") in HEEDED)


def test_what_intake_did_not_write_is_unreadable() -> None:
    log = Log()
    bare = log.closed("A", MARCH).model_copy(update={"recordedtime": None})
    for value in (to_bytes(bare), b"{}", b""):
        with pytest.raises(Unreadable):
            Callback().decode(Record(TICKETS, 0, 0, None, value, 0))


def test_a_call_that_names_a_ticket_but_is_a_contacts_changes_no_sequence() -> None:
    """``subject`` is the contact: its sequence is another's."""
    log, machine = Log(), Machine()
    machine.feed(log.received("T1", MARCH), log.closed("T1", MARCH + days(1)))
    due = machine.facts[-1].data.due_at
    assert due is not None
    machine.wake(due + days(0.001))
    call = log.event(
        CallRecorded,
        "contact-9",
        due + days(0.002),
        {"purpose": "callback", "outcome": "busy", "ticket": "T1"},
    )
    found = machine.feed(call, log.reopened("T1", due + days(0.01)))
    assert [fact.type.split(".")[2] for fact in found] == ["attempted", "rescheduled", "cancelled"]
    assert_I8(machine.facts, CN)


@pytest.mark.parametrize("outcome", ["answered", "busy"])
def test_a_call_under_a_contact_that_comes_again_changes_nothing(outcome: str) -> None:
    """Its sequence says nothing to the ticket; when it was made does."""
    log, machine = Log(), Machine()
    machine.feed(log.received("T1", MARCH), log.closed("T1", MARCH + days(1)))
    due = machine.facts[-1].data.due_at
    assert due is not None
    machine.wake(due + days(0.001))
    call = log.event(
        CallRecorded,
        "contact-9",
        due + days(0.002),
        {"purpose": "callback", "outcome": outcome, "ticket": "T1"},
    )
    machine.feed(call)
    states = dict(machine.states)
    again = call.model_copy(update={"recordedtime": call.time + days(0.003)})
    assert machine.feed(again) == []
    assert machine.states["t:T1"] == states["t:T1"]


def test_the_words_of_both_languages_name_the_same() -> None:
    for reason, said in REASONS.items():
        names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in said]
        assert names[0] == names[1], reason


def test_every_note_is_a_declared_metric_with_its_labels() -> None:
    log, machine = Log(), Machine()
    machine.feed(log.received("T1", MARCH), log.closed("T1", MARCH + days(1)))
    machine.feed(log.called_back("T1", MARCH + days(2), contacted=False))
    machine.wake(MARCH + days(40))
    machine.feed(log.called_back("T2", MARCH + days(41), contacted=True))
    labels = {metric.name: len(metric.labels) for metric in CATALOG}
    assert {name for name, _ in machine.notes} == {
        *("callback_facts", "callback_tries", "callback_not_tried", "callback_ended"),
        "callback_stray_answers",
    }
    for name, values in machine.notes:
        assert labels[name] == len(values)
