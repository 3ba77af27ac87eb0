"""``hotline worker``: where its web server listens, what it says of its settings."""

import json

import pytest

from runtime import log
from runtime.host import port_of, tell_settings
from runtime.settings import EngineSettings


@pytest.mark.parametrize(
    ("variables", "given", "port"),
    [
        ({}, None, 6066),
        ({}, 6070, 6070),
        ({"HOTLINE_WEB_PORT": "6071"}, None, 6071),
        ({"HOTLINE_WEB_PORT": "6071", "HOTLINE_DEDUP_WEB_PORT": "6072"}, None, 6072),
        ({"HOTLINE_WEB_PORT": "0"}, 6070, 6070),
    ],
)
def test_the_option_goes_before_the_variables(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], given: int | None, port: int
) -> None:
    monkeypatch.delenv("HOTLINE_WEB_PORT", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert port_of(EngineSettings.for_service("dedup"), given) == port


@pytest.mark.parametrize("given", [0, None])
def test_0_is_any_free_port(monkeypatch: pytest.MonkeyPatch, given: int | None) -> None:
    monkeypatch.setenv("HOTLINE_WEB_PORT", "0")
    assert 1 <= port_of(EngineSettings.for_service("dedup"), given) <= 65_535


def test_the_settings_are_logged_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOTLINE_CONTROL_TOKEN", "hunter2")
    monkeypatch.setenv("HOTLINE_DEDUP_LINGER_MAX_MS", "70")
    monkeypatch.setenv("HOTLINE_DEDUP_LINGERMAX_MS", "80")
    log.configure("INFO", json=True)
    tell_settings({name: EngineSettings.for_service(name) for name in ("intake", "dedup")})
    said = capsys.readouterr().err
    assert "hunter2" not in said
    intake, dedup, misspelt = map(json.loads, said.splitlines())
    assert (intake["event"], intake["service"], intake["linger_max_ms"]) == (
        "settings.read",
        "intake",
        50,
    )
    assert (dedup["service"], dedup["linger_max_ms"]) == ("dedup", 70)
    assert set(EngineSettings.model_fields) <= set(dedup)
    assert "(not logged)" not in dedup.values()
    assert (misspelt["event"], misspelt["nearest"]) == (
        "variable.unknown",
        "HOTLINE_DEDUP_LINGER_MAX_MS",
    )
