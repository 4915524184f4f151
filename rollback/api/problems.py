"""Errors as HTTP answers; a test walks the whole tree of rollback/domain/errors.py."""

from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rollback.domain import wording
from rollback.domain.errors import (
    AlreadyAnswered,
    BadRequest,
    Blind,
    BodyTooLarge,
    ConcurrentChange,
    DeploymentClosed,
    DeploymentInProgress,
    FactsMoved,
    Forbidden,
    IllegalTransition,
    NotFound,
    NothingToRollBack,
    NotTaken,
    OtherEnvironment,
    Refused,
    ReleaseWasRestored,
    RollbackError,
    RollbackInProgress,
    SettingsInvalid,
    TooManyAttempts,
    Unauthorized,
    Unavailable,
    VersionRejected,
)

STATUSES: dict[type[RollbackError], int] = {
    NotFound: 404,
    Refused: 409,
    Unauthorized: 401,
    Forbidden: 403,
    TooManyAttempts: 429,
    BodyTooLarge: 413,
    BadRequest: 400,
    Unavailable: 503,  # Alertmanager repeats only after a 5xx
    Blind: 503,
    NotTaken: 503,
    ConcurrentChange: 503,
    IllegalTransition: 500,
    SettingsInvalid: 500,
    RollbackError: 500,
}
REASONS: dict[type[Refused], str] = {
    Refused: "refused",
    NotFound: "not_found",
    RollbackInProgress: "rollback_in_progress",
    DeploymentInProgress: "deployment_in_progress",
    VersionRejected: "version_rejected",
    OtherEnvironment: "other_environment",
    DeploymentClosed: "deployment_closed",
    NothingToRollBack: "nothing_to_roll_back",
    ReleaseWasRestored: "release_was_restored",
    AlreadyAnswered: "already_answered",
    FactsMoved: "facts_moved",
}
"""Total over what is refused: a program branches on the word, never on the sentence."""
HEADERS = {
    401: {"WWW-Authenticate": 'Basic realm="mita-rollback"'},
    429: {"Retry-After": "60"},
    503: {"Retry-After": "1"},
}
HELP = {
    404: "there is no such address; see /openapi.json",
    405: "this address does not take that method; see /openapi.json",
}


def status_of(error: RollbackError) -> int:
    """The HTTP status of the error: that of its nearest ancestor in the table."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def answer(error: RollbackError) -> Response:
    """The error as JSON, with what a program needs to react."""
    status = status_of(error)
    body: dict[str, Any] = {"error": str(error)}
    if isinstance(error, Refused):
        body["reason"] = REASONS[type(error)]
        if error.known:
            body["known"] = list(error.known)
    return JSONResponse(body, status_code=status, headers=HEADERS.get(status))


async def handle(_: Request, error: Exception) -> Response:
    """Starlette's hook for everything that the daemon raises on purpose."""
    assert isinstance(error, RollbackError)
    return answer(error)


async def handle_invalid(_: Request, error: Exception) -> Response:
    """A request that does not fit its description: each place, what was expected there."""
    assert isinstance(error, RequestValidationError)
    problems = [_problem(found) for found in error.errors()]
    return JSONResponse(
        {"error": "; ".join(problems) + ". The fields are described in /openapi.json.", "reason": "invalid"},
        status_code=422,
    )


async def handle_http(_: Request, error: Exception) -> Response:
    """What the framework refuses by itself, in the daemon's own form."""
    assert isinstance(error, HTTPException)
    text = HELP.get(error.status_code, str(error.detail))
    return JSONResponse({"error": text}, status_code=error.status_code, headers=error.headers)


def _problem(found: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in found["loc"][1:]) or str(found["loc"][0])
    if found["type"] == "extra_forbidden":
        return f"{where}: there is no such field"
    seen = found.get("input")
    plain = isinstance(seen, str | int | float) and found["type"] != "json_invalid"
    what = f", found {wording.cut(repr(seen))}" if plain else ""
    return f"{where}: {str(found['msg']).removeprefix('Value error, ')}{what}"
