"""What a redrive puts back, and in which order; and what the command says without a broker."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from cli.dead_lettering.planning import Filed, blockers, passes
from cli.dead_letters import dead_letters, parse_since
from schemas.dead_letter import DeadLetter, LetterId

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def filed(at: int, offset: int, **changed: Any) -> Filed:
    """Letter ``at`` on the dead-letter topic, of the record at ``offset`` of the log."""
    given: dict[str, Any] = {
        "service": "dedup",
        "reason": "blocked",
        "detail": "",
        "topic": "hotline.tickets",
        "partition": 3,
        "offset": offset,
        "timestamp_ms": 0,
        "subject": "T1",
    }
    return Filed(LetterId(0, at), DeadLetter(**(given | changed)), at_ms=0)


FIRST = "hotline.tickets-3-10"


def raised(at: int, offset: int = 10, **changed: Any) -> Filed:
    return filed(at, offset, reason="rule_raised", **changed)


def behind(at: int, offset: int, **changed: Any) -> Filed:
    return filed(at, offset, **({"blocked_by": FIRST} | changed))


def planned(letters: list[Filed], back: list[int], subject: str = "T1") -> list[tuple[Any, ...]]:
    """By pass: partition, offsets of the originals, count of the end marker, whether it begins."""
    found = passes(letters, {LetterId(0, at) for at in back}, subject)
    return [
        (one.partition, [each.letter.offset for each in one.letters], one.put_back, one.begins)
        for one in found
    ]


CASES: dict[str, tuple[list[Filed], list[int], list[tuple[Any, ...]]]] = {
    "nothing waits": ([], [], []),
    "the first and what waits behind it": (
        [raised(0), behind(1, 11), behind(2, 14)],
        [],
        [(3, [10, 11, 14], 3, True)],
    ),
    "another ticket's stay": (
        [raised(0), behind(1, 11, subject="T2")],
        [],
        [(3, [10], 1, True)],
    ),
    "what was put back is not put back again": (
        [raised(0), behind(1, 11), behind(2, 14)],
        [0, 1, 2],
        [],
    ),
    "a letter that came during the redrive; the marker counts those before": (
        [raised(0), behind(1, 11), behind(2, 14)],
        [0, 1],
        [(3, [14], 3, True)],
    ),
    "what failed again keeps its place before what came meanwhile": (
        [
            raised(0),
            behind(1, 11),
            behind(2, 14),
            raised(3, 10, attempt=2, blocked_by=FIRST),
            behind(4, 11, attempt=2),
        ],
        [0, 1],
        [(3, [10, 11, 14], 5, True)],
    ),
    "a second block does not count the first": (
        [raised(0), behind(1, 11), raised(2, 20), behind(3, 21, blocked_by="hotline.tickets-3-20")],
        [0, 1],
        [(3, [20, 21], 2, True)],
    ),
    "what was refused does not wait": (
        [filed(0, 9, reason="invalid"), raised(1)],
        [],
        [(3, [10], 1, True)],
    ),
    "two partitions, each with its own block": (
        [raised(0), raised(1, 7, partition=1)],
        [],
        [(1, [7], 1, True), (3, [10], 1, True)],
    ),
    "the letter that began it has expired": ([behind(1, 11)], [], [(3, [11], 1, False)]),
}


@pytest.mark.parametrize("case", CASES)
def test_I3_what_goes_back_and_in_which_order(case: str) -> None:
    letters, back, expected = CASES[case]
    assert planned(letters, back) == expected
    assert planned(letters[::-1], back) == expected


def test_a_timer_that_tickets_wait_behind_goes_first() -> None:
    timer = filed(
        0,
        -1,
        reason="timer_raised",
        kind="timer",
        key=b"c:1/noise",
        subject="__timer__/c:1/noise",
        topic="hotline.dedup.changelog",
        timestamp_ms=5,
    )
    waits = behind(1, 11, blocked_by=timer.letter.position)
    assert blockers([timer, waits, raised(2, 30, subject="T2")], "T1") == (
        "__timer__/c:1/noise",
        "T1",
    )
    assert planned([timer, waits], []) == [(3, [11], 1, True)]
    assert blockers([timer, waits], "T2") == ("T2",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2d", NOW - timedelta(days=2)),
        ("2026-11-21T08:00+08:00", datetime(2026, 11, 21, tzinfo=UTC)),
    ],
)
def test_since_is_a_span_or_a_time(text: str, expected: datetime) -> None:
    assert parse_since(text, NOW) == expected


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list", "--since", "soon"], "'soon' is neither a span"),
        (["show", "abc"], "'abc' is not <partition>:<offset>, such as 3:1207"),
        (["redrive", "--ticket", "T1"], "give --service and --ticket, or --letter"),
        (["redrive", "--ticket", "T1", "--letter", "1:2"], "--letter stands alone"),
        (["redrive", "--letter", "1"], "'1' is not <partition>:<offset>, such as 3:1207"),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(dead_letters, arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())


@pytest.mark.parametrize("command", [[], ["list"], ["show"], ["redrive"]])
def test_help_has_examples(command: list[str]) -> None:
    result = CliRunner().invoke(dead_letters, [*command, "--help"])
    assert result.exit_code == 0
    assert "Examples:\n" in result.output
    assert "hotline dead-letters " in result.output


def test_no_broker_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    result = CliRunner().invoke(dead_letters, ["list"])
    assert result.exit_code == 1
    assert "no Kafka broker answers at 127.0.0.1:1: start it (hotline up)" in result.output
