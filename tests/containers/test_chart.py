"""The chart in containers: a bad release fires a rule of it, people are told, kubectl undoes the release.

A real cluster is missing: Docker starts the containers, and kubectl speaks to a stand-in of the API server.
Nothing is posted by hand. What waits is what `prometheus_time_scale` and its like leave of the waiting.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from application import faults
from devtools import chart, pods
from devtools.cluster_tools import cluster_tool
from devtools.paths import REPO
from devtools.wait import until
from harness.clients import Alertmanager, Application, Daemon, Http, Prometheus, Receivers
from harness.containers import images
from harness.containers.around import around
from harness.containers.chart_node import Node
from harness.load.run import Wanted, running
from monitoring.site_files import site_files
from monitoring.yaml_text import read_yaml
from tests.unit.chart.matrix import SMALL
from tests.unit.chart.stand_in import Cluster, serving

pytestmark = [pytest.mark.lab, pytest.mark.long]
SERVICE, ALERT = "mita-backend", "CriticalErrorRate"
GOOD, BAD = "1.0.0", "2.0.0"
SLACK, DEPLOYMENTS, HEART = "T0/B0/alerts", "T0/B0/deployments", "mita"
SECRET = "planted-secret-of-the-scene"
REGISTRY = images.REGISTRY
SCALE = 15
RATE, LONGEST_S = 25, 240.0
SOON_S, ROLLED_BACK_S = 30.0, 120.0
OVER_S, RESENT_S = 60.0, 100.0


@dataclass
class Scene:
    """Everything that runs, and how it is asked."""

    node: Node
    cluster: Cluster
    receivers: Receivers
    prometheus: Prometheus
    alertmanager: Alertmanager
    daemon: Daemon
    application: Application
    born: float


def values() -> dict[str, Any]:
    """values.small.yaml for what runs here, with images that are made of Debian's packages."""
    found: dict[str, Any] = read_yaml(SMALL.read_text(encoding="utf-8"))
    own = {"repository": f"{REGISTRY}/mita-monitoring", "tag": "test"}
    found |= {"environment": "production", "image": own}
    scaled = {f"{name}_time_scale": SCALE for name in ("prometheus", "alertmanager")}
    found["files"] = site_files(scaled, Path())
    prometheus, alertmanager, rollback = (found[name] for name in ("prometheus", "alertmanager", "rollback"))
    prometheus["image"] = {"repository": f"{REGISTRY}/prom/prometheus"}
    prometheus["blackbox"] = {"image": {"repository": f"{REGISTRY}/prom/blackbox-exporter"}}
    del prometheus["discovery"]  # Debian's Prometheus cannot look for pods
    prometheus["targets"] = {SERVICE: [{"targets": ["app:8080"]}]}
    alertmanager["image"] = {"repository": f"{REGISTRY}/prom/alertmanager"}
    del alertmanager["without"]["dead_man"]
    alertmanager["deadMan"] = {"secretKey": "dead_man_url"}
    rollback["slack"] = True
    rollback["settings"] = {"time_scale": SCALE}  # acts by itself
    rollback["executor"]["services"] = {SERVICE: {"probe": "http://app:8080/health/ready"}}
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
    """One bring-up: the pods, what stands beside each, the application, and who is told."""
    place = tmp_path_factory.mktemp("chart")
    place.chmod(0o755)
    _write(place)
    rules = pods.Objects(chart.rendered(SMALL)).get("Role", "mita-monitoring-rollback")["rules"]
    cluster = Cluster("mita", SERVICE, [GOOD], rules)
    objects = pods.Objects([*chart.rendered(values=values()), pods.secret("mita-monitoring", secrets())])
    with serving(cluster, address="0.0.0.0") as served:  # noqa: S104 - containers ask it
        client = images.ensure(_services(objects))
        with Node(client, f"chart-{os.getpid()}", place, objects) as node:
            node.extra = {"/usr/bin/kubectl": cluster_tool("kubectl")}
            beside = around(node, place)
            receivers = Receivers(_address(beside["receivers"], 9080))
            until("the receivers to answer", lambda: receivers.send("GET", "/health").ok, deadline_s=SOON_S)
            platform = Http(_address(beside["app"], 9999))
            cluster.starts = lambda version: platform.send("POST", f"/versions/{version}")
            asked = {one: node.pod(one)["http"] for one in ("alertmanager", "rollback")}
            daemon = Daemon(asked["rollback"], auth=("admin", f"{SECRET}-admin"))
            born = _heard(daemon)
            asked["prometheus"] = node.pod("prometheus")["http"]
            api = f"http://{node.gateway}:{served.rpartition(':')[2]}"
            _kubeconfig(place / "mita-monitoring-rollback-0" / "tmp", api)
            yield Scene(
                node,
                cluster,
                receivers,
                Prometheus(asked["prometheus"]),
                Alertmanager(asked["alertmanager"]),
                daemon,
                Application(_address(beside["app"], 8080)),
                born,
            )


@pytest.fixture(scope="module", autouse=True)
def bad_release(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Users come, and a release that fails two requests of five goes live."""
    out = tmp_path_factory.mktemp("load")
    wanted = Wanted(targets=[scene.application.base], out=out, rate=RATE, duration=LONGEST_S)
    scene.daemon.register_live(SERVICE, GOOD, [SERVICE], "")
    scene.daemon.mark(SERVICE, GOOD, "good")
    with running(wanted) as load:
        until("users to be served", lambda: len(load.seconds()) >= 2, deadline_s=SOON_S)
        scene.daemon.register_live(SERVICE, BAD, [SERVICE], "")
        scene.cluster.deploy(BAD)
        yield


def test_a_bad_release_is_rolled_back_by_kubectl(scene: Scene) -> None:
    """Rule, Prometheus, Alertmanager, daemon, kubectl, and measured recovery: no human."""
    until(
        "the rollback to have succeeded",
        lambda: [one["phase"] for one in scene.daemon.rollbacks(SERVICE)] == ["succeeded"],
        deadline_s=ROLLED_BACK_S,
        explain=lambda: json.dumps(
            [
                scene.prometheus.alerts(),
                scene.daemon.decisions(SERVICE),
                scene.daemon.rollbacks(SERVICE),
                scene.cluster.refused,
            ]
        )[:6000],
    )
    (rollback,) = scene.daemon.rollbacks(SERVICE)
    assert (rollback["from_version"], rollback["to_version"]) == (BAD, GOOD)
    assert rollback["verification"]["verdict"] == "fixed"
    assert scene.cluster.live() == scene.application.version() == GOOD
    assert scene.cluster.refused == []


def test_slack_is_told_by_the_queue(scene: Scene) -> None:
    until(f"Slack to be told of {ALERT}", lambda: _told(scene.receivers, ALERT), deadline_s=SOON_S)
    agents = {one["headers"]["user-agent"] for one in _told(scene.receivers, ALERT)}
    assert agents == {"Alertmanager-Relay"}


def test_the_queue_says_that_nothing_waits(scene: Scene) -> None:
    """By the command of docs/kubernetes.md, typed in its container."""
    page = (REPO / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"-c relay -- (.*?)`", page)
    (relay,) = (one for one in scene.node.started if one.name.endswith("-relay"))
    done = relay.exec_run(command)
    assert done.exit_code == 0, done.output


def test_slack_hears_that_it_is_over(scene: Scene) -> None:
    """Nobody is left with a message of what has ended."""
    until("the end to be told", lambda: _told(scene.receivers, ALERT, "is over"), deadline_s=OVER_S)


def test_the_looks_see_what_alertmanager_has(scene: Scene) -> None:
    memory = scene.node.place / "mita-monitoring-alertmanager-0" / "data" / "closing" / "memory.json"
    until("a look to have seen the heartbeat", lambda: "Watchdog" in memory.read_text(), deadline_s=RESENT_S)


def test_the_heartbeat_reaches_the_outside_and_the_daemon(scene: Scene) -> None:
    """What fires before Prometheus has found its Alertmanager is sent again after a minute."""
    until("the heart to beat", lambda: scene.receivers.hearts()[HEART]["beats"], deadline_s=RESENT_S)
    until("the daemon to hear it", lambda: _heard(scene.daemon) > scene.born, deadline_s=30)


def test_no_secret_is_seen_of_a_pod(scene: Scene) -> None:
    """Neither in what Docker knows of a container, nor in the environment of its process."""
    for one in scene.node.started:
        one.reload()
        assert SECRET not in json.dumps([one.attrs["Config"], one.attrs["Args"]]), one.name
        if pid := one.attrs["State"]["Pid"]:
            assert SECRET.encode() not in Path(f"/proc/{pid}/environ").read_bytes(), one.name


def test_no_rule_fails_and_every_target_is_asked(scene: Scene) -> None:
    wanted = dict.fromkeys(("prometheus", "alertmanager", "mita-rollback", "blackbox", SERVICE), "up")
    until("every target to be asked", lambda: _targets(scene.prometheus) == wanted, deadline_s=30)
    groups = scene.prometheus.ask("GET", "/api/v1/rules")["data"]["groups"]
    health = {rule["health"] for group in groups for rule in group["rules"]}
    assert "ok" in health
    assert "err" not in health


def _services(objects: pods.Objects) -> dict[str, dict[str, Any]]:
    """The images by the names that the stand-ins have."""
    found = (one for each in objects.of(*pods.WORKLOADS) for one in pods.containers(each))
    names = {"blackbox": "blackbox-exporter"}
    return {str(names.get(one["name"], one["name"])): {"image": one["image"]} for one in found}


def _write(place: Path) -> None:
    """The releases of the application, and whom the receivers know."""
    (place / "manifests").mkdir()
    for version, specs in {GOOD: (), BAD: ("error-ratio=0.4",)}.items():
        fault = faults.to_manifest([faults.parse(spec) for spec in specs])
        manifest = {"name": SERVICE, "version": version, "fault": fault}
        (place / "manifests" / f"{version}.json").write_text(json.dumps(manifest))
    channels = {SLACK: "#mita-alerts", DEPLOYMENTS: "#mita-deployments"}
    known = {
        "credentials": {"slack": channels, "pagerduty": {}, "webhook": {}},
        "smtp_username": "apikey",
        "smtp_password": SECRET,
        "dead_man": {HEART: 3600.0},
    }
    (place / "receivers.json").write_text(json.dumps(known))
    for path in place.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _address(container: Container, port: int) -> str:
    (bound, *_) = container.ports[f"{port}/tcp"]
    return f"http://127.0.0.1:{bound['HostPort']}"


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


def _told(receivers: Receivers, *words: str) -> list[dict[str, Any]]:
    """What Slack took from Alertmanager that has each of these words."""
    sent: list[dict[str, Any]] = receivers.requests(receiver="slack")
    mine = [one for one in sent if one["status"] == 200 and one.get("channel") == "#mita-alerts"]
    return [one for one in mine if all(word in json.dumps(one["body"]) for word in words)]


def _targets(prometheus: Prometheus) -> dict[str, str]:
    """How each job's target is."""
    found = prometheus.ask("GET", "/api/v1/targets")["data"]["activeTargets"]
    return {str(one["labels"]["job"]): str(one["health"]) for one in found}
