"""The lock of the broker's jars, and the one way to write a file that it names."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from deploy.local.errors import MIRROR_VARIABLE, ChecksumWrong, disk_full_named

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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_good(path: Path, jar: Jar) -> bool:
    """Whether the file is there and the locked one."""
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
