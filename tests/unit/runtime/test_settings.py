"""Settings: where a value comes from, what is refused, what never shows."""

import os
import re
from pathlib import Path

import pytest

from cli.topics import topics
from runtime.errors import SettingsInvalid
from runtime.settings import (
    OF_COMMANDS,
    EngineSettings,
    Variable,
    catalog,
    service_prefix,
    unknown,
)
from schemas.topics import DEAD_LETTERS, changelog
from services.intake.entrance.settings import EntranceSettings
from services.intake.settings import IntakeSettings
from services.lookup.settings import LookupSettings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations" / "settings.md"
SECRET = "hunter2-12345"  # noqa: S105


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("HOTLINE_"):
            monkeypatch.delenv(name)


HTTP = catalog(EntranceSettings, service_prefix("http"))
LOOKUP = catalog(LookupSettings, service_prefix("lookup"))


def table(variables: tuple[Variable, ...]) -> str:
    rows = "\n".join(
        f"| `{variable.name}` | {f'`{variable.default}`' if variable.default else ''} "
        f"| {variable.meaning.replace('``', '`')} |"
        for variable in variables
    )
    return f"| variable | default | meaning |\n|---|---|---|\n{rows}\n"


def page() -> str:
    return (
        "# Settings\n\n"
        "Environment variables of workers and commands. Generated from `runtime/settings.py` and\n"
        "`services/*/settings.py` by\n"
        "`HOTLINE_WRITE_DOCS=1 pytest tests/unit/runtime/test_settings.py`. One that is named\n"
        "`HOTLINE_…` and that nothing reads is warned about at the start.\n\n"
        "## Workers and commands\n\n"
        "`HOTLINE_<SERVICE>_<NAME>` (such as `HOTLINE_DEDUP_BATCH_MAX_RECORDS`) overrides\n"
        "`HOTLINE_<NAME>` for one service.\n\n"
        f"{table(catalog())}\n"
        "## Intake alone\n\n"
        f"{table(catalog(IntakeSettings, service_prefix('intake')))}\n"
        "## HTTP alone\n\n"
        f"{table(HTTP)}\n"
        "## Look-ups alone\n\n"
        f"{table(LOOKUP)}\n"
        "## Commands alone\n\n"
        f"{table(OF_COMMANDS)}"
    )


WRITE_DOCS = "HOTLINE_WRITE_DOCS" in os.environ


def test_the_page_of_settings_is_current() -> None:
    if WRITE_DOCS:
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_setting_says_what_it_means() -> None:
    of_intake = catalog(IntakeSettings, service_prefix("intake"))
    variables = (*catalog(), *of_intake, *HTTP, *LOOKUP, *OF_COMMANDS)
    assert [variable.name for variable in variables if not variable.meaning] == []


def test_the_page_has_the_key_that_nobody_may_lose() -> None:
    assert "| `HOTLINE_KEY_FILE` |  | Holds the key ring" in page()
    assert "losing every original" in page()


def test_the_defaults_of_commands_are_those_of_their_options() -> None:
    defaults = {
        str(option.envvar): str(option.default)
        for option in topics.commands["create"].params
        if option.envvar
    }
    assert defaults == {each.name: each.default for each in OF_COMMANDS if each.name in defaults}
    assert len(defaults) == 2


@pytest.mark.parametrize(
    ("environment", "given", "expected"),
    [
        ({}, {}, 2_000),
        ({"HOTLINE_BATCH_MAX_RECORDS": "500"}, {}, 500),
        ({"HOTLINE_DEDUP_BATCH_MAX_RECORDS": "2000"}, {}, 2_000),
        (
            {"HOTLINE_BATCH_MAX_RECORDS": "500", "HOTLINE_DEDUP_BATCH_MAX_RECORDS": "2000"},
            {},
            2_000,
        ),
        ({"HOTLINE_INTAKE_BATCH_MAX_RECORDS": "2000"}, {}, 2_000),
        ({"HOTLINE_DEDUP_BATCH_MAX_RECORDS": "2000"}, {"batch_max_records": 7}, 7),
    ],
)
def test_a_services_own_variable_wins_over_the_common_one(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    given: dict[str, int],
    expected: int,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert EngineSettings.for_service("dedup", **given).batch_max_records == expected


def test_a_service_of_two_words_has_an_underscore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_READ_MODEL_WEB_PORT", "7000")
    assert EngineSettings.for_service("read-model").web_port == 7_000


REFUSED = {
    "out of range": ({"HOTLINE_BATCH_MAX_RECORDS": "5001"}, "BATCH_MAX_RECORDS"),
    "not a number": ({"HOTLINE_DEDUP_WEB_PORT": "http"}, "WEB_PORT"),
    "unknown protocol": ({"HOTLINE_KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL"),
    "lingers crossed": ({"HOTLINE_LINGER_MIN_MS": "80"}, "HOTLINE_LINGER_MAX_MS"),
    "one lost heartbeat would do": (
        {"HOTLINE_SESSION_TIMEOUT_MS": "6000"},
        "HOTLINE_HEARTBEAT_INTERVAL_MS",
    ),
    "commit outlives transaction": (
        {"HOTLINE_TRANSACTION_TIMEOUT_MS": "15000"},
        "HOTLINE_COMMIT_TIMEOUT_S",
    ),
    "transaction ends before the session": (
        {"HOTLINE_SESSION_TIMEOUT_MS": "36000"},
        "HOTLINE_TRANSACTION_TIMEOUT_MS is below HOTLINE_SESSION_TIMEOUT_MS",
    ),
    "login without a user": (
        {"HOTLINE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "HOTLINE_KAFKA_SASL_PASSWORD": SECRET},
        "HOTLINE_KAFKA_SASL_USERNAME",
    ),
    "password in clear": (
        {
            "HOTLINE_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "HOTLINE_KAFKA_SASL_MECHANISM": "PLAIN",
            "HOTLINE_KAFKA_SASL_USERNAME": "u",
            "HOTLINE_KAFKA_SASL_PASSWORD": SECRET,
        },
        "SASL_SSL",
    ),
    "certificate without key": (
        {"HOTLINE_KAFKA_SSL_CERTFILE": "cert.pem"},
        "HOTLINE_KAFKA_SSL_KEYFILE",
    ),
    "slash in a topic prefix": ({"HOTLINE_TOPIC_PREFIX": "a/b"}, "TOPIC_PREFIX"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_names_the_variable_and_no_value(
    monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    environment, named = REFUSED[case]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as refused:
        EngineSettings.for_service("dedup")
    assert refused.value.slug == "settings_invalid"
    assert named in refused.value.text
    assert SECRET not in str(refused.value)


def login(**more: str) -> EngineSettings:
    return EngineSettings.for_command(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username="hotline",
        kafka_sasl_password=SECRET,
        control_token=SECRET,
        **more,
    )


def test_R61_secrets_show_nowhere() -> None:
    settings = login()
    for shown in (repr(settings), str(settings), repr(settings.describe())):
        assert SECRET not in shown
    assert set(settings.describe()["kafka_sasl_password"]) == {"*"}


def test_R61_clients_check_the_brokers_name_and_get_the_login() -> None:
    kwargs = login().kafka_client_kwargs()
    assert kwargs["ssl_context"].check_hostname
    assert kwargs["sasl_mechanism"] == "SCRAM-SHA-512"
    assert kwargs["sasl_plain_password"] == SECRET


def test_plain_text_clients_get_neither_tls_nor_login() -> None:
    kwargs = EngineSettings.for_command().kafka_client_kwargs()
    assert kwargs["security_protocol"] == "PLAINTEXT"
    assert not {"ssl_context", "sasl_mechanism"} & kwargs.keys()


def test_a_missing_certificate_file_is_named(tmp_path: Path) -> None:
    settings = login(kafka_ssl_cafile=str(tmp_path / "absent.pem"))
    with pytest.raises(SettingsInvalid, match=r"HOTLINE_KAFKA_SSL.*absent\.pem"):
        settings.kafka_client_kwargs()


def test_a_prefix_moves_topics_groups_transactions_and_stores_together() -> None:
    """A replay that shared one of them would fence production."""
    plain, replay = (EngineSettings.for_command(topic_prefix=prefix) for prefix in ("", "r1."))
    assert plain.topic(DEAD_LETTERS) == "hotline.dead-letters"
    assert plain.group_id("dedup") == "hotline-dedup"
    assert plain.transactional_id("dedup", 3) == "hotline-dedup-3"
    assert replay.topic(changelog("dedup")) == "r1.hotline.dedup.changelog"
    assert replay.group_id("dedup") == "r1.hotline-dedup"
    assert replay.transactional_id("dedup", 3) == "r1.hotline-dedup-3"
    assert replay.state_dir("dedup") != plain.state_dir("dedup")


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("HOTLINE_BATCH_MAX_RECORD", "HOTLINE_BATCH_MAX_RECORDS"),
        ("HOTLINE_DEDUP_STROE", "HOTLINE_DEDUP_STORE"),
        ("HOTLINE_SESION_TIMEOUT_MS", "HOTLINE_SESSION_TIMEOUT_MS"),
        ("HOTLINE_INTAKE_FOREWARD", "HOTLINE_INTAKE_FORWARD"),
        ("hotline_partition", "HOTLINE_PARTITIONS"),
        ("HOTLINE_ZZZZ", None),
    ],
)
def test_a_misspelt_variable_is_found_with_the_nearest_that_there_is(
    variable: str, nearest: str | None
) -> None:
    assert issubclass(IntakeSettings, EngineSettings)
    assert unknown({variable: "1", "PATH": "/bin"}) == {variable: nearest}


@pytest.mark.parametrize(
    "variable",
    [
        "HOTLINE_PARTITIONS",
        "hotline_partitions",
        "HOTLINE_DEDUP_PARTITIONS",
        "HOTLINE_INTAKE_FORWARD",
        "HOTLINE_DIR",
    ],
)
def test_a_variable_that_something_reads_is_not_told(variable: str) -> None:
    assert unknown({variable: "1"}) == {}


def test_a_service_of_ones_own_has_variables_of_its_own() -> None:
    assert unknown({"HOTLINE_REMINDERS_STORE": "memory"}, ["reminders"]) == {}
    assert unknown({"HOTLINE_REMINDERS_STORE": "memory"}) != {}


def test_every_variable_that_the_project_names_is_known() -> None:
    root = PAGE.parents[2]
    packages = ("runtime", "services", "deploy", "cli", "policy", "schemas")
    pages = [path for package in packages for path in (root / package).rglob("*.py")]
    pages += [root / "docker-compose.yml", root / "deploy/compose.env.example"]
    named = {
        name
        for path in pages
        for name in re.findall(r"\bHOTLINE_[A-Z0-9_]*[A-Z0-9]\b(?!…|_)", path.read_text("utf-8"))
    }
    assert len(named) > 20
    assert unknown(dict.fromkeys(named, "1"), ("http",)) == {}
