"""A site's own inputs reach the pods as the roles write them to hosts."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools import chart
from devtools.paths import REPO
from monitoring.errors import CatalogError
from monitoring.site_files import site_files
from monitoring.yaml_text import read_yaml
from roles.alertmanager.filter_plugins.mita_alertmanager import alertmanager_files
from roles.alertmanager.filter_plugins.mita_relay import behind_relay, relay_files
from roles.prometheus.filter_plugins.mita_prometheus import prometheus_files
from tests.unit.chart.matrix import PROD, SECRETS, SITE
from tests.unit.chart.test_content import mounted

NATIVE = REPO / "monitoring"


@pytest.mark.slow
def test_messages_go_where_the_role_would_lead_them() -> None:
    mail = {
        "to": "ops@example.org",
        "from": "alerts@mita.finance",
        "smarthost": "smtp.sendgrid.net:587",
        "username": "apikey",
    }
    said = SITE | {"alertmanager_mail": mail, "alertmanager_dead_man": {"url": "https://x.example/"}}
    url = "http://mita-monitoring-rollback.monitoring.svc:8000"
    theirs = alertmanager_files(str(NATIVE), secrets=SECRETS, said=said, daemon={"url": url})
    wanted = read_yaml(behind_relay(theirs, 9096)[0]["content"])
    (dead_man,) = (one for one in wanted["receivers"] if one["name"] == "dead-man")
    dead_man["webhook_configs"][0] = {
        "url_file": "/etc/alertmanager/secrets/dead_man_url",
        "send_resolved": False,
    }
    assert read_yaml(mounted("sited", "alertmanager")["alertmanager.yml"]) == wanted
    (queue, *_) = relay_files(theirs, 9096, time_scale=1, directory="/x")
    assert read_yaml(mounted("sited", "alertmanager", "relay")["relay.json"]) == read_yaml(queue["content"])


@pytest.mark.slow
def test_rules_are_those_that_the_role_would_write() -> None:
    theirs = prometheus_files(
        str(NATIVE),
        alert_overrides=SITE["prometheus_alert_overrides"],
        runbooks_url="https://rollback.mita.finance/runbooks",
        dashboards_url="https://grafana.mita.finance",
    )
    ours = mounted("sited", "prometheus")
    for file in theirs[1:]:
        assert read_yaml(ours[file["path"]]) == read_yaml(file["content"])
    assert b"> 0.3" in ours["rules/http.rules.yml"]
    assert b"alert: HostDown\n" not in ours["rules/host.rules.yml"]


@pytest.mark.slow
def test_another_input_rolls_the_pods() -> None:
    sums = [_annotations(files) for files in ({}, site_files(SITE, Path()))]
    changed = {name for name in sums[0] if sums[0][name] != sums[1][name]}
    assert changed >= {"alertmanager checksum/config", "prometheus checksum/rules"}


def _annotations(files: dict[str, str]) -> dict[str, str]:
    found = chart.rendered(PROD, values={"files": files})
    return {
        f"{one['metadata']['labels']['app.kubernetes.io/component']} {name}": text
        for one in found
        if one["kind"] == "StatefulSet"
        for name, text in one["spec"]["template"]["metadata"]["annotations"].items()
    }


def test_nothing_said_changes_nothing() -> None:
    assert site_files({}, Path()) == {}


def test_files_of_a_site_stand_beside_ours(tmp_path: Path) -> None:
    rule = {"alert": "ShopClosed", "expr": "up == 0", "labels": {"severity": "error"}}
    group = {"groups": [{"name": "shop", "rules": [rule]}]}
    (tmp_path / "shop.rules.yml").write_text(yaml.safe_dump(group))
    (tmp_path / "shop.tmpl").write_text('{{ define "shop" }}x{{ end }}')
    said = {"prometheus_rule_files": ["shop.rules.yml"], "alertmanager_template_files": ["shop.tmpl"]}
    assert set(site_files(said, tmp_path)) == {"rules/shop.rules.yml", "templates/shop.tmpl"}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "expected a mapping of inputs of the roles"),
        ({"alertmanager_mail": {"to": "a@b.c"}}, "in the values of the chart, as alertmanager.mail"),
        ({"alertmanager_without": {"slack": "none"}}, "as alertmanager.without"),
        ({"alertmanager_route": []}, "is alertmanager_routes meant?"),
        ({"prometheus_alert_overrides": {"HostDwn": {"for": "1m"}}}, "is HostDown meant?"),
        ({"alertmanager_routes": [{"matchers": ['x="y"'], "receiver": "shop"}]}, "alertmanager_routes"),
        ({"alertmanager_template_files": ["slack.tmpl"]}, "expected a name of its own"),
        ({"alertmanager_template_files": "slack.tmpl"}, "expected a list of paths"),
        ({"prometheus_rule_files": ["none.rules.yml"]}, "expected a rule file at"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(said: Any, words: str) -> None:
    with pytest.raises(CatalogError) as refused:
        site_files(said, Path("/nowhere"))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "entry", "place"),
    [
        ("slack_configs", {"channel": "#x", "api_url": "https://hooks.slack.com/planted"}, "api_url"),
        ("pagerduty_configs", {"routing_key": "planted"}, "routing_key"),
        ("webhook_configs", {"url": "https://u:planted@example.org/"}, "url"),
        (
            "webhook_configs",
            {
                "url": "https://x.org/",
                "http_config": {"basic_auth": {"username": "u", "password": "planted"}},
            },
            "http_config basic_auth password",
        ),
    ],
)
def test_a_secret_that_would_be_in_a_configmap_is_refused(
    kind: str, entry: dict[str, Any], place: str
) -> None:
    with pytest.raises(CatalogError) as refused:
        site_files({"alertmanager_receivers": [{"name": "shop", kind: [entry]}]}, Path())
    assert f"alertmanager.yml, receivers shop {kind} {place}: expected no secret" in str(refused.value)
    assert "planted" not in str(refused.value)


def test_a_secret_of_a_scrape_is_refused_as_well() -> None:
    scrape = {"job_name": "node", "authorization": {"credentials": "planted"}}
    with pytest.raises(
        CatalogError, match=r"prometheus.yml, scrape_configs.* credentials: expected no secret"
    ):
        site_files({"prometheus_overrides": {"scrape_configs": [scrape]}}, Path())


@pytest.mark.slow
def test_a_person_types_it(tmp_path: Path) -> None:
    """As the page has it: helm takes what it prints; a fault is one sentence, and no values."""
    page = (REPO / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"cat > cluster\.yml <<'END'\n(.*?)END\n", page, re.DOTALL)
    site = tmp_path / "cluster.yml"
    site.write_text(example)
    done = _typed(site)
    assert done.returncode == 0, done.stderr
    values = tmp_path / "values.site.yaml"
    values.write_text(done.stdout)
    found = str(chart.rendered(PROD, values))
    for words in ("> 0.3", "shop@example.org", "#dba", "slack_database_url"):
        assert words in found
    site.write_text("alertmanager_chanels: {}\n")
    done = _typed(site)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{site}: the site's inputs: expected some of")


def _typed(site: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "monitoring.site_files", str(site)]
    return subprocess.run(argv, cwd=REPO, capture_output=True, text=True, check=False)
