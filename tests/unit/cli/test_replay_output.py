"""The files of a replay: what is written, what is counted, and letters that compare."""

import base64
import json
from pathlib import Path
from typing import Any

from cli.replaying.output import SUMMARISED, WRITTEN, Output, letter_document
from runtime.driver import Written
from schemas.dead_letter import DeadLetter
from schemas.topics import CLOCK, DEAD_LETTERS, INBOX, REPEATS, TICKETS, Topic


def written(topic: Topic, **document: Any) -> Written:
    return Written(topic, b"k", json.dumps(document).encode(), 0)


def letter(**given: Any) -> DeadLetter:
    return DeadLetter(
        **{
            "service": "intake",
            "reason": "not_json",
            "detail": "unexpected end",
            "topic": INBOX.name,
            "partition": 0,
            "offset": 7,
            "timestamp_ms": 1_000,
            "value": b"\xff{",
            **given,
        }
    )


def as_written(one: DeadLetter) -> Written:
    key, value, headers = one.to_record(None)
    return Written(DEAD_LETTERS, key, value, one.timestamp_ms, headers)


def test_each_topic_has_a_file_of_documents_in_the_order_written(tmp_path: Path) -> None:
    with Output(tmp_path / "new" / "out") as output:
        output.write(written(TICKETS, type="a", n=1, policyversion="2026.1", anomaly="late"))
        output.write(written(TICKETS, type="b", n=2))
        output.write(written(REPEATS, type="f", subject="T1", data=dict.fromkeys(SUMMARISED)))
        output.write(written(CLOCK, type="never written"))
        output.write(as_written(letter()))
        output.publish()
    lines = (output.directory / "hotline.tickets.jsonl").read_text().splitlines()
    assert [json.loads(each)["n"] for each in lines] == [1, 2]
    assert sorted(path.name for path in output.directory.iterdir()) == [
        "hotline.callbacks.jsonl",
        "hotline.commands.jsonl",
        "hotline.dead-letters.jsonl",
        "hotline.notices.jsonl",
        "hotline.repeats.jsonl",
        "hotline.sla.jsonl",
        "hotline.tickets.jsonl",
    ]
    assert output.counts.records == {TICKETS.name: 2, REPEATS.name: 1, DEAD_LETTERS.name: 1}
    assert output.counts.types == {"a": 1, "b": 1, "f": 1}
    assert output.counts.anomalies == {"late": 1}
    assert output.counts.policies == {"2026.1": 1}
    assert output.counts.letters == {"intake: not_json": 1}
    assert [fact["subject"] for fact in output.counts.verdicts] == ["T1"]


def test_a_topic_nobody_wrote_to_has_an_empty_file(tmp_path: Path) -> None:
    with Output(tmp_path) as output:
        output.publish()
    assert (tmp_path / "hotline.repeats.jsonl").read_bytes() == b""


def test_what_was_not_published_leaves_the_files_of_before(tmp_path: Path) -> None:
    with Output(tmp_path) as output:
        output.write(written(TICKETS, type="a"))
        output.publish("{}")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == len(WRITTEN) + 1, "and the summary"
    with Output(tmp_path) as output:
        output.write(written(TICKETS, type="b"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_a_rule_raised_on_is_told_the_earliest_first(tmp_path: Path) -> None:
    letters = [
        letter(reason="not_json"),
        letter(reason="timer_raised", subject="__timer__/c1", timestamp_ms=2_000),
        letter(reason="rule_raised", subject="T1", timestamp_ms=1_000, detail="KeyError: 'x'"),
        letter(reason="blocked", subject="T1", timestamp_ms=3_000),
        letter(reason="decode_raised", timestamp_ms=4_000),
    ]
    with Output(tmp_path) as output:
        for each in letters:
            output.write(as_written(each))
    assert list(map(str, sorted(output.counts.raised))) == [
        "intake, ticket 'T1', recorded 1970-01-01T00:00:01+00:00: KeyError: 'x'",
        "intake, the timer of 'c1', recorded 1970-01-01T00:00:02+00:00: unexpected end",
        "intake, a record without a subject, recorded 1970-01-01T00:00:04+00:00: unexpected end",
    ]


def test_a_letter_keeps_the_original_bytes_and_says_why() -> None:
    document = letter_document(letter(source="platform"))
    assert base64.b64decode(document["data"]["value_base64"]) == b"\xff{"
    assert document["subject"] == "unreadable"
    assert document["time"] == "1970-01-01T00:00:01+00:00"
    assert (document["data"]["reason"], document["data"]["publisher"]) == ("not_json", "platform")
    assert letter_document(letter(value=None))["data"]["value_base64"] is None


def test_a_letters_id_is_the_same_wherever_the_original_lay() -> None:
    here, there = letter(partition=0, offset=7), letter(partition=3, offset=99)
    assert letter_document(here)["id"] == letter_document(there)["id"]
    others = [letter(value=b"x"), letter(reason="invalid"), letter(attempt=2)]
    assert letter_document(here)["id"] not in {letter_document(one)["id"] for one in others}
