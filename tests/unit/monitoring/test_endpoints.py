"""Where services listen and how others ask them, from what an inventory says."""

from collections.abc import Mapping
from typing import Any

import pytest

from harness.scratch.certificates import self_signed
from monitoring.endpoints import access, address, certificate, cluster, endpoint
from monitoring.endpoints import known_services as services
from monitoring.endpoints.asked_targets import Inventory
from monitoring.endpoints.endpoint import Endpoint
from monitoring.endpoints.scrapes import scrapes
from monitoring.errors import CatalogError
from monitoring.exporters import Exporter

PEM = self_signed("watch.example.org")[0]
OTHER = self_signed("other.example.org")[0]
USERS = [{"name": "site", "password": "secret"}]
NODE = Exporter("node", {"node": {"groups": ["monitoring", "data"], "port": 9100}}, ())
POSTGRES = Exporter("postgres", {"postgres": {"groups": ["data"], "port": 9187}}, (), ("address",))
BLACKBOX = Exporter("blackbox", {"blackbox": {"groups": ["monitoring"], "port": 9115}}, ())
KINDS = {one.name: one for one in (NODE, POSTGRES, BLACKBOX)}
GROUPS = {"monitoring": ["watch"], "rollback": ["watch"], "application": ["app"], "data": ["data"]}
JOBS: dict[str, dict[str, Any]] = {
    "prometheus": {"groups": ["monitoring"], "port": 9090},
    "alertmanager": {"groups": ["monitoring"], "port": 9093},
    "mita-rollback": {"groups": ["rollback"], "port": 8000},
    "grafana": {"groups": ["grafana"], "port": 3000},
    "mita-backend": {"groups": ["application"], "port": 8080},
    "probe": {"groups": ["application"], "port": 8080, "url_path": "/up", "service": "mita-backend"},
    **{job: dict(spec) for one in KINDS.values() for job, spec in one.jobs.items()},
}


PAIR = {"monitoring": ["watch", "watch2"], "rollback": ["watch2"], "grafana": ["watch2"]}


def plan(
    access: Mapping[str, Any] | None = None,
    groups: Mapping[str, list[str]] = GROUPS,
    **hosts: Mapping[str, Any],
) -> dict[str, Any]:
    """What the Prometheus on `watch` asks, where the hosts have these variables."""
    names = {host for listed in groups.values() for host in listed}
    site = Inventory(groups, {name: hosts.get(name, {}) for name in names}, "watch", KINDS, "lab")
    return scrapes(JOBS, site, access or {})


def asked(found: Mapping[str, Any], job: str) -> list[str]:
    return [entry["targets"][0] for entry in found["targets"][job]]


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        ("10.0.0.5:1", ("10.0.0.5", 1)),
        ("[fd5e::4]:2", ("fd5e::4", 2)),
        (":3", ("", 3)),
        ("localhost:4", ("localhost", 4)),
    ],
)
def test_a_place_has_an_address_and_a_port(place: str, parts: tuple[str, int]) -> None:
    assert address.split(place, "x", 9) == parts


@pytest.mark.parametrize("place", ["fd5e::4:9090", "10.0.0.5", "a:b:1", ""])
def test_a_place_that_is_none_is_refused_with_the_name_of_its_input(place: str) -> None:
    with pytest.raises(CatalogError, match=r"x_listen_address: expected .* \[::1\]:9090, found"):
        address.split(place, "x_listen_address", 9090)


def test_ipv6_addresses_have_brackets_wherever_a_port_follows() -> None:
    found = plan(app={"internal_address": "fd5e:ce0::4"}, data={"internal_address": "fd5e:ce0::5"})

    assert asked(found, "mita-backend") == ["[fd5e:ce0::4]:8080"]
    assert asked(found, "probe") == ["http://[fd5e:ce0::4]:8080/up"]
    assert asked(found, "node") == ["[fd5e:ce0::5]:9100", "127.0.0.1:9100"]


def test_what_listens_on_one_address_is_asked_there() -> None:
    found = plan(
        watch={
            "prometheus_listen_address": "10.0.0.9:9190",
            "alertmanager_listen_address": "[::1]:9193",
            "rollback_listen_address": "10.0.0.9",
            "rollback_listen_port": 8100,
            "exporter_instances": {"blackbox": {"listen_address": "[fd5e::9]:9119"}},
        },
        app={"application_port": 8180},
    )

    wanted = {"prometheus": "10.0.0.9:9190", "alertmanager": "[::1]:9193", "mita-rollback": "10.0.0.9:8100"}
    assert {job: asked(found, job)[0] for job in wanted} == wanted
    assert asked(found, "mita-backend") == ["app:8180"] and asked(found, "probe") == ["http://app:8180/up"]
    assert found["prober"] == "[fd5e::9]:9119"


def test_a_path_before_every_other_is_asked() -> None:
    found = plan(
        watch={
            "prometheus_external_url": "https://mon.example.org/prometheus/",
            "alertmanager_extra_flags": ["--web.route-prefix=/alerts"],
        }
    )

    (prometheus,) = found["targets"]["prometheus"]
    assert prometheus["labels"]["__metrics_path__"] == "/prometheus/metrics"
    assert found["alerts_path"] == "/alerts"


@pytest.mark.parametrize("flag", ["--web.route-prefix=/", "--web.route-prefix="])
def test_a_flag_can_take_the_path_of_the_external_url_away(flag: str) -> None:
    said = {"prometheus_external_url": "https://mon.example.org/x", "prometheus_extra_flags": [flag]}

    assert services.service("prometheus", "watch", said, GROUPS).path == ""


def test_ports_that_are_closed_are_asked_with_their_certificate_and_their_first_user() -> None:
    closed = {"alertmanager_web_tls_cert": PEM, "alertmanager_web_users": USERS}

    found = plan(watch=closed)["access"]

    trusted = {"ca": PEM, "server_name": "watch.example.org"}
    assert found == {"alertmanager": {"username": "site", "password": "secret", **trusted}}


def test_a_probe_is_let_in_by_the_exporter_that_probes() -> None:
    found = plan(watch={"exporter_instances": {"blackbox": {"web_users": USERS}}})["access"]

    assert found["probe"] == found["blackbox"] == found["blackbox-public"]
    assert "node" not in found


def test_hosts_of_a_job_with_and_without_a_certificate_are_each_asked_their_way() -> None:
    found = plan(data={"exporter_web_tls_cert": PEM})

    schemes = {entry["labels"]["host"]: entry["labels"]["__scheme__"] for entry in found["targets"]["node"]}
    assert schemes == {"data": "https", "watch": "http"}
    assert found["access"]["node"]["ca"] == PEM


def test_what_an_inventory_says_of_access_wins() -> None:
    said = {"node": {"tls": True, "username": "mine", "password": "p"}}

    found = plan(said, data={"exporter_web_tls_cert": PEM, "exporter_web_users": USERS})["access"]

    assert found["node"] == said["node"]


def test_the_daemon_that_wants_a_certificate_is_shown_one() -> None:
    shown = {"rollback_client_tls_cert": "C", "rollback_client_tls_key": "K"}

    found = plan(watch={"rollback_web_tls_cert": PEM, "rollback_web_tls_client_ca": "CA", **shown})["access"]

    assert (found["mita-rollback"]["cert"], found["mita-rollback"]["key"]) == ("C", "K")


def at(host: str, pem: str, **more: Any) -> tuple[Endpoint, str]:
    named = {"service": "node", "host": host, "listens": "", "port": 1, "setting": "x", **more}
    return Endpoint(certificate=pem, **named), f"{host}.example.org"


def test_certificates_for_the_names_that_are_asked_need_no_other_name() -> None:
    assert "server_name" not in access.access("node", [at("watch", PEM), at("other", OTHER)], {})


def test_certificates_for_other_names_are_refused_unless_they_share_one() -> None:
    with pytest.raises(CatalogError, match=r"certificate of node on app for app\.example\.org, .* found one"):
        access.access("node", [at("app", PEM), at("other", OTHER)], {})

    assert access.access("node", [at("app", PEM), at("data", PEM)], {})["server_name"] == "watch.example.org"


def test_two_first_users_of_one_job_are_refused() -> None:
    other = {"login": {"username": "b", "password": "q"}}
    one = {"login": {"username": "a", "password": "p"}}

    with pytest.raises(CatalogError, match="one first web user at all ports of the job node"):
        access.access("node", [at("a", "", **one), at("b", "", **other)], {})


def test_a_certificate_that_is_none_is_refused_by_its_place() -> None:
    with pytest.raises(CatalogError, match="the certificate of node on app: expected a certificate"):
        access.access("node", [at("app", "PEM")], {})


@pytest.mark.parametrize(
    ("name", "host", "good"),
    [
        ("*.example.org", "app.example.org", True),
        ("*.example.org", "a.b.example.org", False),
        ("*.example.org", "example.org", False),
        ("fd5e::4", "fd5e:0::4", True),
        ("App.example.org", "app.example.org", True),
    ],
)
def test_a_certificate_is_good_for_its_names(name: str, host: str, good: bool) -> None:
    assert certificate.covers([name], host) is good


def test_a_client_that_can_be_told_no_name_asks_by_one_in_the_certificate() -> None:
    closed = services.service("prometheus", "watch", {"prometheus_web_tls_cert": PEM}, GROUPS)
    named = services.service("prometheus", "watch.example.org", {"prometheus_web_tls_cert": PEM}, GROUPS)
    open_ = services.service("prometheus", "watch", {"prometheus_listen_address": "0.0.0.0:9090"}, GROUPS)

    assert closed.asked_by_name_at("watch", {"internal_address": "10.0.0.1"}) == "watch.example.org"
    assert named.asked_by_name_at("daemon", {}) == "watch.example.org"
    assert open_.asked_by_name_at("watch", {}) == "127.0.0.1"
    assert endpoint.url(closed, "watch") == "https://watch:9090"


def test_alertmanagers_that_differ_are_refused() -> None:
    site = {"watch": {}, "watch2": {"alertmanager_external_url": "https://x/y"}}
    opened = {"alertmanager_listen_address": "0.0.0.0:9093", "prometheus_listen_address": "0.0.0.0:9090"}
    groups = {"monitoring": ["watch", "watch2"]}
    inventory = Inventory(groups, {h: {**opened, **v} for h, v in site.items()}, "watch", KINDS, "lab")

    with pytest.raises(CatalogError, match="watch and watch2 to differ"):
        scrapes({"alertmanager": JOBS["alertmanager"]}, inventory, {})


def test_two_monitoring_hosts_ask_each_other_where_nothing_is_said_of_addresses() -> None:
    found = plan(groups=PAIR, watch2={"internal_address": "fd5e::2"})

    wanted = {"prometheus": 9090, "alertmanager": 9093, "blackbox": 9115, "node": 9100}
    assert {job: asked(found, job) for job in wanted} == {
        job: [f"watch:{port}", f"[fd5e::2]:{port}"] for job, port in wanted.items()
    }
    assert (asked(found, "mita-rollback"), asked(found, "grafana")) == (
        ["[fd5e::2]:8000"],
        ["[fd5e::2]:3000"],
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("prometheus_listen_address", "127.0.0.1:9090"),
        ("alertmanager_listen_address", "[::1]:9093"),
        ("rollback_listen_address", "127.0.0.1"),
        ("grafana_listen_address", "localhost:3000"),
    ],
)
def test_one_of_two_that_keeps_to_its_loopback_is_told_what_to_set(setting: str, value: str) -> None:
    with pytest.raises(CatalogError, match=f"where watch can ask it, .* set {setting} for watch2"):
        plan(groups=PAIR, watch2={setting: value})


def test_a_single_alertmanager_has_no_cluster() -> None:
    assert cluster.place({"internal_address": "10.0.0.1"}, GROUPS) == ""
    assert cluster.peers("watch", {"watch": {}}, GROUPS) == []


@pytest.mark.parametrize(
    ("said", "listens", "reached"),
    [
        ({}, "0.0.0.0:9094", ["watch2:9094"]),
        ({"internal_address": "10.0.0.2"}, "10.0.0.2:9094", ["10.0.0.2:9094"]),
        ({"internal_address": "fd5e::2"}, "[fd5e::2]:9094", ["[fd5e::2]:9094"]),
        ({"internal_address": "inside.example.org"}, "0.0.0.0:9094", ["inside.example.org:9094"]),
        ({cluster.SETTING: "[::]:9194", "internal_address": "fd5e::2"}, "[::]:9194", ["[fd5e::2]:9194"]),
        ({cluster.SETTING: ""}, "", []),
    ],
)
def test_two_alertmanagers_are_a_cluster(said: dict[str, str], listens: str, reached: list[str]) -> None:
    assert cluster.place(said, PAIR) == listens
    assert cluster.peers("watch", {"watch": {}, "watch2": said}, PAIR) == reached


def test_a_member_that_its_peers_cannot_reach_is_told_what_to_set() -> None:
    said = {"watch": {}, "watch2": {cluster.SETTING: "127.0.0.1:9094"}}

    with pytest.raises(CatalogError, match=f"the cluster of alertmanager on watch2 .*set {cluster.SETTING}"):
        cluster.peers("watch", said, PAIR)
