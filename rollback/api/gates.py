"""What stands before every route: who asks is settled before a byte of the body is read."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rollback.api.auth import Accounts, require
from rollback.api.problems import answer
from rollback.api.trigger import PATH, body_of
from rollback.domain.errors import RollbackError

ADMIN = "/api/"
OPEN = "/runbooks"


class Gate:
    """Asks for the admin account under /api/, and elsewhere for the web account once one is configured.

    The trigger asks for its own account itself, and runbooks are open. A body is read whole here, up to the
    limit: the framework would read it before it asks who sends it.
    """

    def __init__(self, app: ASGIApp, accounts: Callable[[], Accounts], body_limit: Callable[[], int]) -> None:
        self._app, self._accounts, self._body_limit = app, accounts, body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer why not."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path == PATH or path.startswith(OPEN):
            await self._app(scope, receive, send)
            return
        try:
            passed = await self._admitted(Request(scope, receive), receive)
        except RollbackError as error:
            await answer(error)(scope, receive, send)
            return
        await self._app(scope, passed, send)

    async def _admitted(self, request: Request, receive: Receive) -> Receive:
        accounts = self._accounts()
        if request.url.path.startswith(ADMIN):
            require(request, accounts.admin)
            return _again(await body_of(request, self._body_limit()), receive)
        if accounts.web:
            require(request, accounts.web, accounts.admin)
        return receive


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more; after it what the connection says, such as that the client went away."""
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
