"""The HTTP side: the services to send to, and the control API that tests and `harness demo` read."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .behaviour import Behaviours, UnknownBehaviourError
from .heartbeats import PATH, DeadMan
from .limits import Limit, limited
from .open_pages import OpenPages
from .pagerduty_rest import NAME as REST
from .pagerduty_rest import PATH as REST_PATH
from .pagerduty_rest import Account
from .received import Answer, Store
from .settings import Settings
from .stand_ins import HTTP, PAGER, SLACK


def _reply(answer: Answer) -> Response:
    kind = JSONResponse if isinstance(answer.body, dict) else PlainTextResponse
    return kind(answer.body, status_code=answer.status, headers=dict(answer.headers))


class Services:
    """What senders see. Each request is recorded, the refused ones too."""

    def __init__(self, settings: Settings, store: Store, behaviours: Behaviours, pages: OpenPages) -> None:
        self._settings = settings
        self._pages = pages
        self._store = store
        self._behaviours = behaviours
        self._limit = Limit(settings.slack_per_second)
        self._account = Account(settings.credentials.get(REST) or {})

    def routes(self) -> list[Route]:
        """One address for each service that is spoken to over HTTP."""
        rest = Route(REST_PATH, self._policies, methods=["GET", "POST", "PUT"])
        return [
            *(Route(service.PATH, self._taker(name), methods=["POST"]) for name, service in HTTP.items()),
            rest,
        ]

    async def _policies(self, request: Request) -> Response:
        now, path = asyncio.get_running_loop().time(), str(request.path_params["path"])
        headers, raw = dict(request.headers), await request.body()
        answer, body = self._account.answer(request.method, path, request.query_params, headers, raw, now)
        self._store.add(REST, answer, body, headers)
        return _reply(answer)

    def _taker(self, receiver: str) -> Callable[[Request], Awaitable[Response]]:
        async def take(request: Request) -> Response:
            raw, place = await request.body(), str(request.path_params.get("place", ""))
            answer, body = HTTP[receiver].answer(raw, place, self._settings.credentials.get(receiver))
            if receiver == SLACK and (
                wait := self._limit.retry_after(place, asyncio.get_running_loop().time())
            ):
                answer = limited(answer, wait, self._limit.per_second)
            if forced := await self._behaviours.status_for(receiver):
                answer = Answer(
                    status=forced, body="forced by the switch", problems=answer.problems, facts=answer.facts
                )
            if receiver == PAGER:
                self._pages.take(answer, body)
            self._store.add(receiver, answer, body, dict(request.headers))
            return _reply(answer)

        return take


class Hearts:
    """The dead-man switch, which is asked to look all the time: nobody posts to say that nobody posts."""

    LOOKS_EVERY_S = 0.2

    def __init__(self, dead_man: DeadMan, behaviours: Behaviours) -> None:
        self._dead_man, self._behaviours = dead_man, behaviours

    async def beat(self, request: Request) -> Response:
        """Take a heartbeat, unless the switch says that it is refused."""
        if forced := await self._behaviours.status_for(DeadMan.NAME):
            return PlainTextResponse("forced by the switch", status_code=forced)
        return _reply(self._dead_man.beat(str(request.path_params["place"]), self._now()))

    async def show(self, _request: Request) -> Response:
        """Show every heart."""
        self._dead_man.look(self._now())
        return JSONResponse(self._dead_man.as_json(self._now()))

    @asynccontextmanager
    async def watched(self, _app: Starlette) -> AsyncIterator[None]:
        """Look as long as the application serves."""
        watch = asyncio.create_task(self._watch())
        yield
        watch.cancel()

    async def _watch(self) -> None:
        while True:
            self._dead_man.look(self._now())
            await asyncio.sleep(self.LOOKS_EVERY_S)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class Control:
    """What tests see."""

    def __init__(self, store: Store, behaviours: Behaviours, pages: OpenPages) -> None:
        self._store = store
        self._pages = pages
        self._behaviours = behaviours

    async def requests(self, request: Request) -> Response:
        """List what was received after a sequence number."""
        try:
            after = int(request.query_params.get("after", "0"))
        except ValueError:
            return JSONResponse({"error": "expected after to be a sequence number"}, status_code=400)
        records = self._store.after(after, request.query_params.get("receiver"))
        return JSONResponse({"requests": [r.as_json() for r in records]})

    async def open_pages(self, _request: Request) -> Response:
        """List what was triggered and never resolved, also before a reset."""
        return JSONResponse({"open": self._pages.as_json()})

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
    pages = OpenPages()
    services = Services(settings, store, behaviours, pages)
    control = Control(store, behaviours, pages)
    hearts = Hearts(DeadMan(settings.dead_man, store), behaviours)
    return Starlette(
        lifespan=hearts.watched,
        routes=[
            *services.routes(),
            Route(PATH, hearts.beat, methods=["POST"]),
            Route("/hearts", hearts.show),
            Route("/requests", control.requests),
            Route("/open-pages", control.open_pages),
            Route("/reset", control.reset, methods=["POST"]),
            Route("/behaviour", control.behaviour, methods=["POST"]),
            Route("/health", control.health),
        ],
    )
