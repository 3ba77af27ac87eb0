"""The events of files: order of recorded time, nothing dropped, keys by citizen."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.replaying.source import Recorded, citizen_keys, read_lines, recorded
from policy.bundle import load
from runtime.core import to_ms
from vault.directory import KeyedPseudonyms

BUNDLE = load("cn-12345")
DIRECTORY = KeyedPseudonyms(bytes(range(32)))
NOON_MS = to_ms(datetime(2026, 3, 1, 12, tzinfo=UTC))


def line(subject: str = "T1", **fields: Any) -> bytes:
    return json.dumps({"subject": subject, **fields}).encode()


def order(*lines: bytes) -> list[bytes]:
    return [each.value for each in recorded(lines)]


def test_events_come_in_the_order_of_their_recorded_time() -> None:
    late = line("T1", time="2026-03-01T13:00:00Z")
    early = line("T2", time="2026-03-01T12:00:00Z")
    assert order(late, early) == [early, late]


def test_recordedtime_goes_before_time() -> None:
    recorded_last = line("T1", time="2026-01-01T00:00:00Z", recordedtime="2026-03-01T13:00:00Z")
    other = line("T2", time="2026-03-01T12:00:00Z")
    assert order(recorded_last, other) == [other, recorded_last]


def test_offsets_are_minded_and_equal_times_keep_their_order() -> None:
    beijing = line("T1", time="2026-03-01T20:00:00+08:00")
    same = line("T2", time="2026-03-01T12:00:00Z")
    before = line("T3", time="2026-03-01T19:59:59+08:00")
    assert order(beijing, same, before) == [before, beijing, same]


@pytest.mark.parametrize(
    "unreadable",
    [
        b"{not json",
        b"[1, 2]",
        b"\xff\xfe",
        line("T9"),
        line("T9", time="yesterday"),
        line("T9", time="2026-03-01T00:00:00"),
        line("T9", time=12),
    ],
)
def test_a_line_without_a_readable_time_keeps_its_place(unreadable: bytes) -> None:
    late = line("T1", time="2026-03-01T13:00:00Z")
    early = line("T2", time="2026-03-01T12:00:00Z")
    assert order(early, unreadable, late) == [early, unreadable, late]
    assert order(late, unreadable, early) == [early, late, unreadable]


def test_a_record_says_when_and_of_which_ticket() -> None:
    (first, second) = recorded([line("T1", time="2026-03-01T12:00:00Z"), b"{not json"])
    assert (first.at_ms, first.subject) == (NOON_MS, "T1")
    assert (second.at_ms, second.subject) == (NOON_MS, "")


def test_lines_of_plain_and_packed_files_are_read_alike(tmp_path: Path) -> None:
    lines = [line(f"T{number}") for number in range(5_000)]
    text = b"\r\n".join(lines[:10]) + b"\n\n" + b"\n".join(lines[10:])
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    seen: list[int] = []
    assert list(read_lines([plain, packed], seen=seen.append)) == lines * 2
    assert sum(seen) == plain.stat().st_size + packed.stat().st_size


def received(ticket: str, phone: str | None, *, party: str = "complainant") -> Recorded:
    given = [] if phone is None else [{"scheme": "phone", "value": phone}]
    return Recorded(0, ticket, line(ticket, source="p", data={party: {"identities": given}}))


def test_all_tickets_of_a_citizen_have_one_key() -> None:
    events = [
        received("T1", "13800138000"),
        received("T2", "+86 138-0013-8000"),
        received("T3", "13900139000"),
        received("C1", "13800138000", party="caller"),
    ]
    keys = citizen_keys(events, DIRECTORY, BUNDLE)
    assert keys["T1"] == keys["T2"] == keys["C1"] != keys["T3"]


def test_the_first_identity_of_a_ticket_counts_and_an_anonymous_one_has_no_key() -> None:
    events = [
        Recorded(0, "T1", line("T1", data={"text": "before the receipt"})),
        received("T1", "13800138000"),
        received("T1", "13900139000"),
        received("T2", None),
        Recorded(0, "T3", b'{not json "identities"'),
        Recorded(0, "T4", line("T4", data={"complainant": {"identities": [{"scheme": "moon"}]}})),
    ]
    keys = citizen_keys(events, DIRECTORY, BUNDLE)
    assert keys == {"T1": citizen_keys([received("T1", "13800138000")], DIRECTORY, BUNDLE)["T1"]}


def test_R12_a_ticket_that_somebody_files_for_another_has_the_others_key() -> None:
    principal = {"identities": [{"scheme": "phone", "value": "13900139000"}]}
    nobody = {"name": "邻居"}
    events = [
        Recorded(
            NOON_MS,
            ticket,
            line(
                ticket,
                data={
                    "complainant": {
                        "identities": [{"scheme": "phone", "value": "13800138000"}],
                        "on_behalf_of": behalf,
                    }
                },
            ),
        )
        for ticket, behalf in (("T1", principal), ("T2", nobody), ("T3", None))
    ]
    keys = citizen_keys([*events, received("T4", "13900139000")], DIRECTORY, BUNDLE)
    assert keys["T1"] == keys["T4"]
    assert keys["T2"] == keys["T3"] != keys["T1"]


def test_R12_those_who_turn_out_to_be_one_have_one_key_from_the_start() -> None:
    def alias(value: str) -> dict[str, Any]:
        return {"identity": {"scheme": "phone", "value": value}}

    def link(subject: str, one: str, other: str) -> Recorded:
        data = {"first": alias(one), "second": alias(other)}
        named = {"type": "hotline.identity.linked.v1", "source": "p"}
        return Recorded(0, subject, line(subject, **named, data=data))

    phones = [f"1380013800{number}" for number in range(4)]
    events = [received(f"T{number}", phone) for number, phone in enumerate(phones)]
    events += [link("T0", phones[0], phones[1]), link("C9", phones[2], phones[1])]
    keys = citizen_keys(events, DIRECTORY, BUNDLE)
    assert keys["T0"] == keys["T1"] == keys["T2"] == keys["C9"] != keys["T3"]
