"""``hotline topics``: the partition count is asked for, and a missing broker is said once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.topics import topics

ROOT = Path(__file__).resolve().parents[3]
NOBODY = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("HOTLINE_"):
            monkeypatch.delenv(name)


def test_topics_are_made_only_with_a_partition_count_that_was_chosen() -> None:
    result = CliRunner().invoke(topics, ["create", "--bootstrap", NOBODY])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: say how many partitions the topics get")
    assert "4 suit one machine, 24 a cluster" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["create", "--partitions", "4"], {}),
        (["create"], {"HOTLINE_PARTITIONS": "24"}),
        (["check"], {}),
        (["list"], {}),
    ],
)
def test_a_broker_that_does_not_answer_is_all_that_is_said(
    arguments: list[str], variables: dict[str, str]
) -> None:
    program = "from cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "topics", *arguments, "--bootstrap", NOBODY],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: cannot reach Kafka at {NOBODY}: start it (hotline up)")
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
