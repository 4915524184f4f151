"""The HTTP side: the services to send to, and the control API that tests and `harness demo` read."""

import json
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .behaviour import Behaviours, UnknownBehaviourError
from .received import Answer, Store
from .settings import Settings
from .stand_ins import HTTP


def _reply(answer: Answer) -> Response:
    if isinstance(answer.body, dict):
        return JSONResponse(answer.body, status_code=answer.status)
    return PlainTextResponse(answer.body, status_code=answer.status)


class Services:
    """What senders see. Each request is recorded, the refused ones too."""

    def __init__(self, settings: Settings, store: Store, behaviours: Behaviours) -> None:
        self._settings = settings
        self._store = store
        self._behaviours = behaviours

    def routes(self) -> list[Route]:
        """One address for each service that is spoken to over HTTP."""
        return [Route(service.PATH, self._taker(name), methods=["POST"]) for name, service in HTTP.items()]

    def _taker(self, receiver: str) -> Callable[[Request], Awaitable[Response]]:
        async def take(request: Request) -> Response:
            raw, place = await request.body(), str(request.path_params.get("place", ""))
            answer, body = HTTP[receiver].answer(raw, place, self._settings.credentials.get(receiver))
            if forced := await self._behaviours.status_for(receiver):
                answer = Answer(
                    status=forced, body="forced by the switch", problems=answer.problems, facts=answer.facts
                )
            self._store.add(receiver, answer, body, dict(request.headers))
            return _reply(answer)

        return take


class Control:
    """What tests see."""

    def __init__(self, store: Store, behaviours: Behaviours) -> None:
        self._store = store
        self._behaviours = behaviours

    async def requests(self, request: Request) -> Response:
        """List what was received after a sequence number."""
        try:
            after = int(request.query_params.get("after", "0"))
        except ValueError:
            return JSONResponse({"error": "expected after to be a sequence number"}, status_code=400)
        records = self._store.after(after, request.query_params.get("receiver"))
        return JSONResponse({"requests": [r.as_json() for r in records]})

    async def reset(self, _request: Request) -> Response:
        """Forget the records and let every receiver behave well."""
        self._behaviours.reset()
        return JSONResponse({"seq": self._store.clear()})

    async def behaviour(self, request: Request) -> Response:
        """Make one receiver misbehave, or behave again."""
        try:
            wanted = json.loads(await request.body())
            chosen = self._behaviours.choose(wanted if isinstance(wanted, dict) else {})
        except (UnknownBehaviourError, ValueError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"receiver": wanted["receiver"], "status": chosen.status, "delay": chosen.delay})

    async def health(self, _request: Request) -> Response:
        """Answer that the process serves."""
        return JSONResponse({"status": "ok"})


def build(settings: Settings, store: Store, behaviours: Behaviours) -> Starlette:
    """Return the application over *store*; the mail server shares it."""
    services, control = Services(settings, store, behaviours), Control(store, behaviours)
    return Starlette(
        routes=[
            *services.routes(),
            Route("/requests", control.requests),
            Route("/reset", control.reset, methods=["POST"]),
            Route("/behaviour", control.behaviour, methods=["POST"]),
            Route("/health", control.health),
        ]
    )
