"""Stories, from real histories: intake and dedup decide, the story tells (R6, R15, R22)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from cli.explaining.kafka import seen
from cli.explaining.material import Material
from cli.explaining.speaker import Speaker
from cli.explaining.story import Story, tell
from policy.bundle import load
from runtime.core import to_ms
from runtime.driver import Driver, Written
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.dead_letter import DeadLetter
from schemas.topics import DEAD_LETTERS, INBOX, NOTICES, REPEATS, TICKETS
from services.dedup.domain import Dedup
from services.intake.domain import Intake
from vault.directory import KeyedPseudonyms

BUNDLE = load("cn-12345")
LEAF, OTHER = "environment.noise.night_construction", "city.order.street_stalls"
FIRST, AGAIN = "T2026-000001", "T2026-000002"


def event(
    kind: str,
    subject: str,
    time: str,
    *,
    recorded: str | None = None,
    source: str = "12345.city.example",
    **data: Any,
) -> dict[str, Any]:
    """As a platform publishes it; ``time`` is local (UTC+8)."""
    return {
        "specversion": "1.0",
        "id": f"{subject}-{kind}-{time}",
        "source": source,
        "type": f"hotline.{kind}.v1",
        "time": f"{time}:00+08:00",
        "subject": subject,
        "datacontenttype": "application/json",
        "data": data,
        "recorded": f"{recorded or time}:00+08:00",
    }


def received(ticket: str, time: str, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "channel": "phone",
        "agent": "A001",
        "request_type": "complaint",
        "title": "夜间施工噪音",
        "text": "工地整夜打桩, 联系电话13912345678",
        "leaf": LEAF,
        "department": "city-ecology",
        "complainant": {"identities": [{"scheme": "phone", "value": "13912345678"}]},
        "place": {"division": "990101001"},
    }
    if ticket == AGAIN:  # told in other words, so that no rule is sure of the matter
        given |= {"title": "楼上装修电钻响", "text": "午休也不停"}
    return event("ticket.received", ticket, time, **(given | more))


HANDLED = [
    received(FIRST, "2026-02-20 10:00"),
    event("ticket.dispatched", FIRST, "2026-02-20 10:30", department="city-ecology", role="lead"),
    event("reply.submitted", FIRST, "2026-02-22 09:00", handler="H007", resolved=True),
    event("ticket.closed", FIRST, "2026-02-22 11:00", resolved=True, reason="已办结"),
    event("callback.answered", FIRST, "2026-03-01 15:00", contacted=True, resolved=False,
          satisfied=1, text="还是吵"),
]  # fmt: skip
REPEAT = received(AGAIN, "2026-03-02 09:14", recorded="2026-03-02 09:15")


WAITED_MS = 3_600_000
"""Nothing waits for a receipt any more."""


def decided(events: Iterable[dict[str, Any]]) -> list[Written]:
    """What intake and dedup make of the events, in the order of their recording."""
    written: list[Written] = []
    ring = KeyRing({1: bytes(32)})
    intake = Intake(directory=KeyedPseudonyms.of(ring), ring=ring, partitions=1)
    driver = Driver([intake, Dedup()], BUNDLE, written.append)
    for offset, each in enumerate(sorted(events, key=lambda each: each["recorded"])):
        document = {name: value for name, value in each.items() if name != "recorded"}
        at_ms = to_ms(datetime.fromisoformat(each["recorded"]))
        key = document["subject"].encode()
        driver.feed(Record(INBOX, 0, offset, key, orjson.dumps(document), at_ms))
    driver.advance_ms(at_ms + WAITED_MS)
    return written


def collected(
    ticket: str, written: Sequence[Written], letters: Sequence[DeadLetter] = ()
) -> Material:
    material = Material(ticket)
    order = ((material.take_fact, REPEATS), (material.take_fact, NOTICES))
    for take, topic in (*order, (material.take_event, TICKETS)):
        for each in written:
            if each.topic == topic:
                assert each.value is not None
                take(each.value)
    found = [
        DeadLetter.from_record(each.value, each.headers)
        for each in written
        if each.topic == DEAD_LETTERS
    ]
    for letter in (*found, *letters):
        material.take_letter(seen(letter, put_back=False))
    return material


def story(ticket: str, *events: dict[str, Any], letters: Sequence[DeadLetter] = ()) -> Story:
    return tell(collected(ticket, decided(events), letters), Speaker(BUNDLE))


def mark(time: str, **data: Any) -> dict[str, Any]:
    return event("verdict.marked", AGAIN, time, by="Q03", **data)


def test_R6_what_happened_is_told_in_order_with_who_and_when() -> None:
    told = story(FIRST, *HANDLED)
    assert told.zone == "Asia/Shanghai"
    assert [(each.sequence, each.said.en) for each in told.happenings] == [
        (1, "Received by phone (agent A001) as a complaint on Environment › Noise › Building "
            "noise at night: 夜间施工噪音; against city-ecology"),
        (2, "Dispatched to city-ecology as lead"),
        (3, "Reply (H007); resolved"),
        (4, "Closed, resolved: 已办结"),
        (5, "Callback: reached, not resolved, very dissatisfied (1 of 5)"),
    ]  # fmt: skip
    assert told.happenings[0].said.zh == (
        "电话受理（话务员 A001），投诉，生态环境›噪声污染›夜间施工噪音：夜间施工噪音；"
        "涉及市生态环境局"
    )
    assert told.happenings[4].said.zh == "回访：已联系上，未解决，非常不满意（1/5）"
    assert told.happenings[4].quoted == ("还是吵",)


def test_R61_the_story_has_the_masked_text() -> None:
    told = story(FIRST, *HANDLED)
    assert told.happenings[0].quoted == ("工地整夜打桩, 联系电话[phone]",)
    assert "13912345678" not in repr(told)


@pytest.mark.parametrize(
    ("time", "recorded", "said"),
    [
        ("2026-03-02 09:14", "2026-03-02 09:14", ""),
        ("2026-03-02 09:14", "2026-03-02 09:15", "09:15"),
        ("2026-03-02 23:59", "2026-03-03 00:01", "2026-03-03 00:01"),
    ],
)
def test_R6_when_it_was_recorded_is_told_if_it_was_later(
    time: str, recorded: str, said: str
) -> None:
    told = story(AGAIN, received(AGAIN, time, recorded=recorded))
    assert told.happenings[0].recorded_said == said


def test_R12_a_candidate_shows_window_chain_and_what_is_the_same() -> None:
    told = story(AGAIN, *HANDLED, REPEAT)
    (only,) = told.judgements
    assert (only.verdict, only.rule, only.revision) == ("candidate", "R12", 1)
    assert only.said == ("candidate: perhaps a repeat", "疑似重复投诉")
    assert only.why.en.startswith(f"Contact 2 of this citizen on this leaf; the first was {FIRST}")
    assert only.window.en == "3 calendar months, open since 2026-01-01 00:00"
    assert only.chain.en == f"ticket 2 of the chain that begins with {FIRST}"
    assert only.cause == ("the ticket was received (event 1)", "工单受理（事件 1）")
    assert only.evidence == (
        (f"{FIRST} of 2026-02-20 10:00: same citizen, leaf, place, department",
         f"{FIRST}（2026-02-20 10:00）：相同：市民、末端节点、地点、部门"),
    )  # fmt: skip
    assert only.policy.startswith("cn-12345@2026-01+")


def test_R13_another_place_is_told_as_what_differs() -> None:
    elsewhere = received(AGAIN, "2026-03-02 09:14", place={"division": "990102002"})
    (only,) = story(AGAIN, *HANDLED, elsewhere).judgements
    assert (only.verdict, only.reason) == ("new", "another_matter")
    assert only.evidence[0].en.endswith("same citizen, leaf, department; another place")
    assert only.evidence[0].zh.endswith("；不同：地点")


@pytest.mark.parametrize(
    ("marks", "verdict", "said", "by"),
    [
        (
            [mark("2026-03-02 10:00", mark="confirm", text="上次未真正解决")],
            "confirmed",
            "confirmed: a repeat (was candidate)",
            "it is a repeat — 上次未真正解决 (marked by Q03, 2026-03-02 10:00)",
        ),
        (
            [mark("2026-03-02 10:00", mark="overturn", earlier_ticket=FIRST)],
            "overturned",
            "overturned: no repeat (was candidate)",
            f"the verdict was wrong; earlier ticket {FIRST} (marked by Q03, 2026-03-02 10:00)",
        ),
        (
            [
                mark(
                    "2026-03-02 10:00", mark="exclude", reason="policy_expectation", clause="第二条"
                )
            ],
            "excluded",
            "excluded: not counted (was candidate)",
            "not counted as a repeat, what is expected is against the rules, under 第二条 "
            "(marked by Q03, 2026-03-02 10:00)",
        ),
        (
            [
                mark("2026-03-02 10:00", mark="exclude", reason="in_progress"),
                mark("2026-03-02 11:00", mark="overturn"),
            ],
            "candidate",
            "candidate: perhaps a repeat (was excluded)",
            "the verdict was wrong (marked by Q03, 2026-03-02 11:00)",
        ),
    ],
    ids=["confirmed", "overturned", "excluded", "exclusion overturned"],
)
def test_R15_a_mark_is_a_revision_that_says_who_and_why(
    marks: list[dict[str, Any]], verdict: str, said: str, by: str
) -> None:
    told = story(AGAIN, *HANDLED, REPEAT, *marks)
    last = told.judgements[-1]
    assert [each.revision for each in told.judgements] == list(range(1, len(marks) + 2))
    assert (last.verdict, last.said.en, last.mark.en) == (verdict, said, by)
    assert last.cause.en == f"a human marked it (event {len(marks) + 1})"
    assert last.replaces == told.judgements[-2].fact["id"]


def test_R15_revisions_are_told_in_order_whatever_partition_comes_first() -> None:
    written = decided([*HANDLED, REPEAT, mark("2026-03-02 10:00", mark="confirm")])
    told = tell(collected(AGAIN, [*reversed(written)]), Speaker(BUNDLE))
    assert [each.verdict for each in told.judgements] == ["candidate", "confirmed"]
    assert [each.sequence for each in told.happenings] == [1, 2]


def test_R12_a_late_ticket_is_told_as_the_cause_of_the_revision() -> None:
    letter = received(FIRST, "2026-02-20 10:00", recorded="2026-03-02 12:00")
    told = story(AGAIN, REPEAT, letter)
    assert [each.verdict for each in told.judgements] == ["new", "candidate"]
    assert told.judgements[1].cause.en == (
        "an earlier ticket was recorded late "
        f"(12345.city.example {FIRST}-ticket.received-2026-02-20 10:00)"
    )
    assert told.judgements[1].said.zh == "疑似重复投诉（原为新诉求，非重复）"


def test_R14_a_corrected_leaf_is_told_with_the_old_one() -> None:
    wrong = received(AGAIN, "2026-03-02 09:14", leaf=OTHER)
    amended = event("ticket.amended", AGAIN, "2026-03-02 10:00", changes={"leaf": LEAF}, by="A002")
    told = story(AGAIN, *HANDLED, wrong, amended)
    assert told.happenings[1].said.en == (
        "Amended by A002: leaf: City management › Street order › Trading on the pavement → "
        "Environment › Noise › Building noise at night"
    )
    assert [(each.verdict, each.cause.en) for each in told.judgements] == [
        ("new", "the ticket was received (event 1)"),
        ("candidate", "its leaf was corrected (event 2)"),
    ]


@pytest.mark.parametrize(
    ("kind", "before", "anomaly", "en", "zh"),
    [
        ("reply.submitted", HANDLED[:4], "reply_when_closed",
         "does not fit: the ticket was closed then", "与工单状态不符：当时已结案"),
        ("ticket.reopened", HANDLED[:1], "reopened_when_received",
         "does not fit: the ticket was only received then", "与工单状态不符：当时刚受理"),
        ("return.approved", HANDLED[:2], "return_approved_unasked",
         "does not fit: nothing asked for it before", "与工单状态不符：此前没有相应的申请"),
        ("ticket.progressed", [], "unknown_ticket",
         "nothing told of this ticket before", "此前没有该工单的受理记录"),
        ("dispatch.accepted", HANDLED[:1], "accepted_when_received",
         "does not fit: the ticket was only received then", "与工单状态不符：当时刚受理"),
    ],
)  # fmt: skip
def test_an_anomaly_is_kept_and_said(
    kind: str, before: list[dict[str, Any]], anomaly: str, en: str, zh: str
) -> None:
    told = story(FIRST, *before, event(kind, FIRST, "2026-03-05 08:00"))
    last = told.happenings[-1]
    assert (last.anomaly, last.anomaly_said) == (anomaly, (en, zh))
    assert not any(each.anomaly_said for each in told.happenings[:-1])


def test_R2_R3_who_was_told_what_is_part_of_the_story() -> None:
    told = story(FIRST, *HANDLED)
    assert [each.to.en for each in told.notices] == ["the citizen", "bai-yu, 市生态环境局"]
    assert all(FIRST in each.said.en and FIRST in each.said.zh for each in told.notices)
    assert not any(each.alarm for each in told.notices)


def test_R22_the_first_complaint_is_told_with_how_it_was_handled() -> None:
    told = story(AGAIN, *HANDLED, REPEAT)
    assert told.first is not None
    assert told.first.said.en == (
        f"{FIRST}, of 2026-02-20 10:00, with city-ecology, handler H007; replied 2026-02-22 09:00 "
        "(resolved, says the department); closed 2026-02-22 11:00; called back 2026-03-01 15:00: "
        "reached, not resolved, very dissatisfied (1 of 5)"
    )
    assert "市生态环境局" in told.first.said.zh
    assert [each.kind for each in told.first.happenings] == [
        *("ticket.received", "ticket.dispatched", "reply.submitted", "ticket.closed"),
        "callback.answered",
    ]
    assert story(FIRST, *HANDLED, REPEAT).first is None


def test_ruling_9_the_contact_and_its_call_belong_to_the_story() -> None:
    who = {"identities": [{"scheme": "phone", "value": "13912345678"}]}
    contact = event(
        "contact.received", "C1", "2026-03-02 09:10", channel="phone", caller=who, agent="A001"
    )
    other = event("contact.received", "C2", "2026-03-02 09:11", channel="app", caller=who)
    call = event(
        "call.recorded", "C1", "2026-03-02 09:13", ticket=AGAIN, purpose="intake",
        direction="inbound", outcome="answered", duration_seconds=95, source="telephony",
    )  # fmt: skip
    ticket = received(AGAIN, "2026-03-02 09:14", contact_id="C1")
    told = story(AGAIN, contact, other, call, ticket)
    assert [(each.subject, each.said.en) for each in told.happenings[:2]] == [
        ("C1", "The citizen came by phone, taken by A001"),
        ("C1", "Telephone call in (intake): answered, 95 s"),
    ]
    assert len(told.happenings) == 3


def letter(offset: int, **changed: Any) -> DeadLetter:
    given: dict[str, Any] = {
        "service": "dedup",
        "reason": "blocked",
        "detail": "waits",
        "topic": "hotline.tickets",
        "partition": 1,
        "offset": offset,
        "timestamp_ms": to_ms(datetime.fromisoformat("2026-03-02T09:15:00+08:00"))
        + timedelta(seconds=offset) // timedelta(milliseconds=1),
        "value": b"{}",
        "subject": AGAIN,
        "blocked_by": "hotline.tickets-1-10",
    }
    return DeadLetter(**(given | changed))


RAISED = letter(10, reason="rule_raised", detail="KeyError: 'leaf'", blocked_by=None)
REFUSED = letter(
    3, service="intake", topic="hotline.inbox", reason="invalid", detail="time is missing",
    subject=None, blocked_by=None, value=b'{"subject": "T2026-000002"}',
)  # fmt: skip


@pytest.mark.parametrize(
    ("letters", "told"),
    [
        (
            [RAISED, letter(11)],
            [
                ("rule_raised", "waits to be put back; what follows waits behind it"),
                ("blocked",
                 "waits behind hotline.tickets-1-10: a rule failed on it (KeyError: 'leaf')"),
            ],
        ),
        ([letter(11)], [("blocked", "waits behind hotline.tickets-1-10")]),
        ([REFUSED], [("invalid", "refused; nothing waits for it")]),
        ([letter(12, subject=FIRST)], []),
    ],
    ids=["quarantined", "its blocker expired", "refused", "of another ticket"],
)  # fmt: skip
def test_I10_what_was_put_aside_says_what_it_waits_behind(
    letters: list[DeadLetter], told: list[tuple[str, str]]
) -> None:
    asides = story(AGAIN, REPEAT, letters=letters).letters
    assert [(each.reason, each.waits_for.en) for each in asides] == told
    assert all(each.said.zh != each.said.en for each in asides)


def test_I10_what_was_put_back_waits_no_more() -> None:
    material = Material(AGAIN)
    material.take_letter(seen(RAISED, put_back=True))
    (aside,) = tell(material, Speaker(BUNDLE)).letters
    assert aside.waits_for == ("was put back", "已重投")


@pytest.mark.parametrize(
    ("subject", "value", "key", "mine"),
    [
        (AGAIN, b"", None, True),
        (FIRST, b'{"subject":"T2026-000002"}', None, False),
        (None, b'{"subject":"T2026-000002"}', None, True),
        (None, b'{"subject":"T2026-000001"}', AGAIN.encode(), False),
        (None, b"\xff{", AGAIN.encode(), True),
        (None, b"\xff{", None, False),
    ],
)
def test_a_refused_record_is_known_by_what_it_still_shows(
    subject: str | None, value: bytes, key: bytes | None, mine: bool
) -> None:
    one = letter(3, subject=subject, value=value, key=key, blocked_by=None)
    assert seen(one, put_back=False).is_of(AGAIN) is mine


def test_an_unknown_ticket_is_answered_with_ids_that_look_like_it() -> None:
    material = collected("T2026-00001", decided([*HANDLED, REPEAT]))
    assert not material.known
    assert material.near()[0] == FIRST


def test_an_event_of_a_newer_contract_is_told_by_its_name() -> None:
    material = Material(AGAIN)
    newer = {
        "type": "hotline.ticket.archived.v1",
        "source": "s",
        "id": "1",
        "subject": AGAIN,
        "time": "2026-03-02T09:15:00+08:00",
        "recordedtime": "2026-03-02T09:15:00+08:00",
        "sequence": 1,
        "data": {"shelf": 7},
    }
    material.take_event(orjson.dumps(newer))
    (only,) = tell(material, Speaker(BUNDLE)).happenings
    assert only.said == ("ticket.archived", "ticket.archived")


def test_R22_R23_a_confirmed_repeat_shows_what_it_rests_on_its_cause_and_who_is_charged() -> None:
    place: dict[str, Any] = {
        "place": {"division": "990101001", "neighbourhood": "滨河里"},
        "title": "工地夜间施工",
        "text": "整夜打桩",
    }
    told = story(
        AGAIN,
        received(FIRST, "2026-02-20 10:00", **place),
        *HANDLED[1:],
        received(AGAIN, "2026-03-02 09:14", **place),
    )
    (only,) = told.judgements
    assert (only.verdict, only.reason) == ("confirmed", "unresolved_before")
    assert only.rests_on.en.startswith(f"{FIRST}: score 0.9")
    assert "text +1.00" in only.rests_on.en
    assert only.rests_on.zh.endswith("当时已结案")
    assert only.root_cause.en.startswith("not resolved: perfunctory")
    assert f"by the first handling, {FIRST}" in only.root_cause.en
    assert only.charged_to.en == f"city-ecology, H007, for {FIRST}"


def test_R18_an_excluded_contact_shows_what_to_tell_the_citizen() -> None:
    place: dict[str, Any] = {"title": "工地夜间施工", "text": "整夜打桩"}
    told = story(
        AGAIN,
        received(FIRST, "2026-02-20 10:00", **place),
        received(AGAIN, "2026-02-22 09:14", **place),
    )
    assert told.judgements[0].verdict == "excluded"
    assert FIRST in told.judgements[0].prompt.zh


def test_R19_a_mark_without_a_clause_is_shown_as_without_effect() -> None:
    mark = event(
        "verdict.marked", AGAIN, "2026-03-03 09:00", mark="exclude", reason="policy_expectation"
    )
    told = story(AGAIN, *HANDLED, REPEAT, mark)
    assert told.judgements[-1].verdict == "candidate"
    assert told.judgements[-1].refused.en.startswith("not counted as a repeat")
