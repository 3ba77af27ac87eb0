"""``hotline worker``: where its web server listens."""

import pytest

from runtime.host import port_of
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
