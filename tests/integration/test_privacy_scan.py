"""R61: what describes a citizen is in the inbox alone, whatever field it came in.

Telephone numbers (digits and spelt), id numbers, names, plates, e-mail and house numbers are put
wherever a publisher may put them, in events that are taken, parked, refused and unreadable. Then
every other topic, every log and every table is searched for them.
"""

import base64
import copy
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from aiokafka.structs import ConsumerRecord

from deploy.local.broker import Cluster
from schemas.dead_letter import SEALED
from schemas.events import EVENT_TYPES
from schemas.topics import CALLBACKS, DEAD_LETTERS, INBOX, NOTICES, SERVICES, SLA, TICKETS
from services.intake.masking import KEPT, OFFICIAL, PARTIES, WITHHELD
from tests.kit import feed
from tests.kit.lab import Lab

GUIDE = Path(__file__).resolve().parents[2] / "docs/contracts/publishers-guide.md"
EXAMPLES: dict[str, dict[str, Any]] = {
    document["type"]: document
    for text in re.findall(r"^```json\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)
    for document in [orjson.loads(text)]
}

READERS = SERVICES[1:]
"""Services that read the log."""
PHONE, SPELT_PHONE, ID_NUMBER = "13987650123", "幺三七六五四三二一九八", "430102198807061239"
NAME, ENGLISH_NAME = "欧阳琉璃", "Persimmon Quillfeather"
PLATE, EMAIL, HOUSE = "湘A7Q19K", "liuli.ouyang@example.com", "37号6栋2单元2402室"
PLANTED = {
    "a telephone number": PHONE,
    "a landline": "0731-85557301",
    "a spelt telephone number": SPELT_PHONE,
    "an id number": ID_NUMBER,
    "a spelt id number": "四三零一零二一九八八零七零六一二三九",
    "a card number": "6222021234567890128",
    "a name": NAME,
    "an English name": ENGLISH_NAME,
    "a plate": PLATE,
    "an e-mail address": EMAIL,
    "a house number": HOUSE,
    "a flat": "2402室",
    "a British house": "4711 Mulberry",
}
TOLD = (
    f"我叫{NAME}，电话{PHONE}，座机0731-85557301，也就是{SPELT_PHONE}。身份证{ID_NUMBER}，"
    "念作四三零一零二一九八八零七零六一二三九，卡号6222021234567890128，"
    f"车牌{PLATE}，邮箱{EMAIL}，住人民路{HOUSE}。"
    f"My name is {ENGLISH_NAME}, of 4711 Mulberry Street."
)
FORMS = {
    form: what
    for what, value in PLANTED.items()
    for form in (
        value.encode(),
        json.dumps(value)[1:-1].encode(),
        value.encode().hex().encode(),
        base64.b64encode(value.encode()).rstrip(b"=")[:-1],
    )
}
_HAN = re.compile("[\u4e00-\u9fff]")
_CODED = frozenset({"type", "gender", "credit_code", "scheme", "value"})


def soiled(value: Any, name: str = "") -> Any:
    """An example of the guide with personal data in every field that may hold any."""
    if isinstance(value, dict):
        made = {key: soiled(item, key) for key, item in value.items()}
        if name not in WITHHELD and name != "first" and name != "second":
            made["备注"] = TOLD
            made[PHONE] = EMAIL
            if name != "extras":  # these are strings
                made["remark"] = {EMAIL: [PHONE, {"x": int(PHONE)}]}
        if name in PARTIES:
            made["name"] = NAME
            made["identities"] = [
                {"scheme": "phone", "value": PHONE},
                {"scheme": "id_card", "value": ID_NUMBER},
                {"scheme": "email", "value": EMAIL},
            ]
        return made
    if isinstance(value, list):
        return value if name in KEPT else [soiled(item, name) for item in value]
    if not isinstance(value, str) or name in KEPT or name in _CODED:
        return value
    if name in OFFICIAL:
        return f"{value} {PHONE}"
    if name in ("address", "neighbourhood"):
        return f"{value}{HOUSE}"
    if name in ("recording", "reference"):
        return f"{value}/{PHONE}-{EMAIL}"
    if name == "callback_number":
        return PHONE
    return f"{value}{TOLD}"[:20_000] if _HAN.search(value) else value


def event(kind: str, number: int, ticket: str, at: datetime) -> dict[str, Any]:
    """The guide's example of that type as an event of that ticket, soiled."""
    document = copy.deepcopy(EXAMPLES[kind])
    document.update(id=f"soiled-{number}", subject=ticket, time=at.isoformat())
    document["data"] = soiled(document["data"])
    for name in ("first", "second"):
        if name in document["data"]:
            document["data"][name] = {"identity": {"scheme": "phone", "value": PHONE}}
    document["note"] = TOLD
    document[f"x{PHONE}"] = PHONE
    if kind == "hotline.call.recorded.v1":
        document["data"]["number"] = PHONE
    EVENT_TYPES[kind].model_validate(document)
    return document


def record(document: dict[str, Any]) -> feed.New:
    return feed.New(document["subject"].encode(), json.dumps(document, ensure_ascii=False).encode())


def binary(document: dict[str, Any]) -> feed.New:
    """The same in binary mode: attributes as headers."""
    attributes = {name: value for name, value in document.items() if name != "data"}
    headers = tuple((f"ce_{name}", str(value).encode()) for name, value in attributes.items())
    return feed.New(
        document["subject"].encode(),
        json.dumps(document["data"]).encode(),
        headers=(*headers, ("content-type", b"application/json")),
    )


def unreadable(ticket: str, at: datetime) -> list[feed.New]:
    """What becomes dead letters, each with personal data in it."""
    good = event("hotline.ticket.received.v1", 9_000, ticket, at)
    wrong = [
        {**good, "type": f"hotline.{TOLD}.v1"},
        {**good, "type": "hotline.ticket.received.v9"},
        {**good, "id": "late", "time": "2099-01-01T00:00:00Z"},
        {**good, "id": "odd", "data": TOLD},
        {**good, "id": "odd-2", "data": {**good["data"], "complainant": TOLD}},
        {**good, "id": "odd-3", "data": {**good["data"], "urgency": TOLD}},
        {**good, "id": "odd-4", "data": {**good["data"], "place": {"lat": PHONE}}},
        {**good, "specversion": TOLD},
        {**good, "id": "deep", "data": json.loads('{"a":' * 40 + f'"{PHONE}"' + "}" * 40)},
    ]
    key = ticket.encode()
    return [
        *(record(document) for document in wrong),
        feed.New(key, TOLD.encode(), headers=(("caller", PHONE.encode()),)),
        feed.New(PHONE.encode(), f'{{"{PHONE}": "{TOLD}"'.encode()),
        feed.New(key, json.dumps(TOLD).encode()),
        feed.New(key, TOLD.encode("gbk")),
        feed.New(key, f'{{"{PHONE}": 1, "{PHONE}": 2}}'.encode()),
        feed.New(f"caller/{PHONE}".encode(), None, headers=((EMAIL, PHONE.encode()),)),
        binary({**good, "id": "bin", "time": TOLD}),
    ]


@pytest.fixture
def lab(
    kafka: Cluster,
    topic_prefix: str,
    make_topics: Callable[..., tuple[str, ...]],
    tmp_path: Path,
) -> Iterator[Lab]:
    made = Lab(kafka.bootstrap, topic_prefix, tmp_path)
    make_topics(topic_prefix, services=SERVICES)
    try:
        yield made
    finally:
        made.kill_all()


def found_in(data: bytes | None) -> str | None:
    """Which planted value stands there."""
    if not data:
        return None
    return next((what for form, what in FORMS.items() if form in data), None)


async def topics_of(lab: Lab) -> dict[str, int]:
    """Every topic of this deployment and how many partitions it has, as the broker says."""
    async with feed.administrating(lab.bootstrap) as admin:
        names = [name for name in await admin.list_topics() if name.startswith(lab.prefix)]
        told = await admin.describe_topics(names)
    return {each["topic"]: len(each["partitions"]) for each in told}


def leaks_in(topic: str, record: ConsumerRecord) -> Iterator[str]:
    parts = [("key", record.key), ("value", record.value)]
    for name, value in record.headers:
        parts += [(f"name of header {name}", name.encode()), (f"header {name}", value)]
    for part, data in parts:
        if what := found_in(data):
            yield f"{topic}-{record.partition} offset {record.offset}: {what} in its {part}"


async def leaks_in_tables(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        found, rows = [], 0
        for schema, table in tables:
            for row in await connection.fetch(f'SELECT * FROM "{schema}"."{table}"'):  # noqa: S608
                rows += 1
                for column, value in row.items():
                    data = bytes(value) if isinstance(value, bytes) else str(value).encode()
                    if what := found_in(data):
                        found.append(f"{schema}.{table}.{column}: {what}")
        assert rows > 0, "intake has put nothing into the database"
        return found
    finally:
        await connection.close()


async def test_R61_personal_data_is_in_the_inbox_alone(lab: Lab, dsn: str) -> None:
    at = datetime.now(UTC) - timedelta(hours=3)
    assert EXAMPLES.keys() == EVENT_TYPES.keys()
    kinds = sorted(EXAMPLES, key=lambda kind: ("received" not in kind, kind))
    events = [
        event(kind, number, f"T{number % 3}", at + timedelta(minutes=number))
        for number, kind in enumerate(kinds)
    ]
    again = {**events[0], "id": "again", "subject": "T9"}
    parked = [
        event("hotline.dispatch.accepted.v1", 5_000, "never-received", at),
        event("hotline.reply.submitted.v1", 5_001, "never-received", at),
    ]
    reused = {**events[1], "data": {**events[1]["data"], "title": TOLD}}
    elsewhere = {**events[1], "subject": "another"}
    in_headers = event("hotline.ticket.received.v1", 6_000, "B1", at)
    bad = unreadable("T1", at)
    records = [
        *(record(each) for each in (*events, again, *parked, reused, elsewhere)),
        binary(in_headers),
        *bad,
    ]
    database = {"HOTLINE_POSTGRES_DSN": dsn}
    lab.worker("intake", name="intake", **database).start()
    lab.worker(*READERS, name="readers", **database).start()
    await lab.publish(INBOX, records)
    await lab.drained("intake", INBOX)
    for service in READERS:
        await lab.drained(service, TICKETS)
    for stated in (SLA, CALLBACKS, NOTICES):
        assert any((await lab.ledger.read(stated)).values()), f"nothing on {stated.name} to search"

    letters = await lab.ledger.read(DEAD_LETTERS)
    put_aside = [each for records in letters.values() for each in records]
    assert len(put_aside) >= len(bad) + 1, "each unreadable one, and the id used twice"
    for each in put_aside:
        assert dict(each.headers).get(SEALED), "the original is sealed"
    log = await lab.ledger.read(TICKETS)
    masked = b"".join(each.value or b"" for records in log.values() for each in records)
    for mark in ("phone", "id", "card", "name", "plate", "email", "house"):
        assert f"[{mark}]".encode() in masked, f"nothing masked as {mark}: was it planted?"

    topics = await topics_of(lab)
    assert {lab.name(INBOX), lab.name(TICKETS), lab.name(DEAD_LETTERS)} < topics.keys()
    leaks: list[str] = []
    for topic, partitions in topics.items():
        if topic == lab.name(INBOX):
            continue
        read = await feed.read_topic(
            lab.bootstrap, topic, partitions=partitions, isolation="read_uncommitted"
        )
        for found in read.values():
            leaks += [leak for each in found for leak in leaks_in(topic, each)]
    for worker in lab.workers:
        for number, line in enumerate(worker.log_text().splitlines(), 1):
            if what := found_in(line.encode()):
                leaks.append(f"log of {worker.name}, line {number}: {what}")
    leaks += await leaks_in_tables(dsn)
    assert not leaks, "\n".join(leaks[:40])
