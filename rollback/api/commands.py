"""The described interface for acting: deployments tell, people command."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import JSONResponse

from rollback.api.admin import Number
from rollback.api.models import (
    By,
    DeploymentBody,
    FinishBody,
    FreezeBody,
    MarkBody,
    Name,
    PersonBody,
    RollbackBody,
    Version,
)
from rollback.domain.control import EVERYTHING
from rollback.domain.deployment import NewDeployment, Outcome
from rollback.service.asking import FreezeWish, People
from rollback.service.registering import Registry
from rollback.service.returning import Returner, Wish

Json = dict[str, Any]
Kick = Callable[[], None]
ALL = "_all"
"""What stands in an address for a freeze of all services."""


def add_deployments(routes: APIRouter, registry: Registry, kick: Kick) -> None:
    """Deployment playbooks tell what they do."""

    @routes.post("/deployments", status_code=201)
    def start(body: DeploymentBody) -> Json:
        """Register a deployment before it touches the first host; 409 with a reason when it must not."""
        given = body.model_dump(exclude={"environment", "hosts"})
        env = registry.environment(body.environment)
        return registry.start(NewDeployment(**given, env=env, hosts=tuple(body.hosts)))

    @routes.post("/deployments/{deployment_id}/finish")
    def finish(deployment_id: Number, body: FinishBody) -> Json:
        """Say how it ended; `live` makes its version the live one."""
        found = registry.finish(deployment_id, Outcome(body.outcome), body.detail)
        kick()
        return found


def add_rollbacks(
    routes: APIRouter, registry: Registry, returner: Returner, people: People, kick: Kick
) -> None:
    """People roll back, and take over what a rollback left open."""

    @routes.post("/rollbacks", status_code=201, responses={200: {"description": "dry_run: the plan alone"}})
    def roll_back(body: RollbackBody) -> JSONResponse:
        """Go back to an earlier release, or with dry_run say what that would do; 409 says what is known."""
        given = body.model_dump(exclude={"environment", "dry_run"})
        wish = Wish(**given, env=registry.environment(body.environment))
        found = returner.ask(wish, dry_run=body.dry_run)
        kick()
        return JSONResponse(found, status_code=200 if body.dry_run else 201)

    @routes.post("/rollbacks/{rollback_id}/acknowledge")
    def acknowledge(rollback_id: Number, body: PersonBody) -> Json:
        """Take over what the rollback left open: it no longer pages."""
        return people.acknowledge(rollback_id, body.by, body.note)


def add_control(routes: APIRouter, people: People, kick: Kick) -> None:
    """People answer proposals, freeze, close breakers and judge releases."""

    @routes.post("/proposals/{decision_id}/approve", status_code=201)
    def approve(decision_id: Number, body: PersonBody) -> Json:
        """Start the proposed rollback; 409 when the facts have moved or somebody answered already."""
        found = people.approve(decision_id, body.by, body.note)
        kick()
        return found

    @routes.post("/proposals/{decision_id}/reject")
    def reject(decision_id: Number, body: PersonBody) -> Json:
        """Refuse the proposed rollback: its deployment is not proposed again."""
        return people.reject(decision_id, body.by, body.note)

    @routes.post("/freezes", status_code=201)
    def freeze(body: FreezeBody) -> Json:
        """Stop automatic rollbacks of one service, or of all, for a while."""
        wish = FreezeWish(
            service=body.service, reason=body.reason, by=body.by, until=body.until, lasting=body.lasting
        )
        return people.freeze(wish)

    @routes.delete("/freezes/{service}")
    def unfreeze(
        service: Annotated[str, Path(pattern=r"^(_all|[A-Za-z0-9][A-Za-z0-9._-]{0,62})$")],
        by: Annotated[By, Query()],
    ) -> Json:
        """End the freeze of the service; `_all` means the one of all services."""
        found = people.unfreeze(EVERYTHING if service == ALL else service, by)
        kick()
        return found

    @routes.post("/breakers/{service}/close")
    def close_breaker(service: Annotated[Name, Path()], body: PersonBody) -> Json:
        """Let automatic rollbacks of the service happen again."""
        found = people.close_breaker(service, body.by, body.note)
        kick()
        return found

    @routes.post("/releases/{service}/{version}/mark")
    def mark(service: Annotated[Name, Path()], version: Annotated[Version, Path()], body: MarkBody) -> Json:
        """Say by a person's word that a release is good or bad."""
        return people.mark(service, version, body.meant, body.by, body.note)
