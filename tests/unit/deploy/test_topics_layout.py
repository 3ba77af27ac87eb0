"""What a declared topic is at the broker, and what counts as a difference."""

from dataclasses import replace

import pytest

from deploy.topics import LOCAL, Found, Layout, compare, declared, require_partitions
from runtime.engine.kafka import REQUEST_BYTES
from runtime.errors import WrongPartitionCount
from schemas.topics import CLOCK, DEAD_LETTERS, INBOX, SERVICES, TICKETS, Topic, changelog, redrive

WEEK_MS = str(7 * 24 * 3600 * 1000)


@pytest.mark.parametrize(
    ("topic", "setting", "expected"),
    [
        (TICKETS, "retention.ms", "-1"),
        (TICKETS, "cleanup.policy", "delete"),
        (TICKETS, "message.timestamp.type", "CreateTime"),
        (INBOX, "retention.ms", WEEK_MS),
        (INBOX, "message.timestamp.type", "LogAppendTime"),
        (DEAD_LETTERS, "retention.ms", WEEK_MS),
        (CLOCK, "cleanup.policy", "compact"),
        (changelog("dedup"), "cleanup.policy", "compact"),
        (changelog("dedup"), "min.cleanable.dirty.ratio", "0.2"),
        (TICKETS, "min.insync.replicas", "2"),
    ],
)
def test_settings(topic: Topic, setting: str, expected: str) -> None:
    assert Layout().config(topic)[setting] == expected


def test_each_topic_takes_records_as_large_as_it_declares() -> None:
    for topic in declared():
        assert Layout().config(topic)["max.message.bytes"] == str(topic.max_message_bytes)


LETTER_HEADERS_BYTES = 64 * 1024


@pytest.mark.parametrize(
    "topic",
    [DEAD_LETTERS, *(redrive(service) for service in SERVICES)],
    ids=lambda topic: topic.name,
)
def test_F15_what_the_inbox_takes_fits_into_a_dead_letter_and_back(topic: Topic) -> None:
    assert topic.max_message_bytes >= INBOX.max_message_bytes + LETTER_HEADERS_BYTES
    assert topic.max_message_bytes < REQUEST_BYTES


def test_a_replay_keeps_old_records_and_their_own_timestamps() -> None:
    history = Layout(history=True)
    for topic in declared():
        config = history.config(topic)
        assert (config["retention.ms"], config["message.timestamp.type"]) == ("-1", "CreateTime")


def test_the_clock_has_its_own_partition_count_and_all_others_the_deployments() -> None:
    counts = {topic.name: Layout(partitions=24).partition_count(topic) for topic in declared()}
    assert counts.pop("hotline.clock") == 1
    assert set(counts.values()) == {24}


def found(topic: Topic, layout: Layout, **changed: str) -> Found:
    config = {**layout.config(topic), **{k.replace("_", "."): v for k, v in changed.items()}}
    return Found(layout.partition_count(topic), layout.replication, config)


def test_nothing_differs_when_all_is_as_declared() -> None:
    layout = replace(LOCAL, prefix="t-")
    have = {layout.name(topic): found(topic, layout) for topic in declared()}
    assert compare(declared(), layout, have) == ()


@pytest.mark.parametrize(
    ("have", "said"),
    [
        (None, "hotline.tickets: missing"),
        (
            replace(found(TICKETS, LOCAL), partitions=3),
            "hotline.tickets: partitions is 3, declared is 4",
        ),
        (
            replace(found(TICKETS, LOCAL), replication=0),
            "hotline.tickets: replication is 0, declared is 1",
        ),
        (
            found(TICKETS, LOCAL, retention_ms="1000"),
            "hotline.tickets: retention.ms is 1000, declared is -1",
        ),
    ],
)
def test_a_difference_is_said(have: Found | None, said: str) -> None:
    present = {} if have is None else {TICKETS.name: have}
    assert [str(finding) for finding in compare([TICKETS], LOCAL, present)] == [said]


def test_a_wrong_partition_count_has_its_own_error() -> None:
    have = {TICKETS.name: replace(found(TICKETS, LOCAL), partitions=3)}
    with pytest.raises(WrongPartitionCount) as raised:
        require_partitions(compare([INBOX, TICKETS], LOCAL, have))
    assert (raised.value.topic, raised.value.found, raised.value.expected) == (TICKETS.name, 3, 4)
