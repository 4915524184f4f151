"""The files in the pods are taken by promtool and amtool, and are those that the roles write."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools import pods
from devtools.paths import REPO
from devtools.tools import tool
from monitoring.yaml_text import read_yaml
from roles.alertmanager.filter_plugins.mita_alertmanager import alertmanager_files
from roles.alertmanager.filter_plugins.mita_relay import behind_relay
from roles.grafana.filter_plugins.mita_grafana import dashboards, provider, source
from roles.prometheus.filter_plugins.mita_prometheus import expected_files, prometheus_files
from rollback.reloading import load
from tests.unit.chart.matrix import SECRETS, VALUES, objects

pytestmark = pytest.mark.slow
NATIVE = REPO / "monitoring"
ETC = "/etc/alertmanager/secrets/"
CONFIGURED = ("prod", "small", "alone", "listed", "sited")
"""The sets that differ in what Prometheus and Alertmanager are told."""


def mounted(values: str, component: str, volume: str = "config") -> pods.Files:
    """The files of a component's pod."""
    found = objects(values)
    (workload,) = (
        one
        for one in found.of(*pods.WORKLOADS)
        if one["metadata"]["labels"]["app.kubernetes.io/component"] == component
    )
    return found.volume(pods.pod(workload), volume)


@pytest.mark.parametrize("values", CONFIGURED)
def test_promtool_takes_what_is_mounted(values: str, tmp_path: Path) -> None:
    files = mounted(values, "prometheus")
    place = str(tmp_path).encode()
    files["prometheus.yml"] = _without_discovery(files["prometheus.yml"].replace(b"/etc/prometheus", place))
    pods.write(files, tmp_path)
    argv = [str(tool("promtool")), "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    config = read_yaml(files["prometheus.yml"])
    listed = {f"targets/{one['job_name']}.yml" for one in config["scrape_configs"]}
    assert {path for path in files if path.startswith("targets/")} <= listed


@pytest.mark.parametrize("values", CONFIGURED)
def test_amtool_takes_what_is_mounted(values: str, tmp_path: Path) -> None:
    files = mounted(values, "alertmanager")
    pods.write(files, tmp_path)
    argv = [str(tool("amtool-0.28")), "check-config", str(tmp_path / "alertmanager.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    named = {
        text.removeprefix(ETC)
        for text in _texts(read_yaml(files["alertmanager.yml"]))
        if text.startswith(ETC)
    }
    assert named == {path.removeprefix("secrets/") for path in files if path.startswith("secrets/")}


@pytest.mark.parametrize("values", [name for name in VALUES if name not in ("alone", "elsewhere")])
def test_the_daemon_takes_its_settings(values: str, tmp_path: Path) -> None:
    files = mounted(values, "rollback")
    pods.write(files, tmp_path)
    (tmp_path / "secrets" / "rollback_slack_webhook_url").write_text("https://hooks.slack.example/x")
    (tmp_path / "secrets" / "rollback_pagerduty_routing_key").write_text("0" * 32)
    for name in ("rollback_webhook_secret", "rollback_admin_secret"):
        (tmp_path / "secrets" / name).write_text(f"{name}-long-enough-to-be-one")
    loaded = load(tmp_path / "settings.yml")
    executor = loaded.settings.executor
    assert executor.argv
    assert not any(
        "{" in part for part in executor.argv if part not in ("--service={service}", "--to={to_version}")
    )


def test_rules_and_templates_are_the_native_bytes() -> None:
    rules, templates = mounted("small", "prometheus"), mounted("small", "alertmanager")
    for path in sorted((NATIVE / "rules").glob("*.rules.yml")):
        assert rules[f"rules/{path.name}"] == path.read_bytes()
    for path in sorted((NATIVE / "templates").glob("*.tmpl")):
        assert templates[f"templates/{path.name}"] == path.read_bytes()
    config = read_yaml(mounted("alone", "prometheus")["prometheus.yml"])
    assert config["rule_files"] == read_yaml((NATIVE / "prometheus.yml").read_text())["rule_files"]


def test_rules_with_a_sites_links_are_those_of_the_role() -> None:
    runbooks, dashboards_url = "https://rollback.mita.finance/runbooks", "https://grafana.mita.finance"
    ours, theirs = (
        mounted("prod", "prometheus"),
        prometheus_files(str(NATIVE), runbooks_url=runbooks, dashboards_url=dashboards_url),
    )
    for file in theirs[1:]:
        assert read_yaml(ours[file["path"]]) == read_yaml(file["content"])
    assert {path for path in ours if path.startswith("rules/")} == {
        "rules/expected.rules.yml",
        *(file["path"] for file in theirs[1:]),
    }


def test_prometheus_is_told_the_same_as_by_the_role() -> None:
    (theirs, *_) = prometheus_files(str(NATIVE), own={"labels": {"replica": "${POD_NAME}"}})
    ours, wanted = (
        read_yaml(text) for text in (mounted("prod", "prometheus")["prometheus.yml"], theirs["content"])
    )
    for config in (ours, wanted):  # how pods are found is the chart's own
        config["scrape_configs"] = [
            one for one in config["scrape_configs"] if one["job_name"] != "mita-backend"
        ]
    assert ours == wanted


def test_expected_targets_are_counted_as_by_the_role() -> None:
    files = mounted("listed", "prometheus")
    theirs = [
        {"path": path, "content": content.decode()}
        for path, content in files.items()
        if path.startswith("targets/")
    ]
    config = [{"path": "prometheus.yml", "content": files["prometheus.yml"].decode()}]
    (written,) = expected_files(theirs, config)
    ours, wanted = (
        sorted(read_yaml(text)["groups"][0]["rules"], key=lambda rule: str(rule["labels"]["job"]))
        for text in (files["rules/expected.rules.yml"], written["content"])
    )
    assert ours == wanted


def test_alertmanager_is_told_the_same_as_by_the_role() -> None:
    mail = {
        "to": "mikhail@mita.finance",
        "from": "alerts@mita.finance",
        "smarthost": "smtp.sendgrid.net:587",
        "username": "apikey",
    }
    url = "http://mita-monitoring-rollback.monitoring.svc:8000"
    said = {"alertmanager_mail": mail, "alertmanager_dead_man": {"url": "https://dead-man.example/"}}
    theirs = alertmanager_files(str(NATIVE), secrets=SECRETS, said=said, daemon={"url": url})
    wanted = read_yaml(behind_relay(theirs, 9096)[0]["content"])
    (dead_man,) = (one for one in wanted["receivers"] if one["name"] == "dead-man")
    del dead_man["webhook_configs"][0]["url"]
    dead_man["webhook_configs"][0]["url_file"] = f"{ETC}dead_man_url"
    assert read_yaml(mounted("prod", "alertmanager")["alertmanager.yml"]) == wanted


def test_a_site_without_a_pager_is_told_the_same_as_by_the_role() -> None:
    without = {"mail": "none", "pagerduty": "none", "dead_man": "none"}
    url = "http://mita-monitoring-rollback.monitoring.svc:8000"
    theirs = alertmanager_files(
        str(NATIVE), secrets=SECRETS, said={"alertmanager_without": without}, daemon={"url": url}
    )
    ours = read_yaml(mounted("small", "alertmanager")["alertmanager.yml"])
    wanted = read_yaml(behind_relay(theirs, 9096)[0]["content"])
    assert ours["route"] == wanted["route"]
    assert ours["inhibit_rules"] == wanted["inhibit_rules"]
    assert ours == wanted


def test_a_daemon_elsewhere_is_told_at_its_public_address() -> None:
    config = read_yaml(mounted("elsewhere", "alertmanager")["alertmanager.yml"])
    hooks = [hook for one in config["receivers"] for hook in one.get("webhook_configs", [])]
    assert {hook["url"] for hook in hooks} == {"https://api.mita.finance/api/admin/rollback/trigger"}
    alone = read_yaml(mounted("alone", "alertmanager")["alertmanager.yml"])
    assert not [one for one in alone["receivers"] if "webhook_configs" in one]


def test_dashboards_are_those_of_the_role() -> None:
    files = mounted("prod", "grafana")
    links = {
        "runbooks": "https://rollback.mita.finance/runbooks",
        "alertmanager": "https://alertmanager.mita.finance",
        "daemon": "https://rollback.mita.finance",
    }
    wanted = {file["path"]: file["content"].encode() for file in dashboards(str(NATIVE), links)}
    assert {path: text for path, text in files.items() if path.startswith("dashboards/")} == wanted
    assert read_yaml(files["provisioning/dashboards/mita.yml"]) == read_yaml(
        provider("/etc/grafana/dashboards")
    )
    url = "http://mita-monitoring-prometheus.monitoring.svc:9090"
    assert read_yaml(files["provisioning/datasources/mita.yml"]) == read_yaml(source({}, url)[0]["content"])


def test_the_operators_rules_are_the_native_rules() -> None:
    found = {one["metadata"]["name"]: one["spec"] for one in objects("operator").of("PrometheusRule")}
    for path in sorted((NATIVE / "rules").glob("*.rules.yml")):
        name = f"mita-monitoring-rules-{path.name.removesuffix('.rules.yml')}"
        assert found.pop(name) == read_yaml(path.read_text())
    assert not found


def _without_discovery(text: bytes) -> bytes:
    """Debian builds Prometheus without the discovery of pods, so promtool reads the rest of such a job."""
    config = read_yaml(text)
    for job in config["scrape_configs"]:
        for found in job.pop("kubernetes_sd_configs", []):
            assert set(found) == {"role", "namespaces", "selectors"}
            assert found["role"] == "pod"
            assert [set(one) for one in found["selectors"]] == [{"role", "label"}]
            job["static_configs"] = []
    return yaml.safe_dump(config, sort_keys=False).encode()


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in _texts(one)]
