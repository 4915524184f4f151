"""What a site adds from its inventory: jobs, rules, templates, probe modules, stores and labels."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from devtools.paths import REPO
from monitoring.yaml_text import read_yaml
from roles.alertmanager.filter_plugins.mita_alertmanager import alertmanager_files
from roles.program.filter_plugins.mita_exporters import blackbox, data_file, exporter_jobs, instances
from roles.prometheus.filter_plugins.mita_prometheus import (
    all_jobs,
    expected_files,
    prometheus_files,
    public_modules,
    scrape_plan,
)

CONTENT = str(REPO / "monitoring")
BLACKBOX = (REPO / "monitoring" / "blackbox.yml").read_text()
MAIL = {"to": "a@x", "from": "b@x", "smarthost": "x:25"}
SAID = {"alertmanager_mail": MAIL, "alertmanager_without": {"dead_man": "a test"}}
SECRETS = ("pagerduty_critical_key", "pagerduty_error_key", "rollback_webhook_secret", "slack_webhook_url")
SHOP: dict[str, Any] = {"groups": ["shop"], "port": 9000}


def rendered(overrides: Any = None, **own: Any) -> dict[str, Any]:
    """prometheus.yml with what a site adds."""
    files = prometheus_files(CONTENT, own=own, overrides=overrides)
    return dict(read_yaml(next(file["content"] for file in files if file["path"] == "prometheus.yml")))


def scrape(config: dict[str, Any], job: str) -> dict[str, Any]:
    return next(one for one in config["scrape_configs"] if one["job_name"] == job)


def test_a_job_of_a_site_is_scraped_beside_ours() -> None:
    jobs = all_jobs(exporter_jobs({}, {}), {"shop": SHOP}, ["shop"])

    config = rendered(jobs=jobs)

    assert scrape(config, "shop") == {
        "job_name": "shop",
        "file_sd_configs": [{"files": ["targets/shop.yml"]}],
    }
    assert scrape(config, "node")
    (file,) = scrape_plan({"shop": SHOP}, {"shop": ["s1"]}, {"s1": {}}, environment="x")["files"]
    assert file["path"] == "targets/shop.yml"


OWN = {"exporter_files": [str(REPO / "tests" / "own_exporter" / "batch.yml")]}


def test_an_exporter_of_a_site_runs_is_scraped_and_expected() -> None:
    groups, hosts = {"batch": ["p1"], "monitoring": ["watch"]}, {"p1": OWN, "watch": OWN}

    jobs = exporter_jobs(groups, hosts)

    assert {"name": "batch", "kind": "batch"} in instances("p1", hosts, groups)
    assert scrape(rendered(jobs=jobs), "batch")["file_sd_configs"] == [{"files": ["targets/batch.yml"]}]
    plan = scrape_plan({"batch": jobs["batch"]}, groups, hosts, environment="x", here="watch")
    assert [entry["targets"] for entry in plan["targets"]["batch"]] == [["p1:9101"]]
    assert "batch" in plan["known"]
    assert data_file("batch", OWN["exporter_files"]) == OWN["exporter_files"][0]


def test_an_exporter_of_a_site_that_describes_no_group_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"expected batch to describe a group .* found batch"):
        exporter_jobs({"monitoring": ["watch"]}, {"watch": OWN})


def test_an_exporter_that_no_group_calls_for_is_neither_installed_nor_expected() -> None:
    """nginx, MySQL, the gateway and programs are in no group of this site, which may not even know them."""
    groups: dict[str, list[str]] = {"application": ["a1"], "monitoring": ["watch"], "nginx": []}
    hosts: dict[str, dict[str, Any]] = {"a1": {}, "watch": {}}

    plan = scrape_plan(exporter_jobs(groups, hosts), groups, hosts, environment="x", here="watch")

    found = {one["kind"] for host in hosts for one in instances(host, hosts, groups)}
    assert found == {"node", "blackbox"}
    assert not {"nginx", "mysqld", "pushgateway", "process"} & plan["targets"].keys()
    assert not [
        rule for rule in expected_files(plan["files"], prometheus_files(CONTENT)) if "nginx" in str(rule)
    ]


def test_a_job_says_how_it_is_scraped() -> None:
    said = {"metrics_path": "/internal", "scrape_interval": "30s"}

    config = rendered(jobs={"shop": {**SHOP, "scrape": said}, "node": {"scrape": {"scrape_interval": "1m"}}})

    assert said.items() <= scrape(config, "shop").items()
    assert scrape(config, "node")["scrape_interval"] == "1m" and scrape(config, "node")["file_sd_configs"]


def test_a_probe_of_a_site_asks_through_the_exporter_that_probes() -> None:
    config = rendered(jobs={"shop-http": {**SHOP, "url_path": "/up"}})

    found = scrape(config, "shop-http")
    assert found["metrics_path"] == "/probe"
    assert found["relabel_configs"] == scrape(config, "blackbox-http")["relabel_configs"]
    assert found["file_sd_configs"] == [{"files": ["targets/shop-http.yml"]}]


def test_what_is_said_of_a_job_of_ours_is_laid_over_it() -> None:
    jobs = all_jobs({"node": {"groups": ["application"], "port": 9100}}, {"node": {"service": "machines"}})

    assert jobs["node"] == {"groups": ["application"], "port": 9100, "service": "machines"}


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ({"groups": ["shpo"], "port": 1}, "expected shop to have groups of this inventory, .* found shpo"),
        ({"groups": [], "port": 1}, "expected shop to have groups of this inventory, .* found neither"),
        ({"port": 1}, "found shop: {'port': 1}"),
    ],
)
def test_a_job_that_can_never_scrape_is_refused(job: dict[str, Any], says: str) -> None:
    with pytest.raises(AnsibleFilterError, match=says):
        all_jobs({}, {"shop": job}, ["application"])


def test_a_scrape_without_targets_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="expected the scrape nod to say where its targets are"):
        rendered({"scrape_configs": [{"job_name": "nod", "scheme": "https"}]})


def test_labels_and_stores_are_prometheus_own() -> None:
    store = {"url": "https://store.example.org/push"}

    config = rendered(labels={"site": "sofia", "replica": "watch1"}, stores=[store])

    assert config["global"]["external_labels"] == {"site": "sofia", "replica": "watch1"}
    assert config["global"]["scrape_interval"] and config["alerting"]["alertmanagers"]
    assert config["alerting"]["alert_relabel_configs"] == [{"regex": "replica", "action": "labeldrop"}]
    assert config["remote_write"] == [store]


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"labels": {"site-name": "x"}}, "prometheus_external_labels: expected names and texts"),
        ({"labels": {"site": 1}}, "found site: 1"),
        ({"stores": [{"url": "store:9090"}]}, "prometheus_remote_write: expected each as Prometheus has it"),
        ({"stores": ["https://x/"]}, "prometheus_remote_write: expected each as Prometheus has it"),
        ({"jobs": {"shop": {**SHOP, "scrape": ["x"]}}}, "prometheus_jobs: expected scrape of shop as"),
        ({"rule_files": "x.rules.yml"}, "prometheus_rule_files: expected a list of paths"),
        ({"rule_files": ["/nowhere/x.rules.yml"]}, "expected a rule file at /nowhere/x.rules.yml"),
        ({"rule_files": ["/nowhere/redis.rules.yml"]}, "expected a name of its own"),
        ({"rule_files": ["/nowhere/x.yml"]}, r"ending with \.rules\.yml, found x\.yml"),
    ],
)
def test_what_prometheus_could_not_use_is_refused(own: dict[str, Any], says: str) -> None:
    with pytest.raises(AnsibleFilterError, match=says):
        rendered(**own)


def rule_file(place: Path, alert: str, expression: str) -> str:
    path = place / "shop.rules.yml"
    path.write_text(
        yaml.safe_dump({"groups": [{"name": "shop", "rules": [{"alert": alert, "expr": expression}]}]})
    )
    return str(path)


def test_rules_of_a_site_are_installed_as_they_are(tmp_path: Path) -> None:
    path = rule_file(tmp_path, "ShopEmpty", "shop_items == 0")

    files = {file["path"]: file["content"] for file in prometheus_files(CONTENT, own={"rule_files": [path]})}

    assert files["rules/shop.rules.yml"] == Path(path).read_text()
    assert "rules/redis.rules.yml" in files


@pytest.mark.parametrize(
    ("alert", "expression", "says"),
    [
        ("ShopEmpty", "shop_items ==", "expected a PromQL expression, found 'shop_items =='"),
        ("RedisDown", "up == 0", "expected alerts of other names than"),
    ],
)
def test_rules_that_cannot_be_are_refused(tmp_path: Path, alert: str, expression: str, says: str) -> None:
    taken = {"RedisDown": "RedisConnectionFailure"}.get(alert, alert)

    with pytest.raises(AnsibleFilterError, match=says):
        prometheus_files(CONTENT, own={"rule_files": [rule_file(tmp_path, taken, expression)]})


def templates(paths: Any) -> dict[str, str]:
    secrets = dict.fromkeys(SECRETS, "https://example.org/")
    files = alertmanager_files(CONTENT, secrets=secrets, said=SAID, own_templates=paths)
    return {file["path"]: file["content"] for file in files if file["path"].startswith("templates/")}


def test_templates_of_a_site_are_beside_ours(tmp_path: Path) -> None:
    (tmp_path / "shop.tmpl").write_text('{{ define "shop" }}{{ end }}')

    found = templates([str(tmp_path / "shop.tmpl")])

    assert found["templates/shop.tmpl"] == '{{ define "shop" }}{{ end }}'
    assert "templates/slack.tmpl" in found


@pytest.mark.parametrize("paths", ["x.tmpl", ["/nowhere/x.tmpl"], ["/nowhere/slack.tmpl"], ["/etc/hostname"]])
def test_templates_that_cannot_be_are_refused(paths: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="alertmanager_template_files: expected"):
        templates(paths)


def test_two_templates_of_one_name_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "shop.tmpl").write_bytes(b"\xe9")

    with pytest.raises(AnsibleFilterError, match="expected a text in UTF-8 at "):
        templates([str(tmp_path / "a" / "shop.tmpl")])
    (tmp_path / "b" / "shop.tmpl").write_text("x")
    with pytest.raises(AnsibleFilterError, match="expected a file with a name of its own"):
        templates([str(tmp_path / place / "shop.tmpl") for place in ("b", "b")])


def test_a_job_that_could_not_be_asked_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="shop: expected url_path to begin with /"):
        all_jobs({}, {"shop": {**SHOP, "url_path": "up"}}, ["shop"])


def test_modules_of_a_site_are_beside_ours() -> None:
    text = blackbox(BLACKBOX, {"shop": {"prober": "tcp"}, "http_2xx": {"timeout": "9s"}})

    modules = read_yaml(text)["modules"]
    assert modules["shop"] == {"prober": "tcp"} and modules["http_2xx"]["timeout"] == "9s"
    assert modules["http_2xx"]["prober"] == "http"
    assert blackbox(BLACKBOX, {}) == BLACKBOX


@pytest.mark.parametrize("modules", [["x"], {"shop": {}}, {"shop": {"prober": "telepathy"}}, {"shop": "tcp"}])
def test_modules_that_cannot_be_are_refused(modules: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="exporter_blackbox_modules: expected"):
        blackbox(BLACKBOX, modules)


def test_a_public_address_names_a_module_that_there_is() -> None:
    assert public_modules(BLACKBOX, [{"url": "x", "module": "tcp_connect"}, {"url": "y"}])

    with pytest.raises(AnsibleFilterError, match=r"expected module of .* found http_3xx"):
        public_modules(BLACKBOX, [{"url": "x", "module": "http_3xx"}])


def test_an_exporter_that_nobody_knows_is_named_with_those_that_are() -> None:
    with pytest.raises(
        AnsibleFilterError, match=r"exporter_name: expected one of .*node.*, found nodes; a new"
    ):
        data_file("nodes", [])
