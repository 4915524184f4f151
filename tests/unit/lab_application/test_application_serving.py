"""A worker that ends loses no request: it says goodbye, and the socket waits for the next one."""

import asyncio
import http.client
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from devtools.wait import until
from harness.application import serving, systemd

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
        until("the worker to serve", lambda: self.server.started, deadline_s=10, interval_s=0.01)

    def leave(self) -> None:
        """Ask it to end, and return once it takes no new connection."""
        self.server.should_exit = True
        until(
            "the worker to say goodbye",
            lambda: serving.CLOSE in self.server.server_state.default_headers,
            deadline_s=10,
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
        until("it to be in flight", lambda: worker.server.server_state.tasks, deadline_s=5, interval_s=0.01)

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


@pytest.mark.parametrize(
    ("host", "port", "same"), [("127.0.0.1", 0, True), ("127.0.0.1", 1, False), ("::1", 0, False)]
)
def test_socket_of_another_address_is_not_taken_over(
    listener: socket.socket, host: str, port: int, same: bool
) -> None:
    assert serving.is_bound_to(listener, host, port or listener.getsockname()[1]) is same


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield channel


def test_socket_is_left_with_systemd(manager: socket.socket, listener: socket.socket) -> None:
    systemd.leave_socket(listener)

    text, [handle], _, _ = socket.recv_fds(manager, 1000, 1)
    assert text == b"FDSTORE=1\nFDNAME=listener"
    with socket.socket(fileno=handle) as kept:
        assert kept.getsockname() == listener.getsockname()


def test_socket_is_forgotten_before_its_port_is_bound_anew(manager: socket.socket) -> None:
    thread = threading.Thread(target=systemd.forget_socket)
    thread.start()

    assert manager.recv(1000) == b"FDSTOREREMOVE=1\nFDNAME=listener"
    text, [handle], _, _ = socket.recv_fds(manager, 1000, 1)
    assert text == b"BARRIER=1"
    thread.join(0.2)
    assert thread.is_alive()  # systemd has not closed it yet
    os.close(handle)
    thread.join(systemd.PATIENCE_MS / 1000)
    assert not thread.is_alive()


def test_without_systemd_nothing_is_taken_or_left(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDNAMES"):
        monkeypatch.delenv(name, raising=False)

    systemd.leave_socket(listener)

    assert systemd.inherited_socket() is None


def test_only_the_process_that_systemd_meant_takes_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDNAMES", systemd.NAME)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))

    assert systemd.inherited_socket() is None
