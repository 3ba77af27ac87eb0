"""``hotline sample`` as a person types it."""

import json
from pathlib import Path

from click.testing import CliRunner

from cli.sample import is_line, sample
from cli.sampling import Kind, SampleRecord


def test_one_record_a_line_bad_ones_as_they_are(tmp_path: Path) -> None:
    out = tmp_path / "day.jsonl"
    result = CliRunner().invoke(sample, ["--tickets", "200", "-o", str(out)])
    assert result.exit_code == 0, result.stderr
    lines = out.read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert b"null" in lines
    unreadable = 0
    for line in lines:
        try:
            json.loads(line)
        except json.JSONDecodeError:
            unreadable += 1
    assert unreadable >= 1
    assert "dead letter" in result.stderr
    assert "no line of text can hold them" in result.stderr


def test_the_same_seed_gives_the_same_file() -> None:
    first, second, other = (
        CliRunner().invoke(sample, ["--tickets", "20", "--seed", seed]).stdout_bytes
        for seed in ("7", "7", "8")
    )
    assert first == second
    assert first != other


def test_what_is_no_line_is_left_out() -> None:
    def line(value: bytes) -> bool:
        return is_line(SampleRecord(None, value, Kind.EVENT, 0))

    assert line(b"{}")
    assert line("灯".encode())
    assert not line(b"")
    assert not line(b"a\nb")
    assert not line("灯".encode("gb18030"))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(sample, ["-o", str(tmp_path / "none" / "day.jsonl")])
    assert result.exit_code == 1
    assert "No such file" in result.stderr
