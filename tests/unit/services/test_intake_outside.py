"""What intake asks the database before its pure step, and what the pure step then finds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest

from cli.sampling import Kind, generate
from policy.bundle import load
from runtime.core import AnyPartition, Partition
from runtime.engine.ports import Unavailable
from runtime.keys import KeyRing
from runtime.processor import Record, Unreadable
from schemas.ids import Citizen
from schemas.topics import INBOX, TICKETS
from services.intake.domain import TICK_HEADER, Intake
from services.intake.outside import IntakeOutside, Readings
from services.intake.reading import Refused
from services.intake.seen import Claim, Published
from tests.kit.ledger import RING
from vault.aliases import Ask
from vault.deposits import Deposit, Original
from vault.directory import Found, KeyedPseudonyms
from vault.identities import ranked

BUNDLE = load("cn-12345")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMIT = 1_000_000


@dataclass
class Table:
    """The ids that were claimed, as the table would have them."""

    known: dict[tuple[str, str], Published] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    down: bool = False

    async def claim(self, events: Sequence[Published]) -> Sequence[Claim]:
        if self.down:
            raise Unavailable("PostgreSQL")
        self.asked.append(len(events))
        claims = []
        for event in events:
            key = event.source, event.id
            first = self.known.setdefault(key, event)
            claims.append(Claim(first.digest, first.subject, new=first is event))
        return claims


@dataclass
class People:
    """A directory that only knows whom it was asked for before."""

    pseudonyms: KeyedPseudonyms = field(default_factory=lambda: KeyedPseudonyms.of(RING))
    fetched: set[bytes] = field(default_factory=set)
    asked: list[Ask] = field(default_factory=list)
    resolved: int = 0

    async def prefetch(self, asked: Sequence[Ask]) -> None:
        self.asked += asked
        self.fetched |= {n.name for each in asked for n in ranked(each.identities, each.source)}

    def resolve(self, identities: Any, source: str, at: datetime) -> Found | None:
        names = {each.name for each in ranked(identities, source)}
        assert names <= self.fetched, "the pure step asks for somebody who was not prefetched"
        self.resolved += 1
        return self.pseudonyms.resolve(identities, source, at)


@dataclass
class Kept:
    items: list[Deposit] = field(default_factory=list)
    closed: bool = False

    async def deposit(self, items: Sequence[Deposit]) -> None:
        self.items += items

    async def close(self) -> None:
        self.closed = True


@dataclass
class Around:
    """Intake with its outside, without a broker and a database."""

    seen: Table = field(default_factory=Table)
    people: People = field(default_factory=People)
    vault: Kept = field(default_factory=Kept)
    readings: Readings = field(default_factory=lambda: Readings(LIMIT))

    @property
    def outside(self) -> IntakeOutside:
        return IntakeOutside(self.readings, self.seen, self.people, self.vault)

    @property
    def intake(self) -> Intake:
        return Intake(
            directory=self.people,
            ring=KeyRing({1: bytes(range(32))}),
            partitions=1,
            reader=self.readings.take,
        )


def record(document: dict[str, Any], offset: int = 0, **more: Any) -> Record:
    at_ms = round(NOON.timestamp() * 1_000)
    return Record(INBOX, 0, offset, b"k", orjson.dumps(document), at_ms, **more)


def event(kind: str, data: Any, *, id_: str = "e1", subject: str = "T1") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "city/12345",
        "type": f"hotline.{kind}.v1",
        "time": "2026-03-02T11:00:00Z",
        "subject": subject,
        "data": data,
    }


PHONE = {"scheme": "phone", "value": "13812345678"}
CARD = {"scheme": "id_card", "value": "43010219900101123X"}
PARTY = {"identities": [PHONE], "on_behalf_of": {"identities": [CARD]}}
RECEIVED = {"title": "路灯不亮", "text": "路灯不亮", "channel": "phone"}


@pytest.mark.parametrize(
    ("document", "asked"),
    [
        (event("ticket.received", RECEIVED | {"complainant": PARTY}), [[PHONE], [CARD]]),
        (event("ticket.received", RECEIVED | {"complainant": PARTY, "anonymous": True}), []),
        (event("ticket.received", RECEIVED | {"complainant": {"name": "张三"}}), []),
        (event("ticket.received", RECEIVED), []),
        (event("contact.received", {"channel": "phone", "caller": PARTY}), [[PHONE], [CARD]]),
        (event("ticket.amended", {"changed": ["complainant"], "changes": {"complainant": PARTY}}),
         [[PHONE], [CARD]]),
        (event("identity.linked", {"first": {"identity": PHONE}, "second": {"identity": CARD}}),
         [[PHONE], [CARD]]),
        (event("identity.linked", {"first": {"identity": PHONE}, "second": {"citizen": "c:12"}}),
         [[PHONE]]),
        (event("citizen.chased", {"text": "13812345678"}), []),
    ],
)  # fmt: skip
async def test_R12_who_is_in_an_event_is_asked_for_before_it_is_decided(
    document: dict[str, Any], asked: list[Any]
) -> None:
    around = Around()
    one = record(document)
    await around.outside.prepare([one])
    assert [
        [each.model_dump(mode="json") for each in ask.identities] for ask in around.people.asked
    ] == asked
    assert all(ask.source == "city/12345" and ask.at == NOON for ask in around.people.asked)
    batch = Partition(around.intake, BUNDLE).begin()
    batch.feed(one)
    assert around.people.resolved == len(asked)


def days(count: int) -> Iterator[Record]:
    sample = generate(7, count, date(2026, 3, 2))
    # Without the database nobody knows of an id on another ticket.
    known = [each for each in sample if each.kind is not Kind.ELSEWHERE]
    for offset, each in enumerate(known):
        yield Record(INBOX, 0, offset, each.key, each.value, each.at * 1_000)


async def test_R12_a_days_events_are_read_once_and_come_out_as_without_the_database() -> None:
    records = list(days(150))
    around = Around()
    part: AnyPartition = Partition(around.intake, BUNDLE)
    plain: AnyPartition = Partition(
        Intake(directory=KeyedPseudonyms.of(RING), ring=RING, partitions=1), BUNDLE
    )
    written: dict[str, list[Any]] = {"with": [], "without": []}
    for start in range(0, len(records), 100):
        await around.outside.prepare(records[start : start + 100])
        for name, one_part in (("with", part), ("without", plain)):
            batch = one_part.begin()
            for one in records[start : start + 100]:
                batch.feed(one)
            one_part.apply(batch)
            written[name] += [
                each.effect.value for each in batch.outputs if each.effect.topic is TICKETS
            ]
    assert len(written["with"]) > 300
    assert written["with"] == written["without"]
    assert not any(around.readings._batches[0].values()), "each was taken"
    assert len(around.seen.asked) == -(-len(records) // 100)


async def test_a_record_that_cannot_be_read_is_refused_by_the_pure_step_as_ever() -> None:
    around = Around()
    bad = [Record(INBOX, 0, 0, b"k", b"{", 0), Record(INBOX, 0, 1, b"k", None, 0)]
    tick = Record(INBOX, 0, 2, None, b"", 0, ((TICK_HEADER, b""),))
    await around.outside.prepare([*bad, tick])
    for one, reason in zip(bad, ("not_json", "null_value"), strict=True):
        with pytest.raises(Unreadable) as raised:
            around.intake.decode(one)
        assert raised.value.reason == reason
    assert around.seen.asked == []


@pytest.mark.parametrize(
    ("second", "refused"),
    [
        (event("citizen.chased", {"text": "again"}, subject="T2"), True),
        (event("citizen.chased", {"text": "again"}, id_="e2", subject="T2"), False),
        (event("citizen.chased", {"text": "once"}), False),
    ],
)
async def test_R1_an_id_used_again_on_another_ticket_is_refused(
    second: dict[str, Any], refused: bool
) -> None:
    around = Around()
    first = event("citizen.chased", {"text": "once"})
    await around.outside.prepare([record(first)])
    one = record(second, 1)
    await around.outside.prepare([one])
    intake = around.intake
    decoded = intake.decode(one)
    keys = intake.keys(decoded, BUNDLE.at(NOON))
    if refused:
        with pytest.raises(Refused, match="came before on 'T1'"):
            intake.decide(dict.fromkeys(keys), decoded, NOON, BUNDLE.at(NOON))
    else:
        intake.decide(dict.fromkeys(keys), decoded, NOON, BUNDLE.at(NOON))


async def test_F23_a_batch_whose_database_is_down_is_asked_for_again() -> None:
    around = Around(seen=Table(down=True))
    one = record(event("ticket.received", RECEIVED | {"complainant": PARTY}))
    with pytest.raises(Unavailable):
        await around.outside.prepare([one])
    around.seen.down = False
    for _ in range(2):
        await around.outside.prepare([one])
        assert around.intake.decode(one) is not None


async def test_R61_deposits_go_to_the_vault_which_is_closed_with_the_engine() -> None:
    around = Around()
    kept = Original(Citizen("c:1"), "T1", "e1", b"{}")
    await around.outside.deposit([kept])
    await around.outside.close()
    assert (around.vault.items, around.vault.closed) == ([kept], True)
