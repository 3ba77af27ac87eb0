"""Boston's own words against ours: whether a case was late (../shared/data; evidence in docs).

What a city called OVERDUE, ``sla`` must state as a breach of the resolve target, and nothing else:
the promised time (``target_dt``) wins over the policy. That tests the plumbing, not the calendar.
"""

import csv
import gzip
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from cli.convert import convert
from cli.replay import replay

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = 1_000
CASES_IN_ALL = 31_828
CASES = ROOT / ".." / "shared" / "data" / "boston311" / "2011q3.csv.gz"


Facts = dict[str, dict[str, dict[str, Any]]]
"""By case and kind of fact."""


@dataclass(frozen=True)
class City:
    """Cases of the table, and what sla says of the resolve clock of each."""

    rows: dict[str, dict[str, str]]
    resolve: Facts

    @property
    def promised(self) -> dict[str, dict[str, str]]:
        """Closed cases that had a promised time."""
        return {
            case: row for case, row in self.rows.items() if row["closed_dt"] and row["target_dt"]
        }


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SAMPLE, id="sample"),
        pytest.param(None, id="all", marks=[pytest.mark.long, pytest.mark.timeout(1_200)]),
    ],
)
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> City:
    limit: int | None = request.param
    if not CASES.exists():
        pytest.skip(f"the real data set is not here: {CASES}")
    with gzip.open(CASES, "rt", encoding="utf-8-sig") as lines:
        rows = {row["case_enquiry_id"]: row for row in islice(csv.DictReader(lines), limit)}
    folder = tmp_path_factory.mktemp("boston")
    events, out = folder / "events.jsonl", folder / "out"
    mapping = ROOT / "deploy" / "mappings" / "boston311.yaml"
    some = [] if limit is None else ["--limit", str(limit)]
    for command, options in (
        (convert, [str(CASES), "--mapping", str(mapping), "-o", str(events), "--strict", *some]),
        (replay, [str(events), "--policy", "us-311", "--out", str(out)]),
    ):
        done = CliRunner().invoke(command, options)
        assert done.exit_code == 0, done.output
    found: Facts = {}
    with (out / "hotline.sla.jsonl").open("rb") as told:
        for line in told:
            fact = orjson.loads(line)
            if fact["data"].get("clock") == "resolve":
                kind = fact["type"].removeprefix("hotline.sla.").removesuffix(".v1")
                kinds = found.setdefault(fact["subject"], {})
                assert kind not in kinds or kind == "warning", f"{fact['subject']}: {kind} twice"
                kinds[kind] = fact
    return City(rows, found)


def test_every_case_has_its_clock(city: City) -> None:
    assert city.resolve.keys() == city.rows.keys()
    bases = Counter(
        (bool(city.rows[case]["target_dt"]), facts["started"]["data"]["basis"])
        for case, facts in city.resolve.items()
    )
    assert set(bases) == {(True, "promised"), (False, "policy")}


def test_a_breach_for_exactly_the_closed_cases_that_the_city_calls_overdue(city: City) -> None:
    ours = {case for case in city.promised if "breached" in city.resolve[case]}
    theirs = {case for case, row in city.promised.items() if row["ontime"] == "OVERDUE"}
    # The city left its flag empty on 82 cases that it closed after the promised time.
    unsaid = {case for case, row in city.promised.items() if row["ontime"] == ""}
    assert all(city.rows[case]["closed_dt"] > city.rows[case]["target_dt"] for case in unsaid)
    assert ours == theirs | unsaid
    assert theirs
    if len(city.rows) == CASES_IN_ALL:
        assert (len(city.promised), len(theirs), len(unsaid)) == (25_183, 4_745, 82)


def test_deadline_and_start_are_the_citys_own(city: City) -> None:
    for case, facts in city.resolve.items():
        row, data = city.rows[case], facts["started"]["data"]
        assert "withdrawn" not in facts, case
        assert data["started_at"][:19] == row["open_dt"].replace(" ", "T"), case
        if row["target_dt"]:
            assert data["deadline"][:19] == row["target_dt"].replace(" ", "T"), case
        if "breached" in facts:
            stated = datetime.fromisoformat(facts["breached"]["recordedtime"])
            assert stated >= datetime.fromisoformat(data["deadline"]), case
