"""The HTTP server: h11 on asyncio, whatever else is installed; signals are left to the daemon."""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from rollback.connections import Counts, Patient
from rollback.reception import Reception

GRACEFUL_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
"""Longer than Alertmanager keeps an idle connection, so that it is never closed under a delivery."""


class Server(uvicorn.Server):
    """Uvicorn with a reception of its own, which says when it answers and leaves signals alone."""

    def __init__(
        self,
        config: uvicorn.Config,
        tls: Callable[[], ssl.SSLContext | None],
        counts: Counts,
        on_started: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._tls, self._counts, self._on_started = tls, counts, on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, then say so."""
        await super().startup(sockets=[])  # uvicorn itself listens nowhere
        for listener in sockets or []:
            reception = Reception(listener, self._connection, self._tls, self._counts)
            self.servers.append(reception)  # type: ignore[arg-type]  # it is closed and waited for alike
        self._on_started()

    def _connection(self) -> Patient:
        return Patient(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the daemon."""
        yield


def make_server(
    application: FastAPI,
    tls: Callable[[], ssl.SSLContext | None],
    counts: Counts,
    on_started: Callable[[], None],
) -> Server:
    """A server for the application; it keeps no access log: what matters is logged where it happens."""
    config = uvicorn.Config(
        application,
        log_config=None,
        log_level="error",  # what anybody can send is counted, not logged
        access_log=False,
        lifespan="off",
        loop="asyncio",
        http=Patient,
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    return Server(config, tls, counts, on_started)
