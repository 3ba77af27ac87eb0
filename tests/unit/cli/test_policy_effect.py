"""The dry run says what then happens: same clocks, same numbers (complaint 8, lead 4)."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from cli.policy import policy
from policy.bundle import SHIPPED, load
from runtime.core import to_ms
from runtime.driver import Driver, Written, to_bytes
from runtime.processor import Record
from schemas.events import Event
from schemas.topics import SLA, TICKETS
from services.sla.domain import Sla
from tests.model.log import Log, at

START: Final = "2026-11-01T00:00:00+08:00"
"""Of the new version: a Sunday."""
NAME: Final = "2026-11"
END: Final = at("2026-10-31 20:00")
"""Of the replay."""
SEVEN_DAYS: Final = "{amount: 7, unit: calendar_days, calendar: cn-workdays, roll: true}"
TWO_DAYS: Final = "{amount: 2, unit: working_days, calendar: cn-workdays}"
NEW_DAYS: Final = """    overrides:
      - from: 2026-10-29
        to: 2026-10-30
        kind: holiday
        name: {zh: 台风停工, en: Typhoon}
        source: "OURS: test"
      - date: 2026-10-31
        kind: workday
        name: {zh: 调休上班, en: Make-up day}
        source: "OURS: test"
"""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A city's bundle with an end of two working days, and the same with a version to come.

    That one knows of two days off, the Thursday and Friday before it, and of work on the Saturday.
    """
    before, after = (tmp_path_factory.mktemp("city") / name for name in ("before", "after"))
    shutil.copytree(SHIPPED / "cn-12345", before)
    rules = before / "rules" / "2026-01.yaml"
    text = rules.read_text(encoding="utf-8")
    assert SEVEN_DAYS in text
    rules.write_text(text.replace(SEVEN_DAYS, TWO_DAYS), encoding="utf-8")
    shutil.copytree(before, after)
    calendars = (after / "calendars" / "2026.yaml").read_text(encoding="utf-8")
    (after / "calendars" / "2026-11.yaml").write_text(
        calendars.replace("    overrides:\n", NEW_DAYS, 1), encoding="utf-8"
    )
    main = after / "bundle.yaml"
    text = main.read_text(encoding="utf-8").rstrip("\n")
    last = text[text.rindex("  - name:") :]
    for old, new in (
        (last.splitlines()[0], f"  - name: {NAME}"),
        (last.splitlines()[1], f"    effective_from: {START}"),
        ("calendars/2026.yaml", "calendars/2026-11.yaml"),
    ):
        last = last.replace(old, new, 1)
    main.write_text(f"{text}\n{last}\n", encoding="utf-8")
    return before, after


def history() -> Iterator[Event]:
    """Tickets of the week before, in the order of their time."""
    log = Log()
    for day in (26, 27, 28, 29, 30):
        for hour in (9, 10, 11):
            ticket, when = f"T{day}{hour:02}", at(f"2026-10-{day} {hour:02}:00")
            yield log.received(ticket, when, citizen=f"c:{ticket}")
            when += timedelta(minutes=5)
            yield log.dispatched(ticket, when, dispatch_id="d1", department="water-group")
            if hour == 11:
                yield log.closed(ticket, when + timedelta(hours=4))


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
    assert dry["states"] == 15
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
