"""What other systems may answer: nonsense of any depth is no answer, and never a crash."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

import pytest

from rollback.adapters import http_source
from rollback.adapters.http_source import Endpoint, HttpSource
from rollback.adapters.monitoring import HttpMonitoring
from rollback.adapters.probes import HttpProbes
from rollback.domain.errors import Blind
from rollback.domain.facts import HostSeen
from rollback.domain.ports import SourceState

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


@pytest.fixture
def dripping() -> Iterator[str]:
    """The address of a server whose answer never ends: a byte every tenth of a second."""
    gone = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            while not gone.wait(0.1):
                self.wfile.write(b" ")
                self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    gone.set()
    server.shutdown()
    server.server_close()


def test_a_host_that_drips_its_answer_holds_up_nobody(dripping: str) -> None:
    """What has come in time is what it said."""
    probes = HttpProbes(lambda: {"shop": {"app1": dripping}}, lambda: None)
    answer: list[tuple[HostSeen, ...]] = []
    asking = threading.Thread(target=lambda: answer.append(probes.hosts("shop")), daemon=True)

    asking.start()
    asking.join(timeout=20)

    assert answer == [(HostSeen(host="app1", answered=True, version=None, ready=True),)]


class Answering:
    """A server that answers everything with these bytes."""

    def __init__(self) -> None:
        self.body = b""
        answering = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(answering.body)))
                self.end_headers()
                self.wfile.write(answering.body)

            def log_message(self, *_: Any) -> None:
                """Be silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def says(self, content: Any) -> None:
        self.body = content if isinstance(content, bytes) else json.dumps(content).encode()


@pytest.fixture
def answering() -> Iterator[Answering]:
    found = Answering()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def monitoring(answering: Answering) -> HttpMonitoring:
    def here() -> Endpoint:
        return Endpoint(url=answering.url)

    return HttpMonitoring(here, here, lambda: "traffic", lambda: ["critical"])


NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUESTIONS: dict[str, Callable[[HttpMonitoring], Any]] = {
    "active": lambda m: m.active(),
    "began": lambda m: m.began("A", NOON, NOON + timedelta(minutes=5)),
    "troubled": lambda m: m.troubled({"rollback": "veto"}, 60),
    "fired_between": lambda m: m.fired_between(NOON, NOON + timedelta(minutes=5)),
    "number": lambda m: m.number("x"),
    "measure": lambda m: m.measure("x", "1"),
    "proven": lambda m: m.proven("shop", "production", 60),
    "rules": lambda m: m.rules("shop", "production"),
    "firing": lambda m: m.firing(),
}
ODD: list[Any] = [
    [0, "1"], [[0, "1"]], [None], ["x"], [{}], [{"metric": None}], [{"metric": {"a": 1}}],
    [{"metric": {}, "value": None}], [{"metric": {}, "value": [0]}], [{"metric": {}, "value": [0, "many"]}],
    [{"metric": {}, "value": [0, True]}], [{"metric": {}, "value": [10**400, "1"]}],
    [{"metric": {}, "values": []}], [{"metric": {}, "values": [[1e300, "1"]]}],
    [{"metric": {}, "values": [["NaN", "NaN"]]}],
    [{"metric": {}, "values": [[NOON.timestamp() + 300, "1e300"]]}],
    [{"rules": None}], [{"rules": [[]]}], [{"rules": [{"labels": 1}]}],
    [{"rules": [{"labels": {"rollback": "auto"}, "name": 7}]}],
    [{"labels": {}, "activeAt": "9999-12-31T23:59:59Z", "state": "firing"}],
    [{"labels": {}, "activeAt": "0001-01-01T00:00:00+05:00", "state": "firing"}],
    [{"labels": {}, "activeAt": 1e300, "state": "firing"}], [{"labels": {}, "state": "firing"}],
]  # fmt: skip
NONSENSE: list[Any] = [
    *({"data": {"resultType": "x", "result": odd, "alerts": odd, "groups": odd}} for odd in ODD),
    b"", b"null", b"1", b'"x"', b"[1]", b"{", b"\xff\xfe", b'{"data":' + b"9" * 5_000 + b"}", DEEP,
    {"data": None}, {"data": []}, {"data": {"result": None}}, {"data": {"alerts": 1, "groups": 1}},
]  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_whatever_they_answer_is_understood_or_blind(
    answering: Answering, monitoring: HttpMonitoring, question: str
) -> None:
    for nonsense in NONSENSE:
        answering.says(nonsense)
        with suppress(Blind):
            QUESTIONS[question](monitoring)


@pytest.mark.parametrize("odd", ["NaN", "+Inf", "-Inf", "1e999"])
def test_a_number_that_is_none_is_no_evidence(
    answering: Answering, monitoring: HttpMonitoring, odd: str
) -> None:
    answering.says({"data": {"result": [{"metric": {}, "value": [0, odd]}]}})

    assert monitoring.number("x") is None
    assert monitoring.measure("x", "1") is not True


def test_a_prometheus_that_drips_or_never_ends_is_blind(
    monkeypatch: pytest.MonkeyPatch, dripping: str
) -> None:
    monkeypatch.setattr(http_source, "WHOLE_SECONDS", 0.5)
    source = HttpSource("prometheus", lambda: Endpoint(url=dripping))
    began = monotonic()

    with pytest.raises(Blind, match="too slowly or too much"):
        source.get("/", {})

    assert monotonic() - began < 3


def test_an_answer_without_end_is_not_kept(
    answering: Answering, monitoring: HttpMonitoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_source, "LONGEST_BODY", 1_000)
    answering.says({"data": {"alerts": ["x" * 200_000]}})

    with pytest.raises(Blind, match="too much"):
        monitoring.active()


@pytest.mark.parametrize(
    "odd", ["2.0\u001b[2J", "\udcff", "x" * 129, "", "two\nlines", 7, None, ["2.0"], {"v": 1}, True]
)
def test_a_version_that_can_be_none_is_not_known(answering: Answering, odd: Any) -> None:
    answering.says({"version": odd})
    probes = HttpProbes(lambda: {"shop": {"app1": answering.url}}, lambda: None)

    assert probes.hosts("shop") == (HostSeen(host="app1", answered=True, version=None, ready=True),)


def test_hosts_are_asked_one_after_the_other_where_there_are_no_threads(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering.says({"version": "2.0"})
    hosts = {f"app{n}": answering.url for n in range(3)}

    def refuse(pool: Any, *_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)

    assert [one.version for one in HttpProbes(lambda: {"shop": hosts}, lambda: None).hosts("shop")] == [
        "2.0"
    ] * 3


@pytest.fixture
def twin() -> Iterator[Answering]:
    found = Answering()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def pair(answering: Answering, twin: Answering) -> HttpSource:
    """A source of which the twin is asked where the first does not answer; each says who it is."""
    answering.says({"i": "first"})
    twin.says({"i": "twin"})
    return HttpSource("prometheus", lambda: Endpoint(url=answering.url, others=(twin.url,)))


def test_the_twin_is_asked_while_the_first_does_not_answer_and_until_it_fails_itself(
    pair: HttpSource, answering: Answering, twin: Answering
) -> None:
    told = [pair.get("/", {})]
    answering.says(b"{")
    told.append(pair.get("/", {}))
    answering.says({"i": "first"})
    told.append(pair.get("/", {}))
    twin.says(b"{")
    told.append(pair.get("/", {}))

    assert [one["i"] for one in told] == ["first", "twin", "twin", "first"]
    assert pair.state == SourceState(name="prometheus", reachable=True, failures=0)


def test_a_pair_of_which_none_answers_is_blind_once(
    pair: HttpSource, answering: Answering, twin: Answering
) -> None:
    answering.says(b"{")
    twin.server.shutdown()
    twin.server.server_close()

    with pytest.raises(Blind, match="did not answer: JSONDecodeError; prometheus did not answer: Connection"):
        pair.get("/", {})

    assert (pair.state.reachable, pair.state.failures) == (False, 1)
