"""Composition root of the entrance: its router, what it keeps open, and what health says of it."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response

from policy import bundle
from runtime.database import Database
from runtime.errors import SettingsInvalid
from runtime.http.callers import require_source
from runtime.http.problems import Problem, documented
from runtime.http.tokens import Principal
from runtime.metrics import METRICS, Metrics
from services.intake.entrance.body import read_body
from services.intake.entrance.description import BODY, RESPONSES
from services.intake.entrance.desk import Desk
from services.intake.entrance.inbox import Inbox
from services.intake.entrance.judging import Answer
from services.intake.entrance.settings import EntranceSettings
from services.intake.seen import SeenEvents

PATH = "/v1/events"


class Entrance:
    """The router and what stands behind it."""

    def __init__(self, settings: EntranceSettings, *, metrics: Metrics = METRICS) -> None:
        """Opens nothing yet. Raises ``SettingsInvalid``."""
        if settings.postgres_dsn is None:
            raise SettingsInvalid("HOTLINE_POSTGRES_DSN is not set: publishing by HTTP needs it")
        self._settings = settings
        self._database = Database(settings.postgres_dsn, application="hotline-entrance")
        self._inbox = Inbox(settings)
        self._desk = Desk(
            settings,
            policy=bundle.load(settings.policy),
            inbox=self._inbox,
            seen=SeenEvents(self._database),
            metrics=metrics,
        )
        self.router = self._router()

    def check(self) -> Mapping[str, Any]:
        """For ``/health``. PostgreSQL is asked with each request, not here."""
        return {"ready": self._inbox.ready, "kafka": self._inbox.ready}

    @contextlib.asynccontextmanager
    async def _opened(self, _: FastAPI) -> AsyncIterator[None]:
        async with self._inbox.open():
            try:
                yield
            finally:
                await self._database.close()

    def _router(self) -> APIRouter:
        router = APIRouter(tags=["events"], lifespan=self._opened)

        @router.post(
            PATH,
            status_code=202,
            responses={
                **RESPONSES,
                **documented(400, 401, 403, 408, 409, 413, 415, 422, 429, 500, 503),
            },
            openapi_extra=BODY,
            response_class=Response,
        )
        async def publish_events(
            request: Request, caller: Annotated[Principal, Depends(require_source)]
        ) -> Response:
            """Publish one event, or a batch with an answer for each.

            202 is said only when Kafka has acknowledged. Send again what got no answer, 429 or 503
            (after the seconds in Retry-After), unchanged: an event that was taken before is
            answered 202 with `duplicate`. Another content under an `id` that was used is 409.
            One ticket's events go one after the other, or in one batch, in their order.
            """
            content = await request.body()
            body = read_body(
                request.scope["headers"], content, most=self._settings.max_batch_events
            )
            answers = await self._desk.take(body, caller)
            return _batch(answers) if body.batch else _single(answers[0])

        return router


def _batch(answers: Sequence[Answer]) -> Response:
    all_taken = all(answer.status == 202 for answer in answers)
    items = orjson.dumps({"items": [answer.to_dict() for answer in answers]})
    return Response(items, 202 if all_taken else 207, media_type="application/json")


def _single(answer: Answer) -> Response:
    if answer.status != 202:
        raise Problem(answer.status, answer.reason, answer.detail, id=answer.id)
    return Response(orjson.dumps(answer.to_dict()), 202, media_type="application/json")
