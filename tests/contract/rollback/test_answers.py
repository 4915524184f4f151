"""What other systems may answer: nonsense of any depth is no answer, and never a crash."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rollback.adapters.http_source import Endpoint, HttpSource
from rollback.adapters.probes import HttpProbes
from rollback.domain.errors import Blind
from rollback.domain.facts import HostSeen

DEEP = b"[" * 100_000


@pytest.fixture
def deep() -> Iterator[str]:
    """The address of a server whose every answer is lists in lists."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(DEEP)))
            self.end_headers()
            self.wfile.write(DEEP)

        def log_message(self, *_: Any) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_host_that_answers_lists_in_lists_has_answered_without_a_version(deep: str) -> None:
    probes = HttpProbes(lambda: {"shop": {"app1": deep}}, lambda: None)

    assert probes.hosts("shop") == (HostSeen(host="app1", answered=True, version=None, ready=True),)


def test_a_prometheus_that_answers_lists_in_lists_is_blind(deep: str) -> None:
    source = HttpSource("prometheus", lambda: Endpoint(url=deep))

    with pytest.raises(Blind, match="RecursionError"):
        source.get("/api/v1/rules", {})


def test_a_host_that_drips_its_answer_holds_up_nobody() -> None:
    """A byte every half second, for ever: what has come in time is what it said."""
    gone = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            while not gone.wait(0.5):
                self.wfile.write(b" ")
                self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    probes = HttpProbes(lambda: {"shop": {"app1": f"http://127.0.0.1:{server.server_port}"}}, lambda: None)
    answer: list[tuple[HostSeen, ...]] = []
    asking = threading.Thread(target=lambda: answer.append(probes.hosts("shop")), daemon=True)

    asking.start()
    asking.join(timeout=20)
    gone.set()
    server.shutdown()
    server.server_close()

    assert answer == [(HostSeen(host="app1", answered=True, version=None, ready=True),)]
