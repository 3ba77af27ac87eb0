"""Events that come before the receipt of their ticket wait for it, a bounded time (contract.md)."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import orjson
import pytest

from policy.bundle import Bundle, load
from runtime.core import Partition
from runtime.errors import CannotOpen
from runtime.keys import KeyRing
from runtime.processor import Record
from runtime.sealing import Sealer
from schemas.topics import INBOX, TICKETS
from services.intake import parking
from services.intake.domain import Intake
from services.intake.people import NOBODY
from services.intake.reading import Said, read
from services.intake.state import TicketState
from vault.deposits import Original
from vault.directory import KeyedPseudonyms

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
RING = KeyRing({1: bytes(range(32))})
ZHANG = {"identities": [{"scheme": "phone", "value": "13812345678"}]}
PRIVATE = "请回电13987654321"


def _bundle(**intake: Any) -> Bundle:
    """The shipped policy, with other numbers for intake."""
    bundle = load("cn-12345")
    versions = tuple(
        dataclasses.replace(
            version,
            policy=dataclasses.replace(
                version.policy, intake=dataclasses.replace(version.policy.intake, **intake)
            ),
        )
        for version in bundle.versions
    )
    return dataclasses.replace(bundle, versions=versions)


class _Inbox:
    """An inbox partition with its timers."""

    def __init__(self, **intake: Any) -> None:
        directory = KeyedPseudonyms(bytes(range(32)))
        self.part: Partition[Any, Any] = Partition(
            Intake(directory=directory, ring=RING, partitions=1), _bundle(**intake)
        )
        self.offset = 0
        self.letters: list[str] = []
        self.notes: list[tuple[str, str]] = []
        """Of what is parked, and of anomalies."""
        self.deposits: list[Any] = []

    def put(
        self, kind: str, data: dict[str, Any] | None = None, *, at: float = 0, **attributes: Any
    ) -> list[tuple[str, int, str]]:
        """What goes to the log, some seconds after the start: kind, sequence, anomaly."""
        self.offset += 1
        document = {
            "specversion": "1.0",
            "id": str(self.offset),
            "source": "city",
            "type": f"hotline.{kind}.v1",
            "time": START.isoformat(),
            "subject": "T1",
            "data": data or {},
            **attributes,
        }
        at_ms = round(START.timestamp() * 1000 + at * 1000)
        record = Record(INBOX, 0, self.offset, b"T1", orjson.dumps(document), at_ms)
        batch = self.part.begin()
        batch.feed(record)
        return self._done(batch)

    def wait(self, seconds: float) -> list[tuple[str, int, str]]:
        """What the clock alone brings forth up to so many seconds after the start."""
        batch = self.part.begin()
        batch.advance(round(START.timestamp() * 1000 + seconds * 1000), 1_000)
        return self._done(batch)

    def _done(self, batch: Any) -> list[tuple[str, int, str]]:
        batch.encode()
        self.part.apply(batch)
        assert not batch.failures
        self.letters += [letter.reason for letter in batch.letters]
        self.notes += [
            (name, labels[1])
            for name, labels in batch.notes
            if name in ("intake_parked", "intake_anomalies")
        ]
        self.deposits += batch.deposits
        self.log = [
            orjson.loads(each.effect.value)
            for each in batch.outputs
            if each.effect.topic is TICKETS
        ]
        return [
            (
                each["type"].removeprefix("hotline.").removesuffix(".v1"),
                each["sequence"],
                each.get("anomaly", ""),
            )
            for each in self.log
        ]

    @property
    def state(self) -> TicketState:
        state = self.part.load("T1")
        assert isinstance(state, TicketState)
        return state


def test_what_comes_before_the_receipt_goes_on_behind_it_in_order() -> None:
    inbox = _Inbox()
    assert inbox.put("ticket.dispatched", at=1) == []
    assert inbox.put("dispatch.accepted", at=2) == []
    assert inbox.put("citizen.chased", at=3) == []
    assert inbox.put("ticket.received", {"complainant": ZHANG, "leaf": "lamp"}, at=60) == [
        ("ticket.received", 1, ""),
        ("ticket.dispatched", 2, ""),
        ("dispatch.accepted", 3, ""),
        ("citizen.chased", 4, ""),
    ]
    (citizen,) = {each["citizen"] for each in inbox.log}
    assert citizen.startswith("c:")
    assert {each["leaf"] for each in inbox.log} == {"lamp"}
    assert {each["recordedtime"] for each in inbox.log} == {"2026-03-02T01:01:00Z"}
    outcomes = [("intake_parked", "parked")] * 3 + [("intake_parked", "released")] * 3
    assert inbox.notes == outcomes
    assert inbox.put("reply.submitted", at=61) == [("reply.submitted", 5, "")]


def test_an_imported_ticket_takes_what_waited_along_too() -> None:
    inbox = _Inbox()
    inbox.put("ticket.closed", at=1)
    assert inbox.put("ticket.imported", {"state": "replied"}, at=2) == [
        ("ticket.imported", 1, ""),
        ("ticket.closed", 2, ""),
    ]


def test_when_the_time_is_over_it_goes_on_as_an_anomaly_and_nothing_waits_again() -> None:
    inbox = _Inbox()
    inbox.put("ticket.dispatched", at=0)
    inbox.put("reply.submitted", at=90)
    assert inbox.state.wake_at == START + timedelta(seconds=120)
    assert inbox.wait(120) == []
    assert inbox.wait(121) == [
        ("ticket.dispatched", 1, "unknown_ticket"),
        ("reply.submitted", 2, "unknown_ticket"),
    ]
    assert {each["recordedtime"] for each in inbox.log} == {"2026-03-02T01:02:00Z"}
    assert {each["citizen"] for each in inbox.log} == {"anon:T1"}
    assert (
        inbox.notes[-4:]
        == [
            ("intake_anomalies", "unknown_ticket"),
            ("intake_parked", "expired"),
        ]
        * 2
    )
    assert inbox.state.wake_at == START + timedelta(days=400, seconds=120)
    assert inbox.put("ticket.progressed", at=122) == [("ticket.progressed", 3, "unknown_ticket")]
    assert inbox.put("ticket.received", at=123) == [("ticket.received", 4, "received_late")]


def test_the_receipt_that_comes_in_the_last_moment_is_in_time() -> None:
    inbox = _Inbox()
    inbox.put("ticket.closed", at=0)
    assert inbox.put("ticket.received", at=120)[0] == ("ticket.received", 1, "")
    late = _Inbox()
    late.put("ticket.closed", at=0)
    assert late.put("ticket.received", at=120.001) == [
        ("ticket.closed", 1, "unknown_ticket"),
        ("ticket.received", 2, "received_late"),
    ]


def test_with_no_time_to_wait_it_goes_on_at_once() -> None:
    inbox = _Inbox(park_seconds=0)
    assert inbox.put("ticket.dispatched") == [("ticket.dispatched", 1, "unknown_ticket")]
    assert inbox.put("ticket.received") == [("ticket.received", 2, "received_late")]
    assert ("intake_parked", "parked") not in inbox.notes


@pytest.mark.parametrize(
    ("limit", "text"), [({"park_events": 2}, ""), ({"park_bytes": 2_000}, "灯" * 200)]
)
def test_too_many_or_too_much_goes_on_in_order_with_the_one_that_was_too_much(
    limit: dict[str, int], text: str
) -> None:
    inbox = _Inbox(**limit)
    assert inbox.put("citizen.chased", {"text": text}) == []
    assert inbox.put("citizen.chased", {"text": text}) == []
    assert inbox.put("ticket.closed", {"reason": text}) == [
        ("citizen.chased", 1, "unknown_ticket"),
        ("citizen.chased", 2, "unknown_ticket"),
        ("ticket.closed", 3, "unknown_ticket"),
    ]
    assert inbox.notes.count(("intake_parked", "crowded")) == 2
    assert inbox.state.parked == ()


@pytest.mark.parametrize(
    ("before", "kind", "waits"),
    [
        ([], "ticket.received", False),
        ([], "ticket.imported", False),
        # The citizen is on the line; and a contact needs no ticket.
        ([], "contact.received", False),
        ([], "contact.answered", False),
        ([], "identity.linked", False),
        (["ticket.dispatched"], "contact.received", False),
        # A call may be of a contact, unless a ticket of that id is on its way.
        ([], "call.recorded", False),
        (["contact.received"], "call.recorded", False),
        (["ticket.dispatched"], "call.recorded", True),
        (["contact.received"], "ticket.closed", True),
        (["ticket.received"], "ticket.closed", False),
        ([], "ticket.merged", True),
        ([], "notice.failed", True),
    ],
)
def test_what_waits_for_a_receipt(before: list[str], kind: str, waits: bool) -> None:
    data: dict[str, Any] = {
        "identity.linked": {"first": {"citizen": "c:01"}, "second": {"citizen": "c:02"}},
        "ticket.merged": {"parent": "T1", "children": ["T2"]},
        "notice.failed": {"notice_id": "1"},
    }
    inbox = _Inbox()
    for each in before:
        inbox.put(each)
    held = len(inbox.state.parked) if before else 0
    told = inbox.put(kind, data.get(kind))
    assert (told == []) == waits
    assert len(inbox.state.parked) - held == (
        1 if waits else -held if kind in ("ticket.received", "ticket.imported") else 0
    )


def test_a_contact_passes_what_waits_and_does_not_make_it_wait_longer() -> None:
    inbox = _Inbox()
    inbox.put("ticket.dispatched", at=0)
    assert inbox.put("contact.received", {"caller": ZHANG}, at=30) == [("contact.received", 1, "")]
    assert inbox.state.wake_at == START + timedelta(seconds=120)
    told = inbox.put("ticket.received", {}, at=40)
    assert told == [("ticket.received", 2, ""), ("ticket.dispatched", 3, "")]
    assert len({each["citizen"] for each in inbox.log}) == 1


def test_a_duplicate_of_what_waits_is_dropped_and_its_id_may_not_be_reused() -> None:
    inbox = _Inbox()
    inbox.put("ticket.dispatched", {"department": "x"}, id="1", at=1)
    assert inbox.put("ticket.dispatched", {"department": "x"}, id="1", at=2) == []
    assert len(inbox.state.parked) == 1
    assert inbox.put("ticket.dispatched", {"department": "y"}, id="1", at=3) == []
    assert inbox.letters == ["id_reused"]
    told = inbox.put("ticket.received", at=4)
    assert told == [("ticket.received", 1, ""), ("ticket.dispatched", 2, "")]
    assert inbox.put("ticket.dispatched", {"department": "x"}, id="1", at=5) == []


def test_a_record_in_binary_mode_waits_as_any_other() -> None:
    inbox = _Inbox()
    headers = tuple(
        (f"ce_{name}", value.encode())
        for name, value in {
            "specversion": "1.0",
            "id": "b1",
            "source": "city",
            "type": "hotline.ticket.closed.v1",
            "time": START.isoformat(),
            "subject": "T1",
        }.items()
    )
    at_ms = round(START.timestamp() * 1000)
    batch = inbox.part.begin()
    batch.feed(Record(INBOX, 0, 1, b"T1", b'{"resolved": true}', at_ms, headers))
    inbox.part.apply(batch)
    assert inbox.put("ticket.received", id="r")[1] == ("ticket.closed", 2, "")
    assert inbox.log[1]["data"] == {"resolved": True}


def test_R61_what_waits_is_unreadable_in_the_state_and_its_original_goes_to_the_vault() -> None:
    inbox = _Inbox()
    inbox.put("citizen.chased", {"text": PRIVATE}, at=1)
    raw = inbox.part.codec.encode(inbox.state)
    assert PRIVATE.encode() not in raw
    assert b"13987654321" not in raw
    assert inbox.deposits == []
    inbox.put("ticket.received", {"complainant": ZHANG}, at=2)
    assert "13987654321" not in orjson.dumps(inbox.log).decode()
    receipt, chased = inbox.deposits
    assert isinstance(chased, Original)
    assert (chased.citizen, chased.subject, chased.event) == (receipt.citizen, "T1", "city 1")
    assert orjson.loads(chased.document)["data"] == {"text": PRIVATE}


def test_I5_the_same_records_leave_the_same_bytes_and_the_state_survives_its_encoding() -> None:
    states = []
    for _ in range(2):
        inbox = _Inbox()
        inbox.put("ticket.amended", {"changes": {"complainant": ZHANG}}, at=1)
        states.append(inbox.part.codec.encode(inbox.state))
        state = inbox.state
        assert msgspec.json.decode(msgspec.json.encode(state), type=TicketState) == state
        assert state.parked[0].people.citizen is not None
    assert states[0] == states[1]


def test_R61_sealed_bytes_open_with_their_ring_and_for_their_ticket_only() -> None:
    document = {
        "specversion": "1.0",
        "id": "1",
        "source": "city",
        "type": "hotline.ticket.closed.v1",
        "time": START.isoformat(),
        "subject": "T1",
        "data": {},
    }
    event = read(Record(INBOX, 0, 0, b"T1", orjson.dumps(document), 0), 10_000)
    sealer = Sealer(RING)
    parked = parking.park(event, NOBODY, sealer)
    assert parking.reread(parked, "T1", sealer) == Said(event.event, event.document, event.value)
    rotated = Sealer(RING.added())
    assert parking.reread(parked, "T1", rotated).document == document
    with pytest.raises(CannotOpen):
        parking.reread(parked, "T2", sealer)
    with pytest.raises(CannotOpen):
        parking.reread(parked, "T1", Sealer(KeyRing({1: bytes(32)})))
