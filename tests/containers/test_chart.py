"""The chart's pods, run with Docker: an alert goes through their configuration to people and to the daemon.

A real cluster is missing: Docker starts the containers, and kubectl speaks to a stand-in of the API server.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools import chart, pods
from devtools.cluster_tools import cluster_tool
from devtools.paths import REPO
from devtools.wait import until
from harness.clients import Alertmanager, Daemon, Prometheus, Receivers
from harness.containers import images
from harness.containers.chart_node import Node
from tests.unit.chart.matrix import SMALL
from tests.unit.chart.stand_in import Cluster, serving

SERVICE = "mita-backend"
SLACK, DEPLOYMENTS, HEART = "T0/B0/alerts", "T0/B0/deployments", "mita"
SECRET = "planted-secret-of-the-scene"
REGISTRY = images.REGISTRY
RESENT_S = 100


@dataclass
class Scene:
    """Everything that runs, and how it is asked."""

    cluster: Cluster
    receivers: Receivers
    prometheus: Prometheus
    alertmanager: Alertmanager
    daemon: Daemon
    born: float


def values(api: str) -> dict[str, Any]:
    """values.small.yaml for what runs here, with images that are made of Debian's packages."""
    found: dict[str, Any] = yaml.safe_load(SMALL.read_text(encoding="utf-8"))
    own = {"repository": f"{REGISTRY}/mita-monitoring", "tag": "test"}
    found |= {"environment": "production", "image": own}
    prometheus, alertmanager, rollback = (found[name] for name in ("prometheus", "alertmanager", "rollback"))
    prometheus["image"] = {"repository": f"{REGISTRY}/prom/prometheus"}
    prometheus["blackbox"] = {"image": {"repository": f"{REGISTRY}/prom/blackbox-exporter"}}
    del prometheus["discovery"]  # Debian's Prometheus cannot look for pods
    prometheus["targets"] = {SERVICE: [{"targets": ["app:8080"]}]}
    alertmanager["image"] = {"repository": f"{REGISTRY}/prom/alertmanager"}
    del alertmanager["without"]["dead_man"]
    alertmanager["deadMan"] = {"secretKey": "dead_man_url"}
    rollback["slack"] = True
    del rollback["settings"]  # acts by itself
    rollback["executor"]["services"] = {SERVICE: {"probe": f"{api}/health/ready"}}
    rollback["executor"]["tools"]["image"] = own
    return found


def secrets() -> dict[str, str]:
    """What a site puts into its Secret."""
    return {
        "slack_webhook_url": f"http://receivers:9080/services/{SLACK}",
        "rollback_slack_webhook_url": f"http://receivers:9080/services/{DEPLOYMENTS}",
        "dead_man_url": f"http://receivers:9080/ping/{HEART}",
        "rollback_webhook_secret": SECRET,
        "rollback_admin_secret": f"{SECRET}-admin",
    }


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One bring-up: Alertmanager, the daemon, Prometheus with the exporter beside it, and who is told."""
    place = tmp_path_factory.mktemp("chart")
    place.chmod(0o755)
    rules = pods.Objects(chart.rendered(SMALL)).get("Role", "mita-monitoring-rollback")["rules"]
    cluster = Cluster("mita", SERVICE, ["1.0.0", "1.1.0", "2.0.0"], rules)
    with serving(cluster, address="0.0.0.0") as served:  # noqa: S104 - containers ask it
        client = images.ensure(_services(chart.rendered(values=values("http://unused"))))
        with Node(client, f"chart-{os.getpid()}", place, pods.Objects([])) as node:
            node.extra = {"/usr/bin/kubectl": cluster_tool("kubectl")}
            api = f"http://{node.gateway}:{served.rpartition(':')[2]}"
            found = chart.rendered(values=values(api))
            node.objects = pods.Objects([*found, pods.secret("mita-monitoring", secrets())])
            receivers = _receivers(node, place)
            asked = {one: node.pod(one)["http"] for one in ("alertmanager", "rollback")}
            daemon = Daemon(asked["rollback"], auth=("admin", f"{SECRET}-admin"))
            born = _heard(daemon)
            asked["prometheus"] = node.pod("prometheus")["http"]
            _kubeconfig(place / "mita-monitoring-rollback-0" / "tmp", api)
            yield Scene(
                cluster,
                receivers,
                Prometheus(asked["prometheus"]),
                Alertmanager(asked["alertmanager"]),
                daemon,
                born,
            )


def test_what_fires_reaches_slack_and_is_decided(scene: Scene) -> None:
    """It began two minutes ago, so Alertmanager waits for no more of its kind."""
    labels = {"alertname": "CriticalErrorRate", "service": SERVICE, "env": "production"}
    labels["severity"] = "critical"
    marks = {"rollback": "auto", "rollback_trigger": "error_rate_threshold", "symptom": "http_errors"}
    begun = (datetime.now(UTC) - timedelta(minutes=2)).isoformat()
    alert = {"labels": labels | marks, "annotations": {"summary": "requests fail"}, "startsAt": begun}
    scene.alertmanager.send("POST", "/api/v2/alerts", json=[alert]).raise_for_status()
    until("Slack to be told", lambda: _told(scene.receivers), deadline_s=30)
    until("the daemon to decide", lambda: scene.daemon.decisions(SERVICE), deadline_s=30)


def test_the_daemon_rolls_back_with_kubectl(scene: Scene) -> None:
    for version in ("1.0.0", "2.0.0"):
        scene.daemon.register_live(SERVICE, version, [SERVICE], "")
    wish = {"service": SERVICE, "to_version": "1.0.0", "reason": "a test", "by": "the scene"}
    begun = scene.daemon.ask("POST", "/api/admin/rollback/rollbacks", json=wish)
    until("1.0.0 to be live", lambda: scene.cluster.live() == "1.0.0", deadline_s=30)
    assert scene.cluster.refused == []
    found = scene.daemon.rollback(str(begun["id"]))
    assert found["to_version"] == "1.0.0", found


def test_the_heartbeat_reaches_the_outside_and_the_daemon(scene: Scene) -> None:
    """What fires before Prometheus has found its Alertmanager is sent again after a minute."""
    until("the heart to beat", lambda: scene.receivers.hearts()[HEART]["beats"], deadline_s=RESENT_S)
    until("the daemon to hear it", lambda: _heard(scene.daemon) > scene.born, deadline_s=30)


def test_no_rule_fails_and_every_target_is_asked(scene: Scene) -> None:
    wanted = dict.fromkeys(("prometheus", "alertmanager", "mita-rollback", "blackbox"), "up")
    wanted[SERVICE] = "down"  # nothing runs there
    until("every target to be asked", lambda: _targets(scene.prometheus) == wanted, deadline_s=30)
    groups = scene.prometheus.ask("GET", "/api/v1/rules")["data"]["groups"]
    health = {rule["health"] for group in groups for rule in group["rules"]}
    assert "ok" in health
    assert "err" not in health


def _services(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The images by the names that the stand-ins have."""
    found = (one for each in pods.Objects(objects).of(*pods.WORKLOADS) for one in pods.containers(each))
    names = {"blackbox": "blackbox-exporter"}
    return {str(names.get(one["name"], one["name"])): {"image": one["image"]} for one in found}


def _receivers(node: Node, place: Path) -> Receivers:
    settings = place / "receivers.json"
    channels = {SLACK: "#mita-alerts", DEPLOYMENTS: "#mita-deployments"}
    known = {
        "credentials": {"slack": channels, "pagerduty": {}, "webhook": {}},
        "smtp_username": "apikey",
        "smtp_password": SECRET,
        "dead_man": {HEART: 3600.0},
    }
    settings.write_text(json.dumps(known))
    settings.chmod(0o644)
    made = node.beside(
        "receivers",
        images.PYTHON,
        command=["python3", "-P", "-m", "receivers", "--settings", "/scene/receivers.json"],
        environment={"PYTHONPATH": "/scene"},
        ports={"9080/tcp": ("127.0.0.1", None)},
        volumes={
            str(REPO / "harness" / "receivers"): {"bind": "/scene/receivers", "mode": "ro"},
            str(settings): {"bind": "/scene/receivers.json", "mode": "ro"},
        },
    )
    made.reload()
    found = Receivers(f"http://127.0.0.1:{made.ports['9080/tcp'][0]['HostPort']}")
    until("the receivers to answer", lambda: found.send("GET", "/health").ok, deadline_s=30)
    return found


def _kubeconfig(home: Path, api: str) -> None:
    """In the place of the account's token, which only Kubernetes gives."""
    cluster = {"name": "c", "cluster": {"server": api}}
    context = {"name": "c", "context": {"cluster": "c", "user": ""}}
    known = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context]}
    (home / ".kube").mkdir(mode=0o777)
    (home / ".kube").chmod(0o777)
    (home / ".kube" / "config").write_text(json.dumps(known | {"current-context": "c"}))
    (home / ".kube" / "config").chmod(0o644)


def _heard(daemon: Daemon) -> float:
    """When the always-firing alert last arrived at the daemon."""
    lines = daemon.send("GET", "/metrics").text.splitlines()
    return next(float(one.split()[-1]) for one in lines if one.startswith("mita_rollback_last_watchdog"))


def _told(receivers: Receivers) -> bool:
    sent = receivers.requests(receiver="slack")
    return any(one["status"] == 200 and "CriticalErrorRate" in json.dumps(one["body"]) for one in sent)


def _targets(prometheus: Prometheus) -> dict[str, str]:
    """How each job's target is."""
    found = prometheus.ask("GET", "/api/v1/targets")["data"]["activeTargets"]
    return {str(one["labels"]["job"]): str(one["health"]) for one in found}
