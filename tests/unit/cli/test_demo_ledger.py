"""The demo's accounts notice every record that is lost, doubled, or never published (I1, I2)."""

from typing import Any

import orjson
import pytest

from cli.demonstration.ledger import Ledger, Published, judged, settle
from schemas.dead_letter import DeadLetter


def document(number: int) -> dict[str, Any]:
    return {"source": "s", "id": f"e{number}", "type": "hotline.ticket.received.v1", "subject": "T"}


def published(offset: int, number: int | None = None) -> Published:
    value = b"{" if number is None else orjson.dumps(document(number))
    return Published(0, offset, value)


def letter(offset: int, reason: str = "not_json") -> DeadLetter:
    return DeadLetter(
        service="intake",
        reason=reason,
        detail="",
        topic="hotline.inbox",
        partition=0,
        offset=offset,
        timestamp_ms=0,
    )


INBOX = [published(0, 1), published(1, 2), published(3, 1), published(4), published(5, 2)]
"""1 comes twice; what lies at 4 is no JSON; 2 comes again with another content."""
LETTERS = [letter(4), letter(5, "id_reused")]


def test_I1_each_record_is_on_the_log_a_duplicate_or_a_dead_letter() -> None:
    ledger = settle(INBOX, [document(1), document(2)], LETTERS)
    assert ledger == Ledger(5, 2, 1, {"id_reused": 1, "not_json": 1})
    assert ledger.balanced


def test_an_event_that_waits_for_the_receipt_of_its_ticket_is_not_lost() -> None:
    ledger = settle(INBOX, [document(1)], LETTERS, {"T": 1})
    assert (ledger.parked, ledger.lost) == (1, ())
    assert ledger.balanced
    lost = settle(INBOX, [], LETTERS, {"T": 1})
    assert (lost.parked, len(lost.lost)) == (1, 2)
    assert not lost.balanced


def test_R12_a_link_is_on_the_log_once_for_each_of_the_two() -> None:
    link = document(2) | {"type": "hotline.identity.linked.v1"}
    copies = [link | {"citizen": citizen} for citizen in ("c:1", "c:2")]
    assert settle(INBOX, [document(1), *copies], LETTERS).balanced
    twice = settle(INBOX, [document(1), *copies, copies[0]], LETTERS)
    assert twice.doubled == ("s e2",)


@pytest.mark.parametrize(
    ("log", "letters", "wrong"),
    [
        ([1], LETTERS, {"lost": ("hotline.inbox-0-1",)}),
        ([1, 2], LETTERS[1:], {"lost": ("hotline.inbox-0-4",)}),
        ([1, 2, 2], LETTERS, {"doubled": ("s e2",)}),
        ([1, 2], [*LETTERS, letter(4)], {"doubled": ("hotline.inbox-0-4",)}),
        ([1, 2, 3], LETTERS, {"unknown": ("s e3",)}),
    ],
    ids=["event lost", "dead letter lost", "event twice", "dead letter twice", "from nowhere"],
)
def test_I1_what_does_not_add_up_is_named(
    log: list[int], letters: list[DeadLetter], wrong: dict[str, tuple[str]]
) -> None:
    ledger = settle(INBOX, map(document, log), letters)
    assert not ledger.balanced
    found = {"lost": ledger.lost, "doubled": ledger.doubled, "unknown": ledger.unknown}
    assert {name: value for name, value in found.items() if value} == wrong


def fact(name: str, revision: int, replaces: str | None = None) -> dict[str, Any]:
    data = {"verdict": "new", "revision": revision, "replaces": replaces}
    return {"id": name, "subject": "T", "data": data}


@pytest.mark.parametrize(
    ("facts", "wrong"),
    [
        ([fact("a", 1)], {}),
        ([fact("a", 1), fact("b", 2, "a")], {}),
        ([fact("b", 2, "a"), fact("a", 1)], {}),
        ([fact("z", 0), fact("a", 1)], {}),
        ([], {"unjudged": ["T"]}),
        ([fact("a", 1), fact("a", 1)], {"doubled": ["a", "T revisions [1, 1]"],
                                        "gaps": ["T revisions [1, 1]"]}),
        ([fact("a", 1), fact("c", 3, "b")], {"gaps": ["T revisions [1, 3]"]}),
        ([fact("a", 1), fact("b", 2, "x")], {"gaps": ["T revisions [1, 2]"]}),
    ],
    ids=["one", "revised", "handed over", "before its receipt", "none", "twice", "a gap",
         "another replaced"],
)  # fmt: skip
def test_I2_a_ticket_has_each_revision_once(
    facts: list[dict[str, Any]], wrong: dict[str, list[str]]
) -> None:
    found = judged([document(1)], facts)
    told = {"unjudged": found.unjudged, "doubled": found.doubled, "gaps": found.gaps}
    assert {name: value for name, value in told.items() if value} == wrong
    assert found.balanced is not bool(wrong)
    assert found.tickets == 1
