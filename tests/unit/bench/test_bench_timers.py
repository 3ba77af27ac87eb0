"""What the herd bench counts: each deadline once, none early; events before and in the herd."""

from datetime import timedelta

import orjson

from bench import timers
from bench.timers import DUE, LEAD_SECONDS, Arrived, Load, judged
from runtime.core import to_ms
from runtime.driver import Written
from schemas.topics import TICKETS

SHIFT = 1_000_000.0
"""Seconds from the log's clock to the wall's."""
DUE_AT = DUE.timestamp() + SHIFT


def breach(ticket: str, after_s: float, target: str = "resolve") -> Arrived:
    fact = {"type": "hotline.sla.breached.v1", "subject": ticket, "data": {"target": target}}
    return Arrived(DUE_AT + after_s, orjson.dumps(fact))


def other(number: int, after_s: float, taken_s: float) -> tuple[Written, Arrived]:
    """An event of another ticket, and its first fact."""
    ticket = f"S{number:06d}"
    at_ms = to_ms(DUE + timedelta(seconds=after_s))
    value = orjson.dumps({"type": "hotline.ticket.received.v1", "subject": ticket})
    fact = orjson.dumps({"type": "hotline.sla.started.v1", "subject": ticket})
    return Written(TICKETS, b"c", value, at_ms), Arrived(DUE_AT + after_s + taken_s, fact)


def test_I7_missing_doubled_and_early_ones_are_counted() -> None:
    steady = [other(n, n - 25.0, 0.1) for n in range(35)]
    arrived = [
        breach("H1", 2),
        breach("H2", -0.5),
        breach("H3", 3),
        breach("H3", 4),
        breach("H3", 2, target="reply"),
        breach("H4", 9, target="interim"),  # due at another time
        *(fact for _, fact in steady),
    ]
    found = judged(Load(5, 1), arrived, [event for event, _ in steady], SHIFT, (20.0, 5.0), 60.0)
    assert (found.fired, found.missing, found.doubled, found.early) == (4, 1, 1, 1)
    assert found.seconds == 4.0


def test_events_count_from_their_instant_to_their_first_fact() -> None:
    steady = [
        *(other(n, n - LEAD_SECONDS, 9) for n in range(5)),  # warming up
        *(other(n, n - LEAD_SECONDS, 0.1) for n in range(5, 25)),
        *(other(100 + n, n / 2, 0.5) for n in range(10)),
        *(other(200 + n, 20 + n, 9) for n in range(3)),  # after the last breach
    ]
    arrived = [fact for _, fact in steady]
    again = [Arrived(each.at + 60, each.value) for each in arrived]
    events = [event for event, _ in steady] + [other(300, 1, 0)[0]]
    found = judged(Load(1, 1), [*arrived, *again, breach("H1", 4.6)], events, SHIFT, (1, 1), 1)
    assert (found.events_before, found.events_herd, found.events_lost) == (20, 10, 1)
    assert (found.before_p99_ms, found.herd_p99_ms, found.added_p99_ms) == (100.0, 500.0, 400.0)


def test_the_herd_is_due_at_half_past_five_and_the_table_says_where_it_was_measured() -> None:
    assert DUE.isoformat() == "2026-09-08T17:30:00+08:00"
    steady = [other(n, n - 25.0, 0.1) for n in range(35)]
    arrived = [breach("H1", 4), *(fact for _, fact in steady)]
    found = judged(Load(1, 1), arrived, [event for event, _ in steady], SHIFT, (20.0, 5.0), 60.0)
    table = timers.sheet(found).markdown()
    assert "0 / 0 / 0" in table
    assert "Target: all fired within 15 s" in table
