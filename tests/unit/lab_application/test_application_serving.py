"""A worker that ends loses no request: it says goodbye, and the socket waits for the next one."""

import asyncio
import http.client
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from application import serving, systemd
from devtools.wait import until

SLOW = threading.Event()


async def application(scope: dict[str, object], receive: object, send: object) -> None:
    """Answer at once, or on /slow when the test says so."""
    while scope["path"] == "/slow" and not SLOW.is_set():
        await asyncio.sleep(0.01)
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"ok"})  # type: ignore[operator]


class Worker:
    """A worker on a socket that outlives it."""

    def __init__(self, listener: socket.socket) -> None:
        config = uvicorn.Config(application, lifespan="off", log_level="warning", timeout_graceful_shutdown=5)
        self.server = serving.DrainingServer(config)
        arguments = ([listener.dup()],)
        self.thread = threading.Thread(target=self.server.run, args=arguments)
        self.thread.start()
        until("the worker to serve", lambda: self.server.started, deadline_s=30, interval_s=0.01)

    def leave(self) -> None:
        """Ask it to end, and return once it takes no new connection."""
        self.server.should_exit = True
        until(
            "the worker to say goodbye",
            lambda: serving.CLOSE in self.server.server_state.default_headers,
            deadline_s=30,
            interval_s=0.005,
        )


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    SLOW.clear()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@contextmanager
def client(listener: socket.socket) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=10)
    yield connection
    connection.close()


def answer(connection: http.client.HTTPConnection) -> tuple[bytes, bool]:
    response = connection.getresponse()
    return response.read(), response.will_close


def test_clients_are_answered_and_let_go_and_new_ones_wait_for_the_next_worker(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(serving.SILENCE_ENV, "5")
    worker = Worker(listener)
    with client(listener) as idle, client(listener) as busy, client(listener) as late:
        idle.request("GET", "/")
        assert answer(idle) == (b"ok", False)
        busy.request("GET", "/slow")
        until("it to be in flight", lambda: worker.server.server_state.tasks, deadline_s=30, interval_s=0.01)

        worker.leave()
        late.request("GET", "/")
        idle.request("GET", "/")
        SLOW.set()

        assert answer(idle) == (b"ok", True)
        assert answer(busy)[0] == b"ok"
        busy.close()
        worker.thread.join(10)
        assert not worker.thread.is_alive()

        following = Worker(listener)
        assert answer(late) == (b"ok", False)
        late.close()
        following.leave()
        following.thread.join(10)


def test_silent_client_is_closed_after_a_while(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(serving.SILENCE_ENV, "0.05")
    worker = Worker(listener)
    with client(listener) as idle:
        idle.request("GET", "/")
        answer(idle)

        worker.leave()
        worker.thread.join(10)

        assert not worker.thread.is_alive()
        assert idle.sock.recv(1) == b""


def test_request_that_arrives_at_the_last_moment_is_answered(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(serving.SILENCE_ENV, "0")
    worker, asked = Worker(listener), list[bool]()
    with client(listener) as idle:
        idle.request("GET", "/")
        answer(idle)

        def has_unread(transport: object) -> bool:
            if not asked:
                idle.request("GET", "/")
            asked.append(True)
            return len(asked) == 1

        monkeypatch.setattr(serving, "has_unread", has_unread)
        worker.leave()

        assert answer(idle) == (b"ok", True)
        worker.thread.join(10)


class Transport:
    """A connection's transport, as much of it as is looked at."""

    def __init__(self, end: socket.socket, *, closing: bool = False) -> None:
        self.end, self.closing = end, closing

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        return self.end

    def is_closing(self) -> bool:
        return self.closing


def test_request_that_has_arrived_unread_is_seen() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not serving.has_unread(Transport(ours))
        theirs.send(b"GET")
        assert serving.has_unread(Transport(ours))


def test_where_none_is_handed_over_none_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTEN_PID", "LISTEN_FDNAMES"):
        monkeypatch.delenv(name, raising=False)

    assert systemd.inherited_socket() is None


def test_only_the_process_that_systemd_meant_takes_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDNAMES", systemd.NAME)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))

    assert systemd.inherited_socket() is None
