"""A taken port is recognised, and its holder named."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools import ports
from devtools.errors import UserError


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_somebody_listens_on_is_not_free(listening: int) -> None:
    assert not ports.is_free(listening)


def test_a_port_is_free_once_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert ports.is_free(port)


def test_the_holder_is_this_process(listening: int) -> None:
    name = Path("/proc/self/comm").read_text().strip()

    assert ports.holder(listening) == f"{name} (pid {os.getpid()})"


def test_nobody_holds_a_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert ports.holder(port) is None


def test_the_sentence_says_port_purpose_holder_and_remedy(listening: int) -> None:
    sentence = str(ports.taken(listening, "the lab host app1"))

    assert f"expected port {listening} of 127.0.0.1 to be free for the lab host app1" in sentence
    assert f"(pid {os.getpid()}); stop that" in sentence


def test_a_free_port_is_one_that_no_connection_is_given() -> None:
    """A server that starts anew would find such a port taken by chance."""
    first, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())

    assert all(ports.free_port() < first for _ in range(20)) or first < ports.OURS.stop


def test_a_free_port_is_no_taken_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "OURS", range(11000, 11002))
    monkeypatch.setattr(ports, "is_free", lambda port, _address: port == 11001)

    assert {ports.free_port() for _ in range(20)} == {11001}


def test_an_address_of_another_machine_has_no_free_port() -> None:
    with pytest.raises(UserError, match="found none; is that an address of this machine"):
        ports.free_port("192.0.2.1")
