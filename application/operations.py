"""What the deployment, Prometheus and people on call ask."""

import base64
import hmac
import os

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from .api import Parts
from .exposition import exposition
from .settings import SUPERVISOR

router = APIRouter()


@router.get("/health/live")
async def live(service: Parts) -> dict[str, str]:
    """Say that the process answers, and nothing about what it depends on."""
    return {"status": "alive", "version": service.settings.version}


@router.get("/health/ready")
async def ready(service: Parts) -> JSONResponse:
    """Answer 200 when every component works in this worker, 503 with the reason otherwise."""
    components = {
        name: {"health": found.health, "response_time_ms": round(found.milliseconds, 3), "error": found.error}
        for name, found in service.health.last.items()
    }
    status = "ready" if service.health.ready else "not_ready"
    body = {"status": status, "version": service.settings.version, "components": components}
    return JSONResponse(body, 200 if service.health.ready else 503)


@router.get("/version")
async def version(service: Parts) -> dict[str, object]:
    """Say which release this is."""
    return {"name": "mita-backend", "version": service.settings.version}


@router.get("/metrics")
async def metrics(request: Request, service: Parts) -> Response:
    """Return the series of all workers."""
    require_credentials(service.settings.metrics_credentials, request.headers.get("authorization", ""))
    text = exposition(service.settings.metrics_dir, int(os.environ[SUPERVISOR]))
    for fault in service.settings.faults:
        text = fault.exposition(text)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def require_credentials(expected: str, header: str) -> None:
    """Let a scrape pass when it brings the expected USER:PASSWORD, or when none is expected."""
    wanted = "Basic " + base64.b64encode(expected.encode()).decode()
    if expected and not hmac.compare_digest(wanted.encode(), header.encode()):
        raise HTTPException(
            401, "expected basic authentication", {"WWW-Authenticate": 'Basic realm="metrics"'}
        )
