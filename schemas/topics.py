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
SLA = Topic("hotline.sla", key="citizen", doc="Clocks of tickets: deadlines, warnings, breaches.")
CALLBACKS = Topic(
    "hotline.callbacks",
    key="citizen",
    doc="Callback tasks: for a dialler or a worklist. The last fact of a task is how it stands.",
)
COMMANDS = Topic(
    "hotline.commands",
    key="ticket id",
    doc="What services ask platforms to do; each command is in the log, too, through the inbox.",
)
NOTICES = Topic(
    "hotline.notices",
    key="citizen",
    doc="Notices wanted: to citizens (R2), to liaisons (R3). Whoever delivers them reads here.",
)
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


def repartition(service: str, by: str) -> Topic:
    """Where ``service`` passes events on by another key, for services whose state is keyed so.

    It passes on the original bytes, with the original ``recordedtime``. Events of one ticket keep
    their order as long as ``by`` stays the same; those of several tickets meet in any order.

    The watermark covers the log, not this hop: a reader's timer may fire although an event that
    was recorded before it is still on the way. So, as for facts of other services, a reader may not
    conclude from the absence of an event here; what it said too early it takes back when the event
    comes (docs/decisions/0005).

    A reader that is down for longer than the retention has lost events, and starts anew by replay.

    Args:
        service: the one that writes it, and the only one; declared in ``REPARTITIONED``.
        by: what the record key is, in words («leaf and area»).
    """
    return Topic(
        f"hotline.{service}.by-{by.replace(' ', '-')}",
        key=by,
        doc=f"Events as {service} passes them on, keyed by {by}.",
        retention=timedelta(days=7),
        # By their own time, events of a service that catches up would be deleted before they are
        # read.
        append_time=True,
    )


SERVICES: tuple[str, ...] = ("intake", "dedup", "sla", "callback")
"""The services that ship, in the order in which a record passes them."""

DELIVERIES: tuple[str, ...] = ("readmodel",)
"""Services that fill tables from topics; they write no topic and have none of their own."""

REPARTITIONED: Final[dict[str, tuple[Topic, ...]]] = {
    "dedup": (repartition("dedup", "citizen"),),
}
"""The repartition topics of each service that writes any. Dedup's: the tickets of a citizen whose
two pseudonyms were linked, from the partition of the one to that of the other."""


def service_topics(service: str) -> tuple[Topic, ...]:
    """The topics that belong to a service: its engine's two, and those it passes events on by."""
    return changelog(service), redrive(service), *REPARTITIONED.get(service, ())


FACTS: tuple[Topic, ...] = (REPEATS, SLA, CALLBACKS, NOTICES)
"""Topics of facts. Each has one writer, but notices: whoever knows something tells it."""

ALL: tuple[Topic, ...] = (INBOX, TICKETS, *FACTS, COMMANDS, CLOCK, DEAD_LETTERS)
"""Without those that belong to one service (``service_topics``)."""
