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

HOTLINE = Path(sysconfig.get_path("scripts")) / "hotline"


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(HOTLINE), "demo", "--tickets", "60", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Settings of somebody else's deployment must not reach it.
        env={**os.environ, "TMPDIR": str(tmp_path), "HOTLINE_TOPIC_PREFIX": "elsewhere-"},
    )


def left_behind(tmp_path: Path) -> list[str]:
    """Files, and processes that know the folder."""
    found = [str(path) for path in tmp_path.iterdir()]
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or ()
        found += [word for word in words if str(tmp_path) in word]
    return found


@pytest.mark.parametrize("arguments", [(), ("--kill-worker",)], ids=["plain", "worker killed"])
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
    assert told["computed_again"]["intake"]["outputs"] == ledger["events"]
    assert "[phone]" in told["masked"]["after"]["text"]
    if arguments:
        taken = re.search(r"it had taken ([\d,]+) of", errors)
        assert taken, errors
        assert 0 < int(taken[1].replace(",", "")) < ledger["published"], "killed in the middle"
    assert left_behind(tmp_path) == []


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = start(tmp_path)
    assert demo.stderr is not None
    assert "start Kafka" in demo.stderr.readline(), "the first step is done"
    demo.send_signal(signal.SIGINT)
    out, _ = demo.communicate(timeout=60)
    assert demo.returncode != 0
    assert "What came out" not in out
    assert left_behind(tmp_path) == []
