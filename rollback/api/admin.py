"""The described interface: what was decided, what is deployed, what happened."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from rollback.api.models import DeploymentBody, FinishBody, PreviewBody
from rollback.domain.deployment import NewDeployment, Outcome
from rollback.domain.errors import Undecodable
from rollback.service.desk import Desk

Limit = Annotated[int, Query(ge=1, le=1000)]
Service = Annotated[str | None, Query(max_length=63)]
Json = dict[str, Any]


def router(desk: Desk, dependencies: list[Any], finished: Callable[[], None]) -> APIRouter:
    """The admin routes. They are `def`: reads and writes wait for the disk in the thread pool."""
    routes = APIRouter(prefix="/api/admin/rollback", dependencies=dependencies)
    _add_status(routes, desk)
    _add_records(routes, desk)
    _add_deployments(routes, desk, finished)
    return routes


def _add_status(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/status")
    def status() -> Json:
        """What is live, known good and under way, per service."""
        return desk.status()

    @routes.post("/test", openapi_extra=_form_or_json(PreviewBody))
    async def test(request: Request) -> JSONResponse:
        """What would be decided if such an alert arrived now. Changes nothing."""
        body = await _preview(request)
        found = await run_in_threadpool(desk.preview, body.alert_name, body.service, body.trigger)
        return JSONResponse(found)

    @routes.get("/ledger")
    def ledger(after: Annotated[int, Query(ge=0)] = 0, limit: Limit = 200) -> Json:
        """The history after an entry, oldest first."""
        return {"entries": desk.ledger(after, limit)}


def _add_records(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/decisions")
    def decisions(service: Service = None, limit: Limit = 50) -> Json:
        """The latest decisions, newest first."""
        return {"decisions": desk.decisions(service, limit)}

    @routes.get("/decisions/{decision_id}")
    def decision(decision_id: int) -> Json:
        """One decision with every guard's answer and the evidence it saw."""
        return desk.decision(decision_id)

    @routes.get("/rollbacks")
    def rollbacks(service: Service = None, limit: Limit = 50) -> Json:
        """The latest rollbacks, newest first."""
        return {"rollbacks": desk.rollbacks(service, limit)}

    @routes.get("/rollbacks/{rollback_id}")
    def rollback(rollback_id: int) -> Json:
        """One rollback with its steps and its verification."""
        return desk.rollback(rollback_id)


def _add_deployments(routes: APIRouter, desk: Desk, finished: Callable[[], None]) -> None:
    @routes.get("/deployments")
    def deployments(service: Service = None, limit: Limit = 50) -> Json:
        """The latest deployments, newest first."""
        return {"deployments": desk.deployments(service, limit)}

    @routes.post("/deployments", status_code=201)
    def start(body: DeploymentBody) -> Json:
        """Register a deployment before it touches the first host; 409 with a reason when it must not."""
        return desk.start_deployment(
            NewDeployment(**{**body.model_dump(), "env": "production", "hosts": tuple(body.hosts)})
        )

    @routes.post("/deployments/{deployment_id}/finish")
    def finish(deployment_id: int, body: FinishBody) -> Json:
        """Say how it ended; `live` makes its version the live one."""
        found = desk.finish_deployment(deployment_id, Outcome(body.outcome), body.detail)
        finished()
        return found


async def _preview(request: Request) -> PreviewBody:
    """The body as JSON or as a form, whichever it is."""
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            return PreviewBody.model_validate(await request.json())
        return PreviewBody.model_validate(dict(await request.form()))
    except (ValidationError, ValueError) as error:
        raise Undecodable(f"Expected alert_name and optionally service and trigger: {error}") from error


def _form_or_json(model: type[PreviewBody]) -> Json:
    schema = model.model_json_schema()
    kinds = ("application/x-www-form-urlencoded", "application/json")
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}
