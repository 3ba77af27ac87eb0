"""``hotline serve`` as a process, with tokens of its own, to be asked and killed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from deploy.local.process import free_port
from runtime.http import tokens
from tests.kit.assertions import assert_eventually
from tests.kit.worker import SCRIPTS, START_S, Worker

SOURCE = "test/city"
"""Of ``tests.kit.feed``."""


class Serving(Worker):
    """One HTTP server; ``token`` publishes for the city of ``tests.kit.feed``."""

    def __init__(self, directory: Path, environ: Mapping[str, str], *, name: str = "http") -> None:
        super().__init__((), directory, environ, name=name)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.tokens = self.directory / "tokens.yaml"
        self.environ.setdefault("HOTLINE_TOKENS_FILE", str(self.tokens))
        self.token = tokens.make(self.tokens, name="city", sources=[SOURCE])

    def _command(self) -> list[str]:
        return [str(SCRIPTS / "hotline"), "serve", "--port", str(self._port)]

    def _next_port(self) -> int:
        """The same again: its clients know it."""
        return self._port or free_port()

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
