"""Errors as ``application/problem+json`` (RFC 9457): one form for all of them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response

from schemas.dead_letter import masked

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:hotline:problem:"

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. `reason` is stable; `detail` is for a person.",
    "required": ["type", "title", "status", "reason", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": f"`{TYPE_PREFIX}` and the reason"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "reason": {"type": "string", "description": "A stable slug"},
        "detail": {"type": "string", "description": "What is wrong, and what to do"},
        "instance": {"type": "string", "description": "The request, as in our log"},
    },
}


class Problem(HTTPException):
    """Raised anywhere in a request; answered as problem+json.

    ``reason`` is a stable slug, ``detail`` names field and value, never what describes a citizen.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        super().__init__(status, detail, headers=None if headers is None else dict(headers))
        self.reason = reason
        self.more = more


def busy(reason: str, detail: str, *, seconds: int) -> Problem:
    """503: not now; the same request again after so many seconds."""
    return Problem(503, reason, detail, headers={"Retry-After": str(seconds)})


def of_validation(error: RequestValidationError) -> Problem:
    """Which fields are wrong and how, without their values: they may be a citizen's."""
    told = [
        {
            "field": masked(".".join(str(part) for part in each["loc"])),
            "problem": masked(each["msg"]),
        }
        for each in error.errors()
    ]
    first = told[0] if told else {"field": "the request", "problem": "cannot be read"}
    return Problem(422, "invalid", f"{first['field']}: {first['problem']}", errors=told)


def of_http(error: HTTPException) -> Problem:
    """What the framework itself refuses: no such route, no such method."""
    if isinstance(error, Problem):
        return error
    phrase = HTTPStatus(error.status_code).phrase
    reason = phrase.lower().replace(" ", "_").replace("-", "_")
    return Problem(error.status_code, reason, str(error.detail), headers=error.headers)


def answer(problem: Problem, instance: str) -> Response:
    """The response."""
    body = {
        "type": TYPE_PREFIX + problem.reason,
        "title": HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "reason": problem.reason,
        "detail": problem.detail,
        "instance": instance,
        **problem.more,
    }
    return Response(
        orjson.dumps(body),
        status_code=problem.status_code,
        media_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For ``responses=`` of a route: these statuses are answered as problems."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": SCHEMA}},
            **({"headers": _RETRY_AFTER} if status in (429, 503) else {}),
        }
        for status in statuses
    }


_RETRY_AFTER: Final[dict[str, Any]] = {
    "Retry-After": {
        "description": "Seconds after which to try again",
        "schema": {"type": "integer"},
    }
}
