"""The hot route: authenticate, read, store durably, answer. Nothing acts inside the request."""

import asyncio
from collections.abc import Callable

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rollback.api.auth import Accounts, require
from rollback.api.payload import read
from rollback.api.problems import answer
from rollback.domain.alert import Source
from rollback.domain.errors import BodyTooLarge, RollbackError, StoreUnavailable
from rollback.service.intake import Intake

PATH = "/api/admin/rollback/trigger"
LOG = structlog.get_logger("rollback.webhook")
COMMIT_SECONDS = 8.0
"""Longer than the database waits for a lock, shorter than Alertmanager waits for an answer."""


class Trigger:
    """`POST /api/admin/rollback/trigger`: 202 after the commit, 503 whenever that cannot be had now."""

    def __init__(
        self,
        intake: Intake,
        accounts: Callable[[], Accounts],
        body_limit: Callable[[], int],
        counted: Callable[[int], None],
        received: Callable[[], None],
    ) -> None:
        self._intake, self._accounts, self._body_limit = intake, accounts, body_limit
        self._counted, self._received = counted, received

    async def answer(self, request: Request) -> Response:
        """Answer one delivery and count its status code."""
        try:
            response = await self._receive(request)
        except RollbackError as error:
            LOG.warning("webhook_refused", error=str(error), kind=type(error).__name__)
            response = answer(error)
        self._counted(response.status_code)
        return response

    async def _receive(self, request: Request) -> Response:
        require(request, self._accounts().webhook)
        whole = await body_of(request, self._body_limit())
        receiver, alerts, quarantined = await asyncio.to_thread(read, whole)
        future = asyncio.wrap_future(self._intake.receive(Source.WEBHOOK, alerts, quarantined, receiver))
        try:
            receipt = await asyncio.wait_for(asyncio.shield(future), COMMIT_SECONDS)
        except TimeoutError as error:
            raise StoreUnavailable("The database has not stored this in time.") from error
        if quarantined:
            LOG.warning("alerts_quarantined", count=len(quarantined), problem=quarantined[0].problem)
        if receipt.accepted:
            self._received()
            LOG.info("webhook_stored", accepted=receipt.accepted, duplicates=receipt.duplicates)
        body = {
            "accepted": receipt.accepted,
            "duplicates": receipt.duplicates,
            "quarantined": receipt.quarantined,
        }
        return JSONResponse(body, status_code=202)


async def body_of(request: Request, limit: int) -> bytes:
    """The whole body, given up as soon as it is over the limit."""
    too_large = BodyTooLarge(f"The body is over {limit} bytes (setting body_limit).")
    if int(request.headers.get("content-length") or 0) > limit:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large
    return bytes(body)
