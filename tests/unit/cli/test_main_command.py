"""The ``hotline`` command: every subcommand shows examples; misspelt variables are told."""

import os
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cli.main import COMMANDS, main

HELP = ["topics", "list", "--help"]


def commands() -> Iterator[tuple[str, click.Command]]:
    with click.Context(main) as context:
        for name in COMMANDS:
            command = main.get_command(context, name)
            assert command is not None
            yield name, command
            if isinstance(command, click.Group):
                yield from ((f"{name} {sub}", each) for sub, each in command.commands.items())


@pytest.mark.parametrize(
    ("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()]
)
def test_the_help_shows_how_it_is_called(name: str, command: click.Command) -> None:
    assert f"hotline {name}" in (command.help or "")


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("HOTLINE_"):
            monkeypatch.delenv(name)


def test_a_misspelt_variable_is_told_once_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_KAFKA_BOOTSRAP", "kafka:9092")
    monkeypatch.setenv("HOTLINE_INTAKE_FORWARD", "key")
    result = CliRunner().invoke(main, HELP)
    assert result.exit_code == 0
    assert result.stderr == (
        "Warning: nothing reads the variable HOTLINE_KAFKA_BOOTSRAP; "
        "did you mean HOTLINE_KAFKA_BOOTSTRAP?\n"
    )


def test_a_worker_logs_it_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_ZZZ", "1")
    assert CliRunner().invoke(main, ["worker", "--help"]).stderr == ""


def test_nothing_is_said_of_variables_that_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOTLINE_DIR", "HOTLINE_REPLICATION", "HOTLINE_DEDUP_STORE"):
        monkeypatch.setenv(name, "1")
    assert CliRunner().invoke(main, HELP).stderr == ""
