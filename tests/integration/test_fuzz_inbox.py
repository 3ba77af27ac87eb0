"""F15 on the entrance over Kafka: whatever lies in the inbox, intake goes on and tells what became
of it: on the log, dropped as a duplicate, waiting for its receipt, or a dead letter with a reason.

Malformed are valid events with fields taken away, replaced or added, with bytes put in or cut off,
in other headers, under other keys, without a value; and what no publisher would ever write.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from deploy.local.broker import Cluster
from policy.bundle import load
from runtime.driver import Driver, Written
from runtime.processor import Record
from schemas.dead_letter import DeadLetter
from schemas.events import parse_event
from schemas.topics import DEAD_LETTERS, INBOX, TICKETS
from services.intake.domain import Intake
from tests.kit import feed
from tests.kit.lab import Lab
from tests.kit.mangling import damaged, documents, dumped
from tests.kit.sealing import RING
from vault.directory import KeyedPseudonyms

BEGIN: Final = datetime(2026, 7, 28, tzinfo=UTC)
INPUTS: Final = (2_000, pytest.param(10_000, marks=pytest.mark.long))
AT_ONCE: Final = 100
BY_A_WORKER: Final = 300

REASONS: Final = frozenset(
    {
        *("null_value", "too_large", "not_utf8", "not_json", "binary_malformed", "not_cloudevent"),
        *("unknown_type", "unknown_version", "invalid", "repeated_name", "too_deep"),
        *("time_in_future", "id_reused"),
    }
)
"""All that the README of intake names. ``rule_raised`` is not among them: that would be a bug."""

KINDS = (
    *("ticket.received", "ticket.amended", "ticket.closed", "ticket.reopened", "ticket.imported"),
    *("dispatch.accepted", "reply.submitted", "contact.received", "call.recorded"),
    *("identity.linked", "citizen.chased", "verdict.marked", "notice.failed", "ticket.merged"),
)
SEEDS: Final[list[dict[str, Any]]] = [
    orjson.loads(each.value or b"") for each in feed.city(30, random.Random(15))
] + [
    {
        "specversion": "1.0",
        "id": f"s-{number}",
        "source": "test/city",
        "type": f"hotline.{kind}.v1",
        "time": BEGIN.isoformat(),
        "subject": f"T{number % 5}",
        "data": {
            "text": "路灯坏了，我叫张三，电话13812345678",
            "place": {"address": "人民路12号", "lat": 32.05, "lon": 118.78},
            "complainant": {"identities": [{"scheme": "phone", "value": "13812345678"}]},
            "dispatch_id": "D-1",
            "changes": {"leaf": "lamp", "title": "路灯"},
            "first": {"identity": {"scheme": "phone", "value": "13812345678"}},
            "second": {"identity": {"scheme": "email", "value": "a@example.com"}},
            "state": "dispatched",
        },
    }
    for number, kind in enumerate(KINDS)
]
header_names = st.sampled_from(
    ["ce_id", "ce_type", "ce_time", "ce_source", "ce_subject", "ce_specversion", "content-type"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
odd_headers = st.lists(st.tuples(header_names, st.binary(max_size=20)), max_size=4).map(tuple)


@st.composite
def binary_mode(draw: st.DrawFn) -> feed.New:
    """An event whose attributes are headers, some of them odd."""
    document = draw(documents(SEEDS))
    data = document.pop("data", None)
    headers = tuple(
        (f"ce_{name}", str(value).encode(errors="surrogatepass"))
        for name, value in document.items()
        if name.isascii() and name.isprintable()
    )
    content = (("content-type", draw(st.sampled_from([b"application/json", b"text/plain", b""]))),)
    return feed.New(None, dumped(data), 0, (*headers, *content, *draw(odd_headers)))


keys = st.none() | st.binary(max_size=12) | st.sampled_from([b"T1", b"__task__", b"\xff\xfe"])
values = st.one_of(
    documents(SEEDS).map(dumped),
    damaged(SEEDS),
    damaged(SEEDS),
    documents(SEEDS).map(lambda each: dumped(each).replace(b"{", b'{"id":1,"id":2,', 1)),
    documents(SEEDS).map(lambda each: dumped({**each, "extra": "x" * 1_200_000})),
    st.binary(max_size=60),
    st.none(),
)
records = st.one_of(
    st.builds(feed.New, keys, values, st.just(0), st.just(()) | odd_headers),
    st.builds(feed.New, keys, values, st.just(0), st.just(())),
    binary_mode(),
)
BATCHES = st.lists(records, min_size=AT_ONCE, max_size=AT_ONCE)


class Told:
    """What came of the records of an inbox."""

    def __init__(self) -> None:
        self.on_log: set[tuple[str, str, str]] = set()
        """Of one inbox. A link of two citizens is on the log of either: two records, one event."""
        self.reasons: Counter[str] = Counter()

    def take(self, written: Written) -> None:
        if written.topic is TICKETS:
            assert written.value is not None
            event = parse_event(written.value)
            assert event.recordedtime is not None
            self.on_log.add((event.source, event.id, event.subject))
        elif written.topic is DEAD_LETTERS:
            letter = DeadLetter.from_record(written.value, written.headers)
            assert letter.detail, letter
            self.reasons[letter.reason] += 1


def fed(batch: list[feed.New], told: Told, counted: Counter[str]) -> None:
    """Through the pure intake, whole, until nothing waits any more."""
    intake = Intake(
        directory=KeyedPseudonyms(bytes(range(32))), ring=RING, partitions=1, forward=False
    )
    driver = Driver([intake], load("cn-12345"), told.take)
    told.on_log.clear()
    before = told.reasons.total()
    for offset, new in enumerate(batch):
        at_ms = round((BEGIN + timedelta(seconds=offset)).timestamp() * 1_000)
        driver.feed(Record(INBOX, 0, offset, new.key, new.value, at_ms, new.headers))
    driver.advance(BEGIN + timedelta(days=2))
    assert not driver.failures, driver.failures
    notes = Counter[str]()
    for (name, _), count in driver.notes.items():
        notes[name] += count
    settled = len(told.on_log) + told.reasons.total() - before + notes["intake_duplicates"]
    notes["on_log"] = len(told.on_log)
    assert settled == len(batch), "each record ends on the log, as a duplicate or a dead letter"
    counted.update(notes)


@pytest.mark.parametrize("inputs", INPUTS)
def test_F15_thousands_of_malformed_records_end_somewhere_told(inputs: int) -> None:
    told, counted = Told(), Counter[str]()

    @seed(12345)
    @settings(
        max_examples=inputs // AT_ONCE,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(BATCHES)
    def attempt(batch: list[feed.New]) -> None:
        fed(batch, told, counted)

    attempt()
    assert counted["on_log"] + told.reasons.total() + counted["intake_duplicates"] == inputs
    assert told.reasons.keys() <= REASONS
    assert counted["intake_parked"] > 0
    assert counted["on_log"] > inputs / 100
    assert len(told.reasons) > len(REASONS) / 2, told.reasons


@pytest.fixture
def lab(
    kafka: Cluster,
    topic_prefix: str,
    make_topics: Callable[..., tuple[str, ...]],
    tmp_path: Path,
) -> Iterator[Lab]:
    made = Lab(kafka.bootstrap, topic_prefix, tmp_path)
    make_topics(topic_prefix, services=("intake",))
    try:
        yield made
    finally:
        made.kill_all()


async def test_F15_a_worker_survives_malformed_records_and_takes_the_next_good_one(
    lab: Lab, dsn: str
) -> None:
    drawn: list[feed.New] = []

    @seed(54321)
    @settings(
        max_examples=BY_A_WORKER // 20,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(records, min_size=20, max_size=20))
    def draw(batch: list[feed.New]) -> None:
        drawn.extend(batch)

    draw()
    bad = [  # no client can send a record with neither key nor value
        feed.New(new.key if new.value is not None else b"k", new.value, n % 4, new.headers)
        for n, new in enumerate(drawn)
    ]
    good = [feed.receipt(f"G{n}", n, "lamp", datetime.now(UTC)) for n in range(8)]
    worker = lab.worker("intake", HOTLINE_POSTGRES_DSN=dsn, HOTLINE_POISON_MINIMUM="100000").start()
    await lab.publish(INBOX, [*bad, *good])
    await lab.drained("intake", INBOX)

    assert worker.running
    letters = await lab.ledger.letters()
    assert {letter.reason for letter in letters} <= REASONS
    places = Counter((letter.partition, letter.offset) for letter in letters)
    assert set(places.values()) == {1}, "a record is put aside once"
    log = await lab.ledger.read(TICKETS)
    subjects = {orjson.loads(r.value)["subject"] for part in log.values() for r in part}
    assert {f"G{n}" for n in range(8)} <= subjects
    assert worker.metric("hotline_quarantined_keys") in (None, 0)
