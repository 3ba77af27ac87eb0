"""Every topic, declared once: its key, what its values are, partitions, cleanup, retention.

Created by ``hotline topics create`` (deploy/), never by a worker.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

MIB: Final = 1024 * 1024
LARGEST_MESSAGE_BYTES: Final = 4 * MIB
"""What a topic takes unless it says less: a dead letter is an original and our headers."""


class Cleanup(StrEnum):
    DELETE = "delete"
    COMPACT = "compact"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic by its logical name; a prefix (tests, replay) is added by the runtime's settings."""

    name: str
    key: str
    """What the record key is, in words."""
    doc: str
    partitions: int | None = None
    """None: the deployment's partition count (all those are co-partitioned)."""
    cleanup: Cleanup = Cleanup.DELETE
    retention: timedelta | None = None
    """None: for ever."""
    append_time: bool = False
    """Whether the broker stamps records (``message.timestamp.type=LogAppendTime``)."""
    max_message_bytes: int = LARGEST_MESSAGE_BYTES
    """``max.message.bytes``: of a batch, as compressed."""


INBOX = Topic(
    "hotline.inbox",
    key="ticket id (contact id for contacts)",
    doc="What platforms publish. May hold originals: restricted by ACL, 7 days.",
    retention=timedelta(days=7),
    append_time=True,
    # Less than the others: its originals must fit into a dead letter, with the letter's headers.
    max_message_bytes=3 * MIB,
)
TICKETS = Topic(
    "hotline.tickets",
    key="citizen",
    doc="The log, the source of truth. Only intake writes it.",
)
REPEATS = Topic("hotline.repeats", key="citizen", doc="Repeat verdicts and their revisions.")
CLOCK = Topic(
    "hotline.clock",
    key="inbox partition number",
    doc="«Inbox partition i is done up to T»; the minimum is the watermark.",
    partitions=1,
    cleanup=Cleanup.COMPACT,
)
DEAD_LETTERS = Topic(
    "hotline.dead-letters",
    key="service / ticket, or service / position of the original where no ticket could be read",
    doc="What could not be read, or waits behind what could not be decided; original bytes kept.",
    retention=timedelta(days=7),
)


def changelog(service: str) -> Topic:
    """The changelog of a service's state: one record per changed key and batch, compacted."""
    return Topic(
        f"hotline.{service}.changelog",
        key="state key",
        doc=f"State of {service}.",
        cleanup=Cleanup.COMPACT,
    )


def redrive(service: str) -> Topic:
    """Where ``hotline dead-letters redrive`` puts records back, for that service alone."""
    return Topic(
        f"hotline.{service}.redrive",
        key="key of the original",
        doc=f"Dead letters of {service} on their way back, in order.",
        retention=timedelta(days=7),
    )


SERVICES: tuple[str, ...] = ("intake", "dedup")
"""The services that ship, in the order in which a record passes them."""


def service_topics(service: str) -> tuple[Topic, Topic]:
    """The two topics that belong to a service's engine."""
    return changelog(service), redrive(service)


FACTS: tuple[Topic, ...] = (REPEATS,)
"""Topics of facts, each written by one service."""

ALL: tuple[Topic, ...] = (INBOX, TICKETS, *FACTS, CLOCK, DEAD_LETTERS)
"""Without the engine's own, which exist per service (``service_topics``)."""
