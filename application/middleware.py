"""Count and time the requests that users make."""

import time
from collections.abc import Iterable, Sequence

from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import UNMATCHED, Metrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """ASGI middleware that counts each request once, by route template and exact status, and
    those that wait for their answer.

    Probes and scrapes (/health/*, /metrics) are not counted: in the lab they come several times a second,
    always succeed, and would make the error ratio of a quiet service look small. No answer counts as a 500.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, routes: Sequence[Route]) -> None:
        self.app = app
        self.metrics = metrics
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_probe(scope["path"]):
            await self.app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        path = template(scope, self.routes)
        status = 500
        recorded = False
        started = time.perf_counter()

        def record(status: int) -> None:
            nonlocal recorded
            if not recorded:
                self.metrics.requests.labels(method, path, str(status)).inc()
                self.metrics.duration.labels(method, path).observe(time.perf_counter() - started)
            recorded = True

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif not message.get("more_body"):
                record(status)  # before the client has it: who saw the answer finds it counted
            await send(message)

        try:
            with self.metrics.in_progress.labels(method, path).track_inprogress():
                await self.app(scope, receive, watch)
        finally:
            record(500)


def is_probe(path: str) -> bool:
    """Whether the request comes from monitoring rather than from a user."""
    return path == "/metrics" or path.startswith("/health/")


def template(scope: Scope, routes: Sequence[Route]) -> str:
    """Return the template of the route that will take the request, such as `/api/users/{user_id}`.

    Routing has not happened yet: a request that waits has its path from the beginning.
    """
    best = max(routes, key=lambda route: route.matches(scope)[0].value)
    return best.path if best.matches(scope)[0] is not Match.NONE else UNMATCHED


def declare_routes(metrics: Metrics, routes: Iterable[Route]) -> None:
    """Make the series of every counted route exist at 0."""
    for route in routes:
        if not is_probe(route.path):
            success = getattr(route, "status_code", None) or 200
            refusals = [int(status) for status in getattr(route, "responses", {})]
            for method in route.methods or ():
                metrics.declare_route(method, route.path, (success, *refusals, 500))
