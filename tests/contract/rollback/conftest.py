"""The real daemon as a process, and a small world of HTTP servers around it."""

import importlib.util
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml

from devtools.ports import free_port
from devtools.wait import until

REPOSITORY = Path(__file__).resolve().parents[3]
HOOK, ADMIN = ("alertmanager", "hook-secret"), ("admin", "admin-secret")
ROOT = "/api/admin/rollback"
HOST_DONE = """echo '{"host":"app1","step":"host","status":"done"}' >> $MITA_ROLLBACK_EVENTS"""
NO_ANSWER, SILENT = 0, ""
"""The status of a request that gets no answer, and the version of a host that gives none."""
HEALTHY = [{"metric": {}, "value": [0, "1"]}]
FIRING = [{"labels": {"alertname": "Anything"}, "state": "firing", "activeAt": "2026-03-01T12:00:00Z"}]
HEARTBEAT = {"labels": {"rollback": "heartbeat"}, "state": "firing", "activeAt": "2026-03-01T00:00:00Z"}
"""Prometheus has been evaluating its rules since long ago."""
RULE = {
    "name": "Anything",
    "labels": {"rollback": "auto", "rollback_trigger": "error_rate_threshold"},
    "annotations": {"evidence": "enough", "verify": "healthy == bool 1", "measures": "healthy"},
}


def _builders() -> Any:
    """The builders of the unit tests: one home for what a sensible record looks like."""
    path = REPOSITORY / "tests/unit/rollback/conftest.py"
    spec = importlib.util.spec_from_file_location("rollback_builders", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


Make = _builders().Make


@pytest.fixture
def make() -> Any:
    return Make()


class World:
    """Prometheus, Alertmanager, Slack and application hosts, as far as the daemon asks them."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.samples: list[dict[str, Any]] = HEALTHY
        self.series: list[dict[str, Any]] = []
        self.rules: list[dict[str, Any]] = [RULE]
        self.active: list[dict[str, Any]] = FIRING
        self.enough: list[dict[str, Any]] = HEALTHY
        self.live: dict[str, str | None] = {}
        self.status: dict[str, int] = {}
        self.slack: list[dict[str, Any]] = []
        self.asked = 0
        world = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet an answer: two would wait for each other

            def do_GET(self) -> None:
                status, content = world.answer(self.path)
                if status == NO_ANSWER:
                    self.close_connection = True
                else:
                    self.reply(status, content)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                world.slack.append(json.loads(body))
                self.reply(world.status.get("slack", 200), "ok")

            def reply(self, status: int, content: Any) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str) -> tuple[int, Any]:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/api/v2/alerts":
            self.asked += 1
            return self.status.get("alertmanager", 200), self.alerts
        if parts.path == "/api/v1/rules":
            return self.status.get("prometheus", 200), {"data": {"groups": [{"rules": self.rules}]}}
        if parts.path == "/api/v1/alerts":
            return self.status.get("prometheus", 200), {"data": {"alerts": [HEARTBEAT, *self.active]}}
        if parts.path == "/api/v1/query_range":
            return self.status.get("prometheus", 200), {"data": {"result": self.series}}
        if parts.path == "/api/v1/query":
            found = self.enough if query["query"] == "enough" else self.samples
            if "ALERTS" in query["query"]:
                found = []
            return self.status.get("prometheus", 200), {"data": {"result": found}}
        version = self.live.get(parts.path.strip("/"))
        if version == SILENT:
            return NO_ANSWER, None
        return (200, {"version": version}) if version else (503, {"version": "broken"})

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class DaemonProcess:
    """One life of the daemon after the other, on the same files."""

    def __init__(self, folder: Path, world: World) -> None:
        self.folder, self.world = folder, world
        self.process: Any = None
        self.scheme = "http"
        self.trust: str | bool = True
        self.program = [sys.executable, "-m", "rollback.app"]
        self.shown: tuple[str, str] | None = None
        self.settings: dict[str, Any] = {
            "listen_address": "127.0.0.1",
            "listen_port": free_port(),
            "database": str(folder / "rollback.db"),
            "state_directory": str(folder / "state"),
            "prometheus_url": world.url,
            "alertmanager_url": world.url,
            "slack_webhook_url_file": "secrets/slack_webhook_url",
            "time_scale": 100,
            "body_limit": 1_500_000,
            "executor": {"kind": "command", "argv": ["/bin/sh", "-c", HOST_DONE]},
        }
        (folder / "secrets").mkdir()
        secrets = {
            "rollback_webhook_secret": HOOK[1],
            "rollback_admin_secret": ADMIN[1],
            "slack_webhook_url": world.url + "/services/T/B/planted-slack-token",
        }
        for name, value in secrets.items():
            (folder / "secrets" / name).write_text(value + "\n")

    @property
    def file(self) -> Path:
        return self.folder / "settings.yml"

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.settings['listen_port']}"

    def configure(self, **settings: Any) -> "DaemonProcess":
        self.settings |= settings
        self.file.write_text(yaml.safe_dump(self.settings))
        return self

    def start(self, **environment: str) -> "DaemonProcess":
        self.launch_once(**environment)
        until("the daemon to answer", self.answers, deadline_s=60, interval_s=0.05, explain=self.said)
        return self

    def launch_once(self, **environment: str) -> None:
        """Begin a life that may end before it answers."""
        self.configure()
        self.process = self.launch(environment)

    def launch(self, environment: dict[str, str]) -> Any:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*self.program, "--settings", str(self.file)],
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
            )

    def answers(self) -> bool:
        try:
            return self.get("/health/live").status_code in (200, 401)
        except requests.RequestException:
            return False

    def said(self) -> str:
        return self.log.read_text()

    def send(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait for the end of this life."""
        self.send(number)
        assert self.process
        return int(self.process.wait(timeout=20))

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=5, **self.how(options))

    def ask(self, path: str) -> Any:
        return self.get(ROOT + path).json()

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        return requests.post(self.url + ROOT + path, json=body, timeout=15, **self.how(options))

    def request(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """Ask as admin, by any method."""
        whole = self.how({"json": body, **options})
        return requests.request(method, self.url + ROOT + path, timeout=15, **whole)

    def how(self, options: dict[str, Any]) -> dict[str, Any]:
        """How a request is made when nothing else is said: as admin, over TLS if the daemon speaks it."""
        return {"auth": ADMIN, "verify": self.trust, "cert": self.shown, **options}

    def post_raw(self, body: Any) -> requests.Response:
        return requests.post(self.url + ROOT + "/trigger", data=body, timeout=15, auth=HOOK)

    def decisions(self, service: str) -> Any:
        return self.ask(f"/decisions?service={service}&limit=1000")["decisions"]

    def ledger(self, service: str | None = None) -> list[Any]:
        """The whole history, page by page."""
        found: list[Any] = []
        while page := self.ask(f"/ledger?limit=1000&after={found[-1]['id'] if found else 0}")["entries"]:
            found += page
        return [entry for entry in found if service in (None, entry["service"])]

    def stored(self, fingerprint: str) -> int:
        """How often the alert is in the database, read past the daemon."""
        connection = sqlite3.connect(self.settings["database"])
        query = "SELECT count(*) FROM inbox WHERE fingerprint = ?"
        try:
            return int(connection.execute(query, (fingerprint,)).fetchone()[0])
        finally:
            connection.close()

    def deliver(self, *alerts: Any, **options: Any) -> requests.Response:
        body = {"version": "4", "receiver": "rollback", "alerts": alerts}
        return self.post("/trigger", body, **{"auth": HOOK, **options})

    def good(self, version: str, service: str = "shop") -> None:
        """A person's word."""
        answer = self.post(f"/releases/{service}/{version}/mark", {"standing": "good", "by": "the test"})
        assert answer.status_code == 200, answer.text

    def deploy(self, version: str, outcome: str | None = "live", **changes: Any) -> int:
        body = {"service": "shop", "version": version, "hosts": ["app1"], "rollback_safe": True}
        number = int(self.post("/deployments", {**body, **changes}).json()["id"])
        if outcome:
            self.post(f"/deployments/{number}/finish", {"outcome": outcome})
        return number

    def rollback(self, number: int = 1) -> Any:
        return self.ask(f"/rollbacks/{number}")

    def until_phase(self, *phases: str, number: int = 1) -> Any:
        def found() -> Any:
            rollback = self.rollback(number)
            return rollback if rollback.get("phase") in phases else None

        what = f"rollback {number} to be {phases}"
        return until(what, found, deadline_s=60, interval_s=0.05, explain=self.said)

    def until_decided(self) -> None:
        """Nothing waits in the inbox."""
        pending = "mita_rollback_inbox_pending"
        done = "the inbox to be empty"
        until(done, lambda: self.metric(pending) == 0, deadline_s=60, interval_s=0.1, explain=self.said)

    def metric(self, name: str) -> float:
        lines = self.get("/metrics").text.splitlines()
        return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + " "))


def wire(fingerprint: str = "f1", status: str = "firing", at: datetime | None = None, **labels: str) -> Any:
    """An alert as Alertmanager posts it, beginning now."""
    names = {
        "alertname": "Anything",
        "service": "shop",
        "env": "production",
        "rollback": "auto",
        "rollback_trigger": "error_rate_threshold",
    }
    return {
        "status": status,
        "labels": {**names, **labels},
        "annotations": {"verify": "healthy"},
        "startsAt": (at or datetime.now(UTC)).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": fingerprint,
    }


@pytest.fixture
def alert() -> Callable[..., Any]:
    return wire


@contextmanager
def prepared(folder: Path) -> Iterator[DaemonProcess]:
    """A daemon that can be started in its own world; killed at the end if it still lives."""
    world = World()
    found = DaemonProcess(folder, world)
    try:
        yield found
    finally:
        if found.process and found.process.poll() is None:
            found.end(signal.SIGKILL)
        world.close()


@contextmanager
def started(
    folder: Path, *, tls: tuple[str, str, str] | None = None, **settings: Any
) -> Iterator[DaemonProcess]:
    """A running daemon; *tls* are the authority that is trusted, the certificate to show and its key."""
    with prepared(folder) as found:
        if tls:
            found.scheme, found.trust, found.shown = "https", tls[0], tls[1:]
        yield found.configure(**settings).start()


@pytest.fixture(scope="session")
def preparing() -> Callable[..., Any]:
    return prepared


@pytest.fixture(scope="session")
def running() -> Callable[..., Any]:
    return started


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """A daemon that the test starts itself."""
    with prepared(tmp_path) as found:
        yield found
