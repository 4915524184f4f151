"""Who asks a service of this site asks it where the inventory has it, as it wants to be asked."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from devtools.paths import REPO
from harness.scratch.certificates import self_signed
from monitoring.yaml_text import read_yaml
from roles.alertmanager.filter_plugins.mita_alertmanager import alertmanager_files
from roles.alertmanager.filter_plugins.mita_cluster import told_to_peers
from roles.program.filter_plugins.mita_endpoints import (
    database_host,
    database_place,
    neighbour,
    own_url,
    place,
    server,
)
from roles.program.filter_plugins.mita_exporters import asked, inputs, instances, listens
from roles.prometheus.filter_plugins.mita_access import access_files, access_overrides
from roles.prometheus.filter_plugins.mita_prometheus import (
    alertmanagers,
    expected_targets,
    heartbeat,
    prometheus_files,
    scrape_plan,
)
from roles.rollback.filter_plugins.mita_rollback import neighbours

PEM = self_signed("watch.example.org")[0]
CONTENT = str(REPO / "monitoring")
GROUPS = {"monitoring": ["watch"], "rollback": ["watch"], "application": ["app"]}
SECRETS = dict.fromkeys(("pagerduty_critical_key", "pagerduty_error_key", "rollback_webhook_secret"), "x") | {
    "slack_webhook_url": "https://hooks.example.org/x"
}
MAIL = {"to": "a@x", "from": "b@x", "smarthost": "x:25"}
SAID = {"alertmanager_mail": MAIL, "alertmanager_without": {"dead_man": "a test"}}
USERS = [{"name": "site", "password": "secret"}]


def routes(daemon: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The receivers by name, and the other files by path."""
    files = alertmanager_files(CONTENT, secrets=SECRETS, said=SAID, daemon=daemon)
    texts = {file["path"]: file["content"] for file in files}
    config = read_yaml(texts["alertmanager.yml"])
    return {one["name"]: one for one in config["receivers"]}, texts


@pytest.mark.parametrize(
    ("name", "variables", "url"),
    [
        ("prometheus", {}, "http://127.0.0.1:9090"),
        ("prometheus", {"prometheus_listen_address": "[::]:1"}, "http://127.0.0.1:1"),
        ("alertmanager", {"alertmanager_listen_address": "[fd5e::4]:2"}, "http://[fd5e::4]:2"),
        ("alertmanager", {"alertmanager_external_url": "https://x/a/"}, "http://127.0.0.1:9093/a"),
        (
            "mita-rollback",
            {"rollback_listen_address": "10.0.0.5", "rollback_listen_port": 3},
            "http://10.0.0.5:3",
        ),
        ("mita-rollback", {"rollback_settings": {"listen_port": 4}}, "http://127.0.0.1:4"),
        ("mita-rollback", {"rollback_web_tls_cert": PEM}, "https://127.0.0.1:8000"),
    ],
)
def test_a_role_asks_its_own_service_where_that_listens(name: str, variables: Any, url: str) -> None:
    assert own_url(name, variables) == url


def test_alertmanager_posts_to_the_daemon_where_it_listens() -> None:
    found = neighbour("mita-rollback", GROUPS, {"watch": {"rollback_listen_port": 8100}}, "watch")

    receivers, _ = routes(found)

    (hook,) = receivers["rollback"]["webhook_configs"]
    assert hook["url"] == "http://127.0.0.1:8100/api/admin/rollback/trigger"
    assert hook["http_config"]["basic_auth"]["username"] == "alertmanager"


def test_alertmanager_trusts_the_daemon_and_shows_it_a_certificate() -> None:
    shown = {
        "rollback_web_tls_client_ca": "CA",
        "rollback_client_tls_cert": "C",
        "rollback_client_tls_key": "K",
    }
    variables = {"watch": {"rollback_web_tls_cert": PEM, **shown}}

    receivers, files = routes(neighbour("mita-rollback", GROUPS, variables, "watch"))

    for name in ("rollback", "rollback-heartbeat"):
        (hook,) = receivers[name]["webhook_configs"]
        assert hook["url"].startswith("https://127.0.0.1:8000/")
        assert hook["http_config"]["tls_config"] == {
            "ca_file": "daemon/ca.crt",
            "server_name": "watch.example.org",
            "cert_file": "daemon/client.crt",
            "key_file": "secrets/daemon-client-key",
        }
        assert hook["http_config"]["basic_auth"]
    assert files["daemon/ca.crt"] == PEM and files["secrets/daemon-client-key"] == "K\n"


def test_a_site_without_a_daemon_posts_to_none_and_needs_no_secret_of_it() -> None:
    assert neighbour("mita-rollback", {"monitoring": ["watch"]}, {"watch": {}}, "watch") == {}

    receivers, _ = routes({})

    assert "webhook_configs" not in receivers["rollback"]
    assert "webhook_configs" not in receivers["rollback-heartbeat"]


def test_the_daemon_asks_prometheus_and_alertmanager_where_they_listen() -> None:
    variables = {
        "prometheus_web_tls_cert": PEM,
        "prometheus_web_users": USERS,
        "prometheus_external_url": "https://x/p",
    }
    hostvars = {"watch": {**variables, "alertmanager_listen_address": "10.0.0.9:1"}}
    names = ["prometheus", "alertmanager"]

    found = neighbours(names, [neighbour(name, GROUPS, hostvars, "watch", named=True) for name in names])

    assert found["settings"] == {
        "prometheus_url": "https://watch.example.org:9090/p",
        "prometheus_username": "site",
        "prometheus_password_file": "secrets/prometheus_password",
        "prometheus_ca_file": "web/prometheus-ca.crt",
        "alertmanager_url": "http://10.0.0.9:1",
    }
    assert found["secrets"] == {"prometheus_password": "secret"}
    assert found["files"] == [{"path": "web/prometheus-ca.crt", "content": PEM}]


def test_the_daemon_asks_the_twin_where_the_nearest_does_not_answer() -> None:
    groups = {"monitoring": ["watch", "watch2"]}
    hostvars: dict[str, dict[str, Any]] = {
        host: {"prometheus_web_users": USERS} for host in groups["monitoring"]
    }
    hostvars["watch"]["internal_address"] = "10.0.0.1"

    near = neighbour("prometheus", groups, hostvars, "watch2", named=True, twins=True)

    assert neighbours(["prometheus"], [near])["settings"] == {
        "prometheus_url": "http://127.0.0.1:9090",
        "prometheus_other_urls": ["http://10.0.0.1:9090"],
        "prometheus_username": "site",
        "prometheus_password_file": "secrets/prometheus_password",
    }


def test_a_pair_that_is_closed_asks_each_other_over_tls_with_a_password() -> None:
    groups = {"monitoring": ["watch", "watch2"]}
    pems = {host: self_signed(host)[0].strip() for host in groups["monitoring"]}
    hostvars = {
        host: {
            f"{name}_web_{part}": value
            for name in ("prometheus", "alertmanager")
            for part, value in (("tls_cert", pem), ("users", USERS))
        }
        for host, pem in pems.items()
    }
    jobs = {"prometheus": {"groups": ["monitoring"], "port": 9090}}
    jobs["alertmanager"] = {"groups": ["monitoring"], "port": 9093}

    found = scrape_plan(jobs, groups, hostvars, environment="x", here="watch")
    patch = access_overrides(found["access"], CONTENT, {})
    near = neighbour("alertmanager", groups, hostvars, "watch", named=True, twins=True)

    for name, port in (("prometheus", 9090), ("alertmanager", 9093)):
        assert [one["targets"] for one in found["targets"][name]] == [[f"watch:{port}"], [f"watch2:{port}"]]
        assert all(pem in found["access"][name]["ca"] for pem in pems.values())
        assert found["access"][name]["password"] == "secret"
    told = [*patch["scrape_configs"], *patch["alerting"]["alertmanagers"]]
    assert len(told) == 3
    assert all(one["scheme"] == "https" and one["basic_auth"]["username"] == "site" for one in told)
    assert (near["url"], near["others"]) == ("https://watch:9093", ["https://watch2:9093"])
    assert near["username"] == "site" and all(pem in near["ca"] for pem in pems.values())


def test_both_alertmanagers_of_a_pair_post_to_the_one_daemon() -> None:
    groups = {"monitoring": ["watch", "watch2"], "rollback": ["watch"]}
    hostvars = {"watch": {"internal_address": "10.0.0.1"}, "watch2": {}}

    found = [neighbour("mita-rollback", groups, hostvars, here) for here in groups["monitoring"]]

    assert [one["url"] for one in found] == ["http://10.0.0.1:8000"] * 2


def test_a_daemon_of_a_pair_that_keeps_to_its_loopback_is_refused() -> None:
    groups = {"monitoring": ["watch", "watch2"], "rollback": ["watch"]}
    hostvars = {"watch": {"rollback_listen_address": "127.0.0.1"}, "watch2": {}}

    with pytest.raises(AnsibleFilterError, match="set rollback_listen_address for watch"):
        neighbour("mita-rollback", groups, hostvars, "watch2")


@pytest.mark.parametrize(
    ("place", "internal", "facts", "told"),
    [
        ("", "10.0.0.1", {}, ""),
        ("10.0.0.1:9094", "10.0.0.1", {}, ""),
        ("0.0.0.0:9194", "10.0.0.1", {"default_ipv4": {"address": "192.0.2.1"}}, "10.0.0.1:9194"),
        ("0.0.0.0:9094", "inside.example.org", {"default_ipv4": {"address": "192.0.2.1"}}, "192.0.2.1:9094"),
        ("[::]:9094", "", {"default_ipv4": {}, "default_ipv6": {"address": "fd5e::1"}}, "[fd5e::1]:9094"),
        ("0.0.0.0:9094", "", {}, ""),
    ],
)
def test_peers_are_told_an_address(place: str, internal: str, facts: dict[str, Any], told: str) -> None:
    assert told_to_peers(place, internal, facts) == told


def test_a_place_of_the_cluster_without_a_port_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="alertmanager_cluster_listen_address: expected an address"):
        told_to_peers("10.0.0.1", "", {})


def test_a_neighbour_on_the_loopback_of_another_host_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="set prometheus_listen_address for watch"):
        neighbour("prometheus", GROUPS, {"watch": {}}, "daemon")


@pytest.mark.parametrize(
    ("addresses", "host"),
    [
        (["localhost"], "127.0.0.1"),
        (["127.0.0.1", "-::1"], "127.0.0.1"),
        (["10.0.0.5", "*"], "127.0.0.1"),
        (["10.0.0.5"], "10.0.0.5"),
        (["-fd5e::4"], "fd5e::4"),
    ],
)
def test_a_database_is_asked_where_it_listens(addresses: list[str], host: str) -> None:
    assert database_host(addresses) == host
    assert database_place(addresses, 5432) == place(host, 5432)


def test_prometheus_delivers_over_the_path_of_alertmanager_and_shows_its_certificates() -> None:
    access = {"mita-rollback": {"ca": "CA", "cert": "C", "key": "K"}}

    patch = access_overrides(access, CONTENT, {}, "/alerts")

    (delivery,) = patch["alerting"]["alertmanagers"]
    assert delivery["path_prefix"] == "/alerts" and delivery["file_sd_configs"]
    (job,) = patch["scrape_configs"]
    assert job["tls_config"]["cert_file"] == "access/mita-rollback.client.crt"
    files = {file["path"]: file.get("secret", False) for file in access_files(access)}
    assert files["secrets/access-mita-rollback.key"] and not files["access/mita-rollback.client.crt"]


def test_the_probes_go_to_the_exporter_where_it_listens() -> None:
    config = prometheus_files(CONTENT, prober="[fd5e::9]:9119")[0]["content"]

    assert config.count("[fd5e::9]:9119") == 2 and "127.0.0.1:9115" not in config


def test_everything_that_was_installed_is_expected_to_answer() -> None:
    jobs = {
        "alertmanager": {"groups": ["monitoring"], "port": 9093},
        "mita-backend": {"groups": ["application"], "port": 8080},
        "shop": {"groups": ["application"], "port": 1},
    }
    hosts = {
        "watch": {"alertmanager_web_users": USERS, "alertmanager_external_url": "https://x/a"},
        "app": {},
    }
    plan = scrape_plan(jobs, GROUPS, hosts, environment="x", here="watch")
    content = prometheus_files(CONTENT)

    assert expected_targets(plan, content) == [
        {"job": "alertmanager", "instance": "watch", "may_be_off": False},
        {"job": "mita-backend", "instance": "app", "may_be_off": True},
    ]
    assert heartbeat(content) == "Watchdog"
    assert alertmanagers(plan, "/etc/prometheus") == [
        {"url": "http://127.0.0.1:9093/a", "username": "site", "password": "secret"}
    ]


def test_an_exporter_is_told_and_asked_as_the_inventory_says() -> None:
    given = {"node": {"version": "1.9.0"}, "pg2": {"kind": "postgres", "listen_address": ":9188"}}

    assert inputs("node", given, "app") == {"version": "1.9.0"} and inputs("redis", given, "app") == {}
    assert inputs("pg2", given, "app") == {"listen_address": ":9188"}
    assert instances("app", {"app": {"exporter_instances": given}}, GROUPS) == [
        {"name": "node", "kind": "node"},
        {"name": "pg2", "kind": "postgres"},
    ]
    assert listens("node", GROUPS, "app", "fd5e::4", "") == "[fd5e::4]:9100"
    assert asked(":9188") == "127.0.0.1:9188" and asked("[fd5e::4]:1") == "[fd5e::4]:1"


def test_a_server_has_a_host_and_a_port() -> None:
    assert server("[fd5e::4]:3307", "exporter_mysqld_address", 3306) == {"host": "fd5e::4", "port": 3307}
    with pytest.raises(
        AnsibleFilterError, match=r"exporter_mysqld_address: expected .* \[::1\]:3306, found db1"
    ):
        server("db1", "exporter_mysqld_address", 3306)
