"""What the agent's look-up and the verdict both ask (R12–R20, R53)."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace as with_

from policy.bundle import load
from policy.window import Window, WindowMode
from rules.handling import CLOSED, MOVES_KEPT, OPENED, UNHANDLED, Handling, Move, standing
from rules.matter import Matter
from rules.repeats import Case, Concern, judge
from rules.words import EVIDENCE, PROMPTS, REASONS
from tests.model.log import LAMPS, Log, Machine, at, days

CN = load("cn-12345").versions[0].policy
JAN = at("2026-01-05 10:00")
HERE = Matter(place_key="k1")


def case(name: str, day: float, handling: Handling = UNHANDLED, **more: Any) -> Case:
    return Case(name, JAN + days(day), HERE, handling, **more)


def closed(day: float, **more: Any) -> Handling:
    time = JAN + days(day)
    return Handling(moves=(Move(time, CLOSED),), closed_at=time, **more)


SOLVED = closed(3, approved_at=JAN, called_back_at=JAN, contacted=True, resolved=True)


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([], ("new", "first_contact", "")),
        ([case("A", 0)], ("excluded", "in_progress", "A")),
        ([case("A", 0, closed(3))], ("confirmed", "unresolved_before", "A")),
        ([case("A", 0, SOLVED)], ("excluded", "closed_no_new_evidence", "A")),
        ([case("A", 0), case("B", 2, SOLVED)], ("excluded", "closed_no_new_evidence", "B")),
        ([case("B", 2, SOLVED), case("A", 0)], ("excluded", "closed_no_new_evidence", "B")),
        ([case("L", 20)], ("new", "first_contact", "")),
        ([case("O", -90)], ("new", "first_contact", "")),
        (
            [case("A", 0, SOLVED), case("B", 5, closed(6), rests_on="A")],
            ("excluded", "closed_no_new_evidence", "A"),
        ),
        ([with_(case("A", 0), matter=Matter())], ("candidate", "same_citizen_and_leaf", "A")),
    ],
)
def test_R53_judge(cases: list[Case], expected: tuple[str, str, str]) -> None:
    found = judge(Concern(JAN + days(10), LAMPS, matter=HERE), cases, CN)
    assert (found.verdict, found.reason, found.case) == expected


def test_R12_without_a_leaf_there_is_nothing_to_judge() -> None:
    found = judge(Concern(JAN, "unknown", matter=HERE), [case("A", -1)], CN)
    assert (found.verdict, found.reason) == ("new", "no_leaf")


def test_R12_the_window_is_that_of_the_channel() -> None:
    repeat = replace(
        CN.repeat,
        default=Window(WindowMode.ROLLING, 2),
        overrides=((None, "letter", Window(WindowMode.ROLLING, 30)),),
        _resolved={},
    )
    policy = replace(CN, repeat=repeat)
    for channel, verdict in (("phone", "new"), ("letter", "excluded")):
        concern = Concern(JAN + days(5), LAMPS, channel, HERE)
        assert judge(concern, [case("A", 0)], policy).verdict == verdict


def test_R53_the_look_up_says_what_the_verdict_says() -> None:
    """The same rules over what the processor keeps."""
    log, machine = Log(), Machine()
    place: dict[str, Any] = {"place": {"key": "k1"}}
    machine.feed([log.received("A", JAN, **place), log.closed("A", JAN + days(2))])
    kept = machine.chain(f"c:1|{LAMPS}").tickets
    cases = [Case(each.id, each.time, each.matter, each.handling) for each in kept]
    asked = judge(Concern(JAN + days(10), LAMPS, matter=HERE), cases, CN)
    fact = machine.feed([log.received("B", JAN + days(10), **place)])[0].data
    assert (asked.verdict, asked.reason) == (fact.verdict, fact.reason)
    assert fact.rests_on is not None
    assert (asked.case, asked.match.score) == (fact.rests_on.ticket, fact.rests_on.score)


def test_R18_where_a_ticket_stood_is_known_beyond_the_moves_that_are_kept() -> None:
    moves = tuple(
        Move(JAN + days(n), OPENED if n % 2 else CLOSED) for n in range(1, 2 * MOVES_KEPT)
    )[-MOVES_KEPT:]
    handling = Handling(moves=moves)
    first: datetime = moves[0].at
    assert standing(handling, JAN, first - days(0.5)).is_open == (moves[0].what == CLOSED)
    assert standing(handling, JAN, first).is_open == (moves[0].what == OPENED)


def test_every_reason_has_words_in_both_languages() -> None:
    said = [*(each.said for each in REASONS.values()), *EVIDENCE.values(), *PROMPTS.values()]
    for en, zh in said:
        assert not any("\u4e00" <= each <= "\u9fff" for each in en)
        assert any("\u4e00" <= each <= "\u9fff" for each in zh)
    assert set(PROMPTS) <= set(REASONS)
