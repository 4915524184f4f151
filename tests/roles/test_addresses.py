"""One site on one host, whose services listen elsewhere than usual, and then over TLS: askers follow."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.playbook import Run, run_playbook
from harness.scratch.certificates import self_signed
from harness.scratch.host import Scratch
from tests.roles.services import MAIL, PLANTED, WITHOUT

pytestmark = pytest.mark.lab
PASSWORD = "planted-password-of-the-site"
PATH = "/watch/prometheus"
Site = dict[str, Any]


@pytest.fixture(scope="module")
def address(scratch: Scratch) -> str:
    return str(scratch.host.check_output("hostname -i")).split()[0]


@pytest.fixture(scope="module")
def plain(address: str) -> Site:
    """Ports, addresses and a path that nobody expects."""
    return {
        "prometheus_listen_address": f"{address}:9190",
        "prometheus_external_url": f"https://mon.example.org{PATH}",
        "alertmanager_listen_address": f"{address}:9193",
        "alertmanager_external_url": "https://mon.example.org/alerts/",
        "alertmanager_cluster_listen_address": "0.0.0.0:9094",
        "alertmanager_cluster_peers": [f"{address}:9094"],
        "alertmanager_mail": MAIL,
        "alertmanager_without": WITHOUT,
        "alertmanager_secrets": {
            name: PLANTED[name] for name in (*PLANTED,) if name not in ("postgres", "redis", "web")
        },
        "internal_address": address,
        "exporter_instances": {
            "node": {"extra_flags": ["--no-collector.wifi"], "listen_address": f"{address}:9109"},
            "blackbox": {"listen_address": "127.0.0.1:9119"},
            "postgres-again": {"kind": "postgres", "listen_address": "127.0.0.1:9188"},
        },
        "exporter_postgres_password": PASSWORD,
        "exporter_redis_password": PASSWORD,
        "postgresql_listen_addresses": [address],
        "postgresql_port": 5433,
        "postgresql_roles": [
            {"name": "mita", "password": PASSWORD},
            {"name": "postgres_exporter", "password": PASSWORD, "member_of": ["pg_monitor"]},
        ],
        "postgresql_databases": [{"name": "mita", "owner": "mita"}],
        "postgresql_access": [{"database": "all", "role": "postgres_exporter", "from": ["samenet"]}],
        "redis_listen_addresses": [address],
        "redis_port": 6380,
        "redis_password": PASSWORD,
        "application_database_url": f"postgresql://mita:{PASSWORD}@{address}:5433/mita",
        "application_redis_url": f"redis://:{PASSWORD}@{address}:6380/0",
        "application_port": 8180,
        "rollback_listen_address": address,
        "rollback_listen_port": 8100,
        "rollback_webhook_secret": PLANTED["rollback_webhook_secret"],
        "rollback_admin_secret": f"admin-{PASSWORD}",
        "prometheus_time_scale": 15,
    }


@pytest.fixture(scope="module")
def closed(plain: Site) -> Site:
    """The same over TLS, with passwords, at other ports again."""
    certificate, key = self_signed("scratch")
    users = [{"name": "site", "password": f"web-{PASSWORD}"}]
    tls = {
        f"{name}_web_tls_{part}": text
        for name in ("prometheus", "alertmanager", "exporter", "rollback")
        for part, text in (("cert", certificate), ("key", key))
    }
    tls |= {"redis_tls_cert": certificate, "redis_tls_key": key}
    tls |= {"postgresql_tls_cert": certificate, "postgresql_tls_key": key}
    logins = {f"{name}_web_users": users for name in ("prometheus", "alertmanager", "exporter")}
    daemon = {"rollback_web_auth_username": "site", "rollback_web_auth_password": PASSWORD}
    moved = {"rollback_listen_port": 8101, "postgresql_port": 5434, "redis_port": 6381}
    return {**plain, **tls, **logins, **daemon, **moved}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("site")


def install(scratch: Scratch, variables: Site, *options: str, playbook: str = "site.yml") -> Run:
    """Play it with these variables in the inventory, where hosts see each other's."""
    site = json.loads(json.dumps({"all": {"vars": variables}}))
    beside = scratch.inventory.with_name("site.json")
    beside.write_text(json.dumps(site))
    return run_playbook(playbook, *options, "--inventory", str(beside), inventory=scratch.inventory)


@pytest.fixture(scope="module")
def elsewhere(scratch: Scratch, plain: Site) -> Run:
    return install(scratch, plain)


def listening(scratch: Scratch) -> set[str]:
    lines = scratch.host.check_output("ss -Hltn").splitlines()
    return {line.split()[3] for line in lines}


def test_a_site_that_listens_elsewhere_is_installed_and_answers(
    elsewhere: Run, scratch: Scratch, address: str
) -> None:
    elsewhere.ok()

    wanted = {f"{address}:{port}" for port in (9190, 9193, 9109, 8100)}
    assert wanted | {"127.0.0.1:9119", "127.0.0.1:9188"} <= listening(scratch)


def test_it_is_asked_under_its_path(elsewhere: Run, scratch: Scratch, address: str) -> None:
    base = f"http://{address}:9190{PATH}"
    told = json.loads(scratch.host.check_output(f"curl -sS {base}/api/v1/targets?state=active"))

    urls = {one["labels"]["instance"]: one["scrapeUrl"] for one in told["data"]["activeTargets"]}
    assert f"{base}/metrics" in {one["scrapeUrl"] for one in told["data"]["activeTargets"]}
    assert urls["scratch/postgres-again"] == "http://127.0.0.1:9188/metrics"


def test_two_exporters_of_one_host_have_their_own_flags(elsewhere: Run, scratch: Scratch) -> None:
    lines = scratch.host.check_output("ps -eo args").splitlines()

    assert [line.split()[0] for line in lines if "--no-collector.wifi" in line] == [
        "/usr/bin/prometheus-node-exporter"
    ]


def test_the_daemon_asks_and_is_asked_where_they_are(elsewhere: Run, scratch: Scratch, address: str) -> None:
    settings = scratch.host.file("/etc/mita-rollback/settings.yml").content_string
    routes = scratch.host.file("/etc/alertmanager/alertmanager.yml").content_string

    assert f"prometheus_url: http://{address}:9190{PATH}" in settings
    assert f"alertmanager_url: http://{address}:9193/alerts" in settings
    assert f"url: http://{address}:8100/api/admin/rollback/trigger" in routes
    assert json.loads(scratch.host.check_output("rollbackctl status --json"))["version"]


def test_a_second_run_changes_nothing(elsewhere: Run, scratch: Scratch, plain: Site) -> None:
    assert install(scratch, plain).ok().changed() == []


@pytest.fixture(scope="module")
def over_tls(elsewhere: Run, scratch: Scratch, closed: Site) -> Run:
    return install(scratch, closed)


def test_what_is_closed_and_moved_is_still_asked(over_tls: Run, scratch: Scratch, closed: Site) -> None:
    over_tls.ok()

    assert install(scratch, closed).ok().changed() == []


def test_no_password_is_shown(over_tls: Run) -> None:
    assert PASSWORD not in over_tls.output
    assert "PRIVATE KEY" not in over_tls.output


def test_what_does_not_answer_is_named(over_tls: Run, scratch: Scratch, closed: Site) -> None:
    scratch.host.check_output("systemctl stop redis-exporter postgres-again-exporter redis-server")
    hasty = {**closed, "prometheus_verify_timeout": 5}

    told = install(scratch, hasty, playbook="playbooks/verify.yml").failure()

    assert "expected what this site installed to answer within 5 s, found:" in told
    assert "redis on scratch (https://" in told
    assert "postgres on scratch/postgres-again (https://127.0.0.1:9188/metrics) is not up: " in told
