"""Crowds of connections that want nothing do not keep the daemon from its work."""

import contextlib
import json
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from devtools.wait import until

Alert = Callable[..., Any]
HALF_A_HEAD = b"POST /api/admin/rollback/trigger HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def daemon(running: Callable[..., Any], tmp_path: Any) -> Iterator[Any]:
    with running(tmp_path, triggers={"error_rate_threshold": "auto"}) as found:
        yield found


@pytest.fixture
def connected(daemon: Any, soft_limit: None) -> Iterator[Callable[[int, bytes], list[socket.socket]]]:
    """Open so many connections and send these bytes on each."""
    everyone: list[socket.socket] = []

    def open_many(count: int, sent: bytes) -> list[socket.socket]:
        address = ("127.0.0.1", daemon.settings["listen_port"])
        opened = [socket.create_connection(address, timeout=5) for _ in range(count)]
        for connection in opened:
            connection.sendall(sent)
        everyone.extend(opened)
        return opened

    yield open_many
    for connection in everyone:
        connection.close()


def closed(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        return connection.recv(1_000_000) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_an_alert_gets_through_a_crowd_that_is_then_sent_away(
    daemon: Any, alert: Alert, connected: Callable[[int, bytes], list[socket.socket]]
) -> None:
    crowd = [*connected(300, b""), *connected(100, HALF_A_HEAD)]
    daemon.deploy("1.0.0")
    daemon.good("1.0.0")
    daemon.deploy("2.0.0")

    assert daemon.deliver(alert("real")).status_code == 202

    daemon.until_phase("succeeded")
    until("the crowd to be gone", lambda: all(closed(one) for one in crowd), deadline_s=25)


def test_a_client_that_keeps_its_connection_is_not_sent_away_for_a_request_that_takes_long(
    daemon: Any, connected: Callable[[int, bytes], list[socket.socket]]
) -> None:
    [connection] = connected(1, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    first = status_of_answer(connection)
    connection.sendall(b"GET /health/live HTTP/1.1\r\n")
    connection.sendall(b"Host: x\r\n\r\n")

    assert (first, status_of_answer(connection)) == (200, 200)


def status_of_answer(connection: socket.socket) -> int:
    """Read one whole answer, in however many packets it comes."""
    answer = HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


def test_zeros_cost_little_and_keep_nobody_waiting(daemon: Any, alert: Alert) -> None:
    zeros = b'{"version":"4","alerts":[' + b"0," * 700_000 + b"0]}"
    began = time.monotonic()

    refused = daemon.post_raw(zeros)
    few = daemon.post_raw(json.dumps({"version": "4", "alerts": [0] * 15_000}).encode())

    assert time.monotonic() - began < 8  # two seconds, and a busy machine
    assert (refused.status_code, few.status_code) == (400, 202)
    assert few.json()["quarantined"] == 51
    assert daemon.ask("/status")["quarantined"] <= 51
    assert daemon.deliver(alert("after-zeros")).status_code == 202


def test_a_body_without_credentials_moves_no_memory(daemon: Any) -> None:
    """Of 300 MB on every route that takes a body nothing but a little is ever read."""
    before = memory(daemon)

    answers = {path: flood(daemon, path) for path in posted(daemon)}

    assert {answer.split()[1] for answer, _ in answers.values()} == {b"401"}
    assert max(sent for _, sent in answers.values()) < 30
    assert memory(daemon) - before < 20e6


def posted(daemon: Any) -> list[str]:
    paths = daemon.get("/openapi.json", auth=None).json()["paths"]
    described = [path.replace("{", "").replace("}", "") for path, ways in paths.items() if "post" in ways]
    return ["/api/admin/rollback/trigger", *described]


def flood(daemon: Any, path: str) -> tuple[bytes, int]:
    """Send 300 MB in chunks until the daemon takes no more; the answer, and how many MB were taken."""
    chunk, sent = b"100000\r\n" + b" " * 0x100000 + b"\r\n", 0
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", daemon.settings["listen_port"]), timeout=5) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(65536)
        with contextlib.suppress(OSError):
            while sent < 300:
                connection.sendall(chunk)
                sent += 1
    return answer, sent


def test_more_connections_than_there_are_places_keep_nobody_from_work(
    daemon: Any, alert: Alert, connected: Callable[[int, bytes], list[socket.socket]]
) -> None:
    daemon.deploy("1.0.0")
    daemon.good("1.0.0")
    daemon.deploy("2.0.0")
    crowd = [*connected(1_500, b""), *connected(500, HALF_A_HEAD)]

    assert daemon.deliver(alert("real")).status_code == 202
    assert daemon.metric("mita_rollback_connections") <= 512
    assert daemon.metric("mita_rollback_connections_refused_total") >= 2_000 - 512
    daemon.until_phase("succeeded")
    until("the crowd to be gone", lambda: all(closed(one) for one in crowd), deadline_s=60)
    assert len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir())) < 100
    assert "Traceback" not in daemon.said()


def test_with_few_descriptors_the_work_has_them(
    preparing: Callable[..., Any], tmp_path: Path, alert: Alert, soft_limit: None
) -> None:
    with preparing(tmp_path) as daemon:
        daemon.program = ["prlimit", "--nofile=300:300", sys.executable, "-m", "rollback.app"]
        daemon.configure(triggers={"error_rate_threshold": "auto"}).start()
        for version in ("1.0.0", "2.0.0"):
            daemon.deploy(version)
            daemon.good("1.0.0")
        address = ("127.0.0.1", daemon.settings["listen_port"])
        crowd = [socket.create_connection(address, timeout=5) for _ in range(600)]

        assert daemon.deliver(alert("real")).status_code == 202
        daemon.until_phase("succeeded")
        assert daemon.metric("mita_rollback_connections") <= 300 - 256
        assert daemon.rollback()["attempt"] == 1
        for one in crowd:
            one.close()


def test_a_client_that_takes_no_answer_holds_no_place_for_good(
    daemon: Any, connected: Callable[[int, bytes], list[socket.socket]]
) -> None:
    asked = connected(3, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200)

    def gone() -> bool:
        return float(daemon.metric("mita_rollback_connections")) <= 1

    until("the greedy to be gone", gone, deadline_s=90)
    assert len(asked) == 3


def test_one_connection_is_one_request_at_a_time(
    daemon: Any, alert: Alert, connected: Callable[[int, bytes], list[socket.socket]]
) -> None:
    greedy = connected(620, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 40)

    assert [daemon.deliver(alert(str(number))).status_code for number in range(3)] == [202] * 3
    until("the greedy to be gone", lambda: not sum(not closed(one) for one in greedy), deadline_s=60)
    assert daemon.metric('mita_rollback_requests_total{code="200",door="open"}') < 2 * len(greedy)


@pytest.fixture
def soft_limit() -> Iterator[None]:
    """The test itself needs a descriptor for each connection of a crowd."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], min(4096, before[1])), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def memory(daemon: Any) -> float:
    found: float = daemon.metric("process_resident_memory_bytes")
    return found
