"""The HTTP application, put together from what it is given."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Depends, FastAPI, Request
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from rollback import __version__
from rollback.api.admin import router
from rollback.api.auth import Accounts, require
from rollback.api.problems import handle
from rollback.api.runbooks import Runbooks
from rollback.api.trigger import Trigger
from rollback.domain.errors import RollbackError
from rollback.service.desk import Desk
from rollback.service.intake import Intake


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything that the HTTP side needs from the rest of the daemon."""

    intake: Intake
    desk: Desk
    accounts: Callable[[], Accounts]
    body_limit: Callable[[], int]
    metrics: Callable[[], tuple[bytes, str]]
    trouble: Callable[[], list[str]]
    counted: Callable[[int], None]
    alerts_arrived: Callable[[], None]
    runbooks: Runbooks


def build(parts: Parts) -> FastAPI:
    """The application. Redirects are off: Alertmanager would follow one without the body."""

    def admin(request: Request) -> None:
        require(request, parts.accounts().admin)

    application = FastAPI(
        title="MITA rollback daemon",
        version=__version__,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[Middleware(WebGate, accounts=parts.accounts)],
    )
    trigger = Trigger(parts.intake, parts.accounts, parts.body_limit, parts.counted, parts.alerts_arrived)
    application.add_exception_handler(RollbackError, handle)
    application.router.routes.append(
        Route("/api/admin/rollback/trigger", trigger.answer, methods=["POST"], include_in_schema=False)
    )
    application.include_router(router(parts.desk, [Depends(admin)], parts.alerts_arrived))
    application.router.routes.extend(_open_routes(application, parts))
    return application


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


class WebGate:
    """Asks for the web account on the otherwise open paths, once one is configured; runbooks stay open."""

    def __init__(self, app: ASGIApp, accounts: Callable[[], Accounts]) -> None:
        self._app, self._accounts = app, accounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer 401."""
        accounts = self._accounts()
        app = self._app
        if scope["type"] == "http" and accounts.web and not scope["path"].startswith(("/api/", "/runbooks")):
            try:
                require(Request(scope), accounts.web, accounts.admin)
            except RollbackError as error:
                app = await handle(Request(scope), error)
        await app(scope, receive, send)
