"""``hotline keys``: versions and fingerprints, a new key, and what to do next; never a key."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.keys import keys
from runtime.keys import KeyRing


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ring" / "keys.json"
    monkeypatch.delenv("HOTLINE_KEYS", raising=False)
    monkeypatch.setenv("HOTLINE_KEY_FILE", str(path))
    return path


def hotline(*arguments: str) -> Result:
    return CliRunner().invoke(keys, arguments)


def test_without_a_ring_a_list_says_where_it_looked_and_makes_none(path: Path) -> None:
    told = hotline("list")
    assert told.exit_code == 1
    assert str(path) in told.output
    assert "hotline keys add" in told.output
    assert not path.exists()


def test_R61_a_rotation_is_listed_and_no_key_is_shown(path: Path) -> None:
    first = hotline("add")
    assert (first.exit_code, first.output.startswith("added version 1 (")) == (0, True)
    second = hotline("add")
    assert "hotline citizen rotate" in second.output
    listed = hotline("list", "--json")
    ring = KeyRing.open(path)
    assert json.loads(listed.output) == [
        {
            "version": 1,
            "fingerprint": ring.fingerprint(1),
            "use": "reads what was written under it; names citizens for good",
        },
        {"version": 2, "fingerprint": ring.fingerprint(2), "use": "writes"},
    ]
    shown = first.output + second.output + listed.output + hotline("list").output
    for key in json.loads(path.read_text()).values():
        assert key[:16] not in shown
    assert ring.fingerprint(2) in hotline("list").output


def test_a_ring_in_a_variable_cannot_be_added_to(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTLINE_KEYS", '{"1": "' + "ab" * 32 + '"}')
    told = hotline("add")
    assert (told.exit_code, "HOTLINE_KEYS holds the ring" in told.output) == (1, True)
    assert "abab" not in told.output
    assert not path.exists()
    assert json.loads(hotline("list", "--json").output)[0]["version"] == 1
