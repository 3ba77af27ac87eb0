"""What a worker says when it cannot start: a named error, at once, in its last line."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from deploy.local.process import free_port
from tests.kit.worker import ROOT, SCRIPTS

BOUND_S = 60
HOTLINE = (str(SCRIPTS / "hotline"), "worker", "dedup")
FAUST = (str(SCRIPTS / "faust"), "-A", "services.dedup.app", "worker")


def run(
    command: tuple[str, ...], directory: Path, **environ: str
) -> "subprocess.CompletedProcess[str]":
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HOTLINE_")}
    return subprocess.run(
        command,
        cwd=ROOT,
        env={
            **inherited,
            "HOTLINE_LOG_FORMAT": "json",
            "HOTLINE_DATA_DIR": str(directory),
            "HOTLINE_WEB_PORT": "0",
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )


@pytest.mark.parametrize("command", [HOTLINE, FAUST], ids=["hotline", "faust"])
def test_F11_without_a_broker_the_last_line_names_the_error(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    ended = run(command, tmp_path, HOTLINE_KAFKA_BOOTSTRAP=nobody)
    assert ended.returncode == 1
    last = json.loads(ended.stderr.splitlines()[-1])
    assert (last["event"], last["level"]) == ("worker.died", "critical")
    assert last["slug"] == "broker_unreachable"
    assert f"HOTLINE_KAFKA_BOOTSTRAP='{nobody}'" in last["error"]


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ({"HOTLINE_POLICY": "nowhere/at/all"}, "policy_invalid: "),
        ({"HOTLINE_DATA_DIR": "/proc/nobody/writes/here"}, "HOTLINE_DATA_DIR"),
        ({"HOTLINE_WEB_PORT": "none"}, "settings_invalid: HOTLINE_[DEDUP_]WEB_PORT"),
    ],
    ids=lambda each: "" if isinstance(each, str) else next(iter(each)),
)
def test_a_wrong_setting_is_said_without_a_traceback(
    variable: dict[str, str], told: str, tmp_path: Path
) -> None:
    ended = run(HOTLINE, tmp_path, **variable)
    assert ended.returncode == 1
    (said,) = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
    assert told in said
    assert "Traceback" not in ended.stderr
