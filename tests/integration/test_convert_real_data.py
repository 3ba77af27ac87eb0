"""The shipped mappings on the real data sets, where those are (../shared/data)."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.convert import convert
from schemas.events import parse_event

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".." / "shared" / "data"


def run(tmp_path: Path, mapping: str, *inputs: str) -> tuple[dict[str, Any], list[str]]:
    for name in inputs:
        if not (DATA / name).exists():
            pytest.skip(f"the real data set is not here: {DATA / name}")
    out = tmp_path / "events.jsonl"
    result = CliRunner().invoke(
        convert,
        [
            *(str(DATA / name) for name in inputs),
            *("--mapping", str(ROOT / "deploy" / "mappings" / f"{mapping}.yaml")),
            *("-o", str(out), "--json", "--strict"),
        ],
    )
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stderr.splitlines()[-1]), out.read_text("utf-8").splitlines()


def check(lines: list[str]) -> list[dict[str, Any]]:
    """Every line is an event of the contract, in the order of time, under an id of its own."""
    times = [parse_event(line).time for line in lines]
    assert times == sorted(times)
    documents = [json.loads(line) for line in lines]
    assert len({document["id"] for document in documents}) == len(documents)
    return documents


def test_boston311(tmp_path: Path) -> None:
    summary, lines = run(tmp_path, "boston311", "boston311/2011q3.csv.gz")
    assert (summary["rows"], summary["rejects"]) == (31_828, 0)
    assert summary["events_by_type"] == {
        "hotline.ticket.received.v1": 31_828,
        "hotline.ticket.dispatched.v1": 31_828,
        "hotline.ticket.closed.v1": 30_081,
    }
    documents = check(lines)
    received = {d["subject"]: d for d in documents if d["id"].endswith(":ticket.received")}
    assert all(d["data"]["anonymous"] for d in received.values()), "the city publishes no citizen"
    assert received["101000295613"]["time"] == "2011-07-01T01:32:33-04:00"
    assert received["101000295613"]["data"] == {
        "title": "Street Light Outages",
        "leaf": "street-light-outages",
        "leaf_source": "platform",
        "category_path": ["Public Works Department", "Street Lights", "Street Light Outages"],
        "request_type": "help",
        "channel": "other",
        "anonymous": True,
        "department": "PWDx",
        "due_at": "2011-07-15T01:32:32-04:00",
        "place": {
            "address": "INTERSECTION of Groveland St & River St  Mattapan  MA",
            "neighbourhood": "Greater Mattapan",
            "lat": 42.2715,
            "lon": -71.0772,
        },
    }


def test_complaints_zh(tmp_path: Path) -> None:
    summary, lines = run(
        tmp_path, "complaints_zh", "complaints_zh/posts.csv.gz", "complaints_zh/replied.csv.gz"
    )
    assert (summary["rows"], summary["rejects"]) == (4_340, 0)
    assert summary["events_by_type"] == {
        "hotline.ticket.received.v1": 4_340,
        "hotline.reply.submitted.v1": 1_423,
        "hotline.ticket.closed.v1": 1_423,
    }
    assert summary["leaves"] > 15
    assert summary["unknown_leaf_share"] < 0.4
    received = [d["data"] for d in check(lines) if d["id"].endswith(":ticket.received")]
    assert {data["leaf_source"] for data in received} == {"keyword_rules"}
    leaves = Counter(data["leaf"] for data in received)
    assert sum(count >= 10 for leaf, count in leaves.items() if leaf != "unknown") >= 15


def test_incidents(tmp_path: Path) -> None:
    summary, lines = run(tmp_path, "incidents", "incidents/events.csv.gz")
    assert (summary["rows"], summary["rejects"]) == (52_791, 0)
    events = summary["events_by_type"]
    assert events["hotline.ticket.received.v1"] == 8_000
    assert events["hotline.ticket.reopened.v1"] == 146
    assert events["hotline.ticket.closed.v1"] == 8_005
    assert events["hotline.hold.started.v1"] == events["hotline.hold.ended.v1"]
    one = [d["type"].split(".", 1)[1] for d in check(lines) if d["subject"] == "INC0000045"]
    assert one == [
        "ticket.received.v1",
        "ticket.dispatched.v1",
        "reply.submitted.v1",
        "ticket.closed.v1",
    ]
