"""A city's inbox from a seed: tickets as a 12345 platform publishes them, replied to and closed.

One ticket a second. One in four is replied to and closed an hour later, so four tickets make six
events. 300,000 citizens; one in ten tickets comes from the few who call often.
"""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from bench.generator import SYLLABLES

SEED = 12_345
START = datetime(2026, 3, 1, tzinfo=UTC)
STEP = timedelta(seconds=1)
REPLY_AFTER = timedelta(hours=1)
CLOSE_AFTER = timedelta(minutes=10)
"""After the reply."""
CITIZENS = 300_000
FREQUENT = 2_000
SOURCE = "bench/city"
CHANNELS = ("phone", "wechat", "app", "web")
REQUESTS = ("complaint", "help", "consultation", "report")
TEXT_CHARACTERS = 60
OUTCOME: dict[str, dict[str, Any]] = {
    "reply.submitted": {"text": "已到现场处理并答复市民。", "resolved": True},
    "ticket.closed": {"reason": "已答复", "resolved": True},
}


@dataclass(frozen=True, slots=True)
class Published:
    """One event at the inbox."""

    ticket: str
    at: datetime
    """When the broker appended it."""
    value: bytes

    @property
    def at_ms(self) -> int:
        return int(self.at.timestamp() * 1000)


def events(count: int, leaves: Sequence[str], *, seed: int = SEED) -> Iterator[Published]:
    """``count`` events in the order of their time.

    Args:
        count: of events, not of tickets.
        leaves: codes of the category tree to choose from.
    """
    rng = random.Random(seed)
    later: list[tuple[datetime, int, str, str]] = []
    made = number = 0
    while made < count:
        at = START + number * STEP
        if later and later[0][0] <= at:
            at, _, ticket, kind = heapq.heappop(later)
            yield published(ticket, kind, at, dict(OUTCOME[kind]))
            if kind == "reply.submitted":
                heapq.heappush(later, (at + CLOSE_AFTER, number, ticket, "ticket.closed"))
        else:
            ticket = f"B{number:09d}"
            yield published(ticket, "ticket.received", at, content(rng, leaves))
            if number % 4 == 0:
                heapq.heappush(later, (at + REPLY_AFTER, number, ticket, "reply.submitted"))
            number += 1
        made += 1


def published(ticket: str, kind: str, at: datetime, data: dict[str, Any]) -> Published:
    document = {
        "specversion": "1.0",
        "id": f"{ticket}/{kind}",
        "source": SOURCE,
        "type": f"hotline.{kind}.v1",
        "time": at.isoformat(),
        "subject": ticket,
        "datacontenttype": "application/json",
        "data": data,
    }
    return Published(ticket, at, orjson.dumps(document))


def content(rng: random.Random, leaves: Sequence[str]) -> dict[str, Any]:
    frequent = rng.random() < 0.1
    citizen = rng.randrange(FREQUENT if frequent else CITIZENS)
    text = "".join(rng.choices(SYLLABLES, k=TEXT_CHARACTERS))
    return {
        "request_type": rng.choice(REQUESTS),
        "title": text[:12],
        "text": text,
        "leaf": leaves[min(int(rng.expovariate(8 / len(leaves))), len(leaves) - 1)],
        "channel": rng.choice(CHANNELS),
        "complainant": {
            "kind": "person",
            "identities": [{"scheme": "phone", "value": f"139{citizen:08d}"}],
        },
        "place": {"division": f"3201{rng.randrange(2, 18):02d}", "grid": f"G{citizen % 500:04d}"},
    }
