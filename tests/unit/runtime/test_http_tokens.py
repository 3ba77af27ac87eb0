"""Tokens: who may call, what the file keeps, when it is read again (R61)."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cli.token import token as token_command
from policy.access import AccessRole
from runtime.errors import SettingsInvalid
from runtime.http import tokens
from runtime.http.tokens import Principal, Tokens

SOURCE = "jiangcheng-12345"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.yaml"


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_R61_the_file_has_hashes_alone_and_is_the_owners(path: Path) -> None:
    token = tokens.make(path, name="jiangcheng", sources=[SOURCE])
    text = path.read_text()
    assert token not in text
    assert token.removeprefix(tokens.MARK) not in text
    assert tokens.hash_of(token) in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_publisher_and_a_person(path: Path) -> None:
    publisher = tokens.make(path, name="jiangcheng", sources=[SOURCE, "other"])
    person = tokens.make(path, name="desk-07", role=AccessRole.AGENT, unit="320100")
    known = Tokens(path)
    assert known.find(publisher) == Principal("jiangcheng", (SOURCE, "other"))
    assert known.find(person) == Principal("desk-07", (), AccessRole.AGENT, "320100")


@pytest.mark.parametrize("given", ["", "hlt_", "hlt_" + "A" * 43, "é\udc80", "x" * 100_000])
def test_what_is_nobodys_token(path: Path, given: str) -> None:
    tokens.make(path, name="jiangcheng", sources=[SOURCE])
    with_any = given.encode("utf-8", "surrogateescape").decode("latin-1")
    assert Tokens(path).find(with_any) is None


def test_an_expired_token_is_nobodys(path: Path) -> None:
    token = tokens.make(path, name="old", sources=[SOURCE], expires=NOW)
    known = Tokens(path)
    assert known.find(token, NOW - timedelta(seconds=1)) is not None
    assert known.find(token, NOW) is None


def test_a_file_that_changes_is_read_again(path: Path) -> None:
    clock = Clock()
    known = Tokens(path, clock=clock)
    token = tokens.make(path, name="jiangcheng", sources=[SOURCE])
    assert known.find(token) is None
    clock.now += tokens.LOOK_EVERY_S
    assert known.find(token) is not None
    assert tokens.revoke(path, "jiangcheng")
    clock.now += tokens.LOOK_EVERY_S
    assert known.find(token) is None


def test_a_file_that_broke_changes_nothing(path: Path) -> None:
    token = tokens.make(path, name="jiangcheng", sources=[SOURCE])
    clock = Clock()
    known = Tokens(path, clock=clock)
    path.write_text("tokens: [")
    clock.now += tokens.LOOK_EVERY_S
    assert known.find(token) is not None


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("tokens: [", "is not YAML: line 1"),
        ("tokens: {}", "tokens"),
        ("token: []", "token"),
        ("tokens: [{name: a, sha256: short, sources: [s]}]", "tokens.0.sha256"),
        ("tokens: [{name: a, sha256: %s}]" % ("ab" * 32), "either sources"),
        (
            "tokens: [{name: a, sha256: %s, role: agent}]" % ("ab" * 32),
            "role and unit go together",
        ),
        (
            "tokens: [{name: a, sha256: %s, role: king, unit: x}]" % ("ab" * 32),
            "tokens.0.role",
        ),
        (
            yaml.safe_dump({"tokens": [{"name": "a", "sha256": "ab" * 32, "sources": ["s"]}] * 2}),
            "'a' stands twice",
        ),
    ],
)
def test_a_wrong_file_is_refused_by_name(path: Path, content: str, named: str) -> None:
    path.write_text(content)
    with pytest.raises(SettingsInvalid) as refused:
        Tokens(path)
    assert named in str(refused.value)
    assert str(path) in str(refused.value)


def test_no_file_knows_nobody(path: Path) -> None:
    assert Tokens(path).find("hlt_x") is None


def test_the_command_makes_lists_and_revokes(path: Path) -> None:
    def run(*words: str) -> str:
        result = CliRunner().invoke(token_command, [*words, "--file", str(path)])
        assert result.exit_code == 0, result.output
        return result.stdout

    made = run("make", "desk-07", "--role", "agent", "--unit", "320100").strip()
    assert Tokens(path).find(made) is not None
    run("make", "jiangcheng", "--source", SOURCE)
    told = run("list")
    assert "desk-07  agent of 320100  until" in told
    assert f"jiangcheng  publishes for {SOURCE}" in told
    assert made not in told
    assert run("revoke", "desk-07") == "revoked desk-07\n"
    assert Tokens(path).find(made) is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["make", "a"], "either sources"),
        (["make", "a", "--source", "s", "--role", "agent", "--unit", "u"], "either sources"),
        (["make", "a", "--role", "agent"], "role and unit go together"),
        (["make", "a b", "--source", "s"], "should match pattern"),
        (["make", "taken", "--source", "s"], "'taken' exists"),
        (["revoke", "nobody"], "no token is called 'nobody'"),
    ],
)
def test_the_command_says_what_is_wrong(path: Path, words: list[str], told: str) -> None:
    tokens.make(path, name="taken", sources=[SOURCE])
    result = CliRunner().invoke(token_command, [*words, "--file", str(path)])
    assert result.exit_code == 1
    assert told in result.stderr
