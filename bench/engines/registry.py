"""The engines of the comparison: what each promises, how it keeps state, how it is started."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.process import ROOT
from deploy.local.jars import cache_directory

PEERS = ROOT / "bench" / "peers"


class Unavailable(Exception):
    """An engine cannot run on this machine; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One row of the table."""

    name: str
    title: str
    guarantee: str
    layout: str
    """How its state is cut, and where it lives."""
    prepare: Callable[[], list[str]]
    """Builds or installs what it needs and returns its command. Raises ``Unavailable``."""


def build_dir() -> Path:
    return cache_directory() / "bench"


def module_command(module: str) -> list[str]:
    """A module of ours, run by the interpreter that runs this."""
    return [sys.executable, "-m", module]


def _hotline() -> list[str]:
    return module_command("bench.engines.hotline_repeat")


def _faust() -> list[str]:
    return module_command("bench.peers.faust_repeat")


def _quix() -> list[str]:
    """In an environment of its own under the cache directory, made anew when the pins change."""
    requirements = PEERS / "requirements.txt"
    home = build_dir() / "quix-venv"
    interpreter = home / "bin" / "python"
    digest = _digest(requirements, extra=sys.version)
    if _stamp(home) != digest:
        venv.create(home, with_pip=True, clear=True)
        _run(
            [str(interpreter), "-m", "pip", "install", "--quiet", "--requirement", requirements],
            what="Quix Streams could not be installed",
        )
        _write_stamp(home, digest)
    return [str(interpreter), "-m", "bench.peers.quix_repeat"]


def _kafka_streams() -> list[str]:
    """Compiled by Maven into the cache directory, anew when its sources change."""
    maven, java = shutil.which("mvn"), shutil.which("java")
    if maven is None or java is None:
        raise Unavailable("no Maven or Java on the PATH")
    project = PEERS / "kafka-streams"
    source = project / "src" / "main" / "java" / "bench" / "Repeat.java"
    home = build_dir() / "kafka-streams"
    digest = _digest(project / "pom.xml", source)
    if _stamp(home) != digest:
        _run(
            [
                *(maven, "--batch-mode", "--quiet", "--file", project / "pom.xml"),
                f"-Dbench.build={home}",
                f"-DoutputDirectory={home / 'libs'}",
                *("compile", "dependency:copy-dependencies"),
            ],
            what="Kafka Streams could not be built",
        )
        _write_stamp(home, digest)
    return [
        *(java, "-Xms1g", "-Xmx1g", "-XX:+UseParallelGC"),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        *("-cp", f"{home / 'classes'}{os.pathsep}{home / 'libs'}/*", "bench.Repeat"),
    ]


def _run(command: list[str | Path], *, what: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what}: {error}") from error
    if done.returncode:
        said = [
            line for line in (done.stderr + done.stdout).splitlines() if "ERROR" in line.upper()
        ]
        raise Unavailable(f"{what}: " + " / ".join(said[:3]))


def _digest(*files: Path, extra: str = "") -> str:
    return hashlib.sha256(b"".join(f.read_bytes() for f in files) + extra.encode()).hexdigest()


def _stamp(home: Path) -> str:
    stamp = home / "made-from"
    return stamp.read_text() if stamp.exists() else ""


def _write_stamp(home: Path, digest: str) -> None:
    (home / "made-from").write_text(digest)


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("hotline", "hotline", "exactly once", "citizen+leaf, memory", _hotline),
        Engine(
            "kafka-streams",
            "Kafka Streams 4.3.1, 1 thread",
            "exactly once",
            "citizen+leaf, RocksDB",
            _kafka_streams,
        ),
        Engine(
            "quix", "Quix Streams 3.28", "exactly once", "citizen, a key per leaf, RocksDB", _quix
        ),
        Engine(
            "faust", "Faust 0.15.3 agent + table", "at least once", "citizen+leaf, memory", _faust
        ),
    )
}
