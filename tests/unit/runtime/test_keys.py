"""R61: the key ring: versions, files for their owner alone, rotation; no error tells a key."""

import json
import multiprocessing
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.errors import SettingsInvalid
from runtime.keys import KEY_BYTES, KeyRing
from runtime.settings import EngineSettings

SECRET = bytes(range(32)).hex()
ONE = KeyRing({1: bytes(range(32))})


@pytest.mark.parametrize(
    "text",
    [
        "",
        SECRET,
        f'"{SECRET}"',
        f'["{SECRET}"]',
        f'{{"one": "{SECRET}"}}',
        f'{{"1": "{SECRET}zz"}}',
        f'{{"1": "{SECRET[:-2]}"}}',
        f'{{"1": 7, "2": "{SECRET}"}}',
        f'{{"0": "{SECRET}"}}',
        f'{{"-1": "{SECRET}"}}',
        "{}",
        f"\ufeff{{{SECRET}",
    ],
)
def test_R61_what_is_no_ring_is_named_and_never_shown(text: str) -> None:
    with pytest.raises(SettingsInvalid) as told:
        KeyRing.parse(text, "HOTLINE_KEYS")
    for shown in (str(told.value), repr(told.value.__cause__), repr(told.value.__context__)):
        if told.value.__suppress_context__ and shown == repr(told.value.__context__):
            continue
        assert SECRET[:16] not in shown
    assert "key" in str(told.value).lower()


def test_a_ring_reads_back_what_it_wrote_and_only_its_owner_can(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    ONE.write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"1": SECRET}
    again = KeyRing.open(path)
    assert again.versions == (1,)
    assert again.derive("x", 1) == ONE.derive("x", 1)
    assert [each.name for each in tmp_path.iterdir()] == ["ring.json"], "nothing is left beside it"


def test_the_first_start_makes_a_key_and_the_next_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys.json"
    first = KeyRing.open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyRing.open(path).derive("x", 1) == first.derive("x", 1)
    with pytest.raises(FileExistsError):
        ONE.write(path)
    assert KeyRing.open(path).derive("x", 1) == first.derive("x", 1), "a ring is never lost so"


def _opened(path: Path) -> str:
    return KeyRing.open(path).fingerprint(1)


def test_two_that_start_at_once_have_one_ring(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert len(set(pool.map(_opened, [path] * 16, chunksize=1))) == 1


def test_two_that_rotate_at_once_add_one_each(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    KeyRing.open(path)
    with ThreadPoolExecutor(4) as pool:
        rings = list(pool.map(lambda _: KeyRing.rotate(path), range(8)))
    last = KeyRing.open(path)
    assert last.versions == tuple(range(1, 10))
    for ring in rings:
        assert ring.fingerprint(ring.current) == last.fingerprint(ring.current)


def test_a_rotation_keeps_all_versions_and_who_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    before = KeyRing.open(path)
    path.chmod(0o640)
    after = KeyRing.rotate(path)
    assert (before.versions, after.versions) == ((1,), (1, 2))
    assert (after.origin, after.current) == (1, 2)
    assert after.derive("x", 1) == before.derive("x", 1)
    assert after.derive("x", 2) != after.derive("x", 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_rotation_without_a_file_makes_the_first_key(tmp_path: Path) -> None:
    assert KeyRing.rotate(tmp_path / "new" / "keys.json").versions == (1,)


def test_a_process_that_started_before_a_rotation_reads_what_is_written_after_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "keys.json"
    running = KeyRing.open(path)
    rotated = KeyRing.rotate(path)
    assert running.derive("x", 2) == rotated.derive("x", 2)
    assert running.current == 1, "but writes under its own until it is restarted"
    with pytest.raises(SettingsInvalid, match="no version 3"):
        running.derive("x", 3)


def test_a_version_that_is_gone_is_named_with_what_to_do() -> None:
    with pytest.raises(SettingsInvalid, match=r"no version 2, only \[1\]: put it back from the ba"):
        ONE.derive("x", 2)


def test_one_purpose_tells_nothing_of_another() -> None:
    derived = {ONE.derive(purpose, 1) for purpose in ("a", "b", "c")}
    assert len(derived) == 3
    assert {len(key) for key in derived} == {KEY_BYTES}
    assert ONE.fingerprint(1) not in SECRET


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", SECRET.encode()])
def test_a_file_that_holds_no_ring_is_named_and_not_replaced(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    for attempt in (KeyRing.open, KeyRing.rotate):
        with pytest.raises(SettingsInvalid, match=r"keys\.json is not") as told:
            attempt(path)
        assert SECRET not in str(told.value)
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_read_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="Is a directory"):
        KeyRing.open(tmp_path)
    (tmp_path / "file").touch()
    for attempt in (KeyRing.open, KeyRing.rotate):
        with pytest.raises(SettingsInvalid, match="key file"):
            attempt(tmp_path / "file" / "keys.json")


def test_settings_take_the_ring_itself_before_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    of_file = EngineSettings.for_command(key_file=file)
    assert of_file.known_key_ring() is None
    assert not file.exists(), "who only reads makes no keys"
    assert of_file.key_ring().versions == (1,)
    assert of_file.known_key_ring() is not None
    given = EngineSettings.for_command(keys=f'{{"3": "{SECRET}"}}', key_file=file)
    assert given.key_ring().versions == (3,)
    assert SECRET not in str(given.describe())
    assert EngineSettings.for_command(data_dir=tmp_path).key_path == file
