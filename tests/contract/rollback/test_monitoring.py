"""What the daemon learns from a real Prometheus, also across its restart."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import until
from rollback.adapters.http_source import Endpoint
from rollback.adapters.monitoring import HttpMonitoring
from rollback.domain.ports import Active

PATIENCE_S = 30.0
PACE_S = 0.5
"""Between two scrapes and two evaluations: a busy machine that is asked more often loses scrapes."""
PACE = f"{PACE_S * 1000:.0f}ms"
LABELS = {"service": "shop", "env": "lab"}
RULES = {
    "groups": [
        {
            "name": "test",
            "rules": [
                {
                    "alert": "Broken",
                    "expr": "last_over_time(broken[1m]) == 1",  # a scrape that is lost does not end it
                    "for": "500ms",
                    "labels": {**LABELS, "rollback": "auto", "severity": "critical"},
                    "annotations": {
                        "evidence": 'enough{service="{{ $labels.service }}",env="{{ $labels.env }}"}',
                        "verify": "ratio <= bool 0.2",
                        "measures": "ratio",
                    },
                },
                {
                    "alert": "DependencyDown",
                    "expr": "dependency == 0",
                    "for": "1h",
                    "labels": {"rollback": "veto", "env": "lab"},
                },
                {
                    "alert": "Quiet",
                    "expr": "quiet == 1",
                    "labels": {**LABELS, "rollback": "auto", "severity": "info"},
                },
                {
                    "alert": "Brief",
                    "expr": "last_over_time(brief[1s]) == 1",
                    "for": "500ms",
                    "labels": LABELS,
                },
                {"alert": "Watchdog", "expr": "vector(1)", "labels": {"rollback": "heartbeat"}},
                {"alert": "Loud", "expr": "loud == 1", "labels": {**LABELS, "severity": "error"}},
            ],
        }
    ]
}


class Application:
    """A target whose numbers the test sets."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        application = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = "".join(f"{name} {value}\n" for name, value in application.values.items()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Be silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Prometheus:
    """One that scrapes and evaluates once in PACE_S."""

    def __init__(self, place: Path, target: int) -> None:
        self.place, self.port = place, free_port()
        settings = {
            "global": dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), PACE),
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                {
                    "job_name": "shop",
                    "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
                    "metric_relabel_configs": [
                        {"target_label": name, "replacement": value} for name, value in LABELS.items()
                    ],
                }
            ],
        }
        (place / "prometheus.yml").write_text(yaml.safe_dump(settings))
        (place / "rules.yml").write_text(yaml.safe_dump(RULES))
        self.start()

    def start(self) -> None:
        argv = [
            str(tool("prometheus")),
            f"--config.file={self.place / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.place / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        log = (self.place / "log").open("ab")
        self.process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
        until("Prometheus", self._ready, deadline_s=PATIENCE_S)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=PATIENCE_S)

    def _ready(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/-/ready", timeout=1).ok
        except requests.RequestException:
            return False


@pytest.fixture(scope="module")
def application() -> Iterator[Application]:
    found = Application()
    yield found
    found.server.shutdown()


@pytest.fixture(scope="module")
def prometheus(application: Application, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    found = Prometheus(tmp_path_factory.mktemp("prometheus"), application.server.server_address[1])
    yield found
    found.stop()


@pytest.fixture
def monitoring(prometheus: Prometheus, application: Application) -> HttpMonitoring:
    application.values = {"broken": "0", "dependency": "1", "loud": "0", "traffic": "5", "unknown": "NaN"}
    found = HttpMonitoring(
        lambda: Endpoint(url=f"http://127.0.0.1:{prometheus.port}"),
        lambda: Endpoint(url=""),
        lambda: "traffic",
        lambda: ["critical", "error"],
        lambda: timedelta(seconds=PACE_S),
    )
    until("samples", lambda: found.number("traffic") == 5, deadline_s=PATIENCE_S)
    until("no alert", lambda: not spoken(found), deadline_s=PATIENCE_S)
    return found


def spoken(monitoring: HttpMonitoring) -> list[Active]:
    """What is active beside the heartbeat."""
    return [one for one in monitoring.active() if one.labels["alertname"] != "Watchdog"]


def pause(what: str, seconds: float) -> None:
    """Time passes that the daemon's evidence has to show."""
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    until(what, lambda: datetime.now(UTC) > end, deadline_s=PATIENCE_S)


def state_of(monitoring: HttpMonitoring, name: str) -> bool | None:
    """True while it fires, False while it is pending, None when it is not active."""
    found = [one for one in monitoring.active() if one.labels["alertname"] == name]
    return found[0].firing if found else None


def test_an_alert_keeps_its_beginning_when_prometheus_restarts(
    monitoring: HttpMonitoring, application: Application, prometheus: Prometheus
) -> None:
    """Prometheus dates it anew; history shows that it never ended."""
    early = datetime.now(UTC)
    application.values["broken"] = "1"
    until("it to fire", lambda: state_of(monitoring, "Broken") is True, deadline_s=PATIENCE_S)
    [before] = [one.since for one in spoken(monitoring)]

    pause("a second to pass", 1)
    deployed = datetime.now(UTC)
    prometheus.stop()
    pause("an absence that samples show", 10 * PACE_S)
    prometheus.start()
    until("it to fire again", lambda: state_of(monitoring, "Broken") is True, deadline_s=PATIENCE_S)

    [after] = [one.since for one in spoken(monitoring)]
    [found] = monitoring.began("Broken", early, datetime.now(UTC))
    assert after > deployed, "expected a Prometheus that dates alerts anew: the test proves nothing otherwise"
    assert found.since == before.replace(microsecond=0), "history knows whole seconds"
    assert found.labels["service"] == "shop"


def test_an_alert_that_ended_begins_anew(monitoring: HttpMonitoring, application: Application) -> None:
    early = datetime.now(UTC)
    application.values["broken"] = "1"
    until("it to fire", lambda: state_of(monitoring, "Broken") is True, deadline_s=PATIENCE_S)
    application.values["broken"] = "0"
    until("it to end", lambda: state_of(monitoring, "Broken") is None, deadline_s=PATIENCE_S)
    quiet = datetime.now(UTC)
    pause("a gap", 3)
    application.values["broken"] = "1"
    until("it to fire again", lambda: state_of(monitoring, "Broken") is True, deadline_s=PATIENCE_S)

    [found] = monitoring.began("Broken", early, datetime.now(UTC))

    assert found.since > quiet


def test_an_alert_that_ended_while_prometheus_was_away_begins_anew(
    monitoring: HttpMonitoring, application: Application, prometheus: Prometheus
) -> None:
    """Nothing marked its series as stale, and for five minutes Prometheus goes on telling it."""
    early = datetime.now(UTC)
    application.values["brief"] = "1"
    until("it to fire", lambda: state_of(monitoring, "Brief") is True, deadline_s=PATIENCE_S)
    prometheus.stop()
    application.values["brief"] = "0"
    gone = datetime.now(UTC)
    pause("it to be over", 2)
    prometheus.start()
    until("its end to be seen", lambda: monitoring.number("brief") == 0, deadline_s=PATIENCE_S)
    until(
        "it to be told no more",
        lambda: not monitoring.began("Brief", early, datetime.now(UTC)),
        deadline_s=PATIENCE_S,
    )
    pause("a gap", 3)
    application.values["brief"] = "1"
    until("it to fire again", lambda: state_of(monitoring, "Brief") is True, deadline_s=PATIENCE_S)

    [found] = monitoring.began("Brief", early, datetime.now(UTC))

    assert found.since > gone


def test_a_dependency_vetoes_while_it_is_pending_and_shortly_after(
    monitoring: HttpMonitoring, application: Application
) -> None:
    assert monitoring.troubled({"rollback": "veto"}, 0.4) == []
    application.values["dependency"] = "0"
    until("pending", lambda: state_of(monitoring, "DependencyDown") is False, deadline_s=PATIENCE_S)
    [found] = monitoring.troubled({"rollback": "veto"}, 1)
    assert (found["alertname"], found["env"]) == ("DependencyDown", "lab")

    application.values["dependency"] = "1"
    until("over", lambda: state_of(monitoring, "DependencyDown") is None, deadline_s=PATIENCE_S)

    assert monitoring.troubled({"rollback": "veto"}, 60)


def test_a_release_is_proven_by_traffic_without_a_page(
    monitoring: HttpMonitoring, application: Application
) -> None:
    until("traffic", lambda: monitoring.proven("shop", "lab", 1), deadline_s=PATIENCE_S)
    assert not monitoring.proven("shop", "elsewhere", 1)

    application.values["loud"] = "1"
    until("a page", lambda: state_of(monitoring, "Loud") is True, deadline_s=PATIENCE_S)
    assert not monitoring.proven("shop", "lab", 1)
    application.values["loud"] = "0"
    until("quiet again", lambda: monitoring.proven("shop", "lab", 1), deadline_s=PATIENCE_S)

    application.values["quiet"] = "1"
    until("a trigger that pages nobody", lambda: state_of(monitoring, "Quiet") is True, deadline_s=PATIENCE_S)
    assert not monitoring.proven("shop", "lab", 1)
    application.values["quiet"] = "0"
    until("quiet again", lambda: monitoring.proven("shop", "lab", 1), deadline_s=PATIENCE_S)

    application.values["traffic"] = "0"
    until("no traffic", lambda: not monitoring.proven("shop", "lab", 1), deadline_s=PATIENCE_S)


def test_numbers_are_numbers_or_nothing(monitoring: HttpMonitoring) -> None:
    assert monitoring.number("traffic") == 5
    assert monitoring.number("unknown") is None
    assert monitoring.number("nowhere") is None
    assert monitoring.measure("traffic == bool 5", "2") is True
    assert monitoring.measure("unknown > bool 0", "2") is False
    assert monitoring.measure("nowhere", "2") is None


def test_rules_are_filled_in_for_the_service(monitoring: HttpMonitoring) -> None:
    rules = monitoring.rules('sh"op', "lab")

    assert set(rules) == {"Broken", "Quiet"}
    assert rules["Broken"].evidence == 'enough{service="sh\\"op",env="lab"}'
    assert (rules["Broken"].verify, rules["Broken"].measures) == ("ratio <= bool 0.2", "ratio")
