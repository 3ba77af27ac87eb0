"""The input of «repeat»: the same tickets for every engine, from a seed.

Shape, as in the measurements behind the choice of the engine: 540 bytes a ticket, one a minute,
20,000 citizens of whom one sends 14 % of all tickets, 384 leaves of which few are frequent.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import orjson

SEED = 7
CITIZENS = 20_000
START = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=8)))
LEAVES = [f"{a:02d}.{b:02d}.{c:02d}" for a in range(8) for b in range(6) for c in range(8)]
CHANNELS = ("phone", "web", "app", "wechat")
TEXT_CHARACTERS = 90
SYLLABLES = (
    "夜间施工噪音扰民小区停水路灯不亮物业收费占道经营公交线路油烟垃圾清运漏水电梯故障停车位"
    "学校招生社保医保拆迁补偿供暖不热道路积水井盖缺失"
)


def tickets(count: int, *, seed: int = SEED) -> Iterator[tuple[bytes, bytes]]:
    """Yields (citizen, ticket as JSON); the first n of a longer run are those of a shorter."""
    rng = random.Random(seed)
    for number in range(count):
        citizen = _citizen(rng)
        leaf = LEAVES[min(int(rng.expovariate(1 / 40)), len(LEAVES) - 1)]
        ticket = {
            "type": "ticket.received",
            "version": 1,
            "event_id": str(uuid.UUID(int=rng.getrandbits(128))),
            "ticket_id": f"T{number:09d}",
            "citizen": citizen,
            "occurred_at": (START + timedelta(minutes=number)).isoformat(),
            "channel": rng.choice(CHANNELS),
            "leaf": leaf,
            "department": f"D{rng.randrange(60):03d}",
            "grid": f"G{rng.randrange(500):04d}",
            "text": "".join(rng.choices(SYLLABLES, k=TEXT_CHARACTERS)),
            "evidence": [],
        }
        yield citizen.encode(), orjson.dumps(ticket)


def at_ms(number: int) -> int:
    """When the n-th ticket was received, in milliseconds since 1970 UTC."""
    return int((START + timedelta(minutes=number)).timestamp() * 1000)


def _citizen(rng: random.Random) -> str:
    """Three in ten tickets come from the heavy-tailed few: the first of them sends 14 % of all."""
    heavy = rng.random() < 0.3
    number = int(rng.paretovariate(0.9)) % CITIZENS if heavy else rng.randrange(CITIZENS)
    return f"c{number:07d}"
