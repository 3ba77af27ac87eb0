"""What the command plans and what the engine's core counts fit together (I1, I3, I10).

The real planning and the real core, joined by two lists in place of the two topics.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.dead_letters import Filed, blockers, passes
from policy.bundle import load
from runtime.core import Partition, to_ms
from runtime.processor import Record
from runtime.stores.memory import MemoryStore
from schemas.dead_letter import LetterId, RedriveEnd, Redriven
from schemas.envelope import Envelope
from tests.kit.reminders import ALARMS_IN, Alarm, Input, Reminders

BUNDLE = load("cn-12345")
START = datetime(2026, 11, 21, tzinfo=UTC)
ROUNDS = 6
KEYS = ("T1", "T2")


@dataclass
class Bench:
    """A partition of the tests' processor, and the two topics as lists."""

    part: Partition[Alarm, Input] = field(
        default_factory=lambda: Partition(Reminders(), BUNDLE, store=MemoryStore())
    )
    filed: list[Filed] = field(default_factory=list)
    back: set[LetterId] = field(default_factory=set)
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Ticket and id of every event decided, in the order of their facts."""
    offset: int = 0
    changelog: int = 0

    def event(self, ticket: str, **data: object) -> None:
        """A record comes in from the log; the clock goes with it."""
        at = START + timedelta(seconds=self.offset)
        value = {
            "id": f"e{self.offset}",
            "subject": ticket,
            "recordedtime": at,
            "data": data,
        }
        self._batch(
            Record(
                ALARMS_IN,
                0,
                self.offset,
                ticket.encode(),
                msgspec.json.encode(value),
                to_ms(at),
            )
        )
        self.offset += 1

    def put_back(self, ticket: str, *, meanwhile: list[bool]) -> bool:
        """A round of the command. Events that come in between plan and arrival follow."""
        for subject in blockers(self.filed, ticket):
            planned = passes(self.filed, self.back, subject)
            if planned:
                break
        else:
            return False
        for boom in meanwhile:
            self.event(ticket, boom=boom)
        for one in planned:
            for each in one.letters:
                self.back.add(each.id)
                back = Redriven.of(each.letter, each.id)
                self._redriven(back.key, back.value, back.to_headers())
            end = RedriveEnd(subject=one.subject, letters=one.put_back)
            self._redriven(None, None, end.to_headers())
        return True

    def _redriven(
        self, key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...]
    ) -> None:
        self._batch(Record(self.part.redrive_topic, 0, 0, key, value, 0, headers))

    def _batch(self, record: Record) -> None:
        batch = self.part.begin()
        batch.feed(record)
        batch.advance(to_ms(START + timedelta(seconds=self.offset)), 100)
        for output in batch.outputs:
            fact = output.effect.value
            assert isinstance(fact, Envelope)
            if fact.type == "test.alarm.seen.v1":
                self.seen.append((fact.subject, fact.causationid or ""))
        for letter in batch.letters:
            self.filed.append(Filed(LetterId(0, len(self.filed)), letter, at_ms=0))
        self.changelog += 1
        self.part.apply(batch, batch.encode(), self.changelog)


events = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.sampled_from(["plain", "plain", "boom", "alarm", "bad alarm"]),
    ),
    min_size=1,
    max_size=12,
)
arrivals = st.lists(st.booleans(), max_size=2)

KINDS: dict[str, dict[str, object]] = {
    "plain": {},
    "boom": {"boom": True},
    "alarm": {"wait_s": 1},
    "bad alarm": {"wait_s": 1, "boom_at_wake": True},
}


@settings(max_examples=200, deadline=None)
@given(events, st.lists(arrivals, max_size=3), st.lists(arrivals, min_size=ROUNDS, max_size=ROUNDS))
def test_I10_after_the_fix_every_event_is_decided_once_and_in_order(
    given_events: list[tuple[str, str]],
    before_the_fix: list[list[bool]],
    after_the_fix: list[list[bool]],
) -> None:
    bench = Bench()
    for ticket, kind in given_events:
        bench.event(ticket, **KINDS[kind])
    for meanwhile in before_the_fix:
        bench.put_back("T1", meanwhile=meanwhile)
    bench.part.processor = Reminders(fixed=True)
    for subject in ("T1", "T2", "timer/T1", "timer/T2"):
        for meanwhile in after_the_fix if subject in KEYS else ():
            bench.put_back(subject, meanwhile=meanwhile)
        while bench.put_back(subject, meanwhile=[]):
            assert len(bench.filed) < 1_000, "a redrive that never ends"
    assert bench.part.blocked == {}
    assert sorted(cause for _, cause in bench.seen) == sorted(f"e{n}" for n in range(bench.offset))
    for ticket in KEYS:
        numbers = [int(cause[1:]) for subject, cause in bench.seen if subject == ticket]
        assert numbers == sorted(numbers)
