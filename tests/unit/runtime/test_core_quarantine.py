"""What cannot be decided (I10, F15): letters, quarantine, redrive, poison, large states."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import pytest

from policy.bundle import Policy
from runtime.core import SYSTEM, PoisonLimit
from runtime.errors import StateTooLarge
from runtime.keys import KeyRing
from runtime.processor import Decision, Record, Unreadable
from runtime.sealing import Sealer
from schemas.dead_letter import LetterId, Redriven
from tests.kit.alarms import Rig, event, reasons
from tests.kit.reminders import ALARMS_IN, Alarm, Input, Reminders
from tests.kit.sealing import SEALER

FIXED = Reminders(fixed=True)


def bad(offset: int, value: bytes | None, key: bytes | None = b"T1") -> Record:
    return msgspec.structs.replace(event(offset, "T1", 0), value=value, key=key)


# -- what cannot be read ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        (b"{", b"T1", "invalid"),
        (b"\xff\xfe", b"\xff", "invalid"),
        (b'{"id": 1}', None, "invalid"),
        (None, b"T1", "no_value"),
    ],
)
def test_F15_what_cannot_be_read_is_lettered_byte_for_byte_and_holds_nobody(
    value: bytes | None, key: bytes | None, reason: str
) -> None:
    rig = Rig()
    facts = rig.run(event(0, "T1", 0), bad(1, value, key), event(2, "T1", 1))
    assert facts == [("seen", "T1", "e0"), ("seen", "T1", "e2")]
    (letter,) = rig.letters
    assert (letter.reason, letter.subject, letter.value, letter.key) == (reason, None, value, key)
    assert letter.position == "test.alarms.in-0-1"


class Buggy(Reminders):
    """A bug of ours in each place, and an id that was used before."""

    def decode(self, record: Record) -> Input:
        if record.key == b"decode":
            raise KeyError("ours")
        return super().decode(record)

    def recorded_at(self, event: Input, record: Record) -> datetime:
        if event.subject == "recorded_at":
            raise KeyError("ours")
        return super().recorded_at(event, record)

    def keys(self, event: Input, policy: Policy) -> tuple[str, ...]:
        if event.subject == "keys":
            raise KeyError("ours")
        return super().keys(event, policy)

    def decide(
        self, states: Mapping[str, Alarm | None], event: Input, now: datetime, policy: Policy
    ) -> Decision[Alarm]:
        match event.subject:
            case "twice":
                raise Unreadable("duplicate", event.id)
            case "foreign":
                return Decision({"T1": Alarm()})
            case "system":
                return Decision({SYSTEM + "task__": Alarm()})
        return super().decide(states, event, now, policy)


@pytest.mark.parametrize(
    ("place", "reason", "detail", "blocks"),
    [
        ("decode", "decode_raised", "KeyError", False),
        ("recorded_at", "rule_raised", "KeyError", True),
        ("keys", "rule_raised", "KeyError", True),
        ("foreign", "rule_raised", "changed the state of 'T1'", True),
        ("system", "rule_raised", "changed the state of '__task__'", True),
        ("twice", "duplicate", "e0", False),
    ],
)
def test_I10_a_bug_anywhere_is_a_letter_and_the_neighbours_go_on(
    place: str, reason: str, detail: str, blocks: bool
) -> None:
    rig = Rig(Buggy())
    assert rig.run(event(0, place, 0), event(1, "T1", 0)) == [("seen", "T1", "e1")]
    assert rig.letters[0].reason == reason
    assert detail in rig.letters[0].detail
    assert (place in rig.part.blocked) == blocks


# -- quarantine and redrive -------------------------------------------------------------------


def raised() -> Rig:
    """T1 raised and two events of it wait; T2 has gone on."""
    rig = Rig()
    rig.run(event(0, "T1", 0), event(1, "T1", 1, boom=True), event(2, "T1", 2))
    rig.run(event(3, "T2", 3), event(4, "T1", 4))
    return rig


def test_I10_later_events_of_the_ticket_wait_in_order_and_neighbours_go_on() -> None:
    rig = raised()
    assert rig.facts == [("seen", "T1", "e0"), ("seen", "T2", "e3")]
    assert [(one.offset, one.reason) for one in rig.letters] == [
        (1, "rule_raised"),
        (2, "blocked"),
        (4, "blocked"),
    ]
    first = rig.letters[0].position
    assert [one.blocked_by for one in rig.letters] == [None, first, first]


def test_a_quarantined_ticket_still_has_its_alarms() -> None:
    rig = Rig()
    rig.run(event(0, "T1", 0, wait_s=5), event(1, "T1", 1, boom=True), event(2, "T1", 9))
    assert rig.run(clock_s=20) == [("rang", "T1", 5.0)]


@pytest.mark.parametrize("one_batch", [True, False])
@pytest.mark.parametrize("restart", [True, False])
def test_I10_redrive_decides_all_in_order_and_lifts(one_batch: bool, restart: bool) -> None:
    rig = raised()
    rig = rig.restarted(FIXED) if restart else rig
    rig.part.processor = FIXED
    records = [*rig.back(*rig.letters), rig.end("T1", 3), event(5, "T1", 9)]
    for group in [records] if one_batch else [[record] for record in records]:
        rig.run(*group)
    assert rig.facts[2:] == [("seen", "T1", f"e{n}") for n in (1, 2, 4, 5)]
    assert rig.part.blocked == {}


def test_I10_redrive_does_not_lift_while_letters_are_left() -> None:
    rig = raised()
    rig.part.processor = FIXED
    rig.run(*rig.back(*rig.letters), event(5, "T1", 5), rig.end("T1", 3))
    assert rig.facts[2:] == [("seen", "T1", f"e{n}") for n in (1, 2, 4)]
    assert rig.run(event(6, "T1", 6)) == [], "e5 came before the end marker, and waits"
    rig.run(*rig.back(*rig.letters[3:]), rig.end("T1", 5))
    assert rig.facts[5:] == [("seen", "T1", "e5"), ("seen", "T1", "e6")]
    assert rig.part.blocked == {}


@pytest.mark.parametrize("one_batch", [True, False])
def test_I10_what_fails_again_stays_blocked_with_all_behind_it(one_batch: bool) -> None:
    rig = raised()
    records = [*rig.back(*rig.letters), rig.end("T1", 3), event(5, "T1", 9)]
    for group in [records] if one_batch else [[record] for record in records]:
        rig.run(*group)
    assert rig.facts == [("seen", "T1", "e0"), ("seen", "T2", "e3")]
    again = rig.letters[3:]
    assert [(one.offset, one.attempt) for one in again] == [(1, 2), (2, 2), (4, 2), (5, 1)]
    rig.part.processor = FIXED
    rig.run(*rig.back(*again), rig.end("T1", 7))
    assert rig.facts[2:] == [("seen", "T1", f"e{n}") for n in (1, 2, 4, 5)]
    assert rig.part.blocked == {}


def blocked_ticket() -> Rig:
    rig = Rig()
    rig.run(event(0, "T1", 0, boom=True), event(1, "T1", 1), event(2, "T2", 2))
    return rig


@pytest.mark.parametrize("ring", [KeyRing({7: bytes(32)}), KeyRing({1: bytes(32)}), None])
def test_I10_a_letter_that_these_keys_do_not_open_is_kept_and_its_ticket_goes_on_waiting(
    ring: KeyRing | None,
) -> None:
    before = blocked_ticket()
    letters = list(before.letters)
    rig = before.restarted(FIXED)
    rig.part.sealer = None if ring is None else Sealer(ring)
    assert rig.run(*rig.back(*letters), rig.end("T1", 2)) == []
    again = rig.letters[2:]
    assert reasons(again) == [("T1", "cannot_open"), ("T1", "cannot_open")]
    assert [one.opened(SEALER).value for one in again] == [one.value for one in letters]
    assert [one.position for one in again] == [one.position for one in letters]
    assert {one.attempt for one in again} == {2}
    assert rig.run(event(3, "T1", 3)) == [], "nothing overtakes them"

    rig.part.sealer = SEALER
    facts = rig.run(*rig.back(*rig.letters[2:]), rig.end("T1", 5))
    assert facts == [("seen", "T1", "e0"), ("seen", "T1", "e1"), ("seen", "T1", "e3")]
    assert rig.run(event(4, "T1", 4)) == [("seen", "T1", "e4")]


def test_a_refused_letter_that_these_keys_do_not_open_is_kept_and_holds_nobody() -> None:
    rig = Rig()
    rig.run(bad(0, b"{"))
    (refused,) = rig.letters
    sealed = Redriven.of(refused.closed(SEALER), LetterId(0, 0), alone=True)
    rig.part.sealer = None
    back = Record(rig.part.redrive_topic, 0, 0, sealed.key, sealed.value, 0, sealed.to_headers())
    assert rig.run(back, event(1, "T1", 1)) == [("seen", "T1", "e1")]
    assert reasons(rig.letters[1:]) == [(None, "cannot_open")]
    assert rig.letters[1].opened(SEALER).value == b"{"


def test_an_unsealed_letter_of_the_release_before_goes_back_as_well() -> None:
    rig = blocked_ticket().restarted(FIXED)
    plain = [Redriven.of(one, LetterId(0, n)) for n, one in enumerate(rig.letters)]
    back = [
        Record(rig.part.redrive_topic, 0, 0, one.key, one.value, 0, one.to_headers())
        for one in plain
    ]
    facts = rig.run(*back, rig.end("T1", 2))
    assert facts == [("seen", "T1", "e0"), ("seen", "T1", "e1")]


def test_a_redriven_record_of_a_topic_that_is_no_input_is_a_letter_not_a_crash() -> None:
    rig = raised()
    foreign = replace(rig.letters[0], topic="hotline.elsewhere")
    rig.run(*rig.back(foreign), event(9, "T2", 9))
    assert rig.letters[-1].reason == "invalid_redrive"
    assert "hotline.elsewhere" in rig.letters[-1].detail
    assert rig.facts[-1] == ("seen", "T2", "e9")


def test_a_redrive_record_without_headers_is_a_letter() -> None:
    rig = Rig()
    rig.run(Record(rig.part.redrive_topic, 0, 0, b"T1", b"{}", 0))
    assert [one.reason for one in rig.letters] == ["invalid_redrive"]


def test_a_redriven_timer_of_a_key_that_is_not_blocked_does_nothing() -> None:
    rig = Rig()
    rig.run(event(0, "T1", 0, wait_s=1, boom_at_wake=True), clock_s=5)
    timer = rig.letters[0]
    assert Redriven.of(timer, LetterId(0, 0)).kind == "timer"
    rig.part.processor = FIXED
    rig.run(*rig.back(timer), *rig.back(timer))
    assert rig.facts[1:] == [("rang", "T1", 1.0)]


# -- states that grow too large ----------------------------------------------------------------

SMALL: dict[str, Any] = {"max_state_bytes": 300}


def test_StateTooLarge_names_the_key() -> None:
    rig = Rig(settings=SMALL)
    batch = rig.decide(event(0, "T1", 0), event(1, "T2", 0, pad=400))
    with pytest.raises(StateTooLarge, match="'T2'"):
        batch.encode()


def test_a_careful_batch_quarantines_only_the_event_that_outgrows() -> None:
    rig = Rig(settings=SMALL)
    rig.run(
        event(0, "T2", 0, pad=10),
        event(1, "T1", 0),
        event(2, "T2", 0, pad=400),
        event(3, "T2", 0),
        event(4, "T1", 0),
        careful=True,
    )
    assert [fact[2] for fact in rig.facts] == ["e0", "e1", "e4"]
    assert [(one.offset, one.reason) for one in rig.letters] == [
        (2, "rule_raised"),
        (3, "blocked"),
    ]
    assert rig.letters[0].detail.startswith("StateTooLarge")
    state = rig.part.load("T2")
    assert state is not None
    assert len(state.pad) == 10


# -- the poison limit ---------------------------------------------------------------------------


class Sourced(Reminders):
    """Each ticket is of the publisher that its id begins with; what cannot be read, of nobody."""

    def source(self, event: Input) -> str:
        return event.subject.split("-")[0]


LIMIT: dict[str, Any] = {"poison": PoisonLimit(window_records=100, minimum_letters=3, ratio=0.5)}


def boom(offset: int, ticket: str) -> Record:
    return event(offset, ticket, 0, boom=True)


@pytest.mark.parametrize(
    ("records", "stopped"),
    [
        pytest.param([boom(0, "a-1"), boom(1, "a-2")], False, id="fewer than the minimum"),
        pytest.param([boom(n, f"a-{n}") for n in range(3)], True, id="all of a publisher's"),
        pytest.param(
            [event(n, "a-9", 0) for n in range(4)] + [boom(n, f"a-{n}") for n in range(4)],
            False,
            id="half of a publisher's",
        ),
        pytest.param(
            [event(n, "b-9", 0) for n in range(9)] + [boom(n, f"a-{n}") for n in range(3)],
            True,
            id="one publisher's, however good another is",
        ),
        pytest.param(
            [event(n, "b-9", 0) for n in range(9)] + [bad(n, b"{") for n in range(3)],
            False,
            id="nobody's rubbish among much that is good",
        ),
        pytest.param([bad(n, b"{") for n in range(3)], True, id="nothing but rubbish"),
        pytest.param(
            [boom(0, "a-1")] + [event(n, "a-1", 0) for n in range(9)],
            False,
            id="what waits behind one does not count",
        ),
    ],
)
def test_I10_past_the_limit_the_partition_stops(records: list[Record], stopped: bool) -> None:
    rig = Rig(Sourced(), LIMIT)
    rig.run(*records)
    assert (rig.part.stopped is not None) == stopped


def test_the_window_forgets_old_poison() -> None:
    limit = PoisonLimit(window_records=4, minimum_letters=3, ratio=0.1)
    rig = Rig(settings={"poison": limit})
    for n in range(12):
        rig.run(boom(n, f"T{n}") if n % 6 == 0 else event(n, "T9", 0))
    assert rig.part.stopped is None


def test_a_discarded_batch_does_not_count_as_poison() -> None:
    rig = Rig(settings=LIMIT)
    for _ in range(5):
        rig.decide(boom(0, "T1"), boom(1, "T2")).discard()
    rig.run(boom(0, "T1"), boom(1, "T2"))
    assert rig.part.stopped is None
    assert ALARMS_IN.name in rig.letters[0].position
    assert reasons(rig.letters) == [("T1", "rule_raised"), ("T2", "rule_raised")]
