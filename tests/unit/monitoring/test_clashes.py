"""What an inventory says of ports and addresses and cannot work is refused before any host is touched."""

from collections.abc import Mapping
from typing import Any

import pytest

from monitoring.endpoints.asked_targets import Inventory
from monitoring.endpoints.scrapes import scrapes
from monitoring.errors import CatalogError
from monitoring.exporters import Exporter

KINDS = {"node": Exporter("node", {"node": {"groups": ["monitoring", "application"], "port": 9100}}, ())}
GROUPS = {
    "monitoring": ["watch"],
    "rollback": ["watch"],
    "grafana": ["watch"],
    "application": ["app1", "app2"],
}
JOBS: dict[str, dict[str, Any]] = {
    "prometheus": {"groups": ["monitoring"], "port": 9090},
    "alertmanager": {"groups": ["monitoring"], "port": 9093},
    "mita-rollback": {"groups": ["rollback"], "port": 8000},
    "mita-backend": {"groups": ["application"], "port": 8080},
    "grafana": {"groups": ["grafana"], "port": 3000},
    "node": {"groups": ["monitoring", "application"], "port": 9100},
}


def plan(jobs: Mapping[str, Any] | None = None, **hosts: Mapping[str, Any]) -> dict[str, Any]:
    """What the Prometheus on `watch` asks, where the hosts have these variables."""
    names = {host for listed in GROUPS.values() for host in listed}
    site = Inventory(GROUPS, {name: hosts.get(name, {}) for name in names}, "watch", KINDS, "lab")
    return scrapes({**JOBS, **(jobs or {})}, site, {})


@pytest.mark.parametrize(
    ("host", "given", "says"),
    [
        ("watch", {"prometheus_listen_address": "0.0.0.0:0"}, "expected a port from 1 to 65535, found '0'"),
        ("watch", {"alertmanager_listen_address": ":99999"}, "alertmanager_listen_address: expected a port"),
        ("watch", {"rollback_listen_port": "eight"}, "rollback_listen_port of watch: expected a port"),
        ("watch", {"rollback_settings": {"listen_port": -1}}, "expected a port from 1 to 65535, found -1"),
        ("app1", {"application_port": 0}, "application_port of app1: expected a port"),
        ("app1", {"exporter_listen_address": "0.0.0.0:70000"}, "expected a port from 1 to 65535"),
        (
            "watch",
            {"prometheus_external_url": "mon.example.org/p"},
            "expected an address such as https://mon",
        ),
        ("watch", {"prometheus_external_url": "https://mon.example.org/p?x=1"}, "found 'https://mon"),
        ("watch", {"alertmanager_external_url": "https://mon example.org/"}, "alertmanager_external_url: "),
        ("watch", {"alertmanager_external_url": "https://mon.example.org:x/"}, "alertmanager_external_url: "),
        ("watch", {"grafana_external_url": "grafana.example.org"}, "grafana_external_url: expected an addr"),
        *(
            (
                "app1",
                {"internal_address": wrong},
                "internal_address of app1: expected what others reach it by",
            )
            for wrong in ("[fd5e::4]", "10.0.0.11:22", " 10.0.0.11", "http://a", "fe80::1%eth0", 10, ["a"])
        ),
        ("app1", {"application_port": 9100}, "a port for each service of app1, found 9100 for mita-backend"),
        ("watch", {"rollback_listen_port": 9090}, "found 9090 for mita-rollback and for prometheus"),
        (
            "watch",
            {"prometheus_listen_address": "10.0.0.9:7", "alertmanager_listen_address": ":7"},
            "found 7 for alertmanager and for prometheus",
        ),
        ("app1", {"internal_address": "app2"}, "found app2:8080 for app1 and for app2; mend their internal"),
    ],
)
def test_what_cannot_work_is_refused(host: str, given: dict[str, Any], says: str) -> None:
    with pytest.raises(CatalogError) as refused:
        plan(**{host: given})

    assert says in str(refused.value)


def test_a_port_of_a_job_is_one() -> None:
    with pytest.raises(CatalogError, match="prometheus_jobs: the port of shop: expected a port"):
        plan({"shop": {"groups": ["application"], "port": 99999}})


def test_one_port_at_two_addresses_and_all_that_is_right_pass() -> None:
    found = plan(
        watch={
            "prometheus_listen_address": "10.0.0.9:7",
            "alertmanager_listen_address": "[::1]:7",
            "grafana_external_url": "https://[fd5e::4]:3000/grafana",
            "prometheus_external_url": "",
            "internal_address": "watch_1.example.org",
        },
        app1={"application_port": "8081", "internal_address": "10.0.0.11"},
        app2={"internal_address": "fd5e::12"},
    )

    assert [one["targets"] for one in found["targets"]["mita-backend"]] == [
        ["10.0.0.11:8081"],
        ["[fd5e::12]:8080"],
    ]
