"""The demo's three weeks: compared with memory, and nothing a story is told for may be missing."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from cli.demonstration.recomputing import of_source
from cli.demonstration.stage import is_command
from cli.demonstration.weeks import compared, conclude, named
from cli.sampling.clock_stories import ClockStory
from runtime.driver import Written
from schemas.topics import CALLBACKS, COMMANDS, NOTICES, SLA, TICKETS, Topic

AT_MS = int(datetime(2026, 10, 12, tzinfo=UTC).timestamp() * 1_000)


def fact(kind: str, ticket: str = "T1", **data: Any) -> dict[str, Any]:
    return {"type": f"hotline.{kind}.v1", "subject": ticket, "data": data}


def wrote(topic: Topic, document: dict[str, Any]) -> Written:
    return Written(topic, b"c:1", orjson.dumps(document), AT_MS)


def story(name: str, *shows: str) -> ClockStory:
    def tell(_: object) -> str:
        return name

    tell.__name__ = f"_{name}"
    return ClockStory(tell, shows)


BREACH = wrote(SLA, fact("sla.breached", target="resolve"))
DUE = wrote(CALLBACKS, fact("callback_task.due"))
REOPEN = wrote(COMMANDS, fact("command.reopen"))


@pytest.mark.parametrize(
    ("topic", "kind", "data", "name"),
    [
        (SLA, "sla.breached", {"target": "reply"}, "breached reply"),
        (SLA, "sla.arbitration_required", {}, "arbitration_required ticket"),
        (CALLBACKS, "callback_task.due", {}, "callback due"),
        (COMMANDS, "command.reopen", {}, "command reopen"),
        (TICKETS, "ticket.reopened", {}, "event ticket.reopened"),
    ],
)
def test_what_is_shown_has_a_name(topic: Topic, kind: str, data: dict[str, Any], name: str) -> None:
    assert named(topic.name, fact(kind, **data)) == name


def test_what_nobody_stated_is_missing() -> None:
    stories = {story("late", "breached resolve", "callback due"): "T1"}
    played = conclude([], stories, [BREACH, REOPEN], [BREACH, REOPEN])
    assert played.missing == ["callback due of late"]
    assert not played.balanced
    whole = conclude([], stories, [BREACH, DUE], [BREACH, DUE])
    assert whole.balanced
    assert whole.of("late", "callback due") == orjson.loads(DUE.value or b"")
    assert whole.counts(SLA.name) == {"breached": 1}


def test_what_memory_does_not_state_or_states_otherwise_is_different() -> None:
    late = wrote(SLA, fact("sla.breached", target="reply"))
    assert compared([BREACH, DUE], [BREACH, DUE]).same
    assert compared([BREACH, DUE], [BREACH]).different == [f"{CALLBACKS.name} of T1"]
    assert compared([BREACH], [BREACH, late]).different == [f"{SLA.name} of T1"]
    assert compared([late, BREACH], [BREACH, late]).different == [f"{SLA.name} of T1"]


def test_two_services_may_tell_the_citizen_in_any_order() -> None:
    one = wrote(NOTICES, fact("notice.requested", notice="citizen.acknowledged"))
    other = wrote(NOTICES, fact("notice.requested", notice="citizen.result"))
    assert compared([one, other], [other, one]).same


class Record:
    def __init__(self, value: bytes | None) -> None:
        self.value = value


def test_what_one_service_wrote_to_a_topic_of_several() -> None:
    records = [Record(b'{"id":"1","source":"hotline/sla"}'), Record(b'{"source":"hotline/intake"}')]
    assert of_source({0: [*records, Record(None)], 1: []}, "hotline/sla") == {0: records[:1], 1: []}


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        (b'{"id":"1","source":"hotline/callback"}', True),
        (b'{"id":"1","source":"hotline/sla","type":"x"}', True),
        (b'{"id":"1","source":"city","data":{"text":"hotline/sla"}}', False),
        (b'{"id":"1","source":"city","data":{"x":["hotline/sla"]}}', False),
        (b'"hotline/sla"', False),
        (b'{"source":"hotline/sla"', False),
        (b"", False),
    ],
)
def test_a_command_of_ours_is_told_from_what_others_publish(value: bytes, ours: bool) -> None:
    assert is_command(value) == ours
