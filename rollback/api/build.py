"""The HTTP application, put together from what it is given."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rollback import __version__
from rollback.api.admin import add_reading
from rollback.api.commands import add_control, add_deployments, add_rollbacks
from rollback.api.described import REFUSALS, describe
from rollback.api.gates import ROOT, TRIGGER, Gate, Watch
from rollback.api.problems import handle, handle_http, handle_invalid
from rollback.api.runbooks import Runbooks
from rollback.api.trigger import Trigger
from rollback.domain.errors import RollbackError
from rollback.service.asking import People
from rollback.service.desk import Desk
from rollback.service.intake import Intake
from rollback.service.registering import Registry
from rollback.service.returning import Returner


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything that the HTTP side needs from the rest of the daemon."""

    intake: Intake
    desk: Desk
    registry: Registry
    people: People
    returner: Returner
    watch: Watch
    metrics: Callable[[], tuple[bytes, str]]
    trouble: Callable[[], list[str]]
    alerts_arrived: Callable[[], None]
    runbooks: Runbooks


def build(parts: Parts) -> FastAPI:
    """The application. Redirects are off: Alertmanager would follow one without the body."""
    application = FastAPI(
        title="MITA rollback daemon",
        version=__version__,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[Middleware(Gate, watch=parts.watch)],
    )
    trigger = Trigger(parts.intake, parts.alerts_arrived)
    application.add_exception_handler(RollbackError, handle)
    application.add_exception_handler(RequestValidationError, handle_invalid)
    application.add_exception_handler(HTTPException, handle_http)
    hot = Route(TRIGGER, trigger.answer, methods=["POST"], include_in_schema=False)
    application.router.routes.append(hot)
    application.include_router(_admin_routes(parts))
    describe(application)
    application.router.routes.extend(_open_routes(application, parts))
    return application


def _admin_routes(parts: Parts) -> APIRouter:
    """Everything described. The gate asks for the account."""
    routes, kick = APIRouter(prefix=ROOT, responses=REFUSALS), parts.alerts_arrived
    add_reading(routes, parts.desk)
    add_deployments(routes, parts.registry, kick)
    add_rollbacks(routes, parts.registry, parts.returner, parts.people, kick)
    add_control(routes, parts.people, kick)
    return routes


def _open_routes(application: FastAPI, parts: Parts) -> list[Route]:
    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live", "version": __version__})

    async def ready(_: Request) -> Response:
        trouble = parts.trouble()
        body = {"status": "ready" if not trouble else "not ready", "trouble": trouble}
        return JSONResponse({**body, "version": __version__}, status_code=503 if trouble else 200)

    def metrics(_: Request) -> Response:
        content, media_type = parts.metrics()
        return Response(content, media_type=media_type)

    async def openapi(_: Request) -> Response:
        return JSONResponse(application.openapi())

    return [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", metrics),
        Route("/openapi.json", openapi),
        *parts.runbooks.routes(),
    ]
