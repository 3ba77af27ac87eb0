"""Who is told what: the citizen at once (R2), the liaison with them (R3), nobody silently (R5)."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from policy.bundle import SHIPPED, Policy, load
from policy.errors import PolicyError
from policy.organisation import Organisation
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.facts.notices import NoticeRequested, NoticeRequestedData
from schemas.topics import INBOX, NOTICES, TICKETS
from services.intake.domain import Intake
from services.intake.state import TicketState
from vault.directory import KeyedPseudonyms

NOW = datetime(2026, 7, 28, 4, 4, 5, tzinfo=UTC)
RING = KeyRing({1: bytes(range(32))})
POLICY = load("cn-12345").at(NOW)
_WITHOUT_PARKING = dataclasses.replace(POLICY.intake, park_seconds=0)
ZHANG = {"name": "张三", "identities": [{"scheme": "phone", "value": "13812345678"}]}
DUE = "2026-08-04T18:00:00+08:00"
UNITS = """
calendar: cn-workdays
required: {city: [liaison], bureau: [liaison], street: [liaison]}
people:
  - {id: lin, name: 林悦, channels: [{kind: app, address: lin}, {kind: sms, address: lin-sms}]}
  - {id: bai, name: 白宇}
units:
  city:
    name: 市热线中心
    level: city
    roles: {liaison: lin}
    units:
      water:
        name: 水务局
        level: bureau
        channels: [{kind: webhook, address: "https://water.example"}]
        roles: {liaison: bai}
        units:
          water-east: {name: 东片区, level: street}
      parks: {name: 园林局, level: bureau}
      twin-a: {name: 城管所, level: street}
      twin-b: {name: 城管所, level: street}
  island: {name: 无人岛, level: bureau}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    path = tmp_path_factory.mktemp("units") / "organisation.yaml"
    path.write_text(UNITS, encoding="utf-8")
    return dataclasses.replace(POLICY, organisation=Organisation.load(path))


class _Inbox:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        directory = KeyedPseudonyms(bytes(range(32)))
        self.intake = Intake(directory=directory, ring=RING, partitions=1)
        self.state: TicketState | None = None
        self.notes: list[Any] = []
        self.log: list[bytes] = []
        self.number = 0

    def put(self, kind: str, data: dict[str, Any] | None = None, **attributes: Any) -> list[Any]:
        """The notices that an event makes."""
        self.number += 1
        document = {
            "specversion": "1.0",
            "id": str(self.number),
            "source": "city",
            "type": f"hotline.{kind}.v1",
            "time": "2026-07-28T12:00:00+08:00",
            "subject": "T1",
            "data": data or {},
            **attributes,
        }
        at_ms = round(NOW.timestamp() * 1000)
        record = Record(INBOX, 0, self.number, b"T1", orjson.dumps(document), at_ms)
        event = self.intake.decode(record)
        decision = self.intake.decide({"T1": self.state}, event, NOW, self.policy)
        self.state = decision.states.get("T1", self.state)
        aside = ("intake_parked", "intake_received")
        self.notes += [each for each in decision.notes if each[0] not in aside]
        found = []
        for effect in decision.effects:
            if effect.topic is TICKETS:
                assert isinstance(effect.value, bytes)
                self.log.append(effect.value)
            if effect.topic is NOTICES:
                assert isinstance(effect.value, bytes)
                fact = NoticeRequested.model_validate_json(effect.value)
                assert effect.key == fact.citizen
                said = orjson.loads(effect.value)
                # Nothing is written that the contract does not know.
                assert said["data"].keys() <= NoticeRequestedData.model_fields.keys()
                assert said.keys() <= NoticeRequested.model_fields.keys()
                found.append(fact)
        return found


def test_R2_the_citizen_hears_at_once_number_steps_and_deadlines() -> None:
    inbox = _Inbox(POLICY)
    data = {"complainant": ZHANG, "channel": "phone", "due_at": DUE, "leaf": "lamp"}
    (fact,) = inbox.put("ticket.received", data, traceparent="00-1-2-01")
    assert (fact.subject, fact.citizen) == ("T1", inbox.state and inbox.state.citizen)
    assert (fact.source, fact.causationid, fact.recordedtime) == ("hotline/intake", "city 1", NOW)
    assert (fact.policyversion, fact.leaf, fact.traceparent) == (
        *(POLICY.version, "lamp", "00-1-2-01"),
    )
    said = fact.data
    assert (said.notice, said.revision, said.channel) == ("citizen.acknowledged", 1, "phone")
    assert [step.step for step in said.steps][:2] == ["received", "dispatched"]
    (_, (clock, at)) = [(each.clock, each.at.isoformat()) for each in said.deadlines]
    assert (clock, at) == ("resolve", "2026-08-04T18:00:00+08:00")
    assert "T1" in said.text_zh
    assert "2026-08-04 18:00" in said.text_zh
    assert "受理 → 派单" in said.text_zh
    assert "Promised by 2026-08-04 18:00" in said.text_en
    assert "张三" not in said.text_zh


def test_R2_a_deadline_is_told_as_local_time_whatever_offset_it_came_with() -> None:
    data = {"complainant": ZHANG, "due_at": "2026-08-04T10:00:00Z"}
    (fact,) = _Inbox(POLICY).put("ticket.received", data)
    assert fact.data.deadlines[-1].at.isoformat() == "2026-08-04T18:00:00+08:00"
    assert "2026-08-04 18:00" in fact.data.text_zh


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"complainant": ZHANG}, True),
        ({"complainant": ZHANG, "reply_wanted": True}, True),
        # Who wants no answer is not written to.
        ({"complainant": ZHANG, "reply_wanted": False}, False),
        ({}, False),
        ({"channel": "phone"}, False),
        ({"channel": "letter"}, False),
        # Whoever came by an app can be answered there, named or not.
        ({"channel": "app"}, True),
        ({"channel": "wechat", "anonymous": True}, True),
        # The platform knows the number; only the department must not.
        ({"complainant": ZHANG, "anonymous": True, "channel": "phone"}, True),
        ({"complainant": {"name": "张三"}, "channel": "visit"}, False),
    ],
)
def test_R2_who_can_be_told_and_wants_to_be(data: dict[str, Any], told: bool) -> None:
    assert bool(_Inbox(POLICY).put("ticket.received", data)) == told


def test_R2_without_a_deadline_that_is_said() -> None:
    policy = dataclasses.replace(POLICY, sla=dataclasses.replace(POLICY.sla, rules={}, _found={}))
    (fact,) = _Inbox(policy).put("ticket.received", {"complainant": ZHANG})
    assert fact.data.deadlines == ()
    assert "另行告知" in fact.data.text_zh


@pytest.mark.parametrize(
    ("data", "citizen", "called_back"),
    [
        ({"complainant": ZHANG, "channel": "phone"}, True, True),
        ({"complainant": ZHANG, "request_type": "praise"}, True, False),
        ({"channel": "wechat"}, False, True),
        # By what nobody can be asked again, though they can be written to.
        ({"channel": "web"}, False, False),
    ],
)
def test_R2_R33_a_callback_is_announced_to_whom_it_will_reach(
    data: dict[str, Any], citizen: bool, called_back: bool
) -> None:
    (fact,) = _Inbox(POLICY).put("ticket.received", data)
    assert (not fact.citizen.startswith("anon:")) == citizen
    steps = [each.step for each in fact.data.steps]
    assert ("called_back" in steps) == called_back
    assert ("回访" in fact.data.text_zh) == called_back
    assert ("asked whether" in fact.data.text_en) == called_back


RECEIVED = {"complainant": ZHANG, "channel": "wechat", "due_at": DUE}


@pytest.mark.parametrize(
    ("data", "deadlines"),
    [
        # Level 3: 7 calendar days from the day after, and moved off a day off.
        ({}, {"resolve": "2026-08-04T17:30", "reply": "2026-08-04T17:30"}),
        # What the platform promises wins, of the answer too.
        (
            {"due_at": "2026-08-02T12:00:00+08:00"},
            {"resolve": "2026-08-02T12:00", "reply": "2026-08-02T12:00"},
        ),
        # Level 1: two hours, by the clock.
        ({"urgency": "very_urgent"}, {"resolve": "2026-07-28T14:00"}),
    ],
)
def test_R2_each_deadline_is_told_at_receipt(
    data: dict[str, Any], deadlines: dict[str, str]
) -> None:
    (fact,) = _Inbox(POLICY).put("ticket.received", {"complainant": ZHANG, **data})
    told = {each.clock.value: each.at.isoformat()[:16] for each in fact.data.deadlines}
    assert deadlines.items() <= told.items()
    for at in told.values():
        assert at.replace("T", " ") in fact.data.text_zh
        assert at.replace("T", " ") in fact.data.text_en


def test_R2_of_a_receipt_that_comes_late_deadlines_count_from_when_it_was() -> None:
    event = {"complainant": ZHANG, "urgency": "very_urgent"}
    (fact,) = _Inbox(POLICY).put("ticket.received", event, time="2026-07-28T11:00:00+08:00")
    told = {each.clock.value: each.at.isoformat()[:16] for each in fact.data.deadlines}
    assert told["resolve"] == "2026-07-28T13:00"


def test_R2_what_has_passed_by_the_time_of_the_record_is_not_promised() -> None:
    event = {"complainant": ZHANG, "urgency": "very_urgent"}
    (fact,) = _Inbox(POLICY).put("ticket.received", event, time="2026-07-28T08:00:00+08:00")
    assert "承诺办结时限 2026-07-28 10:00 已过" in fact.data.text_zh


def test_R2_nobody_owes_an_anonymous_citizen_a_reply() -> None:
    data = {"channel": "app", "anonymous": True}
    (fact,) = _Inbox(POLICY).put("ticket.received", data)
    assert [each.clock.value for each in fact.data.deadlines] == ["resolve"]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("ticket.amended", {"changes": {"due_at": "2026-08-05T18:00:00+08:00"}}),
        ("ticket.amended", {"changes": {"due_at": None}}),
        ("extension.granted", {"new_due_at": "2026-08-09T18:00:00+08:00"}),
        ("ticket.dispatched", {"contact_due_at": "2026-08-01T18:00:00+08:00"}),
        ("ticket.progressed", {"text": "正在处理"}),
        ("ticket.received", {"due_at": "2026-08-05T18:00:00+08:00"}),
        ("ticket.closed", {}),
    ],
)
def test_R2_what_comes_after_the_receipt_is_told_by_the_sla_service(
    kind: str, data: dict[str, Any]
) -> None:
    inbox = _Inbox(POLICY)
    inbox.put("ticket.received", RECEIVED)
    assert inbox.put(kind, data) == []


def test_R2_an_imported_ticket_was_acknowledged_before() -> None:
    inbox = _Inbox(POLICY)
    assert inbox.put("ticket.imported", {**RECEIVED, "department": "city-water"}) == []


def test_R2_a_receipt_that_comes_after_the_close_is_not_acknowledged() -> None:
    inbox = _Inbox(dataclasses.replace(POLICY, intake=_WITHOUT_PARKING))
    inbox.put("ticket.closed")
    assert inbox.put("ticket.received", RECEIVED) == []


def test_R3_what_waited_for_the_receipt_is_told_with_it(policy: Policy) -> None:
    inbox = _Inbox(policy)
    assert inbox.put("ticket.dispatched", {"department": "water", "reply_due_at": DUE}) == []
    told = inbox.put("ticket.received", {"complainant": ZHANG})
    assert [(each.data.notice, each.data.revision) for each in told] == [
        ("citizen.acknowledged", 1),
        ("liaison.informed", 1),
    ]
    assert len({each.id for each in told}) == 2


@pytest.mark.parametrize(
    ("complainant", "reachable"),
    [(ZHANG, True), ({"kind": "person"}, None), ({"kind": "person", "reachable": True}, None)],
)
def test_R61_of_an_anonymous_citizen_the_log_says_only_that_there_is_a_way_back(
    complainant: dict[str, Any], reachable: bool | None
) -> None:
    inbox = _Inbox(POLICY)
    inbox.put("ticket.received", {"complainant": complainant, "anonymous": True})
    party = orjson.loads(inbox.log[-1])["data"]["complainant"]
    assert party.get("reachable") is reachable
    assert "citizen" not in party
    assert "13812345678" not in inbox.log[-1].decode()


# --- The liaison --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("department", "unit", "person", "channels", "vacant"),
    [
        ("city", "city", "lin", ["app lin", "sms lin-sms"], None),
        # Whose own channels are not known is reached by their unit's.
        ("water", "water", "bai", ["webhook https://water.example"], None),
        ("水务局", "water", "bai", ["webhook https://water.example"], None),
        # R5: the nearest unit above that fills the role.
        ("parks", "parks", "lin", ["app lin", "sms lin-sms"], "parks/liaison"),
        (
            "water-east",
            "water-east",
            "bai",
            ["webhook https://water.example"],
            "water-east/liaison",
        ),
        ("island", "island", None, [], "island/liaison"),
    ],
)
def test_R3_R5_the_liaison_hears_or_the_nearest_above(
    policy: Policy,
    department: str,
    unit: str,
    person: str | None,
    channels: list[str],
    vacant: str | None,
) -> None:
    inbox = _Inbox(policy)
    (fact,) = inbox.put("ticket.received", {"department": department, "urgency": "urgent"})
    said = fact.data
    assert (said.notice, said.unit, said.role) == ("liaison.informed", unit, "liaison")
    assert (said.person, said.vacant, said.undeliverable) == (person, vacant, person is None)
    assert [f"{each.kind} {each.address}" for each in said.channels] == channels
    assert said.urgency == "urgent"
    assert "T1" in said.text_zh
    assert said.unit_name in said.text_zh
    assert inbox.notes == ([] if vacant is None else [("intake_vacancies", (unit, "liaison"))])


@pytest.mark.parametrize("department", ["火星局", "城管所"])
def test_R5_a_unit_that_nobody_knows_or_two_have_the_name_of_is_counted(
    policy: Policy, department: str
) -> None:
    inbox = _Inbox(policy)
    assert inbox.put("ticket.received", {"department": department}) == []
    assert inbox.notes == [("intake_unknown_units", ("city",))]


def test_R3_a_dispatch_to_another_department_tells_its_liaison(policy: Policy) -> None:
    inbox = _Inbox(policy)
    units = []
    history: list[tuple[str, dict[str, Any]]] = [
        ("ticket.received", {"department": "water"}),
        # Within a working day of the event, all of the same instant here.
        ("ticket.dispatched", {"department": "water"}),
        ("ticket.dispatched", {"department": "水务局"}),
        ("ticket.dispatched", {"department": "parks"}),
        ("ticket.dispatched", {"department": "water"}),
        ("ticket.designated", {"department": "city"}),
        ("ticket.amended", {"changes": {"department": "water"}}),
        ("ticket.amended", {"changes": {"department": None}}),
        ("ticket.dispatched", {}),
    ]
    for kind, data in history:
        units.append([each.data.unit for each in inbox.put(kind, data)])
    assert units == [["water"], [], [], ["parks"], ["water"], ["city"], ["water"], [], []]


@pytest.mark.parametrize(
    ("terms", "urgency", "at"),
    [
        ({"accept_due_at": "2026-07-28T10:00:00Z"}, "normal", "2026-07-28 18:00"),
        # Where the platform sets none, the policy's: one working day, or 15 minutes.
        ({}, "normal", "2026-07-29 17:30"),
        ({}, "very_urgent", "2026-07-28 12:15"),
    ],
)
def test_R3_the_accept_timer_is_told(
    policy: Policy, terms: dict[str, Any], urgency: str, at: str
) -> None:
    inbox = _Inbox(policy)
    inbox.put("ticket.received", {"urgency": urgency})
    terms = {"department": "water", **terms}
    (fact,) = inbox.put("ticket.dispatched", terms)
    assert fact.data.accept_due_at is not None
    assert fact.data.accept_due_at.isoformat() == f"{at.replace(' ', 'T')}:00+08:00"
    assert [each.clock for each in fact.data.deadlines] == ["accept"]
    assert f"签收时限：{at}" in fact.data.text_zh
    assert fact.data.urgency == urgency
    # The same again is not told again; another dispatch has an accept timer of its own.
    assert inbox.put("ticket.dispatched", terms) == []
    later = {**terms, "accept_due_at": "2026-07-30T10:00:00Z"}
    (again,) = inbox.put("ticket.dispatched", later)
    assert "2026-07-30 18:00" in again.data.text_zh


def test_R3_an_accept_timer_that_has_passed_is_told_as_passed(policy: Policy) -> None:
    """The dispatch was recorded late, or the platform's date lies before it."""
    inbox = _Inbox(policy)
    inbox.put("ticket.received", {})
    (fact,) = inbox.put(
        "ticket.dispatched", {"department": "water", "accept_due_at": "2026-07-27T10:00:00Z"}
    )
    assert "签收时限 2026-07-27 18:00 已过" in fact.data.text_zh
    assert "2026-07-27 18:00, has passed" in fact.data.text_en
    assert fact.data.accept_due_at is not None


def test_R3_the_accept_timer_is_told_at_the_receipt_too(policy: Policy) -> None:
    (fact,) = _Inbox(policy).put("ticket.received", {"department": "water"})
    assert "签收时限：2026-07-29 17:30" in fact.data.text_zh


def test_R61_of_a_confidential_ticket_the_liaison_learns_nothing_of_the_person(
    policy: Policy,
) -> None:
    inbox = _Inbox(policy)
    data = {"department": "water", "complainant": ZHANG, "confidential": True}
    citizen, liaison = inbox.put("ticket.received", data)
    assert citizen.data.notice == "citizen.acknowledged"
    assert citizen.citizen.startswith("c:")
    assert (liaison.citizen, liaison.data.confidential) == ("anon:T1", True)
    assert citizen.citizen not in liaison.model_dump_json()
    assert "保密" in liaison.data.text_zh


def test_I2_the_id_of_a_notice_is_that_of_its_cause_and_unit(policy: Policy) -> None:
    one, two = (
        [
            each.id
            for each in _Inbox(policy).put("ticket.received", {**RECEIVED, "department": unit})
        ]
        for unit in ("water", "parks")
    )
    again = [
        each.id
        for each in _Inbox(policy).put("ticket.received", {**RECEIVED, "department": "water"})
    ]
    assert one == again
    assert one[0] == two[0]
    assert one[1] != two[1]


# --- Words --------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["cn-12345", "us-311", "uk-council"])
def test_R2_every_profile_has_words_and_their_sources(profile: str) -> None:
    for version in load(profile).versions:
        notices = version.policy.notices
        assert {"acknowledged", "informed", "steps", "deadlines", "way_back"} <= set(
            notices.sources
        )
        assert "{ticket}" in notices.acknowledged.words.zh
        assert "{deadlines}" in notices.acknowledged.words.en
        assert "{steps}" not in notices.acknowledged.words.en
        known = {"resolve", "first_contact", "reply", "accept", "interim_news"}
        assert notices.deadlines.keys() == known


def test_a_field_that_no_notice_has_is_refused_when_the_policy_is_read(tmp_path: Path) -> None:
    source = SHIPPED / "cn-12345"
    for path in source.rglob("*.yaml"):
        copy = tmp_path / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        copy.write_text(text.replace("工单编号 {ticket}", "工单编号 {number}"), encoding="utf-8")
    with pytest.raises(PolicyError, match=r"no field \{number\}; there are: \{ticket\}"):
        load(tmp_path)
