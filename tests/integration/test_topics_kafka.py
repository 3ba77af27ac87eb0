"""Topics against a real broker."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from deploy.local.broker import Cluster
from deploy.topics import LOCAL, CreateRefused, check, create, declared
from runtime.errors import WrongPartitionCount
from schemas.topics import INBOX, TICKETS


async def test_created_topics_are_as_declared(
    kafka: Cluster, topic_prefix: str, make_topics: Callable[..., tuple[str, ...]]
) -> None:
    made = make_topics(topic_prefix)
    layout = replace(LOCAL, prefix=topic_prefix)
    assert made == tuple(layout.name(topic) for topic in declared())
    assert await check(kafka.bootstrap, declared(), layout) == ()


async def test_creating_twice_makes_nothing(kafka: Cluster, topic_prefix: str) -> None:
    layout = replace(LOCAL, prefix=topic_prefix)
    assert await create(kafka.bootstrap, [INBOX], layout) == (f"{topic_prefix}hotline.inbox",)
    assert await create(kafka.bootstrap, [INBOX, TICKETS], layout) == (
        f"{topic_prefix}hotline.tickets",
    )


async def test_another_partition_count_is_refused_by_name(
    kafka: Cluster, topic_prefix: str
) -> None:
    await create(kafka.bootstrap, [TICKETS], replace(LOCAL, prefix=topic_prefix, partitions=2))
    with pytest.raises(WrongPartitionCount, match=r"tickets' has 2 partitions, 4 expected"):
        await create(kafka.bootstrap, [TICKETS], replace(LOCAL, prefix=topic_prefix))


async def test_the_brokers_refusal_is_said(kafka: Cluster, topic_prefix: str) -> None:
    layout = replace(LOCAL, prefix=topic_prefix, replication=3)
    with pytest.raises(CreateRefused, match="replication 3"):
        await create(kafka.bootstrap, [TICKETS], layout)
