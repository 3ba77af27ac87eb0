"""The HTTP application: routers in one frame of errors, limits, measures, health and pages."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, cast

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from runtime.http import page
from runtime.http.guard import Guard, request_id
from runtime.http.problems import answer, of_http, of_validation
from runtime.http.settings import HttpSettings
from runtime.http.tokens import Tokens
from runtime.metrics import METRICS, Metrics

Check = Callable[[], Mapping[str, Any]]
"""Of one part for ``/health``; its ``ready`` says whether requests can be answered now."""


def make_app(
    title: str,
    routers: Sequence[APIRouter],
    *,
    settings: HttpSettings,
    tokens: Tokens,
    checks: Mapping[str, Check] | None = None,
    metrics: Metrics = METRICS,
) -> FastAPI:
    """An application of these routers.

    What a router needs open while requests come (a pool, a producer) belongs into its own
    ``lifespan``. Errors are raised as ``Problem``; routes ask for callers by ``require_source`` and
    ``require_role``.

    Args:
        title: of the description.
        routers: the parts.
        settings: limits and addresses.
        tokens: who may call.
        checks: by part, for ``/health``.
        metrics: where requests are counted.
    """
    # docs_url: the framework's page loads its program from a CDN.
    app = FastAPI(
        title=title,
        version=version("hotline-pipeline"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.tokens = tokens
    for router in routers:
        app.include_router(router)
    app.include_router(_own_pages(app, checks or {}, metrics))
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    return app


async def _on_http(request: Request, error: Exception) -> Response:
    return answer(of_http(cast("Any", error)), request_id(request.scope))


async def _on_validation(request: Request, error: Exception) -> Response:
    return answer(of_validation(cast(RequestValidationError, error)), request_id(request.scope))


def _own_pages(app: FastAPI, checks: Mapping[str, Check], metrics: Metrics) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get(
        "/health",
        response_class=JSONResponse,
        responses={503: {"description": "Not ready", "content": {"application/json": {}}}},
    )
    async def health() -> JSONResponse:
        """Whether requests can be answered now, and what each part says of itself."""
        told = {name: dict(check()) for name, check in checks.items()}
        ready = all(part.get("ready", True) for part in told.values())
        return JSONResponse({"ready": ready, "parts": told}, 200 if ready else 503)

    @router.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        body, content_type = metrics.exposition()
        return Response(body, media_type=content_type)

    @router.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        headers = {"Content-Security-Policy": page.CSP}
        return HTMLResponse(page.render(app.openapi()), headers=headers)

    return router
