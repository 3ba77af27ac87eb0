"""``hotline convert`` as a person types it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.convert import convert

MAPPING = """
source: crm.example
subject: "{id}"
time_zone: Asia/Shanghai
events:
  - type: ticket.received
    time: "{at}"
    data: {title: "{title}", leaf: "{leaf}"}
  - type: ticket.closed
    when: {closed: {present: true}}
    time: "{closed}"
"""
TABLE = """id,at,closed,title,leaf
2,2026-03-02T10:00:00,2026-03-02T10:30:00,第二,a
1,2026-03-02T09:00:00,2026-03-02T11:00:00,第一,unknown
3,2026-03-02T10:00:00,never,同时,a
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "ours.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(convert, [str(argument) for argument in arguments])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
def test_events_come_in_the_order_of_time(
    tmp_path: Path, mapping: Path, encoding: str, compressed: bool
) -> None:
    table = tmp_path / "table.csv"
    content = TABLE.encode(encoding)
    table.write_bytes(gzip.compress(content) if compressed else content)
    out, rejects = tmp_path / "events.jsonl", tmp_path / "rejects.jsonl"
    option = ["--encoding", encoding] if encoding == "gb18030" else []
    result = run("--mapping", mapping, table, "-o", out, "--rejects", rejects, "--json", *option)
    assert result.exit_code == 0, result.stderr
    assert [event["id"] for event in lines(out)] == [
        "1:ticket.received",
        "2:ticket.received",
        "3:ticket.received",
        "2:ticket.closed",
        "1:ticket.closed",
    ]
    assert lines(out)[0]["data"]["title"] == "第一"
    assert lines(rejects) == [
        {
            "file": str(table),
            "line": 4,
            "column": "closed",
            "value": "never",
            "reason": "not a time of the form iso",
            "event": "hotline.ticket.closed.v1",
        }
    ]
    assert "table.csv:4: closed='never': not a time" in result.stderr
    summary = json.loads(result.stderr.splitlines()[-1])
    assert summary == {
        "rows": 3,
        "events": 5,
        "events_by_type": {"hotline.ticket.received.v1": 3, "hotline.ticket.closed.v1": 2},
        "rejected_rows": 1,
        "rejects": 1,
        "leaves": 2,
        "unknown_leaf_share": 0.3333,
    }


def test_several_inputs_are_one_log(tmp_path: Path, mapping: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("id,at,closed,title,leaf\n1,2026-03-02T12:00:00,,x,a\n", encoding="utf-8")
    second.write_text("id,at,closed,title,leaf\n2,2026-03-02T11:00:00,,x,a\n", encoding="utf-8")
    result = run("--mapping", mapping, first, second)
    assert [json.loads(line)["subject"] for line in result.stdout.splitlines()] == ["2", "1"]
    assert "events" in result.stderr


def test_the_same_table_gives_the_same_bytes(tmp_path: Path, mapping: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(TABLE, encoding="utf-8")
    assert run("--mapping", mapping, table).stdout == run("--mapping", mapping, table).stdout != ""


def test_limit_stops_after_rows(tmp_path: Path, mapping: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(TABLE, encoding="utf-8")
    result = run("--mapping", mapping, table, "--limit", 1, "--json")
    assert json.loads(result.stderr.splitlines()[-1])["rows"] == 1


def test_strict_makes_rejects_an_error(tmp_path: Path, mapping: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(TABLE, encoding="utf-8")
    out = tmp_path / "events.jsonl"
    assert run("--mapping", mapping, table, "--strict", "-o", out).exit_code == 1
    assert len(lines(out)) == 5, "what fits is written all the same"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty; the first line must name the columns"),
        (b"id,at\n", "reads column closed, leaf, title"),
        (gzip.compress(TABLE.encode() * 99)[:-20], "cut off"),
        (b"\x1f\x8bnot gzip at all", "damaged gzip"),
    ],
    ids=["empty", "other table", "cut gzip", "no gzip"],
)
def test_an_input_that_is_no_table_is_told_and_nothing_is_written(
    tmp_path: Path, mapping: Path, content: bytes, said: str
) -> None:
    table, out = tmp_path / "table.csv", tmp_path / "events.jsonl"
    table.write_bytes(content)
    result = run("--mapping", mapping, table, "-o", out)
    assert result.exit_code == 1
    assert f"{table}: " in result.stderr
    assert said in result.stderr
    assert not out.exists()


def test_files_that_are_not_there_are_told(tmp_path: Path, mapping: Path) -> None:
    missing = run("--mapping", mapping, tmp_path / "none.csv")
    assert missing.exit_code == 1
    assert "none.csv" in missing.stderr
    wrong = run("--mapping", tmp_path / "none.yaml", tmp_path / "none.csv")
    assert "none.yaml" in wrong.stderr


def test_more_rejects_than_a_person_reads_are_in_the_file(tmp_path: Path, mapping: Path) -> None:
    table, rejects = tmp_path / "table.csv", tmp_path / "rejects.jsonl"
    rows = "".join(f"{number},never,,x,a\n" for number in range(50))
    table.write_text("id,at,closed,title,leaf\n" + rows, encoding="utf-8")
    result = run("--mapping", mapping, table, "--rejects", rejects, "-o", tmp_path / "o.jsonl")
    assert len(lines(rejects)) == 50
    assert result.stderr.count("left out)") == 20
    assert "see the --rejects file" in result.stderr


def test_help_has_examples() -> None:
    assert "hotline convert --mapping deploy/mappings/boston311.yaml" in run("--help").output


@pytest.mark.parametrize(
    "content",
    [bytes(range(256)) * 4, b"PK\x03\x04\x14\x00,a\n1,2\n", "标题,内容\n".encode("gb18030")],
)
def test_what_is_no_text_is_said_once(tmp_path: Path, mapping: Path, content: bytes) -> None:
    table = tmp_path / "table.csv"
    table.write_bytes(content)
    result = run("--mapping", mapping, table, "-o", tmp_path / "events.jsonl")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {table}: line 1 is not text in utf-8")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.glob("events.jsonl*")) == []


def test_a_folder_that_is_not_there_is_named_as_it_was_given(tmp_path: Path, mapping: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(TABLE, encoding="utf-8")
    folder = tmp_path / "nosuch"
    result = run("--mapping", mapping, table, "-o", folder / "events.jsonl")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {folder}: No such file or directory\n"
