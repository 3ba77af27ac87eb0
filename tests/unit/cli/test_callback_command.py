"""``hotline callback``: the worklist and the table of the population, from what a replay wrote."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from click.testing import CliRunner, Result

from cli.main import main
from policy.bundle import load
from policy.callback import CallbackFile
from runtime.driver import to_bytes
from schemas.events import CallRecorded
from tests.model.callbacks import Machine
from tests.model.log import Log, at, days

CLOSED = at("2026-03-04 10:00")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    log, machine = Log(), Machine()
    for number in range(4):
        ticket = f"T{number}"
        machine.feed(
            log.received(ticket, CLOSED - days(1)),
            log.dispatched(ticket, CLOSED - days(1), department="D1"),
            log.closed(ticket, CLOSED),
        )
    machine.feed(log.reopened("T0", CLOSED + days(1)))
    machine.feed(log.called_back("T1", CLOSED + days(2), contacted=True, resolved=True))
    machine.wake(CLOSED + days(7.5))
    (tmp_path / "hotline.callbacks.jsonl").write_bytes(b"\n".join(machine.written))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["callback", *arguments])


def test_R36_the_worklist_has_the_live_tasks_the_earliest_first(folder: Path) -> None:
    result = run("list", "--from", str(folder), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert {fact["subject"] for fact in found} == {"T2", "T3"}
    dues = [fact["data"]["due_at"] for fact in found]
    assert dues == sorted(dues)
    shown = run("list", "--from", str(folder), "--limit", "1")
    assert "… and 1 more" in shown.output
    assert found[0]["subject"] in shown.output


def test_R36_nobody_is_called_after_the_slot(folder: Path) -> None:
    result = run("list", "--due", "--from", str(folder))
    assert (result.exit_code, result.output) == (0, "Nobody is to be asked.\n")


def test_a_folder_of_something_else_is_told(tmp_path: Path) -> None:
    result = run("list", "--from", str(tmp_path))
    assert result.exit_code == 1
    assert "hotline replay --out" in result.output


def _tickets(folder: Path) -> Path:
    lines = []
    for number in range(40):
        log = Log(f"c:{number}")
        ticket = f"T{number}"
        lines.append(to_bytes(log.received(ticket, CLOSED)))
        said: dict[str, Any] = {"purpose": "progress", "direction": "outbound"}
        outcome = "answered" if number % 4 == 0 else "no_answer"
        call = log.event(CallRecorded, ticket, CLOSED + days(1), {**said, "outcome": outcome})
        report = log.called_back(ticket, CLOSED + days(1), contacted=outcome == "answered")
        lines += [to_bytes(call), to_bytes(report)]
    lines.append(orjson.dumps({"type": "hotline.call.recorded.v1"}))
    (folder / "hotline.tickets.jsonl").write_bytes(b"\n".join(lines))
    return folder


def test_R38_the_population_is_counted_as_the_service_counts(tmp_path: Path) -> None:
    result = run("slots", "--from", str(_tickets(tmp_path)), "--policy", "cn-12345", "--json")
    assert result.exit_code == 0, result.output
    rows = {(row["slot"], row["channel"]): row for row in json.loads(result.output)}
    morning = rows["morning", "phone"]
    assert (morning["reached"], morning["tried"], morning["share"]) == (10, 40, 0.25)
    assert (morning["lower"], morning["in_policy"]) == (0.142, 0.55)
    assert rows["evening", "phone"]["share"] is None


def test_R38_what_it_prints_fits_into_the_policy(tmp_path: Path) -> None:
    result = run("slots", "--from", str(_tickets(tmp_path)), "--policy", "cn-12345")
    assert result.exit_code == 0, result.output
    text = result.output.partition("or more):\n")[2]
    rows = yaml.safe_load("population:\n" + text)["population"]["value"]
    assert {"slot": "morning", "channel": "phone", "reached": 0.25} in rows
    source = next(
        path
        for path in (
            Path(__file__).resolve().parents[3] / "policy/bundles/cn-12345/rules"
        ).iterdir()
    )
    section = yaml.safe_load(source.read_text("utf-8"))["callback"]
    section["population"]["value"] = rows
    CallbackFile.model_validate(section)
    known = load("cn-12345").versions[-1].policy.callback.population
    assert len(rows) == len(known)
