"""The pages for operators name only what there is."""

import re
from pathlib import Path

import click
import pytest

from cli.main import main
from runtime import errors
from runtime.engine.watchdog import EXIT_STALLED
from runtime.metrics import (
    CATALOG,
    INTAKE_UNKNOWN_UNITS,
    INTAKE_VACANCIES,
    TICKETS_WITHOUT_OWNER,
)
from runtime.settings import EngineSettings, unknown
from services.intake.entrance.settings import EntranceSettings
from services.intake.settings import IntakeSettings

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "operations" / "README.md"
TEXT = PAGE.read_text(encoding="utf-8")
PAGES = (
    *sorted((ROOT / "docs" / "operations").glob("*.md")),
    *(ROOT / "README.md", ROOT / "deploy" / "README.md", ROOT / "vault" / "README.md"),
    *sorted((ROOT / "services").rglob("README.md")),
)
COMMANDS = sorted(
    {
        (str(page.relative_to(ROOT)), words.strip())
        for page in PAGES
        for code in re.findall(r"```\n(.*?)```|`([^`\n]+)`", page.read_text("utf-8"), re.S)
        for words in re.findall(r"(?:^|/bin/)hotline ((?:[a-z-]+ ?)+)", code[0] or code[1], re.M)
    }
)


@pytest.mark.parametrize(("page", "words"), COMMANDS)
def test_every_command_is_one(page: str, words: str) -> None:
    command: click.Command = main
    with click.Context(main) as context:
        for word in words.split():
            if not isinstance(command, click.Group):
                break  # an argument, such as a service
            found = command.get_command(context, word)
            assert found is not None, f"hotline {words}: {word!r}"
            command = found
    assert command is not main, page


def test_every_option_is_one() -> None:
    known = {
        option
        for name in main.list_commands(click.Context(main))
        for option in _options(main.get_command(click.Context(main), name))
    }
    assert set(re.findall(r"--[a-z][a-z-]+", TEXT)) <= known


def _options(command: click.Command | None) -> set[str]:
    assert command is not None
    found = {name for parameter in command.params for name in parameter.opts}
    if isinstance(command, click.Group):
        for each in command.commands.values():
            found |= _options(each)
    return found


def test_every_metric_and_setting_is_one() -> None:
    metrics = set(re.findall(r"`(hotline_[a-z_]+)`", TEXT))
    assert len(metrics) > 5
    assert metrics <= {metric.exposed for metric in CATALOG}
    settings = set(re.findall(r"HOTLINE_[A-Z_]*[A-Z]", TEXT))
    assert issubclass(IntakeSettings, EngineSettings)  # loaded, so that its variables are known
    assert issubclass(EntranceSettings, EngineSettings)
    assert unknown(dict.fromkeys(settings, "1"), ("http",)) == {}


def test_every_error_and_exit_code_is_one() -> None:
    source = Path(errors.__file__).read_text(encoding="utf-8")
    for slug in re.findall(r"`((?:stalled|fenced_out|position_ahead|state_\w+|not_co_\w+))`", TEXT):
        assert f'"{slug}"' in source
    assert f"| {EXIT_STALLED} |" in TEXT


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_R5_every_alarm_of_an_owner_is_among_the_alarms() -> None:
    alarms = TEXT.partition("## Alarms")[2].partition("\n## ")[0]
    for metric in (TICKETS_WITHOUT_OWNER, INTAKE_VACANCIES, INTAKE_UNKNOWN_UNITS):
        assert f"`{metric.exposed}`" in alarms
