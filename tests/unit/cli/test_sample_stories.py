"""Each story of the sample is what it says: the rules, asked in memory, come to its verdict."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

import orjson
import pytest

from cli.sampling.generator import TOLD, SampleRecord, generate
from cli.sampling.kinds import GOOD_KINDS, Kind
from cli.sampling.stories import STORIES, Story, Teller
from cli.sampling.ticket import ZONE
from policy.bundle import load
from runtime.driver import Driver, Written
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.events.verdicts import RootCause
from schemas.topics import INBOX, REPEATS, TICKETS
from services.dedup.domain import Dedup
from services.intake.domain import Intake
from vault.directory import KeyedPseudonyms

DAY = datetime(2026, 3, 20, tzinfo=ZONE)
SEED = 7
RING = KeyRing({1: bytes(range(32))})


def in_the_end(records: list[SampleRecord]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The last verdict of each ticket, and the events of each on the log."""
    written: list[Written] = []
    intake = Intake(directory=KeyedPseudonyms.of(RING), ring=RING, partitions=1)
    driver = Driver([intake, Dedup()], load("cn-12345"), written.append)
    driver.run(
        Record(INBOX, 0, offset, each.key, each.value, each.at * 1_000)
        for offset, each in enumerate(records)
    )
    facts: dict[str, Any] = {}
    log: dict[str, list[Any]] = {}
    for each in written:
        if each.topic == REPEATS:
            fact = orjson.loads(each.value or b"")
            facts[fact["subject"]] = fact["data"]
        elif each.topic == TICKETS:
            event = orjson.loads(each.value or b"")
            log.setdefault(event["subject"], []).append(event)
    return facts, log


@cache
def day() -> tuple[dict[str, Any], dict[str, list[Any]]]:
    return in_the_end(list(generate(SEED, 60, DAY.date())))


def shown(story: Story) -> str:
    """The ticket or contact that the story is about."""
    number = STORIES.index(story) + 1
    teller = Teller(Random(f"story {SEED} {number}"), number, int(DAY.timestamp()))
    return story.tell(teller)


def by_name(story: Story) -> str:
    return story.tell.__name__.strip("_")


@pytest.mark.parametrize("story", STORIES, ids=by_name)
def test_R12_R24_a_story_ends_with_its_verdict(story: Story) -> None:
    facts, _ = day()
    fact: Mapping[str, Any] = facts[shown(story)]
    cause = fact.get("root_cause") or {}
    assert (fact["verdict"], fact["reason"], cause.get("cause")) == (
        story.verdict,
        story.reason,
        story.cause,
    )


def test_R15_R23_the_stories_show_every_verdict_exclusion_and_root_cause() -> None:
    assert {story.verdict for story in STORIES} == {
        *("new", "candidate", "confirmed", "excluded", "overturned")
    }
    assert {story.reason for story in STORIES if story.verdict == "excluded"} == {
        *("in_progress", "closed_no_new_evidence", "policy_expectation", "new_fault_same_kind")
    }
    assert {story.cause for story in STORIES if story.cause} == {each.value for each in RootCause}


def of(name: str) -> Story:
    return next(story for story in STORIES if by_name(story) == name)


def test_R17_R18_who_is_answered_on_the_spot_is_a_contact_and_no_ticket() -> None:
    facts, log = day()
    for name in ("asks_while_open", "asks_after_the_close"):
        contact = shown(of(name))
        assert facts[contact]["subject_kind"] == "contact"
        assert [event["type"].split(".")[1:3] for event in log[contact]] == [
            ["contact", "received"],
            ["contact", "answered"],
        ]


def test_R12_a_link_makes_the_first_contact_a_repeat() -> None:
    facts, _ = day()
    fact = facts[shown(of("turns_out_to_be_one"))]
    assert fact["revision"] > 1
    assert fact["cause"] == "identity_linked"


def test_R1_what_overtakes_the_receipt_waits_for_it() -> None:
    _, log = day()
    events = log[shown(of("reply_overtakes_the_receipt"))]
    assert events[0]["type"] == "hotline.ticket.received.v1"
    assert all("anomaly" not in event for event in events)


def test_R61_nothing_that_is_spelt_out_is_left() -> None:
    _, log = day()
    (event,) = [
        event
        for event in log[shown(of("spells_it_out"))]
        if event["type"] == "hotline.ticket.received.v1"
    ]
    text = event["data"]["text"]
    for kind in ("[name]", "[house]", "[plate]", "[phone]", "[id]", "[email]"):
        assert kind in text, text


def test_stories_come_with_the_size_of_the_sample() -> None:
    def stories(tickets: int) -> int:
        records = generate(SEED, tickets, DAY.date())
        names = {record.key for record in records if record.kind in GOOD_KINDS}
        return len({name.split(b"-9")[1][:3] for name in names if name and b"-9" in name})

    assert stories(4) == 2
    assert stories(200) == len(TOLD)


def test_an_id_is_used_again_on_another_ticket() -> None:
    records = list(generate(SEED, 60, DAY.date()))
    documents = [orjson.loads(r.value) for r in records if r.kind in GOOD_KINDS | {Kind.ELSEWHERE}]
    subjects: dict[str, set[str]] = {}
    for each in documents:
        subjects.setdefault(f"{each['source']} {each['id']}", set()).add(each["subject"])
    assert any(len(found) == 2 for found in subjects.values())
