"""What Grafana is told, and whether a site has one, without any host."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from devtools.paths import REPO
from devtools.playbook import run_playbook
from monitoring.grafana import ADDRESSES
from monitoring.yaml_text import read_yaml
from roles.grafana.filter_plugins.mita_grafana import dashboards, provider, settings, source

CONTENT = str(REPO / "monitoring")


def asked(near: dict[str, Any], **given: Any) -> tuple[Mapping[str, Any], bool]:
    (file,) = source(near, **given)
    return read_yaml(file["content"])["datasources"][0], file["secret"]


def test_the_nearest_prometheus_is_asked_unless_the_site_says_another() -> None:
    near = {"url": "http://127.0.0.1:9090", "username": "u", "password": "a$b"}
    given = {"url": "https://other:9090", "access": {"ca": "PEM", "server_name": "other"}}
    one, secret = asked(near)
    other, open_ = asked(near, **given)

    assert (one["url"], one["basicAuthUser"], secret) == ("http://127.0.0.1:9090", "u", True)
    assert one["secureJsonData"] == {"basicAuthPassword": "a$$b"}
    assert (other["url"], other["jsonData"]["serverName"], open_) == ("https://other:9090", "other", False)
    assert "basicAuth" not in other


def test_a_grafana_without_a_prometheus_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="found neither"):
        source({})


def test_the_links_of_dashboards_lead_to_what_the_site_has() -> None:
    links = {"runbooks": "https://monitor:8000/runbooks/", "alertmanager": ""}
    text = next(each["content"] for each in dashboards(CONTENT, links) if "mita-main" in each["path"])
    variables = json.loads(text)["templating"]["list"]
    constants = {one["name"]: one["query"] for one in variables if one["type"] == "constant"}

    assert constants["runbooks"] == "https://monitor:8000/runbooks"
    assert constants["alertmanager"] == ADDRESSES["alertmanager"]


@pytest.mark.parametrize("links", [{"runbook": "https://a"}, {"daemon": "monitor:8000"}, ["https://a"]])
def test_a_link_that_is_none_is_refused(links: Any) -> None:
    with pytest.raises(
        AnsibleFilterError, match="expected addresses of runbooks, alertmanager, daemon, found"
    ):
        dashboards(CONTENT, links)


def test_settings_of_the_site_lie_over_ours() -> None:
    ours: dict[str, dict[str, Any]] = {
        "server": {"http_port": "3000", "cert_file": None},
        "users": {"allow_sign_up": False},
    }
    site = {"users": {"allow_sign_up": None}, "smtp": {"enabled": True, "host": "a;b#c"}}

    assert settings(ours, site) == (
        '[server]\nhttp_port = 3000\n\n[smtp]\nenabled = true\nhost = """a;b#c"""\n\n[users]\n'
    )


def test_dashboards_that_are_gone_are_forgotten() -> None:
    (one,) = read_yaml(provider("/etc/grafana/dashboards"))["providers"]

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
    variables = read_yaml((REPO / "inventories/lab/group_vars/monitoring.yml").read_text())
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
