"""The HTTP server: an own listening socket, signals left to the daemon."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from rollback.domain.errors import SettingsInvalid

BACKLOG = 1024
GRACEFUL_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
"""Longer than Alertmanager keeps an idle connection, so that it is never closed under a delivery."""
HEAD_SECONDS = 10.0
"""Longer than any client needs to say what it wants; who says nothing only holds a place."""


class Impatient(H11Protocol):
    """Closes connections on which no whole request arrives in time, at their start and later."""

    _expires: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Go on waiting until the bytes make a whole request head."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        super().connection_lost(exc)
        self._stop_waiting()

    def _wait(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._expires is None:
            self._expires = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._expires is not None:
            self._expires.cancel()
            self._expires = None


class Server(uvicorn.Server):
    """Uvicorn that says when it answers and leaves signals alone."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, then say so."""
        await super().startup(sockets)
        self._on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the daemon."""
        yield


def listen(address: str, port: int) -> socket.socket:
    """A listening socket, or SettingsInvalid with what is in the way."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise SettingsInvalid(f"cannot listen on {address} port {port}: {error}") from error


def make_server(
    application: FastAPI, context: ssl.SSLContext | None, on_started: Callable[[], None]
) -> Server:
    """A server for the application; it keeps no access log: what matters is logged where it happens."""
    config = uvicorn.Config(
        application,
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=Impatient,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        ssl_context_factory=None if context is None else lambda *_: context,
    )
    return Server(config, on_started)
