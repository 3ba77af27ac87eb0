"""A real help desk's ``made_sla`` against ours, under the rule that it must have had.

The rule was fitted on the table (docs/evidence/incidents-made-sla-2026-11.md) and is put here as a
policy: so the clocks run through real life cycles, with reopenings, holds, and changes of priority.
"""

import csv
import gzip
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from click.testing import CliRunner

from cli.convert import convert
from cli.replay import replay

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / ".." / "shared" / "data" / "incidents" / "events.csv.gz"
SOURCE = "OURS: fitted on the incidents"
PRIORITIES = {
    "1 - Critical": ("complaint", 8),
    "2 - High": ("report", 8),
    "3 - Moderate": ("help", 56),
    "4 - Low": ("suggestion", 120),
}
"""What stands for a priority in the events, and its working hours: 1, 1, 7, 15 days of 8 hours."""


def bundle(folder: Path, *, pausing: bool) -> Path:
    """``us-311`` with the desk's hours and times."""
    made = folder / "desk"
    shutil.copytree(ROOT / "policy" / "bundles" / "us-311", made)
    calendars = made / "calendars" / "2026.yaml"
    content = yaml.safe_load(calendars.read_text("utf-8"))
    content["calendars"]["desk"] = {
        "title": {"en": "Monday to Friday, 9 to 17, six hours behind the log's clock"},
        "zone": "Etc/GMT+6",
        "source": SOURCE,
        "years": {"value": {"from": 2015, "to": 2018}, "unit": "years", "source": SOURCE},
        "week": {"value": {"mon-fri": ["09:00-17:00"]}, "unit": "local time", "source": SOURCE},
        "holidays": {"library": "none", "source": SOURCE},
    }
    calendars.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    rules = made / "rules" / "2026-01.yaml"
    content = yaml.safe_load(rules.read_text("utf-8"))
    content["sla"]["targets"]["resolve"]["rules"] = [
        {
            "name": f"priority-{number}",
            "when": {"request_type": [stands_for]},
            "value": {"amount": hours, "unit": "hours", "calendar": "desk"},
            "source": SOURCE,
        }
        for number, (stands_for, hours) in enumerate(PRIORITIES.values(), start=1)
    ]
    if not pausing:
        for row in content["sla"]["holds"]["rows"]:
            row["value"]["pauses"] = []
        content["sla"]["holds"]["otherwise"]["value"]["pauses"] = []
    rules.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return made


def mapping(folder: Path) -> Path:
    """The shipped one, with the priority: the table's own word for what the desk owes."""
    content = yaml.safe_load((ROOT / "deploy" / "mappings" / "incidents.yaml").read_text("utf-8"))
    priority = {"from": "{priority}", "map": {name: for_ for name, (for_, _) in PRIORITIES.items()}}
    content["events"][0]["data"]["request_type"] = priority
    content["events"].insert(
        1,
        {
            "type": "ticket.amended",
            "kind": "ticket.amended.priority",
            "when": {"priority": {"changed": True, "present": True}, "number": {"changed": False}},
            "time": "{sys_updated_at}",
            "data": {"changes": {"request_type": priority}},
        },
    )
    made = folder / "mapping.yaml"
    made.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "utf-8")
    return made


def agreement(folder: Path, *, rows: int | None, pausing: bool) -> tuple[int, list[str]]:
    """How many tickets were compared, and those on which the two differ."""
    if not EVENTS.exists():
        pytest.skip(f"the real data set is not here: {EVENTS}")
    made: dict[str, str] = {}
    with gzip.open(EVENTS, "rt", encoding="utf-8-sig") as lines:
        for number, row in enumerate(csv.DictReader(lines)):
            if rows is None or number < rows:
                made[row["number"]] = row["made_sla"] if row["incident_state"] == "Closed" else ""
    events, out = folder / "events.jsonl", folder / "out"
    limit = [] if rows is None else ["--limit", str(rows)]
    for command, options in (
        (convert, [str(EVENTS), "--mapping", str(mapping(folder)), "-o", str(events), *limit]),
        (
            replay,
            [
                *(str(events), "--policy", str(bundle(folder, pausing=pausing))),
                *("--out", str(out)),
            ],
        ),
    ):
        done = CliRunner().invoke(command, options)
        assert done.exit_code == 0, done.output
    late: set[str] = set()
    with (out / "hotline.sla.jsonl").open("rb") as told:
        for line in told:
            fact: dict[str, Any] = orjson.loads(line)
            if fact["data"].get("clock") == "resolve":
                if fact["type"] == "hotline.sla.breached.v1":
                    late.add(fact["subject"])
                elif fact["type"] == "hotline.sla.withdrawn.v1":
                    late.discard(fact["subject"])
    closed = {number: word for number, word in made.items() if word}
    return len(closed), [n for n, word in closed.items() if (n not in late) != (word == "true")]


def test_a_sample_of_the_life_cycles(tmp_path: Path) -> None:
    count, different = agreement(tmp_path, rows=3_000, pausing=False)
    assert count > 250
    assert len(different) <= count * 0.01, different


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_all_life_cycles(tmp_path: Path) -> None:
    """8,000 tickets; those few that differ are named in the evidence."""
    count, different = agreement(tmp_path, rows=None, pausing=False)
    assert count == 8_000
    assert len(different) <= 20, different


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_the_desk_did_not_pause_its_clock(tmp_path: Path) -> None:
    """With pauses for holds, as our own policies have them, agreement is much lower."""
    count, different = agreement(tmp_path, rows=None, pausing=True)
    assert len(different) > count * 0.02
