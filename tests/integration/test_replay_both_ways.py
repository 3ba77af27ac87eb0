"""A recorded log gives the same facts in memory and through real Kafka (architecture: time)."""

import gzip
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cli.sampling import generate
from deploy.local.broker import Cluster

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "../shared/data"
TOPICS = (
    *("hotline.tickets", "hotline.repeats", "hotline.sla", "hotline.callbacks"),
    *("hotline.commands", "hotline.notices", "hotline.dead-letters"),
)


def hotline(*arguments: str, data_dir: Path) -> str:
    """Run the command as a user would; its standard output."""
    done = subprocess.run(
        [sys.executable, "-c", "from cli.main import main; main()", *arguments],
        cwd=ROOT,
        env={**os.environ, "HOTLINE_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout


def documents(folder: Path, topic: str) -> list[str]:
    return sorted((folder / f"{topic}.jsonl").read_text(encoding="utf-8").splitlines())


def both_ways(events: Path, policy: str, kafka: Cluster, tmp_path: Path) -> dict[str, Any]:
    """Replay in memory and through Kafka; compares every topic, returns memory's summary."""
    summaries = []
    for through, more in (("memory", ()), ("kafka", ("--bootstrap", kafka.bootstrap))):
        out = tmp_path / through
        arguments = ("--policy", policy, "--out", str(out), "--through", through, *more, "--json")
        printed = hotline("replay", str(events), *arguments, data_dir=tmp_path / "data")
        summaries.append(json.loads(printed))
    for topic in TOPICS:
        assert documents(tmp_path / "memory", topic) == documents(tmp_path / "kafka", topic), topic
    for name in (
        "tickets",
        "verdicts",
        "revisions",
        "anomalies",
        "dead_letters",
        "repeats",
        "sla",
        "callbacks",
    ):
        assert summaries[0][name] == summaries[1][name], name
    result: dict[str, Any] = summaries[0]
    return result


def test_the_sample_day_gives_the_same_facts_both_ways(kafka: Cluster, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    records = generate(11, 120, date(2026, 3, 2))
    lines = [record.value for record in records if record.value and b"\n" not in record.value]
    events.write_bytes(b"\n".join(lines) + b"\n")
    summary = both_ways(events, "cn-12345", kafka, tmp_path)
    assert summary["events"] == len(lines)
    assert summary["verdicts"]["candidate"] > 0
    assert summary["revisions"] > 0
    assert {"intake: not_json", "intake: id_reused"} <= set(summary["dead_letters"])
    log = [json.loads(line) for line in documents(tmp_path / "memory", "hotline.tickets")]
    # A link stands there under each of the two; an id that another ticket uses is its own event.
    events_on_log = {(event["source"], event["id"], event["subject"]) for event in log}
    assert len(events_on_log) < len(log), "a link"
    duplicates = len(lines) - len(events_on_log) - sum(summary["dead_letters"].values())
    assert duplicates > 0, "every event is in the log, a dead letter, or an exact duplicate"


@pytest.mark.parametrize("limit", [500, pytest.param(1_500, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("mapping", "source", "policy"),
    [
        ("complaints_zh", "complaints_zh/posts.csv.gz", "cn-12345"),
        ("boston311", "boston311/2011q3.csv.gz", "us-311"),
    ],
)
def test_real_data_gives_the_same_facts_both_ways(
    mapping: str, source: str, policy: str, limit: int, kafka: Cluster, tmp_path: Path
) -> None:
    path = DATA / source
    if not path.exists():
        pytest.skip(f"the real data set {source} is not on this machine")
    events = tmp_path / "events.jsonl"
    arguments = ("--mapping", f"deploy/mappings/{mapping}.yaml", str(path), "-o", str(events))
    hotline("convert", *arguments, "--limit", str(limit), data_dir=tmp_path / "data")
    summary = both_ways(events, policy, kafka, tmp_path)
    assert summary["tickets"] == limit
    assert not summary["dead_letters"]


def test_several_processes_give_the_facts_of_one(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    lines = [
        record.value
        for record in generate(5, 150, date(2026, 3, 2))
        if record.value and b"\n" not in record.value
    ]
    events.write_bytes(b"\n".join(lines) + b"\n")
    summaries = []
    for jobs in ("1", "3"):
        arguments = ("--out", str(tmp_path / jobs), "--jobs", jobs, "--json")
        printed = hotline("replay", str(events), *arguments, data_dir=tmp_path / "data")
        summaries.append(json.loads(printed))
        times = [
            json.loads(line)["recordedtime"]
            for line in (tmp_path / jobs / "hotline.tickets.jsonl").read_text().splitlines()
        ]
        assert times == sorted(times)
    for topic in TOPICS:
        assert documents(tmp_path / "1", topic) == documents(tmp_path / "3", topic), topic
    for name in ("records", "types", "verdicts", "repeats", "sla", "callbacks", "dead_letters"):
        assert summaries[0][name] == summaries[1][name], name


def test_until_moves_the_clock_and_leaves_out_what_comes_later(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl.gz"
    lines = [
        record.value
        for record in generate(3, 40, date(2026, 3, 2))
        if record.value and b"\n" not in record.value
    ]
    events.write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
    until = "2026-03-02T12:00:00+08:00"
    arguments = ("--out", str(tmp_path / "out"), "--until", until, "--json")
    summary = json.loads(hotline("replay", str(events), *arguments, data_dir=tmp_path / "data"))
    assert 0 < summary["events"] < len(lines)
    times = [
        json.loads(line)["recordedtime"] for line in documents(tmp_path / "out", "hotline.tickets")
    ]
    assert max(times) < "2026-03-02T04:00:00Z"
