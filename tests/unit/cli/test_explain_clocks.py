"""«Which deadline applied, why did it move?» (§4.9): clocks and callbacks in the story of a ticket.

Real histories: intake, sla and callback decide, the story tells.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson
from rich.console import Console

from cli.explaining.clocks import Clock
from cli.explaining.material import Material
from cli.explaining.speaker import Speaker
from cli.explaining.story import Story, tell
from cli.explaining.telling import document, show
from cli.explaining.words import CAUSES
from policy.bundle import load
from rules.clocks.words import CAUSE_WORDS
from runtime.core import to_ms
from runtime.driver import Driver, Written
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.topics import CALLBACKS, INBOX, NOTICES, SLA, TICKETS
from services.callback.domain import Callback
from services.intake.domain import Intake
from services.sla.domain import Sla
from services.sla.reading import READ
from vault.directory import KeyedPseudonyms

BUNDLE = load("cn-12345")
TICKET = "T2026-000001"


def event(kind: str, time: str, **data: Any) -> dict[str, Any]:
    """``time`` is local (UTC+8) and that of its recording."""
    return {
        "specversion": "1.0",
        "id": f"{kind}-{time}",
        "source": "12345.city.example",
        "type": f"hotline.{kind}.v1",
        "time": f"{time}:00+08:00",
        "subject": TICKET,
        "data": data,
    }


RECEIVED = event(
    "ticket.received",
    "2026-02-12T16:00",
    channel="phone",
    request_type="complaint",
    title="夜间施工噪音",
    leaf="environment.noise.night_construction",
    complainant={"identities": [{"scheme": "phone", "value": "13912345678"}]},
)
DISPATCHED = event(
    "ticket.dispatched", "2026-02-12T16:20", dispatch_id="D1", department="city-urban-management"
)
ON_HOLD = (
    event("hold.started", "2026-02-14T10:00", reason_code="awaiting-citizen"),
    event("hold.ended", "2026-02-25T10:00"),
)
REPLIED = event("reply.submitted", "2026-02-26T10:00", dispatch_id="D1", resolved=True)
CLOSED = event("ticket.closed", "2026-02-26T15:00")
ASKED = event("callback.answered", "2026-03-06T10:00", contacted=True, resolved=False, satisfied=2)
REOPENED = event("ticket.reopened", "2026-03-06T11:00", cause="not_resolved")


def story(*events: dict[str, Any], until: str) -> Story:
    written: list[Written] = []
    ring = KeyRing({1: bytes(32)})
    intake = Intake(directory=KeyedPseudonyms.of(ring), ring=ring, partitions=1)
    driver = Driver([intake, Sla(), Callback()], BUNDLE, written.append)
    records = [
        Record(INBOX, 0, offset, TICKET.encode(), orjson.dumps(each), _ms(each["time"]))
        for offset, each in enumerate(events)
    ]
    driver.run(records, until=datetime.fromisoformat(f"{until}:00+08:00"))
    assert not driver.failures
    return tell(collected(written), Speaker(BUNDLE))


def collected(written: Iterable[Written]) -> Material:
    material = Material(TICKET)
    kept = list(written)
    for topics, take in (
        ((SLA, CALLBACKS, NOTICES), material.take_fact),
        ((TICKETS,), material.take_event),
    ):
        for each in kept:
            if each.topic in topics and each.value is not None:
                take(each.value)
    return material


def _ms(time: str) -> int:
    return to_ms(datetime.fromisoformat(time))


def clock(told: Story, id_: str) -> Clock:
    (found,) = [each for each in told.clocks if each.id == id_]
    return found


def test_R25_where_the_platform_set_the_deadline_no_amount_of_a_rule_is_named() -> None:
    promised = {**RECEIVED["data"], "due_at": "2026-02-14T12:00:00+08:00"}
    told = clock(story({**RECEIVED, "data": promised}, until="2026-02-13T00:00"), "resolve")
    assert told.rule.en.startswith("as promised by the platform (cn-workdays+")
    assert told.rule.zh.startswith("平台承诺时限（cn-workdays+")
    assert "resolve.normal" not in told.rule.en


def test_R25_a_clock_names_its_rule_its_versions_and_each_step() -> None:
    told = clock(story(RECEIVED, DISPATCHED, *ON_HOLD, until="2026-02-27T00:00"), "resolve")
    assert [each.kind for each in told.statements] == [
        *("started", "paused", "resumed", "warning", "warning", "breached"),
    ]
    assert told.rule.en.startswith("7 calendar days, by the policy (resolve.normal, cn-workdays+")
    assert BUNDLE.versions[0].policy.version in told.rule.en
    resumed = told.statements[2]
    assert resumed.moved_from is not None
    assert resumed.due is not None
    assert (resumed.moved_from.isoformat(), resumed.due.isoformat()) == (
        "2026-02-24T17:30:00+08:00",
        "2026-02-26T17:30:00+08:00",
    )
    assert resumed.cause.en == "the hold ended"
    assert told.held.en == "pauses took out 14 h 0 min of working time"


def test_R25_it_says_which_days_count_and_which_do_not_make_up_days_by_name() -> None:
    told = clock(story(RECEIVED, until="2026-02-20T00:00"), "interim:1")
    # 5 working days from 12 February 2026: 14 February is worked for Spring Festival.
    assert [(each.said, each.counted, each.why.en) for each in told.days] == [
        ("2026-02-12 Thu", False, "the day it began, counted from the next"),
        ("2026-02-13 Fri", True, "working day"),
        ("2026-02-14 Sat", True, "make-up working day, Spring Festival"),
        ("2026-02-15 Sun – 2026-02-23 Mon", False, "holiday, Spring Festival"),
        ("2026-02-24 Tue – 2026-02-26 Thu", True, "working day"),
    ]


def test_a_clock_without_days_off_lists_none() -> None:
    urgent = {**RECEIVED, "data": {**RECEIVED["data"], "urgency": "very_urgent"}}
    assert not clock(story(urgent, until="2026-02-12T17:00"), "resolve").days


def test_every_event_that_can_move_a_clock_is_named_as_its_cause() -> None:
    types = {each.model_fields["type"].default.rpartition(".v")[0] for each in READ}
    causes = {each.removeprefix("hotline.").replace(".", "_") for each in types}
    assert "verification_requested" in causes
    assert causes <= CAUSES.keys() | CAUSE_WORDS.keys()


def test_R33_R34_a_task_is_told_from_its_close_to_what_the_citizen_said() -> None:
    told = story(RECEIVED, DISPATCHED, REPLIED, CLOSED, ASKED, REOPENED, until="2026-03-07T00:00")
    (task,) = told.tasks
    assert task.round == 1
    assert task.statements[0].kind == "scheduled"
    assert task.statements[-1].kind == "answered"
    assert task.statements[0].due is not None
    assert task.statements[0].due - datetime.fromisoformat(CLOSED["time"]) >= timedelta(days=6)
    assert [each.kind for each in clock(told, "resolve").statements[-2:]] == ["met", "resumed"]


def test_R2_a_notice_to_the_citizen_is_the_citizens_whichever_unit_it_names() -> None:
    told = story(RECEIVED, DISPATCHED, until="2026-02-13T00:00")
    kinds = {each.fact["data"]["notice"]: each.to.en for each in told.notices}
    assert kinds["citizen.progressed"] == kinds["citizen.acknowledged"] == "the citizen"
    assert kinds["liaison.informed"] != "the citizen"


def test_the_page_and_the_document_show_them() -> None:
    told = story(RECEIVED, DISPATCHED, *ON_HOLD, REPLIED, CLOSED, until="2026-02-28T00:00")
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    show(told, console, "en")
    page = console.export_text()
    assert "Deadlines" in page
    assert "2026-02-24 17:30 → 2026-02-26 17:30" in page
    assert "make-up working day, Spring Festival" in page
    shown = orjson.loads(orjson.dumps(document(told)))
    assert [each["clock"] for each in shown["clocks"]][:2] == ["resolve", "reply"]
    assert shown["clocks"][0]["days"][0]["counted"] is False
    assert shown["callbacks"][0]["statements"][0]["kind"] == "scheduled"
