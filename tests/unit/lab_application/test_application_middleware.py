"""Every answer is counted once, also the one that never came."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from application.metrics import Metrics
from application.middleware import RequestMetrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


async def answer_201(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b"})


async def break_down(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError


async def break_down_amid_the_answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError


async def be_cancelled(scope: Scope, receive: Receive, send: Send) -> None:
    raise asyncio.CancelledError


def request(registry: CollectorRegistry, app: object, path: str = "/x", method: str = "GET") -> list[Message]:
    """Send one request through the middleware and return what the client got, whatever happened."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        routes = [Route("/api/users/{user_id}", answer_201)]
        middleware = RequestMetrics(app, metrics=Metrics(registry), routes=routes)  # type: ignore[arg-type]
        try:
            await middleware({"type": "http", "path": path, "method": method}, receive, send)
        except (RuntimeError, asyncio.CancelledError):
            sent.append({"type": "raised"})

    asyncio.run(run())
    return sent


def counted(registry: CollectorRegistry, **labels: str) -> float:
    return registry.get_sample_value("http_requests_total", labels) or 0


def test_answer_is_counted_once_by_template_and_exact_status(registry: CollectorRegistry) -> None:
    request(registry, answer_201, path="/api/users/7")

    assert counted(registry, method="GET", path="/api/users/{user_id}", status="201") == 1


@pytest.mark.parametrize("app", [break_down, break_down_amid_the_answer, be_cancelled])
def test_answer_that_never_came_is_a_500_and_the_error_goes_on(
    registry: CollectorRegistry, app: object
) -> None:
    sent = request(registry, app)

    assert sent[-1] == {"type": "raised"}
    assert counted(registry, method="GET", path="unmatched", status="500") == 1
    assert registry.get_sample_value("http_requests_inprogress", {"method": "GET", "path": "unmatched"}) == 0


@pytest.mark.parametrize("path", ["/metrics", "/health/live", "/health/ready"])
def test_monitoring_is_not_counted(registry: CollectorRegistry, path: str) -> None:
    request(registry, answer_201, path=path)

    assert not [s for m in registry.collect() for s in m.samples if s.name == "http_requests_total"]
