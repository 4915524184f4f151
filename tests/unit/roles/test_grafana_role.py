"""What Grafana is told, and whether a site has one, without any host."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from devtools.paths import REPO
from devtools.playbook import run_playbook
from roles.grafana.filter_plugins.mita_grafana import provider, settings, source

Known = dict[str, Any]


def asked(known: Known, here: str = "monitor", **given: Any) -> Mapping[str, Any]:
    (file,) = source({"monitor": known}, "monitor", here=here, **given)
    found: Mapping[str, Any] = yaml.safe_load(file["content"])["datasources"][0]
    return found


@pytest.mark.parametrize(
    ("known", "here", "url"),
    [
        ({}, "monitor", "http://127.0.0.1:9090"),
        ({"prometheus_listen_address": "0.0.0.0:9091"}, "monitor", "http://127.0.0.1:9091"),
        ({"prometheus_listen_address": "[fd00::1]:9090"}, "monitor", "http://[fd00::1]:9090"),
        ({"prometheus_listen_address": "0.0.0.0:9090"}, "other", "http://monitor:9090"),
        (
            {"prometheus_listen_address": ":9090", "internal_address": "fd00::1"},
            "other",
            "http://[fd00::1]:9090",
        ),
        ({"prometheus_web_tls_cert": "PEM"}, "monitor", "https://monitor:9090"),
    ],
)
def test_prometheus_is_asked_where_it_listens(known: Known, here: str, url: str) -> None:
    assert asked(known, here)["url"] == url


@pytest.mark.parametrize("known", [{}, {"prometheus_listen_address": "127.0.0.1:9090"}])
def test_prometheus_on_the_loopback_of_another_host_is_refused(known: Known) -> None:
    with pytest.raises(AnsibleFilterError, match=r"found it on loopback; set prometheus_listen_address"):
        asked(known, "other")


def test_a_grafana_without_a_prometheus_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="found neither"):
        source({}, "", here="grafana")


def test_what_prometheus_asks_of_itself_grafana_is_told_too() -> None:
    access = {"prometheus": {"username": "u", "password": "a$b", "ca": "PEM", "server_name": "monitor"}}
    (file,) = source({"monitor": {"prometheus_access": access}}, "monitor", here="monitor")
    (one,) = yaml.safe_load(file["content"])["datasources"]

    assert file["secret"]
    assert (one["basicAuthUser"], one["jsonData"]["serverName"]) == ("u", "monitor")
    assert one["secureJsonData"] == {"basicAuthPassword": "a$$b", "tlsCACert": "PEM"}


def test_settings_of_the_site_lie_over_ours() -> None:
    ours: dict[str, Known] = {
        "server": {"http_port": "3000", "cert_file": None},
        "users": {"allow_sign_up": False},
    }
    site = {"users": {"allow_sign_up": None}, "smtp": {"enabled": True, "host": "a;b#c"}}

    assert settings(ours, site) == (
        '[server]\nhttp_port = 3000\n\n[smtp]\nenabled = true\nhost = """a;b#c"""\n\n[users]\n'
    )


def test_dashboards_that_are_gone_are_forgotten() -> None:
    (one,) = yaml.safe_load(provider("/etc/grafana/dashboards"))["providers"]

    assert not one["disableDeletion"] and one["options"] == {"path": "/etc/grafana/dashboards"}


def play(tmp_path: Path, **variables: Any) -> str:
    host = {"site_name": "nowhere", "ansible_host": "192.0.2.1", "ansible_connection": "local"}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(
        json.dumps({"all": {"hosts": {"m": host}, "children": {"monitoring": {"hosts": {"m": {}}}}}})
    )
    return run_playbook("playbooks/grafana.yml", inventory=inventory, variables=variables).output


@pytest.mark.slow
def test_a_site_without_grafana_says_so_and_goes_on(tmp_path: Path) -> None:
    told = play(tmp_path)

    assert "no Grafana: no host is in the group grafana" in told
    assert "failed=0" in told


@pytest.mark.slow
def test_a_site_that_wants_it_on_its_monitoring_host_is_asked_for_a_password(tmp_path: Path) -> None:
    told = play(tmp_path, grafana_wanted=True, grafana_admin_password="short")

    assert "no Grafana" not in told
    assert "expected one line of at least 12 characters, found 5" in told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("archive", "wanted"), [("", "False "), ("/srv/grafana-10.4.19.linux-amd64.tar.gz", "True 10.4.19")]
)
def test_the_lab_has_grafana_where_an_archive_is_named(tmp_path: Path, archive: str, wanted: str) -> None:
    variables = yaml.safe_load((REPO / "inventories/lab/group_vars/monitoring.yml").read_text())
    chosen = {name: value for name, value in variables.items() if name.startswith("grafana_")}
    told = {"ansible.builtin.debug": {"msg": "found {{ grafana_wanted }} {{ grafana_version }}."}}
    playbook = tmp_path / "shown.yml"
    playbook.write_text(json.dumps([{"hosts": "m", "gather_facts": False, "vars": chosen, "tasks": [told]}]))
    inventory = tmp_path / "hosts.json"
    inventory.write_text(
        json.dumps({"all": {"hosts": {"m": {"site_name": "nowhere", "ansible_host": "192.0.2.1"}}}})
    )

    run = run_playbook(playbook, inventory=inventory, environment={"GRAFANA_ARCHIVE": archive})

    assert f"found {wanted}." in run.output
