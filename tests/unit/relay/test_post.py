"""One post: the address is read anew, no redirect is followed, and no word repeats the address."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from harness.incident.receipts import ALERTMANAGER, sender
from relay.post import post
from relay.settings import Address
from relay.slack import Again, Taken, Verdict, Wait


class Slack(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: list[str] = []
        self.agents: set[str] = set()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Slack

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        self.server.agents.add(self.headers["User-Agent"])
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response({"/moved": 302, "/limited": 429, "/cut": 200}.get(self.path, 200))
        self.send_header("Location", "/elsewhere")
        self.send_header("Retry-After", "3")
        if self.path == "/cut":
            self.send_header("Content-Length", "2")
        self.end_headers()
        if self.path != "/cut":
            self.wfile.write(b"ok")

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def slack() -> Iterator[Slack]:
    server = Slack()
    Thread(target=server.serve_forever, args=(0.02,)).start()
    yield server
    server.shutdown()
    server.server_close()


def sent(tmp_path: Path, url: str, proxy: str = "") -> Verdict:
    (tmp_path / "address").write_text(f"{url}\n")
    return post(Address(file=tmp_path / "address", proxy=proxy), "{}")


def test_address_is_read_for_each_message(slack: Slack, tmp_path: Path) -> None:
    assert sent(tmp_path, f"{slack.url}/one") == Taken()
    assert sent(tmp_path, f"{slack.url}/two") == Taken()
    assert slack.paths == ["/one", "/two"]


def test_who_sends_is_known_as_alertmanager(slack: Slack, tmp_path: Path) -> None:
    sent(tmp_path, f"{slack.url}/one")

    [agent] = slack.agents
    record = {"receiver": "slack", "channel": "#mita-alerts", "headers": {"User-Agent": agent}}
    assert sender(record) == ALERTMANAGER


def test_redirect_is_not_followed(slack: Slack, tmp_path: Path) -> None:
    assert sent(tmp_path, f"{slack.url}/moved") == Again("302 ok")
    assert slack.paths == ["/moved"]


def test_answer_that_is_cut_is_none(slack: Slack, tmp_path: Path) -> None:
    assert sent(tmp_path, f"{slack.url}/cut") == Again("an answer that is cut")


def test_limit_is_heard(slack: Slack, tmp_path: Path) -> None:
    assert sent(tmp_path, f"{slack.url}/limited") == Wait(3)


def test_proxy_is_asked(slack: Slack, tmp_path: Path) -> None:
    assert sent(tmp_path, "http://slack.invalid/hook", proxy=slack.url) == Taken()
    assert slack.paths == ["http://slack.invalid/hook"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/services/planted",
        "http://127.0.0.1:1/services/planted secret",
        "http://[planted/x",
        "planted",
        "ftp://127.0.0.1/planted",
        "http://127.0.0.1:planted/",
        "",
    ],
)
def test_no_fault_repeats_the_address(tmp_path: Path, url: str) -> None:
    verdict = sent(tmp_path, url)

    assert isinstance(verdict, Again)
    assert "planted" not in verdict.why


def test_address_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    verdict = post(Address(file=tmp_path / "none"), "{}")

    assert verdict == Again("FileNotFoundError No such file or directory")
