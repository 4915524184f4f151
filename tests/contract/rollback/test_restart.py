"""A restart refuses nobody: systemd, as far as the daemon talks with it, keeps the listening socket."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.ports import free_port
from devtools.wait import until

HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.close(int(sys.argv[1]))
os.environ |= {"LISTEN_FDS": "1", "LISTEN_FDNAMES": sys.argv[2], "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, "-m", "rollback.app", "--settings", sys.argv[3]])
"""
REQUEST = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Keeper:
    """Systemd's side: hears what is told, keeps what is stored, and lets go of it when asked to."""

    def __init__(self, folder: Path) -> None:
        self.address, self.kept, self.told = str(folder / "notify"), dict[str, int](), list[str]()
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._channel.bind(self.address)
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        while True:
            message, descriptors, *_ = socket.recv_fds(self._channel, 4096, 4)
            fields = dict(line.split("=", 1) for line in message.decode().splitlines())
            self.told += list(fields)
            if "FDSTORE" in fields:
                self.kept[fields["FDNAME"]] = descriptors[0]
                continue
            if "FDSTOREREMOVE" in fields:
                os.close(self.kept.pop(fields["FDNAME"]))
            for descriptor in descriptors:
                os.close(descriptor)


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    found = Keeper(tmp_path)
    yield found
    for descriptor in found.kept.values():
        os.close(descriptor)


def start_again(daemon: Any, descriptor: int, name: str, address: str) -> None:
    """The next life, with a socket that was kept."""
    daemon.configure()
    with daemon.log.open("ab") as log:
        daemon.process = subprocess.Popen(
            [sys.executable, "-c", HAND_OVER, str(descriptor), name, str(daemon.file)],
            pass_fds=[descriptor],
            stdout=log,
            stderr=log,
            env={**os.environ, "NOTIFY_SOCKET": address},
        )


def knock(daemon: Any) -> socket.socket:
    """Connect and ask; whether anybody is there or not."""
    connection = socket.create_connection(("127.0.0.1", daemon.settings["listen_port"]), timeout=60)
    connection.sendall(REQUEST)
    return connection


def test_who_comes_between_two_lives_waits_and_is_answered(daemon: Any, keeper: Keeper) -> None:
    daemon.start(NOTIFY_SOCKET=keeper.address)
    until("the socket to be kept", lambda: keeper.kept, deadline_s=30)
    daemon.end()

    early = [knock(daemon) for _ in range(20)]
    start_again(daemon, keeper.kept["listener"], "listener", keeper.address)

    assert [one.recv(4096).split()[1] for one in early] == [b"200"] * 20
    assert "cannot listen" not in daemon.said()


def closed(daemon: Any) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", daemon.settings["listen_port"])) == errno.ECONNREFUSED


def test_who_came_in_at_the_last_moment_is_still_answered(daemon: Any) -> None:
    daemon.start()
    with socket.create_connection(("127.0.0.1", daemon.settings["listen_port"]), timeout=10) as late:
        until("the connection", lambda: daemon.metric("mita_rollback_connections") == 2, deadline_s=30)
        daemon.send(signal.SIGTERM)
        until("the port to be closed", lambda: closed(daemon), deadline_s=30, interval_s=0.02)
        late.sendall(REQUEST)

        assert late.recv(4096).split()[1] == b"200"
    assert daemon.process.wait(timeout=20) == 0


def test_a_kept_socket_of_another_port_is_let_go(daemon: Any, keeper: Keeper) -> None:
    daemon.start(NOTIFY_SOCKET=keeper.address)
    until("the socket to be kept", lambda: keeper.kept, deadline_s=30)
    daemon.end()
    former = daemon.settings["listen_port"]
    daemon.settings["listen_port"] = free_port()

    start_again(daemon, keeper.kept["listener"], "listener", keeper.address)
    until("the daemon to answer", daemon.answers, deadline_s=60, explain=daemon.said)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", former), timeout=30)
    until("the new socket to be kept", lambda: keeper.told.count("FDSTORE") == 2, deadline_s=30)


def test_a_unit_of_type_socket_must_agree_with_the_settings(daemon: Any, keeper: Keeper) -> None:
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        start_again(daemon, theirs.fileno(), "rollback.socket", keeper.address)
        assert daemon.process.wait(timeout=60) == 2
        assert "make listen_address and listen_port agree with the unit rollback.socket" in daemon.said()

        daemon.settings["listen_port"] = theirs.getsockname()[1]
        start_again(daemon, theirs.fileno(), "rollback.socket", keeper.address)
        until("the daemon to answer", daemon.answers, deadline_s=60, explain=daemon.said)
