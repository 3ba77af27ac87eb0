"""Intake against a model in plain Python, on random histories of one ticket."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.bundle import Bundle, load
from runtime.core import Partition
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.events.parts import Identity, IdentityScheme
from schemas.topics import INBOX, TICKETS
from services.intake.domain import Intake
from tests.model.tickets import IMPORTED, NAMES, Event, Logged, Ticket
from vault.directory import KeyedPseudonyms

START_MS = int(datetime(2026, 7, 28, 4, 0, tzinfo=UTC).timestamp() * 1000)
RING = KeyRing({1: bytes(range(32))})
PARK_SECONDS, PARK_EVENTS = 120, 3
PHONES = ("13812345678", "13987654321")
KINDS = (
    *("ticket.received", "ticket.imported", "contact.received", "contact.answered"),
    *("call.recorded", *NAMES),
)


def _bundle(park_seconds: int) -> Bundle:
    bundle = load("cn-12345")
    return dataclasses.replace(
        bundle,
        versions=tuple(
            dataclasses.replace(
                version,
                policy=dataclasses.replace(
                    version.policy,
                    intake=dataclasses.replace(
                        version.policy.intake, park_seconds=park_seconds, park_events=PARK_EVENTS
                    ),
                ),
            )
            for version in bundle.versions
        ),
    )


BUNDLES = {seconds: _bundle(seconds) for seconds in (0, PARK_SECONDS)}
HISTORIES = st.lists(
    st.tuples(
        st.integers(0, 130),  # seconds since the one before
        st.sampled_from(KINDS),
        st.integers(0, 25),  # ids come again
        st.sampled_from(sorted(IMPORTED)),
        st.sampled_from([None, *PHONES]),
    ),
    max_size=25,
)


def _events(history: list[tuple[int, str, int, str, str | None]]) -> list[Event]:
    at, found = 0, []
    for pause, kind, number, state, phone in history:
        at += pause
        named = (
            phone if kind in ("ticket.received", "ticket.imported", "contact.received") else None
        )
        imported = state if kind == "ticket.imported" else None
        # The same id stands for the same content, so it carries all that can differ.
        identity = f"{kind} {number % 4} {imported} {named}"
        found.append(Event(identity, at, kind, imported, named))
    return found


def _document(event: Event) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if event.state is not None:
        data["state"] = event.state
    if event.citizen is not None:
        name = "caller" if event.kind == "contact.received" else "complainant"
        data[name] = {"identities": [{"scheme": "phone", "value": event.citizen}]}
    if event.kind == "callback.answered":
        data["contacted"] = True
    if event.kind == "extension.granted":
        data["new_due_at"] = "2026-08-01T00:00:00+08:00"
    if event.kind == "ticket.amended":
        data["changes"] = {}
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": "city",
        "type": f"hotline.{event.kind}.v1",
        "time": "2026-07-28T12:00:00+08:00",
        "subject": "T1",
        "data": data,
    }


def _logged(events: list[Event], end: int, park_seconds: int, batch_size: int) -> list[Logged]:
    """What the real one says, in batches of some size."""
    directory = KeyedPseudonyms(bytes(range(32)))
    intake = Intake(directory=directory, ring=RING, partitions=1)
    part: Partition[Any, Any] = Partition(intake, BUNDLES[park_seconds])
    outputs: list[Any] = []

    def done(batch: Any) -> None:
        batch.encode()
        assert not batch.failures
        assert not batch.letters
        outputs.extend(batch.outputs)
        part.apply(batch)

    for first in range(0, len(events), batch_size):
        batch = part.begin()
        for offset, event in enumerate(events[first : first + batch_size], start=first):
            value = orjson.dumps(_document(event))
            batch.feed(Record(INBOX, 0, offset, b"T1", value, START_MS + event.at * 1000))
        done(batch)
    batch = part.begin()
    batch.advance(START_MS + end * 1000, 1_000)
    done(batch)
    found = []
    names = {_pseudonym(directory, phone): phone for phone in PHONES} | {"anon:T1": None}
    for output in outputs:
        if output.effect.topic is TICKETS:
            said = orjson.loads(output.effect.value)
            recorded = datetime.fromisoformat(said["recordedtime"])
            found.append(
                Logged(
                    said["id"],
                    said["sequence"],
                    round(recorded.timestamp()) - START_MS // 1000,
                    said.get("anomaly"),
                    names[said["citizen"]],
                )
            )
    return found


def _pseudonym(directory: KeyedPseudonyms, phone: str) -> str:
    found = directory.resolve(
        [Identity(scheme=IdentityScheme.PHONE, value=phone)],
        "city",
        datetime(2026, 7, 28, tzinfo=UTC),
    )
    assert found is not None
    return found.citizen


@settings(max_examples=150, deadline=None)
@given(HISTORIES, st.sampled_from([0, PARK_SECONDS]), st.integers(1, 9))
def test_I1_I3_what_stands_on_the_log_is_what_the_model_says(
    history: list[tuple[int, str, int, str, str | None]], park_seconds: int, batch_size: int
) -> None:
    events = _events(history)
    end = (events[-1].at if events else 0) + PARK_SECONDS + 1
    ticket = Ticket(park_seconds, PARK_EVENTS)
    for event in events:
        ticket.come(event)
    ticket.clock(end)
    assert _logged(events, end, park_seconds, batch_size) == ticket.log
    assert sorted(each.id for each in ticket.log) == sorted({event.id for event in events})
