"""``hotline citizen`` and ``hotline database`` against a real PostgreSQL."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from deploy.database import head
from policy.bundle import load
from runtime.database import Database
from runtime.keys import KeyRing
from schemas.events.parts import Identity, IdentityScheme
from schemas.ids import Citizen
from tests.conftest import drop_database, in_database, make_database, run
from vault.aliases import Ask, DatabaseDirectory
from vault.deposits import Original
from vault.originals import Vault

KEYS = json.dumps({"1": bytes(range(32)).hex()})
NEWER = json.dumps({"1": bytes(range(32)).hex(), "2": bytes(range(1, 33)).hex()})
RING = KeyRing.parse(KEYS, "test")
PHONE = "13812345678"
ASK = Ask((Identity(scheme=IdentityScheme.PHONE, value=PHONE),), "city", datetime.now(UTC))


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    monkeypatch.setenv("HOTLINE_POSTGRES_DSN", dsn)
    monkeypatch.setenv("HOTLINE_KEYS", KEYS)


@pytest.fixture
def citizen(dsn: str) -> Citizen:
    """Somebody with a telephone and an original."""

    async def make() -> Citizen:
        database = Database(dsn, application="test")
        directory = DatabaseDirectory(database, RING, load("cn-12345"))
        await directory.prefetch([ASK])
        found = directory.resolve(*ASK)
        assert found is not None
        await Vault(database, RING).deposit([Original(found.citizen, "T1", "e", PHONE.encode())])
        await database.close()
        return found.citizen

    return asyncio.run(make())


def hotline(*arguments: str, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, arguments, input=stdin)
    assert PHONE not in result.output, "a plain value is printed"
    return result


def document(*arguments: str, stdin: str | None = None) -> dict[str, object]:
    result = hotline(*arguments, "--json", stdin=stdin)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert isinstance(told, dict)
    return told


def test_show_by_number_and_by_pseudonym_says_the_same_and_nothing_plain(citizen: Citizen) -> None:
    by_number = document("citizen", "show", "--phone", "-", stdin="138-1234-5678\n")
    assert by_number == document("citizen", "show", citizen)
    assert (by_number["citizen"], by_number["originals"]) == (citizen, 1)
    result = hotline("citizen", "show", citizen)
    assert "known by: phone, since" in result.stdout


def test_R61_erase_asks_first_and_says_what_went(citizen: Citizen) -> None:
    erase = ("citizen", "erase", "--phone", "-", "--by", "wang.fang", "--reason", "request 117")
    refused = hotline(*erase, stdin=f"{PHONE}\n")
    assert refused.exit_code == 1
    assert "known by: phone" in refused.stderr
    assert document("citizen", "show", citizen)["originals"] == 1
    done = hotline(*erase, "--yes", stdin=f"{PHONE}\n")
    assert done.exit_code == 0
    assert done.stdout == f"erased {citizen}: 1 identities gone, 1 originals unreadable\n"
    gone = hotline("citizen", "show", "--phone", "-", stdin=f"{PHONE}\n")
    assert "nobody is known by this phone" in gone.stderr
    assert document("citizen", "show", citizen)["erased"] == 1
    log = hotline("citizen", "audit", citizen, "--json").stdout
    entry = json.loads(log)
    assert (entry["who"], entry["action"], entry["purpose"]) == (
        *("wang.fang", "erased", "request 117"),
    )


def test_share_and_rotate(citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = hotline(
        *("citizen", "share", "--phone", "-", "--by", "li.na", "--reason", "a shop"),
        stdin=f"{PHONE}\n",
    )
    assert f"this phone of {citizen} is shared from" in shared.stdout
    monkeypatch.setenv("HOTLINE_KEYS", NEWER)
    assert document("citizen", "rotate", "--by", "ops") == {
        "version": 2,
        "aliases": 1,
        "data_keys": 1,
    }
    found = document("citizen", "show", "--phone", "-", stdin=f"{PHONE}\n")
    assert found["citizen"] == citizen
    actions = [json.loads(line)["action"] for line in _audit()]
    assert actions == ["shared", "rotated"]
    monkeypatch.setenv("HOTLINE_KEYS", KEYS)
    old = hotline("citizen", "show", "--phone", "-", stdin=f"{PHONE}\n")
    assert "give it the present key ring" in old.stderr


def _audit() -> Sequence[str]:
    return hotline("citizen", "audit", "--json").stdout.splitlines()


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (("show",), None, "name one citizen: a pseudonym (c:…), or one of --phone"),
        (("show", "c:1", "--phone", "-"), None, "name one citizen"),
        (("show", "zhang"), None, "a pseudonym begins with c:"),
        (("show", "--phone", "-"), "\n", "no line to read --phone from"),
        (("show", "--phone", "-"), "00000000\n", "tells nobody apart"),
        (("show", "--account", "-"), "A1\n", "--account needs --source"),
        (("show", "--email", "-"), "a@b.cn\n", "nobody is known by this email"),
        (("share", "c:1", "--by", "x", "--reason", "y"), None, "not a pseudonym"),
        (("link", "c:1", "c:1", "--ticket", "T1", "--by", "x"), None, "the same pseudonym"),
        (("link", "c:1", "zhang", "--ticket", "T1", "--by", "x"), None, "no pseudonym"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(
    arguments: Sequence[str], stdin: str | None, told: str
) -> None:
    result = hotline("citizen", *arguments, stdin=stdin)
    assert result.exit_code in (1, 2)
    assert told in result.stderr


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("HOTLINE_POSTGRES_DSN", None, "HOTLINE_POSTGRES_DSN is not set"),
        ("HOTLINE_POSTGRES_DSN", "postgresql://u:secret@127.0.0.1:1/x", "PostgreSQL: "),
        ("HOTLINE_KEYS", None, "there is no key ring at"),
    ],
)
def test_a_vault_that_cannot_be_opened_is_said(
    variable: str, value: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable)
    if value is not None:
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("HOTLINE_DATA_DIR", "/nonexistent")
    result = hotline("citizen", "show", "c:1")
    assert result.exit_code == 1
    assert told in result.stderr
    assert "secret" not in result.stderr


def test_nothing_of_a_pseudonym_is_said(citizen: Citizen) -> None:
    assert "the vault has nothing of this pseudonym" in hotline("citizen", "show", "c:9").stdout


def test_the_tables_are_migrated_once(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hotline("database", "status").exit_code == 0
    name = f"{dsn.rpartition('/')[2]}_empty"
    empty = in_database(dsn, name)
    run(make_database(dsn, name))
    try:
        monkeypatch.setenv("HOTLINE_POSTGRES_DSN", empty)
        status = hotline("database", "status")
        assert (status.exit_code, status.stderr) == (1, "run: hotline database migrate\n")
        assert document("database", "migrate") == {"before": None, "after": head()}
        assert "already" in hotline("database", "migrate").stdout
        assert hotline("database", "status").exit_code == 0
    finally:
        run(drop_database(dsn, name))
    missing = hotline("database", "status")
    assert missing.exit_code == 1
    assert "check HOTLINE_POSTGRES_DSN" in missing.stderr
