"""docker-compose.yml and the image against what the project itself says; no Docker needed."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Group

from cli.main import COMMANDS, main
from cli.topics import topics
from deploy.local.broker import MESSAGE_MAX_BYTES
from deploy.local.locked import locked
from deploy.local.stack import WORKER_STOP_TIMEOUT_S
from runtime.settings import PREFIX, EngineSettings
from schemas.topics import DELIVERIES, SERVICES
from services.intake.entrance.settings import EntranceSettings
from services.intake.settings import IntakeSettings

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: each for name, each in CONTAINERS.items() if "build" in each}
DOCKERFILE = (ROOT / "deploy/images/Dockerfile").read_text()


def known_variables() -> set[str]:
    options = {option.envvar for option in topics.commands["create"].params}
    common = {PREFIX + name.upper() for name in EngineSettings.model_fields}
    intake = {f"{PREFIX}INTAKE_{name.upper()}" for name in IntakeSettings.model_fields}
    intake |= {f"{PREFIX}HTTP_{name.upper()}" for name in EntranceSettings.model_fields}
    return common | intake | {name for name in options if isinstance(name, str)}


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str) -> None:
    assert set(OURS[name]["environment"]) <= known_variables()


def test_the_variables_of_the_image_are_settings() -> None:
    assert set(re.findall(r"HOTLINE_\w+", DOCKERFILE)) <= known_variables()


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    command, *arguments = OURS[name]["command"]
    assert command in COMMANDS
    found = main.get_command(None, command)  # type: ignore[arg-type]
    if isinstance(found, Group):
        assert arguments[0] in found.commands


def test_topics_are_made_with_a_partition_count_that_the_workers_share() -> None:
    counts = {each["environment"]["HOTLINE_PARTITIONS"] for each in OURS.values()}
    assert counts == {"${HOTLINE_PARTITIONS:-24}"}


def test_the_workers_host_every_service() -> None:
    assert tuple(CONTAINERS["worker"]["command"][1:]) == (*SERVICES, *DELIVERIES)


def test_the_broker_is_the_one_of_the_lock_file_and_takes_the_same_records() -> None:
    kafka = CONTAINERS["kafka"]
    version = next(jar.version for jar in locked() if jar.artifact == "kafka-clients")
    assert kafka["image"] == f"apache/kafka:{version}"
    assert kafka["environment"]["KAFKA_MESSAGE_MAX_BYTES"] == MESSAGE_MAX_BYTES
    assert kafka["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


@pytest.mark.parametrize(
    ("name", "other", "condition"),
    [
        (name, other, waits["condition"])
        for name, each in CONTAINERS.items()
        for other, waits in each.get("depends_on", {}).items()
    ],
)
def test_what_is_waited_for_can_come(name: str, other: str, condition: str) -> None:
    if condition == "service_healthy":
        assert "healthcheck" in CONTAINERS[other]
    else:
        assert condition == "service_completed_successfully"
        assert CONTAINERS[other]["restart"] == "no", f"{name} would wait for ever"


def test_all_that_runs_on_is_checked_and_comes_back() -> None:
    for name, each in CONTAINERS.items():
        if each["restart"] != "no":
            assert "healthcheck" in each, name


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for each in CONTAINERS.values() for port in each.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_is_written_down() -> None:
    example = (ROOT / "deploy/compose.env.example").read_text()
    for each in CONTAINERS.values():
        for name, value in each.get("environment", {}).items():
            if re.search("PASSWORD|KEY|SECRET|TOKEN", name):
                assert re.fullmatch(rf"\$\{{{name}:\?.*compose\.env\.example\}}", value)
                assert re.search(rf"^{name}=$", example, re.MULTILINE)


@pytest.mark.parametrize("name", ["worker", "http"])
def test_what_is_in_work_has_time_to_finish(name: str) -> None:
    assert CONTAINERS[name]["stop_grace_period"] == f"{WORKER_STOP_TIMEOUT_S:.0f}s"
    assert EngineSettings.for_command().drain_seconds < WORKER_STOP_TIMEOUT_S


def test_the_database_that_ours_reach_is_the_one_that_is_started() -> None:
    postgres = CONTAINERS["postgres"]["environment"]
    for each in OURS.values():
        dsn = each["environment"]["HOTLINE_POSTGRES_DSN"]
        user, database = postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]
        assert (
            dsn == f"postgresql://{user}:{postgres['POSTGRES_PASSWORD']}@postgres:5432/{database}"
        )


def test_tables_are_made_before_anybody_writes_them() -> None:
    assert CONTAINERS["tables"]["command"] == ["database", "migrate"]
    for name in ("worker", "http"):
        assert "tables" in CONTAINERS[name]["depends_on"]


def test_volumes_are_declared() -> None:
    used = {
        volume.split(":")[0] for each in CONTAINERS.values() for volume in each.get("volumes", [])
    }
    assert used == set(COMPOSE["volumes"])


def test_the_image_copies_what_is_there_and_every_package() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for source in line.split()
    }
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "tests"}
    assert packages <= copied
    # README.md: pyproject.toml names it, so that an install fails without it anyway.
    assert [name for name in copied - {"README.md"} if not (ROOT / name).exists()] == []
