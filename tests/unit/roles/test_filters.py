"""The filters with which roles shape files, units and targets."""

from pathlib import Path
from typing import Any

import bcrypt
import pytest
from ansible.errors import AnsibleFilterError

from devtools.paths import REPO
from monitoring.yaml_text import read_yaml
from roles.alertmanager.filter_plugins.mita_alertmanager import alertmanager_files
from roles.program.filter_plugins.mita_exporters import exporter_jobs
from roles.program.filter_plugins.mita_files import environment, exec_line
from roles.program.filter_plugins.mita_sandbox import BASE, sandbox
from roles.program.filter_plugins.mita_web import login, ready, web_files
from roles.prometheus.filter_plugins.mita_access import access_files, access_overrides
from roles.prometheus.filter_plugins.mita_prometheus import (
    all_jobs,
    expected_files,
    public_target_files,
    scrape_plan,
)

USER = {"name": "scraper", "password": "correct horse"}
HOSTVARS = {"app1": {}, "app2": {"internal_address": "10.0.0.2"}}


def target_files(*arguments: Any, **named: Any) -> list[dict[str, Any]]:
    """The targets of what a Prometheus asks."""
    files: list[dict[str, Any]] = scrape_plan(*arguments, **named)["files"]
    return files


def hash_at(place: str) -> str:
    (web,) = web_files([USER], certificate="", key="", place=place)
    return str(read_yaml(web["content"])["basic_auth_users"]["scraper"])


def test_password_hash_is_the_passwords_and_the_same_at_every_run() -> None:
    assert bcrypt.checkpw(b"correct horse", hash_at("app1 node").encode())
    assert hash_at("app1 node") == hash_at("app1 node")


def test_password_hash_differs_at_every_port() -> None:
    assert hash_at("app1 node") != hash_at("app2 node")


def test_given_hash_is_used_as_it_is() -> None:
    user = {"name": "scraper", "password_hash": "$2y$10$given"}

    (web,) = web_files([user], certificate="", key="", place="x")

    assert "$2y$10$given" in web["content"] and web["secret"]


def test_web_without_users_and_certificate_is_open_and_no_secret() -> None:
    (web,) = web_files([], certificate="", key="", place="x")

    assert read_yaml(web["content"]) == {} and not web["secret"]


def test_certificate_needs_its_key() -> None:
    with pytest.raises(AnsibleFilterError, match="found only a certificate"):
        web_files([], certificate="PEM", key="", place="x")


def test_key_is_secret_and_certificate_is_not() -> None:
    files = {file["path"]: file for file in web_files([], certificate="C", key="K", place="x")}

    assert files["web/tls.key"]["secret"] and not files["web/tls.crt"].get("secret")


@pytest.mark.parametrize("bad", [{"name": "x"}, {"name": "x", "password": "p" * 73}])
def test_user_without_a_usable_password_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(AnsibleFilterError):
        web_files([bad], certificate="", key="", place="x")


def test_role_asks_a_closed_port_as_the_first_user_trusting_its_certificate() -> None:
    asked = ready([USER], url="https://127.0.0.1/-/ready", certificate="C", root="/etc/x")

    assert (asked["username"], asked["password"]) == ("scraper", "correct horse")
    assert asked["ca_file"] == "/etc/x/web/tls.crt"


def test_role_asks_an_open_port_without_credentials() -> None:
    asked = ready([], url="http://127.0.0.1/-/ready", certificate="", root="/etc/x")

    assert asked == {"url": "http://127.0.0.1/-/ready", "timeout": 30}


def test_first_user_without_a_password_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="put a user with a password first"):
        login([{"name": "x", "password_hash": "$2b$"}, USER])


def test_second_user_where_only_one_is_known_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="found 2"):
        login([USER, USER], at_most=1)


def test_sandbox_can_be_widened_by_name_only() -> None:
    lines = sandbox({"ProtectProc": None, "ProtectHome": "read-only"}).splitlines()

    assert "ProtectHome=read-only" in lines
    assert not any(line.startswith("ProtectProc") for line in lines)
    assert len(lines) == len(BASE) - 1


def test_command_line_is_taken_literally() -> None:
    assert exec_line(["/bin/x", "--a=b c", "100%", "$HOME"]) == (
        '/bin/x \\\n    "--a=b c" \\\n    "100%%" \\\n    "$$HOME"'
    )


def test_environment_leaves_empty_values_out_and_quotes_the_rest() -> None:
    assert environment({"A": "", "B": 'x"$y\\'}) == 'B="x\\"\\$y\\\\"\n'


def test_targets_are_sorted_and_carry_the_labels_of_their_host() -> None:
    jobs = {"mita-backend": {"groups": ["application", "spare"], "port": 8080}}

    (file,) = target_files(jobs, {"application": ["app2", "app1"]}, HOSTVARS, environment="lab")

    assert file["path"] == "targets/mita-backend.yml" and file["apply"] == "watched"
    labels = {"env": "lab", "service": "mita-backend"}
    assert read_yaml(file["content"]) == [
        {"targets": ["app1:8080"], "labels": {"instance": "app1", "host": "app1", **labels}},
        {"targets": ["10.0.0.2:8080"], "labels": {"instance": "app2", "host": "app2", **labels}},
    ]


def test_probed_targets_are_urls() -> None:
    jobs = {"blackbox-http": {"groups": ["application"], "port": 443, "scheme": "https", "url_path": "/up"}}

    (file,) = target_files(jobs, {"application": ["app1"]}, HOSTVARS, environment="lab")

    (entry,) = read_yaml(file["content"])
    assert entry["targets"] == ["https://app1:443/up"]
    assert entry["labels"]["instance"] == "https://app1:443/up" and entry["labels"]["host"] == "app1"


def test_a_job_that_a_site_takes_away_is_not_scraped() -> None:
    jobs = all_jobs(exporter_jobs({}, {}), {"node": None, "postgres": None})

    found = target_files(jobs, {"postgresql": ["data"], "redis": ["data"]}, {"data": {}}, environment="lab")

    assert [file["path"] for file in found] == ["targets/redis.yml"]


def test_job_without_hosts_has_no_file_and_given_targets_need_none() -> None:
    jobs = {
        "redis": {"groups": ["redis"], "port": 9121},
        "router": {"groups": [], "port": 0, "also": [{"target": "gw:9100", "labels": {"host": "gw"}}]},
    }

    (file,) = target_files(jobs, {}, {}, environment="lab")

    (entry,) = read_yaml(file["content"])
    assert entry["labels"] == {"instance": "gw:9100", "env": "lab", "service": "router", "host": "gw"}


ALONE = {"monitoring": ["watch"], "application": ["app1"], "rollback": ["watch"]}
PORTS: dict[str, dict[str, object]] = {
    "prometheus": {"groups": ["monitoring"], "port": 9090},
    "alertmanager": {"groups": ["monitoring"], "port": 9093},
    "mita-rollback": {"groups": ["rollback"], "port": 8000},
    "node": {"groups": ["monitoring", "application"], "port": 9100},
    "mita-backend": {"groups": ["application"], "port": 8080},
}


def scraped(
    hostvars: dict[str, dict[str, object]], groups: dict[str, list[str]] = ALONE, **more: object
) -> dict[str, dict[str, str]]:
    """The address of each instance of each job, as the Prometheus on `watch` asks it."""
    files = target_files(PORTS, groups, hostvars, environment="lab", here="watch", **more)
    return {
        Path(file["path"]).stem: {
            entry["labels"]["instance"]: entry["targets"][0] for entry in read_yaml(file["content"])
        }
        for file in files
    }


def test_what_is_on_loopback_by_default_is_asked_there_and_keeps_its_name() -> None:
    assert scraped({"watch": {"internal_address": "10.0.0.9"}, "app1": {}}) == {
        "prometheus": {"watch": "127.0.0.1:9090"},
        "alertmanager": {"watch": "127.0.0.1:9093"},
        "mita-rollback": {"watch": "127.0.0.1:8000"},
        "node": {"app1": "app1:9100", "watch": "127.0.0.1:9100"},
        "mita-backend": {"app1": "app1:8080"},
    }


def test_what_a_site_opens_is_asked_by_its_address() -> None:
    opened: dict[str, object] = {
        "prometheus_listen_address": "0.0.0.0:9090",
        "exporter_instances": {"node": {"listen_address": "0.0.0.0:9100"}},
        "rollback_listen_address": "127.0.0.2",
    }

    found = scraped({"watch": opened, "app1": {}})

    assert found["prometheus"] == {"watch": "watch:9090"}
    assert found["node"]["watch"] == "watch:9100"
    assert found["alertmanager"] == {"watch": "127.0.0.1:9093"}
    assert found["mita-rollback"] == {"watch": "127.0.0.2:8000"}


def test_a_port_with_a_certificate_is_asked_by_the_name_that_the_certificate_has() -> None:
    access: dict[str, object] = {
        "prometheus": {"ca": "PEM"},
        "alertmanager": {"tls": True},
        "node": {"username": "x"},
    }

    found = scraped({"watch": {}, "app1": {}}, access=access)

    assert found["prometheus"] == {"watch": "watch:9090"}
    assert found["alertmanager"] == {"watch": "watch:9093"}
    assert found["node"]["watch"] == "127.0.0.1:9100"


@pytest.mark.parametrize(
    ("groups", "hostvars", "says"),
    [
        ({"rollback": ["daemon"]}, {}, "mita-rollback on daemon .* set rollback_listen_address for daemon"),
        (
            {"monitoring": ["watch", "watch2"]},
            {"watch2": {"alertmanager_listen_address": "127.0.0.1:9093"}},
            "alertmanager on watch2 .* set alertmanager_listen_address",
        ),
        (
            {"application": ["app1"]},
            {"app1": {"exporter_listen_address": "127.0.0.1:9100"}},
            "node on app1 .* set exporter_listen_address for app1",
        ),
    ],
)
def test_what_is_on_the_loopback_of_another_host_is_refused(
    groups: dict[str, list[str]], hostvars: dict[str, dict[str, object]], says: str
) -> None:
    hosts = {name: hostvars.get(name, {}) for name in ("watch", "watch2", "daemon", "app1")}

    with pytest.raises(AnsibleFilterError, match=says):
        scraped(hosts, {**ALONE, **groups})


def test_exporters_of_two_monitoring_hosts_ask_each_other() -> None:
    hosts: dict[str, dict[str, object]] = {"watch": {}, "watch2": {}, "app1": {}}

    found = scraped(hosts, {**ALONE, "monitoring": ["watch", "watch2"]})

    assert found["node"] == {"app1": "app1:9100", "watch": "watch:9100", "watch2": "watch2:9100"}


CONFIG = {
    "path": "prometheus.yml",
    "content": "scrape_configs: [{job_name: node}, {job_name: blackbox-public}]",
}


def test_scraped_jobs_are_expected_to_have_the_targets_of_the_inventory() -> None:
    jobs = {
        "node": {
            "groups": ["application"],
            "port": 9100,
            "also": [{"target": "gw:9100", "labels": {"service": "router"}}],
        },
        "redis": {"groups": ["application"], "port": 9121},
        "postgres": {"groups": ["nobody"], "port": 9187},
    }
    targets = target_files(jobs, {"application": ["app1", "app2"]}, HOSTVARS, environment="lab")
    public = public_target_files([{"url": "https://www.example.org/", "service": "shop"}], environment="lab")

    (file,) = expected_files([*targets, *public], [CONFIG])

    assert file["path"] == "rules/expected.rules.yml" and "apply" not in file
    (group,) = read_yaml(file["content"])["groups"]
    assert {rule["record"] for rule in group["rules"]} == {"job:targets:expected"}
    assert {(*rule["labels"].values(), rule["expr"]) for rule in group["rules"]} == {
        ("node", "node", "lab", "vector(2)"),
        ("node", "router", "lab", "vector(1)"),
        ("blackbox-public", "shop", "lab", "vector(1)"),
    }


def test_public_endpoints_carry_their_service_and_module() -> None:
    given = [{"url": "https://www.example.org/up", "service": "shop", "module": "http_3xx"}]

    (file,) = public_target_files(given, environment="lab")

    assert file["path"] == "targets/blackbox-public.yml"
    (entry,) = read_yaml(file["content"])
    assert entry["targets"] == ["https://www.example.org/up"]
    assert entry["labels"] == {"env": "lab", "service": "shop", "__tmp_module": "http_3xx"}
    assert public_target_files([], environment="lab") == []


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("https://www.example.org", "expected a list"),
        (["https://www.example.org"], "expected url and service"),
        ([{"url": "https://www.example.org"}], "expected url and service"),
        ([{"url": "https://a.example.org", "service": "shop", "host": "x"}], "expected url and service"),
        ([{"url": "https://a.example.org", "service": ""}], "each a text"),
        ([{"url": "www.example.org", "service": "shop"}], "expected a url such as"),
        ([{"url": "ftp://a.example.org", "service": "shop"}], "expected a url such as"),
        ([{"url": "https://a.example.org", "service": "shop"}] * 2, "found https://a.example.org twice"),
    ],
)
def test_public_endpoints_that_cannot_be_probed_are_refused(bad: object, says: str) -> None:
    with pytest.raises(AnsibleFilterError, match=says):
        public_target_files(bad, environment="lab")


def test_access_reaches_the_scrape_and_the_delivery_of_alerts() -> None:
    access = {"alertmanager": {"username": "scraper", "password": "p", "ca": "PEM"}}

    patch = access_overrides(access, str(REPO / "monitoring"), {"global": {"scrape_timeout": "9s"}})

    (job,) = patch["scrape_configs"]
    assert (job["job_name"], job["scheme"]) == ("alertmanager", "https")
    assert job["basic_auth"] == {"username": "scraper", "password_file": "secrets/access-alertmanager"}
    assert job["tls_config"] == {"ca_file": "access/alertmanager.crt"}
    (alerting,) = patch["alerting"]["alertmanagers"]
    assert alerting["basic_auth"] == job["basic_auth"] and alerting["file_sd_configs"]
    assert patch["global"] == {"scrape_timeout": "9s"}


def test_access_keeps_passwords_in_files_of_their_own() -> None:
    files = access_files({"node": {"username": "scraper", "password": "p"}, "redis": {"ca": "PEM"}})

    assert [(file["path"], file.get("secret", False)) for file in files] == [
        ("secrets/access-node", True),
        ("access/redis.crt", False),
    ]


def test_no_access_changes_nothing() -> None:
    assert access_overrides({}, "nowhere", {}) == {} and access_files({}) == []


@pytest.mark.parametrize("bad", [{"user": "x"}, {"username": "x"}, {"password": "x"}])
def test_misspelt_or_half_access_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(AnsibleFilterError, match="access to the job node"):
        access_overrides({"node": bad}, "nowhere", {})


def test_alertmanager_without_a_secret_that_it_reads_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"found nothing for .*smtp_password"):
        alertmanager_files(
            str(REPO / "monitoring"),
            secrets={"slack_webhook_url": "http://x", "smtp_password": " "},
            said={
                "alertmanager_mail": {"to": "a@x", "from": "b@x", "smarthost": "x:25", "username": "x"},
                "alertmanager_without": {"dead_man": "a test"},
            },
        )


def test_alertmanager_without_addresses_of_the_site_is_refused() -> None:
    with pytest.raises(
        AnsibleFilterError, match="found no to and no from and no smarthost; set alertmanager_mail"
    ):
        alertmanager_files(
            str(REPO / "monitoring"), secrets={}, said={"alertmanager_without": {"dead_man": "a test"}}
        )
