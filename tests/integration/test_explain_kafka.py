"""A story is the same from Kafka and from the folder of a replay."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner

from cli.explain import explain
from cli.replay import replay
from cli.sample import sample
from deploy.local.broker import Cluster
from runtime.settings import EngineSettings
from schemas.dead_letter import DeadLetter
from schemas.topics import DEAD_LETTERS, FACTS, REPEATS, TICKETS, Topic
from tests.kit.sealing import KEYS, SEALER


def lines(directory: Path, topic: Topic) -> list[bytes]:
    return (directory / f"{topic.name}.jsonl").read_bytes().splitlines()


async def write(settings: EngineSettings, out: Path, letters: list[DeadLetter]) -> None:
    """What the replay said, in one transaction a topic: their markers are no records."""
    producer = AIOKafkaProducer(
        **settings.kafka_client_kwargs(), transactional_id=f"{settings.topic_prefix}writer"
    )
    await producer.start()
    try:
        for topic in (TICKETS, *FACTS):
            async with producer.transaction():
                for line in lines(out, topic):
                    key = orjson.loads(line)["citizen"].encode()
                    await producer.send(settings.topic(topic), line, key=key)
        for letter in letters:
            record = letter.to_record(SEALER)
            async with producer.transaction():
                await producer.send_and_wait(
                    settings.topic(DEAD_LETTERS),
                    record.value,
                    key=record.key,
                    headers=list(record.headers),
                )
    finally:
        await producer.stop()


def letter_of(number: int, line: bytes) -> DeadLetter:
    document = orjson.loads(line)
    data = document["data"]
    subject = document["subject"]
    return DeadLetter(
        service=data["service"],
        reason=data["reason"],
        detail=data["detail"],
        topic=data["topic"],
        partition=0,
        offset=number,
        timestamp_ms=0,
        value=base64.b64decode(data["value_base64"] or ""),
        subject=None if subject == "unreadable" else subject,
    )


def story(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(explain, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = orjson.loads(done.stdout)
    return told


def test_R6_kafka_and_a_replay_tell_the_same_story(
    kafka: Cluster,
    topic_prefix: str,
    make_topics: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_topics(topic_prefix, partitions=2)
    monkeypatch.setenv("HOTLINE_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("HOTLINE_KEYS", KEYS)
    day, out = tmp_path / "day.jsonl", tmp_path / "out"
    CliRunner().invoke(sample, ["--tickets", "40", "-o", str(day)], catch_exceptions=False)
    CliRunner().invoke(replay, [str(day), "--out", str(out)], catch_exceptions=False)
    letters = [letter_of(*each) for each in enumerate(lines(out, DEAD_LETTERS))]
    raised = DeadLetter(
        service="dedup",
        reason="rule_raised",
        detail="KeyError: 'leaf'",
        topic="hotline.tickets",
        partition=1,
        offset=10,
        timestamp_ms=0,
        value=b"{}",
        subject=orjson.loads(lines(out, REPEATS)[-1])["subject"],
    )
    settings = EngineSettings.for_command(kafka_bootstrap=kafka.bootstrap)
    asyncio.run(write(settings, out, [*letters, raised]))

    facts = [orjson.loads(line) for line in lines(out, REPEATS)]
    restated = sorted({fact["subject"] for fact in facts if fact["data"]["revision"] > 1})
    assert restated
    for ticket in restated[:6]:
        there = story(ticket, "--bootstrap", kafka.bootstrap)
        here = story(ticket, "--from", str(out))
        for name in ("events", "verdicts", "first_ticket", "clocks", "callbacks", "notices"):
            assert there[name] == here[name], (ticket, name)
        assert there["scanned"] == {
            **{topic.name: len(lines(out, topic)) for topic in (*FACTS, TICKETS)},
            "hotline.dead-letters": len(letters) + 1,
        }

    assert raised.subject is not None
    (aside,) = story(raised.subject, "--bootstrap", kafka.bootstrap)["dead_letters"]
    assert aside["waits_for"]["en"] == "waits to be put back; what follows waits behind it"
    assert aside["position"] == "hotline.tickets-1-10"


def test_a_missing_topic_says_what_to_do(kafka: Cluster) -> None:
    done = CliRunner().invoke(
        explain,
        ["T1", "--bootstrap", kafka.bootstrap],
        env={"HOTLINE_TOPIC_PREFIX": "nowhere-"},
    )
    assert done.exit_code == 1
    assert "nowhere-hotline.repeats" in done.stderr
    assert "hotline topics create" in done.stderr
