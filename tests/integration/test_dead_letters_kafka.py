"""``hotline dead-letters`` against a real broker: listed, shown, put back once and in order."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from click.testing import CliRunner, Result

from cli.dead_lettering.errors import FailedAgain, HoldsAPlace, NotTaken
from cli.dead_lettering.putting_back import Outcome, put_back, put_letter_back
from cli.dead_lettering.reading import read_letters
from cli.dead_letters import dead_letters
from deploy.local.broker import Cluster
from runtime.settings import EngineSettings
from schemas.dead_letter import DeadLetter, RedriveEnd, Redriven, read_redrive
from schemas.topics import DEAD_LETTERS, redrive
from tests.kit.sealing import KEYS, SEALER

FIRST = "hotline.tickets-1-10"


def letter(offset: int, **changed: Any) -> DeadLetter:
    given: dict[str, Any] = {
        "service": "dedup",
        "reason": "blocked",
        "detail": "waits",
        "topic": "hotline.tickets",
        "partition": 1,
        "offset": offset,
        "timestamp_ms": 1_795_000_000_000,
        "key": b"c:\xff1",
        "value": b'{"offset": %d}' % offset,
        "headers": (("ce_id", b"e1"),),
        "subject": "T1",
        "blocked_by": FIRST,
    }
    return DeadLetter(**(given | changed))


RAISED = letter(10, reason="rule_raised", detail="KeyError: ['leaf']", blocked_by=None)


@dataclass
class Service:
    """Takes what is put back and commits, as the engine does; ``on_end`` may letter more."""

    settings: EngineSettings
    answers: list[list[DeadLetter]] = field(default_factory=list)
    alone: list[DeadLetter] = field(default_factory=list)
    """Letters that follow what goes back alone."""
    taken: list[Redriven] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    async def run(self) -> None:
        kwargs = self.settings.kafka_client_kwargs()
        here = TopicPartition(self.settings.topic(redrive("dedup")), 1)
        consumer = AIOKafkaConsumer(
            **kwargs,
            group_id=self.settings.group_id("dedup"),
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            consumer.assign([here])
            async for record in consumer:
                one = read_redrive(record.key, record.value, record.headers)
                if isinstance(one, RedriveEnd):
                    self.ends.append(one.letters)
                    if self.answers:
                        await write(self.settings, *self.answers.pop(0))
                else:
                    self.taken.append(one.opened(SEALER))
                    if one.subject is None:
                        await write(self.settings, *self.alone)
                await consumer.commit({here: record.offset + 1})
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Service"]:
        task = asyncio.create_task(self.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def write(settings: EngineSettings, *letters: DeadLetter) -> None:
    producer = AIOKafkaProducer(**settings.kafka_client_kwargs(), enable_idempotence=True)
    await producer.start()
    try:
        for one in letters:
            record = one.to_record(SEALER)
            await producer.send_and_wait(
                settings.topic(DEAD_LETTERS),
                key=record.key,
                value=record.value,
                headers=list(record.headers),
            )
    finally:
        await producer.stop()


@pytest.fixture
def settings(
    kafka: Cluster, topic_prefix: str, make_topics: Any, monkeypatch: pytest.MonkeyPatch
) -> EngineSettings:
    make_topics(topic_prefix, partitions=2)
    monkeypatch.setenv("HOTLINE_KAFKA_BOOTSTRAP", kafka.bootstrap)
    monkeypatch.setenv("HOTLINE_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("HOTLINE_KEYS", KEYS)
    return EngineSettings.for_service("dedup")


def hotline(*arguments: str) -> Result:
    return CliRunner().invoke(dead_letters, arguments, env={"COLUMNS": "200"})


def test_I10_letters_are_listed_and_shown_with_their_original_bytes(
    settings: EngineSettings,
) -> None:
    refused = letter(
        3, service="intake", reason="not_json", subject=None, blocked_by=None, value=b"\xff{"
    )
    asyncio.run(write(settings, RAISED, letter(11), refused))
    listed = [json.loads(line) for line in hotline("list", "--json").output.splitlines()]
    assert [(one["service"], one["reason"], one["ticket"], one["waits"]) for one in listed] == [
        ("dedup", "rule_raised", "T1", True),
        ("dedup", "blocked", "T1", True),
        ("intake", "not_json", None, False),
    ]
    only = hotline("list", "--service", "intake", "--since", "1h", "--json").output.splitlines()
    assert [json.loads(line)["id"] for line in only] == [listed[2]["id"]]
    assert "KeyError: ['leaf']" in hotline("list").output
    assert "not_json" in hotline("list", "--reasons").output
    shown = hotline("show", listed[0]["id"], "--json")
    assert json.loads(shown.output)["key"] == "c:\\xff1"
    assert hotline("show", listed[2]["id"], "--value").stdout_bytes == b"\xff{"
    missing = hotline("show", "0:999")
    assert (missing.exit_code, "no letter 0:999" in missing.output) == (1, True)


def test_R61_without_the_keys_a_letter_is_listed_and_shown_but_its_original_is_not(
    settings: EngineSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refused = letter(3, reason="invalid", subject=None, blocked_by=None, value=b"13812345678")
    asyncio.run(write(settings, refused))
    monkeypatch.delenv("HOTLINE_KEYS")
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(tmp_path))
    (listed,) = [json.loads(line) for line in hotline("list", "--json").output.splitlines()]
    assert (listed["reason"], listed["sealed"], listed["key"]) == ("invalid", 1, None)
    for arguments in (("show", listed["id"]), ("show", listed["id"], "--json")):
        shown = hotline(*arguments)
        assert (shown.exit_code, "13812345678" in shown.output) == (0, False)
    assert "set HOTLINE_KEY_FILE or HOTLINE_KEYS" in hotline("show", listed["id"]).output
    value = hotline("show", listed["id"], "--value")
    assert (value.exit_code, "sealed with key version 1" in value.output) == (1, True)
    assert list(tmp_path.iterdir()) == [], "a command that reads makes no keys"
    monkeypatch.setenv("HOTLINE_KEYS", KEYS.replace("1f", "20"))
    assert "compare `hotline keys list`" in hotline("show", listed["id"]).output


async def test_I3_a_ticket_goes_back_in_order_once_and_what_came_meanwhile_follows(
    settings: EngineSettings,
) -> None:
    await write(settings, RAISED, letter(11), letter(12, subject="T2"), letter(14))
    async with Service(settings, answers=[[letter(20)]]).running() as service:
        outcome = await put_back(settings, "dedup", "T1")
    assert [one.offset for one in service.taken] == [10, 11, 14, 20]
    assert service.ends == [3, 4]
    first = service.taken[0]
    assert (first.key, first.value, first.headers) == (RAISED.key, RAISED.value, RAISED.headers)
    assert (len(outcome.put_back), outcome.waited) == (4, True)
    again = await put_back(settings, "dedup", "T1")
    assert again.put_back == ()


async def test_what_fails_again_is_told_and_not_put_back_in_a_loop(
    settings: EngineSettings,
) -> None:
    await write(settings, RAISED, letter(11))
    failed = [
        letter(10, reason="rule_raised", detail="KeyError: ['leaf']", attempt=2),
        letter(11, attempt=2),
    ]
    async with Service(settings, answers=[failed]).running() as service:
        with pytest.raises(FailedAgain, match=r"T1 failed again: .*KeyError: .*attempt 2"):
            await put_back(settings, "dedup", "T1")
        assert service.ends == [2]
        # The next release: the same command goes on where it stopped.
        await put_back(settings, "dedup", "T1")
    assert [(one.offset, one.attempt) for one in service.taken[2:]] == [(10, 2), (11, 2)]
    assert service.ends == [2, 4]


async def test_a_service_that_does_not_run_is_named_and_nothing_is_sent_twice(
    settings: EngineSettings,
) -> None:
    await write(settings, RAISED)
    with pytest.raises(NotTaken, match=r"dedup has not taken the letters within 0\.5 s"):
        await put_back(settings, "dedup", "T1", wait_seconds=0.5)
    assert (await put_back(settings, "dedup", "T1")).put_back == ()


async def test_a_letter_in_an_open_transaction_is_waited_for(settings: EngineSettings) -> None:
    """Otherwise a redrive could think that nothing waits any more."""
    producer = AIOKafkaProducer(**settings.kafka_client_kwargs(), transactional_id="open")
    await producer.start()
    try:
        await producer.begin_transaction()
        record = RAISED.to_record(SEALER)
        await producer.send_and_wait(
            settings.topic(DEAD_LETTERS),
            key=record.key,
            value=record.value,
            headers=list(record.headers),
        )
        reading = asyncio.create_task(read_letters(settings))
        done, _ = await asyncio.wait([reading], timeout=1.0)
        assert not done
        await producer.commit_transaction()
        assert [one.letter for one in await reading] == [RAISED.closed(SEALER)]
    finally:
        await producer.stop()


async def test_a_letter_that_could_not_be_read_goes_back_alone_and_once(
    settings: EngineSettings,
) -> None:
    unread = letter(3, reason="unknown_type", subject=None, blocked_by=None, value=b"\xff{")
    await write(settings, unread, RAISED)
    by_reason = {one.letter.reason: one for one in await read_letters(settings)}
    with pytest.raises(HoldsAPlace, match="--service dedup --ticket T1"):
        await put_letter_back(settings, by_reason["rule_raised"])
    found = by_reason["unknown_type"]
    async with Service(settings).running() as service:
        outcome = await put_letter_back(settings, found)
    assert outcome == Outcome((found,), waited=True)
    (taken,) = service.taken
    assert (taken.letter, taken.subject, service.ends) == (found.id, None, [])
    assert (taken.partition, taken.offset, taken.value) == (1, 3, b"\xff{")
    assert (taken.key, taken.headers) == (unread.key, unread.headers)
    assert (await put_letter_back(settings, found)).put_back == ()
    told = await asyncio.to_thread(hotline, "redrive", "--letter", str(found.id))
    assert (told.exit_code, "was put back to dedup before" in told.output) == (0, True)
    held = str(by_reason["rule_raised"].id)
    told = await asyncio.to_thread(hotline, "redrive", "--letter", held)
    assert (told.exit_code, "holds a place in the order of T1" in told.output) == (1, True)


async def test_a_letter_that_still_cannot_be_read_is_told(settings: EngineSettings) -> None:
    unread = letter(3, reason="unknown_type", subject=None, blocked_by=None)
    await write(settings, unread)
    (found,) = await read_letters(settings)
    again = letter(3, reason="unknown_type", subject=None, blocked_by=None, attempt=2)
    async with Service(settings, alone=[again]).running():
        with pytest.raises(FailedAgain, match=r"hotline\.tickets-1-3 failed again: unknown_type"):
            await put_letter_back(settings, found)


def test_a_missing_topic_says_what_to_do(
    kafka: Cluster, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTLINE_KAFKA_BOOTSTRAP", kafka.bootstrap)
    monkeypatch.setenv("HOTLINE_TOPIC_PREFIX", topic_prefix)
    result = hotline("list")
    assert result.exit_code == 1
    assert "run `hotline topics create`" in result.output
