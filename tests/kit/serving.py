"""``hotline serve`` as a process, with tokens of its own, to be asked and killed."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from deploy.local.process import free_port
from runtime.http import tokens
from tests.kit.assertions import assert_eventually
from tests.kit.worker import ROOT, SCRIPTS, START_S, Worker

SOURCE = "test/city"
"""Of ``tests.kit.feed``."""


class Serving(Worker):
    """One HTTP server; ``token`` publishes for the city of ``tests.kit.feed``."""

    def __init__(self, directory: Path, environ: Mapping[str, str], *, name: str = "http") -> None:
        super().__init__((), directory, environ, name=name)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.tokens = self.directory / "tokens.yaml"
        self.token = tokens.make(self.tokens, name="city", sources=[SOURCE])

    def start(self, **environ: str) -> "Serving":
        assert not self.running, f"{self.name} runs already"
        self._port = self._port or free_port()
        self.starts += 1
        self.ended_on_purpose = False
        given = {
            "HOTLINE_DATA_DIR": str(self.directory),
            "HOTLINE_TOKENS_FILE": str(self.tokens),
            "HOTLINE_LOG_FORMAT": "json",
            **self.environ,
            **environ,
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HOTLINE_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(SCRIPTS / "hotline"), "serve", "--port", str(self._port)],
                cwd=ROOT,
                env={**inherited, **given},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    def client(self, **given: Any) -> httpx.AsyncClient:
        """A client that publishes with its token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, **given)

    async def ready(self, within: float = START_S) -> "Serving":
        """Returns once it is ready to take events."""
        await assert_eventually(
            self.healthy, within=within, what=f"{self.name} is ready", unless=self.died
        )
        return self
