"""What intake does with an event: order, duplicates, citizen, leaf, masking (R1, R6, R12, R61)."""

import dataclasses
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from policy.bundle import Policy, load
from runtime.keys import KeyRing
from runtime.processor import Decision, Record, Unreadable
from schemas.clock import ClockRecord
from schemas.events import EVENT_TYPES, TicketReceived, parse_event
from schemas.ids import is_anonymous
from schemas.topics import CLOCK, INBOX, NOTICES, TICKETS
from services.intake.domain import HOP_HEADER, TICK_HEADER, Intake
from services.intake.life_cycle import COMMANDS
from services.intake.reading import InboxEvent, Refused, Tick, hashed
from services.intake.state import TicketState
from vault.deposits import Link
from vault.directory import KeyedPseudonyms

NOW = datetime(2026, 7, 28, 4, 4, 5, tzinfo=UTC)
KEY = bytes(range(32))
RING = KeyRing({1: KEY})
PARTITIONS = 4
GUIDE = Path(__file__).resolve().parents[3] / "docs/contracts/publishers-guide.md"
EXAMPLES: list[dict[str, Any]] = [
    orjson.loads(text)
    for text in re.findall(r"^```json\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)
]
"""At least one complete event of each type; the fullest has every field of the contract."""

ZHANG = {"name": "张三", "identities": [{"scheme": "phone", "value": "13812345678"}]}
LI = {"name": "李四", "identities": [{"scheme": "phone", "value": "13987654321"}]}


def _citizen(phone: str) -> str:
    party = {"complainant": {"identities": [{"scheme": "phone", "value": phone}]}}
    return _Inbox().out(_event("ticket.received", party))["citizen"]  # type: ignore[no-any-return]


def _policy(**intake: Any) -> Policy:
    policy = load("cn-12345").at(NOW)
    return dataclasses.replace(policy, intake=dataclasses.replace(policy.intake, **intake))


POLICY = _policy(park_seconds=0)
"""Nothing waits here for a receipt: ``test_intake_parking`` is about that."""


def _log(decision: Decision[TicketState]) -> list[dict[str, Any]]:
    """What a decision puts on the log."""
    written = []
    for effect in decision.effects:
        if effect.topic is NOTICES:
            continue
        assert effect.topic is TICKETS
        assert isinstance(effect.value, bytes)
        document = orjson.loads(effect.value)
        assert effect.key == document["citizen"]
        written.append(document)
    return written


def _event(kind: str, data: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": attributes.pop("id", f"{kind}-{attributes.get('subject', 'T1')}"),
        "source": "hotline/sla" if kind in COMMANDS else "city/12345",
        "type": f"hotline.{kind}.v1",
        "time": "2026-07-28T12:00:00+08:00",
        "subject": "T1",
        "data": data or {},
        **attributes,
    }


def _record(value: bytes, *, partition: int = 0, headers: Any = (), now: datetime = NOW) -> Record:
    timestamp_ms = round(now.timestamp() * 1000)
    return Record(INBOX, partition, 0, b"any", value, timestamp_ms, tuple(headers))


class _Inbox:
    """An inbox partition and what came of it: the runtime's part, without a broker."""

    def __init__(self, policy: Policy = POLICY, *, forward: bool = False) -> None:
        self.intake = Intake(
            directory=KeyedPseudonyms(KEY), ring=RING, partitions=PARTITIONS, forward=forward
        )
        self.policy = policy
        self.states: dict[str, TicketState] = {}

    def put(self, document: dict[str, Any], *, now: datetime = NOW) -> Decision[TicketState]:
        return self.take(_record(orjson.dumps(document), now=now), now=now)

    def take(self, record: Record, *, now: datetime = NOW) -> Decision[TicketState]:
        event = self.intake.decode(record)
        keys = self.intake.keys(event, self.policy)
        states = {key: self.states.get(key) for key in keys}
        decision = self.intake.decide(states, event, now, self.policy)
        assert decision.states.keys() <= set(keys)
        for key, state in decision.states.items():
            assert state is not None
            self.states[key] = state
        return decision

    def out(self, document: dict[str, Any], *, now: datetime = NOW) -> dict[str, Any]:
        """The record that an event leaves on the log; of a link of two people the first of two."""
        written = _log(self.put(document, now=now))
        assert len(written) == 1 or document["type"] == "hotline.identity.linked.v1"
        return written[0]


# --- Order and stamps ---------------------------------------------------------------------------


def test_R6_an_event_goes_on_with_its_stamps_and_unknown_fields() -> None:
    document = _event(
        "ticket.received",
        {"leaf": "lamp", "text": "路灯坏了", "colour": "red"},
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        comcity="north",
    )
    written = _Inbox().out(document)
    assert written == document | {
        "citizen": "anon:T1",
        "sequence": 1,
        "recordedtime": "2026-07-28T04:04:05Z",
        "policyversion": POLICY.version,
        "leaf": "lamp",
    }
    assert isinstance(parse_event(orjson.dumps(written)), TicketReceived)


def test_R6_stamps_of_a_publisher_do_not_count() -> None:
    written = _Inbox().out(
        _event(
            "ticket.received",
            citizen="c:somebody",
            sequence=17,
            recordedtime="2020-01-01T00:00:00Z",
            policyversion="mine",
            causationid="me 1",
            anomaly="none",
            leaf="lamp",
            previousleaf="road",
        )
    )
    assert written["citizen"] == "anon:T1"
    assert written["sequence"] == 1
    assert written["recordedtime"] == "2026-07-28T04:04:05Z"
    assert written["policyversion"] == POLICY.version
    assert not {"causationid", "anomaly", "leaf", "previousleaf"} & written.keys()


def test_R6_the_sequence_rises_by_one_in_each_ticket() -> None:
    inbox = _Inbox()
    kinds = ["ticket.received", "ticket.dispatched", "citizen.chased"]
    for expected, kind in enumerate(kinds, start=1):
        for ticket in ("T1", "T2"):
            assert inbox.out(_event(kind, subject=ticket))["sequence"] == expected


def test_the_recorded_time_is_the_brokers_append_time() -> None:
    record = structs.replace(
        _record(orjson.dumps(_event("ticket.received"))), timestamp_ms=1_785_211_445_678
    )
    intake = _Inbox().intake
    assert intake.recorded_at(intake.decode(record), record) == datetime(
        2026, 7, 28, 4, 4, 5, 678_000, tzinfo=UTC
    )


# --- Partition ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "home"),
    # The hashes stand in Kafka's own UtilsTest: -973932308, -790332482, 479470107, -58897971.
    [
        ("21", 0),
        ("foobar", 2),
        ("abc", 3),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 1),
    ],
)
def test_an_event_in_a_wrong_partition_is_passed_on_once_as_it_is(subject: str, home: int) -> None:
    value = orjson.dumps(_event("ticket.received", subject=subject), option=orjson.OPT_INDENT_2)
    for partition in range(PARTITIONS):
        inbox = _Inbox(forward=True)
        record = _record(value, partition=partition, headers=[("traceparent", b"00-1-2-01")])
        decision = inbox.take(record)
        (effect,) = decision.effects
        if partition == home:
            assert effect.topic is TICKETS
            continue
        assert (effect.topic, effect.key, effect.value) == (INBOX, subject, value)
        assert effect.headers == (("traceparent", b"00-1-2-01"), (HOP_HEADER, b"1"))
        assert effect.partition is None
        assert decision.states == {}
        assert decision.notes == (("intake_forwarded", (str(partition),)),)
        arrived = _record(value, partition=partition, headers=effect.headers)
        (written,) = inbox.take(arrived).effects
        assert written.topic is TICKETS


def test_replay_leaves_events_where_they_are() -> None:
    for partition in range(PARTITIONS):
        record = _record(orjson.dumps(_event("ticket.received")), partition=partition)
        (effect,) = _Inbox(forward=False).take(record).effects
        assert effect.topic is TICKETS


# --- Duplicates and refusals --------------------------------------------------------------------


def test_R61_what_is_remembered_of_an_event_cannot_be_guessed() -> None:
    """Who tries all telephone numbers in the masked event must not learn the right one."""
    inbox = _Inbox()
    record = _record(orjson.dumps(_event("ticket.received", {"complainant": ZHANG})))
    inbox.take(record)
    (kept,) = inbox.states["T1"].seen.values()
    event = inbox.intake.decode(record)
    assert isinstance(event, InboxEvent)
    assert kept not in (event.digest, hashed(event.digest.encode()))
    other = Intake(directory=KeyedPseudonyms(KEY), ring=KeyRing({1: KEY[::-1]}), partitions=1)
    decision = other.decide({"T1": None}, event, NOW, POLICY)
    state = decision.states["T1"]
    assert state is not None
    assert kept not in state.seen.values()


def test_a_duplicate_is_dropped_and_counted() -> None:
    inbox = _Inbox()
    document = _event("ticket.received", {"text": "路灯坏了"})
    inbox.out(document)
    again = dict(reversed(document.items()))
    decision = inbox.put(again, now=NOW + timedelta(days=1))
    assert decision == Decision(notes=(("intake_duplicates", ("city/12345",)),))
    assert inbox.out(_event("citizen.chased"))["sequence"] == 2


def test_the_same_id_of_another_source_is_another_event() -> None:
    inbox = _Inbox()
    inbox.out(_event("ticket.received", id="1"))
    assert inbox.out(_event("citizen.chased", id="1", source="city/app"))["sequence"] == 2


def test_the_same_id_with_other_content_is_refused() -> None:
    inbox = _Inbox()
    inbox.out(_event("ticket.received", {"text": "路灯坏了"}, id="1"))
    with pytest.raises(Refused, match="id '1' of source 'city/12345'") as caught:
        inbox.put(_event("ticket.received", {"text": "路灯又坏了"}, id="1"))
    assert (caught.value.reason, caught.value.source) == ("id_reused", "city/12345")
    assert inbox.out(_event("citizen.chased"))["sequence"] == 2


def test_only_the_latest_ids_are_remembered() -> None:
    inbox = _Inbox(_policy(seen_ids=2, park_seconds=0))
    for number in range(3):
        inbox.out(_event("citizen.chased", id=str(number)))
    assert len(inbox.states["T1"].seen) == 2
    assert inbox.put(_event("citizen.chased", id="2")).effects == ()
    assert inbox.out(_event("citizen.chased", id="0"))["sequence"] == 4


@pytest.mark.parametrize(
    ("time", "refused"),
    [
        ("2026-07-28T12:04:05+08:00", False),
        ("2026-07-28T12:09:05+08:00", False),
        ("2026-07-28T12:09:05.001+08:00", True),
        ("2026-07-29T00:00:00+08:00", True),
        ("1999-01-01T00:00:00Z", False),
    ],
)
def test_a_time_too_far_in_the_future_is_refused(time: str, refused: bool) -> None:
    inbox = _Inbox(_policy(future_tolerance=timedelta(minutes=5)))
    document = _event("ticket.received", time=time)
    if not refused:
        assert inbox.out(document)["time"] == time
        return
    with pytest.raises(Refused, match="set the publisher's clock") as caught:
        inbox.put(document)
    assert (caught.value.reason, inbox.states) == ("time_in_future", {})


def test_an_event_larger_than_the_policy_allows_is_refused() -> None:
    inbox = _Inbox(_policy(max_event_bytes=1024))
    inbox.out(_event("ticket.received", {"text": "a" * 500}))
    with pytest.raises(Refused, match="at most 1024 are taken") as caught:
        inbox.put(_event("citizen.chased", {"text": "a" * 1000}))
    assert (caught.value.reason, caught.value.source) == ("too_large", "city/12345")


# --- Citizen ------------------------------------------------------------------------------------


def test_R12_the_same_citizen_has_one_key_over_all_tickets() -> None:
    inbox = _Inbox()
    spelt = {"identities": [{"scheme": "phone", "value": "+86 138-1234-5678"}]}
    first = inbox.out(_event("ticket.received", {"complainant": ZHANG}, subject="T1"))["citizen"]
    second = inbox.out(_event("ticket.received", {"complainant": spelt}, subject="T2"))["citizen"]
    other = inbox.out(_event("ticket.received", {"complainant": LI}, subject="T3"))["citizen"]
    assert first == second != other
    assert not is_anonymous(first)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"complainant": {"name": "张三"}},
        {"complainant": ZHANG, "anonymous": True},
        {"complainant": {"identities": [{"scheme": "phone", "value": "00000000000"}]}},
    ],
)
def test_R12_who_is_not_known_or_asked_not_to_be_is_anonymous(data: dict[str, Any]) -> None:
    written = _Inbox().out(_event("ticket.received", data))
    assert written["citizen"] == "anon:T1"
    assert "citizen" not in written["data"].get("complainant", {})


@pytest.mark.parametrize(
    ("history", "citizens"),
    [
        # Later events need no identity; a ticket keeps its citizen for life.
        ([("ticket.received", {"complainant": ZHANG}), ("ticket.closed", {})], ["Z", "Z"]),
        (
            [
                ("ticket.received", {"complainant": ZHANG}),
                ("ticket.amended", {"changes": {"complainant": LI}}),
                ("ticket.received", {"complainant": LI}),
            ],
            ["Z", "Z", "Z"],
        ),
        ([("ticket.received", {}), ("ticket.received", {"complainant": LI})], ["-", "-"]),
        ([("ticket.imported", {"complainant": ZHANG}), ("ticket.closed", {})], ["Z", "Z"]),
        # What comes before the receipt is kept apart; the receipt names the rest.
        (
            [
                ("ticket.dispatched", {}),
                ("ticket.amended", {"changes": {"complainant": LI}}),
                ("ticket.received", {"complainant": ZHANG}),
                ("ticket.closed", {}),
            ],
            ["-", "-", "Z", "Z"],
        ),
        # A contact has a caller.
        ([("contact.received", {"caller": ZHANG}), ("contact.answered", {})], ["Z", "Z"]),
        ([("contact.received", {}), ("contact.received", {"caller": ZHANG})], ["-", "Z"]),
        ([("contact.received", {}), ("ticket.received", {"complainant": ZHANG})], ["-", "Z"]),
    ],
)
def test_R12_whose_ticket_it_is(
    history: list[tuple[str, dict[str, Any]]], citizens: list[str]
) -> None:
    inbox = _Inbox()
    named = {_citizen("13812345678"): "Z", _citizen("13987654321"): "L", "anon:T1": "-"}
    written = [
        inbox.out(_event(kind, data, id=str(number)))["citizen"]
        for number, (kind, data) in enumerate(history)
    ]
    assert [named[citizen] for citizen in written] == citizens


# --- Channels -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "data", "counted"),
    [
        ("ticket.received", {"channel": "wechat"}, "wechat"),
        ("ticket.received", {}, "unknown"),
        ("contact.received", {"channel": "phone"}, "phone"),
        # What moves at cut-over came through no channel, and work on a ticket is no traffic.
        ("ticket.imported", {"state": "received", "channel": "phone"}, None),
        ("reply.submitted", {}, None),
    ],
)
def test_R1_what_comes_is_counted_by_channel(
    kind: str, data: dict[str, Any], counted: str | None
) -> None:
    inbox = _Inbox()
    event = _event(kind, data)
    received = [note for note in inbox.put(event).notes if note[0] == "intake_received"]
    expected = [] if counted is None else [("intake_received", ("city/12345", counted))]
    assert received == expected
    assert ("intake_received", ("city/12345", counted)) not in inbox.put(event).notes, "a duplicate"


# --- Life cycle ---------------------------------------------------------------------------------


def test_what_does_not_fit_is_kept_flagged_and_counted() -> None:
    inbox = _Inbox()
    document = _event("reply.submitted")
    assert inbox.out(document)["anomaly"] == "unknown_ticket"
    assert inbox.out(_event("ticket.received"))["anomaly"] == "received_late"
    assert "anomaly" not in inbox.out(_event("ticket.closed"))
    decision = inbox.put(_event("ticket.closed", id="again"))
    assert decision.notes == (("intake_anomalies", ("city/12345", "closed_when_closed")),)
    (effect,) = decision.effects
    assert isinstance(effect.value, bytes)
    assert orjson.loads(effect.value)["anomaly"] == "closed_when_closed"


REOPEN = _event(
    "command.reopen",
    {"reason": "not_resolved", "cause": "not_resolved"},
    source="hotline/callback",
)


def test_R34_a_command_of_ours_takes_its_place_in_the_order_of_its_ticket() -> None:
    inbox = _Inbox()
    receipt = inbox.out(_event("ticket.received", {"complainant": ZHANG}))
    inbox.out(_event("ticket.closed"))
    decision = inbox.put(REOPEN)
    (effect,) = decision.effects
    assert effect.topic is TICKETS
    assert isinstance(effect.value, bytes)
    written = orjson.loads(effect.value)
    assert (written["sequence"], written["citizen"]) == (3, receipt["citizen"])
    assert written["source"] == "hotline/callback"
    assert "anomaly" not in written
    assert inbox.states["T1"].phase == "closed"
    assert inbox.put(REOPEN).notes == (("intake_duplicates", ("hotline/callback",)),)


def test_R34_a_command_opens_no_ticket_and_tells_nobody() -> None:
    inbox = _Inbox()
    decision = inbox.put(REOPEN)
    assert [effect.topic for effect in decision.effects] == [TICKETS]
    assert _log(decision)[0]["anomaly"] == "unknown_ticket"
    state = inbox.states["T1"]
    assert (state.known, state.phase, state.told) == (False, None, None)
    assert state.wake_at is not None


def test_an_imported_ticket_stands_where_the_platform_says() -> None:
    inbox = _Inbox()
    assert "anomaly" not in inbox.out(_event("ticket.imported", {"state": "closed"}))
    assert "anomaly" not in inbox.out(_event("ticket.reopened"))


# --- Leaf ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "leaves"),
    [
        ([("ticket.received", {"leaf": "lamp"}), ("ticket.closed", {})], ["lamp", "lamp"]),
        (
            [
                ("ticket.received", {"leaf": "lamp"}),
                ("ticket.amended", {"changes": {"leaf": "road"}}),
                ("ticket.amended", {"changes": {"urgency": "urgent"}}),
            ],
            ["lamp", "lamp>road", "road"],
        ),
        (
            [
                ("ticket.received", {"leaf": "lamp"}),
                ("ticket.amended", {"changes": {"leaf": None}}),
                ("ticket.amended", {"changes": {"leaf": "road"}}),
            ],
            ["lamp", "lamp>", "road"],
        ),
        (
            [
                ("ticket.received", {"leaf": "lamp"}),
                ("ticket.amended", {"changes": {"leaf": "lamp"}}),
            ],
            ["lamp", "lamp"],
        ),
        ([("ticket.received", {}), ("ticket.imported", {"leaf": "road"})], ["", "road"]),
        (
            [("ticket.received", {"leaf": "lamp"}), ("ticket.received", {"leaf": "road"})],
            ["lamp", "lamp>road"],
        ),
        ([("ticket.received", {"leaf": "lamp"}), ("ticket.received", {})], ["lamp", "lamp"]),
        ([("contact.received", {"leaf": "lamp"}), ("contact.answered", {})], ["lamp", "lamp"]),
    ],
)
def test_R14_every_record_says_the_leaf_in_force_after_it(
    history: list[tuple[str, dict[str, Any]]], leaves: list[str]
) -> None:
    inbox = _Inbox()
    told = []
    for number, (kind, data) in enumerate(history):
        written = inbox.out(_event(kind, data, id=str(number)))
        before = f"{written['previousleaf']}>" if "previousleaf" in written else ""
        told.append(before + written.get("leaf", ""))
    assert told == leaves


# --- Personal data ------------------------------------------------------------------------------


def test_R61_a_citizen_goes_on_as_a_pseudonym() -> None:
    written = _Inbox().out(
        _event(
            "ticket.received",
            {
                "complainant": {"kind": "person", "title": "老师", **ZHANG, "on_behalf_of": LI},
                "text": "我是张三,打13812345678,车牌湘A12345",
                "source_number": "20260728138001380",
            },
            subject="101000295613",
            operatorphone="13912345678",
        )
    )
    assert written["data"] == {
        "complainant": {
            "kind": "person",
            "citizen": _citizen("13812345678"),
            "on_behalf_of": {"citizen": _citizen("13987654321")},
        },
        "text": "我是[name],打[phone],车牌[plate]",
        "source_number": "20260728138001380",
    }
    assert written["subject"] == "101000295613"
    assert written["operatorphone"] == "[phone]"


def test_R61_an_amended_citizen_goes_on_as_a_pseudonym() -> None:
    changes = {"complainant": {"kind": "person", **LI}, "text": "改成13987654321"}
    written = _Inbox().out(_event("ticket.amended", {"changes": changes, "by": "1024"}))
    assert written["data"] == {
        "changes": {
            "complainant": {"kind": "person", "citizen": _citizen("13987654321")},
            "text": "改成[phone]",
        },
        "by": "1024",
    }


def test_R61_linked_identities_go_on_as_pseudonyms() -> None:
    aliases = {
        "first": {"identity": {"scheme": "phone", "value": "13812345678"}},
        "second": {"citizen": "c:0123"},
    }
    written = _Inbox().out(_event("identity.linked", aliases))
    assert written["data"] == {
        "first": {"citizen": _citizen("13812345678")},
        "second": {"citizen": "c:0123"},
    }


PHONE = {"identity": {"scheme": "phone", "value": "13812345678"}}
OTHER = {"identity": {"scheme": "phone", "value": "13987654321"}}


@pytest.mark.parametrize(
    ("first", "second", "keys", "anomaly"),
    [
        (PHONE, OTHER, ["Z", "L"], None),
        (OTHER, PHONE, ["L", "Z"], None),
        (PHONE, {"citizen": "c:0123"}, ["Z", "c:0123"], None),
        (PHONE, {"citizen": "anon:T0"}, ["Z", "anon:T0"], None),
        # One person, whom two names only seem to make two.
        (PHONE, PHONE, ["Z"], None),
        # A name of ours is a key on the log: nothing else may stand there.
        (PHONE, {"citizen": "张三"}, ["anon:T1"], "nobody_to_link"),
        ({"identity": {"scheme": "phone", "value": "0"}}, OTHER, ["anon:T1"], "nobody_to_link"),
    ],
)
def test_R12_linked_identities_reach_the_partitions_of_both(
    first: dict[str, Any], second: dict[str, Any], keys: list[str], anomaly: str | None
) -> None:
    inbox = _Inbox()
    names = {_citizen("13812345678"): "Z", _citizen("13987654321"): "L"}
    document = _event("identity.linked", {"first": first, "second": second, "by": "1024"})
    decision = inbox.put(document)
    written = _log(decision)
    assert [names.get(each["citizen"], each["citizen"]) for each in written] == keys
    assert [each["sequence"] for each in written] == list(range(1, len(keys) + 1))
    assert {each.get("anomaly") for each in written} == {anomaly}
    assert "张三" not in orjson.dumps(written).decode()
    links = [each for each in decision.deposits if isinstance(each, Link)]
    if len(keys) == 1:
        assert links == []
        return
    both = [each["citizen"] for each in written]
    assert {alias: each["data"][alias]["citizen"] for each in written for alias in DATA} == dict(
        zip(DATA, both, strict=True)
    )
    (link,) = links
    assert (link.first, link.second, link.by, link.at) == (*both, "1024", NOW)
    assert link.event == f"city/12345 {document['id']}"


DATA = ("first", "second")


def _withheld(value: Any, schema: dict[str, Any], defs: dict[str, Any]) -> list[str]:
    """What stands in a document where the contract says ``x-privacy: withheld``."""
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    found = [text for option in schema.get("anyOf", []) for text in _withheld(value, option, defs)]
    if schema.get("x-privacy") == "withheld" and isinstance(value, str):
        found.append(value)
    if isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if name in value:
                found += _withheld(value[name], part, defs)
    if isinstance(value, list) and "items" in schema:
        for item in value:
            found += _withheld(item, schema["items"], defs)
    return found


@pytest.mark.parametrize("document", EXAMPLES, ids=lambda document: str(document["id"]))
def test_R61_nothing_that_the_contract_withholds_reaches_the_log(document: dict[str, Any]) -> None:
    model = EVENT_TYPES[document["type"]]
    schema = model.model_json_schema()
    personal = set(_withheld(document, schema, schema["$defs"]))
    late = NOW.replace(year=2030)
    written = _Inbox().out(document, now=late)
    said = orjson.dumps(written["data"]).decode()
    assert [text for text in personal if text in said] == []
    assert type(parse_event(orjson.dumps(written))) is model
    assert _withheld(written, schema, schema["$defs"]) == []


def _private_paths(schema: dict[str, Any], defs: dict[str, Any]) -> list[tuple[str, ...]]:
    """Where an event of that schema may hold what the contract withholds; ``*`` is a list item."""
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    found: list[tuple[str, ...]] = [()] if schema.get("x-privacy") == "withheld" else []
    for option in schema.get("anyOf", []):
        found += _private_paths(option, defs)
    for name, part in schema.get("properties", {}).items():
        found += [(name, *path) for path in _private_paths(part, defs)]
    if "items" in schema:
        found += [("*", *path) for path in _private_paths(schema["items"], defs)]
    return found


PRIVATE = [
    (event_type, path)
    for event_type, model in EVENT_TYPES.items()
    for schema in [model.model_json_schema()]
    for path in _private_paths(schema, schema["$defs"])
]
NAMELESS = "无名氏乙"  # no kind of number: masking alone would not find it


def _put(document: Any, path: tuple[str, ...]) -> None:
    """The secret, at a path of objects and lists made for it where there are none."""
    name, *rest = path
    if not rest:
        document[name] = NAMELESS
        return
    if rest[0] == "*":
        document[name] = [{"scheme": "wechat"}]
        _put(document[name][0], tuple(rest[1:]))
        return
    if not isinstance(document.get(name), dict):
        document[name] = {"scheme": "wechat"} if name == "identity" else {}
    _put(document[name], tuple(rest))


def test_R61_the_contract_withholds_what_is_known_to_be_personal() -> None:
    names = {path[-1] for _, path in PRIVATE}
    assert names == {"name", "value", "callback_number", "number"}
    assert len(PRIVATE) >= 20


@pytest.mark.parametrize(
    ("event_type", "path"),
    PRIVATE,
    ids=lambda value: value if type(value) is str else ".".join(value),
)
def test_R61_intake_withholds_whatever_the_contract_withholds(
    event_type: str, path: tuple[str, ...]
) -> None:
    example = next(each for each in EXAMPLES if each["type"] == event_type)
    document = orjson.loads(orjson.dumps(example))
    _put(document, path)
    assert NAMELESS in orjson.dumps(document).decode()
    written = _Inbox().out(document, now=NOW.replace(year=2030))
    assert NAMELESS not in orjson.dumps(written).decode()


def test_R61_a_service_can_read_who_the_parties_are() -> None:
    party: dict[str, Any] = {
        **ZHANG,
        "citizen": "c:forged",
        "on_behalf_of": {**LI, "citizen": "c:forged"},
    }
    written = _Inbox().out(_event("ticket.received", {"complainant": party}))
    event = parse_event(orjson.dumps(written))
    assert isinstance(event, TicketReceived)
    complainant = event.data.complainant
    assert complainant is not None
    assert complainant.citizen == _citizen("13812345678")
    assert complainant.on_behalf_of is not None
    assert complainant.on_behalf_of.citizen == _citizen("13987654321")


def _paths(value: Any, path: str = "") -> set[str]:
    """Of every field, list items not told apart."""
    if isinstance(value, dict):
        below = [
            _paths(item, f"{path}.{name}") | {f"{path}.{name}"} for name, item in value.items()
        ]
        return set().union(*below)
    if isinstance(value, list):
        return set().union(*[_paths(item, path) for item in value])
    return set()


_PERSONAL = re.compile(
    r"\.(?:complainant|caller|on_behalf_of)\.name$|\.callback_number$"
    r"|\.(?:identities|identity)(?:\.|$)"
)


_ADDED = re.compile(r"\.(?:citizen|place\.key)$")


@pytest.mark.parametrize("document", EXAMPLES, ids=lambda document: str(document["id"]))
def test_R6_everything_else_reaches_the_log(document: dict[str, Any]) -> None:
    written = _Inbox().out(document, now=NOW.replace(year=2030))
    expected = {path for path in _paths(document["data"]) if not _PERSONAL.search(path)}
    if document["type"] == "hotline.call.recorded.v1":
        expected -= {".number"}
    assert {path for path in _paths(written["data"]) if not _ADDED.search(path)} == {
        path for path in expected if not _ADDED.search(path)
    }


def test_R6_an_amendment_that_empties_a_field_still_does() -> None:
    changes = {"complainant": None, "leaf": None, "place": None}
    assert _Inbox().out(_event("ticket.amended", {"changes": changes}))["data"] == {
        "changes": changes
    }


def test_R61_the_examples_do_hold_what_must_be_withheld() -> None:
    found: Counter[str] = Counter()
    for document in EXAMPLES:
        schema = EVENT_TYPES[document["type"]].model_json_schema()
        found[document["type"]] += len(_withheld(document, schema, schema["$defs"]))
    assert {event_type for event_type, count in found.items() if count} == {
        "hotline.contact.received.v1",
        "hotline.call.recorded.v1",
        "hotline.ticket.received.v1",
        "hotline.ticket.imported.v1",
        "hotline.identity.linked.v1",
    }


def _for_another(same_person: Any, behalf: dict[str, Any] | None, **data: Any) -> dict[str, Any]:
    policy = dataclasses.replace(
        POLICY, repeat=dataclasses.replace(POLICY.repeat, same_person=same_person)
    )
    party = {**ZHANG, "on_behalf_of": behalf}
    return _Inbox(policy).out(_event("ticket.received", {"complainant": party, **data}))


@pytest.mark.parametrize(
    ("same_person", "behalf", "whose"),
    [
        ("principal", LI, "13987654321"),
        ("caller", LI, "13812345678"),
        ("principal", None, "13812345678"),
        ("principal", {"name": "李四"}, "13812345678"),
        ("principal", {"identities": [{"scheme": "phone", "value": "0000"}]}, "13812345678"),
    ],
    ids=["the principal's", "the caller's", "no principal", "a mere name", "no usable number"],
)
def test_R12_whose_ticket_it_is_when_somebody_calls_for_another(
    same_person: str, behalf: dict[str, Any] | None, whose: str
) -> None:
    written = _for_another(same_person, behalf)
    assert written["citizen"] == _citizen(whose)
    assert written["data"]["complainant"]["citizen"] == _citizen("13812345678")


def test_R12_an_anonymous_ticket_for_another_is_nobodys() -> None:
    assert _for_another("principal", LI, anonymous=True)["citizen"] == "anon:T1"


def test_R12_the_principals_own_ticket_and_that_of_their_agent_are_one_citizens() -> None:
    own = _Inbox().out(_event("ticket.received", {"complainant": LI}, subject="T2"))
    assert own["citizen"] == _for_another("principal", LI)["citizen"]


# --- Clock, ticks, forgetting -------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, b"", b"{}"])
def test_a_tick_only_moves_the_clock(value: bytes | None) -> None:
    intake = _Inbox().intake
    record = structs.replace(_record(b"", headers=[(TICK_HEADER, b"")]), value=value)
    tick = intake.decode(record)
    assert isinstance(tick, Tick)
    assert intake.recorded_at(tick, record) == NOW
    assert intake.keys(tick, POLICY) == ()
    assert intake.decide({}, tick, NOW, POLICY) == Decision()


def test_with_every_commit_the_clock_of_the_partition_is_told() -> None:
    (effect,) = _Inbox().intake.at_commit(3, NOW)
    assert (effect.topic, effect.key) == (CLOCK, "3")
    assert isinstance(effect.value, bytes)
    assert ClockRecord.from_bytes(effect.value) == ClockRecord(3, NOW)


def test_I3_an_open_ticket_is_never_forgotten_but_the_ids_of_its_events_are() -> None:
    inbox = _Inbox(_policy(forget_after_days=400))
    first = inbox.out(_event("ticket.received", {"complainant": ZHANG, "leaf": "lamp"}))
    state = inbox.states["T1"]
    assert state.wake_at == NOW + timedelta(days=400)
    decision = inbox.intake.wake("T1", state, state.wake_at, POLICY)
    forgotten = structs.replace(state, seen={}, wake_at=None)
    assert decision == Decision(states={"T1": forgotten})
    inbox.states["T1"] = forgotten
    later = NOW + timedelta(days=600)
    last = inbox.out(_event("ticket.closed"), now=later)
    assert (last["citizen"], last["sequence"], last["leaf"]) == (first["citizen"], 2, "lamp")
    assert "anomaly" not in last
    assert inbox.states["T1"].wake_at == later + timedelta(days=400)


@pytest.mark.parametrize("kind", ["ticket.closed", "ticket.withdrawn", "ticket.not_accepted"])
def test_a_ticket_that_ended_is_forgotten_when_nothing_is_heard_of_it(kind: str) -> None:
    inbox = _Inbox(_policy(forget_after_days=400))
    inbox.out(_event("ticket.received"))
    later = NOW + timedelta(days=30)
    inbox.out(_event(kind), now=later)
    state = inbox.states["T1"]
    assert state.wake_at == later + timedelta(days=400)
    assert inbox.intake.wake("T1", state, state.wake_at, POLICY) == Decision(states={"T1": None})


def test_the_state_survives_its_encoding() -> None:
    inbox = _Inbox()
    inbox.out(_event("ticket.received", {"complainant": ZHANG, "leaf": "lamp"}))
    state = inbox.states["T1"]
    assert msgspec.json.decode(msgspec.json.encode(state), type=TicketState) == state


# --- Laws ---------------------------------------------------------------------------------------

KINDS = [event_type.removeprefix("hotline.").removesuffix(".v1") for event_type in EVENT_TYPES]
MINIMAL: dict[str, dict[str, Any]] = {}
for _example in EXAMPLES:
    _kind = _example["type"].removeprefix("hotline.").removesuffix(".v1")
    MINIMAL.setdefault(_kind, _example["data"])
HISTORIES = st.lists(
    st.tuples(
        st.sampled_from(["T1", "T2", "T3"]),
        st.sampled_from(KINDS),
        st.integers(0, 5),  # ids come again
        st.booleans(),  # ... with another content
        st.integers(0, PARTITIONS - 1),
    ),
    max_size=40,
)


@given(HISTORIES)
def test_I1_I3_no_event_is_lost_and_the_sequence_rises_by_one(
    history: list[tuple[str, str, int, bool, int]],
) -> None:
    inbox = _Inbox(forward=True)
    count: Counter[str] = Counter()
    sequences: dict[str, list[int]] = defaultdict(list)
    for subject, kind, number, changed, partition in history:
        document = _event(
            kind, MINIMAL[kind] | {"extra": changed}, id=f"{kind}{number}", subject=subject
        )
        record = _record(orjson.dumps(document), partition=partition, now=NOW.replace(year=2030))
        try:
            decision = inbox.take(record)
            if decision.effects and decision.effects[0].topic is INBOX:
                (passed,) = decision.effects
                assert isinstance(passed.value, bytes)
                decision = inbox.take(
                    structs.replace(record, headers=passed.headers, value=passed.value)
                )
        except Unreadable as refused:
            count[refused.reason] += 1
            continue
        if not decision.effects:
            assert [name for name, _ in decision.notes] == ["intake_duplicates"]
            count["duplicate"] += 1
            continue
        for written in _log(decision):
            sequences[written["subject"]].append(written["sequence"])
        count["out"] += 1
    assert count["out"] + count["duplicate"] + count["id_reused"] == len(history)
    for seen in sequences.values():
        assert seen == list(range(1, len(seen) + 1))


@given(HISTORIES)
def test_I2_the_same_log_gives_the_same_records(
    history: list[tuple[str, str, int, bool, int]],
) -> None:
    def told() -> list[Any]:
        inbox = _Inbox()
        result: list[Any] = []
        for number, (subject, kind, *_) in enumerate(history):
            document = _event(kind, MINIMAL[kind], id=str(number), subject=subject)
            result.append(inbox.out(document, now=NOW.replace(year=2030)))
        return result

    assert told() == told()


def test_I10_an_event_says_which_ticket_waits_behind_it_and_whose_it_is() -> None:
    intake = _Inbox().intake
    event = intake.decode(_record(orjson.dumps(_event("ticket.received"))))
    assert isinstance(event, InboxEvent)
    assert (intake.subject(event), intake.source(event)) == ("T1", "city/12345")
    assert (intake.subject(Tick()), intake.source(Tick())) == ("", "")
