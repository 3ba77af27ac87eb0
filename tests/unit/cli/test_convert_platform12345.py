"""The example of a typical 12345 platform: every state of its tickets becomes an event."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from cli.conversion import Converted, Converter, load_mapping
from cli.conversion.values import Row
from policy.bundle import load
from runtime.driver import Driver, Written
from runtime.keys import KeyRing
from runtime.processor import Record
from schemas.topics import INBOX, TICKETS
from services.intake.domain import Intake
from vault.directory import KeyedPseudonyms

MAPPING = Path(__file__).resolve().parents[3] / "deploy/mappings/platform12345.yaml"
FIRST = {
    "诉求类型": "投诉",
    "标题": "路灯不亮",
    "诉求内容": "楼下路灯不亮",
    "末级分类代码": "lamp",
    "紧急程度": "一般",
    "诉求人": "张三",
    "联系电话": "13812345678",
    "是否匿名": "否",
    "是否保密": "否",
    "是否回复": "是",
    "事发地址": "中山路 128 号",
    "区划代码": "320106",
    "来源渠道": "电话",
    "被诉单位": "市城市管理局",
    "办理时限": "2026-03-12 18:00:00",
}
STEPS: list[tuple[str, dict[str, str], list[str]]] = [
    # 状态, what else changes, the events
    ("待派单", {}, ["ticket.received"]),
    ("待签收", {"承办单位": "市水务集团"}, ["ticket.dispatched"]),
    ("办理中", {}, ["dispatch.accepted"]),
    ("退单待审", {}, ["return.requested"]),
    ("办理中", {}, ["return.refused"]),
    ("退单待审", {}, ["return.requested"]),
    ("待派单", {}, ["return.approved"]),
    ("待签收", {"承办单位": "市城市管理局"}, ["ticket.dispatched"]),
    ("待签收", {"承办单位": "东城区"}, ["ticket.dispatched"]),
    ("办理中", {}, ["dispatch.accepted"]),
    ("办理中", {"办理意见": "已到现场"}, ["ticket.progressed"]),
    ("办理中", {"催办次数": "1"}, ["citizen.chased"]),
    ("办理中", {"末级分类代码": "road", "紧急程度": "紧急"}, ["ticket.amended", "ticket.amended"]),
    ("延期待审", {}, ["extension.requested"]),
    ("办理中", {"办理时限": "2026-03-20 18:00:00"}, ["extension.granted"]),
    ("延期待审", {}, ["extension.requested"]),
    ("办理中", {}, ["extension.refused"]),
    ("挂起", {}, ["hold.started"]),
    ("办理中", {}, ["hold.ended"]),
    ("待核实", {}, ["verification.requested"]),
    ("办理中", {}, ["verification.answered"]),
    ("待审核", {"办理意见": "已更换灯泡", "是否解决": "是"}, ["reply.submitted"]),
    ("办理中", {}, ["reply.rejected"]),
    ("待审核", {}, ["reply.submitted"]),
    ("待结案", {}, ["reply.approved", "close.requested"]),
    ("已结案", {}, ["ticket.closed"]),
    ("已回访", {"是否联系上": "是", "是否解决": "否", "满意度": "不满意"}, ["callback.answered"]),
    ("重办", {}, ["ticket.reopened"]),
    ("待签收", {}, ["ticket.dispatched"]),
    ("办理中", {}, ["dispatch.accepted"]),
    ("待审核", {"办理意见": "再次更换"}, ["reply.submitted"]),
    ("已结案", {}, ["reply.approved", "ticket.closed"]),
]


def _convert(steps: list[tuple[str, dict[str, str], list[str]]]) -> list[list[dict[str, Any]]]:
    """The events of each row, as a platform would have written the table."""
    mapping = load_mapping(MAPPING)
    columns = sorted(mapping.columns)
    file, cells = io.StringIO(), dict.fromkeys(columns, "") | FIRST
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    for number, (state, changes, _) in enumerate(steps):
        cells |= {"工单编号": "GD001", "状态": state, "操作人": "8035", **changes}
        cells["操作时间"] = f"2026-03-{2 + number // 24:02d} {number % 24:02d}:00:00"
        writer.writerow(cells)
    file.seek(0)
    converter = Converter(mapping)
    found: list[list[dict[str, Any]]] = []
    for line, row in enumerate(csv.DictReader(file), start=2):
        made = list(converter.convert(Row(line, row)))
        found.append([dict(each.document) for each in made if isinstance(each, Converted)])
        assert len(found[-1]) == len(made), made
    return found


def test_every_state_of_a_ticket_becomes_its_events() -> None:
    kinds = [
        [event["type"].removeprefix("hotline.").removesuffix(".v1") for event in row]
        for row in _convert(STEPS)
    ]
    assert kinds == [wanted for _, _, wanted in STEPS]


def test_the_table_tries_every_event_of_the_mapping_but_the_two_other_ends() -> None:
    tried = {kind for _, _, kinds in STEPS for kind in kinds}
    rules = yaml.safe_load(MAPPING.read_text(encoding="utf-8"))["events"]
    assert {rule["type"] for rule in rules} - tried == {"ticket.not_accepted", "ticket.withdrawn"}


@pytest.mark.parametrize(
    ("state", "kind"), [("不予受理", "ticket.not_accepted"), ("已撤单", "ticket.withdrawn")]
)
def test_a_ticket_may_end_otherwise(state: str, kind: str) -> None:
    *_, last = _convert([STEPS[0], (state, {"办理意见": "理由"}, [])])
    assert [event["type"] for event in last] == [f"hotline.{kind}.v1"]


def test_the_receipt_has_what_the_table_has() -> None:
    ((event,),) = _convert(STEPS[:1])
    assert event["time"] == "2026-03-02T00:00:00+08:00"
    assert event["data"] == {
        "request_type": "complaint",
        "title": "路灯不亮",
        "text": "楼下路灯不亮",
        "leaf": "lamp",
        "leaf_source": "agent",
        "urgency": "normal",
        "complainant": {
            "kind": "person",
            "name": "张三",
            "identities": [{"scheme": "phone", "value": "13812345678"}],
        },
        "anonymous": False,
        "confidential": False,
        "reply_wanted": True,
        "place": {"address": "中山路 128 号", "division": "320106"},
        "channel": "phone",
        "department": "市城市管理局",
        "due_at": "2026-03-12T18:00:00+08:00",
        "agent": "8035",
    }


def test_intake_finds_nothing_odd_in_such_a_life() -> None:
    written: list[Written] = []
    ring = KeyRing({1: bytes(range(32))})
    intake = Intake(directory=KeyedPseudonyms.of(ring), ring=ring, partitions=1)
    driver = Driver([intake], load("cn-12345"), written.append)
    at_ms = int(datetime(2026, 4, 1, tzinfo=UTC).timestamp() * 1000)
    events = [event for row in _convert(STEPS) for event in row]
    for offset, event in enumerate(events):
        driver.feed(Record(INBOX, 0, offset, b"GD001", orjson.dumps(event), at_ms + offset))
    log = [orjson.loads(each.value or b"") for each in written if each.topic is TICKETS]
    assert len(log) == len(events)
    assert [each["anomaly"] for each in log if "anomaly" in each] == []
