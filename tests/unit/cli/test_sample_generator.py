"""The sample day: the same seed, the same bytes; everything that a hotline knows is in it."""

import re
from collections import Counter
from datetime import date
from itertools import pairwise
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cli.sampling import GOOD_KINDS, Kind, SampleRecord, generate
from cli.sampling.people import citizen
from schemas.events import EVENT_TYPES, TicketAmended, TicketReceived, VerdictMarked, parse_event
from schemas.events.commands import COMMAND_TYPES

DAY = date(2026, 3, 2)
START = 1_772_380_800
"""2026-03-02T00:00+08:00."""
PARSEABLE = GOOD_KINDS | {Kind.ALTERED, Kind.ELSEWHERE, Kind.FUTURE}


def sample(seed: int = 7, tickets: int = 200, days: int = 1) -> list[SampleRecord]:
    return list(generate(seed, tickets, DAY, days=days))


@pytest.fixture(scope="module")
def records() -> list[SampleRecord]:
    return sample()


def test_the_same_seed_gives_the_same_bytes(records: list[SampleRecord]) -> None:
    assert sample() == records
    assert sample(seed=8) != records


@pytest.mark.parametrize("seed", range(5))
def test_every_event_type_and_every_kind_is_there_at_200_tickets(seed: int) -> None:
    records = sample(seed)
    types = {orjson.loads(r.value)["type"] for r in records if r.kind in GOOD_KINDS}
    ours = {event.model_fields["type"].default for event in COMMAND_TYPES}
    assert types == set(EVENT_TYPES) - ours
    assert {r.kind for r in records} == set(Kind)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(), tickets=st.integers(1, 60), days=st.integers(1, 3))
def test_any_sample_is_ordered_and_its_good_events_parse(
    seed: int, tickets: int, days: int
) -> None:
    records = list(generate(seed, tickets, DAY, days=days))
    assert all(a.at <= b.at for a, b in pairwise(records))
    assert all(record.at <= START + days * 86_400 for record in records)
    for record in records:
        if record.kind in PARSEABLE:
            event = parse_event(record.value)
            assert record.key == event.subject.encode()
            recorded = event.recordedtime or event.time
            if record.kind is not Kind.DUPLICATE:
                assert int(recorded.timestamp()) == record.at


def test_R1_what_is_bad_cannot_be_read(records: list[SampleRecord]) -> None:
    for record in records:
        if record.kind not in PARSEABLE:
            with pytest.raises(ValidationError):
                parse_event(record.value)


def test_identities_are_unique_but_for_duplicates_and_altered(
    records: list[SampleRecord],
) -> None:
    seen: dict[str, bytes] = {}
    for record in records:
        if record.kind not in PARSEABLE:
            continue
        identity = parse_event(record.value).identity
        if record.kind is Kind.DUPLICATE:
            assert seen[identity] == record.value
        elif record.kind in (Kind.ALTERED, Kind.ELSEWHERE):
            assert seen[identity] != record.value
        else:
            assert identity not in seen
            seen[identity] = record.value


def test_late_and_out_of_order_events_say_when_they_were_recorded(
    records: list[SampleRecord],
) -> None:
    for record in records:
        if record.kind not in GOOD_KINDS:
            continue
        event = parse_event(record.value)
        if record.kind is Kind.LATE:
            assert event.recordedtime is not None
            assert (event.recordedtime - event.time).total_seconds() >= 3_600
        if record.kind is Kind.OUT_OF_ORDER:
            assert event.recordedtime is not None
            assert event.recordedtime > event.time
    assert {Kind.LATE, Kind.OUT_OF_ORDER} <= {record.kind for record in records}


def received(records: list[SampleRecord]) -> list[TicketReceived]:
    events = (parse_event(r.value) for r in records if r.kind in GOOD_KINDS - {Kind.DUPLICATE})
    return [event for event in events if isinstance(event, TicketReceived)]


def phone(event: TicketReceived) -> str | None:
    who = event.data.complainant
    return who.identities[0].value if who is not None and who.identities else None


def test_R12_R13_citizens_come_again_with_the_same_and_with_other_matters(
    records: list[SampleRecord],
) -> None:
    tickets = received(records)
    same_matter: Counter[tuple[object, ...]] = Counter()
    leaves: dict[str, set[str | None]] = {}
    objects: dict[tuple[str, str | None], set[str | None]] = {}
    for event in tickets:
        who, leaf = phone(event), event.data.leaf
        if who is None:
            continue
        matter = event.data.matter
        same_matter[who, leaf] += 1
        leaves.setdefault(who, set()).add(leaf)
        objects.setdefault((who, leaf), set()).add(matter.object if matter else None)
    assert sum(count > 1 for count in same_matter.values()) >= 10, "repeats"
    assert any(len(found) > 1 for found in leaves.values()), "another leaf"
    assert any(len(found) > 1 for found in objects.values()), "another thing"
    assert any(phone(event) is None and event.data.anonymous for event in tickets), "anonymous"


def test_R12_an_earlier_ticket_may_be_recorded_after_the_later_one(
    records: list[SampleRecord],
) -> None:
    seen: dict[tuple[str, str | None], list[TicketReceived]] = {}
    overtaken = 0
    for event in received(records):
        who = phone(event)
        if who is not None:
            before = seen.setdefault((who, event.data.leaf), [])
            overtaken += any(other.time > event.time for other in before)
            before.append(event)
    assert overtaken >= 1


def test_R15_humans_confirm_exclude_and_overturn(records: list[SampleRecord]) -> None:
    events = [parse_event(r.value) for r in records if r.kind in GOOD_KINDS]
    marks = {event.data.mark for event in events if isinstance(event, VerdictMarked)}
    assert {"confirm", "exclude", "overturn"} <= marks
    assert any(isinstance(e, TicketAmended) and e.data.changes.leaf for e in events)


def test_R61_texts_carry_numbers_to_mask(records: list[SampleRecord]) -> None:
    texts = [event.data.text or "" for event in received(records)]
    assert sum(bool(re.search(r"13\d{9}", text)) for text in texts) > len(texts) / 2
    assert any(re.search(r"3699\d{13}[\dX]", text) for text in texts)


def test_no_two_citizens_share_a_number() -> None:
    rng = Random(1)
    assert len({citizen(rng, number).phone for number in range(20_000)}) == 20_000


def test_history_lies_before_the_day(records: list[SampleRecord]) -> None:
    before = sum(record.at < START for record in records)
    assert 0 < before < len(records)
