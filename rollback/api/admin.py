"""The described interface for reading: what was decided, what is deployed, what happened."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from rollback.api.models import PreviewBody
from rollback.domain.errors import Undecodable
from rollback.service.desk import Desk

LARGEST = 2**63 - 1
"""The largest number that the database knows."""
Limit = Annotated[int, Query(ge=1, le=1000)]
Service = Annotated[str | None, Query(max_length=63)]
Number = Annotated[int, Path(ge=1, le=LARGEST)]
Json = dict[str, Any]


def add_reading(routes: APIRouter, desk: Desk) -> None:
    """The routes that change nothing. They are `def`: reads wait for the disk in the thread pool."""
    _add_status(routes, desk)
    _add_records(routes, desk)
    _add_control(routes, desk)


def _add_status(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/status")
    def status() -> Json:
        """What is live, what is under way, what is open, and what would happen now, per service."""
        return desk.status()

    @routes.post("/test", openapi_extra=_form_or_json(PreviewBody))
    async def test(request: Request) -> JSONResponse:
        """What would be decided if such an alert arrived now. Changes nothing."""
        body = await _preview(request)
        found = await run_in_threadpool(desk.preview, body.alert_name, body.service, body.trigger)
        return JSONResponse(found)

    @routes.get("/ledger")
    def ledger(after: Annotated[int, Query(ge=0, le=LARGEST)] = 0, limit: Limit = 200) -> Json:
        """The history after an entry, oldest first."""
        return {"entries": desk.ledger(after, limit)}


def _add_records(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/decisions")
    def decisions(service: Service = None, limit: Limit = 50) -> Json:
        """The latest decisions, newest first."""
        return {"decisions": desk.decisions(service, limit)}

    @routes.get("/decisions/{decision_id}")
    def decision(decision_id: Number) -> Json:
        """One decision with every guard's answer and the evidence it saw."""
        return desk.decision(decision_id)

    @routes.get("/rollbacks")
    def rollbacks(service: Service = None, limit: Limit = 50) -> Json:
        """The latest rollbacks, newest first."""
        return {"rollbacks": desk.rollbacks(service, limit)}

    @routes.get("/rollbacks/{rollback_id}")
    def rollback(rollback_id: Number) -> Json:
        """One rollback with its steps, each host's end, its verification and the time of each stage."""
        return desk.rollback(rollback_id)

    @routes.get("/deployments")
    def deployments(service: Service = None, limit: Limit = 50) -> Json:
        """The latest deployments, newest first."""
        return {"deployments": desk.deployments(service, limit)}


def _add_control(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/proposals")
    def proposals(limit: Limit = 50) -> Json:
        """The latest proposals, newest first, each with its decision."""
        return {"proposals": desk.proposals(limit)}

    @routes.get("/freezes")
    def freezes() -> Json:
        """The freezes that hold now."""
        return {"freezes": desk.freezes()}


async def _preview(request: Request) -> PreviewBody:
    """The body as JSON or as a form, whichever it is."""
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            return PreviewBody.model_validate(await request.json())
        return PreviewBody.model_validate(dict(await request.form()))
    except (ValidationError, ValueError, RecursionError) as error:
        raise Undecodable(f"Expected alert_name and optionally service and trigger: {error}") from error


def _form_or_json(model: type[PreviewBody]) -> Json:
    schema = model.model_json_schema()
    kinds = ("application/x-www-form-urlencoded", "application/json")
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}
