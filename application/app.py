"""Wire one worker process: settings, metrics, parts and routes."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from redis.exceptions import RedisError
from starlette.routing import Route

from . import api, operations
from .exposition import forget_dead_workers
from .metrics import Metrics
from .middleware import RequestMetrics, declare_routes
from .service import Service
from .settings import Settings

log = logging.getLogger("uvicorn.error")
BACKEND_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, RedisError, OSError, RuntimeError)


def create_app() -> FastAPI:
    """Return the application of one worker, configured by the environment."""
    settings = Settings.from_environment()
    forget_dead_workers(settings.metrics_dir)
    metrics = Metrics()
    metrics.declare(settings.version)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = Service(settings, metrics)
        app.state.service = service
        await service.start()
        yield
        await service.stop()

    app = FastAPI(title="mita-backend", version=settings.version, lifespan=lifespan, openapi_url=None)
    for router in (api.router, operations.router):
        app.include_router(router)
    routes = [route for route in (*api.router.routes, *operations.router.routes) if isinstance(route, Route)]
    declare_routes(metrics, routes)
    app.add_middleware(RequestMetrics, metrics=metrics, routes=routes)
    for error in BACKEND_ERRORS:
        app.add_exception_handler(error, backend_failed)
    return app


async def backend_failed(request: Request, error: Exception) -> JSONResponse:
    """Answer 500 and log one line: a traceback per request helps nobody while a database is down."""
    log.warning("%s %s failed: %s: %s", request.method, request.url.path, type(error).__name__, error)
    return JSONResponse({"detail": f"{type(error).__name__}; see the log of mita-backend"}, 500)
