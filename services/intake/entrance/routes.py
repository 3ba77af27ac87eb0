"""``POST /v1/events``: parse, hand over, answer."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from runtime.http.callers import require_source
from runtime.http.problems import Problem, documented
from runtime.http.tokens import Principal
from services.intake.entrance.body import read_body
from services.intake.entrance.description import BODY, RESPONSES
from services.intake.entrance.desk import Desk
from services.intake.entrance.judging import Answer

PATH: Final = "/v1/events"


def events_router(desk: Desk, *, max_batch_events: int, lifespan: Any = None) -> APIRouter:
    """The route.

    Args:
        desk: takes the requests.
        max_batch_events: in one of them.
        lifespan: what is open while requests come.
    """
    router = APIRouter(tags=["events"], lifespan=lifespan)

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
        body = read_body(request.scope["headers"], content, most=max_batch_events)
        answers = await desk.take(body, caller)
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
