"""Composition root of the look-ups: their router, for ``hotline serve`` (R6, R8, R53, R61)."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, FastAPI, Path, Query
from fastapi.responses import Response

from policy import bundle
from policy.access import AccessRole, Purpose
from runtime.database import Database
from runtime.engine.ports import Unavailable
from runtime.errors import SettingsInvalid
from runtime.http.callers import require_role
from runtime.http.problems import busy, documented
from runtime.http.tokens import Principal
from schemas.envelope import Instant
from services.lookup.assess import Assessments, Masking
from services.lookup.paging import ROWS, Cursor, Limit
from services.lookup.plain import PlainData
from services.lookup.question import Question
from services.lookup.settings import LookupSettings
from services.lookup.store import Store
from services.lookup.story import Stories
from services.lookup.worklist import Worklists
from vault.aliases import DatabaseDirectory
from vault.originals import Vault

RETRY_SECONDS: Final = 5
"""After which to ask again when the database does not answer."""
_KEY: Final = r"^[^\x00]{1,256}$"
"""Of an id or pseudonym: what the contract takes, but for the character that PostgreSQL has not."""
Anybody = Annotated[Principal, Depends(require_role())]
Agent = Annotated[Principal, Depends(require_role(AccessRole.AGENT))]


def _now() -> datetime:
    return datetime.now(UTC)


class Lookup:
    """The router and what stands behind it."""

    def __init__(
        self,
        settings: LookupSettings,
        *,
        masked: Masking,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Opens nothing yet.

        Args:
            masked: as intake masks what it writes; places and words are compared with the log's.
            clock: the present, in UTC.

        Raises:
            SettingsInvalid: there is no database to ask.
        """
        if settings.postgres_dsn is None:
            raise SettingsInvalid("HOTLINE_POSTGRES_DSN is not set: look-ups need the read model")
        ring = settings.key_ring()
        policies = bundle.load(settings.policy)
        self._database = Database(
            settings.postgres_dsn,
            application="hotline-lookup",
            connections=settings.connections,
        )
        self._clock = clock
        store = Store(self._database)
        vault = Vault(self._database, ring)
        self._stories = Stories(store, vault, policies)
        self._plain = PlainData(store, self._stories, vault, self._database, policies)
        self._worklists = Worklists(store, policies)
        self._assessments = Assessments(
            store,
            DatabaseDirectory(self._database, ring, policies),
            policies,
            masked,
            budget=timedelta(milliseconds=settings.assess_budget_ms),
            text_budget=timedelta(milliseconds=settings.assess_text_budget_ms),
        )
        self.router = self._router()

    def check(self) -> Mapping[str, Any]:
        """For ``/health``. Without the database agents are still answered, «unknown»."""
        return {"ready": True}

    @contextlib.asynccontextmanager
    async def _opened(self, _: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self._database.close()

    def _router(self) -> APIRouter:
        router = APIRouter(tags=["look-ups"], lifespan=self._opened)

        @router.post(
            "/v1/contacts/assess",
            responses=documented(400, 401, 403, 413, 422, 503),
            response_class=Response,
        )
        async def assess_contact(question: Question, caller: Agent) -> Response:
            """What an agent needs to know while the citizen is on the line.

            Who it is, open and earlier tickets, the likely repeat verdict with its reason, and what
            to tell the citizen. Answered in a fixed time: a part that is not known by then is
            `"unknown"` and named in `degraded`; the status is 200 all the same.
            """
            return _json(await self._assessments.answer(question, caller, self._clock()))

        @router.get(
            "/v1/contacts/{citizen:path}",
            responses=documented(401, 403, 404, 410, 422, 503),
            response_class=Response,
        )
        async def disclose_contact(
            citizen: Annotated[str, Path(pattern=_KEY)],
            ticket: Annotated[str, Query(pattern=_KEY)],
            purpose: Purpose,
            caller: Anybody,
        ) -> Response:
            """Number and original text of a citizen, for a unit that works on their ticket.

            Every look is logged with name, unit, purpose and ticket; so is every refusal. 410: the
            citizen was erased.
            """
            with _answering():
                return _json(
                    await self._plain.disclose(citizen, ticket, purpose, caller, self._clock())
                )

        @router.get(
            "/v1/tickets/{ticket:path}",
            responses=documented(401, 403, 404, 422, 503),
            response_class=Response,
        )
        async def tell_ticket(
            ticket: Annotated[str, Path(pattern=_KEY)],
            caller: Anybody,
            at: Annotated[
                Instant | None, Query(description="As of this instant, with its offset")
            ] = None,
            house_number: Annotated[
                bool, Query(description="With the whole address; the look is logged")
            ] = False,
        ) -> Response:
            """The whole story of a ticket, as of now or of any past instant.

            Masked by role. A unit sees what it or a unit below it works on or is complained of; any
            other ticket is 404.
            """
            with _answering():
                return _json(
                    await self._stories.tell(
                        ticket, caller, now=self._clock(), at=at, place=house_number
                    )
                )

        @router.get(
            "/v1/worklist",
            responses=documented(401, 403, 422, 503),
            response_class=Response,
        )
        async def list_work(
            caller: Anybody,
            unit: Annotated[
                str | None,
                Query(pattern=_KEY, description="With all below it; none: all that you may see"),
            ] = None,
            limit: Limit = ROWS,
            cursor: Cursor = None,
        ) -> Response:
            """Open clocks by level, then deadline, each with who answers for it.

            A unit sees its own clocks, those of units below it, and the citizens' clocks of tickets
            that are with them.
            """
            with _answering():
                return _json(
                    await self._worklists.clocks(
                        unit, caller, self._clock(), limit=limit, cursor=cursor
                    )
                )

        @router.get(
            "/v1/callbacks",
            responses=documented(401, 403, 422, 503),
            response_class=Response,
        )
        async def list_callbacks(
            caller: Anybody,
            due: Annotated[bool, Query(description="Only those to be called now")] = False,
            limit: Limit = ROWS,
            cursor: Cursor = None,
        ) -> Response:
            """Callbacks to be made, the earliest first, for a dialler.

            Numbers are not here: ask `GET /v1/contacts/{citizen}` for each with
            `purpose=callback`; that look is logged.
            """
            with _answering():
                return _json(
                    await self._worklists.callbacks(
                        caller, self._clock(), due=due, limit=limit, cursor=cursor
                    )
                )

        return router


@contextlib.contextmanager
def _answering() -> Any:
    """A database that does not answer is 503, with the time after which to ask again."""
    try:
        yield
    except Unavailable as error:
        raise busy(
            "database_unavailable",
            "the read model does not answer now: ask again",
            seconds=RETRY_SECONDS,
        ) from error


def _json(answer: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(answer), media_type="application/json")
