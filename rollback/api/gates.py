"""What stands before every route: who asks is settled first, then how large the body is, then the rest."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollback import __version__
from rollback.api.auth import Accounts, StatusFor, is_bare, require
from rollback.api.problems import answer
from rollback.api.strangers import Strangers
from rollback.domain.acting import ACCOUNT
from rollback.domain.errors import (
    BodyTooLarge,
    Forbidden,
    RollbackError,
    TooManyAttempts,
    Unauthorized,
    Unavailable,
)

LOG = structlog.get_logger("rollback.door")
ADMIN = "/api/"
ROOT = "/api/admin/rollback"
TRIGGER = f"{ROOT}/trigger"
STATUS, TEST = f"{ROOT}/status", f"{ROOT}/test"
FRONT, RUNBOOKS = "/", "/runbooks"
BODY_SECONDS = 30.0
"""Longer than a whole delivery needs to arrive over any network that can be worked with."""


class Door(StrEnum):
    """Which way in a request took."""

    WEBHOOK = "webhook"
    ADMIN = "admin"
    OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Where the gate looks things up, and whom it tells; what a reload may change is asked for."""

    accounts: Callable[[], Accounts]
    body_limit: Callable[[], int]
    now: Callable[[], float]
    counted: Callable[[str, int], None]
    deprecated: Callable[[], None]


class Gate:
    """One gate before every route; what it does not let pass, it answers.

    The trigger is for the webhook's account alone, everything else under /api/ for the administrator's; the
    reader may read there. Other addresses are open until a web account is configured, runbooks and the front
    page always.
    """

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        self._app, self._watch, self._strangers = app, watch, Strangers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer why not; either answer is counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        door, begun = door_of(scope["path"]), False

        async def counting(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and not begun:
                begun = True
                self._watch.counted(door, message["status"])
            await send(message)

        try:
            await self._pass(door, Request(scope, receive), counting)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception:
            LOG.exception("request_failed", door=door, method=scope["method"])
            if begun:
                raise
            # A fault of ours, and no reason to give an alert up: Alertmanager repeats after a 503.
            failed = Unavailable("The daemon could not answer this; its journal says why.")
            await answer(failed)(scope, receive, counting)

    async def _pass(self, door: Door, request: Request, send: Send) -> None:
        scope, receive = request.scope, request.receive
        try:
            refused = self._enter(door, request)
            if refused is not None:
                await refused(scope, receive, send)
                return
            receive = await self._carried_in(door, request)
        except RollbackError as error:
            await answer(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _enter(self, door: Door, request: Request) -> Response | None:
        """Settle who it is; the answer when that is all there is to say."""
        accounts, authorization = self._watch.accounts(), request.headers.get("authorization", "")
        if request.scope["path"] == STATUS and request.method == "GET" and not authorization:
            if accounts.status is StatusFor.ALIVE:
                return JSONResponse({"status": "alive", "version": __version__})
            if accounts.status is StatusFor.FULL:
                return None
        try:
            ACCOUNT.set(self._account(door, request, accounts, authorization))
        except Unauthorized:
            if authorization and self._strangers.refused(_address(request), door):
                raise TooManyAttempts from None
            raise
        return None

    def _account(self, door: Door, request: Request, accounts: Accounts, authorization: str) -> str:
        """The name of the account that lets this request in, or Unauthorized, or Forbidden."""
        if door is Door.OPEN:
            path = request.scope["path"]
            if accounts.web is None or path == FRONT or path.startswith(RUNBOOKS):
                return ""
            return require(authorization, accounts.web, accounts.admin, accounts.reader).username
        if accounts.legacy and is_bare(authorization, accounts.webhook):
            if request.scope["path"] in (TRIGGER, TEST):
                self._watch.deprecated()
                LOG.warning("deprecated_login", address=_address(request), path=request.scope["path"])
                return accounts.webhook.username
            raise Unauthorized("The bare secret opens /trigger and /test alone.")
        if door is Door.WEBHOOK:
            return require(authorization, accounts.webhook).username
        account = require(authorization, accounts.admin, accounts.reader)
        if account is accounts.reader and not (request.method == "GET" or request.scope["path"] == TEST):
            raise Forbidden(f"The account {account.username} may only read.")
        return account.username

    async def _carried_in(self, door: Door, request: Request) -> Receive:
        """The request's body, read whole up to the limit: the framework would read it without one."""
        limit = self._watch.body_limit()
        _refuse_large(int(request.headers.get("content-length") or 0), limit)
        if door is Door.OPEN:
            return request.receive
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await body_of(request, limit)
        except TimeoutError as error:
            raise Unavailable(f"The body did not arrive within {BODY_SECONDS:.0f} seconds.") from error
        signature = self._watch.accounts().signature
        if door is Door.WEBHOOK and signature:
            try:
                signature.check(request.headers, body, self._watch.now())
            except Unauthorized:
                self._strangers.refused(_address(request), door)
                raise
        return _again(body, request.receive)


def door_of(path: str) -> Door:
    """The door that an address stands behind."""
    if path == TRIGGER:
        return Door.WEBHOOK
    return Door.ADMIN if path.startswith(ADMIN) else Door.OPEN


async def body_of(request: Request, limit: int) -> bytes:
    """The whole body, given up as soon as it is over the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _refuse_large(len(body), limit)
    return bytes(body)


def _refuse_large(size: int, limit: int) -> None:
    if size > limit:
        raise BodyTooLarge(f"The body is over {limit} bytes (setting body_limit).")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _again(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """The body once more; after it what the connection says, such as that the client went away."""
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
