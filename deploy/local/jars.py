"""The broker's jars: locked by checksum, downloaded once, cached outside the checkout."""

import hashlib
import os
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile

from rich.console import Console

from deploy.local.errors import (
    CACHE_VARIABLE,
    MIRROR_VARIABLE,
    ChecksumWrong,
    DownloadMissing,
    disk_full_named,
)

LOCK = Path(__file__).with_name("jars.lock")
CHUNK_BYTES = 1 << 16

_LINE = re.compile(r"(?P<group>[\w.-]+):(?P<artifact>[\w.-]+):(?P<version>[\w.-]+) (?P<sha>\S+)")


@dataclass(frozen=True, slots=True)
class Jar:
    """A line of ``jars.lock``."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def path(self) -> str:
        """Below a Maven repository, below the cache and inside a bundle."""
        folder = self.group.replace(".", "/")
        return f"{folder}/{self.artifact}/{self.version}/{self.artifact}-{self.version}.jar"


def parse_lock(text: str, name: str = LOCK.name) -> tuple[Jar, ...]:
    """The jars of a lock file. Raises ``ValueError`` that names file, line and text."""
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or not re.fullmatch(r"[0-9a-f]{64}", match["sha"]):
            raise ValueError(f"{name}:{number}: not «group:artifact:version sha256»: {line!r}")
        jars.append(Jar(match["group"], match["artifact"], match["version"], match["sha"]))
    return tuple(jars)


def locked() -> tuple[Jar, ...]:
    return parse_lock(LOCK.read_text())


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """``$HOTLINE_CACHE``, else ``hotline`` in the user's cache directory (XDG)."""
    if named := environ.get(CACHE_VARIABLE):
        return Path(named).expanduser().resolve()
    base = environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "hotline"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_good(path: Path, jar: Jar) -> bool:
    return path.is_file() and _sha256(path) == jar.sha256


def store(chunks: Iterable[bytes], jar: Jar, target: Path, origin: str) -> None:
    """Writes beside the target, checks, renames: an interrupted run leaves nothing half done."""
    with disk_full_named(target.parent, target.name):
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
            try:
                for chunk in chunks:
                    digest.update(chunk)
                    part.write(chunk)
                part.flush()
                if digest.hexdigest() != jar.sha256:
                    raise ChecksumWrong(
                        f"{jar.path} from {origin} has sha256 {digest.hexdigest()}, "
                        f"jars.lock says {jar.sha256}",
                        "do not use that file. Try again; if it stays, the mirror or bundle was "
                        f"changed: name another with {MIRROR_VARIABLE} or --bundle.",
                    )
                Path(part.name).replace(target)
            finally:
                Path(part.name).unlink(missing_ok=True)


def ensure_jars(
    *,
    cache: Path | None = None,
    jars: tuple[Jar, ...] | None = None,
    mirror: str | None = None,
    console: Console | None = None,
) -> dict[Jar, Path]:
    """All jars by their paths, verified; what the cache lacks is downloaded (with a progress bar).

    A cached file whose checksum is wrong is downloaded anew.

    Raises:
        DownloadMissing, ChecksumWrong, DiskFull
    """
    root = (cache or cache_directory()) / "jars"
    wanted = locked() if jars is None else jars
    targets = {jar: root / jar.path for jar in wanted}
    missing = [jar for jar, target in targets.items() if not _is_good(target, jar)]
    if missing:
        # Here, since loading what downloads need costs every command 0.4 s.
        from deploy.local.download import download

        download({jar: targets[jar] for jar in missing}, mirror=mirror, console=console)
    return targets


BUNDLE_JARS = "jars/"
BUNDLE_WHEELS = "wheels/"


def write_bundle(file: Path, jars: Mapping[Jar, Path], wheels: Iterable[Path] = ()) -> None:
    """A tar with the jars and, optionally, Python wheels, for machines without a network."""
    unfinished = file.with_name(file.name + ".part")
    with disk_full_named(file.parent, "the bundle"):
        try:
            with tarfile.open(unfinished, "w") as tar:
                tar.add(LOCK, LOCK.name)
                for jar, path in jars.items():
                    tar.add(path, BUNDLE_JARS + jar.path)
                for wheel in wheels:
                    tar.add(wheel, BUNDLE_WHEELS + wheel.name)
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)


def read_bundle(
    file: Path, *, cache: Path | None = None, jars: tuple[Jar, ...] | None = None
) -> None:
    """Puts the bundle's jars into the cache, checked against the lock like a download.

    Raises:
        DownloadMissing: it is no bundle, or was written for other jars.
        ChecksumWrong, DiskFull
    """
    root = (cache or cache_directory()) / "jars"
    action = "write it again with this version of the project (hotline bundle FILE)."
    try:
        with tarfile.open(file) as tar:
            for jar in locked() if jars is None else jars:
                target = root / jar.path
                if _is_good(target, jar):
                    continue
                try:
                    content = tar.extractfile(BUNDLE_JARS + jar.path)
                except KeyError:
                    content = None
                if content is None:
                    raise DownloadMissing(f"bundle {file} lacks {jar.path}", action)
                store(iter(partial(content.read, CHUNK_BYTES), b""), jar, target, str(file))
    except tarfile.TarError as error:
        raise DownloadMissing(f"{file} is not a bundle: {error}", action) from error
