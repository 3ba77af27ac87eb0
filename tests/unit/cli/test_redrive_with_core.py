"""What the command plans and what the engine's core counts fit together (I1, I3, I10).

The real planning and the real core, joined by two lists in place of the two topics.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.dead_lettering.planning import Filed, blockers, passes
from policy.bundle import load
from runtime.core import Partition, to_ms
from runtime.processor import Record, Unreadable
from runtime.stores.memory import MemoryStore
from schemas.dead_letter import DeadLetter, LetterId, RedriveEnd, Redriven
from schemas.envelope import Envelope
from tests.kit.reminders import ALARMS_IN, Alarm, Input, Reminders
from tests.kit.sealing import SEALER

BUNDLE = load("cn-12345")
START = datetime(2026, 11, 21, tzinfo=UTC)
ROUNDS = 6
KEYS = ("T1", "T2")


class Older(Reminders):
    """A version that does not know all events yet."""

    def decode(self, record: Record) -> Input:
        event = super().decode(record)
        if event.data.get("newer"):
            raise Unreadable("unknown_type", "type is test.newer.v2")
        return event


@dataclass
class Bench:
    """A partition of the tests' processor, and the two topics as lists."""

    part: Partition[Alarm, Input] = field(
        default_factory=lambda: Partition(Older(), BUNDLE, store=MemoryStore(), sealer=SEALER)
    )
    filed: list[Filed] = field(default_factory=list)
    back: set[LetterId] = field(default_factory=set)
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Ticket and id of every event decided, in the order of their facts."""
    offset: int = 0
    changelog: int = 0
    taken: int = 0
    """Letters that came back, as the metric counts them."""

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

    def put_back_alone(self, one: Filed) -> None:
        """The command for a letter that holds no place in an order."""
        assert not one.waits
        back = Redriven.of(one.letter, one.id, alone=True)
        self.back.add(one.id)
        self._redriven(back.key, back.value, back.to_headers())

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
        for written in batch.letters:
            _, value, headers = written.to_record(SEALER)
            letter = DeadLetter.from_record(value, headers)
            self.filed.append(Filed(LetterId(0, len(self.filed)), letter, at_ms=0))
        self.changelog += 1
        self.taken += batch.redriven
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
    for subject in ("T1", "T2", "__timer__/T1", "__timer__/T2"):
        for meanwhile in after_the_fix if subject in KEYS else ():
            bench.put_back(subject, meanwhile=meanwhile)
        while bench.put_back(subject, meanwhile=[]):
            assert len(bench.filed) < 1_000, "a redrive that never ends"
    assert bench.part.blocked == {}
    assert bench.taken == len(bench.back)
    assert sorted(cause for _, cause in bench.seen) == sorted(f"e{n}" for n in range(bench.offset))
    for ticket in KEYS:
        numbers = [int(cause[1:]) for subject, cause in bench.seen if subject == ticket]
        assert numbers == sorted(numbers)


def test_an_event_of_a_newer_type_goes_back_alone_after_the_upgrade() -> None:
    bench = Bench()
    bench.event("T1", newer=True)
    bench.event("T1")
    (unread,) = bench.filed
    assert (unread.letter.reason, unread.letter.subject) == ("unknown_type", None)
    bench.part.processor = Reminders()
    bench.put_back_alone(unread)
    assert bench.seen == [("T1", "e1"), ("T1", "e0")]
    assert (len(bench.filed), bench.part.blocked) == (1, {})


def test_what_still_cannot_be_read_comes_to_another_letter() -> None:
    bench = Bench()
    bench.event("T1", newer=True)
    bench.put_back_alone(bench.filed[0])
    first, second = (one.letter for one in bench.filed)
    assert (second.position, second.value) == (first.position, first.value)
    assert (second.subject, second.attempt) == (None, 2)


def test_I10_a_letter_that_goes_back_alone_does_not_overtake_a_blocked_ticket() -> None:
    bench = Bench()
    bench.event("T1", newer=True)
    bench.event("T1", boom=True)
    bench.part.processor = Reminders()
    bench.put_back_alone(bench.filed[0])
    waiting = bench.filed[-1]
    assert bench.seen == []
    assert (waiting.waits, waiting.letter.reason, waiting.letter.subject) == (True, "blocked", "T1")
    bench.part.processor = Reminders(fixed=True)
    while bench.put_back("T1", meanwhile=[]):
        assert len(bench.filed) < 10
    assert bench.seen == [("T1", "e1"), ("T1", "e0")]
    assert bench.part.blocked == {}


def test_I10_one_that_raises_when_it_goes_back_alone_blocks_its_ticket_as_any_other() -> None:
    bench = Bench()
    bench.event("T1", newer=True, boom=True)
    bench.part.processor = Reminders()
    bench.put_back_alone(bench.filed[0])
    bench.event("T1")
    assert [one.letter.reason for one in bench.filed[1:]] == ["rule_raised", "blocked"]
    bench.part.processor = Reminders(fixed=True)
    assert bench.put_back("T1", meanwhile=[])
    assert bench.seen == [("T1", "e0"), ("T1", "e1")]
    assert (len(bench.filed), bench.part.blocked) == (3, {})


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(KEYS), st.sampled_from(["plain", "boom", "alarm", "bad alarm", "newer"])
        ),
        min_size=1,
        max_size=10,
    ),
    st.booleans(),
)
def test_I1_everything_is_decided_once_whatever_goes_back_alone(
    given_events: list[tuple[str, str]], alone_first: bool
) -> None:
    bench = Bench()
    for ticket, kind in given_events:
        bench.event(ticket, **KINDS.get(kind, {"newer": True}))
    unread = [one for one in bench.filed if not one.waits]
    bench.part.processor = Reminders(fixed=not alone_first)
    for one in unread if alone_first else ():
        bench.put_back_alone(one)
    bench.part.processor = Reminders(fixed=True)
    for subject in ("T1", "T2", "__timer__/T1", "__timer__/T2"):
        while bench.put_back(subject, meanwhile=[]):
            assert len(bench.filed) < 1_000, "a redrive that never ends"
    for one in () if alone_first else unread:
        bench.put_back_alone(one)
    assert bench.part.blocked == {}
    assert sorted(cause for _, cause in bench.seen) == sorted(f"e{n}" for n in range(bench.offset))
