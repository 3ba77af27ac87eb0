"""The broker's jars: locked by checksum, downloaded once, cached outside the checkout."""

import os
import tarfile
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from rich.console import Console

from deploy.local.errors import CACHE_VARIABLE, DownloadMissing, disk_full_named
from deploy.local.locked import CHUNK_BYTES, LOCK, Jar, is_good, locked, store


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """``$HOTLINE_CACHE``, else ``hotline`` in the user's cache directory (XDG)."""
    if named := environ.get(CACHE_VARIABLE):
        return Path(named).expanduser().resolve()
    base = environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "hotline"


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
    missing = [jar for jar, target in targets.items() if not is_good(target, jar)]
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
                if is_good(target, jar):
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
