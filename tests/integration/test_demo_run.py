"""``hotline demo`` as a newcomer runs it: it adds up, worker killed or not, and leaves nothing."""

import os
import re
import signal
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from schemas.events.verdicts import RootCause

HOTLINE = Path(sysconfig.get_path("scripts")) / "hotline"


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(HOTLINE), "demo", "--tickets", "60", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Settings of somebody else's deployment must not reach it.
        env={**os.environ, "TMPDIR": str(tmp_path), "HOTLINE_TOPIC_PREFIX": "elsewhere-"},
        # Who runs the tests in the background ignores Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def left_behind(tmp_path: Path) -> list[str]:
    """Files, and processes that know the folder."""
    found = [str(path) for path in tmp_path.iterdir()]
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or ()
        found += [word for word in words if str(tmp_path) in word]
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="plain", marks=pytest.mark.long),
        pytest.param(("--kill-worker",), id="worker killed"),
    ],
)
def test_I1_I2_every_record_is_accounted_for(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    demo = start(tmp_path, "--json", *arguments)
    out, errors = demo.communicate(timeout=150)
    assert demo.returncode == 0, out + errors
    told: dict[str, Any] = orjson.loads(out)
    ledger = told["ledger"]
    assert told["balanced"] is True
    assert told["problems"] == []
    refused = sum(ledger["dead_letters"].values())
    assert ledger["published"] == ledger["events"] + ledger["duplicates"] + refused > 500
    assert min(ledger["duplicates"], refused, told["revisions"], told["tickets"]) > 0
    assert sum(told["verdicts"].values()) >= told["tickets"]
    assert all(service["same"] for service in told["computed_again"].values())
    assert told["computed_again"]["intake"]["outputs"] > ledger["events"]
    assert told["computed_again"]["dedup, of the linked"]["outputs"] >= 2
    for service in ("sla", "callback"):
        assert told["computed_again"][service]["outputs"] > 0
    _shows_what_the_day_is_for(told)
    _shows_what_the_weeks_are_for(told["weeks"])
    if arguments:
        taken = re.search(r"it had taken ([\d,]+) of", errors)
        assert taken, errors
        assert 0 < int(taken[1].replace(",", "")) < ledger["published"], "killed in the middle"
    assert left_behind(tmp_path) == []


def _shows_what_the_day_is_for(told: dict[str, Any]) -> None:
    """Every verdict, exclusion and root cause, an overturn, a look-up answered, a masked text."""
    assert set(told["verdicts"]) == {"new", "candidate", "confirmed", "excluded", "overturned"}
    assert {
        *("excluded in_progress", "excluded closed_no_new_evidence"),
        *("excluded policy_expectation", "excluded new_fault_same_kind", "new another_matter"),
        *("confirmed unresolved_before", "confirmed closed_new_evidence"),
    } <= set(told["reasons"])
    assert set(told["root_causes"]) == {cause.value for cause in RootCause}
    assert told["overturned"]["after"] == "marked_overturned"
    call = told["call"]
    assert call["assessed"] == "closed_no_new_evidence"
    assert call["say"]["zh"]
    assert (call["verdict"], call["reason"]) == ("confirmed", "closed_new_evidence")
    assert call["overturned"] == "overturned"
    masked = told["masked"]["after"]["text"]
    for kind in ("[name]", "[house]", "[plate]", "[phone]", "[id]", "[email]"):
        assert kind in masked
    assert told["masked"]["ticket"] in told["notice"]


def _shows_what_the_weeks_are_for(weeks: dict[str, Any]) -> None:
    """A breach, a paused clock, a make-up day, a callback that reopens; the same in memory."""
    assert weeks["same"] is True
    assert {"breached resolve", "breached accept", "paused resolve", "resumed resolve"} <= set(
        weeks["shown"]
    )
    assert {"callback answered", "command reopen", "event ticket.reopened"} <= set(weeks["shown"])
    assert weeks["sla"]["breached"] > weeks["sla"]["withdrawn"] > 0
    assert weeks["callbacks"]["scheduled"] > weeks["callbacks"]["uncontacted"] > 0
    assert weeks["commands"] == {"refuse_close": 1, "reopen": 1}


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = start(tmp_path)
    assert demo.stderr is not None
    assert "start Kafka" in demo.stderr.readline(), "the first step is done"
    demo.send_signal(signal.SIGINT)
    out, _ = demo.communicate(timeout=60)
    assert demo.returncode != 0
    assert "What came out" not in out
    assert left_behind(tmp_path) == []
