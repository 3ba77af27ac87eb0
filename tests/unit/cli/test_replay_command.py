"""``hotline replay``: what goes wrong is said, and costs nobody an earlier result."""

import gzip
import json
import os
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.replay import replay
from cli.replaying.processors import READERS
from cli.sampling import generate
from policy.bundle import Policy
from runtime.processor import Decision
from schemas.events import Event
from services.dedup.domain import Dedup, Handed
from services.dedup.state import Chain


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("HOTLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    lines = [
        record.value
        for record in generate(3, 20, date(2026, 3, 2))
        if record.value and b"\n" not in record.value
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(replay, list(map(str, arguments)))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_failed_replay_keeps_the_result_of_the_one_before(events: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(events, "--out", out).exit_code == 0
    before = files(out)
    assert sorted(before) == [
        "hotline.callbacks.jsonl",
        "hotline.commands.jsonl",
        "hotline.dead-letters.jsonl",
        "hotline.notices.jsonl",
        "hotline.repeats.jsonl",
        "hotline.sla.jsonl",
        "hotline.tickets.jsonl",
        "summary.json",
    ]
    failed = run(events, "--out", out, "--through", "kafka", "--bootstrap", "127.0.0.1:1")
    assert failed.exit_code == 1
    assert isinstance(failed.exception, SystemExit)
    assert failed.stderr.startswith("Error: no Kafka broker answers at 127.0.0.1:1: ")
    assert failed.stderr.count("\n") == 1
    assert files(out) == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{}\n", "ends in .gz and is no whole gzip file"),
        (gzip.compress(b"{}\n" * 100)[:-12], "the gzip file is cut off"),
        (gzip.compress(b"{}\n")[:-8] + bytes(8), "is no whole gzip file (CRC check failed"),
    ],
    ids=["plain", "cut off", "damaged"],
)
def test_a_gz_that_is_no_gzip_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(content)
    failed = run(path, "--out", tmp_path / "out")
    assert (failed.exit_code, isinstance(failed.exception, SystemExit)) == (1, True)
    assert failed.stderr.startswith(f"Error: {path}: ")
    assert told in failed.stderr


def test_an_out_that_cannot_be_written_is_named(events: Path) -> None:
    failed = run(events, "--out", events / "out")
    assert (failed.exit_code, isinstance(failed.exception, SystemExit)) == (1, True)
    assert failed.stderr.startswith(f"Error: cannot write to {events / 'out'}: ")


class _Breaking(Dedup):
    def decide(
        self,
        states: Mapping[str, Chain | None],
        event: Event | Handed,
        now: datetime,
        policy: Policy,
    ) -> Decision[Chain]:
        if getattr(event, "subject", None) == _Breaking.at:  # none of what is handed over
            raise ZeroDivisionError("a rule of ours is wrong")
        return super().decide(states, event, now, policy)

    at = ""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_rule_that_raises_ends_a_whole_replay_with_1_and_the_ticket(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    out = tmp_path / "out"
    assert run(events, "--out", out).exit_code == 0
    facts = (out / "hotline.repeats.jsonl").read_text().splitlines()
    _Breaking.at = json.loads(facts[0])["subject"]
    monkeypatch.setattr("cli.replaying.processors.READERS", (_Breaking, *READERS[1:]))
    failed = run(events, "--out", out, "--jobs", jobs)
    assert failed.exit_code == 1
    assert "a rule raised on 1 records or timers" in failed.stderr
    assert f"The first: dedup, ticket '{_Breaking.at}', recorded 20" in failed.stderr
    assert "ZeroDivisionError: a rule of ours is wrong" in failed.stderr
    letters = (out / "hotline.dead-letters.jsonl").read_text().splitlines()
    assert "rule_raised" in {json.loads(each)["data"]["reason"] for each in letters}
    summary = json.loads((out / "summary.json").read_text())
    assert summary["dead_letters"]["dedup: rule_raised"] == 1
    assert len((out / "hotline.repeats.jsonl").read_text().splitlines()) < len(facts)
