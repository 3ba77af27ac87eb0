"""``hotline explain --from`` on what a real replay wrote."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from cli.explain import explain
from cli.replay import replay
from cli.sample import sample

REVISED = {"confirmed", "excluded", "overturned"}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample day and what the services said of it."""
    directory = tmp_path_factory.mktemp("explain")
    day, out = directory / "day.jsonl", directory / "out"
    for command, arguments in (
        (sample, ["--tickets", "60", "-o", str(day)]),
        (replay, [str(day), "--out", str(out)]),
    ):
        done = CliRunner().invoke(command, arguments)
        assert done.exit_code == 0, done.output
    return out


def lines(directory: Path, topic: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (directory / f"{topic}.jsonl").read_bytes().splitlines()]


def told(*arguments: str) -> Result:
    return CliRunner().invoke(explain, arguments)


def revised(directory: Path) -> str:
    """A ticket on which a human decided."""
    facts = lines(directory, "hotline.repeats")
    return next(
        str(fact["subject"])
        for fact in facts
        if fact["data"]["verdict"] in REVISED and "mark" in fact["data"] and "first" in fact["data"]
    )


def test_every_ticket_of_a_day_can_be_told(replayed: Path) -> None:
    tickets = {fact["subject"] for fact in lines(replayed, "hotline.repeats")}
    assert len(tickets) > 50
    for ticket in sorted(tickets)[::6]:
        done = told(ticket, "--from", str(replayed), "--json")
        assert done.exit_code == 0, done.output
        document = orjson.loads(done.stdout)
        said = [each["said"] for each in document["events"]]
        assert said
        assert all("?" not in each["en"].replace("？", "") for each in said), said
        sequences = [each["sequence"] for each in document["events"] if each["subject"] == ticket]
        assert sequences == list(range(1, len(sequences) + 1))


def test_R15_the_json_has_every_revision_and_the_fact_behind_it(replayed: Path) -> None:
    ticket = revised(replayed)
    document = orjson.loads(told(ticket, "--from", str(replayed), "--json").stdout)
    facts = [fact for fact in lines(replayed, "hotline.repeats") if fact["subject"] == ticket]
    assert [each["fact"] for each in document["verdicts"]] == facts
    assert document["verdicts"][-1]["mark"]["zh"]
    assert document["first_ticket"]["ticket"] == facts[-1]["data"]["chain"]["first_ticket"]
    assert document["scanned"]["hotline.tickets"] == len(lines(replayed, "hotline.tickets"))


@pytest.mark.parametrize(
    ("language", "there", "missing"),
    [
        ("en", "Is it a repeat, and why", "是否重复及理由"),
        ("zh", "是否重复及理由", "Is it a repeat"),
        ("both", "Is it a repeat, and why 是否重复及理由", "\x1b"),
    ],
)
def test_it_is_told_in_the_language_asked_for(
    replayed: Path, language: str, there: str, missing: str
) -> None:
    done = told(revised(replayed), "--from", str(replayed), "--lang", language)
    assert there in done.stdout
    assert missing not in done.stdout
    assert "records scanned" in done.stderr


def test_R1_a_refused_record_of_the_ticket_is_told(replayed: Path) -> None:
    refused = next(
        letter
        for letter in lines(replayed, "hotline.dead-letters")
        if letter["data"]["reason"] == "id_reused"
    )
    done = told(refused["subject"], "--from", str(replayed))
    assert "refused; nothing waits for it" in " ".join(done.stdout.split())


def test_an_unknown_ticket_is_an_error_that_names_near_ones(replayed: Path) -> None:
    ticket = revised(replayed)
    done = told(ticket[:-1], "--from", str(replayed))
    assert done.exit_code == 1
    assert f"no ticket '{ticket[:-1]}'" in done.stderr
    assert "records scanned" in done.stderr
    assert f"Did you mean {ticket[:-1]}" in done.stderr


def test_a_folder_that_is_no_replay_is_named(tmp_path: Path) -> None:
    done = told("T1", "--from", str(tmp_path))
    assert done.exit_code == 1
    assert "hotline.repeats.jsonl is not there: --from needs the folder that" in done.stderr


def test_a_broker_that_is_not_there_is_named() -> None:
    done = told("T1", "--bootstrap", "127.0.0.1:1")
    assert done.exit_code == 1
    assert "no broker at 127.0.0.1:1: start one with `hotline up`" in done.stderr
