"""An engine's socket is told apart: answering, silent, elsewhere."""

import os
import socket
import threading
from pathlib import Path

import pytest

from harness.lab import engine_access


def _serve(path: Path, answer: bytes) -> None:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def once() -> None:
        connection, _ = server.accept()
        with connection, server:
            connection.recv(1024)
            connection.sendall(answer)

    threading.Thread(target=once, daemon=True).start()


def test_a_socket_that_speaks_http_answers(tmp_path: Path) -> None:
    _serve(tmp_path / "engine", b"HTTP/1.0 200 OK\r\n\r\nOK")

    assert engine_access.socket_answers(tmp_path / "engine")


def test_a_socket_left_by_a_dead_engine_does_not_answer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "engine"))

    assert not engine_access.socket_answers(tmp_path / "engine")


def test_a_missing_socket_does_not_answer_and_is_not_forbidden(tmp_path: Path) -> None:
    assert not engine_access.socket_answers(tmp_path / "engine")
    assert not engine_access.is_forbidden(tmp_path / "engine")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every socket")
def test_a_socket_without_permission_is_forbidden(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "engine"))
        (tmp_path / "engine").chmod(0)

        assert engine_access.is_forbidden(tmp_path / "engine")


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("", Path(engine_access.DEFAULT_SOCKET)),
        ("unix:///run/other.sock", Path("/run/other.sock")),
        ("tcp://127.0.0.1:2375", None),
    ],
)
def test_the_socket_is_the_one_docker_host_names(
    monkeypatch: pytest.MonkeyPatch, address: str, path: Path | None
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)

    assert engine_access.engine_socket() == path
