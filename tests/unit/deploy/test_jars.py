"""Downloads: locked by checksum, cached, or an error that says what to do."""

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deploy.local.errors import ChecksumWrong, DiskFull, DownloadMissing, disk_full_named
from deploy.local.jars import cache_directory, ensure_jars, read_bundle, write_bundle
from deploy.local.locked import Jar, locked, parse_lock

CONTENT = b"a jar" * 100_000
SHA = hashlib.sha256(CONTENT).hexdigest()
JAR = Jar("org.example", "thing", "1.0", SHA)
QUIET = Console(file=io.StringIO())


class Mirror:
    """A Maven repository on this machine: a directory, and what was asked of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        asked = self.asked

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                asked.append(self.path)

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), partial(Handler, directory=str(root))
        )
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def put(self, jar: Jar, content: bytes) -> None:
        path = self.root / jar.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    mirror = Mirror(tmp_path / "mirror")
    mirror.root.mkdir()
    thread = threading.Thread(target=mirror.server.serve_forever, daemon=True)
    thread.start()
    yield mirror
    mirror.server.shutdown()
    thread.join()
    mirror.server.server_close()


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("org.example:thing 1.0", 1),
        ("org.example:thing:1.0 abc", 1),
        (f"# a comment\n\norg.example:thing:1.0 {SHA} trailing", 3),
        (f"org.example:thing:1.0 {SHA.upper()}", 1),
    ],
)
def test_a_bad_line_of_the_lock_is_named(line: str, number: int) -> None:
    with pytest.raises(ValueError, match=rf"jars\.lock:{number}: .*thing"):
        parse_lock(line)


def test_comments_and_empty_lines_of_the_lock_are_skipped() -> None:
    assert parse_lock(f"# why\n\norg.example:thing:1.0 {SHA}\n") == (JAR,)
    assert JAR.path == "org/example/thing/1.0/thing-1.0.jar"


def test_the_shipped_lock_is_one_kafka_with_a_binding_for_its_log() -> None:
    jars = locked()
    assert len({jar.path for jar in jars}) == len(jars) == 46
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {"4.3.1"}
    assert "log4j-slf4j-impl" in {jar.artifact for jar in jars}


def test_a_jar_is_downloaded_once(mirror: Mirror, tmp_path: Path) -> None:
    mirror.put(JAR, CONTENT)
    cache = tmp_path / "cache"
    for _ in range(2):
        paths = ensure_jars(cache=cache, jars=(JAR,), mirror=mirror.url, console=QUIET)
    assert paths[JAR].read_bytes() == CONTENT
    assert mirror.asked == [f"/{JAR.path}"]
    assert files(cache) == [paths[JAR]]


def test_a_damaged_file_in_the_cache_is_downloaded_anew(mirror: Mirror, tmp_path: Path) -> None:
    mirror.put(JAR, CONTENT)
    damaged = tmp_path / "cache" / "jars" / JAR.path
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(CONTENT[:-1])
    ensure_jars(cache=tmp_path / "cache", jars=(JAR,), mirror=mirror.url, console=QUIET)
    assert damaged.read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(mirror: Mirror, tmp_path: Path) -> None:
    mirror.put(JAR, b"something else")
    with pytest.raises(ChecksumWrong, match=rf"thing-1\.0\.jar from {mirror.url}.*{SHA}"):
        ensure_jars(cache=tmp_path / "cache", jars=(JAR,), mirror=mirror.url, console=QUIET)
    assert files(tmp_path / "cache") == []


def test_a_missing_download_names_the_file_and_the_ways_out(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(DownloadMissing) as raised:
        ensure_jars(cache=tmp_path / "cache", jars=(JAR,), mirror=mirror.url, console=QUIET)
    for said in (JAR.path, "404", "HOTLINE_MAVEN_MIRROR", "--bundle"):
        assert said in str(raised.value)


def test_a_full_disk_names_the_directory(tmp_path: Path) -> None:
    with (
        pytest.raises(DiskFull, match=rf"no space left in {tmp_path} for a jar\n.*HOTLINE_CACHE"),
        disk_full_named(tmp_path, "a jar"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")


def test_other_errors_of_the_disk_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk_full_named(tmp_path, "a jar"):
        (tmp_path / "missing").read_bytes()


def test_a_bundle_fills_an_empty_cache_without_a_network(tmp_path: Path) -> None:
    jar, wheel = tmp_path / "thing.jar", tmp_path / "thing-1.0-py3-none-any.whl"
    jar.write_bytes(CONTENT)
    wheel.write_bytes(b"wheel")
    bundle = tmp_path / "bundle.tar"
    write_bundle(bundle, {JAR: jar}, [wheel])
    with tarfile.open(bundle) as tar:
        assert tar.getnames() == ["jars.lock", f"jars/{JAR.path}", f"wheels/{wheel.name}"]

    read_bundle(bundle, cache=tmp_path / "cache", jars=(JAR,))
    paths = ensure_jars(cache=tmp_path / "cache", jars=(JAR,), mirror="http://127.0.0.1:1")
    assert paths[JAR].read_bytes() == CONTENT


def test_a_bundle_is_checked_like_a_download(tmp_path: Path) -> None:
    jar = tmp_path / "thing.jar"
    jar.write_bytes(b"something else")
    write_bundle(tmp_path / "bundle.tar", {JAR: jar})
    with pytest.raises(ChecksumWrong, match=r"bundle\.tar"):
        read_bundle(tmp_path / "bundle.tar", cache=tmp_path / "cache", jars=(JAR,))


def test_a_bundle_of_another_version_says_what_it_lacks(tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle.tar", {})
    with pytest.raises(DownloadMissing, match=r"bundle\.tar lacks org/example/thing"):
        read_bundle(tmp_path / "bundle.tar", cache=tmp_path / "cache", jars=(JAR,))


def test_a_file_that_is_no_bundle_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no tar" * 1000)
    with pytest.raises(DownloadMissing, match="is not a bundle"):
        read_bundle(file, cache=tmp_path / "cache", jars=(JAR,))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOTLINE_CACHE": "/srv/cache", "XDG_CACHE_HOME": "/x"}, Path("/srv/cache")),
        ({"XDG_CACHE_HOME": "/x"}, Path("/x/hotline")),
        ({}, Path("~/.cache/hotline").expanduser()),
    ],
)
def test_the_cache_lies_outside_the_checkout(environ: dict[str, str], expected: Path) -> None:
    assert cache_directory(environ) == expected
