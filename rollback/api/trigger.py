"""The hot route: read, store durably, answer. Nothing acts inside the request."""

import asyncio
from collections.abc import Callable

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rollback.api.payload import read
from rollback.api.problems import answer
from rollback.domain.alert import Source
from rollback.domain.errors import RollbackError, StoreUnavailable
from rollback.service.intake import Intake

LOG = structlog.get_logger("rollback.webhook")
COMMIT_SECONDS = 8.0
"""Longer than the database waits for a lock, shorter than Alertmanager waits for an answer."""


class Trigger:
    """`POST /api/admin/rollback/trigger`: 202 after the commit, 503 whenever that cannot be had now."""

    def __init__(self, intake: Intake, received: Callable[[], None]) -> None:
        self._intake, self._received = intake, received

    async def answer(self, request: Request) -> Response:
        """Answer one delivery."""
        try:
            return await self._receive(await request.body())
        except RollbackError as error:
            LOG.warning("webhook_refused", error=str(error), kind=type(error).__name__)
            return answer(error)

    async def _receive(self, whole: bytes) -> Response:
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
