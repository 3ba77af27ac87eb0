"""The look-ups' application on a real database, asked over HTTP in the same process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import orjson

from policy.access import AccessRole
from runtime.http import tokens
from runtime.http.app import make_app
from runtime.http.settings import HttpSettings
from runtime.http.tokens import Tokens
from runtime.metrics import Metrics
from services.intake.domain import PLACES
from services.intake.masking import Masker
from services.lookup.app import Lookup
from services.lookup.settings import LookupSettings
from tests.kit.story import PLATFORM, RING

KEYS = orjson.dumps({str(version): bytes(range(32)).hex() for version in RING.versions}).decode()


class Desk:
    """Asks as somebody of a unit."""

    def __init__(self, client: httpx.AsyncClient, path: Path) -> None:
        self._client = client
        self._path = path
        self._tokens: dict[tuple[AccessRole, str], str] = {}

    def headers(self, role: AccessRole, unit: str) -> dict[str, str]:
        """A token of that role in that unit, made at the first use."""
        if (role, unit) not in self._tokens:
            name = f"{role.value}-{unit}".replace("_", "-")
            self._tokens[role, unit] = tokens.make(self._path, name=name, role=role, unit=unit)
        return {"Authorization": f"Bearer {self._tokens[role, unit]}"}

    async def ticket(
        self, ticket: str, role: AccessRole, unit: str, **query: Any
    ) -> httpx.Response:
        return await self._client.get(
            f"/v1/tickets/{ticket}", params=query, headers=self.headers(role, unit)
        )

    async def contact(
        self, citizen: str, role: AccessRole, unit: str, **query: Any
    ) -> httpx.Response:
        return await self._client.get(
            f"/v1/contacts/{citizen}", params=query, headers=self.headers(role, unit)
        )

    async def worklist(self, role: AccessRole, unit: str, **query: Any) -> httpx.Response:
        """``of`` is the unit asked for."""
        if "of" in query:
            query["unit"] = query.pop("of")
        return await self._client.get(
            "/v1/worklist", params=query, headers=self.headers(role, unit)
        )

    async def callbacks(self, role: AccessRole, unit: str, **query: Any) -> httpx.Response:
        return await self._client.get(
            "/v1/callbacks", params=query, headers=self.headers(role, unit)
        )

    async def assess(
        self, question: Mapping[str, Any], role: AccessRole = AccessRole.AGENT
    ) -> httpx.Response:
        return await self._client.post(
            "/v1/contacts/assess",
            json={"source": PLATFORM, **question},
            headers=self.headers(role, "city-12345"),
        )

    async def assessed(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer, which is always 200."""
        response = await self.assess(question)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer


@asynccontextmanager
async def open_desk(
    dsn: str, directory: Path, now: datetime, **settings: Any
) -> AsyncIterator[Desk]:
    """The application with this database, at that present."""
    given: dict[str, Any] = {
        "assess_budget_ms": 5_000,
        "assess_text_budget_ms": 5_000,
        **settings,
    }
    lookup = Lookup(
        LookupSettings.for_service("lookup", postgres_dsn=dsn, keys=KEYS, **given),
        masked=Masker(RING.derive(PLACES, RING.origin)).mask,
        clock=lambda: now,
    )
    path = directory / "tokens.yaml"
    app = make_app(
        "Look-ups",
        [lookup.router],
        settings=HttpSettings.for_service("http"),
        tokens=_Fresh(path),
        metrics=Metrics(),
    )
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://desk") as client,
    ):
        yield Desk(client, path)


class _Fresh(Tokens):
    """Sees a token as soon as it is made."""

    def __init__(self, path: Path) -> None:
        ticks = iter(range(0, 10_000_000, 10))
        super().__init__(path, clock=lambda: float(next(ticks)))
