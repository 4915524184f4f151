"""What /openapi.json says beside the routes: how they refuse, and which account opens them."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rollback.api.gates import STATUS, TEST
from rollback.api.models import Problem

OPERATOR, READER = "operator", "reader"
SCHEMES = {
    OPERATOR: "The account of `admin_username`: everything but posting alerts.",
    READER: "The account of `reader_username`, where there is one: reading, and /test.",
}
MEANINGS = {
    400: "The request is not what the route takes.",
    401: "The credentials are missing or wrong.",
    403: "The reader may only read.",
    404: "There is no such record.",
    409: "Understood and refused; `reason` is a word for it.",
    413: "The body is over the setting `body_limit`.",
    422: "A field does not fit its description.",
    429: "Too many wrong credentials from this address; the right ones always enter.",
    503: "Not possible now; ask again.",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text} for status, text in MEANINGS.items()
}


def describe(application: FastAPI) -> None:
    """Have the document name the accounts; it is made once, when somebody asks for it."""

    def document() -> dict[str, Any]:
        if not application.openapi_schema:
            application.openapi_schema = _with_accounts(
                get_openapi(title=application.title, version=application.version, routes=application.routes)
            )
        return application.openapi_schema

    application.openapi = document  # type: ignore[method-assign]


def _with_accounts(found: dict[str, Any]) -> dict[str, Any]:
    found["components"]["securitySchemes"] = {
        name: {"type": "http", "scheme": "basic", "description": text} for name, text in SCHEMES.items()
    }
    for path, ways in found["paths"].items():
        for method, operation in ways.items():
            reads = method == "get" or path == TEST
            operation["security"] = [{OPERATOR: []}, *([{READER: []}] if reads else [])]
            if path == STATUS:
                operation["security"].append({})  # see the setting status_without_credentials
    return found
