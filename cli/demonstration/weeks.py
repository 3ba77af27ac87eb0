"""Three weeks of deadlines and callbacks in seconds, through real Kafka.

What is live takes days to come due. These weeks are history: written to topics of their own with
their own times, and the clock moves by them, as ``hotline replay --through kafka`` does it. The
engines, transactions and timers are those of the workers. What came out is computed again in
memory.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import orjson

from cli.demonstration.recomputing import Comparison
from cli.explaining.material import subject_of
from cli.replaying import kafka, memory
from cli.replaying.output import WRITTEN, kind_of
from cli.replaying.processors import processors
from cli.replaying.source import Recorded, citizen_keys, recorded
from cli.sampling.clock_stories import ClockStory
from cli.sampling.generator import clock_weeks
from cli.sampling.ticket import ZONE
from policy.bundle import Bundle
from runtime.driver import Written
from runtime.settings import EngineSettings
from runtime.stores.codec import instant
from schemas.topics import CALLBACKS, COMMANDS, NOTICES, SLA, TICKETS
from services.intake.settings import IntakeSettings

LAST_DAY: Final = date(2026, 10, 12)
"""A Monday. Before it lie National Day's week off, and the Saturday worked for it (调休)."""

Fact = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Weeks:
    """What the weeks came to."""

    events: int
    """That were published."""
    written: Mapping[str, Sequence[Fact]]
    """By topic, in the order of time."""
    tickets: Mapping[str, str]
    """Ticket of each story."""
    comparison: Comparison
    """With the same weeks in memory."""
    missing: Sequence[str]
    """What a story is told for, and nobody stated."""

    @property
    def balanced(self) -> bool:
        return self.comparison.same and not self.missing

    def counts(self, topic: str) -> dict[str, int]:
        """Records by kind."""
        return dict(sorted(Counter(kind_of(each["type"]) for each in self.written[topic]).items()))

    def of(self, story: str, shown: str) -> Fact | None:
        """The first fact of a story's ticket that ``shown`` names (``ClockStory.shows``)."""
        for topic in SHOWN_OF:
            for fact in self.written[topic]:
                if fact["subject"] == self.tickets[story] and named(topic, fact) == shown:
                    return fact
        return None


SHOWN_OF: Final = (TICKETS.name, SLA.name, CALLBACKS.name, COMMANDS.name)


def named(topic: str, fact: Fact) -> str:
    """As ``ClockStory.shows`` names it; an event of the log as ``event ticket.reopened``."""
    if topic == SLA.name:
        return f"{kind_of(fact['type'])} {fact['data'].get('target', 'ticket')}"
    if topic == CALLBACKS.name:
        return f"callback {kind_of(fact['type'])}"
    if topic == COMMANDS.name:
        return f"command {kind_of(fact['type'])}"
    return f"event {fact['type'].removeprefix('hotline.').removesuffix('.v1')}"


def play(
    deployment: EngineSettings,
    settings: IntakeSettings,
    bundle: Bundle,
    seed: int,
    progress: Callable[[int, int], None],
) -> Weeks:
    """Play the weeks through the broker of ``deployment``, and again in memory."""
    records, stories = clock_weeks(seed, LAST_DAY)
    events = recorded([record.value for record in records])
    until = instant(events[-1].at_ms).astimezone(ZONE).replace(hour=0, minute=0, second=0)
    until += timedelta(days=1)
    done = 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        progress(done, len(events))

    through_kafka: list[Written] = []
    asyncio.run(
        kafka.replay(
            events,
            citizen_keys(events, settings.directory(), bundle),
            lambda _: processors(settings),
            bundle,
            deployment=deployment,
            until=until,
            sink=through_kafka.append,
            progress=step,
        )
    )
    in_memory: list[Written] = []
    memory.replay(
        events,
        processors(settings),
        bundle,
        until=until,
        sink=in_memory.append,
        progress=lambda _: None,
    )
    return conclude(events, stories, through_kafka, in_memory)


def conclude(
    events: Sequence[Recorded],
    stories: Mapping[ClockStory, str],
    through_kafka: Sequence[Written],
    in_memory: Sequence[Written],
) -> Weeks:
    """The weeks, from what both ways wrote."""
    written: dict[str, list[Fact]] = {topic.name: [] for topic in WRITTEN}
    for each in through_kafka:
        if each.topic.name in SHOWN_OF:
            written[each.topic.name].append(orjson.loads(each.value or b"{}"))
    tickets = {story.name: ticket for story, ticket in stories.items()}
    weeks = Weeks(len(events), written, tickets, compared(through_kafka, in_memory), ())
    missing = [
        f"{shown} of {story.name}"
        for story in stories
        for shown in story.shows
        if weeks.of(story.name, shown) is None
    ]
    return Weeks(weeks.events, written, tickets, weeks.comparison, missing)


def compared(there: Sequence[Written], expected: Sequence[Written]) -> Comparison:
    """Topic by topic, citizen and ticket by citizen and ticket, byte by byte."""
    found = Comparison()
    topics = {topic.name for topic in WRITTEN}

    def by_ticket(records: Sequence[Written]) -> dict[tuple[str, bytes, str], list[bytes]]:
        grouped: dict[tuple[str, bytes, str], list[bytes]] = defaultdict(list)
        for each in records:
            if each.topic.name in topics and each.value is not None:
                where = (each.topic.name, each.key or b"", subject_of(each.value))
                grouped[where].append(each.value)
        for (topic, *_), values in grouped.items():
            if topic == NOTICES.name:
                values.sort()  # of two services: which of them was first is no fact
        return grouped

    mine, theirs = by_ticket(expected), by_ticket(there)
    for where in sorted(mine.keys() | theirs.keys()):
        found.outputs += len(theirs.get(where, ()))
        if mine.get(where) != theirs.get(where):
            found.different.append(f"{where[0]} of {where[2]}")
    return found
