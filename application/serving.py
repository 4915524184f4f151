"""Workers on a socket that outlives them, and a goodbye that loses no request.

The host hands the listening socket over, and systemd gives it to the next process too: what connects
meanwhile waits in it. A worker that is asked to end accepts nothing any more, answers what still comes on the
connections that it has with `Connection: close`, and ends once they are gone or have been silent for a while.
"""

import asyncio
import fcntl
import os
import socket
import struct
import termios
import time
from typing import Any

import uvicorn
from uvicorn.supervisors import multiprocess

from . import systemd
from .settings import Settings

SILENCE_ENV = "MITA_DRAIN_SECONDS"
POLL_S = 0.02
LONGEST_GOODBYE_S = 1.0
WORKERS_LOOKED_AFTER_S = 0.5
CLOSE = (b"connection", b"close")


class DrainingServer(uvicorn.Server):
    """A worker's server that says goodbye to its clients before it ends."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let every client go, then end as uvicorn does, which waits for what is in flight."""
        for listener in self.servers:
            listener.close()
        self.server_state.default_headers.append(CLOSE)
        silent = time.monotonic() + float(os.environ.get(SILENCE_ENV) or 0)
        while self.server_state.connections and time.monotonic() < silent:
            await asyncio.sleep(POLL_S)
        while leaving := [found for found in self.server_state.connections if is_idle(found)]:
            if time.monotonic() > silent + LONGEST_GOODBYE_S:
                break
            for connection in leaving:
                if not has_unread(connection.transport):  # else a request is there: it is answered first
                    connection.shutdown()
            await asyncio.sleep(0)
        await super().shutdown(sockets)


class DrainingProcess(multiprocess.Process):
    """A worker process with such a server."""

    @property
    def server(self) -> uvicorn.Server:
        """The worker's server, made in the worker."""
        if self._server is None:
            self._server = DrainingServer(config=self.config)
        return self._server


class Supervisor(multiprocess.Multiprocess):
    """Replaces workers that died, and hears a signal at once: that time is part of every restart."""

    def run(self) -> None:
        """Supervise until a signal says that it is over, then wait for every worker."""
        self.init_processes()
        looked = time.monotonic()
        while not self.should_exit.wait(POLL_S):
            self.handle_signals()
            if time.monotonic() - looked >= WORKERS_LOOKED_AFTER_S:
                self.keep_subprocess_alive()
                looked = time.monotonic()
        self.terminate_all()
        self.join_all()


def serve(settings: Settings, application: str) -> None:
    """Serve until SIGTERM, in one process or under a supervisor that replaces workers."""
    config = uvicorn.Config(
        application,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.in_flight_seconds,
        timeout_worker_healthcheck=30,  # on a host out of CPU, killing a slow worker makes it worse
    )
    os.environ[SILENCE_ENV] = str(settings.drain_seconds)  # workers are processes of their own
    listener = listening_socket(config)
    if settings.workers > 1:
        multiprocess.Process = DrainingProcess  # type: ignore[misc]
        Supervisor(config, sockets=[listener]).run()
    else:
        DrainingServer(config).run(sockets=[listener])


def listening_socket(config: uvicorn.Config) -> socket.socket:
    """Return the socket that the host handed over, or a new one where this does not run on a host."""
    handed_over = systemd.inherited_socket()
    if handed_over is not None:
        return handed_over
    fresh = config.bind_socket()
    fresh.listen(config.backlog)
    return fresh


def is_idle(connection: Any) -> bool:
    """Whether the connection is between two requests: nothing is in flight and none has begun to arrive."""
    cycle, closing = connection.cycle, connection.transport.is_closing()
    answered = cycle is None or cycle.response_complete
    begun = connection.scope is not (cycle.scope if cycle else None)
    return bool(answered and not begun and not closing)


def has_unread(transport: Any) -> bool:
    """Whether bytes have arrived that nobody has read yet."""
    handle = transport.get_extra_info("socket").fileno()
    waiting: bytes = fcntl.ioctl(handle, termios.FIONREAD, struct.pack("i", 0))
    (count,) = struct.unpack("i", waiting)
    return bool(count > 0)
