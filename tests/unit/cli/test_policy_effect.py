"""The dry run says what then happens: same clocks, same numbers (complaint 8, lead 4)."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.policy import policy
from policy.bundle import load
from runtime.core import to_ms
from runtime.driver import Driver, Written, to_bytes
from runtime.processor import Record
from schemas.topics import SLA, TICKETS
from services.sla.domain import Sla
from tests.kit import typhoon
from tests.kit.typhoon import END, NAME, START, TICKETS_MADE, history


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return typhoon.bundles(tmp_path_factory.mktemp("city"))


@pytest.fixture(scope="module")
def replayed(bundles: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``hotline replay`` would have written of it, and then of the new version in force."""
    folder = tmp_path_factory.mktemp("replay")
    values = [to_bytes(event) for event in history()]
    (folder / f"{TICKETS.name}.jsonl").write_bytes(b"".join(value + b"\n" for value in values))
    records = [
        Record(TICKETS, 0, offset, b"c", value, to_ms(event.recordedtime or event.time))
        for offset, (event, value) in enumerate(zip(history(), values, strict=True))
    ]
    facts: list[Written] = []
    driver = Driver([Sla()], load(bundles[1]), facts.append)
    driver.run(records, until=END)
    driver.advance_ms(to_ms(load(bundles[1]).versions[-1].effective_from) + 3_600_001)
    assert not driver.failures
    (folder / f"{SLA.name}.jsonl").write_bytes(
        b"".join((each.value or b"") + b"\n" for each in facts if each.topic == SLA)
    )
    return folder


def told(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(policy, ["effect", *words, "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


COUNTED = (
    "said",
    "moved",
    "later",
    "earlier",
    "withdrawn",
    "breached",
    "tickets",
    "by_target",
    "by_department",
)


def test_the_dry_run_says_what_then_happens(bundles: tuple[Path, Path], replayed: Path) -> None:
    before, after = map(str, bundles)
    dry = told(after, "--policy", before, "--from-replay", str(replayed))
    then = told("--since", NAME, "--policy", after, "--from-replay", str(replayed))
    assert {name: dry[name] for name in COUNTED} == {name: then[name] for name in COUNTED}
    assert dry["at"] == START
    assert dry["states"] == TICKETS_MADE
    assert all(dry[name] > 0 for name in ("later", "earlier", "withdrawn", "breached")), dry
    assert dry["by_department"]["water-group"]["breached"] > 0


def test_the_largest_moves_name_ticket_clock_and_both_deadlines(
    bundles: tuple[Path, Path], replayed: Path
) -> None:
    before, after = map(str, bundles)
    dry = told(after, "--policy", before, "--from-replay", str(replayed), "--largest", "3")
    assert len(dry["largest"]) == 3
    moved = {move["ticket"]: move for move in dry["largest"] if move["clock"] == "resolve"}
    assert moved["T2809"]["before"] == "2026-10-30T17:30:00+08:00"
    assert moved["T2809"]["after"] == "2026-11-02T17:30:00+08:00", "received on a Wednesday"


def test_the_bundle_of_today_has_no_effect(bundles: tuple[Path, Path], replayed: Path) -> None:
    before = str(bundles[0])
    dry = told(before, "--policy", before, "--from-replay", str(replayed))
    assert (dry["asked"], dry["moved"], dry["tickets"]) == (0, 0, 0)


def test_people_get_a_sentence_and_tables(bundles: tuple[Path, Path], replayed: Path) -> None:
    before, after = map(str, bundles)
    words = ["effect", after, "--policy", before, "--from-replay", str(replayed)]
    done = CliRunner().invoke(policy, words)
    assert done.exit_code == 0, done.output
    dry = told(*words[1:])
    assert dry["said"] in done.output
    assert "largest moves" in done.output
    assert "water-group" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "NEW_BUNDLE (before) or --since"),
        (("cn-12345", "--since", "2026-07"), "NEW_BUNDLE (before) or --since"),
        (("nowhere", "--from-replay", "{folder}"), "no such profile or folder"),
        (("cn-12345", "--from-replay", "{folder}", "--at", "soon"), "'soon' is no time"),
        (("cn-12345", "--from-replay", "{folder}", "--at", "2026-10-01"), "is before"),
        (("cn-12345", "--from-replay", "{folder}/.."), "is not there"),
    ],
)
def test_what_cannot_be_answered_says_what_to_do(
    words: tuple[str, ...], said: str, replayed: Path
) -> None:
    done = CliRunner().invoke(
        policy, ["effect", *(each.format(folder=replayed) for each in words)], terminal_width=200
    )
    assert done.exit_code != 0
    assert said in done.output
