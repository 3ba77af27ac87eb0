"""Makes and checks the topics that ``schemas.topics`` declares. Workers only check (preflight)."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from runtime.errors import HotlineError, WrongPartitionCount
from schemas.topics import ALL, SERVICES, Cleanup, Topic, service_topics

COMPACT_SEGMENT_BYTES = 32 * 1024 * 1024
COMPACT_SEGMENT_AGE = timedelta(hours=1)
"""Kafka compacts closed segments only; a recovery reads the open one whole. Larger segments make
recovery longer, smaller ones cost files."""
COMPACT_DIRTY_RATIO = 0.2
"""Default 0.5: half of a changelog may be outdated. Less is read faster and cleaned more often."""
TOMBSTONES_KEPT = timedelta(days=1)
"""A local store that was away longer may miss that a key was forgotten, and is discarded."""
LONG_MAX = 2**63 - 1
VISIBLE_TIMEOUT_S = 30.0


class CreateRefused(HotlineError):
    """The broker does not make a topic.

    Operator action: compare the replication with the number of brokers; look at the ACLs.
    """

    def __init__(self, text: str) -> None:
        super().__init__("create_refused", text)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a deployment lays the topics out."""

    partitions: int = 24
    """Of every topic that does not declare its own; 4 locally. Never changed later."""
    replication: int = 3
    min_insync_replicas: int = 2
    prefix: str = ""
    history: bool = False
    """For replay: records keep their own old timestamps, and are not deleted for being old."""

    def name(self, topic: Topic) -> str:
        return f"{self.prefix}{topic.name}"

    def partition_count(self, topic: Topic) -> int:
        return topic.partitions or self.partitions

    def config(self, topic: Topic) -> dict[str, str]:
        """The settings of a topic at the broker, by Kafka's names."""
        append_time = topic.append_time and not self.history
        retention = None if self.history else topic.retention
        config = {
            "cleanup.policy": str(topic.cleanup),
            "retention.ms": str(-1 if retention is None else _ms(retention)),
            "message.timestamp.type": "LogAppendTime" if append_time else "CreateTime",
            "max.message.bytes": str(topic.max_message_bytes),
            "min.insync.replicas": str(self.min_insync_replicas),
        }
        if self.history:
            config["message.timestamp.after.max.ms"] = str(LONG_MAX)
        if topic.cleanup is Cleanup.COMPACT:
            config |= {
                "segment.bytes": str(COMPACT_SEGMENT_BYTES),
                "segment.ms": str(_ms(COMPACT_SEGMENT_AGE)),
                "min.cleanable.dirty.ratio": str(COMPACT_DIRTY_RATIO),
                "delete.retention.ms": str(_ms(TOMBSTONES_KEPT)),
            }
        return config


LOCAL = Layout(partitions=4, replication=1, min_insync_replicas=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference between what is declared and what the broker has."""

    topic: str
    setting: str
    """``topic`` (missing), ``partitions``, ``replication`` or the name of a Kafka setting."""
    wanted: str
    found: str

    def __str__(self) -> str:
        if self.setting == "topic":
            return f"{self.topic}: missing"
        return f"{self.topic}: {self.setting} is {self.found}, declared is {self.wanted}"


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the broker has it."""

    partitions: int
    replication: int
    config: Mapping[str, str]


def declared(services: Iterable[str] = SERVICES) -> tuple[Topic, ...]:
    """Every topic of a deployment that runs ``services``."""
    return (*ALL, *(topic for service in services for topic in service_topics(service)))


def compare(
    topics: Iterable[Topic], layout: Layout, found: Mapping[str, Found]
) -> tuple[Finding, ...]:
    """What differs, in the order of the declaration."""
    findings = []
    for topic in topics:
        name = layout.name(topic)
        if name not in found:
            findings.append(Finding(name, "topic", "present", "missing"))
            continue
        have = found[name]
        count = layout.partition_count(topic)
        if have.partitions != count:
            findings.append(Finding(name, "partitions", str(count), str(have.partitions)))
        if have.replication < layout.replication:
            findings.append(
                Finding(name, "replication", str(layout.replication), str(have.replication))
            )
        findings += [
            Finding(name, setting, wanted, have.config.get(setting, "unknown"))
            for setting, wanted in layout.config(topic).items()
            if have.config.get(setting) != wanted
        ]
    return tuple(findings)


async def check(
    bootstrap: str, topics: Iterable[Topic], layout: Layout, **client: Any
) -> tuple[Finding, ...]:
    """What differs at the broker from what is declared; empty when all is well.

    Args:
        client: further settings of the Kafka client (``security_protocol``, ``ssl_context``, …).
    """
    topics = tuple(topics)
    async with _Admin(bootstrap, client) as admin:
        return compare(topics, layout, await _found(admin, [layout.name(t) for t in topics]))


async def present(
    bootstrap: str, topics: Iterable[Topic], layout: Layout, **client: Any
) -> dict[str, Found]:
    """Those of the topics that the broker has."""
    async with _Admin(bootstrap, client) as admin:
        return await _found(admin, [layout.name(topic) for topic in topics])


async def create(
    bootstrap: str, topics: Iterable[Topic], layout: Layout, **client: Any
) -> tuple[str, ...]:
    """Makes the topics that are missing and returns their names; a second call makes none.

    Raises:
        WrongPartitionCount: a topic exists with another partition count.
        CreateRefused: the broker refuses (replication larger than the cluster, no permission).
    """
    topics = tuple(topics)
    async with _Admin(bootstrap, client) as admin:
        have = await _found(admin, [layout.name(topic) for topic in topics])
        require_partitions(compare(topics, layout, have))
        missing = [topic for topic in topics if layout.name(topic) not in have]
        if missing:
            await _create(admin, missing, layout)
            await _visible(admin, [layout.name(topic) for topic in missing])
        return tuple(layout.name(topic) for topic in missing)


def require_partitions(findings: Iterable[Finding]) -> None:
    """Raises ``WrongPartitionCount`` if a partition count is among the findings."""
    for finding in findings:
        if finding.setting == "partitions":
            raise WrongPartitionCount(
                finding.topic, found=int(finding.found), expected=int(finding.wanted)
            )


async def _create(admin: AIOKafkaAdminClient, topics: Iterable[Topic], layout: Layout) -> None:
    new = [
        NewTopic(
            name=layout.name(topic),
            num_partitions=layout.partition_count(topic),
            replication_factor=layout.replication,
            topic_configs=layout.config(topic),
        )
        for topic in topics
    ]
    response = await admin.create_topics(new, timeout_ms=30_000)
    refused = []
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        # Somebody else made it in between; the check that follows looks at how.
        if code != 0 and error is not TopicAlreadyExistsError:
            refused.append(f"{name}: {error.__name__} {message[0] if message else ''}".rstrip())
    if refused:
        raise CreateRefused(
            "the broker refuses to make " + "; ".join(refused) + ".\nOperator action: compare "
            f"replication {layout.replication} with the number of brokers, and look at the ACLs."
        )


async def _visible(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Returns once every partition has a leader: the controller answers before the brokers know."""
    deadline = time.monotonic() + VISIBLE_TIMEOUT_S
    while True:
        described = await admin.describe_topics(names)
        if all(
            topic["error_code"] == 0
            and topic["partitions"]
            and all(part["error_code"] == 0 and part["leader"] >= 0 for part in topic["partitions"])
            for topic in described
        ):
            return
        if time.monotonic() > deadline:
            raise CreateRefused(
                f"after {VISIBLE_TIMEOUT_S:.0f} s not every partition of {', '.join(names)} has a "
                "leader.\nOperator action: look whether all brokers run (hotline status)."
            )
        await asyncio.sleep(0.02)


async def _found(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, Found]:
    present = set(await admin.list_topics())
    names = [name for name in names if name in present]
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configs: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for _code, _message, _type, name, entries in response.resources:
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return {
        topic["topic"]: Found(
            partitions=len(topic["partitions"]),
            replication=len(topic["partitions"][0]["replicas"]),
            config=configs.get(topic["topic"], {}),
        )
        for topic in await admin.describe_topics(names)
    }


class _Admin:
    """An admin client that is closed also when its start fails."""

    def __init__(self, bootstrap: str, client: Mapping[str, Any]) -> None:
        self._client = AIOKafkaAdminClient(
            bootstrap_servers=bootstrap, client_id="hotline-topics", **client
        )

    async def __aenter__(self) -> AIOKafkaAdminClient:
        try:
            await self._client.start()
        except BaseException:
            await self._client.close()
            raise
        return self._client

    async def __aexit__(self, *exc_info: object) -> None:
        await self._client.close()


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
