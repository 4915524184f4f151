"""Errors as HTTP answers; a test walks the whole tree of rollback/domain/errors.py."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rollback.domain.errors import (
    BadRequest,
    Blind,
    BodyTooLarge,
    ConcurrentChange,
    DeploymentClosed,
    IllegalTransition,
    NotFound,
    Refused,
    RollbackError,
    RollbackInProgress,
    SettingsInvalid,
    Unauthorized,
    Unavailable,
    VersionRejected,
)

STATUSES: dict[type[RollbackError], int] = {
    NotFound: 404,
    Refused: 409,
    Unauthorized: 401,
    BodyTooLarge: 413,
    BadRequest: 400,
    Unavailable: 503,  # Alertmanager repeats only after a 5xx
    Blind: 503,
    ConcurrentChange: 503,
    IllegalTransition: 500,
    SettingsInvalid: 500,
    RollbackError: 500,
}
REASONS: dict[type[RollbackError], str] = {
    RollbackInProgress: "rollback_in_progress",
    VersionRejected: "version_rejected",
    DeploymentClosed: "deployment_closed",
}


def status_of(error: RollbackError) -> int:
    """The HTTP status of the error: that of its nearest ancestor in the table."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def answer(error: RollbackError) -> Response:
    """The error as JSON, with what a program needs to react."""
    status = status_of(error)
    body = {"error": str(error)}
    if reason := REASONS.get(type(error)):
        body["reason"] = reason
    headers = {401: {"WWW-Authenticate": 'Basic realm="mita-rollback"'}, 503: {"Retry-After": "1"}}
    return JSONResponse(body, status_code=status, headers=headers.get(status))


async def handle(_: Request, error: Exception) -> Response:
    """Starlette's hook for everything that the daemon raises on purpose."""
    assert isinstance(error, RollbackError)
    return answer(error)
