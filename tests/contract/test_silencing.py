"""Which alert silences which, by delivery: a real Alertmanager with the shipped inhibitions tells a webhook.

Every case is an environment of its own, so one run of Alertmanager plays all of them at once.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import permutations
from pathlib import Path
from subprocess import STDOUT, Popen
from typing import Any

import pytest
import requests
import yaml

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import until
from harness.clients import Alertmanager
from monitoring.catalog import Alert, load
from monitoring.rule_files import SEVERITIES
from monitoring.yaml_text import read_yaml

SHIPPED = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text())
ALERTS = {alert.name: alert for alert in load(REPO / "monitoring" / "rules")}
WAIT_S, DEADLINE_S = 3, 90
ASKED = ("auto", "propose")
Labels = dict[str, str]


def labels(alert: Alert, env: str, **others: str) -> Labels:
    """The labels with which it fires: what it takes from its series is the same on all."""
    own = {name: value for name, value in alert.labels.items() if "{{" not in value}
    found = {"service": "shop", "subject": "this", "host": "app1", **own, "symptom": alert.labels["symptom"]}
    return {**found, "alertname": alert.name, "env": env, **others}


def is_quieter(louder: Alert, quieter: Alert) -> bool:
    return SEVERITIES.index(louder.severity) < SEVERITIES.index(quieter.severity) and quieter.severity in (
        "error",
        "warning",
    )


SHARING = [
    (louder, quieter)
    for louder, quieter in permutations(ALERTS.values(), 2)
    if louder.labels["symptom"] == quieter.labels["symptom"]
    and is_quieter(louder, quieter)
    and quieter.labels.get("rollback") not in ASKED
]
"""Each louder and quieter alert that share a symptom."""
APART = {
    ("AllInstancesFailing", "BackendHealthDegraded"): "a service, and one of its instances",
    ("BackendTargetsMissing", "BackendHealthDegraded"): "a service, and one of its instances",
    ("HostMemoryPressure", "HighMemoryUsage"): "a host, and what an instance of the application says",
    ("JwtServiceUnhealthy", "RollbackWebhookUnauthorized"): "the application, and the rollback daemon",
    (
        "MitaDatabaseConnectionIssues",
        "DatabaseConnectionsHigh",
    ): "an instance of the application, and a database",
    (
        "MitaDatabaseConnectionIssues",
        "PostgresConnectionsNearLimit",
    ): "an instance of the application, and a database",
}
"""Of those, the ones about different things on purpose: both are told."""
PAIRS = [pair for pair in SHARING if tuple(alert.name for alert in pair) not in APART]
DIFFERENTLY = {"subject": "that", "service": "other", "symptom": "another"}
BURNS = [
    ("CriticalErrorRate", "SloAvailabilityFastBurn", "CriticalErrorRate"),
    ("CriticalErrorRate", "SloAvailabilityMediumBurn", "CriticalErrorRate"),
    ("HighErrorRate", "SloAvailabilityFastBurn", "SloAvailabilityFastBurn"),
    ("HighErrorRate", "SloAvailabilityMediumBurn", "HighErrorRate"),
    ("CriticalP95Latency", "SloLatencyFastBurn", "CriticalP95Latency"),
    ("HighP95Latency", "SloLatencyFastBurn", "SloLatencyFastBurn"),
]
"""What says that requests fail or are late, what says that their budget burns, which of both is told."""
TRIGGERS = [alert for alert in ALERTS.values() if alert.labels.get("rollback") in ASKED]


class Played:
    """What was told, by environment, when Alertmanager had been told all alerts."""

    def __init__(self, program: str, folder: Path) -> None:
        self.told: dict[str, set[str]] = defaultdict(set)
        played = self

        class Webhook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                for alert in body["alerts"]:
                    played.told[alert["labels"].get("env", "")].add(alert["labels"]["alertname"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        client = Alertmanager(f"http://127.0.0.1:{free_port()}")
        log = folder / "log"
        with log.open("wb") as output:
            argv = command(program, folder, client.base, server.server_port)
            process = Popen(argv, stdout=output, stderr=STDOUT, cwd=Path(argv[0]).parent)
        try:
            until(
                "Alertmanager", lambda: client.ready("/-/ready"), deadline_s=DEADLINE_S, explain=log.read_text
            )
            self._tell(client.base)
            until("a message about each case", lambda: {*self.told} >= ENVIRONMENTS, deadline_s=DEADLINE_S)
        finally:
            process.kill()
            process.wait()
            server.shutdown()
            server.server_close()

    def _tell(self, base: str) -> None:
        """All at once, so that each is judged when its group has waited: a group is told in one message."""
        now = datetime.now(UTC)
        times = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
        body = [{"labels": one, **times} for one in cases()]
        requests.post(f"{base}/api/v2/alerts", json=body, timeout=30).raise_for_status()


def command(program: str, folder: Path, base: str, port: int) -> list[str]:
    """Starts Alertmanager with the shipped inhibitions and one receiver for everything."""
    webhook = {"url": f"http://127.0.0.1:{port}", "send_resolved": False, "max_alerts": 0}
    config = {
        "route": {"receiver": "all", "group_by": ["env"], "group_wait": f"{WAIT_S}s"},
        "inhibit_rules": SHIPPED["inhibit_rules"],
        "receivers": [{"name": "all", "webhook_configs": [webhook]}],
    }
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    return [
        str(tool(program)),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={base.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]


def cases() -> Iterator[Labels]:
    for louder, quieter in PAIRS:
        name = f"{louder.name}/{quieter.name}"
        for case, others in {
            "same": {},
            **{name: {name: other} for name, other in DIFFERENTLY.items()},
        }.items():
            yield labels(louder, f"{name}/{case}")
            yield labels(quieter, f"{name}/{case}", **others)
    for severity in (*SEVERITIES, "odd"):
        yield from (labels(alert, severity) for alert in ALERTS.values() if alert not in TRIGGERS)
        yield labels(ALERTS["LouderAlertRecent"], severity, louder="critical", symptom="health")
        yield from (labels(alert, severity, severity=severity) for alert in TRIGGERS)
    for lacking in ("symptom", "subject"):
        yield labels(ALERTS["CriticalErrorRate"], f"without {lacking}", **{lacking: ""})
        yield labels(ALERTS["HighErrorRate"], f"without {lacking}", **{lacking: ""})
    for host in ("app1", "data"):
        yield labels(ALERTS["HostDown"], f"host {host}")
        yield labels(ALERTS["ExporterDown"], f"host {host}", host=host)
        yield labels(ALERTS["RedisMemoryHigh"], f"host {host}", host=host)
    yield labels(ALERTS["PrometheusNotIngestingSamples"], "blind")
    for env in ("blind", "seeing", ""):
        yield labels(ALERTS["BackendTargetsMissing"], env)
    for now, budget, _ in BURNS:
        yield labels(ALERTS[now], f"{now}/{budget}")
        yield labels(ALERTS[budget], f"{now}/{budget}")
        yield labels(ALERTS[now], f"another {now}/{budget}")
        yield labels(ALERTS[budget], f"another {now}/{budget}", service="other", subject="other")


ENVIRONMENTS = {case["env"] for case in cases()}


@pytest.fixture(
    scope="module", params=["alertmanager", pytest.param("alertmanager-0.28", marks=pytest.mark.long)]
)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    return Played(request.param, tmp_path_factory.mktemp("silencing"))


pytestmark = pytest.mark.slow


def test_the_subjects_of_a_pair_are_the_same_unless_they_are_different_on_purpose() -> None:
    different = [(a, b) for a, b in SHARING if a.labels["subject"] != b.labels["subject"]]
    instances = {pair for pair in APART if pair[0] == "MitaDatabaseConnectionIssues"}  # both in `instance`
    assert {(louder.name, quieter.name) for louder, quieter in different} | instances == APART.keys()


def test_a_louder_alert_silences_the_quieter_one_about_the_same(played: Played) -> None:
    assert PAIRS
    for louder, quieter in PAIRS:
        assert played.told[f"{louder.name}/{quieter.name}/same"] == {louder.name}


@pytest.mark.parametrize("label", DIFFERENTLY)
def test_it_silences_nothing_about_something_else(played: Played, label: str) -> None:
    for louder, quieter in PAIRS:
        if label not in quieter.labels or "{{" in quieter.labels[label]:
            assert played.told[f"{louder.name}/{quieter.name}/{label}"] == {louder.name, quieter.name}


@pytest.mark.parametrize("severity", [*SEVERITIES, "odd"])
def test_nothing_silences_what_the_daemon_is_asked_about(played: Played, severity: str) -> None:
    """Whatever severity a site gives it, and though every other alert fires about the same."""
    assert {alert.name for alert in TRIGGERS} <= played.told[severity]


@pytest.mark.parametrize("lacking", ["symptom", "subject"])
def test_what_has_no_symptom_or_no_subject_silences_nothing(played: Played, lacking: str) -> None:
    assert played.told[f"without {lacking}"] == {"CriticalErrorRate", "HighErrorRate"}


def test_a_dead_host_explains_what_is_on_it_and_nothing_elsewhere(played: Played) -> None:
    assert played.told["host app1"] == {"HostDown"}
    assert played.told["host data"] == {"HostDown", "ExporterDown", "RedisMemoryHigh"}


def test_absence_is_silent_only_where_nothing_is_ingested(played: Played) -> None:
    assert played.told["blind"] == {"PrometheusNotIngestingSamples"}
    assert played.told["seeing"] == {"BackendTargetsMissing"}
    assert played.told[""] == {"BackendTargetsMissing"}


@pytest.mark.parametrize(("now", "budget", "told"), BURNS)
def test_failing_requests_and_their_burning_budget_are_one_thing(
    played: Played, now: str, budget: str, told: str
) -> None:
    assert played.told[f"{now}/{budget}"] == {told}
    assert played.told[f"another {now}/{budget}"] == {now, budget}
